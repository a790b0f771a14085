"""Step 6: indicators on one scale, larger always better. Formulas: OECD/JRC Handbook (2008), step 5, section 5.

Every function takes values of shape (rows, indicators) with NaN for missing, and a direction (1 or -1) a column.
"x" below is the value times its direction, except in ``dist2targ`` and ``goalposts``, which know directions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.parameters import by_own_name, flag, pair, real, reals, text
from tocsin.readiness.table import DataTable, FloatArray, highest, lowest

# names under which a parameter may be given, by method
PARAMETERS: Mapping[str, frozenset[str]] = {
    "minmax": frozenset({"l_u", "range", "lower", "upper"}),
    "zscore": frozenset({"m_sd", "mean", "sd"}),
    "scaled": frozenset({"npara", "l_u", "lower", "upper", "scale_factor"}),
    "rank": frozenset({"ties"}),
    "borda": frozenset({"ties"}),
    "prank": frozenset({"ties"}),
    "fracmax": frozenset({"negative"}),
    "dist2targ": frozenset({"target", "targ", "cap_max"}),
    "dist2ref": frozenset({"reference", "iref", "cap_max"}),
    "dist2max": frozenset(),
    "goalposts": frozenset({"gposts", "lower", "upper", "scale", "trunc2posts"}),
}
METHODS = tuple(PARAMETERS)

Params = Mapping[str, object]


@dataclass(frozen=True)
class Column:
    """What a method may need to know of one indicator besides its values."""

    code: str
    direction: int
    target: float | None = None
    meta: tuple[tuple[str, str], ...] = ()


def normalise(
    table: DataTable, columns: tuple[Column, ...], method: str, params: Params, *, over_panel: bool
) -> DataTable:
    """The table on the scale of ``method``; all years together, or each year by itself.

    Raises UsageError for a wrong method or parameter, InputError for an indicator the method cannot scale.
    """
    if method not in METHODS:
        raise UsageError(f"There is no normalisation {method}.", hint=f"Choose from {', '.join(METHODS)}.")
    params = by_own_name(params)
    unknown = set(params) - PARAMETERS[method]
    if unknown:
        known = ", ".join(sorted(PARAMETERS[method])) or "no parameter"
        raise UsageError(
            f"Normalisation {method} has no parameter {', '.join(sorted(unknown))}.", hint=f"It takes {known}."
        )
    if over_panel or table.years is None:
        return table.with_values(_apply(table, columns, method, params))
    values = np.empty_like(table.values)
    for rows in table.slices():
        values[rows] = _apply(table.rows(rows), columns, method, params)
    return table.with_values(values)


def min_ranks(values: FloatArray, ties: str = "min") -> FloatArray:
    """1 for the smallest of each column; equal values share the "min", "max" or "average" rank; NaN stays."""
    # Sorted, equal values stand in runs; ``first`` and ``last`` carry the places of a run's ends to all of it, and the
    # ranks go back to where the values stood. NaN sorts last and equals nothing, so it disturbs no run.
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    place = np.arange(1, len(values) + 1, dtype=np.float64)[:, None]
    new = np.ones(values.shape, dtype=np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, place, 0.0), axis=0)
    end = np.ones(values.shape, dtype=np.bool_)
    end[:-1] = new[1:]
    last = np.flip(np.minimum.accumulate(np.flip(np.where(end, place, np.inf), axis=0), axis=0), axis=0)
    chosen = {"min": first, "max": last, "average": (first + last) / 2}[ties]
    ranks = np.empty_like(chosen)
    np.put_along_axis(ranks, order, chosen, axis=0)
    return np.where(np.isnan(values), np.nan, ranks)


def unscalable(before: DataTable, after: DataTable) -> tuple[str, ...]:
    """The indicators that had values and have none on the new scale: a zero where the formula divides."""
    lost = np.isnan(after.values).all(axis=0) & ~np.isnan(before.values).all(axis=0)
    return tuple(code for code, gone in zip(after.codes, lost, strict=True) if gone)


def reversed_by_fracmax(table: DataTable, columns: tuple[Column, ...]) -> tuple[str, ...]:
    """The indicators whose order x / max turns round, because their largest x is below zero."""
    directions = np.array([column.direction for column in columns], dtype=np.float64)
    top = highest(table.values * directions)
    return tuple(column.code for column, best in zip(columns, top, strict=True) if best <= 0)


def _apply(table: DataTable, columns: tuple[Column, ...], method: str, params: Params) -> FloatArray:
    directions = np.array([column.direction for column in columns], dtype=np.float64)
    x = table.values * directions
    made: dict[str, Callable[[], FloatArray]] = {
        "minmax": lambda: _min_max(x, columns, params),
        "dist2max": lambda: _to_maximum(x, columns),
        "zscore": lambda: _zscore(x, columns, params),
        "scaled": lambda: _scaled(x, columns, params),
        "fracmax": lambda: _fraction_of_maximum(x, params),
        "dist2targ": lambda: _to_target(table.values, directions, columns, params),
        "dist2ref": lambda: _to_reference(table, x, params),
        "goalposts": lambda: _goalposts(table.values, directions, columns, params),
    }
    return made[method]() if method in made else _ranked(x, method, params, columns)


def _to_maximum(x: FloatArray, columns: tuple[Column, ...]) -> FloatArray:
    """1 - (max - x)/(max - min)."""
    low, high = lowest(x), highest(x)
    _need_spread(low, high, columns, "dist2max")
    return 1 - (high - x) / (high - low)


def _min_max(x: FloatArray, columns: tuple[Column, ...], params: Params) -> FloatArray:
    """(x - min)/(max - min)·(u - l) + l."""
    low, high = lowest(x), highest(x)
    _need_spread(low, high, columns, "minmax")
    lower, upper = pair(params, ("l_u", "range"), ("lower", "upper"), (0.0, 100.0))
    lowers = _per_column(columns, "minmax_lower", lower)
    uppers = _per_column(columns, "minmax_upper", upper)
    if (uppers <= lowers).any():
        raise UsageError("Normalisation minmax: upper must be above lower.")
    return (x - low) / (high - low) * (uppers - lowers) + lowers


def _zscore(x: FloatArray, columns: tuple[Column, ...], params: Params) -> FloatArray:
    """(x - mean)/sd·s + m with the sample standard deviation (n - 1)."""
    low, high = lowest(x), highest(x)
    _need_spread(low, high, columns, "zscore")
    mean, sd = pair(params, ("m_sd",), ("mean", "sd"), (0.0, 1.0))
    means, sds = _per_column(columns, "zscore_mean", mean), _per_column(columns, "zscore_sd", sd)
    return (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0, ddof=1) * sds + means


def _scaled(x: FloatArray, columns: tuple[Column, ...], params: Params) -> FloatArray:
    """(x - l)/(u - l)·f with fixed l, u (0, 100) and f (100)."""
    lower, upper = pair(params, ("npara", "l_u"), ("lower", "upper"), (0.0, 100.0))
    lowers, uppers = _per_column(columns, "scaled_lower", lower), _per_column(columns, "scaled_upper", upper)
    factor = _per_column(columns, "scale_factor", real(params, ("scale_factor",), 100.0))
    if (uppers == lowers).any():
        raise UsageError("Normalisation scaled: upper must differ from lower.")
    return (x - lowers) / (uppers - lowers) * factor


def _ranked(x: FloatArray, method: str, params: Params, columns: tuple[Column, ...]) -> FloatArray:
    """rank: 1 for the worst; borda: rank - 1; prank: (rank - 1)/(n - 1), n the values that are there."""
    ties = text(params, ("ties",), "min", allowed=("min", "max", "average"))
    ranks = min_ranks(x, ties)
    if method == "rank":
        return ranks
    if method == "borda":
        return ranks - 1
    n = (~np.isnan(x)).sum(axis=0)
    if (n < 2).any():
        raise InputError(f"Normalisation prank: {columns[int(np.argmin(n))].code} has fewer than two values.")
    share: FloatArray = (ranks - 1) / (n - 1)
    return share


def _fraction_of_maximum(x: FloatArray, params: Params) -> FloatArray:
    """X / max; missing where max is 0. Where max < 0 (direction -1) that turns the order round: see negative=leader.

    negative=leader gives max / x there. Source: Handbook, "distance to a reference", the reference being the leader.
    """
    negative = text(params, ("negative",), "formula", allowed=("formula", "leader"))
    high = highest(x)
    if negative == "formula":
        return x / _nonzero(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        leader = np.where((high == 0) & (x == 0), 1.0, high / x)
    return np.where(np.isnan(x), np.nan, np.where(high > 0, x / np.where(high > 0, high, 1.0), leader))


def _to_target(values: FloatArray, directions: FloatArray, columns: tuple[Column, ...], params: Params) -> FloatArray:
    """(x - min)/(target - min), for direction -1 (max - x)/(max - target); cap_max holds the result at 1.

    Missing where the target is the worst value.
    """
    given = reals(params, ("target", "targ"))
    targets = np.array([_target(column, given) for column in columns])
    low, high = lowest(values), highest(values)
    start = np.where(directions > 0, low, high)
    result: FloatArray = (values - start) / _nonzero(targets - start)
    if flag(params, ("cap_max",), default=False):
        result = np.minimum(result, 1.0)
    return result


def _target(column: Column, given: tuple[float, ...]) -> float:
    if given:
        return given[0]
    if column.target is None:
        raise InputError(
            f"Meta, row {column.code}, column Target: empty; dist2targ needs a target for every indicator.",
            hint="Fill the column, or give one for all with --param target=VALUE.",
        )
    return column.target


def _to_reference(table: DataTable, x: FloatArray, params: Params) -> FloatArray:
    """1 - (x_ref - x)/(x_ref - min), x_ref being the value of one unit; cap_max holds the result at 1.

    Missing where the unit has no value or the lowest.
    """
    name = text(params, ("reference", "iref"), "")
    if not name:
        raise UsageError("Normalisation dist2ref needs a unit.", hint="Give --param reference=UNIT.")
    if name not in table.units and name.isdigit() and 0 < int(name) <= len(table.units):
        name = table.units[int(name) - 1]
    if name not in table.units:
        raise UsageError(f"Normalisation dist2ref: there is no unit {name}.")
    row = len(table.units) - 1 - table.units[::-1].index(name)  # the latest year of the unit
    reference, low = x[row], lowest(x)
    result: FloatArray = 1 - (reference - x) / _nonzero(reference - low)
    if flag(params, ("cap_max",), default=False):
        result = np.minimum(result, 1.0)
    return result


def _goalposts(values: FloatArray, directions: FloatArray, columns: tuple[Column, ...], params: Params) -> FloatArray:
    """(x - low)/(high - low)·a between fixed posts, cut at them; for direction -1 (x - high)/(low - high)·a."""
    posts = reals(params, ("gposts",))
    if posts and len(posts) not in {2, 3}:
        raise UsageError("Normalisation goalposts: gposts takes lower,upper or lower,upper,scale.")
    lower = real(params, ("lower",), posts[0] if posts else np.nan)
    upper = real(params, ("upper",), posts[1] if posts else np.nan)
    scale = real(params, ("scale",), posts[2] if len(posts) == 3 else 1.0)
    lowers, uppers = _per_column(columns, "goalpost_lower", lower), _per_column(columns, "goalpost_upper", upper)
    for column, low, high in zip(columns, lowers, uppers, strict=True):
        if not high > low:
            raise InputError(
                f"Normalisation goalposts: {column.code} needs a lower post below an upper (has {low:g}, {high:g}).",
                hint="Meta columns goalpost_lower and goalpost_upper, or --param gposts=LOWER,UPPER.",
            )
    start = np.where(directions > 0, lowers, uppers)
    result: FloatArray = (values - start) / (np.where(directions > 0, uppers, lowers) - start)
    if flag(params, ("trunc2posts",), default=True):
        result = np.clip(result, 0.0, 1.0)
    scaled: FloatArray = result * _per_column(columns, "goalpost_scale", scale)
    return scaled


def _nonzero(divisor: FloatArray) -> FloatArray:
    return np.where(divisor == 0, np.nan, divisor)


def _per_column(columns: tuple[Column, ...], name: str, default: float) -> FloatArray:
    """A parameter that may stand in a column of the meta, else ``default`` for all."""
    values = []
    for column in columns:
        cell = dict(column.meta).get(name)
        try:
            values.append(default if cell is None else float(cell))
        except ValueError:
            raise InputError(f'Meta, row {column.code}, column {name}: "{cell}" is not a number.') from None
    return np.array(values)


def _need_spread(low: FloatArray, high: FloatArray, columns: tuple[Column, ...], method: str) -> None:
    flat = np.flatnonzero(~(high > low))
    if flat.size:
        code = columns[int(flat[0])].code
        raise InputError(
            f"Indicator {code} is constant ({abs(low[flat[0]]):g} for every unit); {method} needs different values.",
            hint="Remove the indicator, or use goalposts or dist2targ, which have a fixed scale.",
        )
