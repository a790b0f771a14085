"""Take-downs read, inside the compartments of whoever reads: of an incident, in the list, and what waits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentObservable
from tocsin.incidents.read import IncidentReader, merged_family, readable
from tocsin.incidents.takedowns.models import Takedown, TakedownRecipient, TakedownSighting
from tocsin.incidents.takedowns.states import HostFigures, TakedownState, figures_of
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.sentences import say

FIGURES: Final = timedelta(days=365)
"""Figures of hosts are of what was asked since."""


@dataclass(frozen=True, slots=True)
class TakedownRow:
    """A take-down with what it is of, and in which incident."""

    takedown: Takedown
    observable: IncidentObservable
    incident: Incident

    @property
    def is_disputed(self) -> bool:
        """Whether somebody objected and got no answer yet."""
        return self.takedown.objected_at is not None and self.takedown.answered_at is None


@dataclass(frozen=True, slots=True)
class TakedownSearch:
    """What narrows the list. ``older``: proposed so long ago or longer; ``need``: only what is a to-do item."""

    states: tuple[TakedownState, ...] = ()
    incident: str = ""
    host: str = ""
    older: timedelta = timedelta()
    need: bool = False


@dataclass(frozen=True, slots=True)
class TakedownNeeds:
    """How many are to be worked on now, since when the oldest."""

    count: int
    since: datetime | None


def list_takedowns(
    session: Session, reader: IncidentReader, search: TakedownSearch, *, before: int = 0, limit: int = 100
) -> list[TakedownRow]:
    """Those that match, the newest first. ``before``: only older than the one of this number."""
    query = _rows(session, reader).where(*_conditions(reader, search))
    if before:
        query = query.where(Takedown.id < before)
    return [TakedownRow(*row) for row in session.execute(query.order_by(Takedown.id.desc()).limit(limit))]


def count_takedowns(session: Session, reader: IncidentReader, search: TakedownSearch) -> int:
    """How many match."""
    query = select(func.count()).select_from(Takedown).join(Incident, Incident.id == Takedown.incident_id)
    seen = readable(session, reader, Takedown), readable(session, reader, Incident)
    return session.scalar(query.where(*seen, *_conditions(reader, search))) or 0


def takedown_needs(session: Session, reader: IncidentReader) -> TakedownNeeds:
    """What is to be done: to remind, to ask the next one, to look again, to answer an objection."""
    since = func.min(func.coalesce(Takedown.due_at, Takedown.objected_at))
    query = select(func.count(), since).where(_needed(reader), readable(session, reader, Takedown))
    return TakedownNeeds(*session.execute(query).one())


def takedowns_of(
    session: Session,
    reader: IncidentReader,
    family: Sequence[Incident],
    *,
    numbers: Collection[int] = (),
    lock: bool = False,
) -> list[TakedownRow]:
    """Those of an incident and of what was merged into it, in their order. ``lock``: they are going to be changed."""
    query = _rows(session, reader).where(Takedown.incident_id.in_([one.id for one in family])).order_by(Takedown.id)
    if numbers:
        query = query.where(Takedown.id.in_(numbers))
    if lock:
        query = query.with_for_update(of=Takedown)
    return [TakedownRow(*row) for row in session.execute(query)]


def find_takedowns(
    session: Session, reader: IncidentReader, incident: Incident, numbers: Collection[int], *, lock: bool = True
) -> list[TakedownRow]:
    """The take-downs of an incident with these numbers.

    Raises:
        NotFoundError: the reader knows no such one there.
        ConflictError: one is of an incident that was merged into it and is read by others: what is written is theirs.

    """
    family = merged_family(session, reader, incident)
    found = takedowns_of(session, reader, family, numbers=numbers, lock=lock)
    if len(found) != len(set(numbers)):
        raise NotFoundError(say("There is no such thing in incident %(name)s.", name=incident.reference))
    for one in found:
        if one.incident.compartment_id != incident.compartment_id:
            raise ConflictError(say("%(reference)s is in a restricted incident.", reference=one.incident.reference))
    return found


def recipients_of(
    session: Session, reader: IncidentReader, rows: Iterable[TakedownRow]
) -> Mapping[int, list[TakedownRecipient]]:
    """Who can take each down, by the number of the take-down, in the order in which they are asked."""
    of = TakedownRecipient.takedown_id.in_([one.takedown.id for one in rows])
    found = select(TakedownRecipient).where(of, readable(session, reader, TakedownRecipient))
    made: dict[int, list[TakedownRecipient]] = {}
    for one in session.scalars(found.order_by(TakedownRecipient.id)):
        made.setdefault(one.takedown_id, []).append(one)
    return made


def sightings_of(
    session: Session, reader: IncidentReader, rows: Iterable[TakedownRow]
) -> Mapping[int, list[TakedownSighting]]:
    """What was seen of each, by the number of the take-down, the newest first."""
    row = TakedownSighting
    of = row.takedown_id.in_([one.takedown.id for one in rows])
    found = select(row).where(of, readable(session, reader, row)).order_by(row.at.desc(), row.id.desc())
    made: dict[int, list[TakedownSighting]] = {}
    for one in session.scalars(found):
        made.setdefault(one.takedown_id, []).append(one)
    return made


def hosts_of(session: Session, reader: IncidentReader) -> list[str]:
    """The hosts of all take-downs, by name."""
    named = Takedown.host != "", readable(session, reader, Takedown)
    return list(session.scalars(select(Takedown.host).where(*named).distinct().order_by(Takedown.host)))


def host_figures(session: Session, reader: IncidentReader) -> list[HostFigures]:
    """How fast each host was with what it was asked in the last year; what was withdrawn does not count."""
    asked = Takedown.asked_at > reader.now - FIGURES, Takedown.state != TakedownState.WITHDRAWN.value
    query = select(Takedown.host, Takedown.asked_at, Takedown.gone_at)
    rows = session.execute(query.where(*asked, Takedown.host != "", readable(session, reader, Takedown)))
    return figures_of((host, gone - at if gone else None) for host, at, gone in rows if at)


def _rows(session: Session, reader: IncidentReader) -> Select[Takedown, IncidentObservable, Incident]:
    query = (
        select(Takedown, IncidentObservable, Incident)
        .join(IncidentObservable, IncidentObservable.id == Takedown.observable_id)
        .join(Incident, Incident.id == Takedown.incident_id)
    )
    return query.where(*(readable(session, reader, one) for one in (Takedown, IncidentObservable, Incident)))


def _needed(reader: IncidentReader) -> ColumnElement[bool]:
    waited = Takedown.state.in_([TakedownState.ASKED.value, TakedownState.REFUSED.value])
    disputed = Takedown.objected_at.is_not(None) & Takedown.answered_at.is_(None)
    return or_(and_(waited, Takedown.due_at <= reader.now), disputed)


def _conditions(reader: IncidentReader, search: TakedownSearch) -> Iterable[ColumnElement[bool]]:
    if search.states:
        yield Takedown.state.in_([one.value for one in search.states])
    if search.incident:
        yield Incident.reference == search.incident.strip().upper()
    if search.host:
        yield Takedown.host == search.host
    if search.older:
        yield Takedown.proposed_at <= reader.now - search.older
    if search.need:
        yield _needed(reader)
