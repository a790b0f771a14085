"""A built run as read back from its folder, seen from one unit: the CSV files that the engine writes."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tocsin.node.errors import InputError, NotFoundError

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
        InputError: a file of the folder cannot be read.

    """
    described = folder / "run.json"
    if not described.is_file():
        raise NotFoundError(
            f"'{folder}' is not the folder of a built run.", hint="Make one: tocsin readiness build --out DIR."
        )
    recipe = json.loads(described.read_text(encoding="utf-8"))
    scores = _rows(folder / "results_full_scores.csv")
    own = [row for row in scores if row["uCode"] == unit]
    if not own:
        raise NotFoundError(f"This run has no unit '{unit}'.", hint="Units: " + ", ".join(_units(scores)[:12]) + " …")
    year = max((row.get("Time", "") for row in own), key=_year)
    meta = _rows(folder / "inputs" / "meta.csv")
    index = str(recipe["index"])
    stages = ("Raw", "Imputed", "Treated", "Normalised", "Aggregated")
    tables = {stage: _table(folder / f"dset_{stage}.csv", year) for stage in stages}
    return UnitRun(
        code=unit,
        name=own[0].get("uName") or unit,
        year=year,
        index=index,
        parts=tuple(_parts(meta, folder)),
        stages={stage: table.get(unit, {}) for stage, table in tables.items()},
        others=tables["Aggregated"],
        names={row["uCode"]: row.get("uName") or row["uCode"] for row in scores},
        groups=_groups(folder / "inputs" / "data.csv", meta),
        group_names={row["iCode"]: row.get("iName") or row["iCode"] for row in meta if row.get("Type") == "Group"},
        bounds=_bounds(folder / "bounds.csv", year),
        part_bounds=_part_bounds(folder / "bounds_parts.csv", unit, year),
        series=_series(folder / "bounds.csv", own, index),
        recipe=recipe,
    )


def _parts(meta: Sequence[Mapping[str, str]], folder: Path) -> list[IndexPart]:
    weights = {row["iCode"]: _number(row["EffWeight"]) for row in _rows(folder / "effective_weights.csv")}
    return [
        IndexPart(
            code=row["iCode"],
            name=row.get("iName") or row["iCode"],
            level=int(float(row["Level"])),
            parent=row.get("Parent", ""),
            unit=row.get("Unit", ""),
            weight=weights.get(row["iCode"]),
        )
        for row in meta
        if row.get("Type") in {"Indicator", "Aggregate"} and row.get("Level")
    ]


def _groups(path: Path, meta: Sequence[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    columns = [row["iCode"] for row in meta if row.get("Type") == "Group"]
    return {row["uCode"]: {name: row[name] for name in columns if row.get(name)} for row in _rows(path)}


def _bounds(path: Path, year: str) -> dict[str, RunBounds]:
    if not path.is_file():
        return {}
    found = {}
    for row in _rows(path):
        low, high = _number(row["Low"]), _number(row["High"])
        if row.get("Time", "") == year and low is not None and high is not None:
            rank = _number(row["Rank"])
            found[row["uCode"]] = RunBounds(
                low=low,
                high=high,
                rank=None if rank is None else int(rank),
                best=int(row["RankBest"]),
                worst=int(row["RankWorst"]),
                missing=_number(row["Missing"]) or 0.0,
            )
    return found


def _part_bounds(path: Path, unit: str, year: str) -> dict[str, tuple[float, float]]:
    rows = _rows(path) if path.is_file() else []
    mine = (row for row in rows if row["uCode"] == unit and row.get("Time", "") == year)
    ends = ((row["iCode"], _number(row["Low"]), _number(row["High"])) for row in mine)
    return {code: (low, high) for code, low, high in ends if low is not None and high is not None}


def _series(path: Path, own: Sequence[Mapping[str, str]], index: str) -> tuple[Year, ...]:
    rows = _rows(path) if path.is_file() else []
    ends = {row.get("Time", ""): row for row in rows if row["uCode"] == own[0]["uCode"]}
    found = []
    for row in own:
        time, score = row.get("Time", ""), _number(row.get(index, ""))
        low, high = (_number(ends.get(time, {}).get(name, "")) for name in ("Low", "High"))
        found.append(Year(time, score, score if low is None else low, score if high is None else high))
    return tuple(sorted(found, key=lambda one: _year(one.year)))


def _table(path: Path, year: str) -> dict[str, Values]:
    return {
        row["uCode"]: {name: _number(cell) for name, cell in row.items() if name not in {"uCode", "Time", "uName"}}
        for row in _rows(path)
        if row.get("Time", "") == year
    }


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"'{path}' of the run cannot be read: {error.strerror}.", hint="Build the run again."
        ) from error


def _units(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(row["uCode"] for row in rows))


def _number(cell: str | None) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return None


def _year(text: str) -> float:
    return _number(text) or 0.0
