"""Days in an address: ``{yesterday:%Y%m%d}``. Pure."""

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = re.compile(r"\{(today|yesterday)(?::([^{}]*))?\}")
_DIRECTIVES: Final = re.compile(r"(?:%[YymdjHMGVu%]|[^%])+")  # what reads the same in every locale


def dated(text: str, now: datetime, zone: str) -> str:
    """A text with the days of a time zone filled in: ISO 8601, or as strftime says behind the colon."""
    today = now.astimezone(ZoneInfo(zone or "UTC"))
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    return _DAY.sub(lambda found: days[found[1]].strftime(found[2] or "%Y-%m-%d"), text)


def check_dates(text: str) -> str:
    """The same text.

    Raises:
        ValueError: a day in it has a form that would not be the same on every machine.

    """
    for _, form in _DAY.findall(text):
        if form and not _DIRECTIVES.fullmatch(form):
            raise ValueError("a day takes %Y, %y, %m, %d, %j, %H, %M, %G, %V and %u: {yesterday:%Y%m%d}")
    return text
