"""Possible duplicates: offered with reasons, merged or kept separate by a person, and merges undone."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.directory import (
    MergeCandidate,
    acts,
    directory_version,
    read_about,
    read_candidates,
    read_merges,
)
from tocsin.interface import PageRouter
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say
from tocsin.server.pages.acts import perform
from tocsin.server.pages.background_cache import BackgroundCache
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import TextFilter
from tocsin.server.pages.teams.access import Decider, Surveyor, called, fault_of
from tocsin.server.pages.teams.paging import page_of
from tocsin.server.security import Form, text_of

_ACTS = {act.name: act for act in acts.ACTS}


class Filters(TextFilter):
    """What a person asked for; ``show``: ``made`` for the merges that were made."""

    show: str = ""


def merge_pages(desk: PageContext) -> APIRouter:
    """The pages of merges."""
    router = PageRouter()
    database = desk.node.database
    pairs_of: BackgroundCache[list[MergeCandidate]] = BackgroundCache(lambda: read_candidates(database))

    def made(request: Request, filters: Filters, *, done: str = "", wrong: str = "") -> Response:
        merges = read_merges(database)
        found = [one for one in merges if filters.fits(one.team, one.into)]
        shown: dict[str, Any] = {"merges": merges, "done": done, "wrong": wrong, "whole": True}
        shown |= page_of("/merges", filters, found)
        shown["called"] = called(desk, (key for one in shown["found"] for key in (one.team, one.into)))
        return desk.page(request, "teams/merged.html", status=422 if wrong else 200, **shown)

    @router.get("/merges")
    def merges(request: Request, _visitor: Surveyor, filters: Annotated[Filters, Query()], done: str = "") -> Response:
        """Possible duplicates, the likeliest first; with ``show=made`` the merges that were made."""
        if filters.show == "made":
            return made(request, filters, done=done)
        known = pairs_of.of(directory_version(database))
        pairs = known.value or []
        found = [one for one in pairs if filters.fits(one.keep, one.merge, *one.names)]
        shown = page_of("/merges", filters, found)
        return desk.page(request, "teams/merges.html", **shown, known=known, pairs=len(pairs), done=done, whole=True)

    @router.get("/merges/pair")
    def pair(request: Request, _visitor: Surveyor, one: str = "", other: str = "") -> Response:
        """Two teams side by side."""
        return _pair(desk, request, one, other) if one and other else desk.go("/merges")

    @router.post("/merges/pair")
    def decide_pair(request: Request, visitor: Decider, form: Form) -> Response:
        """Merge two teams, or keep them separate."""
        one, other, act = text_of(form, "one"), text_of(form, "other"), text_of(form, "act")
        merge, apart = _ACTS["merge"], _ACTS["keep-apart"]
        saying = {
            "one": lambda: perform(desk, visitor, merge, form, keep=one, team=other),
            "other": lambda: perform(desk, visitor, merge, form, keep=other, team=one),
            "apart": lambda: perform(desk, visitor, apart, form),
        }
        if wrong := fault_of(desk, saying.get(act, _nothing_chosen)):
            return _pair(desk, request, one, other, wrong)
        return desk.go(f"/merges?done={'apart' if act == 'apart' else 'merged'}")

    @router.post("/merges/undo")
    def undo_merge(request: Request, visitor: Decider, form: Form) -> Response:
        """Undo a merge."""
        if wrong := fault_of(desk, lambda: perform(desk, visitor, _ACTS["unmerge"], form)):
            return made(request, Filters(show="made"), wrong=wrong)
        return desk.go("/merges?show=made&done=undone")

    return router


def _pair(desk: PageContext, request: Request, one: str, other: str, wrong: str = "") -> Response:
    both = [read_about(desk.node.database, key) for key in (one, other)]
    shown: dict[str, Any] = {"both": both, "wrong": wrong, "whole": True}
    return desk.page(request, "teams/pair.html", status=422 if wrong else 200, **shown)


def _nothing_chosen() -> None:
    raise UsageError(say("Choose a decision."))
