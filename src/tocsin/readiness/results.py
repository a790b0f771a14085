"""What people read: ranks, result tables, strengths and weaknesses, the profile of a unit."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tocsin.node.errors import NotFoundError
from tocsin.readiness.describe import significant
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.normalise import min_ranks
from tocsin.readiness.table import DataTable, FloatArray, highest

Row = dict[str, object]


def ranks(scores: FloatArray) -> FloatArray:
    """1 for the highest of each column; equal scores share the better rank; NaN stays. Shape (rows,) or (rows, n)."""
    columns = scores if scores.ndim == 2 else scores[:, None]
    made = min_ranks(-columns)
    return made if scores.ndim == 2 else made[:, 0]


def yearly_ranks(table: DataTable, values: FloatArray) -> FloatArray:
    """``ranks`` within each year."""
    made = np.empty_like(values)
    for rows in table.slices():
        made[rows] = ranks(values[rows])
    return made


def score_table(
    aggregated: DataTable, hierarchy: Hierarchy, names: Mapping[str, str], places: int = 10
) -> dict[str, Iterable[object]]:
    """Columns uCode, uName, Rank, then the index and all below it; best unit first (within each year of a panel)."""
    order = best_first(aggregated, hierarchy)
    ordered = aggregated.columns(hierarchy.top_down).rows(order)
    rank = yearly_ranks(aggregated, aggregated.column(hierarchy.top))[order]
    scores = np.round(ordered.values, places)
    return {
        **ordered.keys(),
        "uName": [names.get(unit, unit) for unit in ordered.units],
        "Rank": [_whole(value) for value in rank],
        **{code: scores[:, i] for i, code in enumerate(ordered.codes)},
    }


def rank_table(aggregated: DataTable, hierarchy: Hierarchy) -> dict[str, Iterable[object]]:
    """Columns uCode, then the ranks in the index and all below it; best unit first."""
    ordered = aggregated.columns(hierarchy.top_down).rows(best_first(aggregated, hierarchy))
    made = yearly_ranks(ordered, ordered.values)
    return {**ordered.keys(), **{code: whole_numbers(made[:, i]) for i, code in enumerate(ordered.codes)}}


def whole_numbers(values: FloatArray) -> Iterable[object]:
    """Ranks as whole numbers, None for NaN."""
    return [_whole(value) for value in values] if np.isnan(values).any() else values.astype(np.int64)


def best_first(aggregated: DataTable, hierarchy: Hierarchy) -> list[int]:
    """Row numbers by year, then by index score, highest first; units without a score last."""
    score = aggregated.column(hierarchy.top)
    return [
        int(row)
        for rows in aggregated.slices()
        for row in rows[np.argsort(np.where(np.isnan(score[rows]), np.inf, -score[rows]), kind="stable")]
    ]


def strengths(
    table: DataTable,
    hierarchy: Hierarchy,
    unit: str,
    *,
    count: int = 5,
    group_level: int = 2,
    least_unique: float | None = None,
    adjust_direction: bool = False,
) -> tuple[list[Row], list[Row]]:
    """The indicators in which the unit ranks best, and worst: Code, Name, group, Rank, Value, Unit.

    An indicator in which the unit shares the lowest value is no strength. ``least_unique`` leaves out indicators
    with a smaller share of different values (yes/no questions). ``adjust_direction`` is for values before
    normalisation. Rows of a panel: the latest year of the unit.
    """
    table, row = _latest(table, unit)
    signs = np.array([hierarchy.by_code[code].direction if adjust_direction else 1 for code in table.codes])
    rank = ranks(table.values * signs)
    worst = highest(rank)
    usable = [
        i
        for i, code in enumerate(table.codes)
        if hierarchy.by_code[code].level == 1
        and not np.isnan(rank[row, i])
        and _varied(table.values[:, i], least_unique)
    ]
    best = sorted((i for i in usable if rank[row, i] < worst[i]), key=lambda i: rank[row, i])[:count]
    least = sorted(usable, key=lambda i: rank[row, i])[-count:]

    def line(i: int) -> Row:
        element = hierarchy.by_code[table.codes[i]]
        parent = next((c for c in hierarchy.lineage(element.code) if hierarchy.by_code[c].level == group_level), "")
        return {
            "Code": element.code,
            "Name": element.name,
            "Group": parent,
            "Rank": _whole(rank[row, i]),
            "Value": significant(table.values[row, i], 3),
            "Unit": element.unit,
        }

    return [line(i) for i in best], [line(i) for i in least]


def profile(aggregated: DataTable, hierarchy: Hierarchy, unit: str, levels: Sequence[int] | None = None) -> list[Row]:
    """Code, Name, Level, Score, Rank and Of (units ranked) of one unit, the index first."""
    table, row = _latest(aggregated, unit)
    rank = ranks(table.values)
    return [
        {
            "Code": code,
            "Name": hierarchy.by_code[code].name,
            "Level": hierarchy.by_code[code].level,
            "Score": _rounded(table.values[row, i], 10),
            "Rank": _whole(rank[row, i]),
            "Of": int((~np.isnan(table.values[:, i])).sum()),
        }
        for code in hierarchy.top_down
        if levels is None or hierarchy.by_code[code].level in levels
        for i in [table.position(code)]
    ]


def unit_row(table: DataTable, unit: str) -> int:
    """The row of a unit, its latest year. Raises NotFoundError."""
    if unit not in table.units:
        raise NotFoundError(f"There is no unit {unit} in this run.")
    return max(i for i, code in enumerate(table.units) if code == unit)


def _latest(table: DataTable, unit: str) -> tuple[DataTable, int]:
    """The latest year of a unit, and its row there."""
    row = unit_row(table, unit)
    found = table.of_year(None if table.years is None else table.years[row])
    return found, found.units.index(unit)


def _varied(column: FloatArray, least: float | None) -> bool:
    known = column[~np.isnan(column)]
    return least is None or len(np.unique(known)) / len(known) >= least


def _whole(number: float) -> int | None:
    return None if np.isnan(number) else int(number)


def _rounded(number: float, places: int) -> float | None:
    return None if np.isnan(number) else round(float(number), places)
