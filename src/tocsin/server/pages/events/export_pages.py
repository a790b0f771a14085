"""Events carried away: first what would leave under which marking, then the file."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.events import ExportForm
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events.query import NAMES, EventsQuery
from tocsin.server.security import sent
from tocsin.sharing.export import export_events, offer_of


def export_pages(desk: PageContext) -> APIRouter:
    """The page of an export, and the file itself."""
    router = PageRouter()

    @router.get("/events/export")
    def export(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.EVENTS_EXPORT)],
        format: str = "",  # noqa: A002 (the word in the address)
    ) -> Response:
        """What would leave; with ``format``, the file."""
        asked, reach = EventsQuery.read(request.query_params), visitor.reach(Permission.EVENTS_EXPORT)
        if asked.wrongs or asked.unknown or format not in list(ExportForm):
            offer = offer_of(desk.node, desk.node.events, asked.filter, reach=reach, now=desk.now)
            forms = [form.value for form in ExportForm]
            status = 422 if asked.wrongs or asked.unknown else 200
            shown: dict[str, Any] = {"names": NAMES, "feed_names": desk.feed_names(), "forms": forms}
            return desk.page(request, "events/export.html", status=status, asked=asked, offer=offer, **shown)
        whole = export_events(
            desk.node,
            desk.node.events,
            asked.filter,
            ExportForm(format),
            reach=reach,
            actor=visitor.actor,
            now=desk.now,
        )
        return sent(whole)

    return router
