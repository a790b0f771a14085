"""Writing a sensitivity run: its CSV files and a summary."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tocsin.readiness.results import whole_numbers
from tocsin.readiness.run import ReadinessRun, write_csv, write_rows
from tocsin.readiness.table import FloatArray, number_or_none
from tocsin.readiness.uncertainty import UncertaintyResult, explore, rank_statistics, read_specification


def write_sensitivity(run: ReadinessRun, specification_file: Path, out: Path) -> dict[str, object]:
    """The run over the specification, written to the folder ``out``; gives the summary.

    When ``out`` is a name ending in .csv it gets the rank statistics, and nothing else is written.

    Files: ``sa_scores.csv`` and ``sa_ranks.csv`` (uCode, Nominal, r_1 …), ``sa_rankstats.csv`` (uCode, Nominal, Mean,
    Median, Q5, Q95), ``sa_para.csv`` (the sample), ``sa_indices.csv``; the prefix is ``ua`` when only ranks were asked.
    """
    specification = read_specification(specification_file)
    outcome = explore(run.inputs, run.recipe, specification, specification_file.parent)
    files = _write_rank_statistics(outcome, out) if out.suffix == ".csv" else _write_folder(outcome, out)
    indices = index_rows(outcome)
    return {
        "method": outcome.method,
        "evaluations": outcome.scores.shape[1],
        "output": specification.output,
        "variance": None if outcome.indices is None else outcome.indices.variance,
        "indices": indices,
        "interactions": _interactions(outcome),
        "rank_statistics": rank_statistics(outcome),
        "files": files,
        "lines": [f"{row['Variable']}: first order {_short(row['Si'])}, total {_short(row['STi'])}" for row in indices],
    }


def _write_rank_statistics(outcome: UncertaintyResult, out: Path) -> list[str]:
    write_rows(out, rank_statistics(outcome))
    return [out.name]


def _write_folder(outcome: UncertaintyResult, out: Path) -> list[str]:
    prefix = "ua" if outcome.indices is None else "sa"
    write_csv(out / f"{prefix}_scores.csv", _columns(outcome, outcome.nominal_scores, outcome.scores))
    write_csv(out / f"{prefix}_ranks.csv", _columns(outcome, outcome.nominal_ranks, outcome.ranks, whole=True))
    write_rows(out / f"{prefix}_rankstats.csv", rank_statistics(outcome))
    write_csv(out / f"{prefix}_para.csv", sample_columns(outcome))
    if indices := index_rows(outcome):
        write_rows(out / "sa_indices.csv", indices)
    return sorted(path.name for path in out.glob(f"{prefix}_*.csv"))


def index_rows(outcome: UncertaintyResult) -> list[Mapping[str, object]]:
    """Variable, Si, STi, and the 5 % and 95 % limits where the indices are estimates. None where nothing varies."""
    found = outcome.indices
    if found is None:
        return []
    rows: list[Mapping[str, object]] = []
    for i, name in enumerate(outcome.factors):
        row: dict[str, object] = {
            "Variable": name,
            "Si": number_or_none(found.first[i]),
            "STi": number_or_none(found.total[i]),
        }
        if found.first_limits is not None and found.total_limits is not None:
            row |= {
                "Si_q5": number_or_none(found.first_limits[i, 0]),
                "Si_q95": number_or_none(found.first_limits[i, 1]),
                "STi_q5": number_or_none(found.total_limits[i, 0]),
                "STi_q95": number_or_none(found.total_limits[i, 1]),
            }
        rows.append(row)
    return rows


def sample_columns(outcome: UncertaintyResult) -> dict[str, Iterable[object]]:
    """A column for each factor: the number of the alternative from 1, or the value of a range."""
    return {
        name: (outcome.sample[:, i] + 1).astype(np.int64) if outcome.finite[i] else outcome.sample[:, i]
        for i, name in enumerate(outcome.factors)
    }


def _interactions(outcome: UncertaintyResult) -> list[Mapping[str, object]]:
    if outcome.indices is None:
        return []
    return [
        {"factors": [outcome.factors[i], outcome.factors[j]], "Sij": number_or_none(value)}
        for i, j, value in outcome.indices.pairs
    ]


def _columns(
    outcome: UncertaintyResult, nominal: FloatArray, values: FloatArray, *, whole: bool = False
) -> dict[str, Iterable[object]]:
    table = np.column_stack([nominal, values])
    names = ["Nominal", *(f"r_{k}" for k in range(1, table.shape[1]))]
    columns = {name: whole_numbers(table[:, k]) if whole else table[:, k] for k, name in enumerate(names)}
    return {"uCode": outcome.units, **columns}


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "not computable (no variance)"
