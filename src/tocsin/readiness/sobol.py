"""Variance-based sensitivity: how much of the output's variance each factor causes, alone and with others.

First order S = V[E(y|x_i)]/V(y); total T = 1 - V[E(y|x_~i)]/V(y). Source: Saltelli et al., Global Sensitivity
Analysis: The Primer (2008), chapter 4; estimators: Saltelli et al. (2010), Computer Physics Communications 181.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tocsin.node.errors import UsageError
from tocsin.readiness.sequence import MOST_DIMENSIONS, sobol_points
from tocsin.readiness.table import FloatArray, IntArray


@dataclass(frozen=True)
class Indices:
    """Per factor: first order and total, with 5 % and 95 % bootstrap limits (None when exact).

    ``variance`` is that of the output; ``pairs`` are second-order indices (exact only). All are NaN without variance.
    """

    variance: float
    first: FloatArray
    total: FloatArray
    first_limits: FloatArray | None = None
    total_limits: FloatArray | None = None
    pairs: tuple[tuple[int, int, float], ...] = ()


def exact(outputs: FloatArray, probabilities: Sequence[FloatArray] | None = None) -> Indices:
    """The indices of a full factorial; ``outputs`` has an axis for each factor.

    ``probabilities`` of each factor's levels, equal by default. No sampling error: the sums run over all combinations.
    """
    d = outputs.ndim
    chances = [np.full(n, 1 / n) for n in outputs.shape] if probabilities is None else list(probabilities)

    def expect(values: FloatArray, axes: Sequence[int]) -> FloatArray:
        for axis in axes:
            shape = [1] * d
            shape[axis] = -1
            values = (values * chances[axis].reshape(shape)).sum(axis=axis, keepdims=True)
        return values

    everything = range(d)
    centred = outputs - expect(outputs, everything)

    def closed(of: Sequence[int]) -> float:
        mean = expect(centred, [axis for axis in everything if axis not in of])
        return float(expect(mean**2, everything).reshape(-1)[0])

    variance = closed(everything)
    scale = 1 / variance if variance > 0 else float("nan")
    first = np.array([closed([i]) for i in everything]) * scale
    total = 1 - np.array([closed([j for j in everything if j != i]) for i in everything]) * scale
    pairs = tuple((i, j, closed([i, j]) * scale - float(first[i] + first[j])) for i, j in combinations(everything, 2))
    return Indices(variance, first, total, pairs=pairs)


def design(count: int, factors: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A, B of shape (count, factors) and AB (factors, count, factors), in [0, 1): AB[i] is A with column i of B.

    Points of a shifted Sobol' sequence, best when ``count`` is a power of 2; random points beyond 10 factors.
    """
    if count < 2:
        raise UsageError("A sensitivity run needs at least 2 samples.")
    if 2 * factors > MOST_DIMENSIONS:
        points = np.random.default_rng(seed).random((count, 2 * factors))
    else:
        points = sobol_points(count, 2 * factors, seed)
    a, b = points[:, :factors], points[:, factors:]
    mixed = np.repeat(a[None], factors, axis=0)
    for i in range(factors):
        mixed[i, :, i] = b[:, i]
    return a, b, mixed


def estimate(fa: FloatArray, fb: FloatArray, fab: FloatArray, *, bootstrap: int = 0, seed: int = 0) -> Indices:
    """The indices from outputs at A and B, (count,), and at AB, (factors, count).

    First order: Saltelli et al. (2010), table 2(b), mean of (f(B) - m)·(f(AB_i) - f(A)), the output centred at its
    mean m, which leaves the expectation as it is and takes out most of the error. Total: Jansen (1999), mean of
    (f(A) - f(AB_i))²/2. ``bootstrap`` resamples give the limits.
    """
    variance, first, total = _estimate(fa[None], fb[None], fab[:, None])
    if not bootstrap:
        return Indices(float(variance[0]), first[:, 0], total[:, 0])
    rng = np.random.default_rng(seed)
    draws = [_estimate(fa[rows], fb[rows], fab[:, rows]) for rows in _resamples(rng, len(fa), bootstrap)]
    firsts = np.concatenate([draw[1] for draw in draws], axis=1)
    totals = np.concatenate([draw[2] for draw in draws], axis=1)
    return Indices(float(variance[0]), first[:, 0], total[:, 0], _limits(firsts), _limits(totals))


def _estimate(fa: FloatArray, fb: FloatArray, fab: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shapes (draws, count) and (factors, draws, count); gives (draws,), (factors, draws) twice."""
    both = np.concatenate([fa, fb], axis=-1)
    mean = both.mean(axis=-1, keepdims=True)
    variance = both.var(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = ((fb - mean) * (fab - fa)).mean(axis=-1) / variance
        total = ((fa - fab) ** 2).mean(axis=-1) / 2 / variance
    flat = variance <= 0
    return variance, np.where(flat, np.nan, first), np.where(flat, np.nan, total)


def _resamples(rng: np.random.Generator, count: int, times: int) -> list[IntArray]:
    """Row numbers of resamples, in blocks that keep memory small."""
    block = max(1, min(times, 2_000_000 // count))
    return [rng.integers(0, count, size=(min(block, times - done), count)) for done in range(0, times, block)]


def _limits(draws: FloatArray) -> FloatArray:
    return np.quantile(draws, [0.05, 0.95], axis=1).T
