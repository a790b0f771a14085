"""A severity scheme: what is asked, conditions on the answers, a score, and levels. Data in an edition."""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

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
from tocsin.node.sentences import say

_HINT: Final = "docs/severity.md has every key of a scheme."
_KINDS: Final = ("where", "input", "any", "all", "of", "never")


class SeverityChoice(TextPart):
    """An answer that can be chosen, and its worth for a score."""

    id: Identifier
    title: str = ""
    value: float = Field(0, ge=0)


class SeverityPart(TextPart):
    """Something with an id, and what people read of it."""

    id: Identifier
    title: str = ""
    cite: str = ""


class SeverityInput(SeverityPart):
    """What is asked: one of ``choices``, a ``number``, or else yes or no.

    ``weight``: in a weighted mean. ``default``: what holds where nothing is said; without it, that is unknown.
    """

    choices: tuple[SeverityChoice, ...] = ()
    number: bool = False
    unit: str = ""
    least: float = 0
    most: float | None = None
    weight: float = Field(0, ge=0)
    default: bool | float | str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.number and self.choices:
            raise ValueError(say("Give choices or number, not both."))
        if len({one.id for one in self.choices}) < len(self.choices):
            raise ValueError(say("Two choices have the same id."))
        return self


class SeverityCondition(SeverityPart):
    """Something that holds or does not, said in one of these ways.

    ``where``: each input has one of these choices. ``input`` with ``over`` or ``at_least``: of a number. ``any``,
    ``all``, and ``of`` with ``count``: of so many conditions or yes-or-no inputs. ``never``: where that one does not.
    """

    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    input: str = ""
    over: float | None = None
    at_least: float | None = None
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    count: int = Field(1, ge=1)
    never: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(bool(getattr(self, kind)) for kind in _KINDS) != 1:
            raise ValueError(say("Give one of %(listed)s.", listed=", ".join(_KINDS)))
        if bool(self.input) != ((self.over is None) != (self.at_least is None)):
            raise ValueError(say("A number has one of over and at_least."))
        if self.count > max(1, len(self.of)):
            raise ValueError(say("'count' is more than there are."))
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        """The conditions and yes-or-no inputs that it is made of."""
        return (*self.any, *self.all, *self.of, *([self.never] if self.never else []))


class SeveritySum(SeverityPart):
    """A number that is given, or else added up from inputs."""

    of: tuple[str, ...] = Field(min_length=1)


class SeverityFormula(TextPart):
    """A score: the mean of the worth of all inputs by their weights, from 0 to 100, or a sum of products."""

    kind: Literal["weighted mean", "sum of products"]
    terms: tuple[tuple[str, ...], ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.terms) != (self.kind == "sum of products"):
            raise ValueError(say("A sum of products has terms, a weighted mean has none."))
        return self


class SchemeLevel(TextPart):
    """A level: it holds where one of the conditions ``when`` does, or from a score on; without both, always.

    ``severity``: what an incident of this level gets; empty: nothing, as with a legal test.
    """

    id: Identifier
    title: str = ""
    severity: Literal["", "low", "medium", "high", "critical"] = ""
    when: tuple[str, ...] = ()
    score_from: float | None = None


class SeverityScheme(TextPart):
    """All of a scheme in an edition. ``level``: the most severe first; the first that holds is the level."""

    id: Identifier
    title: str
    act: str = ""
    edition: str
    restated: date | None = None
    source: str = ""
    note: str = ""
    input: tuple[SeverityInput, ...] = Field(min_length=1)
    condition: tuple[SeverityCondition, ...] = ()
    sum: tuple[SeveritySum, ...] = ()
    score: SeverityFormula | None = None
    level: tuple[SchemeLevel, ...] = Field(min_length=1)

    @cached_property
    def in_order(self) -> tuple[SeverityCondition, ...]:
        """The conditions, each after those that it is made of."""
        by_id = {one.id: one for one in self.condition}
        order = TopologicalSorter({one.id: one.parts for one in self.condition}).static_order()
        return tuple(by_id[name] for name in order if name in by_id)


