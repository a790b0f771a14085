"""Step 5: outliers. Winsorising first, a transformation second, each only where skew and kurtosis ask for it.

Source: OECD/JRC Handbook (2008), step 3; JRC practice (COIN Tool): an indicator passes when |skew| < 2 or
kurtosis < 3.5. All functions work on columns at once: arrays of shape (units, indicators), NaN is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tocsin.node.errors import InputError
from tocsin.readiness.table import BoolArray, FloatArray, IntArray, highest, lowest


@dataclass(frozen=True)
class TreatmentRule:
    """What to do to one indicator; see ``Treat`` in the recipe for the words."""

    first: str = "winsorise"
    second: str = "log_ct"
    winmax: int | None = 5
    skew: float = 2.0
    kurtosis: float = 3.5
    force: bool = False
    combine: bool = False
    boxcox_lambda: float = 0.0


@dataclass(frozen=True)
class TreatmentCheck:
    """Skew, kurtosis and whether they pass, per indicator."""

    passed: BoolArray
    skew: FloatArray
    kurtosis: FloatArray


@dataclass(frozen=True)
class TreatedTable:
    """New values, and per indicator what was tried: up to three checks, points winsorised (-1 = not tried)."""

    values: FloatArray
    checks: tuple[TreatmentCheck, TreatmentCheck, TreatmentCheck]
    winsorised: IntArray
    tried_first: BoolArray
    tried_second: BoolArray


def skew_kurtosis(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sample skewness G1 and excess kurtosis G2 of each column; NaN where fewer than 3 (4) values or no spread.

    G1 = g1·√(n(n-1))/(n-2); G2 = (n-1)/((n-2)(n-3))·((n+1)·g2+6).
    Source: Joanes and Gill (1998), The Statistician 47(1), the estimators of type 2.
    """
    known = ~np.isnan(values)
    n = known.sum(axis=0).astype(np.float64)
    centre = np.divide(np.where(known, values, 0.0).sum(axis=0), n, out=np.zeros_like(n), where=n > 0)
    deviation = np.where(known, values - centre, 0.0)
    squares = deviation * deviation
    with np.errstate(divide="ignore", invalid="ignore"):
        m2 = squares.sum(axis=0) / n
        m2 = np.where(m2 > 0, m2, np.nan)
        g1 = (squares * deviation).sum(axis=0) / n / m2**1.5
        g2 = (squares * squares).sum(axis=0) / n / m2**2 - 3
        skew = np.where(n > 2, g1 * np.sqrt(n * (n - 1)) / (n - 2), np.nan)
        kurtosis = np.where(n > 3, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g2 + 6), np.nan)
    return skew, kurtosis


def check(values: FloatArray, skew_limit: float, kurtosis_limit: float) -> TreatmentCheck:
    """Which columns pass; a column whose skew or kurtosis cannot be computed passes."""
    skew, kurtosis = skew_kurtosis(values)
    return TreatmentCheck(~((np.abs(skew) >= skew_limit) & (kurtosis >= kurtosis_limit)), skew, kurtosis)


def winsorise(values: FloatArray, rule: TreatmentRule) -> tuple[FloatArray, IntArray]:
    """Each column with its extreme points drawn in, one step at a time, until it passes or ``winmax`` steps are done.

    A step gives every point at the extreme the next value; the side is that of the skew. Also the number of steps.
    """
    result = values.copy()
    steps = np.zeros(values.shape[1], dtype=np.intp)
    limit = len(values) if rule.winmax is None else rule.winmax
    for _ in range(limit):
        now = check(result, rule.skew, rule.kurtosis)
        active = np.flatnonzero(np.isfinite(now.skew) & (now.skew != 0) & (rule.force | ~now.passed))
        if not active.size:
            break
        # A column that is skewed to the left is mirrored, so that the extreme is at the top, where gaps never are.
        sign = np.sign(now.skew[active])
        mirrored = np.where(np.isnan(result[:, active]), -np.inf, result[:, active] * sign)
        top = mirrored.max(axis=0)
        following = np.where(mirrored < top, mirrored, -np.inf).max(axis=0)
        result[:, active] = np.where(mirrored == top, following * sign, result[:, active])
        steps[active] += 1
    return result, steps


