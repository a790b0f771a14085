"""Who is on duty from when to when: rules, then overrides and swaps, then temporary plans, then history."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from tocsin.incidents.duty.roster import DutyOverride, DutyPlan, DutySwap, Roster
from tocsin.incidents.duty.spans import DutySpan, rule_spans
from tocsin.node.errors import InputError
from tocsin.node.sentences import join_sentences, say

LONGEST: Final = timedelta(days=800)
"""The most that is asked for at once."""

AROUND: Final = timedelta(days=400)
"""How far a shift or a gap is followed before and after what was asked; beyond, its end is not known."""

NEAR: Final = timedelta(days=15)
"""So far most shifts reach."""

NOBODY: Final = say("Nobody is planned.")
"""Why there is a gap in which no shift lies."""

_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DutyShift:
    """Someone without a break. ``starts`` and ``ends``: of the whole shift, None where they are too far away.

    ``start`` and ``end``: within what was asked, so ``truncated`` where the shift goes on after it; a start that is
    history stays as it was.
    """

    person: str
    start: datetime
    end: datetime
    why: str
    starts: datetime | None
    ends: datetime | None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class DutyGap:
    """Time without anybody; None: further away than `AROUND`."""

    start: datetime | None
    end: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class DutyOverlap:
    """Time with more than one person, who may well be meant so."""

    start: datetime
    end: datetime
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DutyPeriod:
    """The shifts, gaps and overlaps of a period, each in the order of time."""

    shifts: tuple[DutyShift, ...]
    gaps: tuple[DutyGap, ...]
    overlaps: tuple[DutyOverlap, ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    """A time in which nothing changes: who is on duty, each with why, and why someone who was planned is not."""

    start: datetime
    end: datetime
    on: Mapping[str, str]
    absent: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    """Something that holds from ``start`` to ``end``."""

    start: datetime
    end: datetime
    what: DutySpan | DutyOverride | DutySwap | DutyPlan
    of: str


@dataclass
class _Open:
    """A shift that is not over yet."""

    start: datetime
    end: datetime
    reasons: dict[str, None] = field(default_factory=dict)


def duty_shifts(roster: Roster, start: datetime, end: datetime, around: timedelta = AROUND) -> DutyPeriod:
    """What a roster says of the time between two instants. ``around``: how far whole shifts are followed.

    Raises:
        InputError: that is no time, or longer than `LONGEST`.

    """
    check_period(start, end)
    segments = _segments(roster, *_around(start, end, around))
    until = roster.instant(roster.history_until) if roster.history_until else None
    spans = [DutySpan(one.start, one.end, person, why) for person, one, why in _whole(segments)]
    shifts = list(cut(spans, start, end, edges=(segments[0].start, segments[-1].end), history_until=until))
    within = [one for one in segments if one.end > start and one.start < end]
    return DutyPeriod(tuple(shifts), tuple(_gaps(within, start, end)), tuple(overlaps(shifts)))


def on_duty(roster: Roster, at: datetime) -> tuple[tuple[DutyShift, ...], DutyGap | None]:
    """Who is on duty at an instant, with their whole shifts; or the gap that it lies in."""
    near = _on_duty(roster, at, NEAR)  # most shifts are short, and a year takes long
    known = [(one.starts, one.ends) for one in near[0]] + ([(near[1].start, near[1].end)] if near[1] else [])
    return near if all(start and end for start, end in known) else _on_duty(roster, at, AROUND)


def _on_duty(roster: Roster, at: datetime, around: timedelta) -> tuple[tuple[DutyShift, ...], DutyGap | None]:
    segments = _segments(roster, *_around(at, at + timedelta(microseconds=1), around))
    edges = segments[0].start, segments[-1].end
    found = [
        shift_of(DutySpan(one.start, one.end, person, why), edges)
        for person, one, why in _whole(segments)
        if one.start <= at < one.end
    ]
    if found:
        return tuple(found), None
    gap = next(gap for gap in _gaps(segments, *edges) if gap.start and gap.end and gap.start <= at < gap.end)
    return (), open_gap(gap, edges)


def check_period(start: datetime, end: datetime) -> None:
    """Nothing, where the time between two instants can be asked for.

    Raises:
        InputError: that is no time, or longer than `LONGEST`.

    """
    if not start < end:
        raise InputError(say("The end must be after the start."))
    if end - start > LONGEST:
        raise InputError(say("At most %(days)s days are asked for at once.", days=LONGEST.days))


def shift_of(span: DutySpan, edges: tuple[datetime, datetime]) -> DutyShift:
    """A span as a whole shift; where it reaches the edge of what was looked at, its end is not known."""
    starts = span.start if span.start > edges[0] else None
    ends = span.end if span.end < edges[1] else None
    return DutyShift(span.person, span.start, span.end, span.why, starts, ends)


def cut(
    spans: Iterable[DutySpan],
    start: datetime,
    end: datetime,
    *,
    edges: tuple[datetime, datetime],
    history_until: datetime | None = None,
) -> Iterator[DutyShift]:
    """Spans as shifts within a time, by start and then by person."""
    keep_start = history_until is not None and history_until >= start
    for span in sorted(spans, key=lambda one: (one.start, one.person)):
        if span.end > start and span.start < end:
            whole = shift_of(span, edges)
            begins = span.start if keep_start else max(span.start, start)
            yield DutyShift(
                span.person, begins, min(span.end, end), span.why, whole.starts, whole.ends, truncated=span.end > end
            )


def overlaps(shifts: Sequence[DutyShift]) -> Iterator[DutyOverlap]:
    """Where more than one person is on duty."""
    edges = sorted({edge for one in shifts for edge in (one.start, one.end)})
    current: DutyOverlap | None = None
    waiting, active = sorted(shifts, key=lambda one: one.start, reverse=True), list[DutyShift]()
    for begins, ends in pairwise(edges):
        while waiting and waiting[-1].start <= begins:
            active.append(waiting.pop())
        active = [one for one in active if one.end > begins]
        people = tuple(sorted({one.person for one in active}))
        if current and current.end == begins and current.people == people:
            current = DutyOverlap(current.start, ends, people)
            continue
        if current:
            yield current
        current = DutyOverlap(begins, ends, people) if len(people) > 1 else None
    if current:
        yield current


def open_gap(gap: DutyGap, edges: tuple[datetime, datetime]) -> DutyGap:
    """A gap whose ends are not known where it reaches the edge of what was looked at."""
    return DutyGap(
        gap.start if gap.start and gap.start > edges[0] else None,
        gap.end if gap.end and gap.end < edges[1] else None,
        gap.why,
    )


def _around(start: datetime, end: datetime, around: timedelta = AROUND) -> tuple[datetime, datetime]:
    return start - around, end + around


def _segments(roster: Roster, start: datetime, end: datetime) -> list[_Segment]:
    """The time between two instants, cut wherever anything of a roster begins or ends."""
    changes = [one for one in _changes(roster, start, end) if one.end > start and one.start < end]
    edges = {edge for one in changes for edge in (one.start, one.end)} | set(_edges_of_people(roster))
    cuts = [start, *sorted(edge for edge in edges if start < edge < end), end]
    waiting, active = sorted(changes, key=lambda one: one.start, reverse=True), list[_Change]()
    found = []
    for begins, ends in pairwise(cuts):
        while waiting and waiting[-1].start <= begins:
            active.append(waiting.pop())
        active = [one for one in active if one.end > begins]
        found.append(_Segment(begins, ends, *_decide(roster, active, begins)))
    return found


def _changes(roster: Roster, start: datetime, end: datetime) -> Iterator[_Change]:
    spans = rule_spans(roster, start, end) if roster.calendar is None else roster.calendar.spans(start, end)
    yield from (_Change(one.start, one.end, one, "rule") for one in spans)
    for kind, listed in (("override", roster.override), ("swap", roster.swap), ("plan", roster.plan)):
        for one in listed:
            yield _Change(roster.instant(one.start), roster.instant(one.end), one, kind)
    for plan in roster.plan:
        why = say("Plan %(plan)s", plan=plan.id)
        for shift in plan.shift:
            # outside of its plan a shift of it does not count
            begins = max(roster.instant(shift.start), roster.instant(plan.start))
            ends = min(roster.instant(shift.end), roster.instant(plan.end))
            yield _Change(begins, ends, DutySpan(begins, ends, shift.person, why), "plan shift")
    for record in roster.history:
        begins, ends = roster.instant(record.start), roster.instant(record.end) if record.end else _ALWAYS
        yield _Change(begins, ends, DutySpan(begins, ends, record.person, say("History")), "history")


def _edges_of_people(roster: Roster) -> Iterator[datetime]:
    if roster.history_until:
        yield roster.instant(roster.history_until)
    for person in roster.person:
        for day in (person.since, person.until):
            if day:
                yield roster.instant(datetime.combine(day, time.min))


def _decide(roster: Roster, active: Sequence[_Change], at: datetime) -> tuple[dict[str, str], str]:
    """Who is on duty, each with why; and why someone who was planned is not."""
    planned = dict[str, str]()
    past = roster.history_until is not None and at < roster.instant(roster.history_until)
    source = "history" if past else "plan shift" if any(one.of == "plan" for one in active) else "rule"
    for one in active:
        if one.of == source and isinstance(one.what, DutySpan):
            planned.setdefault(one.what.person, one.what.why)
    if past:
        return planned, ""
    if source == "rule":
        before, planned = planned, _overridden(planned, [one.what for one in active])
        if before and not planned:
            return planned, say("Nobody takes the shift of %(person)s.", person=", ".join(before))
    away = [(person, why) for person in planned if (why := _away(roster, person, at))]
    for person, _ in away:
        del planned[person]
    return planned, join_sentences(" ", [why for _, why in away]) if away else ""


def _overridden(planned: dict[str, str], changes: Sequence[object]) -> dict[str, str]:
    """What rules say, with overrides and swaps; each looks at what the rules say alone."""
    takes = dict[str, tuple[str, str]]()
    for one in changes:
        if isinstance(one, DutySwap):
            first, second = one.people
            swap = say("Swap of %(first)s and %(second)s", first=first, second=second)
            takes |= {first: (second, swap), second: (first, swap)}
    added = dict[str, str]()
    for one in changes:
        if isinstance(one, DutyOverride) and one.remove:
            takes[one.remove] = one.add, say("Override: in place of %(person)s", person=one.remove)
        elif isinstance(one, DutyOverride):
            added[one.add] = say("Override: in addition")
    found = dict[str, str]()
    for person, why in planned.items():
        new, why_new = takes.get(person, (person, why))
        if new:
            found.setdefault(new, why_new)
    return found | {person: why for person, why in added.items() if person not in found}


def _away(roster: Roster, person: str, at: datetime) -> str:
    """Why someone cannot be on duty on a day; empty: they can."""
    found = next((one for one in roster.person if one.id == person), None)
    day = at.astimezone(roster.time_zone).date()
    if found and found.until and day >= found.until:
        return say("%(person)s is planned but left on %(day)s.", person=person, day=found.until)
    if found and found.since and day < found.since:
        return say("%(person)s is planned but comes on %(day)s.", person=person, day=found.since)
    return ""


def _whole(segments: Sequence[_Segment]) -> Iterator[tuple[str, _Open, str]]:
    """Each shift without a break: the person, from when to when, and all reasons in order."""
    running = dict[str, _Open]()
    for one in segments:
        for person in running.keys() - one.on.keys():
            yield _closed(person, running.pop(person))
        for person, why in one.on.items():
            open_ = running.setdefault(person, _Open(one.start, one.end))
            open_.end = one.end
            open_.reasons[why] = None
    for person, open_ in running.items():
        yield _closed(person, open_)


def _closed(person: str, found: _Open) -> tuple[str, _Open, str]:
    return person, found, join_sentences("; ", found.reasons)


def _gaps(segments: Sequence[_Segment], start: datetime, end: datetime) -> Iterator[DutyGap]:
    """Where nobody is on duty, cut at the ends; one that changes its reason is two."""
    current: DutyGap | None = None
    for one in segments:
        if one.on:
            if current:
                yield current
            current = None
            continue
        why = one.absent or NOBODY
        begins, ends = max(one.start, start), min(one.end, end)
        if current and current.why == why:
            current = DutyGap(current.start, ends, why)
        else:
            if current:
                yield current
            current = DutyGap(begins, ends, why)
    if current:
        yield current
