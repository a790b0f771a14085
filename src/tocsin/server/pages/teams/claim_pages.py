"""Claims of operators to decide, and replies to verification requests."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.directory.claims import (
    Claim,
    ClaimState,
    acts,
    read_claim,
    read_claims,
    read_rivals,
)
from tocsin.directory.contacts import read_answers
from tocsin.interface import Act, Number, PageRouter
from tocsin.node.accounts import Principal, names_of_actors, note_read
from tocsin.node.errors import InputError, UsageError
from tocsin.node.sentences import say
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import TextFilter
from tocsin.server.pages.teams.access import Decider, Editor, Surveyor, called, fault_of
from tocsin.server.pages.teams.paging import page_of
from tocsin.server.security import Form, text_of

_RIVALS = 50
_ACTS = {act.name: act for act in acts.ACTS}


class ClaimFilters(TextFilter):
    """What a person asked for; ``state``: a `ClaimState`, or empty."""

    state: str = ""


class ReplyFilters(TextFilter):
    """What a person asked for; ``outcome``: what was answered, or empty."""

    outcome: str = ""


def claim_pages(desk: PageContext) -> APIRouter:
    """The pages of claims and verifications."""
    router = PageRouter()
    database = desk.node.database

    @router.get("/claims")
    def claims(
        request: Request, _visitor: Surveyor, filters: Annotated[ClaimFilters, Query()], done: str = ""
    ) -> Response:
        """The claims, those to decide first; with ``state`` only those in it."""
        all_ = read_claims(database, desk.now)
        counts = Counter(one.state for one in all_)
        shown: dict[str, Any] = {"shown": counts[ClaimState.PROVED], "unshown": counts[ClaimState.OPEN]}
        shown |= {"states": list(ClaimState), "done": done, "whole": True}
        found = [one for one in _chosen(all_, filters.state) if filters.fits(one.value, one.team)]
        page = page_of("/claims", filters, found)
        shown["called"] = called(desk, (one.team for one in page["found"]))
        return desk.page(request, "teams/claims.html", **page, **shown)

    @router.get("/claims/{number}")
    def claim(request: Request, visitor: Surveyor, number: Number, done: str = "") -> Response:
        """One claim, what shows it, and who else claims the same."""
        note_read(database, visitor, f"claim:{number}", now=desk.now)
        return _page(desk, request, number, done=done)

    @router.post("/claims/{number}/check")
    def check(request: Request, visitor: Editor, number: Number) -> Response:
        """Check DNS for the proof of control."""
        if wrong := fault_of(desk, lambda: _ask_dns(desk, visitor, number)):
            return _page(desk, request, number, wrong)
        return desk.go(f"/claims/{number}?done=proved")

    @router.post("/claims/{number}/decide")
    def decide(request: Request, visitor: Decider, number: Number, form: Form) -> Response:
        """Approve or refuse a claim."""
        act = text_of(form, "act")
        if wrong := fault_of(desk, lambda: perform(desk, visitor, _decision(act), form, number=number)):
            return _page(desk, request, number, wrong)
        return desk.go(f"/claims?done={act}")

    @router.get("/verifications")
    def verifications(request: Request, visitor: Surveyor, filters: Annotated[ReplyFilters, Query()]) -> Response:
        """Replies to verification requests, the latest first."""
        note_read(database, visitor, "verifications", now=desk.now)
        with database.reading() as session:
            all_ = read_answers(session)
        chosen = [one for one in all_ if filters.outcome in {"", one.outcome}]
        found = [one for one in chosen if filters.fits(one.mailbox, *one.teams)]
        shown = page_of("/verifications", filters, found)
        shown["called"] = called(desk, (key for one in shown["found"] for key in one.teams))
        return desk.page(request, "teams/verifications.html", **shown, all=len(all_), whole=True)

    return router


def _page(desk: PageContext, request: Request, number: int, wrong: str = "", *, done: str = "") -> Response:
    found = read_claim(desk.node.database, number, desk.now)
    rivals = read_rivals(desk.node.database, found)
    shown: dict[str, Any] = {"claim": found, "rivals": rivals[:_RIVALS], "number": len(rivals)}
    with desk.node.database.reading() as session:
        shown["names"] = names_of_actors(session, [found.claimed_by])
    shown |= {"called": called(desk, [found.team, *(one.team for one in rivals[:_RIVALS])])}
    shown |= {"wrong": wrong, "done": done, "whole": True}
    return desk.page(request, "teams/claim.html", status=422 if wrong else 200, **shown)


def _chosen(claims: list[Claim], state: str) -> list[Claim]:
    if state in list(ClaimState):
        return [one for one in claims if one.state == state]
    order = (ClaimState.PROVED, ClaimState.OPEN)
    return sorted(claims, key=lambda one: order.index(one.state) if one.state in order else len(order))


def _ask_dns(desk: PageContext, visitor: Principal, number: int) -> None:
    missing = perform(desk, visitor, _ACTS["check"], FormData(), number=number).missing
    if missing:
        raise InputError(
            say(
                "Control is not proved: %(missing)s names lack the TXT record, such as %(missing2)s.",
                missing=len(missing),
                missing2=missing[0],
            )
        )


def _decision(name: str) -> Act:
    if name not in {"approve", "refuse"}:
        raise UsageError(say("Choose a decision."))
    return _ACTS[name]
