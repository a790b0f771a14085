"""A roster as it counts now: its newest text, the changes in force, and the accounts of its people. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from tocsin.incidents.duty.ical import DutyCalendar
from tocsin.incidents.duty.models import DutyRoster, RosterChange
from tocsin.incidents.duty.roster import (
    DutyOverride,
    DutyPerson,
    DutyPlan,
    DutySwap,
    PlanShift,
    Roster,
    read_roster,
    roster_of_calendar,
)
from tocsin.incidents.duty.shifts import NEAR, NOBODY, DutyGap, DutyPeriod, duty_shifts
from tocsin.incidents.duty.states import ChangeKind
from tocsin.incidents.text_files import parse_document

AHEAD: Final = timedelta(days=14)
"""So far ahead gaps are named."""

_TOLD: Final = timedelta(days=60)  # of later shifts nobody is told that they moved


@dataclass(frozen=True)
class LiveRoster:
    """A roster as it counts. ``people``: the numbers of accounts by what the roster calls them."""

    row: DutyRoster
    roster: Roster
    people: Mapping[str, int]

    def period(self, start: datetime, end: datetime) -> DutyPeriod:
        """Shifts, gaps and overlaps between two instants."""
        return duty_shifts(self.roster, start, end, NEAR)

    def on_duty(self, at: datetime) -> list[int]:
        """The accounts of who is on duty, in the order of their names in the roster."""
        found = self.period(at, at + timedelta(microseconds=1)).shifts
        return [self.people[one.person] for one in found if one.person in self.people]

    def gaps(self, now: datetime) -> list[DutyGap]:
        """The gaps of the days to come that a person should close."""
        return [one for one in self.period(now, now + AHEAD).gaps if self.row.always or one.why != NOBODY]

    def shifts_of(self, person: int, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """From when to when somebody is on duty, whole shifts."""
        return [
            (one.starts or one.start, one.ends or one.end)
            for one in self.period(start, end).shifts
            if self.people.get(one.person) == person
        ]


@lru_cache(maxsize=64)
def read_text(text: str) -> Roster:
    """The roster of a text: TOML, JSON or iCalendar; read once.

    Raises:
        UsageError, TextFaultError: it cannot be used; names all faults.

    """
    if text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        return roster_of_calendar(DutyCalendar(text.encode(), "The calendar"))
    return read_roster(*parse_document(text.encode(), "The roster"))


def names_in(roster: Roster, now: datetime) -> set[str]:
    """Whom a roster names; of a calendar, in the year to come."""
    if roster.calendar is None:
        return {name for _, _, name in roster.people()} | {one.id for one in roster.person}
    return {one.person for one in roster.calendar.spans(now - NEAR, now + timedelta(days=366))}


def compose(
    row: DutyRoster, text: Roster, people: Mapping[str, int], changes: Iterable[RosterChange], left: Mapping[int, date]
) -> LiveRoster:
    """A roster with its changes. ``left``: since which day an account is closed, so that its shifts are gaps."""
    names = {number: name for name, number in people.items()}
    changed = list(changes)
    for number in {one for change in changed for one in (change.add, change.remove) if one is not None}:
        names.setdefault(number, f"person:{number}")
    overrides, swaps, plans = list(text.override), list(text.swap), list(text.plan)
    for one in changed:
        add, remove = (names.get(number or 0, "") for number in (one.add, one.remove))
        stretch = {"from": one.starts_at, "to": one.ends_at}
        if one.kind == ChangeKind.SWAP:
            swaps.append(DutySwap.model_validate({**stretch, "people": (remove, add)}))
        elif one.only:
            shift = PlanShift.model_validate({**stretch, "person": add})
            plans.append(DutyPlan.model_validate({**stretch, "id": str(one.id), "shift": (shift,)}))
        else:
            overrides.append(DutyOverride.model_validate({**stretch, "add": add, "remove": remove}))
    gone = {names[number]: day for number, day in left.items() if number in names}
    made = text.model_copy(
        update={
            "override": tuple(overrides), "swap": tuple(swaps), "plan": tuple(plans),
            "person": tuple(_people(text.person, gone)),
        }
    )  # fmt: skip
    return LiveRoster(row, made, {name: number for number, name in names.items()})


def _people(people: Iterable[DutyPerson], gone: Mapping[str, date]) -> Iterator[DutyPerson]:
    known = {one.id: one for one in people}
    yield from (one for name, one in known.items() if name not in gone)
    for name, day in gone.items():
        one = known.get(name, DutyPerson(id=name))
        yield one.model_copy(update={"until": min(day, one.until or day)})


@dataclass(frozen=True)
class MovedShifts:
    """Whose shifts moved: those that are no more, and those that are new."""

    person: int
    before: tuple[tuple[datetime, datetime], ...]
    after: tuple[tuple[datetime, datetime], ...]


def moved_shifts(before: LiveRoster, after: LiveRoster, now: datetime, but: Collection[int] = ()) -> list[MovedShifts]:
    """Whose shifts of the next two months moved by a change, in order. ``but``: who need not be told."""
    spans = [_spans(one, now) for one in (before, after)]
    found = []
    for person in sorted((spans[0].keys() | spans[1].keys()) - set(but)):
        old, new = (one.get(person, set()) for one in spans)
        if old != new:
            found.append(MovedShifts(person, tuple(sorted(old - new)), tuple(sorted(new - old))))
    return found


def _spans(live: LiveRoster, now: datetime) -> dict[int, set[tuple[datetime, datetime]]]:
    found: dict[int, set[tuple[datetime, datetime]]] = {}
    for one in live.period(now, now + _TOLD).shifts:
        if one.person in live.people:
            found.setdefault(live.people[one.person], set()).add((one.start, one.end))
    return found
