"""Chances of Student's t and of Kendall's tau, and quantiles of the beta distribution.

Source of the incomplete beta function: NIST DLMF 8.17 (2024), the continued fraction 8.17.22 by Lentz's method.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tocsin.readiness.table import FloatArray

_TERMS: Final = 10_000
_STEPS: Final = 200
_EXACT: Final = 33  # values without ties, up to which the chance of a tau is counted out
_TINY: Final = 1e-300
_lgamma: Final = np.vectorize(math.lgamma, otypes=[np.float64])


def incomplete_beta(a: npt.ArrayLike, b: npt.ArrayLike, x: npt.ArrayLike) -> FloatArray:
    """Iₓ(a, b), regularised: the chance that a beta variable is at most ``x``; a and b above 0, x from 0 to 1."""
    first, second, share = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (a, b, x)))
    swapped = share > (first + 1) / (first + second + 2)  # there the other tail converges fast
    p, q = np.where(swapped, second, first), np.where(swapped, first, second)
    at = np.where(swapped, 1 - share, share)
    with np.errstate(divide="ignore"):
        front = np.exp(_lgamma(p + q) - _lgamma(p) - _lgamma(q) + p * np.log(at) + q * np.log1p(-at)) / p
    found = front * _continued_fraction(p, q, at)
    return np.asarray(np.where(swapped, 1 - found, found), dtype=np.float64)


def beta_quantile(a: float, b: float, share: float) -> float:
    """The x with Iₓ(a, b) = ``share``: by Newton's steps, and by halving where one leads out."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_STEPS):
        over = float(incomplete_beta(a, b, x)) - share
        low, high = (low, x) if over > 0 else (x, high)
        density = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_beta)
        after = x - over / density if density else low
        after = after if low < after < high else (low + high) / 2
        if abs(after - x) <= 1e-15 * x or after in {0.0, 1.0}:
            return after
        x = after
    return x


def student_chance(t: FloatArray, freedom: FloatArray) -> FloatArray:
    """The chance that Student's t of so many degrees of freedom is at least as far from 0 as ``t``."""
    with np.errstate(invalid="ignore"):
        part = np.where(np.isinf(t), 1.0, t * t / (freedom + t * t))
    near = 1 - incomplete_beta(0.5, freedom / 2, part)  # not far from 1
    far = incomplete_beta(freedom / 2, 0.5, np.where(np.isinf(t), 0.0, freedom / (freedom + t * t)))
    return np.where(part < 0.01, near, far)


def kendall(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Tau-b of paired values, and the chance of one as far from 0 where neither follows the other; NaN where constant.

    The chance is counted out for few values without ties, else the normal approximation with ties is used.
    Source: Kendall (1970), Rank Correlation Methods, chapters 3 to 5.
    """
    n = len(x)
    pairs = n * (n - 1) // 2
    ties_x, ties_y = _ties(x), _ties(y)
    scale = math.sqrt(pairs - ties_x[0]) * math.sqrt(pairs - ties_y[0])
    if not scale:
        return math.nan, math.nan
    upper = np.triu_indices(n, 1)
    score = float((np.sign(np.subtract.outer(x, x)) * np.sign(np.subtract.outer(y, y)))[upper].sum())
    against = (pairs - abs(score)) / 2  # pairs that disagree with the rest; only without ties
    if not ties_x[0] and not ties_y[0] and (n <= _EXACT or against <= 1):
        return score / scale, _exact_chance(n, int(against)) if score else 1.0
    ordered = n * (n - 1)
    variance = (ordered * (2 * n + 5) - ties_x[2] - ties_y[2]) / 18 + 2 * ties_x[0] * ties_y[0] / ordered
    if n > 2:
        variance += ties_x[1] * ties_y[1] / (9 * ordered * (n - 2))
    return score / scale, math.erfc(abs(score) / math.sqrt(variance) / math.sqrt(2))


def _ties(values: FloatArray) -> tuple[int, int, int]:
    """Pairs with equal values, and the two sums over groups of ties that the variance of tau takes."""
    sizes = np.unique(values, return_counts=True)[1].astype(int)
    return (
        int((sizes * (sizes - 1) // 2).sum()),
        int((sizes * (sizes - 1) * (sizes - 2)).sum()),
        int((sizes * (sizes - 1) * (2 * sizes + 5)).sum()),
    )


def _exact_chance(n: int, inversions: int) -> float:
    """Twice the share of the orders of n things that have at most so many pairs the wrong way round; at most 1."""
    counts = [1] + [0] * inversions  # orders of one thing by their pairs; then of two, three, ...
    for size in range(2, n + 1):
        sums = [0]
        for one in counts:
            sums.append(sums[-1] + one)
        counts = [sums[at + 1] - sums[max(at + 1 - size, 0)] for at in range(inversions + 1)]
    return min(2 * sum(counts) / math.factorial(n), 1.0)


def _continued_fraction(a: FloatArray, b: FloatArray, x: FloatArray) -> FloatArray:
    """1/(1+ d₁/(1+ d₂/(1+ ...))), whose d are those of DLMF 8.17.23."""
    value, up, down = np.ones_like(x), np.full_like(x, np.inf), np.ones_like(x)
    for term in range(1, _TERMS):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        up, down = 1 + d / up, 1 + d * down
        up, down = np.where(up == 0, _TINY, up), 1 / np.where(down == 0, _TINY, down)
        value = value * up * down
        if not np.any(np.abs(up * down - 1) >= 1e-15):  # NaN stays NaN
            break
    return value
