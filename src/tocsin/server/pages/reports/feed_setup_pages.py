"""The catalogue of feeds and the page of one: what is known of it, how it comes here, and what can be done to it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.events import FeedState, feed_states
from tocsin.interface import NotHereError, PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, TocsinError, UsageError
from tocsin.pipeline import feed_setup
from tocsin.pipeline.collectors import node_collectors, standings
from tocsin.pipeline.feed_files import MAPPED, FeedFiles, all_feed_files, described, feed_files, has_earlier, lists_of
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext, join_routers
from tocsin.server.pages.days import TextFilter
from tocsin.server.security import Form, text_of

_SAVE, _RESTORE, _ADD, _PAUSE, _RESUME, _REMOVE = feed_setup.ACTS
_TYPED: Final = ("url", "user", "header", "mail_server")
_LISTS: Final = ("collections", "networks")
_OF_SERVER: Final = ("kind", "feed", "url", "user", *_LISTS)

_Reader = Annotated[Principal, needs(Permission.REPORTS_READ)]
_Writer = Annotated[Principal, needs(Permission.REPORTS_WRITE)]
_Manager = Annotated[Principal, needs(Permission.ADMIN_WRITE)]


class CatalogueFilter(TextFilter):
    """What a person asked for: words, how one gets it, and what for."""

    access: str = ""
    use: str = ""


def feed_setup_pages(desk: PageContext) -> APIRouter:
    """The catalogue, the page of a feed, and its forms."""
    return join_routers(_views(desk), _setup(desk), _forms(desk))


def _views(desk: PageContext) -> APIRouter:
    router = PageRouter()

    @router.get("/reports/feeds/catalogue")
    def catalogue(request: Request, _visitor: _Reader, filters: Annotated[CatalogueFilter, Query()]) -> Response:
        """The feeds that have a mapping file, of the catalogue and of this node."""
        return _show_catalogue(desk, request, filters)

    @router.get("/reports/feeds/{source}/{code}")
    def feed_page(request: Request, _visitor: _Reader, source: str, code: str) -> Response:
        """The page of a feed."""
        return _show(desk, request, source, code)

    return router


def _setup(desk: PageContext) -> APIRouter:
    """What sets up the node: its collectors and keys."""
    router = PageRouter()

    @router.post("/reports/feeds/mapped/{feed}/add")
    def add(request: Request, visitor: _Manager, feed: str, form: Form) -> Response:
        """Add it, with its collector."""
        typed = {name: text_of(form, name).strip() for name in _TYPED}
        try:
            perform(desk, visitor, _ADD, form, feed=feed, secret=text_of(form, "secret").strip(), **typed)
        except (ConflictError, UsageError) as error:
            wrongs = _wrongs(desk, request, error)
            return _show(desk, request, MAPPED, feed, status=422, typed=typed, wrongs=wrongs)
        return desk.go(f"/reports/feeds/mapped/{feed}")

    @router.post("/reports/feeds/servers")
    def add_server(request: Request, visitor: _Manager, form: Form) -> Response:
        """Add a TAXII server or a MISP, which no mapping file describes."""
        typed = {name: text_of(form, name).strip() for name in _OF_SERVER}
        lists = {name: [one.strip() for one in typed[name].splitlines() if one.strip()] for name in _LISTS}
        try:
            perform(desk, visitor, _ADD, form, **typed | lists, secret=text_of(form, "secret").strip())
        except (ConflictError, UsageError) as error:
            wrongs = _wrongs(desk, request, error)
            return _show_catalogue(desk, request, CatalogueFilter(), status=422, typed=typed, wrongs=wrongs)
        return desk.go(f"/reports/feeds/mapped/{typed['feed']}")

    @router.post("/reports/feeds/mapped/{feed}/look")
    def look(request: Request, _visitor: _Manager, feed: str) -> Response:
        """What its collector would take now; nothing is fetched for good."""
        return _show(desk, request, MAPPED, feed, looked=feed_setup.look_ahead(desk.node, feed, desk.now))

    @router.post("/reports/feeds/mapped/{feed}/remove")
    def remove(visitor: _Manager, feed: str, form: Form) -> Response:
        """Remove it from this node."""
        perform(desk, visitor, _REMOVE, form, feed=feed)
        return desk.go("/reports/feeds")

    return router


def _forms(desk: PageContext) -> APIRouter:
    router = PageRouter()

    @router.post("/reports/feeds/mapped/{feed}/pause")
    def pause(visitor: _Writer, feed: str, form: Form) -> Response:
        """Let it rest."""
        return _done(desk, visitor, _PAUSE, form, feed)

    @router.post("/reports/feeds/mapped/{feed}/resume")
    def resume(visitor: _Writer, feed: str, form: Form) -> Response:
        """Fetch it again."""
        return _done(desk, visitor, _RESUME, form, feed)

    @router.post("/reports/feeds/mapped/{feed}/restore")
    def restore(visitor: _Writer, feed: str, form: Form) -> Response:
        """Bring back its mapping file as it was before."""
        return _done(desk, visitor, _RESTORE, form, feed)

    return router


def _done(desk: PageContext, visitor: Principal, act: Any, form: Any, feed: str) -> Response:
    perform(desk, visitor, act, form, feed=feed)
    return desk.go(f"/reports/feeds/mapped/{feed}")


def _fits(filters: CatalogueFilter, one: FeedFiles) -> bool:
    use = "teams" if one.known.feed.notify else "context"
    wanted = filters.access in {"", one.known.access} and filters.use in {"", use}
    return wanted and filters.fits(one.code, one.known.feed.name, one.known.feed.provider)


def _wrongs(desk: PageContext, request: Request, error: TocsinError) -> list[tuple[str, str]]:
    """What is wrong with what was typed: the field, and why."""
    words = desk.words(request)
    if isinstance(error, RequestError):
        return [(name, words.say(said)) for name, said in error.wrongs]
    return [("url", words.translate_error(error))]


def _show_catalogue(desk: PageContext, request: Request, filters: CatalogueFilter, **more: Any) -> Response:
    all_ = all_feed_files(desk.node.home)
    shown: dict[str, Any] = {
        "feeds": [one for one in all_ if _fits(filters, one)],
        "all": len(all_),
        "filters": filters,
    }
    shown |= {"typed": dict.fromkeys(_OF_SERVER, ""), "wrongs": []}
    return desk.page(request, "reports/feed_catalogue.html", **shown | more)


def _show(desk: PageContext, request: Request, source: str, code: str, *, status: int = 200, **more: Any) -> Response:
    node = desk.node
    files = feed_files(node.home, code)
    if files and source not in {MAPPED, files.known.feed.source}:
        files = None
    elif files:
        source = files.known.feed.source  # the forms of a server that was added are at the address of all feeds
    state = next((one for one in feed_states(node.database) if one.name == f"{source}/{code}"), None)
    if files is None and state is None:
        raise NotHereError
    configured = {name: one for name, one in node_collectors(node).items() if name == code and files}
    shown: dict[str, Any] = {
        "source": source, "code": code, "files": files, "state": state, "name": _name(code, files, state),
        "collector": next(iter(standings(node.database, configured)), None),
        "in_settings": code in node.settings.collect,
        "listed": next((one for one in lists_of(node) if source == MAPPED and one.code == code), None),
        "mapping": described(node.home).text(code) if files and files.mapped else "",
        "earlier": files is not None and has_earlier(node.home, code),
        "typed": dict.fromkeys(_TYPED, ""), "wrongs": [], "looked": None,
    }  # fmt: skip
    return desk.page(request, "reports/feed.html", status=status, **shown | more)


def _name(code: str, files: FeedFiles | None, state: FeedState | None) -> str:
    return state.record.name if state else files.known.feed.name if files else code
