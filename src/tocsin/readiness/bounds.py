"""Missing is not zero: how low and how high a score and a rank could be, whatever the missing values are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.readiness.aggregate import AggregationStep, aggregate
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.normalise import Column
from tocsin.readiness.parameters import flag
from tocsin.readiness.recipe import Normalise
from tocsin.readiness.table import BoolArray, DataTable, FloatArray, highest, lowest


@dataclass(frozen=True)
class IndexBounds:
    """Per row: the index with every missing value at its worst and at its best, and the ranks this allows.

    ``lows`` and ``highs`` are the same for every element, (rows, codes).
    """

    low: FloatArray
    high: FloatArray
    best_rank: FloatArray
    worst_rank: FloatArray
    missing: FloatArray
    lows: FloatArray
    highs: FloatArray


def score_bounds(
    normalised: DataTable,
    missing: BoolArray,
    limits: tuple[FloatArray, FloatArray],
    hierarchy: Hierarchy,
    *,
    weights: FloatArray,
    steps: Sequence[AggregationStep],
) -> IndexBounds | None:
    """The bounds; None for Copeland, whose scores depend on all units at once.

    ``missing`` marks the normalised values that were not measured; ``limits`` are the worst and best of each
    indicator. The means rise with each member, so the extremes of the index are at the extremes of its members.
    """
    if any(step.method == "copeland" for step in steps):
        return None
    top = hierarchy.codes.index(hierarchy.top)
    lows, highs = (
        aggregate(np.where(missing, limit, normalised.values), hierarchy, weights, steps, normalised)
        for limit in limits
    )
    low, high = lows[:, top], highs[:, top]
    best, worst = np.full(len(low), np.nan), np.full(len(low), np.nan)
    for rows in normalised.slices():
        best[rows], worst[rows] = rank_bounds(low[rows], high[rows])
    return IndexBounds(low, high, best, worst, missing.mean(axis=1), lows, highs)


def rank_bounds(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The best and worst rank of each unit, given that each score lies between ``low`` and ``high``.

    Best: 1 + the units surely above. Worst: 1 + the units possibly above.
    """
    surely = (low[None, :] > high[:, None]).sum(axis=1)
    possibly = (high[None, :] > low[:, None]).sum(axis=1) - (high > low)
    return (1 + surely).astype(np.float64), (1 + possibly).astype(np.float64)


def scale_limits(normalised: DataTable, columns: Sequence[Column], how: Normalise) -> tuple[FloatArray, FloatArray]:
    """The worst and best value of each indicator: of its fixed scale where it has one (goalposts), else as observed."""
    low, high = lowest(normalised.values), highest(normalised.values)
    for i, column in enumerate(columns):
        one = how.indicator.get(column.code, how)
        if one.method == "goalposts" and flag(one.params, ("trunc2posts",), default=True):
            posts = one.params.get("gposts")
            scale = dict(column.meta).get("goalpost_scale", one.params.get("scale", 1.0))
            if isinstance(posts, list) and len(posts) == 3 and "goalpost_scale" not in dict(column.meta):
                scale = posts[2]
            low[i], high[i] = 0.0, float(str(scale))
    return low, high
