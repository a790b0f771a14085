"""A deadline from a rule and the instant that starts it, and its explanation day by day. Nothing is read or kept."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tocsin.incidents.clocks.calendar import WorkingCalendar
from tocsin.incidents.clocks.text import ClockLimit, ClockRule, CountingRule, Period, PeriodUnit
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClockStep:
    """One day of an explanation. ``counted``: hours, days or working days of the period that fall on it."""

    day: date
    counted: float
    why: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something is due, in UTC; None: the act gives no period.

    ``begins`` and ``ends``: the period itself. ``limit_ends``: the end of the second period; None without one, where
    its start is not known, or where it lapsed. ``extended``: the period grew to two working days.
    """

    rule: ClockRule
    started: datetime
    begins: datetime
    ends: datetime | None = None
    limit_ends: datetime | None = None
    limit_lapsed: bool = False
    extended: bool = False
    due: datetime | None = None

    @property
    def shifted(self) -> bool:
        """Whether it moved as it fell on a day off."""
        return self.due != self._unshifted

    @property
    def _unshifted(self) -> datetime | None:
        return min(self.ends, self.limit_ends) if self.ends and self.limit_ends else self.ends


def reckon(
    rule: ClockRule, started: datetime, calendar: WorkingCalendar, facts: Mapping[str, datetime] | None = None
) -> Deadline:
    """When what a rule asks for is due, if the rule started then.

    ``facts``: instants by name, of which a limit takes its start. A period that ends with a day ends at 23:59:59.

    Raises:
        InputError: the deadline lies past the year 9999, or no working day comes.

    """
    try:
        return _reckon(rule, started, calendar, facts or {})
    except (OverflowError, ValueError):
        raise InputError(say("The period of '%(rule)s' goes past the year 9999.", rule=rule.id)) from None


def _reckon(rule: ClockRule, started: datetime, calendar: WorkingCalendar, facts: Mapping[str, datetime]) -> Deadline:
    period, eu = rule.within, rule.counting is CountingRule.EU
    if period is None:
        return Deadline(rule, started, started)
    extended = False
    if period.in_hours:
        begins = _next_hour(started) if eu else started
        ends = begins + _length(period)
    else:
        event = started.astimezone(calendar.zone).date()
        last = _last_day(event, period, rule.month_days, calendar)
        if eu and (least := _second_working_day(event, last, calendar)) > last:
            last, extended = least, True
        begins, ends = started, _end_of(last, calendar)
    limit_ends, lapsed = _limit(rule.limit, started, facts)
    due = min(ends, limit_ends) if limit_ends else ends
    if rule.shift or (eu and not period.in_hours):
        day = due.astimezone(calendar.zone).date()
        if calendar.day_off(day):
            day, at = calendar.next_working_day(day), rule.shift.at if rule.shift else None
            due = _at(day, at, calendar) if at else _end_of(day, calendar)
    return Deadline(rule, started, begins, ends, limit_ends, lapsed, extended, due)


def _length(period: Period) -> timedelta:
    return _HOUR * period.number if period.unit is PeriodUnit.HOURS else timedelta(minutes=period.number)


def _next_hour(started: datetime) -> datetime:
    """The hour in which the event occurs does not count (1182/71, article 3(1)): the next one begins the period."""
    return started.replace(minute=0, second=0, microsecond=0) + _HOUR


def _last_day(event: date, period: Period, month_days: int | None, calendar: WorkingCalendar) -> date:
    """The day with which a period ends that does not count the day of the event (1182/71, article 3(1) and (2))."""
    match period.unit:
        case PeriodUnit.WORKING_DAYS:
            for _ in range(period.number):
                event = calendar.next_working_day(event)
            return event
        case PeriodUnit.MONTHS if not month_days:
            years, month = divmod(event.month - 1 + period.number, 12)
            year = event.year + years
            return date(year, month + 1, min(event.day, monthrange(year, month + 1)[1]))
    days = {PeriodUnit.WEEKS: 7, PeriodUnit.MONTHS: month_days or 0}.get(period.unit, 1)
    return event + timedelta(days=period.number * days)


def _second_working_day(event: date, last: date, calendar: WorkingCalendar) -> date:
    """A period of two days or more includes at least two working days (1182/71, article 3(5))."""
    if (last - event).days < 2:
        return last
    return calendar.next_working_day(calendar.next_working_day(event))


def _limit(limit: ClockLimit | None, started: datetime, facts: Mapping[str, datetime]) -> tuple[datetime | None, bool]:
    """When a limit ends, and whether it lapsed as the period began after it."""
    since = facts.get(limit.starts_with) if limit else None
    if limit is None or since is None:
        return None, False
    ends = since + _length(limit.within)
    return (None, True) if limit.lapses and started >= ends else (ends, False)


