"""The headers of every answer: nothing from elsewhere is loaded, no script or style stands within a page."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.node.trace import trace_id

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_ALWAYS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), "
        "payment=(), serial=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Origin-Agent-Cluster": "?1",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_BROKEN = "Something went wrong here. It is noted; try again later."
_NUMBER = " Give this number to who runs this server: %s"
_TWO_YEARS = "max-age=63072000; includeSubDomains"


def with_headers(app: ASGIApp) -> ASGIApp:
    """The application, with the headers on each of its answers; a route that says otherwise keeps its own word.

    An error that nobody foresaw goes on to the log of the server; whoever asked learns nothing of it.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def pass_on(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _add(MutableHeaders(scope=message), https=scope.get("scheme") == "https")
            await send(message)

        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        try:
            await app(scope, receive, pass_on)
        except Exception:
            if not begun:
                words = _BROKEN + (_NUMBER % trace if (trace := trace_id()) else "")
                await PlainTextResponse(words, status_code=500)(scope, receive, pass_on)
            raise

    return serve


def _add(headers: MutableHeaders, *, https: bool) -> None:
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    if https:
        headers["Strict-Transport-Security"] = _TWO_YEARS
