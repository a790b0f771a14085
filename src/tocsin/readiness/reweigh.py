"""A built run looked at again: other weights, other aggregation, other runs beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness import compare, weigh
from tocsin.readiness.aggregate import aggregate, steps_for
from tocsin.readiness.build import aggregation_steps, method_columns
from tocsin.readiness.inputs import need_columns, numbers, read_csv
from tocsin.readiness.normalise import normalise
from tocsin.readiness.parameters import by_own_name, real, reals, text
from tocsin.readiness.run import ReadinessRun, effective_rows, load_run, weight_rows
from tocsin.readiness.table import DataTable, FloatArray

Params = Mapping[str, object]
Row = Mapping[str, object]

WEIGHT_METHODS = ("given", "equal", "effective", "noisy", "pca", "balance", "infomax", "balance_corr", "infomax_corr")

_RANGE = ("l_u", "range", "lower", "upper")


def weight_table(run: ReadinessRun, method: str, level: int | None, params: Params) -> list[Row]:
    """iCode, Level, Weight of every element, by one of ``WEIGHT_METHODS``.

    "balance_corr" and "infomax_corr" add Desired and Obtained (correlations with the index; shares of them for
    balance) and OptWeight for the elements of ``level``; "noisy" adds rep. Raises UsageError, InputError.
    """
    hierarchy, weights = run.inputs.hierarchy, run.stages.weights
    if method == "given":
        return list(weight_rows(hierarchy, weights))
    if method == "equal":
        return list(weight_rows(hierarchy, np.ones_like(weights)))
    if method == "effective":
        return list(effective_rows(hierarchy, weights))
    if method == "noisy":
        return _noisy_rows(run, level, params)
    if method not in WEIGHT_METHODS:
        raise UsageError(f"There are no weights {method}.", hint=f"Choose from {', '.join(WEIGHT_METHODS)}.")
    if level is None:
        raise UsageError(f"Weights by {method} need --level.")
    if method == "pca":
        made = weigh.pca_weights(hierarchy, run.stages.aggregated.values, weights, level)
        return list(weight_rows(hierarchy, made))
    return _optimised_rows(run, method, level, params)


def aggregate_again(
    run: ReadinessRun, methods: str, params: Params, normalised: Path | None = None, weights: Path | None = None
) -> DataTable:
    """Indicators and aggregates by other methods (one, or one a level with commas).

    ``params``: p of genmean, min_available, and l_u (or lower and upper), which first puts the treated indicators on
    that min-max range. ``normalised`` and ``weights`` are files to use instead of the run's own.
    """
    params = by_own_name(params)
    unknown = set(params) - {"p", "min_available", "dat_thresh", *_RANGE}
    if unknown:
        raise UsageError(
            f"Aggregation has no parameter {', '.join(sorted(unknown))}.",
            hint="It takes p, min_available, l_u, lower, upper.",
        )
    hierarchy = run.inputs.hierarchy
    table = run.stages.normalised if normalised is None else _read_table(run, normalised)
    if any(name in params for name in _RANGE):
        scale = {name: value for name, value in params.items() if name in _RANGE}
        treated = run.stages.treated
        columns = method_columns(hierarchy, treated.codes)
        table = normalise(treated, columns, "minmax", scale, over_panel=run.recipe.normalise.over_panel)
    steps = steps_for(
        hierarchy.depth,
        methods.split(","),
        reals(params, ("p",)) or (1.0,),
        reals(params, ("min_available", "dat_thresh")) or (0.0,),
    )
    given = run.stages.weights if weights is None else _read_weights(run, weights)
    values = aggregate(table.values, hierarchy, given, steps, table)
    return DataTable(table.units, hierarchy.codes, values, table.years)


def labelled(folders: Sequence[Path]) -> dict[str, ReadinessRun]:
    """Each run under the name of its folder, its path where names are the same, numbered where paths are."""
    names = [folder.name for folder in folders]
    labels = names if len(set(names)) == len(names) else [str(folder) for folder in folders]
    labels = [f"{label} ({i + 1})" if label in labels[:i] else label for i, label in enumerate(labels)]
    return {label: load_run(folder) for label, folder in zip(labels, folders, strict=True)}


def comparison(
    runs: Mapping[str, ReadinessRun], years: Sequence[int], code: str | None, by: str, table: str
) -> list[Row]:
    """Two runs (or years of one) as ``compare_two``; more of them as ``compare_many``."""
    if table not in {"values", "diffs", "abs_diffs"}:
        raise UsageError(f"There is no table {table}.", hint="Choose values, diffs or abs_diffs.")
    columns: dict[str, dict[str, float]] = {}
    for name, run in runs.items():
        wanted = code or run.inputs.hierarchy.top
        for year in cast("Sequence[int | None]", years) or [None]:
            label = name if year is None else str(year) if len(runs) == 1 else f"{name} {year}"
            columns[label] = compare.standing(run.stages.aggregated, wanted, by, year)
    if len(columns) < 2:
        raise UsageError("There is nothing to compare with.", hint="Give --with FOLDER, or two --year of a panel.")
    if len(columns) == 2 and table == "values":
        first, second = columns.values()
        return compare.compare_two(first, second)
    return compare.compare_many(columns, table)


def _noisy_rows(run: ReadinessRun, level: int | None, params: Params) -> list[Row]:
    hierarchy = run.inputs.hierarchy
    factor = real(params, ("noise", "NoiseFactor"), 0.25)
    count, seed = int(real(params, ("count", "Nrep"), 100)), int(real(params, ("seed",), 1))
    if not 0 <= factor <= 1 or count < 1:
        raise UsageError("Noisy weights: noise must be between 0 and 1, count 1 or more.")
    levels = range(2, hierarchy.depth) if level is None else [level]
    sets = weigh.noisy(hierarchy, run.stages.weights, dict.fromkeys(levels, factor), count, seed)
    return [{"rep": i, **row} for i, one in enumerate(sets, start=1) for row in weight_rows(hierarchy, one)]


def _optimised_rows(run: ReadinessRun, method: str, level: int, params: Params) -> list[Row]:
    hierarchy, stages = run.inputs.hierarchy, run.stages
    steps = aggregation_steps(hierarchy, run.recipe)

    def make(weights: FloatArray) -> FloatArray:
        return aggregate(stages.normalised.values, hierarchy, weights, steps, stages.normalised)

    importance = reals(params, ("importance", "itarg")) if text(params, ("itarg",), "") != "equal" else ()
    aim, with_fit = method.removesuffix("_corr"), method.endswith("_corr")
    made, obtained, desired = weigh.optimise(
        hierarchy,
        make,
        stages.weights,
        level,
        aim=aim,
        importance=importance or None,
        rough=any(step.method == "copeland" for step in steps),
    )
    rows = weight_rows(hierarchy, made)
    if not with_fit:
        return list(rows)
    codes = [element.code for element in hierarchy.at_level(level)]
    fit = {code: (float(obtained[i]), float(desired[i])) for i, code in enumerate(codes)}
    return [{**row, **_fit(fit.get(str(row["iCode"])), aim, row["Weight"])} for row in rows]


def _fit(found: tuple[float, float] | None, aim: str, weight: object) -> dict[str, object]:
    if found is None:
        return {"Desired": None, "Obtained": None, "OptWeight": None}
    obtained, desired = found
    return {"Desired": desired if aim == "balance" else 1.0, "Obtained": obtained, "OptWeight": weight}


def _read_table(run: ReadinessRun, path: Path) -> DataTable:
    own = run.stages.normalised
    frame = read_csv(path)
    need_columns(frame, ("uCode", *own.codes), path.name)
    units = tuple(frame["uCode"].to_list())
    years = None
    if own.years is not None and "Time" in frame.columns:
        years = tuple(int(year) for year in numbers(frame, ["Time"], path.name, units)[:, 0])
    return DataTable(units, own.codes, numbers(frame, own.codes, path.name, units), years)


def _read_weights(run: ReadinessRun, path: Path) -> FloatArray:
    frame = read_csv(path)
    need_columns(frame, ("iCode", "Weight"), path.name)
    codes = frame["iCode"].to_list()
    given = dict(zip(codes, numbers(frame, ["Weight"], path.name, codes)[:, 0].tolist(), strict=True))
    weights = run.stages.weights.copy()
    for code, weight in given.items():
        if code not in run.inputs.hierarchy.codes:
            raise InputError(f"{path.name}, column iCode: there is no element {code}.")
        if np.isnan(weight):
            raise InputError(f"{path.name}, row {code}, column Weight: a weight is missing.")
        weights[run.inputs.hierarchy.codes.index(code)] = weight
    return weights
