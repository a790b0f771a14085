"""Scores as pages show them: each with what it may be, since what is not known is a range and never a zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tocsin.interface import N_
from tocsin.readiness.assessment import Framework, FrameworkQuestion, Score, Snapshot

DEPTHS: Final = {"overall": 0, "pillar": 1, "indicator": 2}
KINDS: Final = {"overall": N_("Overall"), "pillar": N_("Pillar"), "indicator": N_("Indicator")}


@dataclass(frozen=True)
class Interval:
    """A line of a chart, 0 to 100: ``low`` to ``high`` is what the score may be, ``wide`` a wider range around it.

    ``before``: the score that it is compared with.
    """

    label: str
    low: float
    point: float | None
    high: float
    wide: tuple[float, float] | None = None
    before: float | None = None

    @property
    def known(self) -> bool:
        """Whether anything is known of it."""
        return self.point is not None or (self.low, self.high) != (0, 100)


def intervals(scores: Mapping[str, Score], wide: Mapping[str, Score] | None = None) -> list[Interval]:
    """The overall score and those of pillars; ``wide``: the same where only part of the answers counts."""
    around = wide or {}
    return [
        Interval(
            "" if one.kind == "overall" else one.title,
            one.low,
            one.point,
            one.high,
            (around[one.id].low, around[one.id].high) if one.id in around else None,
        )
        for one in scores.values()
        if one.kind in {"overall", "pillar"}
    ]


def changes(before: Mapping[str, Score], after: Mapping[str, Score]) -> list[Interval]:
    """As `intervals` of ``after``, each beside the score before."""
    return [
        Interval("" if one.kind == "overall" else one.title, one.low, one.point, one.high, before=before[one.id].point)
        for one in after.values()
        if one.kind in {"overall", "pillar"} and one.id in before
    ]


@dataclass(frozen=True)
class SectionProgress:
    """A pillar with its questions, how many are answered and verified or measured, and the first that is open."""

    id: str
    title: str
    questions: tuple[FrameworkQuestion, ...]
    answered: int
    supported: int
    open: str


def progress(snapshot: Snapshot) -> list[SectionProgress]:
    """How far each pillar is; a measured question counts as answered."""
    held, supported = snapshot.held(), snapshot.supported()
    sections = []
    for pillar in snapshot.framework.pillar:
        questions = tuple(question for indicator in pillar.indicator for question in indicator.question)
        answered = [one.id in held or one.id in supported for one in questions]
        first = next((one.id for one, known in zip(questions, answered, strict=True) if not known), "")
        sure = sum(one.id in supported for one in questions)
        sections.append(SectionProgress(pillar.id, pillar.title, questions, sum(answered), sure, first))
    return sections


def level_of(framework: Framework, question: str, level: int | None) -> str:
    """The label of a level; empty where the question does not apply."""
    return "" if level is None else framework.scales[framework.question(question).scale].levels[level].label
