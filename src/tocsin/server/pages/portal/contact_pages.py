"""The page of the own contacts and networks, and the forms on it."""

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import (
    MUTE_KINDS,
    AttachmentFormat,
    DigestInterval,
    Team,
    read_team,
    team_numbers,
)
from tocsin.directory.claims import read_claims
from tocsin.directory.contacts import contact_states, terms_of
from tocsin.interface import NotHereError, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.server.pages.portal.context import PortalContext
from tocsin.server.pages.portal.corrections import CORRECTIONS, DAYS, UNDONE_BY, Correction, CorrectionInput, denials_of
from tocsin.server.pages.portal.problems import lies_in, state_of
from tocsin.server.pages.words import N_
from tocsin.server.security import Form

SHOWN: Final = 200
"""Networks on the page; more are counted."""

_FORMS: Final = {AttachmentFormat.CSV: "CSV", AttachmentFormat.JSONL: "JSON Lines", AttachmentFormat.XARF: "X-ARF"}
_TYPED: Final = dict.fromkeys(("mailbox", "value", "at", "kind", "what", "reason"), "") | {"for_days": str(DAYS[0])}

_INTERVALS: Final = {
    DigestInterval.AT_ONCE: N_("At once"),
    DigestInterval.HOURLY: N_("Hourly"),
    DigestInterval.DAILY: N_("Daily"),
    DigestInterval.WEEKLY: N_("Weekly"),
}


def contact_pages(portal: PortalContext) -> APIRouter:
    """The routes of contacts and networks."""
    router = PageRouter(prefix="/portal/contacts")

    @router.get("")
    def contacts(request: Request, visitor: Annotated[Principal, needs(Permission.PORTAL_READ)]) -> Response:
        """What is known of the own team."""
        if not portal.teams(request, visitor):
            return portal.desk.page(request, "portal/no_team.html")
        return _page(portal, request, visitor, portal.team(request, visitor))

    @router.get("/deny")
    def remove(request: Request, visitor: Annotated[Principal, needs(Permission.PORTAL_WRITE)]) -> Response:
        """What goes with something that is to be removed, and the button that does it."""
        team, asked = portal.team(request, visitor), request.query_params
        kind, value = asked.get("kind", ""), asked.get("value", "").strip()
        _, rules = read_team(portal.desk.node.database, team.key)
        known = {("mailbox", box) for box in team.mailboxes} | {(rule.kind.value, rule.value) for rule in rules}
        if (kind, value) not in known:
            raise NotHereError
        found = [line for line in portal.sheet(team).lines if state_of(line) == "open" and lies_in(line, kind, value)]
        thing = f"AS{value}" if kind == "asn" else value
        about: dict[str, Any] = {"team": team, "thing": thing, "problems": len(found)}
        return portal.desk.page(request, "portal/remove.html", kind=kind, value=value, **about)

    for name, correction in CORRECTIONS.items():
        router.add_api_route(f"/{name}", _corrects(portal, name, correction), methods=["POST"], name=f"correct_{name}")
    return router


def _corrects(portal: PortalContext, name: str, correction: Correction) -> Callable[..., Response]:
    """A route that makes one correction and shows the page; what cannot be done is said there."""

    def correct(request: Request, visitor: Annotated[Principal, needs(correction.permission)], form: Form) -> Response:
        team, desk = portal.team(request, visitor), portal.desk
        try:
            given = CorrectionInput(desk.node, team, visitor, form, request.query_params, desk.now)
            correction.do(given)
        except (UsageError, InputError, ConflictError) as error:
            return _page(portal, request, visitor, team, wrong=error, typed=dict(form.items()))
        again = {"kind": given.text("kind"), "value": given.text("value")} if name in UNDONE_BY else {}
        return desk.go(f"/portal/contacts?{urlencode({'team': team.key, 'done': name, **again})}")

    return correct


def _page(
    portal: PortalContext,
    request: Request,
    visitor: Principal,
    team: Team,
    *,
    wrong: TocsinError | None = None,
    typed: dict[str, object] | None = None,
) -> Response:
    desk, node = portal.desk, portal.desk.node
    words = desk.words(request)
    shown, rules = read_team(node.database, team.key)
    with node.database.reading() as session:
        boxes = contact_states(session, desk.now, terms_of(node.settings), teams={team.id})
    asked = request.query_params
    done, back = CORRECTIONS.get(asked.get("done", "")), UNDONE_BY.get(asked.get("done", ""), "")
    thing = urlencode({"team": team.key, "kind": asked.get("kind", ""), "value": asked.get("value", "")})
    return desk.page(
        request,
        "portal/contacts.html",
        status=422 if wrong else 200,
        team=shown,
        whole=False,
        teams=portal.teams(request, visitor),
        mailboxes=[box for box in boxes if box.mailbox],
        ranges=rules[:SHOWN],
        more=max(len(rules) - SHOWN, 0),
        denials=denials_of(node, team, visitor),
        claims=[claim for claim in read_claims(node.database, desk.now) if claim.team == team.key],
        mutes=[one for one in shown.mutes if one.until is None or one.until > desk.now],
        typed={**_TYPED, **(typed or {})},
        wrongs=[("main", words.translate_error(wrong))] if wrong else [],
        done=done.done if done else "",
        undo=f"/portal/contacts/{back}?{thing}" if back else "",
        seen=node.problems.told_to(team_numbers(node.database, team.key), now=desk.now).names(),
        at_options=[(box, box) for box in shown.mailboxes],
        mute_kinds=[(kind.value, words.say(said)) for kind, said in MUTE_KINDS.items()],
        day_options=[(str(of), words.count("%(n)s day", "%(n)s days", of)) for of in DAYS],
        intervals=[(kind.value, words.say(said)) for kind, said in _INTERVALS.items()],
        formats=[(kind.value, _FORMS[kind]) for kind in AttachmentFormat],
        mail_languages=[(code, words.name_of(code)) for code in desk.languages],
    )
