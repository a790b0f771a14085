"""The inbox: all that came in, by state, door, owner and kind, with what one needs to know before opening it."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.directory import Team
from tocsin.incidents import IncidentReader, defang, host_of
from tocsin.incidents.arrivals import (
    DOORS,
    NO_OWNER,
    STATES,
    TEAM_KINDS,
    ReportDoor,
    ReportFilter,
    ReportHints,
    ReportKind,
    ReportState,
    count_reports,
    counts_by_state,
    hints_of,
    list_reports,
    rsit_of,
)
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.errors import UsageError
from tocsin.node.records import purged_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events import views_of
from tocsin.server.pages.inbox.owners import owners
from tocsin.server.pages.inbox.words import SHAPES
from tocsin.sharing.lookup import read_subject

PLACE: Final = "/reports/public"
ROWS: Final = 50
"""On a page."""

_ASKED: Final = 3  # observables of a report whose team is looked up
_UNDONE: Final = (ReportState.NEW, ReportState.OPEN, ReportState.WAITING)


class InboxFilter(BaseModel):
    """What narrows the list, as typed. ``owner``: ``me``, ``none`` or the number of a person. ``call``: ring-backs."""

    state: str = ""
    door: str = ""
    owner: str = ""
    kind: str = ""
    call: str = ""
    q: str = ""
    before: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), "before": "", **other}.items() if text}
        return f"{PLACE}?{urlencode(asked)}" if asked else PLACE

    def wanted(self, visitor: Principal, up_to: int | None = None) -> ReportFilter:
        """What the list is asked for; what cannot be read does not count."""
        return ReportFilter(
            states=_states(self.state),
            owner={"me": visitor.person, "none": NO_OWNER}.get(self.owner, number_in(self.owner) or None),
            kind=self.kind if self.kind in set(ReportKind) else "",
            door=self.door if self.door in set(ReportDoor) else "",
            words=self.q[:100],
            ring_back=bool(self.call),
            up_to=up_to,
        )


def list_pages(desk: PageContext) -> APIRouter:
    """The list."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.INBOX_READ)],
        asked: Annotated[InboxFilter, Query()],
    ) -> Response:
        """The reports that match, the newest first; at first all that wait for somebody."""
        reader, wanted = IncidentReader(visitor.person, desk.now), asked.wanted(visitor)
        with desk.node.database.reading() as session:
            page = list_reports(session, reader, wanted, before=number_in(asked.before) or 0, limit=ROWS)
            context: dict[str, Any] = {
                "page": page,
                "found": count_reports(session, reader, wanted),
                "counts": counts_by_state(session, reader),
                "names": names_of(session, (line.owner for line in page.lines)),
                "owners": owners(session),
                "hints": hints_of(session, reader, [line.number for line in page.lines]),
                "purged": purged_of(session, "inbox") if visitor.may(Permission.CONTENT_PURGE) else 0,
            }
        context["teams"] = teams_named(desk, visitor, context["hints"].values())
        further = asked.path(before=str(page.further)) if page.further else ""
        context |= {"saved": request.query_params.get("done") == "view", "views": views_of(desk, visitor, PLACE)}
        more: dict[str, Any] = {"asked": asked, "now": desk.now, "rsit": _rsit(), "defang": defang}
        words: dict[str, Any] = {"kinds": TEAM_KINDS, "states": STATES, "doors": DOORS, "shapes": SHAPES}
        return desk.page(request, "inbox/list.html", further=further, **context, **more, **words)

    return router


def teams_named(desk: PageContext, visitor: Principal, hints: Collection[ReportHints]) -> dict[str, Sequence[Team]]:
    """By observable, the teams whose networks it is in; of a report only the first are looked up."""
    if not visitor.may(Permission.LOOKUP):
        return {}
    teams = desk.teams()
    asked = {one.value: host_of(one.kind, one.value) for hint in hints for one in hint.observables[:_ASKED]}
    return {
        value: [teams[number] for number in _responsible(desk, host) if number in teams]
        for value, host in asked.items()
        if host
    }


def _responsible(desk: PageContext, host: str) -> list[int]:
    try:
        return [match.team_id for match in desk.guide.ask(read_subject(host)).decision.matches]
    except UsageError:
        return []


def _rsit() -> dict[ReportKind, str]:
    return {kind: "/".join(rsit_of(kind)) for kind in ReportKind}


def _states(text: str) -> tuple[ReportState, ...]:
    if text == "all":
        return ()
    return (ReportState(text),) if text in set(ReportState) else _UNDONE
