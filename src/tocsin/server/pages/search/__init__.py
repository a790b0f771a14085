"""The search: one field for everything, many lines at once, and what the palette asks while somebody types."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.node.errors import InputError
from tocsin.pipeline.search import HitKind, SearchAnswer, Searcher, answer_lines, export_lines, lines_of
from tocsin.server.pages.context import PageContext, join_routers
from tocsin.server.pages.navigation import places_off
from tocsin.server.pages.search.places import FoundPlace, find_places, pages_of
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, sent, text_of

_PAGE: Final = "search/search.html"
_LONGEST: Final = 300
_LONGEST_LIST: Final = 200_000
_QUICK: Final = 12  # results in the palette

KINDS: Final = {
    "address": N_("Address"), "network": N_("Network"), "AS": N_("AS"), "domain": N_("Domain"),
    "country": N_("Country"), "mail": N_("Email address"), "digest": N_("Notification"), "report": N_("Report"),
    "public report": N_("Public report"), "hotline reference": N_("Hotline reference"), "problem": N_("Problem"),
    "hash": N_("Hash"), "CVE": N_("CVE"), "name": N_("Words"), "incident": N_("Incident"),
}  # fmt: skip
"""What a text is, in words."""

HITS: Final = {
    HitKind.TEAM: N_("Teams"), HitKind.AS: N_("AS"), HitKind.PERSON: N_("People"),
    HitKind.NOTIFICATION: N_("Notifications"), HitKind.NOTE: N_("Notes of answers"),
    HitKind.INCIDENT: N_("Incidents"), HitKind.OBSERVABLE: N_("Observed in incidents"),
    HitKind.ENTRY: N_("Entries of incidents"), HitKind.REPORT: N_("Inbox"),
}  # fmt: skip
"""What is found, in words."""

_Visitor = Annotated[Principal, needs(Permission.LOOKUP)]


def search_pages(desk: PageContext) -> APIRouter:
    """The page, its answer as JSON, and many lines."""
    off = places_off(desk.node.settings)
    desk.template_values["palette_pages"] = lambda visitor, words: pages_of(visitor, words, off)
    return join_routers(_one_thing(desk), _many_lines(desk))


def _one_thing(desk: PageContext) -> APIRouter:
    router = PageRouter()

    @router.get("/search")
    def search(request: Request, visitor: _Visitor, q: str = "") -> Response:
        """The field, and what is found; a reference, or the only thing there is, leads to its page."""
        asked = q.strip()[:_LONGEST]
        if "\n" in asked:
            return _table(desk, request, visitor, q[:_LONGEST_LIST])
        if not asked:
            return desk.page(request, _PAGE, **_shown())
        answer = _searcher(desk, visitor).answer(asked)
        places = find_places(visitor, desk.words(request), answer, places_off(desk.node.settings))
        if page := _leads(answer) or _only(answer, places):
            return desk.go(page)
        if answer.contact and answer.contact.contacts:
            note_read(desk.node.database, visitor, "search", now=desk.now)
        shown = _shown(asked=asked, answer=answer, found_pages=places, node_tell=desk.node.settings.tell)
        return desk.page(request, _PAGE, status=404 if answer.outside else 200, **shown)

    @router.get("/search.json")
    def quick(request: Request, visitor: _Visitor, q: str = "") -> Response:
        """What the palette shows while somebody types."""
        asked, words = q.strip()[:_LONGEST], desk.words(request)
        if not asked:
            return JSONResponse([])
        answer = _searcher(desk, visitor).quick(asked)
        first = [{"kind": words.say(KINDS[answer.kind]), "name": answer.query, "detail": "", "page": answer.page}]
        found = [
            {"kind": words.say(HITS[hit.kind]), "name": hit.name, "detail": hit.detail[:100], "page": hit.page}
            for hit in answer.hits
        ]
        alone = answer.page and answer.kind != HitKind.INCIDENT  # that one is found too
        return JSONResponse([*(first if alone else []), *found][:_QUICK])

    return router


def _many_lines(desk: PageContext) -> APIRouter:
    router = PageRouter()

    @router.post("/search")
    def many(request: Request, visitor: _Visitor, form: Form) -> Response:
        """A table of many lines."""
        return _table(desk, request, visitor, text_of(form, "lines")[:_LONGEST_LIST])

    @router.post("/search/export")
    def export(visitor: Annotated[Principal, needs(Permission.EVENTS_EXPORT)], form: Form) -> Response:
        """The same as a file."""
        lines = lines_of(text_of(form, "lines")[:_LONGEST_LIST])
        return sent(export_lines(_searcher(desk, visitor), lines))

    return router


def _searcher(desk: PageContext, visitor: Principal) -> Searcher:
    return Searcher(desk.node, desk.guide, visitor, desk.clock)


def _table(desk: PageContext, request: Request, visitor: Principal, text: str) -> Response:
    try:
        found = answer_lines(_searcher(desk, visitor), lines_of(text))
    except InputError as error:
        return desk.page(request, _PAGE, status=422, **_shown(typed=text, error=error))
    return desk.page(request, _PAGE, **_shown(typed=text, lines=found))


def _shown(**more: Any) -> dict[str, Any]:
    """What the page shows."""
    empty = {"asked": "", "answer": None, "found_pages": (), "typed": "", "error": None, "lines": None}
    return empty | {"kinds": KINDS, "hit_names": HITS, "brief": False} | more


def _leads(answer: SearchAnswer) -> str:
    """The page that a reference leads to at once; not where incidents or context lists name it, too."""
    return "" if (answer.hits or answer.lists) and answer.kind != HitKind.INCIDENT else answer.page


def _only(answer: SearchAnswer, places: Sequence[FoundPlace]) -> str:
    """The page of the only thing that was found by words."""
    alone = answer.kind == "name" and len(answer.hits) == 1 and not places
    return answer.hits[0].page if alone else ""
