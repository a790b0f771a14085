"""Business time: weekly hours with shifts, breaks and holidays, counted forwards and backwards on a local clock."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from tocsin.incidents.text_files import DAYS, UTC_ZONE, DayName, TextPart, Zone, read_model
from tocsin.node.errors import InputError, UsageError
from tocsin.node.sentences import say

KEYS: Final = ("hours", "shifts", "breaks", "holidays", "time_zone")
MOST_DAYS: Final = 3700
"""Days that are looked through for business time: some ten years."""

Span: TypeAlias = tuple[datetime, datetime]
Minutes: TypeAlias = tuple[tuple[int, int], ...]
_DURATION: Final = re.compile(r"(-?)((?:\d{1,9}[smhd])+)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 0}
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")
_YEARLY: Final = re.compile(r"(\d\d)-(\d\d)")


def _minute(text: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise ValueError(say("'%(text)s' is no time; write it like 08:00.", text=text))
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _spans(given: object) -> Minutes:
    """Minutes of the local day from 0 to 1440, in order, none over another."""
    if not isinstance(given, dict):
        raise ValueError(say("Write times by their start, such as 09:00 = 17:00."))  # noqa: TRY004 (a fault of the text)
    spans = tuple(sorted((_minute(str(start)), _minute(str(end))) for start, end in given.items()))
    for start, end in spans:
        if start >= end:
            raise ValueError(say("The end must be after the start, up to 24:00; write a night as two days."))
    if any(before[1] > after[0] for before, after in pairwise(spans)):
        raise ValueError(say("Two of these times overlap."))
    return spans


def _key_of_day(text: str) -> str:
    """A date, or the day of a week."""
    if text[:3].lower() in DAYS:
        return text[:3].lower()
    return date.fromisoformat(text).isoformat()


def _holiday(text: object) -> str:
    """A date, or one of each year as MM-DD."""
    found = _YEARLY.fullmatch(str(text))
    return (
        date(2000, int(found[1]), int(found[2])).isoformat()[5:] if found else date.fromisoformat(str(text)).isoformat()
    )


_Times = Annotated[Minutes, BeforeValidator(_spans)]


class HoursText(TextPart):
    """Business hours as people write them: starts and ends, by day of the week or by date.

    ``shifts``: in place of the hours of a date. ``breaks``: taken out, of a date or a day of the week. ``holidays``:
    dates, or MM-DD for each year; no business at all.
    """

    hours: dict[DayName, _Times] = Field(min_length=1)
    shifts: dict[date, _Times] = Field(default_factory=dict)
    breaks: dict[Annotated[str, AfterValidator(_key_of_day)], _Times] = Field(default_factory=dict)
    holidays: tuple[Annotated[str, BeforeValidator(_holiday)], ...] = ()
    time_zone: Zone = UTC_ZONE


def read_hours_text(read: Mapping[str, Any], text: str) -> tuple["BusinessHours", list[str]]:
    """Business hours from the keys of a file, and the keys that were passed over.

    Raises:
        TextFaultError: they cannot be used.

    """
    given = {key: read[key] for key in KEYS if read.get(key) is not None}
    made = read_model(HoursText, given, text, hint="docs/clocks.md has every key of business hours.")
    return BusinessHours(made), sorted(read.keys() - set(KEYS))


@dataclass(frozen=True, slots=True)
class BusinessDuration:
    """Business time: seconds, or days with business where there are any; ``back``: before an instant, not after it."""

    seconds: int = 0
    days: int | None = None
    back: bool = False


def read_duration(text: str) -> BusinessDuration:
    """``90m``, ``1h30m``, ``2d``; with a minus sign it goes back.

    Raises:
        UsageError: it is none.

    """
    found = _DURATION.fullmatch(text.strip().lower())
    parts = re.findall(r"(\d{1,9})([smhd])", found[2]) if found else []
    days = sum(int(number) for number, unit in parts if unit == "d")
    if found is None or (days and any(unit != "d" for _, unit in parts)):
        raise UsageError(f"'{text}' is no business time.", hint="Write it like 90m, 8h, 1h30m or 2d; -90m goes back.")
    whole_days = bool(parts) and all(unit == "d" for _, unit in parts)
    return BusinessDuration(
        sum(int(number) * _SECONDS[unit] for number, unit in parts), days if whole_days else None, bool(found[1])
    )


class BusinessHours:
    """Business periods of a schedule. A period whose local times the clock skips is shorter, or none."""

    def __init__(self, text: HoursText) -> None:
        self.zone = text.time_zone
        self._text = text
        self._holidays = frozenset(text.holidays)
        self._seen: dict[date, tuple[Span, ...]] = {}

    def of_day(self, day: date) -> tuple[Span, ...]:
        """The periods of a local day, in UTC, in order."""
        if (found := self._seen.get(day)) is None:
            found = self._seen[day] = tuple(self._make(day))
        return found

    def _make(self, day: date) -> Iterator[Span]:
        name, dated = DAYS[day.weekday()], day.isoformat()
        if dated in self._holidays or dated[5:] in self._holidays:
            return
        spans = self._text.shifts.get(day, self._text.hours.get(name, ()))
        breaks = [*self._text.breaks.get(name, ()), *self._text.breaks.get(dated, ())]
        for start, end in spans:
            for one in _without((start, end), sorted(breaks)):
                first, last = (self._instant(day, minute) for minute in one)
                if first < last:
                    yield first, last

    def _instant(self, day: date, minute: int) -> datetime:
        day, moment = (day + timedelta(days=1), time.min) if minute == 1440 else (day, time(*divmod(minute, 60)))
        return datetime.combine(day, moment, self.zone).astimezone(UTC)

    def forward(self, start: datetime) -> Iterator[Span]:
        """Periods from an instant on, the first one cut at it; at most `MOST_DAYS` of days are looked at."""
        first = start.astimezone(self.zone).date()
        for step in range(MOST_DAYS):
            for begins, ends in self.of_day(first + timedelta(days=step)):
                if ends > start:
                    yield max(begins, start), ends

    def backward(self, start: datetime) -> Iterator[Span]:
        """Periods up to an instant, the latest first, cut at it."""
        first = start.astimezone(self.zone).date()
        for step in range(MOST_DAYS):
            for begins, ends in reversed(self.of_day(first - timedelta(days=step))):
                if begins < start:
                    yield begins, min(ends, start)

    def periods(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The periods between two instants, cut at both."""
        for begins, ends in self.forward(start):
            if begins >= end:
                return
            yield begins, min(ends, end)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Business time between two instants; none where the end is before the start."""
        return sum((ends - begins for begins, ends in self.periods(start, end)), timedelta())

    def add(self, start: datetime, length: BusinessDuration) -> datetime:
        """The instant that lies so much business time after another, or before it.

        A day is counted from day to day, at the time of the start, or where there is no business then, at the next
        business (going back: at the end of the last one).

        Raises:
            InputError: there is no such business within ten years.

        """
        if length.days is None:
            return self._add_seconds(start, length)
        for _ in range(length.days):
            start = self._next_day(start, -1 if length.back else 1)
        return self._add_seconds(start, BusinessDuration(back=length.back))

    def _next_day(self, at: datetime, step: int) -> datetime:
        """The same time of day on the next day with business."""
        local = at.astimezone(self.zone)
        for number in range(1, MOST_DAYS):
            day = local.date() + timedelta(days=step * number)
            if self.of_day(day):
                return datetime.combine(day, local.time(), self.zone).astimezone(UTC)
        raise _nothing()

    def _add_seconds(self, start: datetime, length: BusinessDuration) -> datetime:
        left = timedelta(seconds=length.seconds)
        for begins, ends in self.backward(start) if length.back else self.forward(start):
            if left <= ends - begins:
                return ends - left if length.back else begins + left
            left -= ends - begins
        raise _nothing()


def _without(span: tuple[int, int], breaks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of minutes once breaks, in order, are taken out."""
    start, end = span
    for first, last in breaks:
        if first < end and last > start:
            if start < first:
                yield start, first
            start = max(start, last)
    if start < end:
        yield start, end


def _nothing() -> InputError:
    return InputError(say("There is no such business time within ten years."), hint=say("Look at the hours."))
