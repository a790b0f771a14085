"""The API of MISP for partners' programs: a MISP that pulls or pushes, and PyMISP. Each signs in with its token.

What a program sends is read within limits, passes the filter of what must never be held, and no address in it is
fetched. Errors are those of MISP: ``name``, ``message``, ``url``.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tocsin.exchange.formats import MOST_BYTES
from tocsin.exchange.protocols import (
    AccessProtocol,
    MispAnswer,
    MispCall,
    ProgramCaller,
    answer_call,
    check_offer,
    failure,
    program_caller,
    take_partner_bytes,
)
from tocsin.node.errors import InputError, LaterError, TocsinError
from tocsin.operations.machines import ServersAtWork
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.request_limit import PERSON, RequestLimit
from tocsin.server.security import address_of

_NO_KEY: Final = "Authentication failed. Please make sure you pass the API key along in the Authorization header."
_JSON: Final = "application/json"


class MispApi:
    """The application below ``/misp/``."""

    def __init__(self, node: NodeWithStores, clock: Callable[[], datetime], at_work: ServersAtWork) -> None:
        self.node, self.clock = node, clock
        self._limit = RequestLimit(node.settings.api, at_work)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        sent = request.headers.get("authorization") or request.headers.get("x-misp-auth", "")
        caller = await to_thread.run_sync(
            lambda: program_caller(self.node.database, AccessProtocol.MISP, sent, self.clock())
        )
        call = self._call(request, caller or ProgramCaller(0, 0, "", frozenset()))
        if caller is None:
            allowed, headers = self._limit.count_stranger(address_of(request))
        else:
            allowed, headers = self._limit.count(PERSON, str(caller.token))
        if not allowed:
            refused = _response(failure(call, 429, "Too many requests."))
            refused.headers.update(headers)
            return refused
        if caller is None:
            return _response(failure(call, 403, _NO_KEY))
        body = await _body(request)
        if body is None:
            return _response(failure(call, 413, f"A request has at most {MOST_BYTES:,} bytes here."))
        call = self._call(request, caller, body)
        return _response(await to_thread.run_sync(lambda: self._answered(call)))

    def _call(self, request: Request, caller: ProgramCaller, body: bytes = b"") -> MispCall:
        raw = request.scope.get("raw_path") or request.url.path.encode()
        root = request.scope.get("root_path", "")
        path = raw.decode("latin-1").partition("?")[0].removeprefix(root)
        base = f"{self.node.settings.server.url or ''}{root}"
        return MispCall(self.node, caller, self.clock(), request.method, path, base, body)

    def _answered(self, call: MispCall) -> MispAnswer:
        try:
            if call.body:
                take_partner_bytes(self.node, call.caller, len(call.body), call.now)
                check_offer(self.node, AccessProtocol.MISP, call.body, call.now)
            answer = answer_call(call)
            # Read here, in one thread: a session is not for several.
            return answer if answer.pieces is None else replace(answer, pieces=[*_joined(answer.pieces)])
        except LaterError as error:
            return failure(call, error.status, str(error), headers={"Retry-After": str(error.seconds)}, saved=False)
        except InputError as error:
            return failure(call, 403, str(error), saved=False)
        except TocsinError:
            return failure(call, 503, "This node cannot answer now.")


async def _body(request: Request) -> bytes | None:
    """The bytes of a request; None: they are more than any honest request has."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BYTES:
            return None
    return bytes(content)


def _response(answer: MispAnswer) -> Response:
    if answer.pieces is None:
        body = json.dumps(answer.content, ensure_ascii=False).encode("utf-8", "replace")
        return Response(body, answer.status, answer.headers, _JSON)
    return StreamingResponse(iter(answer.pieces), answer.status, answer.headers, _JSON)


def _joined(pieces: Iterable[str]) -> Iterator[bytes]:
    """Pieces of some size, so that each does not cost a turn of the server."""
    waiting, size = list[str](), 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size > 256_000:
            yield "".join(waiting).encode("utf-8", "replace")
            waiting, size = [], 0
    yield "".join(waiting).encode("utf-8", "replace")
