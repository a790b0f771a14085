"""Sightings of observables as somebody may read them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.events import TeamSet
from tocsin.incidents.arrivals import PublicReport, ReportObservable
from tocsin.incidents.models import Incident, IncidentObservable, ObservableSighting
from tocsin.incidents.read import IncidentReader, readable


@dataclass
class ObservableStanding:
    """What is known of an observable. ``teams``: numbers of those that must know of its events.

    ``lacking``: some of its events have no contact. ``incidents``: others in which it is, by reference and title;
    ``reports``: references of the inbox.
    """

    events: int = 0
    days: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    teams: set[int] = field(default_factory=set)
    lacking: bool = False
    incidents: list[tuple[str, str]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)


def standings_of(
    session: Session, reader: IncidentReader, observables: Sequence[IncidentObservable]
) -> Mapping[int, ObservableStanding]:
    """By number of the observable, also of those that were never seen."""
    found = {one.id: ObservableStanding() for one in observables}
    row, sets = ObservableSighting, dict[int, set[int]]()
    query = select(row).where(row.observable_id.in_(list(found)), readable(session, reader, row))
    for one in session.scalars(query):
        of = found[one.observable_id]
        of.events, of.days = of.events + one.events, of.days + 1
        of.first_at = min(of.first_at or one.first_at, one.first_at)
        of.last_at = max(of.last_at or one.last_at, one.last_at)
        sets.setdefault(one.observable_id, set()).update(one.sets)
    members = _members(session, {number for of_one in sets.values() for number in of_one})
    for observable, numbers in sets.items():
        found[observable].teams = {team for number in numbers for team in members.get(number, ())}
        found[observable].lacking = 0 in numbers
    _elsewhere(session, reader, observables, found)
    return found


def _members(session: Session, numbers: Collection[int]) -> dict[int, list[int]]:
    sets = select(TeamSet.number, TeamSet.members).where(TeamSet.number.in_(numbers))
    return dict(session.execute(sets).all())


def _elsewhere(
    session: Session,
    reader: IncidentReader,
    observables: Sequence[IncidentObservable],
    found: Mapping[int, ObservableStanding],
) -> None:
    """The other incidents and the reports of the inbox that have the same."""
    of_value = {(one.kind, one.value): found[one.id] for one in observables}
    own = {one.incident_id for one in observables}
    values, row = {one.value for one in observables}, IncidentObservable
    query = select(row.kind, row.value, Incident.reference, Incident.title).join(
        Incident, Incident.id == row.incident_id
    )
    may = row.withdrawn_at.is_(None), row.incident_id.not_in(own), readable(session, reader, row)
    for kind, value, *named in session.execute(query.where(row.value.in_(values), *may).order_by(row.id.desc())):
        if (standing := of_value.get((kind, value))) is not None:
            standing.incidents.append((named[0], named[1]))
    theirs, report = ReportObservable, PublicReport
    reports = select(theirs.kind, theirs.value, report.reference).join(report, report.id == theirs.report_id)
    mine = theirs.value.in_(values), readable(session, reader, report)
    for kind, value, reference in session.execute(reports.where(*mine).order_by(report.id.desc())):
        if (standing := of_value.get((kind, value))) is not None:
            standing.reports.append(reference)
