"""Which days are working days: weekends and public holidays of a country, with what a node says itself."""

from datetime import date, datetime, timedelta
from typing import Final

from tocsin.incidents.text_files import DAYS, UTC_ZONE, DayName, TextPart, Zone
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

_NAMES: Final = (
    say("Monday"),
    say("Tuesday"),
    say("Wednesday"),
    say("Thursday"),
    say("Friday"),
    say("Saturday"),
    say("Sunday"),
)
_LONGEST_CLOSURE: Final = 366  # days without a working day: no country, but a text could say so


class CalendarText(TextPart):
    """A calendar as people write it. ``country``: ISO 3166-1, ``subdivision``: ISO 3166-2, of PyPI's ``holidays``.

    ``holidays`` and ``working_days`` add to and take from what the country has; ``weekend``: in place of the country's.
    """

    time_zone: Zone = UTC_ZONE
    country: str = ""
    subdivision: str = ""
    weekend: tuple[DayName, ...] | None = None
    holidays: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()

    def day(self, at: datetime) -> date:
        """The day of an instant on this clock."""
        return at.astimezone(self.time_zone).date()


class WorkingCalendar:
    """Working days and the clock of a place; remembers what it looked up.

    Raises:
        InputError: the country is not known.

    """

    def __init__(self, text: CalendarText) -> None:
        self.zone = text.time_zone
        self._own = {**dict.fromkeys(text.holidays, say("holiday")), **dict.fromkeys(text.working_days, "")}
        self._country = _country(text.country, text.subdivision) if text.country else {}
        weekend = text.weekend if text.weekend is not None else _weekend(self._country)
        self._weekend = {DAYS.index(day) for day in weekend}
        self._seen: dict[date, str] = {}

    def day_off(self, day: date) -> str:
        """Why a day is no working day, such as *Saturday* or *Christmas Day*; empty: it is one."""
        if (found := self._seen.get(day)) is None:
            found = self._seen[day] = self._look_up(day)
        return found

    def _look_up(self, day: date) -> str:
        if (own := self._own.get(day)) is not None:
            return own
        if holiday := self._country.get(day):
            return holiday
        return _NAMES[day.weekday()] if day.weekday() in self._weekend else ""

    def next_working_day(self, day: date) -> date:
        """The first working day after a day.

        Raises:
            InputError: there is none within a year.

        """
        for step in range(1, _LONGEST_CLOSURE):
            if not self.day_off(day + timedelta(days=step)):
                return day + timedelta(days=step)
        raise InputError(say("There is no working day in the year after %(day)s.", day=day))


def _country(code: str, subdivision: str) -> dict[date, str]:
    """Public holidays by day, for whatever year is asked for: names in English where there are any."""
    from holidays import country_holidays

    try:
        made = country_holidays(code.upper(), subdiv=subdivision.upper() or None)
    except NotImplementedError:
        raise InputError(
            say("There are no public holidays of '%(country)s' here.", country=f"{code} {subdivision}".strip()),
            hint=say("Write the days themselves into holidays."),
        ) from None
    if "en_US" in made.supported_languages:
        made = country_holidays(code.upper(), subdiv=subdivision.upper() or None, language="en_US")
    return made


def _weekend(country: object) -> tuple[str, ...]:
    found = getattr(country, "weekend", None)
    return tuple(DAYS[day] for day in sorted(found)) if found else ("sat", "sun")
