"""Statistics of indicators: moments, flags, correlations with their significance, consistency.

Source: OECD/JRC Handbook (2008), steps 3 and 4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.normalise import min_ranks
from tocsin.readiness.probability import kendall, student_chance
from tocsin.readiness.table import DataTable, FloatArray
from tocsin.readiness.treat import skew_kurtosis

Row = dict[str, object]


@dataclass(frozen=True)
class FlagLimits:
    """Where a statistic raises a flag."""

    skew: float = 2.0
    kurtosis: float = 3.5
    available: float = 0.65
    nonzero: float = 0.5
    unique: float = 0.5


def statistics(table: DataTable, limits: FlagLimits = FlagLimits(), digits: int | None = 3) -> list[Row]:
    """One row for each column: range, moments, counts, shares, flags; numbers to ``digits`` significant places."""
    skews, kurtoses = skew_kurtosis(table.values)
    return [
        _statistics_row(code, table.values[:, i], (float(skews[i]), float(kurtoses[i])), limits, digits)
        for i, code in enumerate(table.codes)
    ]


def _statistics_row(
    code: str, column: FloatArray, moments: tuple[float, float], limits: FlagLimits, digits: int | None
) -> Row:
    skew, kurtosis = moments
    values = column[~np.isnan(column)]
    n = len(values)
    _, counts = np.unique(values, return_counts=True)
    nonzero, unique, same = int((values != 0).sum()), len(counts), int(np.max(counts))
    available = n / len(column)

    def short(number: float) -> float | None:
        return significant(number, digits)

    return {
        "iCode": code,
        "Min": short(float(np.min(values))),
        "Max": short(float(np.max(values))),
        "Mean": short(values.mean()),
        "Median": short(float(np.median(values))),
        "Std": short(values.std(ddof=1)) if n > 1 else None,
        "Skew": short(skew),
        "Kurt": short(kurtosis),
        "N.Avail": n,
        "N.NonZero": nonzero,
        "N.Unique": unique,
        "N.Same": same,
        "Frc.Avail": short(available),
        "Frc.NonZero": short(nonzero / n),
        "Frc.Unique": short(unique / n),
        "Frc.Same": short(same / n),
        "Flag.Avail": _low(available < limits.available),
        "Flag.NonZero": _low(nonzero / n < limits.nonzero),
        "Flag.Unique": _low(unique / n < limits.unique),
        "Flag.SkewKurt": "OUT" if abs(skew) > limits.skew and kurtosis > limits.kurtosis else "ok",
    }


def significant(number: float, digits: int | None) -> float | None:
    """The number to so many significant places, halves to the even digit; None for NaN."""
    if not np.isfinite(number):
        return None
    if digits is None or number == 0:
        return float(number)
    places = digits - 1 - math.floor(math.log10(abs(number)))
    if places > 0:
        return float(round(number * 10.0**places) / 10.0**places)
    step = 10 ** (-places)
    return float(round(number / step) * step)


def correlations(values: FloatArray, kind: str = "pearson") -> tuple[FloatArray, FloatArray]:
    """Correlation of each pair of columns over the rows both have, and its two-sided p-value (t test, n - 2).

    ``kind`` is "pearson", "spearman" (Pearson of average ranks) or "kendall" (tau-b; normal approximation with ties).
    """
    if kind == "kendall":
        return _kendall(values)
    if kind not in {"pearson", "spearman"}:
        raise UsageError(f"There is no correlation {kind}.", hint="Choose pearson, spearman or kendall.")
    if not np.isnan(values).any():
        return _complete(min_ranks(values, "average") if kind == "spearman" else values)
    count = values.shape[1]
    r, n = np.eye(count), np.zeros((count, count))
    for i in range(count):
        for j in range(i, count):
            both = ~(np.isnan(values[:, i]) | np.isnan(values[:, j]))
            pair = values[both][:, [i, j]]
            n[i, j] = n[j, i] = len(pair)
            r[i, j] = r[j, i] = _pearson(min_ranks(pair, "average") if kind == "spearman" else pair)
    return r, _p_values(r, n)


def correlation_table(
    table: DataTable, codes: Sequence[str], *, p_limit: float = 0.05, kind: str = "pearson"
) -> list[Row]:
    """Long form: Var1, Var2, Correlation for every ordered pair; None where it is not significant at ``p_limit``.

    ``p_limit`` 0 shows all.
    """
    r, p = correlations(table.columns(codes).values, kind)
    shown = (p <= p_limit) | (p_limit == 0)
    return [
        {"Var1": first, "Var2": second, "Correlation": float(r[i, j]) if shown[i, j] and np.isfinite(r[i, j]) else None}
        for j, second in enumerate(codes)
        for i, first in enumerate(codes)
    ]


def correlation_flags(
    table: DataTable,
    hierarchy: Hierarchy,
    *,
    limit: float = 0.9,
    side: str = "high",
    group_level: int = 2,
    kind: str = "pearson",
) -> list[Row]:
    """Pairs of indicators of one group whose correlation is above ("high") or below ("low") ``limit``."""
    found: list[Row] = []
    for parent in sorted(element.code for element in hierarchy.at_level(group_level)):
        members = sorted(e.code for e in hierarchy.indicators if parent in hierarchy.lineage(e.code))
        r, _ = correlations(table.columns(members).values, kind)
        for i, first in enumerate(members):
            for j in range(i + 1, len(members)):
                value = float(r[i, j])
                if (value > limit) if side == "high" else (value < limit):
                    found += [{"Group": parent, "Ind1": first, "Ind2": members[j], "Corr": round(value, 3)}]
    return found


def denominator_correlations(table: DataTable, denominators: DataTable, limit: float = 0.9) -> list[Row]:
    """Indicators that follow a denominator, |r| above ``limit``: candidates for division by it."""
    both = np.column_stack([table.values, denominators.values])
    r, _ = correlations(both)
    count = len(table.codes)
    return [
        {"Ind": code, "Denom": denominator, "Corr": round(float(r[i, count + j]), 2)}
        for i, code in enumerate(table.codes)
        for j, denominator in enumerate(denominators.codes)
        if abs(r[i, count + j]) > limit
    ]


def cronbach(values: FloatArray) -> float:
    """Cronbach's alpha: k/(k-1)·(1 - Σ variances / Σ all covariances), pairwise complete.

    Source: Cronbach (1951), Psychometrika 16; Handbook step 4. Raises InputError with fewer than two columns.
    """
    k = values.shape[1]
    if k < 2:
        raise InputError("Cronbach's alpha needs at least two indicators.")
    covariance = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            both = values[~(np.isnan(values[:, i]) | np.isnan(values[:, j]))]
            covariance[i, j] = np.cov(both[:, i], both[:, j])[0, 1]
    return float(k / (k - 1) * (1 - np.trace(covariance) / covariance.sum()))


def _low(is_low: bool) -> str:
    return "LOW" if is_low else "ok"


def _complete(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    centred = values - values.mean(axis=0)
    norm = np.sqrt((centred * centred).sum(axis=0))
    standard = np.divide(centred, norm, out=np.full_like(centred, np.nan), where=norm > 0)
    # not the matrix product of BLAS, whose last bits depend on the number of threads
    r = np.clip(np.einsum("ki,kj->ij", standard, standard), -1.0, 1.0)
    np.fill_diagonal(r, 1.0)
    return r, _p_values(r, np.full(r.shape, float(len(values))))


def _pearson(pair: FloatArray) -> float:
    centred = pair - pair.mean(axis=0) if len(pair) else pair
    norm = np.sqrt((centred * centred).sum(axis=0))
    return float((centred[:, 0] * centred[:, 1]).sum() / norm.prod()) if len(pair) and norm.prod() > 0 else float("nan")


def _p_values(r: FloatArray, n: FloatArray) -> FloatArray:
    freedom = n - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(r) * np.sqrt(freedom / (1 - r * r))
    p = student_chance(t, np.maximum(freedom, 1))
    p = np.where(np.abs(r) >= 1, 0.0, p)
    return np.where(freedom > 0, p, np.nan)


def _kendall(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    count = values.shape[1]
    r, p = np.eye(count), np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1, count):
            both = values[~(np.isnan(values[:, i]) | np.isnan(values[:, j]))]
            r[i, j], p[i, j] = r[j, i], p[j, i] = kendall(both[:, i], both[:, j])
    return r, p
