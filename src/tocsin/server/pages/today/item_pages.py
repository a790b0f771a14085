"""To-do items with their events: no contact, a network given up, withheld by the gate; and what ends each."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import accept_item, ask_limit, notify_now
from tocsin.pipeline.not_told import unrouted, withheld
from tocsin.pipeline.notify_now import preview_notification
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.team_items import given_up_networks
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.today.figures import DAY
from tocsin.server.security import Form

_ROWS: Final = 200

_Reader = Annotated[Principal, needs(Permission.TODAY_READ)]
_Steerer = Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)]
(_NOTIFY,), (_ACCEPT,), (_ASK,) = notify_now.ACTS, accept_item.ACTS, ask_limit.ACTS


class _Selection(BaseModel):
    """Which events are meant: of the AS that were ticked, or of all, within so many days."""

    asn: list[Annotated[int, Field(ge=0, lt=2**32)]] = []
    days: int = Field(7, ge=1, le=90)


def item_pages(desk: PageContext) -> APIRouter:
    """A list for each kind, with its acts."""
    router = PageRouter()
    node = desk.node

    @router.get("/today/unrouted")
    def nobody_known(request: Request, _visitor: _Reader) -> Response:
        """The networks with events that nobody is told of."""
        done = {name: number_in(request.query_params.get(name, "")) for name in ("events", "notified")}
        found = unrouted(node, desk.now - DAY, limit=_ROWS)
        return desk.page(request, "today/unrouted.html", found=found, done=done)

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

    @router.get("/today/given-up")
    def gave_up(request: Request, _visitor: _Reader) -> Response:
        """Networks that teams gave up although problems go on there."""
        with node.database.reading() as session:
            found = given_up_networks(node, session, desk.now)
        return desk.page(request, "today/given_up.html", found=found)

    @router.post("/today/accept")
    def accept(visitor: Annotated[Principal, needs(_ACCEPT.permission, everything=True)], form: Form) -> Response:
        """Accept an item as it is."""
        done = perform(desk, visitor, _ACCEPT, form)
        return desk.go("/today/withheld" if done.kind is ItemKind.WITHHELD else "/today/given-up")

    @router.get("/today/withheld")
    def kept_back(request: Request, _visitor: _Reader) -> Response:
        """What the gate kept from whom, by which rule."""
        with node.database.reading() as session:
            found = withheld(session, desk.now - DAY, desk.now)
        letters = number_in(request.query_params.get("letters", ""))
        return desk.page(request, "today/withheld.html", found=found, letters=letters)

    @router.post("/today/withheld/ask")
    def ask(visitor: Annotated[Principal, needs(_ASK.permission, everything=True)], form: Form) -> Response:
        """Ask a team whether it may receive what its limit keeps from it."""
        done = perform(desk, visitor, _ASK, form)
        return desk.go(f"/today/withheld?letters={done.letters}")

    return router
