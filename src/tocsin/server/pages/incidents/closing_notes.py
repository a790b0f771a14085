"""What stands against closing an incident: what feeds still see, and lessons of earlier ones that are not finished."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    MilestoneKind,
    ObservableKind,
    corrections_of,
    entries_of,
    observables_of,
)
from tocsin.incidents.closing import Lesson, causes_for, read_causes, unfinished_lessons
from tocsin.interface import Act
from tocsin.problems import ProblemSearch, ProblemStatus
from tocsin.server.pages.context import PageContext

if TYPE_CHECKING:
    from tocsin.incidents import Incident

_MOST: Final = 20  # observables that are looked up
_ADDRESSES: Final = {ObservableKind.IP.value, ObservableKind.NETWORK.value}
_ASKING: Final = {"closeIncident", "setCauseIncident", "milestoneIncident"}


@dataclass(frozen=True)
class StillSeen:
    """An observable with open problems, and when a feed saw the last of them."""

    value: str
    problems: int
    last_seen: datetime


@dataclass(frozen=True)
class ClosingNotes:
    """``after_recovery``: it was seen after the incident is said to have recovered."""

    seen: list[StillSeen] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    after_recovery: bool = False


def closing_notes(
    desk: PageContext, session: Session, reader: IncidentReader, family: Sequence["Incident"], act: Act | None = None
) -> ClosingNotes:
    """The notes on an incident with all that was merged into it; none for acts that do not ask."""
    if act is not None and act.operation not in _ASKING:
        return ClosingNotes()
    incident, seen = family[0], [*_still_seen(desk, session, reader, family)]
    causes = [incident.root_cause]
    if not incident.root_cause and incident.rsit_type:
        usual = causes_for(read_causes(desk.node.home), incident.rsit_type)
        causes = [one.id for one in usual if incident.rsit_type in one.rsit]
    lessons = unfinished_lessons(session, reader, causes, but=[one.id for one in family])
    recovered = _recovered(session, reader, family)
    return ClosingNotes(seen, lessons, recovered is not None and any(one.last_seen > recovered for one in seen))


def _still_seen(
    desk: PageContext, session: Session, reader: IncidentReader, family: Sequence["Incident"]
) -> Iterator[StillSeen]:
    """Addresses and networks of the incident with open problems; each is looked up as it is written."""
    known = [one.value for one in observables_of(session, reader, family) if one.kind in _ADDRESSES]
    for value in [*dict.fromkeys(known)][:_MOST]:
        found = desk.node.problems.find(ProblemSearch(state=ProblemStatus.OPEN, address=value), now=desk.now)
        if found.total:
            yield StillSeen(value, found.total, found.rows(0, 1)[0].last_seen)


def _recovered(session: Session, reader: IncidentReader, family: Sequence["Incident"]) -> datetime | None:
    """When the incident is said to have recovered; None: nobody said so."""
    entries = entries_of(session, reader, family, kinds=[IncidentEntryKind.MILESTONE])
    corrected = corrections_of(session, entries)
    found = [
        one.happened_at
        for one in entries
        if one.data.get("milestone") == MilestoneKind.RECOVERED and one.id not in corrected
    ]
    return min(found, default=None)
