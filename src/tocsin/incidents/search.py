"""Incidents found by words, names and observables, and what of other records is about them: inside compartments.

Found is ordered by number, newest first: a rank by relevance would be reckoned from texts that the reader may not read.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.models import Incident, IncidentEntry, IncidentObservable
from tocsin.incidents.read import TEAM, IncidentReader, compartments_of, find_incident, readable
from tocsin.node.errors import NotFoundError
from tocsin.node.records import rows_with

_ENTRIES: Final = 5  # times as many entries are looked at as incidents are shown: one may have several
_INCIDENTS: Final = ("incident:", "page:/incidents/", "page:/api/v1/incidents/")
_REPORTS: Final = ("inbox:", "page:/reports/public/", "page:/api/v1/inbox/")
_ACCESS: Final = "item:incident-access"
_LENGTHS: Final[dict[tuple[str, ...], int]] = {_INCIDENTS: 13, _REPORTS: 9}  # of a reference

SubjectCondition: TypeAlias = Callable[[ColumnElement[str]], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class IncidentMatch:
    """Something of an incident that was found. ``text``: of the entry, the observable, or empty; ``entry``: or 0."""

    reference: str
    title: str
    text: str = ""
    entry: int = 0


@dataclass(frozen=True, slots=True)
class ReportMatch:
    """A report of the inbox that was found; ``text``: what it says."""

    reference: str
    text: str


def named_incident(session: Session, reader: IncidentReader, name: str) -> IncidentMatch | None:
    """The incident of a reference or an alias; None: the reader knows none."""
    with suppress(NotFoundError):
        found = find_incident(session, reader, name)
        return IncidentMatch(found.reference, found.title)
    return None


def incidents_with_words(session: Session, reader: IncidentReader, typed: str, *, limit: int) -> list[IncidentMatch]:
    """The incidents whose reference or title has the words, the newest first."""
    may = readable(session, reader, Incident)
    numbers = rows_with(session, Incident.id, typed, may, limit=limit, most_meet=True)
    rows = select(Incident.reference, Incident.title).where(Incident.id.in_(numbers), may).order_by(Incident.id.desc())
    return [IncidentMatch(reference, title) for reference, title in session.execute(rows)]


def entries_with_words(session: Session, reader: IncidentReader, typed: str, *, limit: int) -> list[IncidentMatch]:
    """The incidents with the words in what was written, each once, by its newest such entry."""
    row, may = IncidentEntry, readable(session, reader, IncidentEntry)
    numbers = rows_with(session, row.id, typed, may, limit=limit * _ENTRIES, most_meet=True)
    columns = select(Incident.reference, Incident.title, row.text, row.id).join(row, row.incident_id == Incident.id)
    found: dict[str, IncidentMatch] = {}
    for match in session.execute(columns.where(row.id.in_(numbers), may).order_by(row.id.desc())):
        found.setdefault(match[0], IncidentMatch(*match))
    return list(found.values())[:limit]


def reports_with_words(session: Session, reader: IncidentReader, typed: str, *, limit: int) -> list[ReportMatch]:
    """The reports of the inbox that have the words, the newest first."""
    report, may = PublicReport, _report_readable(session, reader)
    numbers = rows_with(session, report.id, typed, may, limit=limit, most_meet=True)
    rows = select(report.reference, report.what).where(report.id.in_(numbers), may).order_by(report.id.desc())
    return [ReportMatch(reference, what) for reference, what in session.execute(rows)]


def incidents_with_observables(
    session: Session, reader: IncidentReader, values: Collection[str], *, limit: int
) -> Mapping[str, list[IncidentMatch]]:
    """By value, the incidents in which it was observed and is not withdrawn, the newest first."""
    row = IncidentObservable
    wanted = row.value.in_(values), row.withdrawn_at.is_(None), readable(session, reader, row)
    columns = select(row.value, Incident.reference, Incident.title).join(row, row.incident_id == Incident.id)
    found: dict[str, dict[str, IncidentMatch]] = defaultdict(dict)
    for value, reference, title in session.execute(columns.where(*wanted).order_by(row.id.desc()).limit(limit)):
        found[value].setdefault(reference, IncidentMatch(reference, title, value))
    return {value: list(of.values()) for value, of in found.items()}


def named_openly(session: Session, reader: IncidentReader, subject: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that what the audit log is about is none of what the reader may not read.

    An incident that is not there any more, as its opening was undone, is nobody's: nothing says who could read it.
    """
    mine, report = compartments_of(session, reader), PublicReport
    hidden = select(report.reference).where(report.compartment_id != TEAM, report.compartment_id.not_in(mine))
    seen = Incident.compartment_id.in_(mine)
    return and_(
        not_(subject.startswith(_ACCESS)),
        *(
            or_(not_(subject.startswith(prefix)), exists(select(Incident.id).where(Incident.reference == name, seen)))
            for prefix, name in _names(subject, _INCIDENTS)
        ),
        *(or_(not_(subject.startswith(prefix)), name.not_in(hidden)) for prefix, name in _names(subject, _REPORTS)),
    )


def subjects_for(session: Session, reader: IncidentReader) -> SubjectCondition:
    """`named_openly` for one reader, as the audit log takes it."""
    return partial(named_openly, session, reader)


def titles_of(session: Session, reader: IncidentReader, references: Collection[str]) -> dict[str, str]:
    """The titles of incidents by their references, of those that the reader may read."""
    rows = select(Incident.reference, Incident.title).where(Incident.reference.in_(references))
    return dict(session.execute(rows.where(readable(session, reader, Incident))).all())


def readable_reports(session: Session, reader: IncidentReader, references: Collection[str]) -> set[str]:
    """Those of the references that are of reports of the inbox which the reader may read, or of none any more."""
    report, mine = PublicReport, _report_readable(session, reader)
    hidden = select(report.reference).where(report.reference.in_(references), not_(mine))
    return set(references) - set(session.scalars(hidden))


def _names(subject: ColumnElement[str], prefixes: tuple[str, ...]) -> Iterator[tuple[str, ColumnElement[str]]]:
    for prefix in prefixes:
        yield prefix, func.substr(subject, len(prefix) + 1, _LENGTHS[prefixes])


def _report_readable(session: Session, reader: IncidentReader) -> ColumnElement[bool]:
    return PublicReport.compartment_id.in_(compartments_of(session, reader))
