"""The desk that all pages are made at: a template, the visitor's language and theme, and what every page shows."""

import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select
from starlette.routing import Match

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import Team, directory_version, teams_by_id
from tocsin.events import FeedRecord
from tocsin.interface import capabilities, form_word, number_in, visitor_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.paths import HomeFolder
from tocsin.node.records import UndoRecord, open_undo
from tocsin.node.tokens import Tokens
from tocsin.node.trace import refuse, trace_id
from tocsin.operations.indicator_facts import node_facts
from tocsin.pipeline.comments import CommentLine, may_comment, read_comments
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.to_do import my_items
from tocsin.server.pages.header import HeaderReader, ItemCounter
from tocsin.server.pages.navigation import places_of
from tocsin.server.pages.reach import reach_of
from tocsin.server.pages.table_labels import with_labels
from tocsin.server.pages.words import PageTexts, choose, languages, say_in, words_for
from tocsin.server.security import cookie_for
from tocsin.sharing.lookup import ResponsibilityLookup

LANGUAGE: Final = "language"
"""The cookie, and the word in an address, of the language somebody chose."""

THEME: Final = "theme"
"""The cookie of the theme somebody chose: ``light`` or ``dark``."""

THEMES: Final = ("light", "dark")

_PASSING: Final = (LANGUAGE, "done", "undo")  # what an address says for one time only

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class PageContext:
    """What pages are made with; ``clock`` tells the time, UTC."""

    node: NodeWithStores
    clock: Callable[[], datetime]
    tokens: Tokens
    templates: Jinja2Templates
    languages: list[str] = field(default_factory=list)
    template_values: dict[str, object] = field(default_factory=dict)
    """What a room of pages gives to all templates."""
    my_items: ItemCounter = my_items
    """How many to-do items somebody has, for the head of the pages."""
    _teams: dict[str, dict[int, Team]] = field(default_factory=dict)

    @cached_property
    def guide(self) -> ResponsibilityLookup:
        """Who must know of what; one for all pages, so that the rules are open once."""
        return ResponsibilityLookup(self.node, self.clock)

    @cached_property
    def header(self) -> HeaderReader:
        """What reads the head of the pages."""
        return HeaderReader(self.node, self.my_items)

    def teams(self) -> dict[int, Team]:
        """All teams by number, read anew when the directory has changed; a merged one's number gives the other."""
        version = directory_version(self.node.database)
        if (teams := self._teams.get(version)) is None:
            teams = teams_by_id(self.node.database)
            self._teams.clear()
            self._teams[version] = teams
        return teams

    def feed_names(self) -> dict[str, str]:
        """What feeds are called, by code; a code that several sources use with different names is left out."""
        with self.node.database.reading() as session:
            known = session.execute(select(FeedRecord.code, FeedRecord.name).distinct()).all()
        several = Counter(code for code, _ in known)
        return {code: name for code, name in known if several[code] == 1}

    @property
    def now(self) -> datetime:
        """The time."""
        return self.clock()

    def page(
        self, request: Request, template: str, *, status: int = 200, language: str = "", **context: Any
    ) -> Response:
        """A page from a template of ``templates/``, in the visitor's language; ``language``: that of its readers.

        Every template has besides its own context: ``node`` (the settings of the node), ``visitor``, ``may(act)`` by
        the act's name, ``opens(address)`` (whether the visitor may open a page of this server), ``words`` and its
        ``_``, ``ngettext`` and ``pgettext``, ``heard`` and ``told`` (for what rooms below say),
        ``named`` (for words of closed lists), ``translated`` (for pairs of a field and what is wrong with
        it), ``comments_of`` (of a subject), ``page_header`` (`PageHeader`) with the navigation and all its ``places``,
        ``now``, ``here`` (the path), ``back_to`` (the same with its query), ``theme``, ``csrf`` (what forms carry),
        ``once`` (what a form carries that creates something), ``can_undo`` (whether acts can be undone here),
        ``just_done`` (an act), ``languages``, ``trace`` (the number of the request in the log), ``posted`` and
        ``refused`` (whether it answers a form, and one that was not taken).
        """
        visitor, words = visitor_of(request), self.words(request, language)
        header, undo = self.header.read(visitor, request.url.path, self.now), self._undo(request, visitor)
        shared = {
            "node": self.node.settings.node,
            "visitor": visitor,
            "may": lambda act: visitor.may(Permission(act)),
            "opens": lambda address: reach_of(request.app).opens(visitor, address),
            "words": words,
            "_": words.say,
            "ngettext": words.count,
            "pgettext": words.meant,
            "translate": words.translate,
            "translate_error": words.translate_error,
            "translate_word": words.translate_word,
            "comments_of": lambda subject: comments_of(self, visitor, subject),
            "translated": lambda wrongs: [(name, words.say(said)) for name, said in wrongs],
            "page_header": header,
            "places": places_of(header.groups),
            "now": self.now,
            "here": _here(request).partition("?")[0],
            "back_to": _here(request),
            "theme": self.theme(request),
            "csrf": form_word(self.tokens, visitor),
            "once": secrets.token_hex(16),
            "just_done": undo,
            "can_undo": self.node.settings.tell.undo_seconds > 0,
            "undo_seconds": int((undo.until - self.now).total_seconds()) if undo else 0,
            "languages": self.languages,
            **self.template_values,
            "trace": trace_id(),
            "posted": request.method == "POST",
            "refused": status >= 400 and request.method == "POST",
        }
        response = self.templates.TemplateResponse(request, template, {**shared, **context}, status_code=status)
        if status >= 400 and isinstance(error := context.get("error"), Exception):
            refuse(error)
        response.headers["Content-Language"] = words.language
        response.headers["Vary"] = "Accept-Language, Cookie"
        if shared["refused"] and status < 500 and status != 404:  # what is not there looks alike, however asked for
            keep_for_back(response)
        return response

    def words(self, request: Request, known: str = "") -> PageTexts:
        """The words for a visitor: as asked in the address, chosen before, ``known``, or as browser and node say."""
        kept = request.cookies.get(cookie_for(request, LANGUAGE))
        asked = [request.query_params.get(LANGUAGE), _switched(request, LANGUAGE), visitor_of(request).language, kept]
        browser = _accepted(request.headers.get("accept-language", ""))
        node = self.node.settings.node
        wanted = [tag for tag in (*asked, known, *browser, node.language) if tag]
        language = choose(wanted, self.languages)
        terms = {str(name): term for name, term in node.terms.items()}
        return words_for(language, self.node.home / HomeFolder.LOCALE, terms, node.country_names)

    def say(self, language: str, text: str, **values: object) -> str:
        """A text in the language of whoever is written to."""
        return say_in(self.node.home / HomeFolder.LOCALE, self.node.settings.node.terms, language)(text, **values)

    def kept(self, content: bytes, place: str) -> bytes:
        """What may be kept of bytes that somebody sent in; ``place``: the name of the way in."""
        return IntakeFilter(self.node, place, self.clock).kept(content)[0]

    def own_facts(self, query: str, *, unit: str, at: datetime) -> Sequence[Mapping[str, str]]:
        """What the records of the node say for a query of an assessment; see `node_facts`."""
        return node_facts(self.node, query, unit=unit, at=at, now=self.now)

    @staticmethod
    def theme(request: Request) -> str:
        """``light``, ``dark``, or empty: as the browser says."""
        chosen = _switched(request, THEME) or visitor_of(request).theme
        chosen = chosen or request.cookies.get(cookie_for(request, THEME), "")
        return chosen if chosen in THEMES else ""

    def _undo(self, request: Request, visitor: Principal) -> UndoRecord | None:
        """What was just done, as the address says: by its number, of whoever asks."""
        number = number_in(request.query_params.get("undo", ""))
        if number is None or visitor.person is None:
            return None
        with self.node.database.reading() as session:
            found = open_undo(session, visitor.actor, number, self.now)
        return found if found and (found.undone_at or found.until > self.now) else None

    @staticmethod
    def go(path: str, *, undo: int | None = None) -> Response:
        """Lead to another page after a form: what was done is not done again by a reload.

        ``undo``: the number by which the page offers to undo it.
        """
        if undo is not None:
            before, mark, place = path.partition("#")
            path = f"{before}{'&' if '?' in before else '?'}undo={undo}{mark}{place}"
        return RedirectResponse(path, status_code=303)


