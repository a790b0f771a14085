"""The one door by which incidents are read: every query leaves out, in SQL, what the reader's compartments do not hold.

What somebody may not read is as if it were not there. Commands have no person, so they read what the whole team may.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, bindparam, func, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.models import (
    CompartmentMember,
    Incident,
    IncidentAlias,
    IncidentEntry,
    IncidentLook,
    IncidentObservable,
    IncidentTask,
    InCompartment,
    Party,
)
from tocsin.incidents.reference import read_reference
from tocsin.incidents.states import UNDER_WAY, IncidentEntryKind, IncidentNeed, IncidentState, TaskState
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.sentences import say

TEAM: Final = 0
"""The compartment that everybody reads who may read incidents."""

_COMPARTMENTS: Final = (  # made once: many pages ask it a dozen times
    select(CompartmentMember.compartment_id)
    .where(
        CompartmentMember.person == bindparam("person"),
        or_(CompartmentMember.until.is_(None), CompartmentMember.until > bindparam("now")),
    )
    .distinct()
    .order_by(CompartmentMember.compartment_id)
)


@dataclass(frozen=True, slots=True)
class IncidentReader:
    """Who reads, and when. ``person``: number of an account; None: a command or a part of Tocsin."""

    person: int | None
    now: datetime


def compartments_of(session: Session, reader: IncidentReader) -> tuple[int, ...]:
    """The compartments that somebody may read now, the team's first."""
    asked = {"person": reader.person, "now": reader.now}
    return TEAM, *(() if reader.person is None else session.scalars(_COMPARTMENTS, asked))


def readable(
    session: Session, reader: IncidentReader, content: type[InCompartment | PublicReport]
) -> ColumnElement[bool]:
    """The condition that each query of content has: its rows are in a compartment of the reader."""
    return content.compartment_id.in_(compartments_of(session, reader))


def find_incident(session: Session, reader: IncidentReader, name: str, *, lock: bool = False) -> Incident:
    """The incident of a reference or an alias. ``lock``: it is going to be changed.

    Raises:
        NotFoundError: the reader knows none that is called so.

    """
    alias = select(IncidentAlias.incident_id).where(
        IncidentAlias.name == name.strip(), readable(session, reader, IncidentAlias)
    )
    number = session.scalar(alias)
    named = Incident.id == number
    if number is None:  # one condition at a time, so that an index serves it
        try:
            named = Incident.reference == read_reference(name)
        except UsageError:
            raise NotFoundError(say("There is no incident %(name)s.", name=name[:60])) from None
    query = select(Incident).where(named, readable(session, reader, Incident))
    if (found := session.scalar(query.with_for_update() if lock else query)) is None:
        raise NotFoundError(say("There is no incident %(name)s.", name=name[:60]))
    return found


def is_restricted(incident: Incident) -> bool:
    """Whether only named persons may read it."""
    return incident.compartment_id != TEAM


def members_of(session: Session, incident: Incident) -> Sequence[CompartmentMember]:
    """The persons whom its restricted compartment names, in order; none of the team's."""
    member = CompartmentMember
    return session.scalars(
        select(member)
        .where(member.compartment_id == incident.compartment_id, member.compartment_id != TEAM)
        .order_by(member.id)
    ).all()


def merged_family(session: Session, reader: IncidentReader, incident: Incident) -> list[Incident]:
    """The incident, and all that were merged into it or into one of these, in order; without what he may not read."""
    family, newest = [incident], [incident.id]
    seen = readable(session, reader, Incident)
    while newest:
        merged = session.scalars(select(Incident).where(Incident.merged_into.in_(newest), seen).order_by(Incident.id))
        found = [one for one in merged if all(one.id != known.id for known in family)]
        family += found
        newest = [one.id for one in found]
    return family


