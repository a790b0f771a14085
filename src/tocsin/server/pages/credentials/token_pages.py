"""Tokens of the own account, which programs sign in with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from tocsin.interface import NotHereError, Number
from tocsin.node.accounts import (
    ApiToken,
    Permission,
    Principal,
    list_tokens,
    make_token,
    revoke_token,
    scopes_of,
    token_state,
)
from tocsin.node.errors import UsageError
from tocsin.server.pages.account import Holder, Text, ask_again, is_fresh, person_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.sign_in import site_config_of_page
from tocsin.server.pages.words import N_

_PATH = "/account/tokens"
_DAYS = (7, 30, 90, 365)
_LACKING: Final = N_("Enter a name of at most 100 characters, and choose what it may do.")
_USED: Final = N_("You have an active token of this name. Choose another name, or revoke that one first.")

SCOPES: Final[Mapping[Permission, str]] = {
    Permission.ACTS_UNDO: N_("Undo what it did a moment ago"),
    Permission.TODAY_READ: N_("Read to-do items"),
    Permission.TODAY_WORK: N_("Assign to-do items, and comment"),
    Permission.EVENTS_READ: N_("Read events"),
    Permission.EVENTS_EXPORT: N_("Export events"),
    Permission.REPORTS_READ: N_("Read reports"),
    Permission.REPORTS_WRITE: N_("Upload reports"),
    Permission.QUARANTINE_READ: N_("Read unreadable rows"),
    Permission.QUARANTINE_MEND: N_("Edit and reprocess unreadable rows"),
    Permission.LOOKUP: N_("Contact lookup"),
    Permission.DIRECTORY_READ: N_("Read teams and networks"),
    Permission.DIRECTORY_WRITE: N_("Mute for a team"),
    Permission.DIRECTORY_EDIT: N_("Edit teams"),
    Permission.DIRECTORY_DECIDE: N_("Decide conflicts, claims and duplicates"),
    Permission.CLAIMS_MAKE: N_("Claim networks"),
    Permission.DELIVERIES_READ: N_("Read notifications"),
    Permission.DELIVERIES_STEER: N_("Hold, release and resend notifications"),
    Permission.PORTAL_WRITE: N_("Set the status of own problems"),
    Permission.INBOX_READ: N_("Read reports from the public"),
    Permission.INBOX_WRITE: N_("Work on reports from the public"),
    Permission.INCIDENTS_READ: N_("Read incidents"),
    Permission.INCIDENTS_WRITE: N_("Work on incidents"),
    Permission.NEVER_HELD_WORK: N_("Work on hotline references"),
    Permission.CONTENT_PURGE: N_("Purge content"),
    Permission.AUDIT_READ: N_("Read the audit log"),
    Permission.ADMIN_READ: N_("Read settings and system health"),
    Permission.METRICS_READ: N_("Read metrics"),
}
"""What each scope lets a program do."""


def add_tokens(router: APIRouter, desk: PageContext) -> None:
    """The pages of `/account/tokens`."""

    @router.get(_PATH)
    def show(request: Request, visitor: Holder, done: str = "") -> Response:
        """The tokens of the account, and the form for another."""
        return _page(desk, request, visitor, done=done)

    @router.post(_PATH)
    def make(
        request: Request,
        visitor: Holder,
        name: Text = "",
        days: Annotated[int, Form()] = 0,
        scope: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        """Make one; it is shown now and never again."""
        if visitor.unfinished:
            raise NotHereError
        if not is_fresh(desk, visitor):
            return ask_again(_PATH)
        chosen = [Permission(one) for one in scope or () if one in set(Permission)]
        typed = {"name": name, "days": days, "scopes": chosen}
        try:
            with desk.node.database.begin() as transaction:
                person = person_of(transaction, visitor)
                if _is_used(list_tokens(transaction, person.id), name, desk.now):
                    return _page(desk, request, visitor, typed=typed, wrong=_USED)
                row, secret = make_token(
                    transaction, person, name=name, scopes=chosen, days=days, now=desk.now,
                    actor=visitor.actor, house=site_config_of_page(desk, request),
                )  # fmt: skip
        except UsageError:
            return _page(desk, request, visitor, typed=typed, wrong=_LACKING)
        return desk.page(request, "account/token_made.html", token=row, secret=secret)

    @router.post(f"{_PATH}/revoke")
    def revoke(visitor: Holder, token: Annotated[Number, Form()]) -> Response:
        """Take one back; that is never held up."""
        with desk.node.database.begin() as transaction:
            person = person_of(transaction, visitor)
            revoke_token(transaction, token, now=desk.now, actor=visitor.actor, person=person.id)
        return desk.go(f"{_PATH}?done=revoked")


def _is_used(rows: list[ApiToken], name: str, now: datetime) -> bool:
    """Whether an active token has this name: of two sent forms the second would make a token that nobody saw."""
    plain = " ".join(name.split())
    return any(row.name == plain and token_state(row, now) == "working" for row in rows)


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    *,
    done: str = "",
    typed: dict[str, object] | None = None,
    wrong: str = "",
) -> Response:
    with desk.node.database.reading() as transaction:
        rows: list[ApiToken] = list_tokens(transaction, person_of(transaction, visitor).id)
    states = {row.id: token_state(row, desk.now) for row in rows}
    context: dict[str, Any] = {
        "tokens": rows,
        "states": states,
        "working": sum(state == "working" for state in states.values()),
        "scopes": [(act, SCOPES[act]) for act in scopes_of(visitor.role)],
        "days_offered": _DAYS,
        "typed": typed or {"name": "", "days": 90, "scopes": []},
        "wrong": wrong,
        "done": done,
        "unfinished": visitor.unfinished,
    }
    return desk.page(request, "account/tokens_page.html", status=422 if typed else 200, **context)
