"""A clock text: the periods of an act, each with what starts it, how it is counted, and what is due.

A text is data in an edition. Nothing here says that a text holds for anybody: a person adopts it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tocsin.incidents.clocks.calendar import CalendarText
from tocsin.incidents.text_files import (
    Identifier,
    TextFault,
    TextFaultError,
    TextPart,
    parse_document,
    place_of,
    read_model,
    shipped_in,
    text_named,
)
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say, say_count

_HINT: Final = "docs/clocks.md has every key of a clock text."


class PeriodUnit(StrEnum):
    """What a period is counted in."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working days"
    WEEKS = "weeks"
    MONTHS = "months"


_UNITS: Final = {
    **dict.fromkeys(("min", "minute", "minutes"), PeriodUnit.MINUTES),
    **dict.fromkeys(("h", "hour", "hours"), PeriodUnit.HOURS),
    **dict.fromkeys(("d", "day", "days"), PeriodUnit.DAYS),
    **dict.fromkeys(("working day", "working days"), PeriodUnit.WORKING_DAYS),
    **dict.fromkeys(("week", "weeks"), PeriodUnit.WEEKS),
    **dict.fromkeys(("month", "months"), PeriodUnit.MONTHS),
}
_PERIOD: Final = re.compile(r"(\d{1,5}) ?([a-z ]+)")
_SHIFT: Final = re.compile(r"(end|\d\d:\d\d) of the next working day")


class CountingRule(StrEnum):
    """How a period is counted."""

    PLAIN = "plain"  # hours from the minute on; days from the day after, to the end of the last one
    EU = "1182/71"  # Regulation (EEC, Euratom) 1182/71, article 3


@dataclass(frozen=True, slots=True)
class Period:
    """So many of a unit, such as ``72 hours``."""

    number: int
    unit: PeriodUnit

    @property
    def in_hours(self) -> bool:
        """Whether it runs on from an instant, and not from day to day."""
        return self.unit in {PeriodUnit.HOURS, PeriodUnit.MINUTES}

    def __str__(self) -> str:
        match self.unit:
            case PeriodUnit.MINUTES:
                return say_count("%(n)s minute", "%(n)s minutes", self.number)
            case PeriodUnit.HOURS:
                return say_count("%(n)s hour", "%(n)s hours", self.number)
            case PeriodUnit.DAYS:
                return say_count("%(n)s day", "%(n)s days", self.number)
            case PeriodUnit.WORKING_DAYS:
                return say_count("%(n)s working day", "%(n)s working days", self.number)
            case PeriodUnit.WEEKS:
                return say_count("%(n)s week", "%(n)s weeks", self.number)
            case PeriodUnit.MONTHS:
                return say_count("%(n)s month", "%(n)s months", self.number)


@dataclass(frozen=True, slots=True)
class Shift:
    """Where a deadline goes that falls on a day off: the next working day, at ``at``; None: to its end."""

    at: time | None

    def __str__(self) -> str:
        return f"{f'{self.at:%H:%M}' if self.at else 'end'} of the next working day"


def read_period(text: object) -> Period:
    """A period from its words.

    Raises:
        ValueError: these are none, or it has no length.

    """
    found = _PERIOD.fullmatch(str(text).strip().lower())
    unit = _UNITS.get(found[2].strip()) if found else None
    if found is None or unit is None:
        raise ValueError(say("'%(text)s' is no period; write it like 24 hours, 5 working days or 1 month.", text=text))
    if int(found[1]) == 0:
        raise ValueError(say("'%(text)s' has no length.", text=text))
    return Period(int(found[1]), unit)


def read_shift(text: object) -> Shift:
    """A shift from its words.

    Raises:
        ValueError: these are none.

    """
    found = _SHIFT.fullmatch(str(text).strip().lower())
    try:
        return Shift(None if found and found[1] == "end" else time.fromisoformat(found[1] if found else ""))
    except ValueError:
        raise ValueError(
            say("'%(text)s' is no shift; write it like 12:00 of the next working day.", text=text)
        ) from None


PeriodText = Annotated[Period, BeforeValidator(read_period)]
ShiftText = Annotated[Shift, BeforeValidator(read_shift)]


class ClockLimit(TextPart):
    """A second period that may end sooner; ``lapses``: it counts for nothing where the first starts after it."""

    starts_with: str
    within: PeriodText
    lapses: bool = False


