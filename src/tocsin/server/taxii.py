"""TAXII 2.1 for partners' programs: each signs in with its token, and finds what this node lets that partner read.

What is not for it is not there. Nothing changes by a request but what waits for a person. Standard: OASIS TAXII 2.1.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tocsin.delivery import sends_nothing
from tocsin.exchange.protocols import (
    MOST_BYTES,
    AccessProtocol,
    ProgramCaller,
    TaxiiFilter,
    TaxiiPage,
    TokenScope,
    has_events,
    has_object,
    post,
    program_caller,
    read_events,
    read_filter,
    read_objects,
    status_of,
    take_partner_bytes,
)
from tocsin.node.errors import InputError, LaterError, TocsinError, UsageError
from tocsin.node.records import node_uuid
from tocsin.operations.machines import ServersAtWork
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.request_limit import NETWORK, PERSON, RequestLimit
from tocsin.server.security import address_of

MEDIA: Final = "application/taxii+json;version=2.1"
_STIX: Final = "application/stix+json;version=2.1"
_ACCEPTED: Final = frozenset({"application/taxii+json;version=2.1", "application/taxii+json", "application/*", "*/*"})


class _RefusedError(Exception):
    """An answer that is an error; ``title`` says why."""

    def __init__(self, status: int, title: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(title)
        self.status, self.title, self.headers = status, title, headers


class TaxiiServer:
    """The application below ``/taxii2/``."""

    def __init__(self, node: NodeWithStores, clock: Callable[[], datetime], at_work: ServersAtWork) -> None:
        self.node, self.clock = node, clock
        self._limit = RequestLimit(node.settings.api, at_work)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except _RefusedError as error:
            response = _error(error.status, error.title)
            response.headers.update(error.headers)
        except LaterError as error:
            response = _error(error.status, str(error))
            response.headers["Retry-After"] = str(error.seconds)
        except UsageError as error:
            response = _error(400, str(error))
        except InputError as error:
            response = _error(422, str(error))
        except TocsinError:
            response = _error(503, "This node cannot answer now.")
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        caller = await self._caller(request)
        self._count(PERSON, f"token {caller.token}")
        path = request.url.path.removeprefix(request.scope.get("root_path", "")).strip("/").split("/")
        if not _accepts(request.headers.get("accept", "*/*")):
            raise _RefusedError(406, f"This server speaks {MEDIA}.")
        if request.method == "POST":
            self._count(NETWORK, f"token {caller.token}")
            content = await _body(request)
            return await to_thread.run_sync(lambda: self._post(caller, path, content))
        if request.method == "DELETE":
            raise _RefusedError(403, "Nobody deletes here from afar.")
        if request.method not in {"GET", "HEAD"}:
            raise _RefusedError(405, "This cannot be done here.")
        return await to_thread.run_sync(lambda: self._get(caller, path, request))

    async def _caller(self, request: Request) -> ProgramCaller:
        sent = request.headers.get("authorization", "")
        caller = await to_thread.run_sync(
            lambda: program_caller(self.node.database, AccessProtocol.TAXII, sent, self.clock())
        )
        if caller is None:
            self._check(*self._limit.count_stranger(address_of(request)))
            raise _RefusedError(401, "Sign in with the token that you were given.")
        return caller

    def _count(self, kind: str, whose: str) -> None:
        """Nobody reads, guesses tokens, or fills the list of what waits for a person, faster than so."""
        self._check(*self._limit.count(kind, whose))

    @staticmethod
    def _check(allowed: bool, headers: Mapping[str, str]) -> None:
        if not allowed:
            raise _RefusedError(429, "Too many requests.", headers)

    def _get(self, caller: ProgramCaller, path: list[str], request: Request) -> Response:
        match path:
            case [""]:
                return _json(self._discovery(request))
            case ["root"]:
                return _json({"title": self._name, "versions": [MEDIA], "max_content_length": MOST_BYTES})
            case ["root", "status", name]:
                return self._status(caller, name)
            case ["root", "collections"]:
                return _json({"collections": self._collections(caller)})
            case ["root", "collections", name]:
                return _json(self._collection(caller, name))
            case ["root", "collections", name, "manifest" | "objects" as what, *rest]:
                collection = self._collection(caller, name)
                if not collection["can_read"]:
                    raise _RefusedError(403, "Your token lets you read nothing of this collection.")
                return self._objects(caller, collection, [what, *rest], request)
        raise _missing()

    def _objects(
        self, caller: ProgramCaller, collection: dict[str, Any], path: list[str], request: Request
    ) -> Response:  # fmt: skip
        """Objects, their manifest, one object, or its versions."""
        self._check_sending()
        what, *rest = path
        of_events = collection["id"] == self._id(caller, "events")
        asked, now = read_filter(request.query_params.multi_items()), self.clock()
        if what == "manifest" and rest:
            raise _missing()
        if rest:
            asked = _of_object(asked, rest)
        content = what == "objects" and len(rest) < 2
        if of_events:
            page = read_events(self.node, self.node.events, caller.partner, asked, now, content=content)
        else:
            page = read_objects(self.node, caller.partner, asked, now, content=content)
        body = _envelope(page) if content else _manifest(page) if what == "manifest" else _versions(page)
        if rest and not page.rows:
            with self.node.database.reading() as session:
                if of_events or not has_object(session, caller.partner, rest[0]):
                    raise _missing()
        return Response(body, media_type=MEDIA, headers=_dates(page))

    def _post(self, caller: ProgramCaller, path: list[str], content: bytes) -> Response:
        match path:
            case ["root", "collections", name, "objects"]:
                if not self._collection(caller, name)["can_write"]:
                    raise _RefusedError(403, "Your token lets you post nothing to this collection.")
                take_partner_bytes(self.node, caller, len(content), self.clock())
                return _json(post(self.node, caller, content, self.clock()), status=202)
        raise _missing()

    def _check_sending(self) -> None:
        """What holds for mails holds here, too."""
        with self.node.database.reading() as session:
            stopped = sends_nothing(session, self.node.settings.tell.mode)
        if stopped:
            raise _RefusedError(503, "This node sends nothing now.")

    @property
    def _name(self) -> str:
        return self.node.settings.node.name

    def _discovery(self, request: Request) -> dict[str, Any]:
        """Where the API root is: in full for who asked by the name in the settings, else from here."""
        url = self.node.settings.server.url
        known = bool(url) and urlsplit(url).hostname == request.url.hostname
        root = f"{url if known else ''}/taxii2/root/"
        return {"title": self._name, "default": root, "api_roots": [root]}

    def _collections(self, caller: ProgramCaller) -> list[dict[str, Any]]:
        """Its collections: what it reads of incidents, what takes what it posts, and what it reads of events."""
        reads, posts = TokenScope.READ in caller.scopes, TokenScope.POST in caller.scopes
        shared = {"title": f"{self._name} for {caller.name}", "can_read": reads, "can_write": False}
        inbox = {"title": f"{caller.name} to {self._name}", "can_read": False, "can_write": posts}
        inbox["description"] = "What is posted here waits for a person."
        found = {"shared": shared, "inbox": inbox}
        with self.node.database.reading() as session:
            if has_events(session, caller.partner):
                events = {"title": f"{self._name} for {caller.name}: events", "can_read": reads, "can_write": False}
                found["events"] = events | {"description": "Events of your team in the last 30 days."}
        return [{"id": self._id(caller, name), **of, "media_types": [_STIX]} for name, of in found.items()]

    def _id(self, caller: ProgramCaller, name: str) -> str:
        """The id of a collection of a partner."""
        return str(uuid5(node_uuid(self.node.database), f"taxii:{caller.partner}:{name}"))

    def _collection(self, caller: ProgramCaller, name: str) -> dict[str, Any]:
        found = next((one for one in self._collections(caller) if one["id"] == name), None)
        if found is None:
            raise _missing()
        return found

    def _status(self, caller: ProgramCaller, name: str) -> Response:
        try:
            number = UUID(name)
        except ValueError:
            raise _missing() from None
        with self.node.database.reading() as session:
            found = status_of(session, caller.partner, number)
        if found is None:
            raise _missing()
        return _json(found)


def _of_object(asked: TaxiiFilter, rest: list[str]) -> TaxiiFilter:
    """One object by its id; its versions are all that there are."""
    if len(rest) > 2 or rest[1:] not in ([], ["versions"]):
        raise _missing()
    return replace(asked, ids=(rest[0],), types=(), versions=("all",) if rest[1:] else asked.versions)


def _accepts(header: str) -> bool:
    """Whether an answer of this server is taken (TAXII 2.1, 1.6.8; RFC 9110, 12.5.1)."""
    for one in header.split(","):
        media, *parameters = (part.strip().lower() for part in one.split(";"))
        named = ";".join([media, *(part for part in parameters if part.startswith("version"))])
        if named.replace(" ", "") in _ACCEPTED:
            return True
    return False


async def _body(request: Request) -> bytes:
    """The bytes of a request, no more than a post may have."""
    media = request.headers.get("content-type", "").replace(" ", "").lower()
    if media not in {MEDIA, "application/taxii+json"}:
        raise _RefusedError(415, f"This server takes {MEDIA}.")
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and int(said) > MOST_BYTES:
        raise _RefusedError(413, f"It has more than {MOST_BYTES:,} bytes.")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BYTES:
            raise _RefusedError(413, f"It has more than {MOST_BYTES:,} bytes.")
    return bytes(content)


def _envelope(page: TaxiiPage) -> bytes:
    """Objects as they are kept, without reading them anew."""
    objects = f'"objects":[{",".join(one.content for one in page.rows)}]' if page.rows else ""
    return _page(page, objects)


def _manifest(page: TaxiiPage) -> bytes:
    rows = [
        {"id": one.object, "date_added": _at(one.added_at), "version": one.version, "media_type": _STIX}
        for one in page.rows
    ]
    return _page(page, f'"objects":{json.dumps(rows)}' if rows else "")


def _versions(page: TaxiiPage) -> bytes:
    rows = [one.version for one in page.rows]
    return _page(page, f'"versions":{json.dumps(rows)}' if rows else "")


def _page(page: TaxiiPage, rows: str) -> bytes:
    more = f'"more":true,"next":{json.dumps(page.following)}' if page.following else '"more":false'
    return ("{" + ",".join(filter(None, [more, rows])) + "}").encode() if rows else b"{}"


def _dates(page: TaxiiPage) -> dict[str, str]:
    """When the first and the last were added (TAXII 2.1, 5.4); in microseconds, in which no two are equal."""
    if not page.rows:
        return {}
    first, last = page.rows[0].added_at, page.rows[-1].added_at
    return {"X-TAXII-Date-Added-First": _at(first), "X-TAXII-Date-Added-Last": _at(last)}


def _at(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, media_type=MEDIA)


def _missing() -> _RefusedError:
    return _RefusedError(404, "There is nothing here for you.")


def _error(status: int, title: str) -> Response:
    """An error as TAXII 2.1 has it (3.6)."""
    response = _json({"title": title, "http_status": str(status)}, status)
    if status in {429, 503}:
        response.headers["Retry-After"] = "60"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="TAXII", charset="UTF-8"'
    return response
