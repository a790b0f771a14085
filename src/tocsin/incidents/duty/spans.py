"""A roster as spans of time in UTC: weekday rules over midnight, and rotations through changes of the clock."""

import math
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.incidents.duty.roster import DutyRule, Roster, Rotation, RotationKind
from tocsin.incidents.text_files import DAYS
from tocsin.node.sentences import say

_DAY = timedelta(days=1)
_UNITS = {RotationKind.HOURLY: timedelta(hours=1), RotationKind.DAILY: _DAY, RotationKind.WEEKLY: 7 * _DAY}


@dataclass(frozen=True, slots=True)
class DutySpan:
    """A person from an instant up to another, and what says so."""

    start: datetime
    end: datetime
    person: str
    why: str


def rule_spans(roster: Roster, start: datetime, end: datetime) -> Iterator[DutySpan]:
    """What the rules of a roster say of the time between two instants; spans may begin before it and end after it."""
    rotations = {one.id: list(turns(roster, one, start - 2 * _DAY, end + 2 * _DAY)) for one in roster.rotation}
    for number, rule in enumerate(roster.rule, start=1):
        named = say("Rule %(rule)s", rule=rule.id or number)
        for begins, ends in _merged(_of_days(rule, roster, start, end)):
            if rule.person:
                yield DutySpan(begins, ends, rule.person, named)
            else:
                why = say("Rule %(rule)s, rotation %(rotation)s", rule=rule.id or number, rotation=rule.rotation)
                yield from _taken(rotations[rule.rotation], begins, ends, why)


def _taken(turns_: list[DutySpan], start: datetime, end: datetime, why: str) -> Iterator[DutySpan]:
    for one in turns_:
        if one.end > start and one.start < end:
            yield DutySpan(max(start, one.start), min(end, one.end), one.person, why)


def _of_days(rule: DutyRule, roster: Roster, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The hours of each day that a rule names, by their start."""
    zone, over = roster.time_zone, rule.end <= rule.start
    day, last = (at.astimezone(zone).date() for at in (start - 2 * _DAY, end + _DAY))
    while day <= last:
        held = (rule.since is None or day >= rule.since) and (rule.until is None or day < rule.until)
        if held and DAYS[day.weekday()] in rule.days:
            ends = datetime.combine(day + _DAY if over else day, rule.end, zone).astimezone(UTC)
            begins = datetime.combine(day, rule.start, zone).astimezone(UTC)
            if begins < ends:
                yield begins, ends
        day += _DAY


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Spans, in order, with those that touch as one."""
    current: tuple[datetime, datetime] | None = None
    for begins, ends in spans:
        if current and begins <= current[1]:
            current = current[0], max(current[1], ends)
        else:
            if current:
                yield current
            current = begins, ends
    if current:
        yield current


def turns(roster: Roster, rotation: Rotation, start: datetime, end: datetime) -> Iterator[DutySpan]:
    """Each turn of a rotation that touches the time between two instants.

    Turns are counted on the local clock: one is longer where it goes back, shorter where it skips an hour, none where
    all of it is skipped.
    """
    zone = rotation.time_zone or roster.time_zone
    local = roster.instant(rotation.start, zone).astimezone(zone).replace(tzinfo=None)
    first = _number(rotation, local, start.astimezone(zone).replace(tzinfo=None)) - 2
    number, begins = first, _handoff(rotation, local, first, zone)
    while begins < end:
        number += 1
        ends = _handoff(rotation, local, number, zone)
        if begins < ends and ends > start:
            person = rotation.people[(number - 1) % len(rotation.people)]
            yield DutySpan(begins, ends, person, "")
        begins = max(begins, ends)


def _number(rotation: Rotation, first: datetime, at: datetime) -> int:
    """The number of the turn on the local clock at a time, or one near it."""
    if rotation.kind is RotationKind.MONTHLY:
        return math.floor(((at.year - first.year) * 12 + at.month - first.month) / rotation.length)
    return (at - first) // (_UNITS[rotation.kind] * rotation.length)


def _handoff(rotation: Rotation, first: datetime, number: int, zone: ZoneInfo) -> datetime:
    """When a turn begins. Months are counted from the first turn, so that the 31st stays the last day of each month."""
    steps = number * rotation.length
    if rotation.kind is RotationKind.MONTHLY:
        years, month = divmod(first.month - 1 + steps, 12)
        year = first.year + years
        local = first.replace(year=year, month=month + 1, day=min(first.day, monthrange(year, month + 1)[1]))
    else:
        local = first + _UNITS[rotation.kind] * steps
    return local.replace(tzinfo=zone).astimezone(UTC)
