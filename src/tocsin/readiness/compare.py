"""Runs and years side by side, what an element is worth, and how things moved over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.aggregate import AggregationStep, aggregate
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.results import ranks, yearly_ranks
from tocsin.readiness.table import DataTable, FloatArray

Row = Mapping[str, object]

REMOVAL_TABLES = ("scores", "ranks", "rank_diffs", "rank_abs_diffs", "mean_abs_diff")


def compare_two(first: Mapping[str, float], second: Mapping[str, float]) -> list[Row]:
    """uCode, coin.1, coin.2, Diff (first - second), Abs.diff for the units of both, largest difference first."""
    rows = []
    for unit in sorted(set(first) & set(second)):
        difference = first[unit] - second[unit]
        rows.append(
            {
                "uCode": unit,
                "coin.1": _plain(first[unit]),
                "coin.2": _plain(second[unit]),
                "Diff": _plain(difference),
                "Abs.diff": _plain(abs(difference)),
            }
        )
    return sorted(rows, key=lambda row: -_size(row["Abs.diff"]))


def compare_many(columns: Mapping[str, Mapping[str, float]], kind: str = "values") -> list[Row]:
    """A uCode and a column for each run; ``kind`` "values", "diffs" (first - other) or "abs_diffs"."""
    base = next(iter(columns.values()))
    rows: list[Row] = []
    for unit in sorted(base, key=lambda u: (np.isnan(base[u]), base[u], u)):
        row: dict[str, object] = {"uCode": unit}
        for name, column in columns.items():
            value = column.get(unit, float("nan"))
            shown = value if kind == "values" else base[unit] - value
            row[name] = _plain(abs(shown) if kind == "abs_diffs" else shown)
        rows.append(row)
    return rows


def standing(table: DataTable, code: str, by: str, year: int | None = None) -> dict[str, float]:
    """The rank or score of each unit in one element, in one year (the latest by default)."""
    if by not in {"ranks", "scores"}:
        raise UsageError(f'"{by}" cannot be compared.', hint="Compare ranks or scores.")
    table = table.of_year(year)
    scores = table.column(code)
    return dict(zip(table.units, (ranks(scores) if by == "ranks" else scores).tolist(), strict=True))


@dataclass(frozen=True)
class Removal:
    """The element studied with nothing removed, then with each of ``codes`` removed: (units, 1 + len(codes))."""

    units: tuple[str, ...]
    years: tuple[int, ...] | None
    codes: tuple[str, ...]
    scores: FloatArray
    ranks: FloatArray

    def rows(self, kind: str) -> list[Row]:
        """uCode, Nominal and a column for each removed element, by one of ``REMOVAL_TABLES``."""
        if kind not in REMOVAL_TABLES:
            raise UsageError(f"There is no table {kind}.", hint=f"Choose from {', '.join(REMOVAL_TABLES)}.")
        change = self.ranks[:, :1] - self.ranks
        tables = {"scores": self.scores, "ranks": self.ranks, "rank_diffs": change, "rank_abs_diffs": np.abs(change)}
        names = ("Nominal", *self.codes)
        if kind == "mean_abs_diff":
            known = ~np.isnan(change)
            mean = np.where(known, np.abs(change), 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            return [{"iCode": name, "MeanAbsDiff": float(value)} for name, value in zip(names, mean, strict=True)]
        return [
            {
                "uCode": unit,
                **({} if self.years is None else {"Time": self.years[i]}),
                **{name: _plain(value) for name, value in zip(names, tables[kind][i], strict=True)},
            }
            for i, unit in enumerate(self.units)
        ]


def remove_elements(
    normalised: DataTable,
    hierarchy: Hierarchy,
    weights: FloatArray,
    steps: Sequence[AggregationStep],
    *,
    level: int,
    code: str,
) -> Removal:
    """The element ``code`` without each element of ``level`` in turn: its weight is set to zero.

    Under Copeland and the means a weight of zero is the same as absence; without its only member a group goes too.
    """
    if code not in hierarchy.codes:
        raise UsageError(f"There is no element {code}.")
    elements = [element for element in hierarchy.at_level(level) if element.parent is not None]
    if not elements:
        raise InputError("The index itself cannot be removed.", hint="Give a level below it.")
    sets = np.repeat(weights[None], len(elements) + 1, axis=0)
    for i, element in enumerate(elements, start=1):
        sets[i, hierarchy.codes.index(element.code)] = 0.0
    made = aggregate(normalised.values, hierarchy, sets, steps, normalised)[..., hierarchy.codes.index(code)].T
    codes = tuple(element.code for element in elements)
    return Removal(normalised.units, normalised.years, codes, made, yearly_ranks(normalised, made))


def trends(table: DataTable, codes: Sequence[str]) -> list[Row]:
    """Per unit and code of a panel: first and last year with a value, their values, change, growth a year, and slope.

    "CAGR" is (last/first)^(1/years) - 1, only for values of one sign; "Slope" is by least squares over all years.
    """
    if table.years is None:
        raise UsageError("Trends need a panel: data of several years.")
    years = np.asarray(table.years, dtype=np.float64)
    rows: list[Row] = []
    for unit in sorted(set(table.units)):
        mine = np.array([i for i, u in enumerate(table.units) if u == unit])
        for code in codes:
            values = table.column(code)[mine]
            known = np.flatnonzero(~np.isnan(values))
            rows.append({"uCode": unit, "iCode": code, **_trend(years[mine][known], values[known]), "N": len(known)})
    return rows


def _trend(years: FloatArray, values: FloatArray) -> dict[str, object]:
    if len(values) < 2:
        return dict.fromkeys(("First", "Last", "FirstValue", "LastValue", "Change", "CAGR", "Slope"))
    first, last, span = float(values[0]), float(values[-1]), float(years[-1] - years[0])
    centred = years - years.mean()
    return {
        "First": int(years[0]),
        "Last": int(years[-1]),
        "FirstValue": first,
        "LastValue": last,
        "Change": last - first,
        "CAGR": float((last / first) ** (1 / span) - 1) if first * last > 0 else None,
        "Slope": float((centred * values).sum() / (centred * centred).sum()),
    }


def _plain(number: float) -> object:
    """None for NaN, whole numbers (ranks) as such."""
    if np.isnan(number):
        return None
    return int(number) if float(number).is_integer() else float(number)


def _size(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else -1.0
