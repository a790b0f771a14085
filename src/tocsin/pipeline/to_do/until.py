"""Until when somebody snoozes an item: what people write, as a time."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from tocsin.node.errors import UsageError
from tocsin.node.sentences import say

MORNING: Final = time(8, 0, tzinfo=UTC)
_TIME: Final = re.compile(r"(?P<day>.+?)(?:[ T](?P<hour>[0-2]?\d):(?P<minute>[0-5]\d))?(?:Z| ?UTC)?", re.IGNORECASE)


def read_until(text: str, now: datetime) -> datetime:
    """``tomorrow``, ``next week`` (its Monday) or a date, each with a time or at 8:00; UTC. Pure.

    Raises:
        UsageError: it is none of these, or is not later than now.

    """
    found = _TIME.fullmatch(" ".join(text.split()))
    day = _day(found["day"].lower(), now.astimezone(UTC).date()) if found else None
    if found is None or day is None or int(found["hour"] or 0) > 23:
        raise UsageError(
            say("'%(text)s' is no time.", text=text[:40]),
            hint=say("Write 'tomorrow', 'next week' or a date such as 2026-12-04, and a time such as 8:00 (UTC)."),
        )
    hour = time(int(found["hour"]), int(found["minute"]), tzinfo=UTC) if found["hour"] else MORNING
    until = datetime.combine(day, hour)
    if until <= now:
        raise UsageError(say("'%(text)s' is over already.", text=text[:40]))
    return until


def _day(word: str, today: date) -> date | None:
    if word == "today":
        return today
    if word == "tomorrow":
        return today + timedelta(days=1)
    if word == "next week":
        return today + timedelta(days=7 - today.weekday())
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None