def make_context(node: NodeWithStores, clock: Callable[[], datetime], tokens: Tokens) -> PageContext:
    """The desk of a node."""
    templates = Jinja2Templates(env=_environment())
    return PageContext(node, clock, tokens, templates, languages(node.home / HomeFolder.LOCALE))


@cache
def _environment() -> Environment:
    """The templates; what they compile to is the same for all nodes."""
    folders = [_HERE / "templates", *(one.templates for one in capabilities())]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_path
    environment.filters["with_labels"] = with_labels
    for shared in ("layout.html", "parts.html"):  # else each of those who come first compiles them, all at once
        environment.get_template(shared)
    return environment


def comments_of(desk: PageContext, visitor: Principal, subject: str) -> tuple[list[CommentLine], bool] | None:
    """The comments on a thing, and whether the visitor may write one; None where none are shown to the visitor."""
    if not may_comment(visitor, subject, reads=True):
        return None
    with desk.node.database.reading() as session:
        return read_comments(session, subject, visitor, desk.now), may_comment(visitor, subject)


def together(*makers: Callable[[PageContext], APIRouter]) -> Callable[[PageContext], APIRouter]:
    """What makes the pages of all ``makers``; the first that knows a path has it."""
    return lambda desk: join_routers(*(maker(desk) for maker in makers))


