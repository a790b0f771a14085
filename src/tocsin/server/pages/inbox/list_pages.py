"""Reports from the public, by state and owner."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.incidents.arrivals import ReportState, counts_by_state, list_reports
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.records import purged_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox.words import KINDS, SHAPES, STATES

PLACE: Final = "/reports/public"
_ROWS: Final = 50
_UNDONE: Final = (ReportState.NEW, ReportState.OPEN, ReportState.WAITING)


class InboxFilter(BaseModel):
    """What narrows the list, as typed."""

    state: str = ""
    mine: str = ""
    q: str = ""
    before: str = ""


def list_pages(desk: PageContext) -> APIRouter:
    """The list."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.INBOX_READ)],
        asked: Annotated[InboxFilter, Query()],
    ) -> Response:
        """The reports that fit, the newest first; at first all that are not closed."""
        owner, words = visitor.person if asked.mine else None, asked.q[:100]
        with desk.node.database.reading() as session:
            page = list_reports(
                session,
                states=_states(asked.state),
                owner=owner,
                words=words,
                before=number_in(asked.before) or 0,
                limit=_ROWS,
            )
            counts = counts_by_state(session)
            names = names_of(session, (line.owner for line in page.lines))
            purged = purged_of(session, "inbox") if visitor.may(Permission.CONTENT_PURGE) else 0
        further = f"{PLACE}?{urlencode({**asked.model_dump(), 'before': page.further})}" if page.further else ""
        context: dict[str, Any] = {"page": page, "counts": counts, "names": names, "asked": asked, "further": further}
        more: dict[str, Any] = {"kinds": KINDS, "states": STATES, "shapes": SHAPES, "now": desk.now, "purged": purged}
        return desk.page(request, "inbox/list.html", **context, **more)

    return router


def _states(text: str) -> tuple[ReportState, ...]:
    if text == "all":
        return ()
    return (ReportState(text),) if text in set(ReportState) else _UNDONE
