"""Events without a contact: their networks, giving one to a team, and notifying it of what is stored."""

import re
from typing import Annotated, Any, Final
from unicodedata import normalize

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import func, or_, select
from starlette.datastructures import FormData

from tocsin.directory import TeamKind, TeamRow, acts, enter_team
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say
from tocsin.pipeline import notify_now
from tocsin.pipeline.not_told import unrouted
from tocsin.pipeline.notify_now import preview_notification
from tocsin.pipeline.tables import ItemKind
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.today.figures import DAY
from tocsin.server.pages.today.work_pages import attempt, work_of
from tocsin.server.security import Form, text_of

_ROWS: Final = 200
_EMPTY: Final = {"asn": "", "team": "", "mailbox": ""}

_Reader = Annotated[Principal, needs(Permission.EVENTS_READ, everything=True)]
_Steerer = Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)]
_Editor = Annotated[Principal, needs(Permission.DIRECTORY_EDIT, everything=True)]
_ASSERT: Final = next(act for act in acts.ACTS if act.name == "assert")
(_NOTIFY,) = notify_now.ACTS


class _Selection(BaseModel):
    """Which events are meant: of the AS that were ticked, or of all, within so many days."""

    asn: list[Annotated[int, Field(ge=0, lt=2**32)]] = []
    days: int = Field(7, ge=1, le=90)


def no_contact_pages(desk: PageContext) -> APIRouter:
    """The list, its preview, and what ends it."""
    router = PageRouter()
    node = desk.node

    def show_unrouted(request: Request, *, status: int = 200, **shown: Any) -> Response:
        work = work_of(desk, ItemKind.NO_CONTACT)
        found = unrouted(node, desk.now - DAY, limit=_ROWS)
        values = {"done": {}, "wrong": None, "typed": _EMPTY, "found": found} | work | shown
        return desk.page(request, "today/unrouted.html", status=status, **values)

    @router.get("/today/unrouted")
    def nobody_known(request: Request, _visitor: _Reader) -> Response:
        """The networks with events without a contact."""
        done = {name: number_in(request.query_params.get(name, "")) for name in ("events", "notified")}
        return show_unrouted(request, done=done)

    @router.get("/today/unrouted/notify")
    def preview(request: Request, _visitor: _Steerer, wanted: Annotated[_Selection, Query()]) -> Response:
        """Which teams would be notified of what, before anybody is."""
        seen = preview_notification(node, days=wanted.days, asns=wanted.asn, now=desk.now)
        words = desk.words(request)
        age = words.span(desk.now - seen.oldest) if seen.oldest else ""
        return desk.page(request, "today/notify.html", seen=seen, age=age, wanted=wanted, now=desk.now)

    @router.post("/today/unrouted/notify")
    def notify(visitor: _Steerer, form: Form) -> Response:
        """Notify them."""
        done = perform(desk, visitor, _NOTIFY, form)
        return desk.go(f"/today/unrouted?events={done.events}&notified={done.notified}")

    @router.post("/today/unrouted/team")
    def give(request: Request, visitor: _Editor, form: Form) -> Response:
        """Give an AS to a team, which is entered where there is none, and lead to the preview of what it would get."""
        typed = {name: text_of(form, name).strip() for name in _EMPTY}
        if wrong := attempt(lambda: _give(desk, visitor, **typed)):
            return show_unrouted(request, status=422, typed=typed, wrong=wrong)
        if not visitor.may(Permission.DELIVERIES_STEER):
            return desk.go("/today/unrouted")
        return desk.go(f"/today/unrouted/notify?asn={int(typed['asn'])}")

    return router


def _give(desk: PageContext, visitor: Principal, *, asn: str, team: str, mailbox: str) -> None:
    """Say that an AS is a team's: of this key or name, or a new one.

    Raises:
        UsageError: no team is named; or several have this name.
        InputError: an AS number or an email address cannot be taken.

    """
    if not team:
        raise UsageError(say("Name a team."))
    with desk.node.database.reading() as session:
        named = or_(TeamRow.key == team.lower(), func.lower(TeamRow.name) == team.lower())
        keys = session.scalars(select(TeamRow.key).where(named).limit(2)).all()
    if len(keys) > 1:
        raise UsageError(say("Several teams are called '%(name)s'.", name=team), hint=say("Write the key of one."))
    by: Any = {"said_by": visitor.name or visitor.actor, "actor": visitor.actor, "now": desk.now}
    fields = {"name": team, "key": _key_of(team), "kind": TeamKind.OPERATOR.value}
    boxes = [mailbox] if mailbox else []
    key = keys[0] if keys else enter_team(desk.node.database, fields, boxes, **by)
    perform(desk, visitor, _ASSERT, FormData({"kind": "asn", "value": asn}), team=key)


def _key_of(name: str) -> str:
    """A key from a name: its letters and digits, without marks; pure."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "team"
