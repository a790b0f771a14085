"""Events carried away: first what would leave under which marking, then the file."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from tocsin.events.export import Form
from tocsin.node.accounts import Act, Visitor
from tocsin.server.pages.desk import Desk
from tocsin.server.pages.events.asked import NAMES, Asked
from tocsin.server.security import needs
from tocsin.sharing.export import export_events, offer_of


def export_pages(desk: Desk) -> APIRouter:
    """The page of an export, and the file itself."""
    router = APIRouter()

    @router.get("/events/export")
    def export(
        request: Request,
        visitor: Annotated[Visitor, needs(Act.EVENTS_EXPORT)],
        format: str = "",  # noqa: A002 (the word in the address)
    ) -> Response:
        """What would leave; with ``format``, the file."""
        asked, reach = Asked.read(request.query_params), visitor.reach(Act.EVENTS_EXPORT)
        if asked.wrongs or format not in list(Form):
            offer = offer_of(desk.node, desk.node.events, asked.filter, reach=reach, now=desk.now)
            forms = [form.value for form in Form]
            status = 422 if asked.wrongs else 200
            return desk.page(
                request, "events/export.html", status=status, asked=asked, offer=offer, names=NAMES, forms=forms
            )
        made = export_events(
            desk.node, desk.node.events, asked.filter, Form(format), reach=reach, actor=visitor.actor, now=desk.now
        )
        headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
        if made.marking:
            headers["X-Marking"] = f"TLP:{made.marking.tlp} PAP:{made.marking.pap}"
        return StreamingResponse(made.body, media_type=made.media, headers=headers)

    return router
