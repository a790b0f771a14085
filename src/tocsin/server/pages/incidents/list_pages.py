"""The list of incidents: filters in view, a page at a time, and the form of a new one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.events import RSIT_TYPES
from tocsin.incidents import (
    NO_LEAD,
    SEVERITIES,
    UNDER_WAY,
    IncidentNeed,
    IncidentReader,
    IncidentSearch,
    IncidentState,
    SeverityLevel,
    count_incidents,
    list_incidents,
    new_entries,
    open_tasks,
    people_for,
)
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events import views_of
from tocsin.server.pages.incidents.words import NEEDS, SHAPES, STATES

if TYPE_CHECKING:
    from tocsin.incidents import Incident

PLACE: Final = "/incidents"
ROWS: Final = 50
"""Incidents on a page of the list."""
MOST: Final = 200
"""Incidents that are changed at once."""


class IncidentsFilter(BaseModel):
    """What narrows the list, as typed. ``lead``: ``me``, ``none`` or the number of a person."""

    state: str = ""
    lead: str = ""
    severity: str = ""
    type: str = ""
    q: str = ""
    need: str = ""
    after: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), "after": "", **other}.items() if text}
        return f"{PLACE}?{urlencode(asked)}" if asked else PLACE

    def search(self, person: int | None) -> IncidentSearch:
        """What the list is asked for; what cannot be read does not count."""
        states = {"all": (), **{one.value: (one,) for one in IncidentState}}.get(self.state, UNDER_WAY)
        return IncidentSearch(
            states=states,
            lead={"me": person, "none": NO_LEAD}.get(self.lead, number_in(self.lead) or None),
            severity=self.severity if self.severity in set(SeverityLevel) else "",
            rsit_type=self.type if self.type in RSIT_TYPES else "",
            words=self.q[:100],
            need=IncidentNeed(self.need) if self.need in set(IncidentNeed) else None,
        )

    @property
    def place(self) -> tuple[datetime, int] | None:
        """Time and number of the last incident of the page before."""
        at, _, number = self.after.rpartition("/")
        try:
            changed = datetime.fromisoformat(at).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return None if (last := number_in(number)) is None else (changed, last)


def list_pages(desk: PageContext) -> APIRouter:
    """The page of the list."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)],
        asked: Annotated[IncidentsFilter, Query()],
    ) -> Response:
        """The incidents that match, those that changed last first; at first all that are worked on."""
        reader, search = IncidentReader(visitor.person, desk.now), asked.search(visitor.person)
        with desk.node.database.reading() as session:
            found = list_incidents(session, reader, search, after=asked.place, limit=ROWS + 1)
            rows = found[:ROWS]
            context: dict[str, Any] = {
                "rows": rows,
                "found": count_incidents(session, reader, search),
                "unled": count_incidents(session, reader, IncidentSearch((IncidentState.NEW,))),
                "live": count_incidents(session, reader, IncidentSearch()),
                "news": new_entries(session, reader, rows),
                "tasks": open_tasks(session, reader, rows),
                "names": names_of(session, (one.lead for one in rows)),
                "people": [(str(one.id), one.name) for one in people_for(session, Permission.INCIDENTS_WRITE)],
            }
        more: dict[str, Any] = {
            "most": MOST,
            "states": STATES,
            "shapes": SHAPES,
            "severities": SEVERITIES,
            "needs": NEEDS,
        }
        further = asked.path(after=f"{rows[-1].changed_at.isoformat()}/{rows[-1].id}") if len(found) > ROWS else ""
        context["types"] = [(one, f"{RSIT_TYPES[one]}/{one}") for one in sorted(RSIT_TYPES, key=RSIT_TYPES.__getitem__)]
        return desk.page(
            request, "incidents/list.html", asked=asked, saved=request.query_params.get("done") == "view",
            views=views_of(desk, visitor, PLACE),            further=further, turn=turn_of, **context, **more,
        )  # fmt: skip

    return router


def turn_of(incident: "Incident", names: Mapping[int, str], person: int | None) -> tuple[str, str]:
    """Whose turn it is: what kind of answer, and the name. Pure."""
    if incident.state == IncidentState.WAITING:
        return "waiting", incident.waiting_for
    if incident.lead is None:
        return "nobody", ""
    return ("mine", "") if incident.lead == person else ("lead", names.get(incident.lead, str(incident.lead)))
