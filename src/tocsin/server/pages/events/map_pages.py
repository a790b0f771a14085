"""Events by country: a table, and a map drawn from it where there is JavaScript."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events.query import NAMES, EventsQuery
from tocsin.server.pages.map_countries import numeric_codes
from tocsin.sharing.visibility import event_scope_of

_MOST = 20  # AS numbers of a single country


def map_pages(desk: PageContext) -> APIRouter:
    """The page with the map."""
    router = PageRouter()

    @router.get("/events/map")
    def world(request: Request, visitor: Annotated[Principal, needs(Permission.EVENTS_READ)]) -> Response:
        """The countries of the events that fit."""
        asked = EventsQuery.read(request.query_params)
        sight = event_scope_of(desk.node, desk.node.events, visitor.reach(Permission.EVENTS_READ))
        figures = desk.node.events.figures(asked.filter, now=desk.now, sight=sight)
        rows = [
            (code, numeric_codes().get(code, ""), events, asked.path(asked.narrowed(country=code)))
            for code, events in figures.by["country"]
            if code
        ]
        unknown = next((events for code, events in figures.by["country"] if not code), 0)
        return desk.page(
            request,
            "events/map.html",
            status=422 if asked.wrongs or asked.unknown else 200,
            asked=asked,
            inside=sight.everything,
            names=NAMES,
            feed_names=desk.feed_names(),
            rows=rows,
            drawn=sum(bool(numeric) for _, numeric, _, _ in rows) > 1,
            asns=[
                (asn, events, asked.path(asked.narrowed(asn=str(asn))))
                for asn, events in figures.asns[:_MOST].tolist()
                if asn
            ],
            unknown=unknown,
            total=figures.total,
            parts_of=figures.parts,
            chips=[(name, value) for name, value in asked.filter.query().items()],
        )

    return router
