"""The web application of a node: its doors, what all their answers have in common, and how it is served."""

import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from logging import getLogger
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tocsin import __version__
from tocsin.events import EventFilter
from tocsin.interface import NotHereError, SecondFactorError, SignInError, WrongFormError, capabilities
from tocsin.networks import current_folder
from tocsin.node.errors import (
    InputError,
    LaterError,
    NotFoundError,
    SettingError,
    StorageError,
    TocsinError,
    UsageError,
    known_failure,
)
from tocsin.node.heap import share_heap
from tocsin.node.log import open_log
from tocsin.node.records import sealing
from tocsin.node.tokens import open_tokens
from tocsin.node.trace import refuse
from tocsin.operations.machines import beating
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads import UploadIntake
from tocsin.server.api import ApiContext, api_door
from tocsin.server.misp import MispApi
from tocsin.server.pages import (
    PageContext,
    account_pages,
    admin_pages,
    agreement_pages,
    answer_pages,
    assets_pages,
    audit_pages,
    clocks_pages,
    credentials_pages,
    deliveries_pages,
    duty_link_pages,
    duty_pages,
    events_pages,
    exchange_pages,
    feedback_pages,
    figures_pages,
    home_pages,
    inbox_pages,
    incidents_pages,
    link_pages,
    lookup_pages,
    make_context,
    never_held_pages,
    notices_pages,
    own_path,
    page_above,
    partner_access_pages,
    partner_pages,
    portal_pages,
    problems_pages,
    public_pages,
    purge_pages,
    receipt_link_pages,
    reports_pages,
    rules_pages,
    search_pages,
    sign_in_page,
    sign_in_pages,
    teams_pages,
    thread_pages,
    today_pages,
    together,
    undo_pages,
    verify_pages,
)
from tocsin.server.security import (
    Authentication,
    BodyTimeout,
    FencedRefusal,
    ReadAudit,
    StrangerTurns,
    TimedProtocol,
    with_headers,
)
from tocsin.server.taxii import TaxiiServer
from tocsin.server.work_process import WorkProcess
from tocsin.sharing.lookup import ResponsibilityLookup

_STATIC = Path(__file__).parent / "pages" / "static"
_LAST_REQUESTS = 30  # seconds for what is being answered when the server is told to end
_TURN = 0.0005  # seconds of Python for a thread while others wait: after each of 20 queries, a page waits for its turn
_YEAR = "public, max-age=31536000, immutable"

# Each gives a router of pages for people; the first that knows a path has it.
_PUBLIC = (home_pages, answer_pages, receipt_link_pages, verify_pages, feedback_pages, duty_link_pages, public_pages)
_INSIDE = (
    sign_in_pages,
    account_pages,
    credentials_pages,
    assets_pages,
    audit_pages,
    today_pages,
    problems_pages,
    events_pages,
    figures_pages,
    inbox_pages,
    incidents_pages,
    clocks_pages,
    notices_pages,
    thread_pages,
    duty_pages,
    never_held_pages,
    reports_pages,
    portal_pages,
    search_pages,
    lookup_pages,
    teams_pages,
    deliveries_pages,
    partner_pages,
    partner_access_pages,
    link_pages,
    agreement_pages,
    exchange_pages,
    admin_pages,
    purge_pages,
    undo_pages,
    *(one.make_pages for one in capabilities()),
    rules_pages,
)


def _now() -> datetime:
    return datetime.now(UTC)


