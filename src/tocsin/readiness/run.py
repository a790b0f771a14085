"""The folder of a run: what was put in, how, and every stage as CSV; written and read here only."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness.bounds import IndexBounds, scale_limits, score_bounds
from tocsin.readiness.build import Stages, aggregation_steps, evaluate, method_columns
from tocsin.readiness.describe import FlagLimits, correlation_table, statistics
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.inputs import Inputs, read_inputs
from tocsin.readiness.normalise import reversed_by_fracmax
from tocsin.readiness.recipe import Recipe, identity, read_recipe, validate
from tocsin.readiness.results import rank_table, score_table, yearly_ranks
from tocsin.readiness.table import DataTable, FloatArray, number_or_none
from tocsin.readiness.weigh import effective

Row = Mapping[str, object]

STAGES = ("Raw", "Denominated", "Imputed", "Screened", "Treated", "Normalised", "Aggregated")


@dataclass(frozen=True)
class ReadinessRun:
    """A built run: its inputs and recipe, all stages, its identity, and the SHA-256 of each input file."""

    identity: str
    sources: Mapping[str, str]
    inputs: Inputs
    recipe: Recipe
    stages: Stages

    def stage(self, name: str) -> DataTable:
        """One stage by its name in the file names, such as "Treated". Raises NotFoundError."""
        if name not in STAGES:
            raise NotFoundError(f"There is no stage {name}.", hint=f"Choose from {', '.join(STAGES)}.")
        table: DataTable = getattr(self.stages, name.lower())
        return table


def build_run(
    data: Path, meta: Path, recipe_file: Path | None, out: Path, denominators: Path | None = None
) -> ReadinessRun:
    """The run, with its folder ``out`` written. Raises InputError or UsageError, and writes nothing then."""
    run = _evaluated(data, meta, read_recipe(recipe_file), denominators)
    folder = out / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in _sources(data, meta, denominators).items():
        if source.resolve() != (folder / name).resolve():
            shutil.copyfile(source, folder / name)
    _write_stages(run, out)
    text = json.dumps(describe_run(run), indent=1, ensure_ascii=False)
    (out / "run.json").write_text(text + "\n", encoding="utf-8")
    return run


def load_run(folder: Path) -> ReadinessRun:
    """The run of a folder, evaluated again from its inputs and recipe.

    Raises NotFoundError when it is no run, InputError when inputs or recipe were changed since it was built.
    """
    described = folder / "run.json"
    if not described.is_file():
        raise NotFoundError(
            f"{folder} is not the folder of a run: it has no run.json.", hint="Make one: readiness build."
        )
    document = json.loads(described.read_text(encoding="utf-8"))
    inputs = folder / "inputs"
    extra = inputs / "denominators.csv"
    recipe = validate(document.get("recipe", {}), "run.json")
    run = _evaluated(inputs / "data.csv", inputs / "meta.csv", recipe, extra if extra.is_file() else None)
    if run.identity != document.get("identity"):
        raise InputError(f"{folder}: inputs or recipe were changed after the run was built.", hint="Build it again.")
    return run


def describe_run(run: ReadinessRun) -> dict[str, object]:
    """What run.json holds: identity, hashes of the inputs, the whole recipe, the size, and warnings."""
    hierarchy = run.inputs.hierarchy
    raw = run.stages.raw
    return {
        "identity": run.identity,
        "inputs": dict(run.sources),
        "units": len(set(run.stages.aggregated.units)),
        "years": sorted(set(raw.years)) if raw.years is not None else None,
        "indicators": len(hierarchy.indicators),
        "levels": hierarchy.depth,
        "index": hierarchy.top,
        "missing_values": int(np.isnan(raw.values).sum()),
        "warnings": warnings_of(run),
        "recipe": run.recipe.model_dump(mode="json"),
    }


def warnings_of(run: ReadinessRun) -> list[str]:
    """What a reader of the results should know."""
    found: list[str] = []
    how = run.recipe.normalise
    if how.method == "fracmax" and how.params.get("negative", "formula") == "formula":
        table = run.stages.treated
        turned = reversed_by_fracmax(table, method_columns(run.inputs.hierarchy, table.codes))
        if turned:
            found.append(f"fracmax turns round the order of {', '.join(turned)}; set negative = leader.")
    left = int(np.isnan(run.stages.screened.values).sum())
    if left:
        found.append(f"Still missing after imputation: {left}. Each group is averaged over its other members.")
    gone = len(run.stages.imputed.units) - len(run.stages.screened.units)
    if gone:
        found.append(f"Units screened out: {gone}.")
    return found


def table_columns(table: DataTable) -> dict[str, Iterable[object]]:
    """The table as columns for ``write_csv``: uCode, Time for a panel, then the codes."""
    return {**table.keys(), **{code: table.values[:, i] for i, code in enumerate(table.codes)}}


def write_csv(path: Path, columns: Mapping[str, Iterable[object]]) -> None:
    """The columns as CSV, missing as an empty cell, floats in their shortest exact form."""
    import polars as pl

    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame({name: pl.Series(name, column, strict=False) for name, column in columns.items()})
    frame.fill_nan(None).write_csv(path)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows as CSV; the columns are those of the first row."""
    write_csv(path, {name: [row[name] for row in rows] for name in (rows[0] if rows else {})})


