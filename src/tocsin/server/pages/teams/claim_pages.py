"""Claims of operators to decide, and what holders of mailboxes answered when they were asked to confirm."""

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
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
from tocsin.server.pages.teams.access import Decider, Editor, Surveyor, fault_of
from tocsin.server.pages.teams.paging import page_of
from tocsin.server.security import Form, text_of

_RIVALS = 50
_ACTS = {act.name: act for act in acts.ACTS}


def claim_pages(desk: PageContext) -> APIRouter:
    """The pages of claims and confirmations."""
    router = PageRouter()
    database = desk.node.database

    @router.get("/claims")
    def claims(request: Request, _visitor: Surveyor, done: str = "") -> Response:
        """The claims, those to decide first; with ``state`` only those in it."""
        state = request.query_params.get("state", "")
        all_ = read_claims(database, desk.now)
        counts = Counter(one.state for one in all_)
        shown: dict[str, Any] = {"shown": counts[ClaimState.PROVED], "unshown": counts[ClaimState.OPEN]}
        shown |= {"state": state, "states": list(ClaimState), "done": done, "whole": True}
        return desk.page(request, "teams/claims.html", **page_of(request, _chosen(all_, state)), **shown)

    @router.get("/claims/{number}")
    def claim(request: Request, visitor: Surveyor, number: Number, done: str = "") -> Response:
        """One claim, what shows it, and who else claims the same."""
        note_read(database, visitor, f"claim:{number}", now=desk.now)
        return _page(desk, request, number, done=done)

    @router.post("/claims/{number}/check")
    def check(request: Request, visitor: Editor, number: Number) -> Response:
        """Ask DNS whether control is shown."""
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
    def verifications(request: Request, visitor: Surveyor) -> Response:
        """What holders of mailboxes answered, the latest first."""
        note_read(database, visitor, "verifications", now=desk.now)
        with database.reading() as session:
            found = read_answers(session)
        return desk.page(request, "teams/verifications.html", **page_of(request, found), whole=True)

    return router


def _page(desk: PageContext, request: Request, number: int, wrong: str = "", *, done: str = "") -> Response:
    found = read_claim(desk.node.database, number, desk.now)
    rivals = read_rivals(desk.node.database, found)
    shown: dict[str, Any] = {"claim": found, "rivals": rivals[:_RIVALS], "number": len(rivals)}
    with desk.node.database.reading() as session:
        shown["names"] = names_of_actors(session, [found.claimed_by])
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
                "Not shown yet: %(missing)s names lack the TXT record, such as %(missing2)s.",
                missing=len(missing),
                missing2=missing[0],
            )
        )


def _decision(name: str) -> Act:
    if name not in {"approve", "refuse"}:
        raise UsageError(say("Choose whether you approve or refuse it."))
    return _ACTS[name]
