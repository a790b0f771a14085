"""``/incidents``: those that whoever asks may read, what happened in each, and what a person does with them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from tocsin.directory import team_names
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
from tocsin.incidents.populations import affected_of, keys_of, populations_of, tally, texts_of
from tocsin.incidents.severity import acts as severity_acts
from tocsin.incidents.sightings import standings_of, warnings_of
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
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


class ObservableSightings(IncidentObservableOut):
    """An observable, and where it was seen: in how many events of the last 90 days before it was added, and since.

    ``teams``: keys of the teams to notify of these events; ``incidents``, ``reports``: references of others with it.
    """

    events: int
    first_seen: datetime | None
    last_seen: datetime | None
    teams: list[str]
    incidents: list[str]
    reports: list[str]
    warning_lists: list[str]


class AffectedPart(BaseModel):
    """What is attached: a filter or a list. ``query``: its conditions, none of selected problems."""

    id: int
    query: dict[str, str]
    frozen_at: datetime | None
    problems: int


class AffectedOut(BaseModel):
    """The affected systems of an incident. ``fixed``: so their teams say; ``lacking``: without a contact.

    ``texts``: what notifications of their teams say, by language.
    """

    problems: int
    notified: int
    answered: int
    fixed: int
    seen: int
    teams: int
    lacking: int
    attached: list[AffectedPart]
    texts: dict[str, str]


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

    @router.get(
        "/incidents/{reference}/observables", operation_id="listObservables", summary="Observables, and sightings"
    )
    def observables(reference: _Reference, visitor: _Reader) -> list[ObservableSightings]:
        """Those of the incident and of what was merged into it; what was withdrawn is left out."""
        reader = IncidentReader(visitor.person, counter.now)
        with database.reading() as session:
            rows = observables_of(
                session, reader, merged_family(session, reader, find_incident(session, reader, reference))
            )
            standings = standings_of(session, reader, rows)
            names = team_names(session, {team for one in standings.values() for team in one.teams})
        warnings = warnings_of(counter.node.home, [(one.kind, one.value) for one in rows])
        return [
            ObservableSightings(
                **IncidentObservableOut.model_validate(one).model_dump(), events=of.events, first_seen=of.first_at,
                last_seen=of.last_at, teams=sorted(names[team][0] for team in of.teams if team in names),
                incidents=[named for named, _ in of.incidents], reports=of.reports,
                warning_lists=warnings.get((one.kind, one.value), []),
            )
            for one in rows
            for of in [standings[one.id]]
        ]  # fmt: skip

    @router.get("/incidents/{reference}/affected", operation_id="readAffectedSystems", summary="Affected systems")
    def affected(reference: _Reference, visitor: _Reader) -> AffectedOut:
        """Counted from problems and answers as they are now."""
        reader, problems, now = IncidentReader(visitor.person, counter.now), counter.node.problems, counter.now
        with database.reading() as session:
            family = merged_family(session, reader, find_incident(session, reader, reference))
            found, texts = populations_of(session, reader, family), texts_of(session, reader, family)
        parts = [
            AffectedPart(
                id=one.id, query=one.query, frozen_at=one.frozen_at, problems=len(keys_of(one, problems, now))
            )
            for one in found
        ]  # fmt: skip
        counts = asdict(tally(affected_of(found, problems, now)))
        return AffectedOut(**counts, attached=parts, texts={one.language: one.text for one in texts})

    add_acts(router, counter, (*acts.ACTS, *severity_acts.ACTS))
