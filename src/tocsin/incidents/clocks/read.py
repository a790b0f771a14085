"""Clocks read, inside the compartments of whoever reads; and which texts may apply to an incident."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from tocsin.directory import team_kinds
from tocsin.incidents.clocks.adoption import Calendars, parsed, rules_for
from tocsin.incidents.clocks.models import AdoptedClockText, IncidentClock
from tocsin.incidents.clocks.reckon import ClockStep, Deadline, explain, reckon
from tocsin.incidents.clocks.states import ClockStage, ClockState
from tocsin.incidents.clocks.text import ClockRule, ClockText
from tocsin.incidents.models import Incident, IncidentEntry, Party
from tocsin.incidents.read import IncidentReader, WaitingCount, entries_of, merged_family, parties_of, readable
from tocsin.incidents.states import IncidentEntryKind, IncidentState
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import Sentence, say

_RUNNING: Final = IncidentClock.state == ClockState.RUNNING.value


@dataclass(frozen=True)
class ClockStory:
    """A clock with its text, its deadline, and its entries, the newest first."""

    clock: IncidentClock
    adopted: AdoptedClockText
    rule: ClockRule
    deadline: Deadline
    entries: Sequence[IncidentEntry]
    steps: Sequence[ClockStep]

    @property
    def former(self) -> list[datetime]:
        """When it was due before, the latest change first."""
        return [datetime.fromisoformat(one.data["former"]) for one in self.entries if one.data.get("former")]


@dataclass(frozen=True)
class SuggestedRule:
    """A rule that may apply to an incident, and why."""

    adopted: AdoptedClockText
    rule: ClockRule
    reason: Sentence


def clocks_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[IncidentClock]:
    """The clocks of incidents: those that run first, in the order in which they are due."""
    row = IncidentClock
    of = row.incident_id.in_([one.id for one in incidents]), readable(session, reader, row)
    order = (row.state != ClockState.RUNNING.value, row.due_at.is_(None), row.due_at, row.id)
    return session.scalars(select(row).where(*of).order_by(*order)).all()


def find_clock(session: Session, reader: IncidentReader, incident: Incident, number: int) -> IncidentClock:
    """A clock of an incident, or of one that was merged into it, to be changed.

    Raises:
        NotFoundError: the reader knows none of this number there.

    """
    row, family = IncidentClock, [one.id for one in merged_family(session, reader, incident)]
    query = select(row).where(row.id == number, row.incident_id.in_(family), readable(session, reader, row))
    if (found := session.scalar(query.with_for_update())) is None:
        raise NotFoundError(say("There is no such thing in incident %(name)s.", name=incident.reference))
    return found


def deadline_of(clock: IncidentClock, adopted: AdoptedClockText, calendars: Calendars) -> Deadline:
    """When a clock is due, by the edition that it has and the calendar that holds now."""
    rule = parsed(adopted.content).find(clock.rule)
    facts = {rule.limit.starts_with: clock.limit_start} if rule.limit and clock.limit_start else {}
    return reckon(rule, clock.started_at, calendars.of(adopted), facts)


def stories_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> list[ClockStory]:
    """The clocks of incidents with all that is known of them."""
    clocks, calendars = clocks_of(session, reader, incidents), Calendars(session)
    entries = entries_of(session, reader, incidents, kinds=(IncidentEntryKind.CLOCK,)) if clocks else []
    found = []
    for clock in clocks:
        adopted = session.get_one(AdoptedClockText, clock.text_id)
        deadline = deadline_of(clock, adopted, calendars)
        steps = list(explain(deadline, calendars.of(adopted)))
        own = [one for one in entries if one.data.get("clock") == clock.id]
        found.append(ClockStory(clock, adopted, deadline.rule, deadline, own, steps))
    return found


def running_clocks(
    session: Session, reader: IncidentReader, *, stage: ClockStage | None = None, limit: int = 0
) -> Sequence[tuple[IncidentClock, Incident]]:
    """The clocks that run, with their incidents, in the order in which they are due."""
    query = select(IncidentClock, Incident).join(Incident, Incident.id == IncidentClock.incident_id)
    query = query.where(_RUNNING, readable(session, reader, IncidentClock))
    if stage is not None:
        query = query.where(*_in_stage(reader.now)[stage])
    query = query.order_by(IncidentClock.due_at.is_(None), IncidentClock.due_at, IncidentClock.id)
    return [(clock, incident) for clock, incident in session.execute(query.limit(limit) if limit else query)]


def count_by_stage(session: Session, reader: IncidentReader) -> Iterator[tuple[ClockStage, WaitingCount]]:
    """How many clocks are past half of their time, four fifths, all of it; since when, and when the first is due."""
    row, read = IncidentClock, readable(session, reader, IncidentClock)
    since = {
        ClockStage.HALF: row.half_at, ClockStage.MOST: row.most_at, ClockStage.OVER: row.due_at,
        ClockStage.ENDED: row.started_at,
    }  # fmt: skip
    for stage, conditions in _in_stage(reader.now).items():
        figures = select(func.count(), func.min(since[stage]), func.min(row.due_at)).where(_RUNNING, read, *conditions)
        yield stage, WaitingCount(*session.execute(figures).one())


def _in_stage(now: datetime) -> Mapping[ClockStage, tuple[ColumnElement[bool], ...]]:
    row = IncidentClock
    return {
        ClockStage.OVER: (row.due_at <= now,),
        ClockStage.MOST: (row.most_at <= now, row.due_at > now),
        ClockStage.HALF: (row.half_at <= now, row.most_at > now),
        ClockStage.ENDED: (or_(row.half_at > now, row.half_at.is_(None)), row.incident_id.in_(_ended_incidents())),
    }


def _ended_incidents() -> Select[int]:
    """The numbers of incidents with a running clock that have ended, or were merged into one that has."""
    with_clock = Incident.id.in_(select(IncidentClock.incident_id).where(_RUNNING))
    up = select(Incident.id.label("id"), Incident.merged_into, Incident.state).where(with_clock).cte(recursive=True)
    above = select(up.c.id, Incident.merged_into, Incident.state).join(Incident, Incident.id == up.c.merged_into)
    up = up.union(above)  # each once: a ring would end
    return select(up.c.id).where(up.c.state.in_([IncidentState.CLOSED.value, IncidentState.REJECTED.value]))


# Which texts may apply.


def suggested_rules(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> list[SuggestedRule]:
    """The rules that a person may want to start, each with a reason; none that the incident has a clock of.

    A rule that the submission of another notice starts is suggested once that was submitted, by its clock.
    """
    clocks = clocks_of(session, reader, incidents)
    parties = [one for one in parties_of(session, reader, incidents) if one.left_at is None]
    kinds = team_kinds(session, {one.team_id for one in parties if one.team_id is not None})
    levels = {
        f"{one.data['scheme']}:{one.data['level']}"
        for one in entries_of(session, reader, incidents, kinds=(IncidentEntryKind.RATING,), limit=20)
        if one.data.get("level")
    }
    have, met = (
        {one.rule for one in clocks},
        {one.rule for one in clocks if one.state in {ClockState.MET, ClockState.LATE}},
    )
    found = []
    for adopted, rule in rules_for(session, reader.now):
        reason = _reason(parsed(adopted.content), incidents, parties, kinds, levels)
        if rule.starts_with_submission_of:
            reason = say("The notice before it was submitted.") if rule.starts_with_submission_of in met else None
        if reason is not None and rule.id not in have:
            found.append(SuggestedRule(adopted, rule, reason))
    return found


def _reason(
    text: ClockText,
    incidents: Sequence[Incident],
    parties: Sequence[Party],
    kinds: Mapping[int, str],
    levels: set[str],
) -> Sentence | None:
    """Why a text may apply; None: nothing says so."""
    suggest = text.suggest
    if level := next((one for one in suggest.levels if one in levels), None):
        return say("By severity scheme: %(level)s.", level=level.replace(":", " "))
    if found := next((one.rsit_type for one in incidents if one.rsit_type in suggest.rsit_types), None):
        return say("The incident is of the type %(type)s.", type=found)
    for one in parties:
        if one.role in suggest.party_roles:
            return say("%(name)s is a party with the role %(role)s.", name=one.name, role=one.role)
        if kinds.get(one.team_id or 0) in suggest.team_kinds:
            return say("%(name)s is a team of the kind %(kind)s.", name=one.name, kind=kinds[one.team_id or 0])
    return None