def entries_of(
    session: Session,
    reader: IncidentReader,
    incidents: Sequence[Incident],
    *,
    kinds: Collection[IncidentEntryKind] = (),
    before: int = 0,
    limit: int = 0,
) -> Sequence[IncidentEntry]:
    """What happened in incidents, the newest first. ``before``: only older than the entry of this number."""
    row = IncidentEntry
    query = select(row).where(row.incident_id.in_([one.id for one in incidents]), readable(session, reader, row))
    if kinds:
        query = query.where(row.kind.in_([one.value for one in kinds]))
    if before:
        query = query.where(row.id < before)
    query = query.order_by(row.id.desc())
    return session.scalars(query.limit(limit) if limit else query).all()


def parties_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[Party]:
    """Who takes part in incidents, in the order that they joined."""
    of = Party.incident_id.in_([one.id for one in incidents])
    return session.scalars(select(Party).where(of, readable(session, reader, Party)).order_by(Party.id)).all()


def tasks_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[IncidentTask]:
    """The tasks of incidents, in the order that they were made."""
    row = IncidentTask
    of = row.incident_id.in_([one.id for one in incidents])
    return session.scalars(select(row).where(of, readable(session, reader, row)).order_by(row.id)).all()


def observables_of(
    session: Session, reader: IncidentReader, incidents: Sequence[Incident]
) -> Sequence[IncidentObservable]:
    """What was observed in incidents, and is not withdrawn."""
    row = IncidentObservable
    of = row.incident_id.in_([one.id for one in incidents])
    conditions = (of, row.withdrawn_at.is_(None), readable(session, reader, row))
    return session.scalars(select(row).where(*conditions).order_by(row.id)).all()


# The list of incidents, one of their parts, and what of them waits for a person.

NO_LEAD: Final = 0
"""In place of the number of a person: nobody leads it."""

_Part = TypeVar("_Part", IncidentEntry, IncidentObservable, IncidentTask, Party)


@dataclass(frozen=True, slots=True)
class IncidentSearch:
    """What narrows the list. ``lead``: a person, or `NO_LEAD`; ``words``: each in the title, or a reference."""

    states: tuple[IncidentState, ...] = UNDER_WAY
    lead: int | None = None
    severity: str = ""
    rsit_type: str = ""
    words: str = ""
    need: IncidentNeed | None = None


@dataclass(frozen=True, slots=True)
class WaitingCount:
    """How many things wait for a person, since when the oldest, and until when the first should be done."""

    count: int
    since: datetime | None = None
    due: datetime | None = None


def list_incidents(
    session: Session,
    reader: IncidentReader,
    search: IncidentSearch,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int = 100,
) -> Sequence[Incident]:
    """The incidents that match, those that changed last first. ``after``: time and number of the last one before."""
    query = select(Incident).where(*_conditions(session, reader, search, walk=_has_most(search)))
    if after is not None:
        earlier = Incident.changed_at < after[0], (Incident.changed_at == after[0]) & (Incident.id < after[1])
        query = query.where(or_(*earlier))
    return session.scalars(query.order_by(Incident.changed_at.desc(), Incident.id.desc()).limit(limit)).all()


def count_incidents(session: Session, reader: IncidentReader, search: IncidentSearch) -> int:
    """How many match."""
    query = select(func.count()).select_from(Incident)
    return session.scalar(query.where(*_conditions(session, reader, search))) or 0


def merged_root(session: Session, reader: IncidentReader, incident: Incident) -> Incident:
    """Where an incident is worked on: the one that it was merged into, and that into another, as far as he reads."""
    while incident.merged_into is not None:
        into = select(Incident).where(Incident.id == incident.merged_into, readable(session, reader, Incident))
        if (found := session.scalar(into)) is None:
            break
        incident = found
    return incident


def find_entry(session: Session, reader: IncidentReader, incident: Incident, number: int) -> IncidentEntry:
    """An entry of an incident or of what was merged into it, by its number; so the parts below.

    Raises:
        NotFoundError: the reader knows none of this number there.

    """
    return _find_part(session, reader, incident, IncidentEntry, number)


