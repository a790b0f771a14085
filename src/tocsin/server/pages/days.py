"""What a list is narrowed by, as a person typed it: anything, and the first and the last day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from tocsin.server.pages.words import N_

WRONG: Final = N_("Write a day like 2026-11-24.")
"""What to do where a day cannot be read."""

WRONG_ORDER: Final = N_("The end must be a time after the beginning.")

_PLACES: Final = {"before": "", "after": ""}
_LAST: Final = 9998  # the last year after whose days there are others to count with


class ListFilter(BaseModel):
    """What a list is narrowed by. ``before`` and ``after``, where it has them, are where a page of it begins."""

    @property
    def asked(self) -> bool:
        """Whether anything narrows the list."""
        return any(value for name, value in self if name not in {*_PLACES, "format"})

    def query(self, **more: object) -> str:
        """The same from the beginning, with something else, as the end of an address."""
        return urlencode({name: value for name, value in {**dict(self), **_PLACES, **more}.items() if value})


class TextFilter(ListFilter):
    """What a list is narrowed by: a text ``q``. ``after``: how many entries stand on the pages before."""

    q: Annotated[str, Field(max_length=200)] = ""
    after: str = ""

    def fits(self, *texts: str) -> bool:
        """Whether one of these texts has it, in any case of letters."""
        wanted = self.q.strip().casefold().removeprefix("as" if self.q.strip()[2:].isdecimal() else "")
        return any(wanted in text.casefold() for text in texts)


class Days(ListFilter):
    """Part of what a list is narrowed by; ``until``: the last day that counts, with all its hours."""

    since: Annotated[str, Field(max_length=200)] = ""
    until: Annotated[str, Field(max_length=200)] = ""

    @property
    def start(self) -> datetime | None:
        """The beginning of the first day (UTC); None where none is given, or it is wrong."""
        return _day(self.since)

    @property
    def end(self) -> datetime | None:
        """The end of the last day (UTC), which no longer counts; None as for the first."""
        first, day = _day(self.since), _day(self.until)
        return day + timedelta(days=1) if day and not (first and day < first) else None

    @property
    def wrongs(self) -> Mapping[str, str]:
        """What is wrong with the days, by the name of the field; what is wrong narrows nothing."""
        given = {"since": self.since, "until": self.until}
        wrongs = {name: WRONG for name, text in given.items() if text.strip() and _day(text) is None}
        if not wrongs and self.start and self.until.strip() and self.end is None:
            wrongs["until"] = WRONG_ORDER
        return wrongs


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day.year <= _LAST else None
