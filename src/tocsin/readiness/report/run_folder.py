"""A built run seen from one unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness.bounds import IndexBounds
from tocsin.readiness.inputs import read_csv
from tocsin.readiness.results import yearly_ranks
from tocsin.readiness.run import ReadinessRun, bounds_of, describe_run, load_run
from tocsin.readiness.table import DataTable, number_or_none
from tocsin.readiness.weigh import effective

Values = Mapping[str, float | None]


@dataclass(frozen=True)
class IndexPart:
    """An indicator or a group of the hierarchy; ``weight`` is its effective share of the index, 0 to 1."""

    code: str
    name: str
    level: int
    parent: str
    unit: str
    weight: float | None


@dataclass(frozen=True)
class RunBounds:
    """The index with worst and best case of what is missing, and the ranks that follow. ``missing`` is by weight."""

    low: float
    high: float
    rank: int | None
    best: int
    worst: int
    missing: float


@dataclass(frozen=True)
class Year:
    """The index of the unit in one year, with worst and best case of what is missing."""

    year: str
    score: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class UnitRun:
    """One unit in one run, at its latest year. ``stages`` is by name; ``others`` are all units' values of that year.

    ``part_bounds`` are the least and most that each group's score may be, by its code.
    """

    code: str
    name: str
    year: str
    index: str
    parts: tuple[IndexPart, ...]
    stages: Mapping[str, Values]
    others: Mapping[str, Values]
    names: Mapping[str, str]
    groups: Mapping[str, Mapping[str, str]]
    group_names: Mapping[str, str]
    bounds: Mapping[str, RunBounds]
    part_bounds: Mapping[str, tuple[float, float]]
    series: tuple[Year, ...]
    recipe: Mapping[str, object]

    def at_level(self, level: int) -> list[IndexPart]:
        """The parts of one level, in the order of the hierarchy."""
        return [part for part in self.parts if part.level == level]

    def value(self, stage: str, code: str) -> float | None:
        """The unit's value of a part at a stage."""
        return self.stages[stage].get(code)

    def peers(self, group: str) -> list[str]:
        """The other units, or those of the same group.

        Raises:
            InputError: the data has no such group.

        """
        others = [code for code in self.others if code != self.code]
        if not group:
            return others
        own = self.groups.get(self.code, {}).get(group)
        if own is None:
            known = ", ".join(self.groups.get(self.code, {})) or "none"
            raise InputError(f"The data of this run has no group '{group}'.", hint=f"Groups: {known}.")
        return [code for code in others if self.groups.get(code, {}).get(group) == own]

    def median_of(self, codes: Sequence[str], part: str) -> float | None:
        """The median of a part's aggregated values over some units; None for fewer than three."""
        values = [value for code in codes if (value := self.others[code].get(part)) is not None]
        return median(values) if len(values) >= 3 else None


def read_unit(folder: Path, unit: str) -> UnitRun:
    """The unit in a built run.

    Raises:
        NotFoundError: the folder is not that of a run, or the run has no such unit.
        InputError: inputs or recipe in the folder were changed after the run was built.

    """
    run = load_run(folder)
    table, names = run.stages.aggregated, run.inputs.names
    own = [row for row, code in enumerate(table.units) if code == unit]
    if not own:
        units = dict.fromkeys(table.units)
        raise NotFoundError(f"This run has no unit '{unit}'.", hint="Units: " + ", ".join([*units][:12]) + " …")
    year = _year(table, own[-1])
    stages = ("Raw", "Imputed", "Treated", "Normalised", "Aggregated")
    tables = {stage: _by_unit(run.stage(stage), year) for stage in stages}
    bounds = bounds_of(run)
    return UnitRun(
        code=unit,
        name=names[unit],
        year=year,
        index=run.inputs.hierarchy.top,
        parts=_parts(run),
        stages={stage: units.get(unit, {}) for stage, units in tables.items()},
        others=tables["Aggregated"],
        names=names,
        groups=_groups(run),
        group_names=_group_names(folder / "inputs" / "meta.csv"),
        bounds={} if bounds is None else _bounds(run, bounds, year),
        part_bounds={} if bounds is None else _part_bounds(run, bounds, own[-1]),
        series=_series(run, bounds, own),
        recipe=describe_run(run),
    )


def _year(table: DataTable, row: int) -> str:
    return "" if table.years is None else str(table.years[row])


def _by_unit(table: DataTable, year: str) -> dict[str, Values]:
    return {
        unit: {code: number_or_none(value) for code, value in zip(table.codes, table.values[row], strict=True)}
        for row, unit in enumerate(table.units)
        if _year(table, row) == year
    }


def _parts(run: ReadinessRun) -> tuple[IndexPart, ...]:
    hierarchy = run.inputs.hierarchy
    weights = dict(zip(hierarchy.codes, effective(hierarchy, run.stages.weights).tolist(), strict=True))
    return tuple(
        IndexPart(one.code, one.name, one.level, one.parent or "", one.unit, weights[one.code])
        for one in hierarchy.elements
    )


def _groups(run: ReadinessRun) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {unit: {} for unit in run.inputs.data.units}
    for name, labels in run.inputs.groups.items():
        for unit, label in zip(run.inputs.data.units, labels, strict=True):
            if label:
                found[unit][name] = label
    return found


def _group_names(meta: Path) -> dict[str, str]:
    rows = read_csv(meta).to_dicts()
    return {row["iCode"]: row.get("iName") or row["iCode"] for row in rows if row["Type"] == "Group"}


def _bounds(run: ReadinessRun, found: IndexBounds, year: str) -> dict[str, RunBounds]:
    table = run.stages.aggregated
    ranks = [number_or_none(rank) for rank in yearly_ranks(table, table.column(run.inputs.hierarchy.top))]
    return {
        unit: RunBounds(
            low=float(found.low[row]),
            high=float(found.high[row]),
            rank=None if (rank := ranks[row]) is None else int(rank),
            best=int(found.best_rank[row]),
            worst=int(found.worst_rank[row]),
            missing=float(found.missing[row]),
        )
        for row, unit in enumerate(table.units)
        if _year(table, row) == year and not np.isnan(found.low[row] + found.high[row])
    }


def _part_bounds(run: ReadinessRun, found: IndexBounds, row: int) -> dict[str, tuple[float, float]]:
    hierarchy = run.inputs.hierarchy
    ends = zip(hierarchy.codes, found.lows[row].tolist(), found.highs[row].tolist(), strict=True)
    return {
        code: (low, high) for code, low, high in ends if hierarchy.by_code[code].level > 1 and not np.isnan(low + high)
    }


def _series(run: ReadinessRun, bounds: IndexBounds | None, own: Sequence[int]) -> tuple[Year, ...]:
    table = run.stages.aggregated
    scores = np.round(table.column(run.inputs.hierarchy.top), 10)
    found = []
    for row in own:
        score = number_or_none(scores[row])
        low, high = (
            (None, None) if bounds is None else (number_or_none(bounds.low[row]), number_or_none(bounds.high[row]))
        )
        found.append(Year(_year(table, row), score, score if low is None else low, score if high is None else high))
    return tuple(found)
