"""Before any route: who nobody knows learns nothing, and nobody asks too often."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.interface import visitor_of
from tocsin.node.errors import TocsinError
from tocsin.server.api.context import ApiContext
from tocsin.server.api.failures import failure_of, problem, unknown
from tocsin.server.request_limit import PERSON, RequestLimit
from tocsin.server.security import address_of

OPEN: Final = ("/health", "/me", "/openapi.json", "/docs")
"""The paths that need no account; of every other nobody learns even whether it exists."""

_MOST_HEADERS: Final = 32_768  # bytes


class Gatekeeper:
    """Counts requests by person or by network, and says so in each answer."""

    def __init__(self, app: ASGIApp, *, counter: ApiContext) -> None:
        self._app, self._limit = app, RequestLimit(counter.node.settings.api, counter.at_work)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            visitor = visitor_of(request)
        except TocsinError as error:
            await failure_of(error)(scope, receive, send)
            return
        if visitor.person is None:
            allowed, headers = self._limit.count_stranger(address_of(request))
        else:
            allowed, headers = self._limit.count(PERSON, str(visitor.person))

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _MOST_HEADERS:
            await problem(431, "The headers are too large.")(scope, receive, say)
        elif not allowed:
            await problem(429, hint="Wait as long as Retry-After says.")(scope, receive, say)
        elif visitor.person is None and (path not in OPEN or "authorization" in request.headers):
            await unknown()(scope, receive, say)
        else:
            await self._app(scope, receive, say)
