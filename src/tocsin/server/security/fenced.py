"""A machine from which another one took over takes in nothing: what is sent to it would be seen by nobody."""

from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from tocsin.node.standby import Standby

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"/sign-in", "/sign-out", "/settings"})  # whoever looks at what is here


class FencedRefusal:
    """Answers 503 to everything that would change something, for as long as another machine is the node."""

    def __init__(self, app: ASGIApp, *, standby: "Standby") -> None:
        self.app, self.standby = app, standby

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        changes = scope["type"] == "http" and scope["method"] not in _READING and scope["path"] not in _OWN
        refused = changes and bool(self.standby.fenced())
        await (_refusal(scope["path"], self.standby.outside) if refused else self.app)(scope, receive, send)


def _refusal(path: str, why: str) -> Response:
    if not path.startswith("/api/"):
        return PlainTextResponse(why, status_code=503)
    document = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": why}
    return JSONResponse(document, 503, media_type="application/problem+json")
