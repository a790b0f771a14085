"""Ranks as ranges, among those who agreed to be ranked and nobody else."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.readiness.assessment.scoring import QuestionScore


@dataclass(frozen=True)
class RankRange:
    """The best and the worst place that a unit can have, 1 is first; ``nominal`` is by its point."""

    unit: str
    best: int
    nominal: int | None
    worst: int


def rank_ranges(held: Mapping[str, QuestionScore]) -> list[RankRange]:
    """Rank ranges by unit, first place first.

    A unit is surely above another only when its whole range is. So ``best`` is one more than the number surely above
    it, and ``worst`` leaves below it only those that surely are.
    """
    ranges = [_range(unit, reading, held) for unit, reading in held.items()]
    return sorted(ranges, key=lambda row: (row.nominal is None, row.nominal or 0, row.best, row.unit))


def _range(unit: str, own: QuestionScore, held: Mapping[str, QuestionScore]) -> RankRange:
    others = [reading for name, reading in held.items() if name != unit]
    best = 1 + sum(other.low > own.high for other in others)
    worst = 1 + len(others) - sum(other.high < own.low for other in others)
    nominal = None
    if own.point is not None:
        above = sum(other.point > own.point for other in others if other.point is not None)
        nominal = min(max(1 + above, best), worst)
    return RankRange(unit, best, nominal, worst)