def weight_rows(hierarchy: Hierarchy, weights: FloatArray) -> list[dict[str, object]]:
    """iCode, Level, Weight of each element in table order."""
    position = {code: index for index, code in enumerate(hierarchy.codes)}
    return [
        {"iCode": e.code, "Level": e.level, "Weight": float(weights[position[e.code]])} for e in hierarchy.by_parent
    ]


def effective_rows(hierarchy: Hierarchy, weights: FloatArray) -> list[dict[str, object]]:
    """``weight_rows`` with EffWeight, the share of each element in the index."""
    shares = dict(zip(hierarchy.codes, effective(hierarchy, weights).tolist(), strict=True))
    return [{**row, "EffWeight": shares[str(row["iCode"])]} for row in weight_rows(hierarchy, weights)]


def bounds_of(run: ReadinessRun) -> IndexBounds | None:
    """What missing values leave open, a row for each row of the normalised stage; None for Copeland."""
    table, hierarchy = run.stages.normalised, run.inputs.hierarchy
    keys = {key: i for i, key in enumerate(_keys(run.stages.denominated))}
    measured = run.stages.denominated.values[[keys[key] for key in _keys(table)]]
    limits = scale_limits(table, method_columns(hierarchy, table.codes), run.recipe.normalise)
    return score_bounds(
        table,
        np.isnan(measured),
        limits,
        hierarchy,
        weights=run.stages.weights,
        steps=aggregation_steps(hierarchy, run.recipe),
    )


def bound_rows(run: ReadinessRun) -> list[dict[str, object]]:
    """uCode, Index, Low, High, Rank, RankBest, RankWorst, Missing of each unit; empty for Copeland."""
    found = bounds_of(run)
    return [] if found is None else _index_bounds(run, found)


def part_bounds(run: ReadinessRun, found: IndexBounds) -> dict[str, Iterable[object]]:
    """Columns uCode, Time of a panel, iCode, Score, Low, High: every aggregate of every unit, the index first."""
    hierarchy, table = run.inputs.hierarchy, run.stages.aggregated
    codes = [code for code in hierarchy.top_down if hierarchy.by_code[code].level > 1]
    columns = [hierarchy.codes.index(code) for code in codes]
    return {
        **{name: [cell for cell in column for _ in codes] for name, column in table.keys().items()},
        "iCode": codes * len(table.units),
        "Score": table.values[:, columns].reshape(-1),
        "Low": found.lows[:, columns].reshape(-1),
        "High": found.highs[:, columns].reshape(-1),
    }


def _index_bounds(run: ReadinessRun, found: IndexBounds) -> list[dict[str, object]]:
    table, hierarchy = run.stages.normalised, run.inputs.hierarchy
    score = run.stages.aggregated.column(hierarchy.top)
    rank = yearly_ranks(table, score)
    return [
        {
            **table.key(i),
            hierarchy.top: number_or_none(score[i]),
            "Low": number_or_none(found.low[i]),
            "High": number_or_none(found.high[i]),
            "Rank": None if np.isnan(rank[i]) else int(rank[i]),
            "RankBest": int(found.best_rank[i]),
            "RankWorst": int(found.worst_rank[i]),
            "Missing": float(found.missing[i]),
        }
        for i in range(len(table.units))
    ]


def _evaluated(data: Path, meta: Path, recipe: Recipe, denominators: Path | None) -> ReadinessRun:
    inputs = read_inputs(data, meta, denominators, weights_sum=recipe.weights.sum)
    hashes = {name: _sha256(path) for name, path in _sources(data, meta, denominators).items()}
    return ReadinessRun(identity(recipe, hashes), hashes, inputs, recipe, evaluate(inputs, recipe))


def _sources(data: Path, meta: Path, denominators: Path | None) -> dict[str, Path]:
    given = {"data.csv": data, "meta.csv": meta}
    return given if denominators is None else {**given, "denominators.csv": denominators}


def _write_stages(run: ReadinessRun, out: Path) -> None:
    hierarchy, stages = run.inputs.hierarchy, run.stages
    for name in STAGES:
        write_csv(out / f"dset_{name}.csv", table_columns(run.stage(name)))
    write_csv(out / "results_full_scores.csv", score_table(stages.aggregated, hierarchy, run.inputs.names))
    write_csv(out / "results_full_ranks.csv", rank_table(stages.aggregated, hierarchy))
    write_rows(out / "weights_original.csv", weight_rows(hierarchy, stages.weights))
    write_rows(out / "effective_weights.csv", effective_rows(hierarchy, stages.weights))
    limits = FlagLimits(skew=run.recipe.treat.skew, kurtosis=run.recipe.treat.kurtosis)
    write_rows(out / "stats_raw.csv", statistics(stages.raw, limits))
    write_rows(out / "treat_details.csv", _without_empty(stages.treatment))
    codes = [element.code for element in hierarchy.by_parent if element.level == 1]
    write_rows(out / "corr_normalised_L1.csv", correlation_table(stages.normalised, codes))
    for name in ("bounds.csv", "bounds_parts.csv"):
        (out / name).unlink(missing_ok=True)
    if bounds := bounds_of(run):
        write_rows(out / "bounds.csv", _index_bounds(run, bounds))
        write_csv(out / "bounds_parts.csv", part_bounds(run, bounds))


def _without_empty(rows: Sequence[Row]) -> list[Row]:
    used = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return [{name: row[name] for name in used} for row in rows]


def _keys(table: DataTable) -> list[tuple[str, int]]:
    return [(unit, 0 if table.years is None else table.years[i]) for i, unit in enumerate(table.units)]


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    return hashlib.sha256(path.read_bytes()).hexdigest()
