"""Reading the two input files of a run, indicator data and meta, with every bad cell named."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness.hierarchy import Element, Hierarchy, arrange
from tocsin.readiness.table import DataTable, FloatArray

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null")
"""Cells that say "not measured"."""

TYPES = ("Indicator", "Aggregate", "Group", "Denominator", "Other")
META_COLUMNS = ("Level", "iCode", "iName", "Direction", "Weight", "Unit", "Target", "Denominator", "Parent", "Type")


@dataclass(frozen=True)
class Inputs:
    """What a run starts from: indicators, their denominators, groups of units, names, and the hierarchy.

    ``denominators`` has the rows of ``data``. ``groups`` maps a grouping column to one label a row ("" is unknown).
    """

    data: DataTable
    hierarchy: Hierarchy
    denominators: DataTable
    groups: dict[str, tuple[str, ...]]
    names: dict[str, str]


def read_inputs(data: Path, meta: Path, denominators: Path | None = None, *, weights_sum: str = "auto") -> Inputs:
    """The checked inputs of a run. Raises InputError that names file, row, column and rule; NotFoundError."""
    meta_frame = read_csv(meta)
    rows = _meta_rows(meta_frame)
    frame = read_csv(data)
    need_columns(frame, ("uCode",), "Data")
    indicators = [row["iCode"] for row in rows if row["Type"] == "Indicator"]
    if not indicators:
        raise InputError("Meta, column Type: no row is an Indicator.")
    need_columns(frame, indicators, "Data")
    order = [column for column in frame.columns if column in set(indicators)]
    group_codes = [row["iCode"] for row in rows if row["Type"] == "Group"]
    denominator_codes = [row["iCode"] for row in rows if row["Type"] == "Denominator"]
    hierarchy = arrange(
        _elements(rows),
        order,
        [c for c in group_codes if c in frame.columns],
        denominator_codes,
        weights_sum=weights_sum,
    )
    units, years = _row_keys(frame)
    sorting = sorted(range(len(units)), key=lambda i: (0 if years is None else years[i], units[i]))
    table = DataTable(units, tuple(order), numbers(frame, order, "Data", units), years).rows(sorting)
    _check_empty(table)
    named = frame["uName"].to_list() if "uName" in frame.columns else list(units)
    return Inputs(
        data=table,
        hierarchy=hierarchy,
        denominators=_denominators(frame, denominators, hierarchy, units, years).rows(sorting),
        groups={code: _labels(frame, code, sorting) for code in group_codes if code in frame.columns},
        names={units[i]: named[i] or units[i] for i in sorting},
    )


def read_csv(path: Path) -> "pl.DataFrame":
    """Every cell as text, missing cells as ""; blank rows at the end are left out.

    Raises InputError when it is no CSV file, NotFoundError.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    _check_shape(path)
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except PolarsError as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{path.name} cannot be read as CSV: {first}", hint="Save it as CSV, UTF-8, commas.") from None
    frame = frame.rename({column: column.strip() for column in frame.columns})
    frame = frame.with_columns(pl.all().str.strip_chars().fill_null(""))
    filled = frame.select(pl.any_horizontal(pl.all() != "")).to_series().to_numpy()
    return frame.head(int(np.flatnonzero(filled)[-1]) + 1)


