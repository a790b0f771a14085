"""Step 8: the aggregates of each group, level by level.

``values`` has shape (..., units, members) and ``weights`` (..., members): leading axes are a stack of samples, so that
a sensitivity run aggregates many weight sets at once. Missing members are left out and the weights rescaled.
Formulas: OECD/JRC Handbook (2008), step 7; generalised mean: Hardy, Littlewood and Pólya, Inequalities, section 2.2.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.hierarchy import AggregationGroup, Hierarchy
from tocsin.readiness.table import DataTable, FloatArray

METHODS = ("amean", "gmean", "hmean", "genmean", "copeland")


@dataclass(frozen=True)
class AggregationStep:
    """How one level is made from those below: method, exponent of ``genmean``, least share of members there."""

    method: str = "amean"
    p: float = 1.0
    min_available: float = 0.0


def arithmetic(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Σwx / Σw over the members that are there."""
    known, w = _known(values, weights)
    return _divide((np.where(known, values, 0.0) * w).sum(axis=-1), w.sum(axis=-1))


def geometric(values: FloatArray, weights: FloatArray) -> FloatArray:
    """exp(Σw·ln x / Σw); x above 0."""
    known, w = _known(values, weights)
    return np.exp(_divide((np.log(np.where(known, values, 1.0)) * w).sum(axis=-1), w.sum(axis=-1)))


def harmonic(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Σw / Σ(w/x); x above 0."""
    known, w = _known(values, weights)
    return _divide(w.sum(axis=-1), (w / np.where(known, values, 1.0)).sum(axis=-1))


def generalised(values: FloatArray, weights: FloatArray, p: float) -> FloatArray:
    """(Σw·x^p / Σw)^(1/p); p is not 0, x above 0 (or 0, for a positive p)."""
    known, w = _known(values, weights)
    powers = np.where(known, values, 1.0) ** p
    return _divide((powers * w).sum(axis=-1), w.sum(axis=-1)) ** (1 / p)


def outranking(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The share of weight on which the row unit is above the column unit, (units, units); ties give half to each.

    Members that either unit lacks are left out of the pair. The diagonal is 0.
    """
    above = np.zeros((len(values), len(values)))
    total = np.zeros_like(above)
    for x, weight in zip(values.T, weights, strict=True):
        both = ~np.isnan(x)[:, None] & ~np.isnan(x)[None, :]
        above += weight * np.where(both, (x[:, None] > x[None, :]) + 0.5 * (x[:, None] == x[None, :]), 0.0)
        total += weight * both
    share = _divide(above, total)
    np.fill_diagonal(share, 0.0)
    return share


def copeland(values: FloatArray, weights: FloatArray) -> FloatArray:
    """How many units each one outranks, less those that outrank it; (units, members) to (units,).

    Source: Munda and Nardo (2009), Applied Economics 41; Saari and Merlin (1996), Economic Theory 8.
    """
    share = outranking(values, weights)
    near_half = np.abs(share - 0.5) < 1e-12
    wins = np.where(near_half | np.isnan(share), 0.0, np.sign(share - 0.5))
    np.fill_diagonal(wins, 0.0)
    return np.where(np.isnan(values).all(axis=1), np.nan, wins.sum(axis=1))


def combine(values: FloatArray, weights: FloatArray, step: AggregationStep) -> FloatArray:
    """One group by one method, without checks; see ``aggregate``."""
    if step.method == "copeland":
        return _stacked_copeland(values, weights)
    if step.method == "genmean":
        return generalised(values, weights, step.p)
    functions: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
        "amean": arithmetic,
        "gmean": geometric,
        "hmean": harmonic,
    }
    return functions[step.method](values, weights)