def make_application(
    node: NodeWithStores,
    *,
    public: bool = False,
    work: bool = False,
    clock: Callable[[], datetime] = _now,
    port: int = 0,
) -> FastAPI:
    """The pages of one node; with ``public`` only those that are meant for people outside.

    ``work``: a process beside them also does what is due, as `tocsin.operations.worker` says, by the real time.
    ``port``: where they are, for commands that say a link to them.
    """
    tokens = open_tokens(node.home)
    desk = make_context(node, clock, tokens)
    machine = f"{socket.gethostname()}:{port}"
    taker = WorkProcess(node.home, machine) if work else UploadIntake(node, clock)
    counter = ApiContext(node, clock, tokens, taker, desk.guide, desk.say, f"{uuid4().hex}.{port}")
    pages = together(*_PUBLIC, *(() if public else _INSIDE))(desk)

    @asynccontextmanager
    async def working(application: FastAPI) -> AsyncIterator[None]:
        """What works behind the doors for as long as they are open."""
        with ExitStack() as works:
            works.enter_context(node.database.kept_open())
            works.callback(desk.guide.settle)
            works.enter_context(
                beating(node, machine, counter.worker, partial(_tables, node, desk.guide, public), counter.at_work)
            )
            if not public:
                for one in (counter.open(), taker.working(), sealing(node.database, node.home, clock)):
                    works.enter_context(one)
            async with pages.lifespan_context(application):
                yield

    application = FastAPI(
        title="Tocsin",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=working,
        redirect_slashes=False,  # the redirect names whatever host was asked for
    )
    application.state.tokens = tokens
    application.state.signing_in = not public
    application.router.routes.extend(pages.routes)
    application.router.routes.append(api_door("/api/v1", counter, public=public))
    application.mount("/taxii2", TaxiiServer(node, clock, counter.at_work), name="taxii")
    application.mount("/misp", MispApi(node, clock, counter.at_work), name="misp")
    application.mount("/static", _CachedFiles(directory=_STATIC), name="static")
    _add_failures(application, desk)
    # The last one added is the outermost.
    application.add_middleware(ReadAudit, database=node.database, clock=clock)
    application.add_middleware(StrangerTurns, settings=node.settings.intake, database=node.database, clock=clock)
    application.add_middleware(Authentication, database=node.database, clock=clock)
    application.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4)
    application.add_middleware(BodyTimeout)
    if (standby := node.standby) is not None:
        application.add_middleware(FencedRefusal, standby=standby)
    application.add_middleware(with_headers)
    application.add_middleware(counter.durations.timing)
    # What a proxy says of who asks, and how, is believed of the trusted ones only.
    application.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[*node.settings.server.trusted_proxies])
    return application


def _tables(node: NodeWithStores, guide: ResponsibilityLookup, public: bool) -> dict[str, Any]:
    """What this process works with that was compiled from something else, for whoever compares machines."""
    version, at = guide.opened or ("", None)
    return {
        "rules": version,
        "rules_at": at.isoformat() if at else "",
        "networks": current_folder(node.home).name,
        "public": public,
    }


