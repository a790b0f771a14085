"""How long something takes when its end is only known to lie between two moments: medians with their uncertainty.

A problem ends somewhere between its last sighting and the next run of its feed that did not see it (interval-censored),
or has not ended yet (right-censored). Nothing is assumed about the shape of the times: the estimate is the
non-parametric maximum likelihood one of Turnbull (1976, J. R. Statist. Soc. B 38, 290-295).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Hours = npt.NDArray[np.float64]

RESAMPLES: Final = 200
_FEWEST: Final = 5  # with fewer times a bootstrap says nothing
_FINEST: Final = 64  # moments that are told apart; more would cost much and say little
_STANDS = 1e-6  # the estimate stands when no mass moves by more in a step
_NEAR = 5e-4  # as near is enough for one of many resamples
_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class Curve:
    """The estimate: ``mass[i]`` of all times lies in the interval from ``start[i]`` to ``end[i]``.

    Where inside, the data does not say. Intervals are disjoint and sorted; the last may end at infinity.
    """

    start: Hours
    end: Hours
    mass: Hours

    def quantile(self, share: float) -> tuple[float, float]:
        """Between which two times the share of all has ended."""
        return _quantile(self.start, self.end, self.mass[None, :], share)[0]


@dataclass(frozen=True, slots=True)
class Median:
    """The median time, which lies between ``earliest`` and ``latest`` (hours), with the interval of its uncertainty.

    ``low`` and ``high`` hold it with the stated confidence, None where there are too few times. ``latest`` and ``high``
    are infinite where more than half have not ended. ``times`` were used, of which ``ended`` have an end.
    """

    times: int
    ended: int
    earliest: float
    latest: float
    low: float | None
    high: float | None


def turnbull(left: Hours, right: Hours) -> Curve:
    """The estimate for times that lie in ``(left[i], right[i]]``, float64[n] in hours.

    ``right`` is infinite for what has not ended; ``left == right`` is a time known exactly.

    Raises:
        ValueError: there are no times, or an interval ends before it starts.

    """
    if not len(left) or (left > right).any():
        raise ValueError("each time needs an interval that does not end before it starts")
    left, right, counts = _distinct(left, right)
    starts, ends = _innermost(left, right)
    even = np.full((1, len(starts)), 1 / len(starts))
    mass = _estimate(_covers(left, right, starts, ends), counts[None, :], even, _STANDS)[0]
    return Curve(starts, ends, mass)


def median(left: Hours, right: Hours, *, confidence: float = 0.95, resamples: int = RESAMPLES) -> Median:
    """The median of interval-censored times, with a percentile interval from resampling them.

    The same times give the same figures, in any order.

    Raises:
        ValueError: as `turnbull`.

    """
    left, right = coarse(left, right)
    curve = turnbull(left, right)
    earliest, latest = curve.quantile(0.5)
    low = high = None
    if len(left) >= _FEWEST:
        bounds = np.array(_quantile(curve.start, curve.end, _resampled(curve, left, right, resamples), 0.5))
        tail = (1 - confidence) / 2
        low = float(np.quantile(bounds[:, 0], tail, method="lower"))
        high = float(np.quantile(bounds[:, 1], 1 - tail, method="higher"))
    ended = int(np.isfinite(right).sum())
    return Median(len(left), ended, earliest, latest, low, high)


def _resampled(curve: Curve, left: Hours, right: Hours, resamples: int) -> Hours:
    """The masses that samples drawn from the times themselves would have given, float64[resamples, intervals]."""
    some_left, some_right, counts = _distinct(left, right)
    draws = np.random.default_rng(len(left)).multinomial(len(left), counts / len(left), resamples)
    # From the estimate itself, with a little everywhere: what has no mass at all never gets any.
    start = 0.9 * curve.mass + 0.1 / len(curve.mass)
    covers = _covers(some_left, some_right, curve.start, curve.end)
    return _estimate(covers, draws.astype(np.float64), np.tile(start, (resamples, 1)), _NEAR)


def coarse(left: Hours, right: Hours, finest: int = _FINEST) -> tuple[Hours, Hours]:
    """The same intervals, widened to ends on a grid of their quantiles where they have very many different ends.

    Widened means that the truth stays inside: nothing is claimed that the data do not say.
    """
    moments = np.unique(np.concatenate([left, right[np.isfinite(right)]]))
    if len(moments) <= finest:
        return left, right
    grid = moments[np.linspace(0, len(moments) - 1, finest).round().astype(np.intp)]
    # (left, right] is open at its left end, so a moment that is known exactly needs an end of the grid before itself:
    # one is taken off there, and where ``left`` is not on the grid, since searchsorted gives the next one after it.
    exact = left == right
    before = np.searchsorted(grid, left, side="left") - (exact | (grid[np.searchsorted(grid, left)] != left))
    after = np.searchsorted(grid, right, side="left")
    wider_left = np.where(exact & (before < 0), left, grid[np.maximum(before, 0)])
    wider_right = np.where(np.isfinite(right), grid[np.minimum(after, len(grid) - 1)], right)
    return wider_left, wider_right


def _distinct(left: Hours, right: Hours) -> tuple[Hours, Hours, Hours]:
    """The different intervals, sorted, and how often each is there."""
    pairs, counts = np.unique(np.column_stack([left, right]), axis=0, return_counts=True)
    return pairs[:, 0], pairs[:, 1], counts.astype(np.float64)


def _innermost(left: Hours, right: Hours) -> tuple[Hours, Hours]:
    """The intervals that can hold mass: from a left end to the right end that follows it with no other between."""
    exact = left == right
    # In the order of the line, at one point: an open left end comes after a right end, an exact time is both at once.
    points = np.concatenate([left, right])
    kind = np.concatenate([np.where(exact, 0, 2), np.ones(len(right), dtype=np.int64)])
    order = np.lexsort((kind, points))
    is_left = kind[order] != 1
    opens = np.flatnonzero(is_left[:-1] & ~is_left[1:])
    starts, ends = points[order][opens], points[order][opens + 1]
    distinct = np.unique(np.column_stack([starts, ends]), axis=0)
    return distinct[:, 0], distinct[:, 1]


def _covers(left: Hours, right: Hours, starts: Hours, ends: Hours) -> Hours:
    """Which of the intervals each time may lie in, float64[times, intervals] of 0 and 1."""
    inside = (left[:, None] <= starts) & (ends <= right[:, None])
    # An exact interval at the open left end of a time is not in it.
    outside = (starts == ends) & (left[:, None] == starts) & (left != right)[:, None]
    covers: Hours = np.logical_and(inside, ~outside).astype(np.float64)
    return covers


def _estimate(covers: Hours, weights: Hours, mass: Hours, near: float) -> Hours:
    """The masses for each row of weights at once, by self-consistency steps from ``mass``: float64[rows, intervals]."""
    total = weights.sum(axis=1, keepdims=True)
    for _ in range(_STEPS):
        held = np.maximum(mass @ covers.T, np.finfo(np.float64).tiny)
        after: Hours = mass * ((weights / held) @ covers) / total
        change = np.abs(after - mass).max()
        mass = after
        if change < near:
            break
    return mass


def _quantile(starts: Hours, ends: Hours, masses: Hours, share: float) -> Sequence[tuple[float, float]]:
    """For each row of masses the interval in which its sum reaches the share."""
    reached = masses.cumsum(axis=1) >= share - 1e-6
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(starts) - 1)
    return [(float(starts[at]), float(ends[at])) for at in first]
