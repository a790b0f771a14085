"""A duty calendar as iCalendar (RFC 5545): an event is a shift of whoever its summary names. Nothing is fetched."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tocsin.incidents.duty.shifts import (
    AROUND,
    DutyGap,
    DutyPeriod,
    DutyShift,
    check_period,
    cut,
    open_gap,
    overlaps,
    shift_of,
)
from tocsin.incidents.duty.spans import DutySpan
from tocsin.incidents.text_files import UTC_ZONE, TextFault, TextFaultError, read_zone
from tocsin.node.errors import InputError, UsageError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from icalendar import Calendar, Event, vRecur

MOST_EVENTS: Final = 5_000
MOST_OCCURRENCES: Final = 50_000
"""Of all recurring events together, in the time that is looked at."""
MOST_SEARCHING: Final = 5
"""Events that recur daily or hourly in some months or on some days only: finding that one never comes takes seconds."""

_BROKEN: Final = (ValueError, TypeError, AttributeError, LookupError, OverflowError)  # what the libraries raise
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_WAIT: Final = timedelta(days=29 * 366)  # after 28 years the days of the week are the same again
_MOST_FAULTS: Final = 20
_A_DAY: Final = {"HOURLY": 24.0, "DAILY": 1.0, "WEEKLY": 1.0, "MONTHLY": 1.0, "YEARLY": 1.0}
_SEARCHING: Final = {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYEASTER"}


class DutyCalendar:
    """Shifts from a calendar. Times without a zone, and whole days, are on its own clock, else on ``zone``."""

    def __init__(self, content: bytes, name: str, zone: ZoneInfo | None = None) -> None:
        self._calendar = _parse(content, name)
        _check(self._calendar)
        own = _zone(self._calendar)
        if own is None:
            self._calendar.pop("X-WR-TIMEZONE", None)  # one that nobody knows would stop the expansion
        self.zone = own or zone or UTC_ZONE

    def shifts(self, start: datetime, end: datetime) -> DutyPeriod:
        """What the calendar says of the time between two instants.

        Raises:
            InputError: that is no time, or there are too many events in it.

        """
        check_period(start, end)
        found = list(cut(self.spans(start, end), start, end, edges=_NO_EDGES))
        return DutyPeriod(tuple(found), tuple(_gaps(found, start, end)), tuple(overlaps(found)))

    def at(self, at: datetime) -> tuple[tuple[DutyShift, ...], DutyGap | None]:
        """Who is on duty at an instant, with their whole shifts; or the gap that it lies in."""
        spans = [one for one in self.spans(at, at + _MICROSECOND) if one.start <= at < one.end]
        if spans:
            return tuple(shift_of(one, _NO_EDGES) for one in spans), None
        edges = at - AROUND, at + AROUND
        around = list(cut(self.spans(*edges), *edges, edges=_NO_EDGES))
        gap = next(one for one in _gaps(around, *edges) if one.start and one.end and one.start <= at < one.end)
        return (), open_gap(gap, edges)

    def spans(self, start: datetime, end: datetime) -> list[DutySpan]:
        """The events that touch the time between two instants, whole."""
        import recurring_ical_events

        most = (end - start).days + 1
        if sum(_a_day(event) for event in _recurring(self._calendar)) * most > MOST_OCCURRENCES:
            raise InputError(say("The events of the calendar recur too often."))
        try:
            # a day more at both ends: the library takes whole days as days of UTC, and ours are of the zone
            events = recurring_ical_events.of(self._calendar).between(start - _DAY, end + _DAY)
        except _BROKEN as error:
            raise _unusable(error) from None
        spans = [self._span(event) for event in events if str(event.get("STATUS", "")).upper() != "CANCELLED"]
        within = [one for one in spans if one.start < one.end and one.end > start and one.start < end]
        return sorted(within, key=lambda one: (one.start, one.person, one.end))

    def _span(self, event: "Event") -> DutySpan:
        person = str(event.get("SUMMARY", "")).strip() or str(event.get("UID", ""))
        return DutySpan(self._instant(event.start), self._instant(event.end), person, say("Calendar"))

    def _instant(self, moment: date) -> datetime:
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time.min)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)


_NO_EDGES: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def _parse(content: bytes, name: str) -> "Calendar":
    from icalendar import Calendar

    try:
        found = Calendar.from_ical(content, multiple=True)
    except (*_BROKEN, RecursionError) as error:
        raise UsageError(f"{name} is no calendar: {error}.", hint="Export it again as iCalendar (.ics).") from None
    calendars = [one for one in found if one.name == "VCALENDAR"]
    if not calendars:
        raise UsageError(f"{name} has no calendar in it.", hint="Export it again as iCalendar (.ics).")
    for more in calendars[1:]:
        calendars[0].subcomponents += more.subcomponents
    return calendars[0]


def _check(calendar: "Calendar") -> None:
    """Nothing, where all events can be read, and expanded in a reasonable time.

    Raises:
        TextFaultError: some cannot; names the first ones.

    """
    events = calendar.events
    if len(events) > MOST_EVENTS:
        raise InputError(say("The calendar has more than %(most)s events.", most=f"{MOST_EVENTS:,}"))
    found = (
        TextFault(str(event.get("SUMMARY", "")) or str(event.get("UID", "")), reason)
        for event in events
        if (reason := _fault(event))
    )
    faults = list(islice(found, _MOST_FAULTS))
    if (
        not faults
        and sum(_searching(rule) for event in _recurring(calendar) for rule in _rules(event)) > MOST_SEARCHING
    ):
        faults = [TextFault("", say("Too many events recur daily in some months or on some days only."))]
    if faults:
        raise TextFaultError(faults, hint=say("Write these events in another way."))


def _fault(event: "Event") -> str:
    """What is wrong with an event; empty: nothing."""
    try:
        length, recurs = event.end - event.start, bool(event.get("RRULE"))
        rules = [(_part(rule, "FREQ"), _interval(rule), rule.keys()) for rule in _rules(event)]
    except _BROKEN as error:
        return say("It cannot be read: %(error)s", error=error)
    if not timedelta() <= length <= AROUND:
        return say("It ends before it starts, or lasts longer than %(days)s days.", days=AROUND.days)
    if recurs and event.start.year < 1970:
        return say("It recurs and begins before 1970.")
    if any(each not in _A_DAY or every < 1 or {"BYSECOND", "BYMINUTE"} & keys for each, every, keys in rules):
        return say("It recurs more often than each hour, or in no known way.")
    if any(_never(rule, event.start) for rule in _rules(event)):
        return say("It recurs on days that do not come.")
    return ""


def _never(rule: "vRecur", start: date) -> bool:
    """Whether none of its days comes: for those the library would search until the year 9999, each time."""
    from dateutil.rrule import rrulestr

    if not _SEARCHING & rule.keys():
        return False
    text = rule.to_ical().decode()  # type: ignore[no-untyped-call]  # icalendar says no types of it
    parts = [one for one in text.split(";") if not one.startswith(("UNTIL=", "COUNT="))]
    first = datetime.combine(start, time.min)
    try:
        found = rrulestr(";".join(parts), dtstart=first).replace(until=first + _LONGEST_WAIT * _interval(rule))
        return next(iter(found), None) is None
    except _BROKEN:  # what it says cannot be, or not in our time
        return True


def _searching(rule: Mapping[str, Any]) -> bool:
    return _part(rule, "FREQ") in {"HOURLY", "DAILY"} and bool(_SEARCHING & rule.keys())


def _recurring(calendar: "Calendar") -> "list[Event]":
    return [event for event in calendar.events if event.get("RRULE")]


def _rules(event: "Event") -> "list[vRecur]":
    found = event.get("RRULE") or []
    return found if isinstance(found, list) else [found]


def _part(rule: Mapping[str, Any], name: str) -> str:
    values = rule.get(name) or [""]
    return str(values[0] if isinstance(values, list) else values).upper()


def _interval(rule: Mapping[str, Any]) -> int:
    return int(_part(rule, "INTERVAL") or 1)


def _a_day(event: "Event") -> float:
    """How often an event recurs on a day at most."""
    return sum(_A_DAY[_part(rule, "FREQ")] * max(1, len(rule.get("BYHOUR") or [])) for rule in _rules(event))


def _zone(calendar: "Calendar") -> ZoneInfo | None:
    """The zone that a calendar names for itself, as Google, Apple and Microsoft write it."""
    name = str(calendar.get("X-WR-TIMEZONE", "")).strip()
    try:
        return read_zone(name) if name else None
    except ValueError:
        return None


def _gaps(shifts: list[DutyShift], start: datetime, end: datetime) -> Iterator[DutyGap]:
    at = start
    for one in sorted(shifts, key=lambda one: one.start):
        if one.start > at:
            yield DutyGap(at, one.start, say("Nobody is planned."))
        at = max(at, one.end)
    if at < end:
        yield DutyGap(at, end, say("Nobody is planned."))


def _unusable(error: Exception) -> InputError:
    return InputError(say("An event of the calendar cannot be read: %(error)s", error=error))
