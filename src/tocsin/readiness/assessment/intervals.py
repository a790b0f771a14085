"""Intervals for shares and times, and shrinkage for small numbers: plain statistics, no tables, no files.

All intervals are 95 % unless said otherwise. Shares are 0 to 1, times in hours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054
_FINEST = 150  # moments that are told apart


@dataclass(frozen=True)
class ScoreInterval:
    """A value with its lower and upper end; ``value`` is None where nothing was observed."""

    low: float
    value: float | None
    high: float


def wilson(successes: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927, JASA 22:209); 0 to 1 when there were no trials."""
    if trials <= 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes <= 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes >= trials else min(1.0, (centre + half) / scale)
    return low, high


def share(yes: float, no: float, unknown: float) -> ScoreInterval:
    """A share where some were not looked at: the lower end counts them as no, the upper end as yes.

    So looking at more can only narrow it: the lower end never falls when one of the unknown is found to be a no.
    """
    total = yes + no + unknown
    value = yes / (yes + no) if yes + no > 0 else None
    return ScoreInterval(wilson(yes, total)[0], value, wilson(yes + unknown, total)[1])


def weighted_share(weights: Sequence[float], states: Sequence[bool | None]) -> ScoreInterval:
    """A share by weight, with the bounds of ``share`` on the effective number (Kish 1965, 8.2) of units."""
    total = sum(weights)
    if total <= 0:
        return ScoreInterval(0.0, None, 1.0)
    effective = total * total / sum(weight * weight for weight in weights)
    part = {state: sum(w for w, s in zip(weights, states, strict=True) if s is state) / total for state in (True, None)}
    known = 1 - part[None]
    value = min(1.0, part[True] / known) if known > 1e-12 else None
    low = wilson(effective * part[True], effective)[0]
    high = wilson(effective * min(1.0, part[True] + part[None]), effective)[1]
    return ScoreInterval(low, value if value is None else min(max(value, low), high), high)


@dataclass(frozen=True)
class Shrunk:
    """A unit's own share beside what its peers make likely; ``weight`` is how much its own data count, 0 to 1."""

    own: float | None
    low: float
    value: float
    high: float
    weight: float


def shrink(counts: Mapping[str, tuple[float, float]]) -> dict[str, Shrunk]:
    """Empirical-Bayes shares of several units from their (successes, trials).

    Beta-binomial, prior by Kleinman's moments (1973, JASA 68:46). Units with few trials move
    towards the mean of all, units with many hardly. For showing beside the unit's own value, never for its score: a
    unit below the mean would lose by reporting more.
    """
    alpha, beta = _beta_prior(counts)
    result = {}
    for unit, (successes, trials) in counts.items():
        a, b = alpha + successes, beta + trials - successes
        low, high = _beta_ends(a, b, 0.025)
        own = successes / trials if trials else None
        result[unit] = Shrunk(own, low, a / (a + b), high, trials / (trials + alpha + beta))
    return result


def _beta_prior(counts: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    seen = [(successes / trials, trials) for successes, trials in counts.values() if trials > 0]
    if len(seen) < 3:
        return 0.5, 0.5  # too few peers to learn from: Jeffreys' prior
    mean, rho = 0.5, 0.1
    for _ in range(20):
        # Kleinman's weights: by trials when all units are alike (rho 0), equal when each stands alone (rho 1).
        weights = [trials / (1 + rho * (trials - 1)) for _, trials in seen]
        mean, rho = _moments(seen, weights)
    size = 1 / rho - 1
    return mean * size, (1 - mean) * size


def _moments(seen: Sequence[tuple[float, float]], weights: Sequence[float]) -> tuple[float, float]:
    # Mean and intra-class correlation, kept off the edges so that a prior always exists.
    total = sum(weights)
    trials = sum(n for _, n in seen)
    mean = sum(w * p for w, (p, _) in zip(weights, seen, strict=True)) / total
    mean = min(max(mean, 0.5 / (trials + 1)), 1 - 0.5 / (trials + 1))
    spread = sum(w * (p - mean) ** 2 for w, (p, _) in zip(weights, seen, strict=True))
    chance = sum(w / n * (1 - w / total) for w, (_, n) in zip(weights, seen, strict=True))
    slack = sum(w * (1 - w / total) for w in weights) - chance
    rho = (spread / (mean * (1 - mean)) - chance) / slack if slack > 1e-12 else 0.0
    return mean, min(max(rho, 0.001), 0.5)


def difference(before: ScoreInterval, after: ScoreInterval) -> ScoreInterval:
    """The change between two independent estimates (Newcombe 1998, Statist. Med. 17:873; MOVER)."""
    if before.value is None or after.value is None:
        return ScoreInterval(after.low - before.high, None, after.high - before.low)
    change = after.value - before.value
    down = math.hypot(after.value - after.low, before.high - before.value)
    up = math.hypot(after.high - after.value, before.value - before.low)
    return ScoreInterval(change - down, change, change + up)


@dataclass(frozen=True)
class Spell:
    """A time known to lie between two ends, in hours; ``high`` is None while it still runs."""

    low: float
    high: float | None


def within(spells: Sequence[Spell], hours: float) -> ScoreInterval:
    """The share that ended within ``hours``; a spell that may or may not have counts as unknown."""
    yes, no = counts_within(spells, hours)
    return share(yes, no, len(spells) - yes - no)


def counts_within(spells: Sequence[Spell], hours: float) -> tuple[int, int]:
    """How many spells surely ended within ``hours``, and how many surely did not."""
    yes = sum(spell.high is not None and spell.high <= hours for spell in spells)
    no = sum(spell.low > hours for spell in spells)
    return yes, no


def median_hours(spells: Sequence[Spell]) -> ScoreInterval | None:
    """The median of interval-censored times, with an interval from the binomial order ranks; None without spells.

    ``high`` is infinite while too many still run.
    """
    import numpy as np

    from tocsin.node.censoring import coarse, turnbull

    if not spells:
        return None
    ends = [(spell.low, math.inf if spell.high is None else spell.high) for spell in spells]
    left, right = np.array(ends, dtype=np.float64).T
    curve = turnbull(*coarse(left, right, _FINEST))
    half = Z95 / (2 * math.sqrt(len(spells)))
    low, value, high = (curve.quantile(share) for share in (0.5 - half, 0.5, 0.5 + half))
    middle = None if math.isinf(value[1]) else (value[0] + value[1]) / 2
    return ScoreInterval(low[0], middle, high[1] if 0.5 + half <= 1 else math.inf)


def _beta_ends(a: float, b: float, tail: float) -> tuple[float, float]:
    from tocsin.readiness.probability import beta_quantile

    return beta_quantile(a, b, tail), beta_quantile(a, b, 1 - tail)
