"""Working hours: ``24x7``, or days with from and to, such as ``mon-fri 08:00-17:00``."""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ALWAYS: Final = "24x7"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALWAYS = {"24x7", "24/7", "24 x 7", "always"}
_TIMES = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::00)?")


def read_hours(text: str) -> str:
    """The one form of hours: ``24x7`` or ``DAYS HH:MM-HH:MM``; days as ``mon-fri``, ``mon,wed``, ``mon-thu,sat``.

    The end may be 24:00 and lies after the beginning: a night shift is two lines.

    Raises:
        ValueError: it is not written so.

    """
    words = text.strip().lower().replace("\N{EN DASH}", "-")
    if words in _ALWAYS:
        return ALWAYS
    days, _, span = words.partition(" ")
    start, dash, end = span.replace(" ", "").partition("-")
    if not dash:
        raise ValueError("not hours such as 24x7 or mon-fri 08:00-17:00")
    first, last = _minutes(start), _minutes(end)
    if first >= last:
        raise ValueError("the end must lie after the beginning; write a night shift as two lines")
    return f"{_write_days(_read_days(days))} {_clock(first)}-{_clock(last)}"


def in_hours(hours: Iterable[str], zone: str, at: datetime) -> bool:
    """Whether one of these canonical hours holds at ``at``, on the clock of the IANA zone ``zone``."""
    there = at.astimezone(ZoneInfo(zone))
    minute = there.hour * 60 + there.minute
    return any(_holds(one, there.weekday(), minute) for one in hours)


def next_opening(hours: Iterable[str], zone: str, at: datetime) -> datetime | None:
    """When one of these canonical hours begins after ``at``, on the clock of ``zone``; None where none ever does."""
    clock = ZoneInfo(zone)
    today = at.astimezone(clock).date()
    dated = [one.partition(" ") for one in hours if one != ALWAYS]
    starts = (
        datetime.combine(day, time(*divmod(_minutes(span.partition("-")[0]), 60)), clock)
        for day in (today + timedelta(days=step) for step in range(8))
        for days, _, span in dated
        if day.weekday() in _read_days(days)
    )
    return min((start for start in starts if start > at), default=None)


def _holds(hours: str, day: int, minute: int) -> bool:
    if hours == ALWAYS:
        return True
    days, _, span = hours.partition(" ")
    start, _, end = span.partition("-")
    return day in _read_days(days) and _minutes(start) <= minute < _minutes(end)


def _read_days(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start, end = _day(first), _day(last if dash else first)
        found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return found


def _day(text: str) -> int:
    if text[:3] not in DAYS:
        raise ValueError(f"'{text}' is not a day; days are {', '.join(DAYS)}")
    return DAYS.index(text[:3])


def _write_days(days: set[int]) -> str:
    """Runs of days in the order of the week; a run that goes past Sunday is two."""
    parts: list[str] = []
    for day in sorted(days):
        if day - 1 in days:
            parts[-1] = f"{parts[-1].partition('-')[0]}-{DAYS[day]}"
        else:
            parts.append(DAYS[day])
    return ",".join(parts)


def _minutes(text: str) -> int:
    found = _TIMES.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2] or 0) if found else -1
    if not found or int(found[2] or 0) > 59 or minutes > 24 * 60:
        raise ValueError(f"'{text}' is not a time such as 08:00")
    return minutes


def _clock(minutes: int) -> str:
    return time(minutes // 60, minutes % 60).strftime("%H:%M") if minutes < 24 * 60 else "24:00"
