"""What several teams claim: listed, shown side by side, decided, and decisions withdrawn."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.directory import (
    Conflict,
    ConflictState,
    acts,
    directory_version,
    read_about,
    read_conflict,
    read_conflicts,
)
from tocsin.interface import NotHereError, PageRouter
from tocsin.node.errors import UsageError
from tocsin.server.pages.acts import perform
from tocsin.server.pages.background_cache import BackgroundCache
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import TextFilter
from tocsin.server.pages.form_version import CHANGED, is_stale
from tocsin.server.pages.teams.access import Decider, Surveyor, called, fault_of, one_line, plain
from tocsin.server.pages.teams.paging import page_of
from tocsin.server.security import Form, text_of, texts_of

_ACTS = {act.name: act for act in acts.ACTS}
_SETTLED = (ConflictState.DECIDED, ConflictState.SAID)


class Filters(TextFilter):
    """What a person asked for; ``show``: ``settled``, or empty for what is open."""

    show: str = ""


def conflict_pages(desk: PageContext) -> APIRouter:
    """The pages of conflicts."""
    router = PageRouter()
    database = desk.node.database
    conflicts_of: BackgroundCache[list[Conflict]] = BackgroundCache(lambda: read_conflicts(database))

    @router.get("/conflicts")
    def conflicts(
        request: Request, _visitor: Surveyor, filters: Annotated[Filters, Query()], done: str = ""
    ) -> Response:
        """What several teams claim, or with ``show=settled`` what was decided."""
        known = conflicts_of.of(directory_version(database))
        settled = filters.show == "settled"
        all_ = known.value or []
        chosen = [one for one in all_ if (one.state in _SETTLED) is settled]
        found = [one for one in chosen if filters.fits(one.value, *one.teams)]
        still = sum(one.state not in _SETTLED for one in all_)
        shown: dict[str, Any] = {"known": known, "settled": settled, "open": still, "done": done, "whole": True}
        page = page_of("/conflicts", filters, found)
        shown["called"] = called(desk, (key for one in page["found"] for key in one.teams))
        return desk.page(request, "teams/conflicts.html", **page, **shown)

    @router.get("/conflicts/of")
    def conflict(request: Request, _visitor: Surveyor, value: str = "") -> Response:
        """One thing that is contested, its claims side by side, and what each choice would change."""
        return _contested(desk, request, value) if value else desk.go("/conflicts")

    @router.post("/conflicts/decide")
    def decide_one(request: Request, visitor: Decider, form: Form) -> Response:
        """Decide whose something is."""
        teams = texts_of(form, "teams")
        whose = {"both": True, "teams": ()} if "*" in teams else {}
        if _is_old(desk, form):
            return _contested(desk, request, text_of(form, "value"), desk.words(request).say(CHANGED))
        if wrong := fault_of(desk, lambda: perform(desk, visitor, _ACTS["decide"], form, **whose)):
            return _contested(desk, request, text_of(form, "value"), plain(wrong))
        return desk.go("/conflicts?done=decided")

    @router.post("/conflicts/undo")
    def undo(request: Request, visitor: Decider, form: Form) -> Response:
        """Withdraw a decision."""
        reason = one_line(text_of(form, "undo_reason"))
        if _is_old(desk, form):
            return _contested(desk, request, text_of(form, "value"), desk.words(request).say(CHANGED))
        if wrong := fault_of(desk, lambda: perform(desk, visitor, _ACTS["undecide"], form, reason=reason)):
            return _contested(desk, request, text_of(form, "value"), plain(wrong))
        return desk.go("/conflicts?done=undone")

    return router


def _is_old(desk: PageContext, form: FormData) -> bool:
    """Whether the value was decided anew since the page of a form was made."""
    try:
        found = read_conflict(desk.node.database, text_of(form, "value"))
    except UsageError:  # what is wrong with it is said where it is used
        return False
    return is_stale(text_of(form, "seen"), found.decision.number if found and found.decision else 0)


def _contested(desk: PageContext, request: Request, value: str, wrong: str = "") -> Response:
    try:
        found = read_conflict(desk.node.database, value)
    except UsageError:
        found = None
    if found is None:
        raise NotHereError
    teams = {claim.team: read_about(desk.node.database, claim.team).team for claim in found.claims}
    names = {key: team.name for key, team in teams.items()}
    shown: dict[str, Any] = {"conflict": found, "teams": teams, "called": names, "wrong": wrong, "whole": True}
    return desk.page(request, "teams/conflict.html", status=422 if wrong else 200, **shown)
