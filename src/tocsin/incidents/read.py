"""The one door by which incidents are read: every query leaves out, in SQL, what the reader's compartments do not hold.

What somebody may not read is as if it were not there. Commands have no person, so they read what the whole team may.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.models import (
    CompartmentMember,
    Incident,
    IncidentAlias,
    IncidentEntry,
    IncidentObservable,
    IncidentTask,
    InCompartment,
    Party,
)
from tocsin.incidents.reference import read_reference
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.sentences import say

TEAM: Final = 0
"""The compartment that everybody reads who may read incidents."""


@dataclass(frozen=True, slots=True)
class IncidentReader:
    """Who reads, and when. ``person``: number of an account; None: a command or a part of Tocsin."""

    person: int | None
    now: datetime


def compartments_of(session: Session, reader: IncidentReader) -> tuple[int, ...]:
    """The compartments that somebody may read now, the team's first."""
    member = CompartmentMember
    mine = select(member.compartment_id).where(
        member.person == reader.person, or_(member.until.is_(None), member.until > reader.now)
    )
    restricted = () if reader.person is None else session.scalars(mine.distinct().order_by(member.compartment_id))
    return TEAM, *restricted


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
    named = Incident.id == session.scalar(alias)
    with suppress(UsageError):
        named = or_(named, Incident.reference == read_reference(name))
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
    session: Session, reader: IncidentReader, incidents: Sequence[Incident], *, before: int = 0, limit: int = 0
) -> Sequence[IncidentEntry]:
    """What happened in incidents, the newest first. ``before``: only older than the entry of this number."""
    row = IncidentEntry
    query = select(row).where(row.incident_id.in_([one.id for one in incidents]), readable(session, reader, row))
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