def _check_shape(path: Path) -> None:
    """The reader pads short rows without a word, so every row is counted here first."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if not any(cell.strip() for cell in header):
                raise InputError(f"{path.name} is empty or has no header.", hint="The first row names the columns.")
            if len(header) <= 1 and ";" in "".join(header):
                raise InputError(
                    f"{path.name}, header: separated by semicolons; the rule is commas, with a decimal point."
                )
            twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
            if twice is not None:
                raise InputError(f"{path.name}, header: column {twice} stands twice; a column name must be unique.")
            filled = 0
            for count, row in enumerate(rows, start=1):
                filled += any(cell.strip() for cell in row)
                if row and len(row) != len(header):
                    raise InputError(
                        f"{path.name}, row {count + 1} ({row[0]}): {len(row)} cells; the header has {len(header)}.",
                        hint="A decimal comma makes one cell too many; an unclosed quote too few.",
                    )
            if filled == 0:
                raise InputError(f"{path.name} has a header but no rows.")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text.", hint="Save it as CSV, UTF-8, commas.") from None


def numbers(frame: "pl.DataFrame", columns: Sequence[str], what: str, row_names: Sequence[str]) -> FloatArray:
    """The named columns as float64 of shape (rows, columns); missing cells are NaN.

    Raises InputError naming the first cell that is no number, with a word on decimal commas.
    """
    import polars as pl

    text = frame.select(pl.col(list(columns)))
    gaps = text.select(pl.all().is_in(MISSING)).to_numpy()
    parsed = text.select(pl.all().cast(pl.Float64, strict=False)).to_numpy().astype(np.float64)
    bad = ~gaps & ~np.isfinite(parsed)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise _no_number(what, row_names[row], columns[column], str(text[row, column]))
    parsed[gaps] = np.nan
    return parsed


def _no_number(what: str, row: str, column: str, cell: str) -> InputError:
    rule = "a number needs a decimal point, not a comma" if "," in cell else "the cell must be a number or empty"
    return InputError(f'{what}, row {row}, column {column}: "{cell}" is not a number; {rule}.')


def need_columns(frame: "pl.DataFrame", columns: Sequence[str], what: str) -> None:
    """Nothing, or InputError naming the columns that the file ``what`` lacks."""
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise InputError(
            f"{what}: column {', '.join(absent)} is missing.", hint=f"It has {', '.join(frame.columns[:12])}."
        )


def _row_keys(frame: "pl.DataFrame") -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    units = tuple(frame["uCode"].to_list())
    if "" in units:
        raise InputError(f"Data, row {units.index('') + 2}, column uCode: a unit needs a code.")
    years = None
    if "Time" in frame.columns:
        times = numbers(frame, ["Time"], "Data", units)[:, 0]
        if not np.isfinite(times).all() or (times != np.round(times)).any():
            row = int(np.flatnonzero(~np.isfinite(times) | (times != np.round(times)))[0])
            raise InputError(f"Data, row {units[row]}, column Time: the year must be a whole number.")
        years = tuple(int(time) for time in times)
    seen: set[tuple[str, int]] = set()
    for index, unit in enumerate(units):
        key = (unit, 0 if years is None else years[index])
        if key in seen:
            when = "" if years is None else f" for {years[index]}"
            raise InputError(
                f"Data, row {index + 2}, column uCode: unit {unit} stands twice{when}; units must be unique."
            )
        seen.add(key)
    return units, years if years is not None and len(set(years)) > 1 else None


def _check_empty(table: DataTable) -> None:
    empty = np.flatnonzero(np.isnan(table.values).all(axis=1))
    if empty.size:
        raise InputError(
            f"Data, {table.row_name(int(empty[0]))}: every indicator is missing; a unit needs at least one value.",
            hint="Remove the row.",
        )
    blank = np.flatnonzero(np.isnan(table.values).all(axis=0))
    if blank.size:
        raise InputError(
            f"Data, column {table.codes[int(blank[0])]}: every unit is missing; an indicator needs at least one value."
        )


def _labels(frame: "pl.DataFrame", code: str, sorting: Sequence[int]) -> tuple[str, ...]:
    column = frame[code].to_list()
    return tuple("" if column[i] in MISSING else column[i] for i in sorting)


def _denominators(
    frame: "pl.DataFrame",
    extra: Path | None,
    hierarchy: Hierarchy,
    units: tuple[str, ...],
    years: tuple[int, ...] | None,
) -> DataTable:
    used = sorted({e.denominator for e in hierarchy.indicators if e.denominator})
    source, what = (frame, "Data") if extra is None else (_matched(read_csv(extra), units), "Denominators")
    for element in hierarchy.indicators:
        if element.denominator and element.denominator not in source.columns:
            raise InputError(
                f"Meta, row {element.code}, column Denominator: there is no column {element.denominator} in {what}."
            )
    values = numbers(source, used, what, units) if used else np.empty((len(units), 0))
    return DataTable(units, tuple(used), values, years)


def _matched(frame: "pl.DataFrame", units: tuple[str, ...]) -> "pl.DataFrame":
    need_columns(frame, ("uCode",), "Denominators")
    position = {code: index for index, code in enumerate(frame["uCode"].to_list())}
    for unit in units:
        if unit not in position:
            raise InputError(f"Denominators: there is no row for unit {unit}.")
    return frame[[position[unit] for unit in units]]


def _meta_rows(frame: "pl.DataFrame") -> list[dict[str, str]]:
    need_columns(frame, ("iCode", "Parent", "Type"), "Meta")
    rows = [{key: "" if value in MISSING else value for key, value in row.items()} for row in frame.to_dicts()]
    for index, row in enumerate(rows):
        if not row["iCode"]:
            raise InputError(f"Meta, row {index + 2}, column iCode: every row needs a code.")
        if row["Type"] not in TYPES:
            raise InputError(
                f'Meta, row {row["iCode"]}, column Type: "{row["Type"]}" is not one of {", ".join(TYPES)}.'
            )
    return rows


def _elements(rows: Sequence[dict[str, str]]) -> list[Element]:
    members = [row for row in rows if row["Type"] in {"Indicator", "Aggregate"}]
    levels = _levels(members)
    return [
        Element(
            code=row["iCode"],
            name=row.get("iName", "") or row["iCode"],
            level=levels[row["iCode"]],
            parent=row["Parent"] or None,
            direction=_direction(row),
            weight=_weight(row),
            unit=row.get("Unit", ""),
            denominator=row.get("Denominator") or None,
            target=_number(row, "Target"),
            params=tuple((key, value) for key, value in row.items() if value and key not in META_COLUMNS),
        )
        for row in members
    ]


def _levels(members: Sequence[dict[str, str]]) -> dict[str, int]:
    """The level of each element: as given, else counted from the indicators upwards."""
    levels: dict[str, int] = {}
    for row in members:
        given = _number(row, "Level")
        level = 1 if row["Type"] == "Indicator" else 0
        if given is not None:
            if given != int(given) or given < 1 or (level == 1) != (given == 1):
                raise InputError(
                    f"Meta, row {row['iCode']}, column Level: {given:g}; indicators are on level 1, "
                    "aggregates on a whole number above it."
                )
            level = int(given)
        levels[row["iCode"]] = level
    parents = {row["iCode"]: row["Parent"] for row in members}
    open_codes = {row["iCode"] for row in members if not row.get("Level")}
    rising = [row["iCode"] for row in members if row["Type"] == "Indicator"]
    for _ in members:  # as many rounds as a chain can be long; a cycle is reported by ``arrange``
        raised = []
        for code in rising:
            parent = parents[code]
            if parent in open_codes and levels[parent] <= levels[code]:
                levels[parent] = levels[code] + 1
            if parent in levels:
                raised.append(parent)
        if not raised:
            break
        rising = list(dict.fromkeys(raised))
    return levels


def _number(row: dict[str, str], column: str) -> float | None:
    cell = row.get(column, "")
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise _no_number("Meta", row["iCode"], column, cell) from None
    if not np.isfinite(value):
        raise _no_number("Meta", row["iCode"], column, cell)
    return value


def _direction(row: dict[str, str]) -> int:
    value = _number(row, "Direction")
    if value is None and row["Type"] == "Aggregate":
        return 1
    if value not in {1.0, -1.0}:
        raise InputError(
            f'Meta, row {row["iCode"]}, column Direction: "{row.get("Direction", "")}"; '
            "it must be 1 (more is better) or -1 (less is better)."
        )
    return int(value)


def _weight(row: dict[str, str]) -> float:
    value = _number(row, "Weight")
    if value is None:
        if row["Parent"]:
            raise InputError(f"Meta, row {row['iCode']}, column Weight: a weight is missing.")
        return 1.0
    if value < 0:
        raise InputError(f"Meta, row {row['iCode']}, column Weight: {value:g}; a weight cannot be negative.")
    return value
