"""The web application of a node, and how it is served."""

from collections.abc import Callable
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from tocsin import __version__
from tocsin.app import Node
from tocsin.errors import TocsinError
from tocsin.overview import overview
from tocsin.web.answer_pages import answer_pages
from tocsin.web.texts import words_for
from tocsin.web.verify_pages import verify_pages

_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def _now() -> datetime:
    return datetime.now(UTC)


def make_application(node: Node, *, public: bool = False, clock: Callable[[], datetime] = _now) -> FastAPI:
    """The pages of one node; with ``public`` only those that are meant for people outside."""
    application = FastAPI(title="Tocsin", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    application.add_middleware(BaseHTTPMiddleware, dispatch=_with_headers)
    application.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    templates = Jinja2Templates(directory=_HERE / "templates")
    templates.env.filters["number"] = "{:,}".format
    templates.env.trim_blocks = templates.env.lstrip_blocks = True

    @application.exception_handler(TocsinError)
    def failed(request: Request, error: TocsinError) -> Response:
        """A page that says nothing of the inside; the reason is for those who run the node."""
        getLogger("uvicorn.error").error("%s", error)
        words = words_for("en")
        context = {"node": node.settings.node, "words": words, "say": words.say, "what": "failed"}
        return templates.TemplateResponse(request, "answer_nothing.html", context, status_code=503)

    application.include_router(answer_pages(node, templates, clock))
    application.include_router(verify_pages(node, templates, clock))
    if not public:
        _add_inside(application, node, templates)
    return application


def _add_inside(application: FastAPI, node: Node, templates: Jinja2Templates) -> None:
    """The pages for the people who run the node."""

    @application.get("/", response_class=HTMLResponse)
    def first_page(request: Request) -> Response:
        """What happened, at a glance."""
        context = {"seen": overview(node), "node": node.settings.node, "mails": node.mails}
        return templates.TemplateResponse(request, "overview.html", context)

    @application.get("/health")
    def health() -> dict[str, str]:
        """Whether the node answers and can read its records."""
        overview(node)
        return {"state": "ok"}


def serve(node: Node, *, port: int, public: bool = False) -> None:
    """Serve the pages until the process ends."""
    import uvicorn

    host = node.settings.server.host
    uvicorn.run(make_application(node, public=public), host=host, port=port, log_level="warning", server_header=False)


async def _with_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response