class ClockRule(TextPart):
    """One period. What starts it is a fact, or that the notice of another rule was submitted.

    ``without_period``: the words of an act that gives no number, such as *without undue delay*. ``ours``: we owe what
    is due, not the entity. ``month_days``: days of a month where an act says so, in place of calendar months.
    """

    id: Identifier
    title: str = Field(min_length=1)
    cite: str = ""
    applies_to: str = ""
    to: str = ""
    form: str = ""
    notice: str = ""
    note: str = ""
    ours: bool = False
    starts_with: str = ""
    starts_with_submission_of: str = ""
    within: PeriodText | None = None
    without_period: str = ""
    counting: CountingRule = CountingRule.PLAIN
    month_days: int | None = None
    limit: ClockLimit | None = None
    shift: ShiftText | None = None

    @field_validator("month_days")
    @classmethod
    def _check_month(cls, days: int | None) -> int | None:
        if days is not None and not 28 <= days <= 31:
            raise ValueError(say("A month has 28 to 31 days, not %(days)s.", days=days))
        return days

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.starts_with) == bool(self.starts_with_submission_of):
            raise ValueError(say("Give one of starts_with and starts_with_submission_of."))
        if (self.within is None) == (not self.without_period):
            raise ValueError(say("Give one of within and without_period."))
        if self.limit and not self.limit.within.in_hours:
            raise ValueError(say("A limit is a period in hours."))
        return self


class ClockSuggestion(TextPart):
    """For which incidents a text is suggested: one of these RSIT types, or a party of such a role or kind of team.

    ``levels``: or a severity scheme gave this level, as in ``dora:major``.
    """

    rsit_types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    party_roles: tuple[str, ...] = ()
    team_kinds: tuple[str, ...] = ()


class ClockText(TextPart):
    """An act in an edition. ``facts``: what may start a period, by name; ``in_force``: from this day on."""

    id: Identifier
    title: str
    act: str = ""
    edition: str
    restated: date | None = None
    in_force: date | None = None
    source: str = ""
    note: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    calendar: CalendarText = CalendarText()
    suggest: ClockSuggestion = ClockSuggestion()
    rule: tuple[ClockRule, ...] = Field(min_length=1)

    def find(self, rule: str) -> ClockRule:
        """The rule of this id.

        Raises:
            NotFoundError: there is none.

        """
        found = next((one for one in self.rule if one.id == rule), None)
        if found is None:
            ids = ", ".join(one.id for one in self.rule)
            raise NotFoundError(f"There is no rule '{rule}' in {self.id}.", hint=f"It has: {ids}.")
        return found


def read_clock_text(content: bytes, name: str = "The text") -> ClockText:
    """A clock text from its bytes, checked as a whole.

    Raises:
        UsageError: it is no TOML and no JSON.
        TextFaultError: it is, and cannot be used; names all faults with their places.

    """
    read, text = parse_document(content, name)
    made = read_model(ClockText, read, text, hint=_HINT)
    if faults := [TextFault(place_of(("rule", at, key), read, text), why) for at, key, why in _faults(made.rule, made)]:
        raise TextFaultError(faults, hint=_HINT)
    return made


def find_clock_text(name: str) -> ClockText:
    """The text in a file, or the shipped one of this id.

    Raises:
        UsageError: it cannot be read.
        TextFaultError: it cannot be used.

    """
    return read_clock_text(text_named(name, shipped_texts()), name)


def shipped_texts() -> dict[str, bytes]:
    """The texts that come along, by id; none holds before a person adopts it."""
    return shipped_in("tocsin.incidents.clocks", "texts")


def edition_at(texts: Iterable[ClockText], started: datetime) -> ClockText | None:
    """The edition that holds for what started then: the newest in force on that day, on the clock of each.

    So a new edition leaves clocks alone that run already.
    """
    holding = [one for one in texts if one.in_force is None or one.in_force <= one.calendar.day(started)]
    return max(holding, key=lambda one: one.in_force or date.min, default=None)


def _faults(rules: tuple[ClockRule, ...], text: ClockText) -> Iterator[tuple[int, str, str]]:
    """(place of the rule, key, reason) of what types cannot say."""
    ids = [rule.id for rule in rules]
    for at, rule in enumerate(rules):
        if rule.id in ids[:at]:
            yield at, "id", say("Another one has the id '%(id)s'.", id=rule.id)
        facts = [("starts_with", rule.starts_with)] + ([("limit", rule.limit.starts_with)] if rule.limit else [])
        for key, fact in facts:
            if fact and fact not in text.facts:
                yield at, key, say("There is no fact '%(fact)s' in [facts].", fact=fact)
        before = rule.starts_with_submission_of
        if before and before not in ids:
            yield at, "starts_with_submission_of", say("There is no rule '%(id)s'.", id=before)
    try:
        TopologicalSorter({rule.id: {rule.starts_with_submission_of} for rule in rules}).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        yield (
            ids.index(ring[0]),
            "starts_with_submission_of",
            say("These start each other and so never start: %(rules)s.", rules=", ".join(dict.fromkeys(ring))),
        )
