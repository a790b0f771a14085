"""``/incidents``: those that whoever asks may read, what happened in each, and what a person does with them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from tocsin.incidents import (
    UNDER_WAY,
    IncidentEntryKind,
    IncidentReader,
    IncidentSearch,
    IncidentState,
    SeverityLevel,
    acts,
    entries_of,
    find_incident,
    list_incidents,
    merged_family,
    observables_of,
    parties_of,
    references_by_number,
    tasks_of,
)
from tocsin.incidents.clocks import ClockState, clocks_of
from tocsin.incidents.severity import acts as severity_acts
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import notify_affected
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging

TAG = "incidents"
_NOUN = "incidents"

_Reference = Annotated[
    str, Path(max_length=60, description="The reference of an incident.", examples=["INC-0000-0000"])
]
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class IncidentLine(_Row):
    """An incident. ``lead``: the number of a person, or null."""

    reference: str
    title: str
    state: IncidentState
    severity: SeverityLevel
    rsit_type: str
    tlp: str
    lead: int | None
    waiting_for: str
    waiting_until: datetime | None
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None


class IncidentEntryOut(_Row):
    """One entry; it is never changed. ``supersedes``: the number of the entry that it corrects."""

    id: int
    kind: IncidentEntryKind
    happened_at: datetime
    recorded_at: datetime
    by: str
    text: str
    data: dict[str, Any]
    tlp: str
    party_id: int | None
    supersedes: int | None
    sha256: str


class IncidentPartyOut(_Row):
    """Somebody who takes part."""

    id: int
    role: str
    name: str
    mailbox: str
    phone: str
    language: str
    ceiling: str
    left_at: datetime | None


class IncidentTaskOut(_Row):
    """A task. ``owner``: the number of a person, or null."""

    id: int
    text: str
    state: str
    owner: int | None
    due_at: datetime | None
    result: str


class IncidentObservableOut(_Row):
    """A value that was observed."""

    id: int
    kind: str
    value: str
    role: str
    tlp: str
    valid_until: datetime | None


class IncidentClockOut(_Row):
    """A clock. ``due_at``: null where the act gives no number; ``party_id``: of the entity, where it is known."""

    id: int
    act: str
    rule: str
    title: str
    due_notice: str
    ours: bool
    party_id: int | None
    state: ClockState
    started_at: datetime
    due_at: datetime | None
    ended_at: datetime | None


class WholeIncident(IncidentLine):
    """An incident with all that is in it and in those that were merged into it."""

    merged_into: str | None = Field(description="The reference of the incident that it was merged into.")
    merged: list[str] = Field(description="The references of those that were merged into it.")
    entries: list[IncidentEntryOut]
    parties: list[IncidentPartyOut]
    tasks: list[IncidentTaskOut]
    observables: list[IncidentObservableOut]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/incidents", operation_id="listIncidents", summary="Incidents")
    def list_(
        *,
        paging: ListPaging,
        visitor: _Reader,
        state: IncidentState | None = None,
        words: Annotated[str, Query(max_length=100, description="Words of the title, or a reference.")] = "",
    ) -> ListPage[IncidentLine]:
        """Those that changed last first; without a state, those that are worked on."""
        search = IncidentSearch((state,) if state else UNDER_WAY, words=words)
        place = paging.place(_NOUN)
        after = (datetime.fromisoformat(place[0]), int(place[1])) if place else None
        with database.reading() as session:
            reader = IncidentReader(visitor.person, counter.now)
            found = list_incidents(session, reader, search, after=after, limit=paging.limit + 1)
            return paging.page(
                _NOUN, found, lambda one: (one.changed_at.isoformat(), one.id), IncidentLine.model_validate
            )

    @router.get("/incidents/{reference}", operation_id="readIncident", summary="One incident")
    def read_one(reference: _Reference, visitor: _Reader) -> WholeIncident:
        """With all that is in it, the newest entry first."""
        reader = IncidentReader(visitor.person, counter.now)
        with database.reading() as session:
            incident = find_incident(session, reader, reference)
            family = merged_family(session, reader, incident)
            into = references_by_number(session, reader, [incident.merged_into])
            line = IncidentLine.model_validate(incident).model_dump()
            return WholeIncident(
                **line,
                merged_into=into.get(incident.merged_into or 0),
                merged=[one.reference for one in family[1:]],
                entries=[IncidentEntryOut.model_validate(one) for one in entries_of(session, reader, family)],
                parties=[IncidentPartyOut.model_validate(one) for one in parties_of(session, reader, family)],
                tasks=[IncidentTaskOut.model_validate(one) for one in tasks_of(session, reader, family)],
                observables=[IncidentObservableOut.model_validate(x) for x in observables_of(session, reader, family)],
            )

    @router.get("/incidents/{reference}/clocks", operation_id="listClocksOfIncident", summary="Clocks of an incident")
    def list_clocks(reference: _Reference, visitor: _Reader) -> list[IncidentClockOut]:
        """Those that run first, in the order in which they are due; those of incidents that were merged into it too."""
        reader = IncidentReader(visitor.person, counter.now)
        with database.reading() as session:
            family = merged_family(session, reader, find_incident(session, reader, reference))
            return [IncidentClockOut.model_validate(one) for one in clocks_of(session, reader, family)]

    add_acts(router, counter, (*acts.ACTS, *severity_acts.ACTS, *notify_affected.ACTS))