def _at(day: date, moment: time, calendar: WorkingCalendar) -> datetime:
    return datetime.combine(day, moment, calendar.zone).astimezone(UTC)


def _end_of(day: date, calendar: WorkingCalendar) -> datetime:
    """The last second of a local day; where clocks go back before midnight, the later one."""
    return _at(day + _DAY, time.min, calendar) - _SECOND


def explain(deadline: Deadline, calendar: WorkingCalendar) -> Iterator[ClockStep]:
    """A deadline, day by day: what counts of each day, and why it ends where it does."""
    rule, period = deadline.rule, deadline.rule.within
    first = deadline.started.astimezone(calendar.zone).date()
    if period is None or deadline.ends is None:
        yield ClockStep(first, 0, say("The act gives no number: %(words)s.", words=rule.without_period))
        return
    yield from (_hours if period.in_hours else _days)(deadline, period, calendar)
    if deadline.extended:
        yield ClockStep(
            deadline.ends.astimezone(calendar.zone).date(),
            0,
            say("Two days or more include at least two working days (1182/71, article 3(5))."),
        )
    yield from _explain_limit(deadline, first, calendar)
    if deadline.shifted:
        yield from _explain_shift(deadline, calendar)


def _hours(deadline: Deadline, period: Period, calendar: WorkingCalendar) -> Iterator[ClockStep]:
    begins, ends = deadline.begins, deadline.ends or deadline.begins
    if begins != deadline.started:
        yield ClockStep(
            deadline.started.astimezone(calendar.zone).date(),
            0,
            say("The hour of the event does not count (1182/71, article 3(1))."),
        )
    day, at = begins.astimezone(calendar.zone).date(), begins
    while at < ends:
        until = min(ends, _at(day + _DAY, time.min, calendar))
        off = calendar.day_off(day)
        if at == begins:
            why = say("%(period)s from %(time)s.", period=period, time=f"{at.astimezone(calendar.zone):%H:%M}")
        else:
            why = say("Hours run on: %(day)s.", day=off) if off else say("Hours run on.")
        yield ClockStep(day, round((until - at) / _HOUR, 4), why)
        day, at = day + _DAY, until


def _days(deadline: Deadline, period: Period, calendar: WorkingCalendar) -> Iterator[ClockStep]:
    first = deadline.started.astimezone(calendar.zone).date()
    last = (deadline.ends or deadline.begins).astimezone(calendar.zone).date()
    yield ClockStep(first, 0, say("The day of the event does not count."))
    number = 0
    for step in range(1, (last - first).days + 1):
        day = first + timedelta(days=step)
        off = calendar.day_off(day)
        if period.unit is PeriodUnit.WORKING_DAYS and off:
            yield ClockStep(day, 0, say("No working day: %(day)s.", day=off))
            continue
        number += 1
        if day == last:
            why = say("Day %(number)s: the last of %(period)s.", number=number, period=period)
        else:
            why = say("Day %(number)s of %(period)s.", number=number, period=period)
        yield ClockStep(day, 1, why)


def _explain_limit(deadline: Deadline, first: date, calendar: WorkingCalendar) -> Iterator[ClockStep]:
    limit = deadline.rule.limit
    if limit is None:
        return
    values = {"period": limit.within, "fact": limit.starts_with}
    if deadline.limit_lapsed:
        yield ClockStep(first, 0, say("Began after %(period)s from '%(fact)s': that limit has lapsed.", **values))
    elif deadline.limit_ends is None:
        yield ClockStep(first, 0, say("At most %(period)s from '%(fact)s', which is not known.", **values))
    elif deadline.ends and deadline.limit_ends < deadline.ends:
        day = deadline.limit_ends.astimezone(calendar.zone).date()
        yield ClockStep(day, 0, say("Ends sooner: at most %(period)s from '%(fact)s'.", **values))


def _explain_shift(deadline: Deadline, calendar: WorkingCalendar) -> Iterator[ClockStep]:
    due = deadline.due or deadline.started
    ends = [one for one in (deadline.ends, deadline.limit_ends) if one]
    day, target = (one.astimezone(calendar.zone).date() for one in (min(ends), due))
    while day < target:
        yield ClockStep(day, 0, say("Would be due on a day off: %(day)s.", day=calendar.day_off(day)))
        day += _DAY
    yield ClockStep(
        target,
        0,
        say("The next working day: due at %(time)s.", time=f"{due.astimezone(calendar.zone):%H:%M}"),
    )
