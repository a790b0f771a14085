"""Saved views of events: kept under a name, shared or not, called otherwise, deleted."""

from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams

from tocsin.events import EventView, delete_view, own_view, read_views, rename_view, save_view
from tocsin.interface import NotHereError, Number, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events.query import EventsQuery

_Writer = Annotated[Principal, needs(Permission.VIEWS_WRITE)]
_LONGEST: Final = 4_000


def views_of(desk: PageContext, visitor: Principal) -> list[EventView]:
    """The views that a visitor may use: none for who sees only part of the events, since names may say much."""
    if not visitor.reach(Permission.EVENTS_READ).everything:
        return []
    with desk.node.database.reading() as session:
        return read_views(session, visitor.person)


def view_pages(desk: PageContext) -> APIRouter:
    """What is done to saved views."""
    router = PageRouter()

    @router.get("/events/views")
    def views(request: Request, visitor: _Writer) -> Response:
        """The own views and those that others share."""
        return desk.page(request, "events/views.html", views=views_of(desk, visitor), wrong=False)

    @router.post("/events/views")
    def save(
        request: Request,
        visitor: _Writer,
        name: Annotated[str, Form()] = "",
        query: Annotated[str, Form()] = "",
        shared: Annotated[str, Form()] = "",
    ) -> Response:
        """Keep the conditions and columns of a page under a name."""
        asked = EventsQuery.read(QueryParams(query[:_LONGEST]))
        kept = urlencode(asked.pairs(asked.filter))
        try:
            with desk.node.database.begin() as session:
                save_view(session, person=_person(visitor), name=name, query=kept, shared=bool(shared), now=desk.now)
        except UsageError:
            return desk.page(request, "events/views.html", status=422, views=views_of(desk, visitor), wrong=True)
        return desk.go(asked.path())

    @router.post("/events/views/{number}")
    def change(
        request: Request,
        visitor: _Writer,
        number: Number,
        name: Annotated[str, Form()] = "",
        shared: Annotated[str, Form()] = "",
    ) -> Response:
        """Call a view otherwise, or share it."""
        try:
            with desk.node.database.begin() as session:
                own_view(session, number, _person(visitor))
                rename_view(session, number, person=_person(visitor), name=name, shared=bool(shared), now=desk.now)
        except NotFoundError:
            raise NotHereError from None
        except UsageError:
            return desk.page(request, "events/views.html", status=422, views=views_of(desk, visitor), wrong=True)
        return desk.go("/events/views")

    @router.post("/events/views/{number}/delete")
    def delete(visitor: _Writer, number: Number) -> Response:
        """Forget a view."""
        try:
            with desk.node.database.begin() as session:
                delete_view(session, number, person=_person(visitor), now=desk.now)
        except NotFoundError:
            raise NotHereError from None
        return desk.go("/events/views")

    return router


def path_of(view: EventView) -> str:
    """The address of what a view shows."""
    return f"/events?{urlencode(parse_qsl(view.query))}" if view.query else "/events"


def _person(visitor: Principal) -> int:
    if visitor.person is None:
        raise NotHereError
    return visitor.person
