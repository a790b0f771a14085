"""To-do items of teams: a network given up, events withheld by the gate; and what ends each."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import accept_item, ask_limit, not_notified
from tocsin.pipeline.not_notified import missed_teams
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.team_items import given_up_networks
from tocsin.server.pages.acts import perform, perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.problems import NOTIFICATIONS
from tocsin.server.pages.today.figures import DAY
from tocsin.server.pages.today.work_pages import work_of
from tocsin.server.security import Form

_Reader = Annotated[Principal, needs(Permission.EVENTS_READ, everything=True)]
(_ACCEPT,), (_ASK,), (_NOTIFY,) = accept_item.ACTS, ask_limit.ACTS, not_notified.ACTS


def item_pages(desk: PageContext) -> APIRouter:
    """A list for each kind, with its acts."""
    router = PageRouter()
    node = desk.node

    @router.get("/today/given-up")
    def gave_up(request: Request, _visitor: _Reader) -> Response:
        """Networks that teams gave up although problems go on there."""
        with node.database.reading() as session:
            found = given_up_networks(node, session, desk.now)
        return desk.page(request, "today/given_up.html", found=found)

    @router.post("/today/accept")
    def accept(visitor: Annotated[Principal, needs(_ACCEPT.permission, everything=True)], form: Form) -> Response:
        """Accept an item as it is."""
        places = {ItemKind.WITHHELD: "/today/withheld", ItemKind.GIVEN_UP: "/today/given-up"}
        places[ItemKind.NOT_NOTIFIED] = "/today/not-notified"
        return perform_and_go(desk, visitor, _ACCEPT, form, lambda done: places[done.kind])

    @router.get("/today/not-notified")
    def never_notified(request: Request, _visitor: _Reader) -> Response:
        """Which teams would be notified of how much, before anybody is."""
        with node.database.reading() as session:
            found = missed_teams(node, session, desk.now)
        notified = number_in(request.query_params.get("events", ""))
        return desk.page(
            request, "today/not_notified.html", found=found, notified=notified, notifications=NOTIFICATIONS,
            **work_of(desk, ItemKind.NOT_NOTIFIED)
        )  # fmt: skip

    @router.post("/today/not-notified")
    def notify(visitor: Annotated[Principal, needs(_NOTIFY.permission, everything=True)], form: Form) -> Response:
        """Notify one team, or all."""
        done = perform(desk, visitor, _NOTIFY, form)
        return desk.go(f"/today/not-notified?events={done.events}")

    @router.get("/today/withheld")
    def kept_back(request: Request, _visitor: _Reader) -> Response:
        """What the gate kept from whom, by which rule."""
        with node.database.reading() as session:
            found = withheld(session, desk.now - DAY, desk.now)
        letters = number_in(request.query_params.get("letters", ""))
        return desk.page(
            request, "today/withheld.html", found=found, letters=letters, **work_of(desk, ItemKind.WITHHELD)
        )

    @router.post("/today/withheld/ask")
    def ask(visitor: Annotated[Principal, needs(_ASK.permission, everything=True)], form: Form) -> Response:
        """Ask a team whether it may receive what is withheld by its maximum TLP."""
        done = perform(desk, visitor, _ASK, form)
        return desk.go(f"/today/withheld?letters={done.letters}")

    return router