class _CachedFiles(StaticFiles):
    """Files that browsers keep: their addresses change with them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        if response.status_code == 200 and scope["query_string"]:
            response.headers["Cache-Control"] = _YEAR
        return response


def _add_failures(application: FastAPI, desk: PageContext) -> None:
    """The pages for what cannot be done."""

    @application.exception_handler(SignInError)
    def sign_in(request: Request, error: SignInError) -> Response:
        """Whoever is not signed in is led to where one does, and back; what was typed in a form is shown."""
        return _ask_to_sign_in(desk, request, error)

    @application.exception_handler(SecondFactorError)
    def second_factor(_request: Request, _error: SecondFactorError) -> Response:
        """Who needs a second factor is led to where it is set up."""
        return desk.go("/account/second-factor")

    @application.exception_handler(NotHereError)
    @application.exception_handler(NotFoundError)
    def not_here(request: Request, error: Exception) -> Response:
        """One page for what is not there and for what is not for this visitor."""
        refuse(error)
        return desk.page(request, "failed.html", status=404, what="missing", error=None)

    @application.exception_handler(WrongFormError)
    def wrong_form(request: Request, error: WrongFormError) -> Response:
        """The form is not one of this visit."""
        refuse(error)
        return desk.page(request, "failed.html", status=403, what="form", error=None)

    @application.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        """What the framework refuses."""
        what = "missing" if error.status_code == 404 else "refused"
        response = desk.page(request, "failed.html", status=error.status_code, what=what, error=None)
        response.headers.update(error.headers or {})
        return response

    @application.exception_handler(RequestValidationError)
    def unlike(request: Request, error: RequestValidationError) -> Response:
        """An address that no thing can have, or a form that no page sends."""
        refuse(error)
        if any(one["loc"][0] == "path" for one in error.errors()):
            return desk.page(request, "failed.html", status=404, what="missing", error=None)
        return desk.page(request, "failed.html", status=422, what="refused", error=None)

    @application.exception_handler(TocsinError)
    @application.exception_handler(OSError)
    def failed(request: Request, raised: TocsinError | OSError) -> Response:
        """What the visitor can mend is said; what is wrong inside is for those who run the node."""
        refuse(error := known_failure(raised))
        if isinstance(error, UsageError | InputError | LaterError):
            status, headers = _told_why(error)
            response = desk.page(request, "failed.html", status=status, what="input", error=error)
            response.headers.update(headers)
            return response
        # Of an error of the system the place says more than its words.
        getLogger("uvicorn.error").error("%s", error.line, exc_info=None if error is raised else raised)
        what = "storage" if isinstance(error, StorageError) else "failed"
        return desk.page(request, "failed.html", status=503, what=what, error=None)


def _told_why(error: TocsinError) -> tuple[int, dict[str, str]]:
    """The status of what the visitor can mend, or can send later, and when."""
    return (error.status, {"Retry-After": str(error.seconds)}) if isinstance(error, LaterError) else (422, {})


def _ask_to_sign_in(desk: PageContext, request: Request, error: SignInError) -> Response:
    """It goes on at the page that was asked for, or at that of the form that was sent."""
    wanted = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    if request.method == "POST":
        wanted = own_path(error.page or page_above(request))
    if error.unsent:
        return sign_in_page(desk, request, wanted=wanted, unsent=error.unsent)
    return desk.go(f"/sign-in?next={quote(wanted, safe='')}")


def serve(node: NodeWithStores, *, port: int, public: bool = False, ready: Callable[[], None] = lambda: None) -> None:
    """Serve the pages, and do what is due where the settings say so, until the process ends.

    ``ready``: called once nothing keeps the pages from being served.

    Raises:
        SettingError: the address or the port cannot be listened on.

    """
    import uvicorn

    share_heap()
    sys.setswitchinterval(_TURN)
    server = node.settings.server
    open_log(node.settings.log)
    listening = _listen(server.host, port)
    config = uvicorn.Config(
        make_application(node, public=public, work=server.work and not public, port=port),
        http=TimedProtocol,
        log_config=None,  # lines go where ours go, and each request has one of ours
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_REQUESTS,
    )
    # What is there by now stays. Each full collection would look through all of it, a tenth of a second without pages.
    gc.collect()
    gc.freeze()
    reading = Thread(target=_open_digests, args=(node,), name="digests", daemon=True)
    if not public:
        reading.start()
    ready()
    with listening, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    if reading.ident is not None:  # a thread that is in a library while Python ends would crash it
        reading.join(_LAST_REQUESTS)


def _open_digests(node: NodeWithStores) -> None:
    """Count all events and read the problems once, so that the first who looks at some does not wait for that."""
    with suppress(TocsinError):  # whoever looks is told
        node.events.figures(EventFilter(), now=_now())
        node.problems.kinds(_now())


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; a port that is taken is said before anything else is done."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise SettingError(
            f"Nothing can be served on port {port} of {host}: {reason}.",
            hint="Take another with --port or [server] port; [server] host is an address of this machine.",
        ) from error
    # Connections inherit it. Without, the second answer of a connection waits 40 ms for the browser's delayed ACK
    # (RFC 1122, 4.2.3.2 and 4.2.3.4): asyncio sets it only where it made the socket.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