def find_task(session: Session, reader: IncidentReader, incident: Incident, number: int) -> IncidentTask:
    """A task of an incident."""
    return _find_part(session, reader, incident, IncidentTask, number)


def find_party(session: Session, reader: IncidentReader, incident: Incident, number: int) -> Party:
    """Somebody who takes part in an incident."""
    return _find_part(session, reader, incident, Party, number)


def find_observable(session: Session, reader: IncidentReader, incident: Incident, number: int) -> IncidentObservable:
    """An observable of an incident."""
    return _find_part(session, reader, incident, IncidentObservable, number)


def known_entry(session: Session, reader: IncidentReader, once: str) -> Incident | None:
    """The incident of the entry that came by this form; None: none did."""
    row = IncidentEntry
    found = select(Incident).join(row, row.incident_id == Incident.id)
    return session.scalar(found.where(row.once == once, readable(session, reader, Incident)))


def last_entry(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> int:
    """The number of the newest entry of incidents."""
    newest = entries_of(session, reader, incidents, limit=1)
    return newest[0].id if newest else 0


def seen_entry(session: Session, reader: IncidentReader, incident: Incident) -> int | None:
    """The newest entry that the reader has seen on the page of an incident; None: he has not opened it."""
    look = IncidentLook
    return session.scalar(select(look.entry).where(look.person == reader.person, look.incident_id == incident.id))


def new_entries(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Mapping[int, int]:
    """How many entries of others are new since the reader opened incidents, by their number; those with none are not.

    Of what was merged into them, nothing is counted.
    """
    look, row = IncidentLook, IncidentEntry
    query = (
        select(look.incident_id, func.count())
        .join(row, (row.incident_id == look.incident_id) & (row.id > look.entry))
        .where(look.person == reader.person, look.incident_id.in_([one.id for one in incidents]))
        .where(row.by != f"person:{reader.person}", readable(session, reader, row))
    )
    return dict(session.execute(query.group_by(look.incident_id)).all())


def changed_since(
    session: Session,
    reader: IncidentReader,
    incidents: Sequence[Incident],
    *,
    seen: int,
    kind: IncidentEntryKind,
    but: str,
) -> bool:
    """Whether somebody else (not ``but``) added an entry of this kind after the one of the number ``seen``."""
    row = IncidentEntry
    of = row.incident_id.in_([one.id for one in incidents]), row.id > seen, row.kind == kind.value, row.by != but
    return session.scalar(select(row.id).where(*of, readable(session, reader, row)).limit(1)) is not None


def corrections_of(session: Session, entries: Sequence[IncidentEntry]) -> dict[int, int]:
    """For each of the entries that was corrected, the number of the entry that supersedes it."""
    row = IncidentEntry
    of = row.incident_id.in_({one.incident_id for one in entries}), row.supersedes.in_([one.id for one in entries])
    found = select(row.supersedes, row.id).where(*of)
    return {old: new for old, new in session.execute(found) if old is not None}


def before_merge(session: Session, incident: Incident) -> IncidentState:
    """The state that an incident had before it was merged."""
    row = IncidentEntry
    wanted = row.incident_id == incident.id, row.kind == IncidentEntryKind.MERGE.value
    for data in session.scalars(select(row.data).where(*wanted).order_by(row.id.desc())):
        if "state" in data:
            return IncidentState(data["state"])
    return IncidentState.OPEN


def references_by_number(session: Session, reader: IncidentReader, numbers: Sequence[int | None]) -> Mapping[int, str]:
    """The references of incidents by their numbers, of those that he may read."""
    found = select(Incident.id, Incident.reference).where(
        Incident.id.in_([one for one in numbers if one is not None]), readable(session, reader, Incident)
    )
    return dict(session.execute(found).all())


def known_references(session: Session, reader: IncidentReader, references: Collection[str]) -> set[str]:
    """Those of the references that are of incidents which he may read."""
    named = Incident.reference.in_(references)
    return set(session.scalars(select(Incident.reference).where(named, readable(session, reader, Incident))))


def incident_numbers(session: Session, references: Collection[str]) -> set[int]:
    """The numbers of incidents by their references, whoever may read them: for what deletes."""
    return set(session.scalars(select(Incident.id).where(Incident.reference.in_(references))))


def open_tasks(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Mapping[int, int]:
    """How many tasks of incidents are not done, by the number of the incident; those without one are left out."""
    row = IncidentTask
    of = row.incident_id.in_([one.id for one in incidents]), _undone(), readable(session, reader, row)
    found = session.execute(select(row.incident_id, func.count()).where(*of).group_by(row.incident_id))
    return dict(found.all())


def without_lead(session: Session, reader: IncidentReader) -> WaitingCount:
    """Incidents that nobody leads."""
    new = Incident.state == IncidentState.NEW.value, readable(session, reader, Incident)
    return WaitingCount(*session.execute(select(func.count(), func.min(Incident.opened_at)).where(*new)).one())


def waited_enough(session: Session, reader: IncidentReader) -> WaitingCount:
    """Incidents that wait for somebody, and the time for it is over."""
    of = _waited(reader), readable(session, reader, Incident)
    count, first = session.execute(select(func.count(), func.min(Incident.waiting_until)).where(*of)).one()
    return WaitingCount(count, first, first)


def due_tasks(session: Session, reader: IncidentReader) -> WaitingCount:
    """Tasks that should be done by now, of incidents that are worked on; and those that were left open at the end."""
    of = _due(reader), readable(session, reader, IncidentTask)
    due = select(func.count(), func.min(IncidentTask.due_at)).join(Incident, Incident.id == IncidentTask.incident_id)
    count, first = session.execute(due.where(*of)).one()
    return WaitingCount(count, first, first)


def sightings_to_review(session: Session, reader: IncidentReader) -> WaitingCount:
    """Observables that an ingest found, and nobody has looked at that since; of a restricted one its lead alone."""
    row = IncidentObservable
    new = _sighted(reader), readable(session, reader, row)
    found = select(func.count(), func.min(row.unreviewed_since)).join(Incident, Incident.id == row.incident_id)
    return WaitingCount(*session.execute(found.where(*new)).one())


def access_to_review(session: Session, reader: IncidentReader) -> Sequence[tuple[Incident, CompartmentMember]]:
    """Where others let themselves in with a reason, and no second person has looked at that yet.

    Each once: of several incidents in one compartment, with one that was not merged.
    """
    member = CompartmentMember
    found = select(Incident, member).join(member, member.compartment_id == Incident.compartment_id)
    query = found.where(*_unseen(reader), readable(session, reader, Incident))
    once: dict[int, tuple[Incident, CompartmentMember]] = {}
    for one, of in session.execute(query.order_by(member.id, Incident.merged_into.is_not(None), Incident.id)):
        once.setdefault(of.id, (one, of))
    return [*once.values()]


def readable_by_all_of(incident: Incident, other: Incident) -> bool:
    """Whether all who may read the other may read this one, by their compartments."""
    return incident.compartment_id in {TEAM, other.compartment_id}


def highest_observable(session: Session) -> int:
    """The number of the newest observable of any incident; 0 without one."""
    return session.scalar(select(func.max(IncidentObservable.id))) or 0


def observables_after(session: Session, number: int, limit: int) -> Sequence[IncidentObservable]:
    """Those that came after one, of all incidents under way, restricted ones too: to be compared, never shown."""
    row = IncidentObservable
    live = [one.value for one in UNDER_WAY]
    query = select(row).join(Incident, Incident.id == row.incident_id).where(Incident.state.in_(live))
    return session.scalars(query.where(row.id > number, row.withdrawn_at.is_(None)).order_by(row.id).limit(limit)).all()


def find_restricted(session: Session, reference: str) -> Incident:
    """A restricted incident by its whole reference, for who lets himself in: the only look past a compartment.

    Raises:
        NotFoundError: none is called so.

    """
    named = Incident.reference == read_reference(reference), Incident.compartment_id != TEAM
    if (found := session.scalar(select(Incident).where(*named).with_for_update())) is None:
        raise NotFoundError(say("There is no incident %(name)s.", name=reference[:60]))
    return found


def _find_part(session: Session, reader: IncidentReader, incident: Incident, kind: type[_Part], number: int) -> _Part:
    family = [one.id for one in merged_family(session, reader, incident)]
    query = select(kind).where(kind.id == number, kind.incident_id.in_(family), readable(session, reader, kind))
    if (found := session.scalar(query.with_for_update())) is None:
        raise NotFoundError(say("There is no such thing in incident %(name)s.", name=incident.reference))
    return found


def _waited(reader: IncidentReader) -> ColumnElement[bool]:
    return (Incident.state == IncidentState.WAITING.value) & (Incident.waiting_until <= reader.now)


def _due(reader: IncidentReader) -> ColumnElement[bool]:
    """Of a task, beside its incident."""
    live, row = Incident.state.in_([one.value for one in UNDER_WAY]), IncidentTask
    return _undone() & ~row.lesson & or_(live & (row.due_at <= reader.now), ~live & row.left_open)


def _unseen(reader: IncidentReader) -> tuple[ColumnElement[bool], ...]:
    member = CompartmentMember
    return member.reason != "", member.reviewed_by.is_(None), member.person != reader.person


def _sighted(reader: IncidentReader) -> ColumnElement[bool]:
    row = IncidentObservable
    mine = or_(Incident.compartment_id == TEAM, Incident.lead.is_(None), Incident.lead == reader.person)
    return row.unreviewed_since.is_not(None) & row.withdrawn_at.is_(None) & mine


def _needs(reader: IncidentReader, need: IncidentNeed) -> ColumnElement[bool]:
    match need:
        case IncidentNeed.WAITING:
            return _waited(reader)
        case IncidentNeed.TASK:
            return select(IncidentTask.id).where(IncidentTask.incident_id == Incident.id, _due(reader)).exists()
        case IncidentNeed.SIGHTING:
            return Incident.id.in_(select(IncidentObservable.incident_id).where(_sighted(reader)))
        case IncidentNeed.ACCESS:
            return Incident.compartment_id.in_(select(CompartmentMember.compartment_id).where(*_unseen(reader)))


def _undone() -> ColumnElement[bool]:
    return IncidentTask.state.in_([TaskState.OPEN.value, TaskState.DOING.value])


def _has_most(search: IncidentSearch) -> bool:
    """Whether most incidents of a large node may match, so that they are best walked in their order."""
    return not search.states or IncidentState.CLOSED in search.states


def _conditions(
    session: Session, reader: IncidentReader, search: IncidentSearch, *, walk: bool = False
) -> list[ColumnElement[bool]]:
    """``walk``: by the index of when they changed; ``+ 0`` keeps SQLite from choosing the one of compartments."""
    found = [
        (Incident.compartment_id + 0).in_(compartments_of(session, reader))
        if walk
        else readable(session, reader, Incident)
    ]
    if search.states:
        found.append(Incident.state.in_([one.value for one in search.states]))
    if search.lead is not None:
        found.append(Incident.lead.is_(None) if search.lead == NO_LEAD else Incident.lead == search.lead)
    if search.severity:
        found.append(Incident.severity == search.severity)
    if search.rsit_type:
        found.append(Incident.rsit_type == search.rsit_type)
    if search.need is not None:
        found.append(_needs(reader, search.need))
    try:
        return [*found, Incident.reference == read_reference(search.words)]
    except UsageError:
        return [*found, *(Incident.title.icontains(word, autoescape=True) for word in search.words.split()[:10])]


def open_incidents(session: Session, reader: IncidentReader, *, limit: int = 100) -> Sequence[Incident]:
    """Those that are worked on, to be offered where a reference is asked for; those that changed last first."""
    return list_incidents(session, reader, IncidentSearch(), limit=limit)