def steps_for(
    depth: int, methods: Sequence[str], p: Sequence[float], available: Sequence[float]
) -> tuple[AggregationStep, ...]:
    """A step for each level above the indicators; a single entry serves all levels. Raises UsageError."""
    count = depth - 1
    for name, given in (("method", methods), ("p", p), ("min_available", available)):
        if len(given) not in {1, count}:
            raise UsageError(
                f"Aggregation: {name} has {len(given)} entries; give one, or one for each of {count} levels."
            )
    unknown = set(methods) - set(METHODS)
    if unknown:
        raise UsageError(
            f"There is no aggregation {', '.join(sorted(unknown))}.", hint=f"Choose from {', '.join(METHODS)}."
        )
    steps = tuple(
        AggregationStep(methods[min(i, len(methods) - 1)], p[min(i, len(p) - 1)], available[min(i, len(available) - 1)])
        for i in range(count)
    )
    if any(step.method == "genmean" and step.p == 0 for step in steps):
        raise UsageError("Aggregation genmean: p cannot be 0.", hint="Its limit at 0 is the geometric mean: use gmean.")
    return steps


def aggregate(
    values: FloatArray, hierarchy: Hierarchy, weights: FloatArray, steps: Sequence[AggregationStep], table: DataTable
) -> FloatArray:
    """Indicators and all aggregates, (..., rows, len(hierarchy.codes)).

    ``values`` is (..., rows, indicators), ``weights`` (..., len(hierarchy.codes)); ``table`` names rows in errors and
    tells the years apart for Copeland. Raises InputError for values a method cannot take.
    """
    stack = np.broadcast_shapes(values.shape[:-2], weights.shape[:-1])
    full = np.full((*stack, values.shape[-2], len(hierarchy.codes)), np.nan)
    full[..., : values.shape[-1]] = values
    for group in hierarchy.groups:
        step = steps[group.level - 2]
        members = full[..., list(group.children)]
        _check_domain(members, step, group, hierarchy, table)
        w = np.broadcast_to(weights[..., list(group.children)], (*stack, len(group.children)))
        made = (
            _by_year(members, w, step, table) if step.method == "copeland" else combine(members, w[..., None, :], step)
        )
        there = (~np.isnan(members)).mean(axis=-1)
        full[..., group.column] = np.where(there >= step.min_available, made, np.nan)
    return full


def _known(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(values)
    return known.astype(np.bool_), np.where(known, weights, 0.0)


def _divide(top: FloatArray, bottom: FloatArray) -> FloatArray:
    quotient: FloatArray = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)
    return quotient


def _stacked_copeland(values: FloatArray, weights: FloatArray) -> FloatArray:
    stack = values.shape[:-2]
    flat = values.reshape(-1, *values.shape[-2:])
    flat_weights = np.broadcast_to(weights, (*stack, values.shape[-1])).reshape(-1, values.shape[-1])
    made = [copeland(x, w) for x, w in zip(flat, flat_weights, strict=True)]
    return np.array(made).reshape(*stack, values.shape[-2])


def _by_year(values: FloatArray, weights: FloatArray, step: AggregationStep, table: DataTable) -> FloatArray:
    result = np.full(values.shape[:-1], np.nan)
    for rows in table.slices():
        result[..., rows] = combine(values[..., rows, :], weights, step)
    return result


def _check_domain(
    values: FloatArray, step: AggregationStep, group: AggregationGroup, hierarchy: Hierarchy, table: DataTable
) -> None:
    if step.method in {"gmean", "hmean"} or (step.method == "genmean" and step.p < 0):
        bad, rule = values <= 0, "above 0"
    elif step.method == "genmean":
        bad, rule = values < 0, "0 or above"
    else:
        return
    if not bad.any():
        return
    where = np.argwhere(bad)[0]
    names = {
        "gmean": "the geometric mean",
        "hmean": "the harmonic mean",
        "genmean": f"the generalised mean (p={step.p:g})",
    }
    member = hierarchy.codes[group.children[int(where[-1])]]
    raise InputError(
        f"Aggregate {group.code}, {table.row_name(int(where[-2]))}, column {member}: {values[tuple(where)]:g}; "
        f"{names[step.method]} needs values {rule}.",
        hint="Normalise to a range above 0: --param l_u=1,100, or minmax with lower 1 and upper 100 in the recipe.",
    )
