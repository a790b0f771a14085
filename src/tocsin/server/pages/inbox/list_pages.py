"""The inbox: reports from the public, by state, owner and kind."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.incidents.arrivals import (
    NO_OWNER,
    ReportKind,
    ReportState,
    count_reports,
    counts_by_state,
    list_reports,
)
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.records import purged_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox.owners import owners
from tocsin.server.pages.inbox.words import KINDS, SHAPES, STATES

PLACE: Final = "/reports/public"
_ROWS: Final = 50
_UNDONE: Final = (ReportState.NEW, ReportState.OPEN, ReportState.WAITING)


class InboxFilter(BaseModel):
    """What narrows the list, as typed. ``owner``: ``me``, ``none`` or the number of a person."""

    state: str = ""
    owner: str = ""
    kind: str = ""
    q: str = ""
    before: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), "before": "", **other}.items() if text}
        return f"{PLACE}?{urlencode(asked)}" if asked else PLACE


def list_pages(desk: PageContext) -> APIRouter:
    """The list."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.INBOX_READ)],
        asked: Annotated[InboxFilter, Query()],
    ) -> Response:
        """The reports that match, the newest first; at first all that are not closed."""
        wanted = _wanted(asked, visitor)
        with desk.node.database.reading() as session:
            page = list_reports(session, **wanted, before=number_in(asked.before) or 0, limit=_ROWS)
            context: dict[str, Any] = {
                "page": page,
                "found": count_reports(session, **wanted),
                "counts": counts_by_state(session),
                "names": names_of(session, (line.owner for line in page.lines)),
                "owners": owners(session),
                "purged": purged_of(session, "inbox") if visitor.may(Permission.CONTENT_PURGE) else 0,
            }
        further = asked.path(before=str(page.further)) if page.further else ""
        more: dict[str, Any] = {"kinds": KINDS, "states": STATES, "shapes": SHAPES, "now": desk.now, "asked": asked}
        return desk.page(request, "inbox/list.html", further=further, **context, **more)

    return router


def _wanted(asked: InboxFilter, visitor: Principal) -> Mapping[str, Any]:
    """What the list is asked for; what cannot be read does not count."""
    owner = {"me": visitor.person, "none": NO_OWNER}.get(asked.owner, number_in(asked.owner) or None)
    return {
        "states": _states(asked.state),
        "owner": owner,
        "kind": asked.kind if asked.kind in set(ReportKind) else "",
        "words": asked.q[:100],
    }


def _states(text: str) -> tuple[ReportState, ...]:
    if text == "all":
        return ()
    return (ReportState(text),) if text in set(ReportState) else _UNDONE
