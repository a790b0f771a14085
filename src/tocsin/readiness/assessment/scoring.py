"""Scores with their bounds: pure functions from readings to scores.

What is not known is a range, not a zero: a question without an answer may be anything from worst to best, and the
bounds of every score above it show that. The point is the weighted mean of what is known, and always lies within.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tocsin.node.records import from_row
from tocsin.readiness.assessment.frameworks import Framework

Kind = Literal["overall", "pillar", "indicator", "question"]


@dataclass(frozen=True)
class QuestionScore:
    """What is known of one question, from 0 to 1; ``point`` is None where nothing is known."""

    low: float
    point: float | None
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= (self.low if self.point is None else self.point) <= self.high <= 1:
            raise ValueError(f"a reading must rise within 0 to 1: {self.low}, {self.point}, {self.high}")


UNKNOWN = QuestionScore(0.0, None, 1.0)


@dataclass(frozen=True)
class Score:
    """The score of one part of a framework, 0 to 100. ``share`` is its part of the overall score, 0 to 1."""

    id: str
    kind: Kind
    title: str
    parent: str
    low: float
    point: float | None
    high: float
    known: float
    share: float


def exactly(value: float) -> QuestionScore:
    """A reading without doubt."""
    return QuestionScore(value, value, value)


def score(framework: Framework, readings: Mapping[str, QuestionScore | None]) -> dict[str, Score]:
    """Scores by id: ``overall``, then each pillar, indicator and question.

    ``readings`` is by question id: a question that is absent is unknown; None says it does not apply, and its weight
    goes to its neighbours. A pillar or indicator in which nothing applies is left out.
    """
    return {item.id: item for item in _overall(framework, readings)}


@dataclass(frozen=True)
class _Node:
    id: str
    kind: Kind
    title: str
    weight: float
    reading: QuestionScore
    known: float
    children: tuple["_Node", ...] = ()


def _overall(framework: Framework, readings: Mapping[str, QuestionScore | None]) -> Iterable[Score]:
    pillars = []
    for pillar in framework.pillar:
        indicators = []
        for indicator in pillar.indicator:
            questions = [
                _Node(q.id, "question", q.text, q.weight, reading, float(reading.point is not None))
                for q in indicator.question
                if (reading := readings.get(q.id, UNKNOWN)) is not None
            ]
            if questions:
                indicators.append(_mean(indicator.id, "indicator", indicator.title, indicator.weight, questions))
        if indicators:
            pillars.append(_mean(pillar.id, "pillar", pillar.title, pillar.weight, indicators))
    if pillars:
        yield from _flatten(_mean("overall", "overall", framework.title, 1.0, pillars), "", 1.0)


def _mean(ident: str, kind: Kind, title: str, weight: float, children: list[_Node]) -> _Node:
    total = sum(child.weight for child in children)
    shares = [child.weight / total for child in children]
    pairs = list(zip(shares, children, strict=True))
    low = min(1.0, sum(share * child.reading.low for share, child in pairs))
    high = min(1.0, sum(share * child.reading.high for share, child in pairs))
    points = [(share, child.reading.point) for share, child in pairs if child.reading.point is not None]
    point = None
    if points:
        mean = sum(share * value for share, value in points) / sum(share for share, _ in points)
        point = min(max(mean, low), high)  # what is known of the rest may rule the mean out
    known = sum(share * child.known for share, child in pairs)
    return _Node(ident, kind, title, weight, QuestionScore(low, point, max(low, high)), known, tuple(children))


def _flatten(node: _Node, parent: str, share: float) -> Iterable[Score]:
    reading = node.reading
    yield from_row(
        Score,
        node,
        parent=parent,
        low=100 * reading.low,
        point=None if reading.point is None else 100 * reading.point,
        high=100 * reading.high,
        share=share,
    )
    total = sum(child.weight for child in node.children)
    for child in node.children:
        yield from _flatten(child, node.id, share * child.weight / total)


@dataclass(frozen=True)
class ProfileResult:
    """How an assessment stands to a profile: ``short`` is known to be below it, ``unknown`` is unanswered."""

    id: str
    title: str
    reached: bool | None
    short: tuple[str, ...]
    unknown: tuple[str, ...]


def profiles(framework: Framework, levels: Mapping[str, int | None]) -> list[ProfileResult]:
    """Each profile of the framework against levels by question id (None: does not apply; absent: unknown)."""
    questions = {indicator.id: indicator.question for _, indicator in framework.indicators()}
    results = []
    for name, profile in framework.profiles.items():
        wanted = [(ident, q.id, need) for ident, need in profile.minimum.items() for q in questions[ident]]
        held = [(ident, levels.get(q, -1), need) for ident, q, need in wanted]
        short = tuple(dict.fromkeys(i for i, level, need in held if level is not None and 0 <= level < need))
        unknown = tuple(dict.fromkeys(i for i, level, need in held if level == -1 and need > 0))
        reached = False if short else None if unknown else True
        results.append(ProfileResult(name, profile.title, reached, short, unknown))
    return results