def log_ct(values: FloatArray) -> FloatArray:
    """ln(x - min + a) with a = 0.01·(max - min). Source: JRC COIN Tool."""
    low, high = _range(values)
    return np.log(values - low + 0.01 * (high - low))


def log_ct_plus(values: FloatArray) -> FloatArray:
    """``log_ct`` for positive skew; -ln(max + a - x) for negative skew."""
    low, high = _range(values)
    skew, _ = skew_kurtosis(values)
    margin = 0.01 * (high - low)
    return np.where(skew >= 0, np.log(values - low + margin), -np.log(high + margin - values))


def log_ct_orig(values: FloatArray) -> FloatArray:
    """ln(x - min + 1). Source: JRC COIN Tool, first edition."""
    low, _ = _range(values)
    return np.log(values - low + 1)


def log_gii(values: FloatArray) -> FloatArray:
    """ln[((max·f - 1)(x - min))/(max - min) + 1] with f = 1. Needs max > 1, else the order would turn round.

    Source: Global Innovation Index 2020, appendix IV, technical notes. Raises InputError when max is 1 or less.
    """
    low, high = _range(values)
    if (high <= 1).any():
        raise InputError("Treatment log_gii needs a largest value above 1.", hint="Use log_ct for this indicator.")
    return np.log((high - 1) * (values - low) / (high - low) + 1)


def log_plain(values: FloatArray) -> FloatArray:
    """ln(x). Raises InputError when a value is zero or below."""
    if (values <= 0).any():
        raise InputError("Treatment log needs values above 0.", hint="Use log_ct, which shifts the values.")
    return np.log(values)


def box_cox(values: FloatArray, power: float) -> FloatArray:
    """(y^λ - 1)/λ, or ln y for λ = 0, of y = x - min + 1. Source: Box and Cox (1964)."""
    low, _ = _range(values)
    shifted = values - low + 1
    return np.log(shifted) if power == 0 else (shifted**power - 1) / power


def transform(values: FloatArray, name: str, rule: TreatmentRule) -> FloatArray:
    """The columns after one named transformation."""
    functions: Mapping[str, Callable[[FloatArray], FloatArray]] = {
        "none": lambda x: x,
        "winsorise": lambda x: winsorise(x, rule)[0],
        "boxcox": lambda x: box_cox(x, rule.boxcox_lambda),
        "log": log_plain,
        "log_ct": log_ct,
        "log_ct_plus": log_ct_plus,
        "log_ct_orig": log_ct_orig,
        "log_gii": log_gii,
    }
    return functions[name](values)


def treat(values: FloatArray, rule: TreatmentRule) -> TreatedTable:
    """The two stages: check, ``first``, check, ``second`` on the original (or on the first's result), check.

    Columns that pass a check are left as they are from there on.
    """
    before = check(values, rule.skew, rule.kurtosis)
    result = values.copy()
    count = values.shape[1]
    steps = np.full(count, -1, dtype=np.intp)
    first = np.flatnonzero(~before.passed) if rule.first != "none" else np.empty(0, dtype=np.intp)
    if rule.first == "winsorise":
        result[:, first], steps[first] = winsorise(values[:, first], rule)
    elif first.size:
        result[:, first] = transform(values[:, first], rule.first, rule)
    middle = check(result, rule.skew, rule.kurtosis)
    second = np.flatnonzero(~middle.passed) if rule.second != "none" else np.empty(0, dtype=np.intp)
    if second.size:
        start = result if rule.combine else values
        result[:, second] = transform(start[:, second], rule.second, rule)
    after = check(result, rule.skew, rule.kurtosis)
    return TreatedTable(
        values=result,
        checks=(before, middle, after),
        winsorised=steps,
        tried_first=_mask(first, count),
        tried_second=_mask(second, count),
    )


def _mask(index: IntArray, count: int) -> BoolArray:
    mask = np.zeros(count, dtype=np.bool_)
    mask[index] = True
    return mask


def _range(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    return lowest(values), highest(values)
