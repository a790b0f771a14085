"""Who asks: the session of the request's cookie, or the API token it carries, read once for each request."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from anyio import to_thread
from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.node.accounts import NOBODY, Principal, read_session, read_token
from tocsin.node.errors import TocsinError
from tocsin.node.records import Database

COOKIE: Final = "tocsin_session"
"""The cookie of a session."""


def cookie_for(request: Request, name: str = COOKIE) -> str:
    """The name of a cookie on this connection: over HTTPS bound to this host (RFC 6265bis, 4.1.3)."""
    return f"__Host-{name}" if request.url.scheme == "https" else name


def keep_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int) -> None:
    """Let the browser keep something that no script reads, for so long."""
    secure = request.url.scheme == "https"
    name = cookie_for(request, name)
    response.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax")


def drop_cookie(request: Request, response: Response, name: str = COOKIE) -> None:
    """Let the browser forget it."""
    secure = request.url.scheme == "https"
    response.delete_cookie(cookie_for(request, name), secure=secure, httponly=True, samesite="lax")


def address_of(request: Request) -> str:
    """The address of who asks, as this server sees it or as a trusted proxy says; empty: none is known."""
    return request.client.host if request.client else ""


class Authentication:
    """Reads who asks into ``request.state.visitor``, for all doors alike."""

    def __init__(self, app: ASGIApp, *, database: Database, clock: Callable[[], datetime]) -> None:
        self.app, self.database, self.clock = app, database, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            request = Request(scope)
            try:
                request.state.visitor = await self._read(request)
            except TocsinError as error:  # it is raised behind the doors, where there is a page for it
                request.state.visitor = error
        await self.app(scope, receive, send)

    async def _read(self, request: Request) -> Principal:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":  # RFC 6750, 2.1; whoever sends a token means it, and not a cookie beside it
            return await to_thread.run_sync(lambda: read_token(self.database, token.strip(), now=self.clock()))
        secret = request.cookies.get(cookie_for(request), "")
        if not secret or request.url.path.startswith("/static/"):
            return NOBODY
        return await to_thread.run_sync(lambda: read_session(self.database, secret, now=self.clock()))
