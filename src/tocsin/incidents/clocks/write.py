"""Clocks written: started, moved, met; each with its entry, in the transaction of whoever calls.

Who calls has read the incident by its compartment; a notice that comes in has no reader.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.clocks.adoption import Calendars, find_rule, parsed, rules_for
from tocsin.incidents.clocks.models import AdoptedClockText, IncidentClock
from tocsin.incidents.clocks.read import deadline_of
from tocsin.incidents.clocks.reckon import Deadline, reckon
from tocsin.incidents.clocks.states import ClockStart, ClockState
from tocsin.incidents.clocks.text import ClockRule
from tocsin.incidents.models import Incident, IncidentEntry
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.write import add_entry

MOST_SHARE: Final = 0.8
"""Of the time of a clock: then it is more urgent."""

OUR_ANSWER: Final = "answer"
"""The notice that is our answer to an entity, as rules name it."""

_ENDED: Final = {ClockState.MET, ClockState.LATE}


@dataclass(frozen=True)
class ClockWriter:
    """Who writes, when, with which calendars. ``author``: whose word the entry is, where that is another."""

    session: Session
    calendars: Calendars
    actor: str
    now: datetime
    author: str = ""

    def enter(
        self, clock: IncidentClock, act: str, text: str = "", *, once: str | None = None, **data: Any
    ) -> IncidentEntry:
        """The entry of what was done with a clock; ``text``: a person's words."""
        incident = self.session.get_one(Incident, clock.incident_id)
        said = {"act": act, "clock": clock.id, "what": clock.title, "due": _iso(clock.due_at), **data}
        return add_entry(
            self.session, incident, IncidentEntryKind.CLOCK, text=text, data=said, actor=self.actor, now=self.now,
            author=self.author, once=once,
        )  # fmt: skip


@dataclass(frozen=True)
class ClockBeginning:
    """What a clock starts with. ``milestone``: its entry; ``limit_start``: when the rule's second period began."""

    start: ClockStart
    at: datetime
    milestone: IncidentEntry | None = None
    limit_start: datetime | None = None


def writer_for(session: Session, *, actor: str, now: datetime, author: str = "") -> ClockWriter:
    """A writer with the calendar that holds now."""
    return ClockWriter(session, Calendars(session), actor, now, author)


def start_clock(
    writer: ClockWriter,
    incident: Incident,
    adopted: AdoptedClockText,
    rule: ClockRule,
    beginning: ClockBeginning,
    *,
    party: int | None = None,
    source: str = "",
    once: str | None = None,
) -> tuple[IncidentClock, IncidentEntry]:
    """A clock of a rule that a person adopted, and its entry. ``source``: how its start is known."""
    clock = IncidentClock(
        incident_id=incident.id, compartment_id=incident.compartment_id, text_id=adopted.id, act=adopted.law,
        rule=rule.id, title=rule.title, due_notice=rule.notice, ours=rule.ours, party_id=party,
        state=ClockState.RUNNING.value, made_at=writer.now, ended_at=None,
    )  # fmt: skip
    _begin(clock, beginning)
    _settle(clock, deadline_of(clock, adopted, writer.calendars))
    writer.session.add(clock)
    writer.session.flush()
    return clock, writer.enter(clock, "started", source, start=_iso(clock.started_at), once=once)


def move_clock(writer: ClockWriter, clock: IncidentClock, beginning: ClockBeginning, *, source: str) -> IncidentEntry:
    """Let it start at another time; the entry keeps when it was due before."""
    _begin(clock, beginning)
    return _reckon_again(writer, clock, "moved", source, start=_iso(clock.started_at))


def renew_clock(writer: ClockWriter, clock: IncidentClock) -> IncidentEntry:
    """Reckon it by the edition that holds now for its start, which may be newer than its own.

    Raises:
        NotFoundError: no adopted text has its rule any more.

    """
    adopted, rule = find_rule(writer.session, clock.rule, clock.started_at)
    clock.text_id, clock.title, clock.due_notice, clock.ours = adopted.id, rule.title, rule.notice, rule.ours
    return _reckon_again(writer, clock, "reckoned", edition=adopted.edition)


def end_clock(writer: ClockWriter, clock: IncidentClock, at: datetime | None, reason: str = "") -> IncidentEntry:
    """It is met at an instant, in time or late; without one, it does not apply."""
    clock.ended_at = at or writer.now
    clock.state = (_met(clock) if at else ClockState.NOT_APPLICABLE).value
    return writer.enter(clock, clock.state, reason, met=_iso(at))


def reopen_clock(writer: ClockWriter, clock: IncidentClock) -> IncidentEntry:
    """It runs again."""
    clock.ended_at, clock.state = None, ClockState.RUNNING.value
    return writer.enter(clock, "reopened")


def milestone_corrected(writer: ClockWriter, before: IncidentEntry, made: IncidentEntry) -> None:
    """Let the clocks that start with a milestone start with its correction."""
    for clock in writer.session.scalars(select(IncidentClock).where(IncidentClock.entry_id == before.id)):
        clock.entry_id = made.id
        if clock.started_at != made.happened_at:
            clock.started_at = made.happened_at
            _reckon_again(writer, clock, "moved", start=_iso(clock.started_at))


