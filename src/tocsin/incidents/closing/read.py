"""Lessons and what people said of our help, read inside the compartments of the reader."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentEntry, IncidentTask
from tocsin.incidents.read import IncidentReader, WaitingCount, readable
from tocsin.incidents.states import IncidentEntryKind, TaskState


@dataclass(frozen=True)
class Lesson:
    """A task that outlives its incident, with that."""

    task: IncidentTask
    incident: Incident


def list_lessons(session: Session, reader: IncidentReader, *, unfinished: bool, limit: int = 200) -> list[Lesson]:
    """The lessons of all incidents, those that are due first; without a due time, the newest first."""
    row = IncidentTask
    query = _lessons(session, reader).order_by(row.due_at.is_(None), row.due_at, row.id.desc()).limit(limit)
    return _found(session, query.where(_open()) if unfinished else query)


def unfinished_lessons(
    session: Session, reader: IncidentReader, causes: Collection[str], *, but: Collection[int] = (), limit: int = 10
) -> list[Lesson]:
    """What was to be learned from incidents of these root causes, and is not done. ``but``: not of these incidents."""
    of = Incident.root_cause.in_([one for one in causes if one]), Incident.id.not_in(but), _open()
    return _found(session, _lessons(session, reader).where(*of).order_by(IncidentTask.id.desc()).limit(limit))


def due_lessons(session: Session, reader: IncidentReader) -> WaitingCount:
    """Lessons that should be done by now, whatever became of their incidents."""
    row = IncidentTask
    of = row.lesson, _open(), row.due_at <= reader.now, readable(session, reader, row)
    count, first = session.execute(select(func.count(), func.min(row.due_at)).where(*of)).one()
    return WaitingCount(count, first, first)


def feedback_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[IncidentEntry]:
    """What parties of incidents said of our help, in order."""
    row = IncidentEntry
    of = row.incident_id.in_([one.id for one in incidents]), row.kind == IncidentEntryKind.FEEDBACK.value
    return session.scalars(select(row).where(*of, readable(session, reader, row)).order_by(row.id)).all()


def _lessons(session: Session, reader: IncidentReader) -> Select[IncidentTask, Incident]:
    row = IncidentTask
    query = select(row, Incident).join(Incident, Incident.id == row.incident_id)
    return query.where(row.lesson, readable(session, reader, row), readable(session, reader, Incident))


def _found(session: Session, query: Select[IncidentTask, Incident]) -> list[Lesson]:
    return [Lesson(task, incident) for task, incident in session.execute(query)]


def _open() -> ColumnElement[bool]:
    return IncidentTask.state.in_([TaskState.OPEN.value, TaskState.DOING.value])