def join_routers(*routers: APIRouter) -> APIRouter:
    """One router with the routes of all, as they are: ``include_router`` would analyse each anew and match it twice."""

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for router in routers:
                await stack.enter_async_context(router.lifespan_context(application))
            yield

    return APIRouter(routes=[route for router in routers for route in router.routes], lifespan=lifespan)


def _here(request: Request) -> str:
    """The address of the page; of an answer to a form that of the form's page: as it says, or else the page above."""
    if request.method != "POST":
        path, asked = request.url.path, request.query_params.multi_items()
        kept = urlencode([pair for pair in asked if pair[0] not in _PASSING])
        return f"{path}?{kept}" if kept else path
    said = getattr(request.state, "back_to", "")
    return own_path(said) if isinstance(said, str) and said else page_above(request)


def page_above(request: Request) -> str:
    """The path of a form, or of the first one above it that is a page."""
    path = request.url.path
    while path != "/" and not _opens(request, path):
        path = path.rpartition("/")[0] or "/"
    return path


def _opens(request: Request, path: str) -> bool:
    asked = {**request.scope, "method": "GET", "path": path}
    return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)


def switch(request: Request, chosen: Mapping[str, str]) -> None:
    """Make the page of this answer in the language and the colours that its form asks for."""
    request.state.switched = chosen


def _switched(request: Request, name: str) -> str:
    chosen: Mapping[str, str] = getattr(request.state, "switched", {})
    return chosen.get(name, "")


def keep_for_back(response: Response) -> None:
    """Let the browser keep the answer to a form: Back then shows it, and does not ask to send the form once more.

    For any other visit it asks anew. It does not vary by cookies: the answer may have changed one itself.
    """
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Language"


def own_path(path: str) -> str:
    """The same where it is a path of this server; else its first page: no form or link leads elsewhere."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine else "/"


def static_path(name: str) -> str:
    """The address of a file of ``static/``, with the start of its hash: whoever keeps a copy keeps the right one."""
    return f"/static/{name}?{_hashes().get(name, '')}"


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), the most wanted first."""
    weighed = []
    for place, part in enumerate(header[:500].split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weighed.append((-float(quality or 1), place, tag.strip()))
        except ValueError:
            continue
    return [tag for weight, _, tag in sorted(weighed) if weight and tag and tag != "*"]


@cache
def _hashes() -> dict[str, str]:
    folder = _HERE / "static"
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}
