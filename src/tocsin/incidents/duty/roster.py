"""A roster as people write it: weekday rules, rotations, overrides, swaps, temporary plans, history."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from tocsin.incidents.text_files import (
    DAYS,
    UTC_ZONE,
    DayName,
    Identifier,
    TextFault,
    TextFaultError,
    TextPart,
    Zone,
    place_of,
    read_model,
    read_moment,
)
from tocsin.node.sentences import say

_HINT: Final = "docs/duty.md has every key of a roster."


def _time(given: object) -> object:
    """A time of day; 24:00 is the midnight after it."""
    if isinstance(given, time):
        return given
    try:
        return time.fromisoformat("00:00" if given == "24:00" else str(given).strip())
    except ValueError:
        raise ValueError(say("'%(text)s' is no time; write it like 08:00.", text=given)) from None


_Moment = Annotated[datetime, BeforeValidator(read_moment)]
_Time = Annotated[time, BeforeValidator(_time)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class RotationKind(StrEnum):
    """In which units the shifts of a rotation are counted, all on the local clock."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class DutyPerson(TextPart):
    """Someone of the roster; ``since`` and ``until``: the first day, and the first day on which they are gone."""

    id: _Name
    name: str = ""
    since: date | None = None
    until: date | None = None


class Rotation(TextPart):
    """People who take turns of ``length`` units; the first one takes over at ``start``, and so on both ways in time."""

    id: Identifier
    kind: RotationKind
    length: int = Field(1, ge=1, le=9000)
    start: _Moment
    people: tuple[_Name, ...] = Field(min_length=1)
    time_zone: Zone | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind is RotationKind.MONTHLY and self.length > 120:
            raise ValueError(say("A turn has at most 120 months."))
        return self


class DutyRule(TextPart):
    """A person or a rotation at some hours of some days. ``to`` before ``from``: over midnight; equal: 24 hours."""

    id: str = ""
    person: str = ""
    rotation: str = ""
    days: tuple[DayName, ...] = DAYS
    start: _Time = Field(time(), alias="from")
    end: _Time = Field(time(), alias="to")
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.person) == bool(self.rotation):
            raise ValueError(say("Give one of person and rotation."))
        return self


class _Stretch(TextPart):
    start: _Moment = Field(alias="from")
    end: _Moment = Field(alias="to")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if (self.start.tzinfo is None) == (self.end.tzinfo is None) and self.start >= self.end:
            raise ValueError(say("'to' must be after 'from'."))
        return self


class DutyOverride(_Stretch):
    """Someone in addition (``add``), not (``remove``), or in place of another (both)."""

    add: str = ""
    remove: str = ""
    why: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.add or self.remove):
            raise ValueError(say("Give add, remove, or both."))
        return self


class DutySwap(_Stretch):
    """Two people who take each other's shifts for a time."""

    people: tuple[_Name, _Name]
    why: str = ""


class PlanShift(_Stretch):
    """One shift of a temporary plan."""

    person: _Name


class DutyPlan(_Stretch):
    """A temporary plan: in its time nothing else of the roster counts."""

    id: str = ""
    shift: tuple[PlanShift, ...] = ()


class DutyRecord(TextPart):
    """Who was on duty; without ``to`` they still are."""

    person: _Name
    start: _Moment = Field(alias="from")
    end: _Moment | None = Field(None, alias="to")


class Roster(TextPart):
    """All of a roster. Up to ``history_until`` only ``history`` counts."""

    title: str = ""
    time_zone: Zone = UTC_ZONE
    person: tuple[DutyPerson, ...] = ()
    rule: tuple[DutyRule, ...] = ()
    rotation: tuple[Rotation, ...] = ()
    override: tuple[DutyOverride, ...] = ()
    swap: tuple[DutySwap, ...] = ()
    plan: tuple[DutyPlan, ...] = ()
    history: tuple[DutyRecord, ...] = ()
    history_until: _Moment | None = None
    _calendar: Any = PrivateAttr(None)

    @property
    def calendar(self) -> Any:
        """The `DutyCalendar` that says the shifts in place of rules; None: rules do."""
        return self._calendar

    def instant(self, moment: datetime, zone: ZoneInfo | None = None) -> datetime:
        """A time of this roster in UTC."""
        local = moment if moment.tzinfo else moment.replace(tzinfo=zone or self.time_zone)
        return local.astimezone(UTC)

    def people(self) -> Iterator[tuple[str, int, str]]:
        """(block, place, person) of everybody who is named."""
        for at, rule in enumerate(self.rule):
            yield from [("rule", at, rule.person)] if rule.person else []
        for at, rotation in enumerate(self.rotation):
            yield from (("rotation", at, one) for one in rotation.people)
        for at, override in enumerate(self.override):
            yield from (("override", at, one) for one in (override.add, override.remove) if one)
        for at, swap in enumerate(self.swap):
            yield from (("swap", at, one) for one in swap.people)
        for at, plan in enumerate(self.plan):
            yield from (("plan", at, shift.person) for shift in plan.shift)


def read_roster(read: dict[str, Any], text: str) -> Roster:
    """A roster from the tables of a file.

    Raises:
        TextFaultError: it cannot be used; names all faults with their places.

    """
    roster = read_model(Roster, read, text, hint=_HINT)
    if faults := [TextFault(place_of((block, at), read, text), why) for block, at, why in _faults(roster)]:
        raise TextFaultError(faults, hint=_HINT)
    return roster


def roster_of_calendar(calendar: Any) -> Roster:
    """A roster whose shifts are the events of a `DutyCalendar`."""
    made = Roster(time_zone=calendar.zone)
    made._calendar = calendar  # noqa: SLF001 (pydantic keeps what is no key of the text in such an attribute)
    return made


def _faults(roster: Roster) -> Iterator[tuple[str, int, str]]:
    """(block, place, reason) of what types cannot say."""
    rotations = [one.id for one in roster.rotation]
    for at, rule in enumerate(roster.rule):
        if rule.rotation and rule.rotation not in rotations:
            yield "rule", at, say("There is no rotation '%(id)s'.", id=rule.rotation)
    for at, name in enumerate(rotations):
        if name in rotations[:at]:
            yield "rotation", at, say("Another one has the id '%(id)s'.", id=name)
    known = {one.id for one in roster.person}
    if known:  # without a list of people every name is taken as it is
        for block, at, name in roster.people():
            if name not in known:
                yield block, at, say("There is no person '%(id)s' in this roster.", id=name)