def notice_submitted(
    session: Session,
    incident: Incident,
    kind: str,
    at: datetime,
    *,
    act: str,
    actor: str,
    now: datetime,
    author: str = "",
    party: int | None = None,
) -> list[IncidentClock]:
    """The clocks that the submission of a notice ended or started, in the transaction of whoever calls.

    ``kind``: ``early_warning``, ``notification``, ``intermediate``, ``final_report``, or ``answer`` for ours; ``act``:
    the id of the law; ``party``: the number of the entity. Where no clock waited for it, what it starts is started all
    the same, if a person adopted the text. A rule for some entities alone starts only after one for the same.
    """
    writer = writer_for(session, actor=actor, now=now, author=author)
    ended = running_of(session, incident, act, kind, party)
    for clock in ended:
        end_clock(writer, clock, at)
    rules = [(adopted, rule) for adopted, rule in rules_for(session, at) if adopted.law == act]
    done = {one.rule: one for one in ended}
    submitted = [rule for _, rule in rules if rule.id in done] or [
        rule for _, rule in rules if rule.notice == kind and not rule.applies_to
    ]
    started = []
    for before in submitted:
        clock_before = done.get(before.id)
        for_party = party if clock_before is None or clock_before.party_id is None else clock_before.party_id
        for adopted, rule in rules:
            follows = rule.starts_with_submission_of == before.id and rule.applies_to in {"", before.applies_to}
            if follows and not _is_there(session, incident, rule, for_party):
                begun = ClockBeginning(ClockStart.NOTICE, at)
                started.append(start_clock(writer, incident, adopted, rule, begun, party=for_party)[0])
    return [*ended, *started]


def running_of(session: Session, incident: Incident, act: str, kind: str, party: int | None) -> list[IncidentClock]:
    """The clocks of an incident, or of what was merged into it, that wait for a notice of an entity; to be ended."""
    row = IncidentClock
    of_family = select(Incident.id).where(or_(Incident.id == incident.id, Incident.merged_into == incident.id))
    waits = select(row).where(
        row.incident_id.in_(of_family), row.act == act, row.due_notice == kind, row.state == ClockState.RUNNING.value
    )
    if party is not None:
        waits = waits.where(or_(row.party_id.is_(None), row.party_id == party))
    return list(session.scalars(waits.order_by(row.id).with_for_update()))


def reckon_all(session: Session, *, actor: str, now: datetime) -> int:
    """Reckon all clocks that run by the calendar that holds now; how many are due at another time than before."""
    writer, row = writer_for(session, actor=actor, now=now), IncidentClock
    texts = {one.id: one for one in session.scalars(select(AdoptedClockText))}
    rules = {(number, rule.id): rule for number, one in texts.items() for rule in parsed(one.content).rule}
    running = select(row.id, row.text_id, row.rule, row.started_at, row.limit_start, row.due_at)
    moved = []
    for number, text, name, started, limit_start, due in session.execute(
        running.where(row.state == ClockState.RUNNING.value)
    ):
        rule = rules[text, name]
        facts = {rule.limit.starts_with: limit_start} if rule.limit and limit_start else {}
        if reckon(rule, started, writer.calendars.of(texts[text]), facts).due != due:
            moved.append(number)
    for clock in _by_number(session, moved):
        _reckon_again(writer, clock, "reckoned", calendar=True)
    return len(moved)


def _by_number(session: Session, numbers: list[int]) -> Iterator[IncidentClock]:
    for place in range(0, len(numbers), 500):
        yield from session.scalars(select(IncidentClock).where(IncidentClock.id.in_(numbers[place : place + 500])))


def _is_there(session: Session, incident: Incident, rule: ClockRule, party: int | None) -> bool:
    row = IncidentClock
    same = row.incident_id == incident.id, row.rule == rule.id, row.party_id == party
    return session.scalar(select(row.id).where(*same).limit(1)) is not None


def _begin(clock: IncidentClock, beginning: ClockBeginning) -> None:
    clock.start, clock.started_at = beginning.start.value, beginning.at
    clock.entry_id = beginning.milestone.id if beginning.milestone else None
    clock.limit_start = beginning.limit_start


def _reckon_again(writer: ClockWriter, clock: IncidentClock, act: str, text: str = "", **data: Any) -> IncidentEntry:
    before = clock.due_at
    adopted = writer.session.get_one(AdoptedClockText, clock.text_id)
    _settle(clock, deadline_of(clock, adopted, writer.calendars))
    former = {} if before == clock.due_at else {"former": _iso(before)}
    return writer.enter(clock, act, text, **data, **former)


def _settle(clock: IncidentClock, deadline: Deadline) -> None:
    """Give a clock its times; one that was met may be late by them, or in time."""
    clock.due_at = due = deadline.due
    clock.half_at = due and deadline.started + (due - deadline.started) / 2
    clock.most_at = due and deadline.started + (due - deadline.started) * MOST_SHARE
    if clock.state in _ENDED:
        clock.state = _met(clock).value


def _met(clock: IncidentClock) -> ClockState:
    late = clock.due_at is not None and clock.ended_at is not None and clock.ended_at > clock.due_at
    return ClockState.LATE if late else ClockState.MET


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
