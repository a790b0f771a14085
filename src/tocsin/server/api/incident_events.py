"""What of an incident is in events: its affected systems, and where its observables were seen."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from tocsin.directory import team_names
from tocsin.incidents import IncidentReader, find_incident, merged_family, observables_of
from tocsin.incidents.populations import affected_of, keys_of, populations_of, tally, texts_of
from tocsin.incidents.sightings import standings_of, warnings_of
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.context import ApiContext
from tocsin.server.api.incidents import IncidentObservableOut

TAG = "incidents"

_Reference = Annotated[
    str, Path(max_length=60, description="The reference of an incident.", examples=["INC-0000-0000"])
]
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


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


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

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