def read_scheme(content: bytes, name: str = "The scheme") -> SeverityScheme:
    """A scheme from its bytes, checked as a whole.

    Raises:
        UsageError: it is no TOML and no JSON.
        TextFaultError: it is, and cannot be used; names all faults with their places.

    """
    read, text = parse_document(content, name)
    made = read_model(SeverityScheme, read, text, hint=_HINT)
    faults = [TextFault(place_of((block, at, key), read, text), why) for block, at, key, why in _faults(made)]
    if faults:
        raise TextFaultError(faults, hint=_HINT)
    return made


def find_scheme(name: str) -> SeverityScheme:
    """The scheme in a file, or the shipped one of this id.

    Raises:
        UsageError: it cannot be read.
        TextFaultError: it cannot be used.

    """
    return read_scheme(text_named(name, shipped_schemes()), name)


def shipped_schemes() -> dict[str, bytes]:
    """The schemes that come along, by id."""
    return shipped_in("tocsin.incidents.severity", "schemes")


Place: TypeAlias = tuple[str, int, str, str]
"""Block, place in it, key, and what is wrong there."""


def _faults(scheme: SeverityScheme) -> Iterator[Place]:
    """What types cannot say."""
    conditions = {one.id for one in scheme.condition}
    truths = conditions | {one.id for one in scheme.input if not one.choices and not one.number}
    yield from _twice(scheme)
    for at, condition in enumerate(scheme.condition):
        yield from (("condition", at, "", _no_truth(part)) for part in condition.parts if part not in truths)
        yield from (("condition", at, key, why) for key, why in _faults_of(condition, scheme))
    yield from _rings(scheme.condition)
    yield from _faults_of_numbers(scheme)
    for at, level in enumerate(scheme.level):
        yield from (("level", at, "when", _no_truth(name)) for name in level.when if name not in truths)
        if level.score_from is not None and scheme.score is None:
            yield "level", at, "score_from", say("The scheme has no [score].")
    if scheme.level[-1].when or scheme.level[-1].score_from is not None:
        yield "level", len(scheme.level) - 1, "", say("The last level holds always: it has no when and no score_from.")


def _faults_of(condition: SeverityCondition, scheme: SeverityScheme) -> Iterator[tuple[str, str]]:
    """(key, reason) of a condition on a number or on choices."""
    if condition.input and not any(one.number for one in scheme.input if one.id == condition.input):
        yield "input", say("There is no number '%(id)s'.", id=condition.input)
    known = {(one.id, choice.id) for one in scheme.input for choice in one.choices}
    for name, chosen in condition.where.items():
        for choice in chosen:
            if (name, choice) not in known:
                yield "where", say("'%(input)s' has no choice '%(id)s'.", input=name, id=choice)


def _faults_of_numbers(scheme: SeverityScheme) -> Iterator[Place]:
    numbers = {one.id for one in scheme.input if one.choices or one.most is not None}
    for at, total in enumerate(scheme.sum):
        yield from (("sum", at, "of", _no_number(part)) for part in total.of if part not in numbers)
    numbers |= {one.id for one in scheme.sum}
    for term in scheme.score.terms if scheme.score else ():
        yield from (("score", 0, "terms", _no_number(part)) for part in term if part not in numbers)


def _no_truth(name: str) -> str:
    return say("There is no condition or yes-or-no input '%(id)s'.", id=name)


def _no_number(name: str) -> str:
    return say("There is no choice, or number with most, '%(id)s'.", id=name)


def _twice(scheme: SeverityScheme) -> Iterator[Place]:
    seen = set[str]()
    blocks: dict[str, Iterable[SeverityPart]] = {
        "input": scheme.input,
        "condition": scheme.condition,
        "sum": scheme.sum,
    }
    for block, listed in blocks.items():
        for at, one in enumerate(listed):
            if one.id in seen:
                yield block, at, "id", say("Another one has the id '%(id)s'.", id=one.id)
            seen.add(one.id)


def _rings(conditions: tuple[SeverityCondition, ...]) -> Iterator[Place]:
    try:
        TopologicalSorter({one.id: set(one.parts) for one in conditions}).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        at = next(at for at, one in enumerate(conditions) if one.id in ring)
        yield "condition", at, "", say("These are made of each other: %(ids)s.", ids=", ".join(dict.fromkeys(ring)))
