"""From inputs and recipe to every stage of an index: one pure function, and its steps for those who need only some."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tocsin.node.errors import InputError
from tocsin.readiness import impute, normalise, screen, treat
from tocsin.readiness.aggregate import AggregationStep, aggregate, steps_for
from tocsin.readiness.denominate import denominate
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.inputs import Inputs
from tocsin.readiness.recipe import Impute, Normalise, Recipe, Treat
from tocsin.readiness.table import DataTable, FloatArray

Entry = TypeVar("Entry", str, float)


@dataclass(frozen=True)
class Stages:
    """What each step made. ``weights`` is in the order of ``aggregated.codes``."""

    raw: DataTable
    denominated: DataTable
    imputed: DataTable
    screened: DataTable
    treated: DataTable
    normalised: DataTable
    aggregated: DataTable
    treatment: tuple[dict[str, object], ...]
    weights: FloatArray


def evaluate(inputs: Inputs, recipe: Recipe) -> Stages:
    """Every stage of the index. Same inputs and recipe, same bits. Raises InputError or UsageError."""
    denominated, imputed, screened = prepare(inputs, recipe)
    treated, treatment = apply_treatment(screened, recipe.treat)
    normalised = apply_normalisation(treated, inputs.hierarchy, recipe.normalise)
    weights = given_weights(inputs.hierarchy, recipe)
    values = aggregate(
        normalised.values, inputs.hierarchy, weights, aggregation_steps(inputs.hierarchy, recipe), normalised
    )
    aggregated = DataTable(normalised.units, inputs.hierarchy.codes, values, normalised.years)
    return Stages(inputs.data, denominated, imputed, screened, treated, normalised, aggregated, treatment, weights)


def prepare(inputs: Inputs, recipe: Recipe) -> tuple[DataTable, DataTable, DataTable]:
    """The denominated, imputed and screened tables."""
    denominated = inputs.data
    if recipe.denominate.enabled:
        denominated = denominate(inputs.data, inputs.denominators, inputs.hierarchy, recipe.denominate.scale)
    if recipe.screen.before_imputation:
        stay = _stay(denominated, recipe)
        imputed = apply_imputation(denominated.rows(stay), inputs, recipe.impute, np.flatnonzero(stay).tolist())
        return denominated, imputed, imputed
    imputed = apply_imputation(denominated, inputs, recipe.impute, range(len(denominated.units)))
    return denominated, imputed, imputed.rows(_stay(imputed, recipe))


def apply_imputation(table: DataTable, inputs: Inputs, how: Impute, source_rows: Sequence[int]) -> DataTable:
    """The table after each method of the recipe; ``source_rows`` are its rows in the inputs (for group labels)."""
    for method in [how.method] if isinstance(how.method, str) else how.method:
        centre = method.split("_", maxsplit=1)[0]
        if method in {"mean_by_group", "median_by_group"} and (labels := _labels(inputs, how)) is not None:
            table = impute.by_group(table, [labels[i] for i in source_rows], centre, how.fallback)
        elif centre in {"mean", "median"}:
            table = impute.by_centre(table, centre)
        elif method == "em":
            table = impute.by_em(table, _blocks(inputs.hierarchy, how.em_level))
        elif method != "none":
            table = impute.over_time(table, method, how.max_years)
    return table


def apply_treatment(table: DataTable, how: Treat) -> tuple[DataTable, tuple[dict[str, object], ...]]:
    """The treated table and a line for each indicator (and year): checks and what was done."""
    rules = [_rule(how, code) for code in table.codes]
    for code in how.indicator:
        if code not in table.codes:
            raise InputError(f"Recipe, [treat.indicator.{code}]: there is no such indicator.")
    values = table.values.copy()
    lines: list[dict[str, object]] = []
    slices = [np.arange(len(table.units))] if how.over_panel else list(table.slices())
    for rows in slices:
        year = None if table.years is None or how.over_panel else table.years[int(rows[0])]
        made: dict[str, dict[str, object]] = {}
        for rule in dict.fromkeys(rules):
            columns = np.array([i for i, r in enumerate(rules) if r == rule], dtype=np.intp)
            done = treat.treat(values[np.ix_(rows, columns)], rule)
            values[np.ix_(rows, columns)] = done.values
            made |= {table.codes[c]: _line(table.codes[c], done, i, year) for i, c in enumerate(columns)}
        lines += [made[code] for code in table.codes]
    return table.with_values(values), tuple(lines)


def apply_normalisation(table: DataTable, hierarchy: Hierarchy, how: Normalise) -> DataTable:
    """The normalised table; single indicators may have a method of their own."""
    for code in how.indicator:
        if code not in table.codes:
            raise InputError(f"Recipe, [normalise.indicator.{code}]: there is no such indicator.")
    general = [code for code in table.codes if code not in how.indicator]
    values = np.empty_like(table.values)
    parts = [(general, how.method, how.params)] if general else []
    parts += [([code], one.method, one.params) for code, one in how.indicator.items()]
    for codes, method, params in parts:
        made = normalise.normalise(
            table.columns(codes), method_columns(hierarchy, codes), method, params, over_panel=how.over_panel
        )
        if lost := normalise.unscalable(table.columns(codes), made):
            raise InputError(
                f"Normalisation {method}: {', '.join(lost)} cannot be scaled; the formula divides by zero there.",
                hint="Change the target or reference, or give these indicators a method of their own.",
            )
        values[:, [table.codes.index(code) for code in codes]] = made.values
    return table.with_values(values)


def method_columns(hierarchy: Hierarchy, codes: Sequence[str]) -> tuple[normalise.Column, ...]:
    """What normalisation needs to know of each indicator."""
    elements = [hierarchy.by_code[code] for code in codes]
    return tuple(normalise.Column(e.code, e.direction, e.target, e.params) for e in elements)


def given_weights(hierarchy: Hierarchy, recipe: Recipe) -> FloatArray:
    """The weight of each aggregated column. Raises InputError for unknown codes and groups without weight."""
    weights = hierarchy.weights.copy() if recipe.weights.source == "given" else np.ones(len(hierarchy.codes))
    for code, weight in recipe.weights.set.items():
        if code not in hierarchy.codes:
            raise InputError(f"Recipe, [weights.set]: there is no element {code}.")
        weights[hierarchy.codes.index(code)] = weight
    for group in hierarchy.groups:
        if weights[list(group.children)].sum() <= 0:
            raise InputError(f"Weights of group {group.code} sum to 0; at least one member needs a weight above 0.")
    return weights


def aggregation_steps(hierarchy: Hierarchy, recipe: Recipe) -> tuple[AggregationStep, ...]:
    """The aggregation step of each level."""
    how = recipe.aggregate
    return steps_for(hierarchy.depth, _listed(how.method), _listed(how.p), _listed(how.min_available))


def _listed(given: Entry | list[Entry]) -> list[Entry]:
    return given if isinstance(given, list) else [given]


def _stay(table: DataTable, recipe: Recipe) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return screen.kept(table, **recipe.screen.model_dump(exclude={"before_imputation"}))


def _labels(inputs: Inputs, how: Impute) -> tuple[str, ...] | None:
    if how.group is not None and how.group not in inputs.groups:
        raise InputError(
            f"Recipe, [impute] group: there is no group {how.group}.",
            hint=f"The meta names {', '.join(inputs.groups) or 'no column of Type Group'}.",
        )
    if how.group is None:
        return list(inputs.groups.values())[-1] if inputs.groups else None
    return inputs.groups[how.group]


def _blocks(hierarchy: Hierarchy, level: int) -> list[list[int]]:
    codes = [element.code for element in hierarchy.indicators]
    return [
        [i for i, code in enumerate(codes) if parent.code in hierarchy.lineage(code)]
        for parent in hierarchy.at_level(level)
    ]


def _rule(how: Treat, code: str) -> treat.TreatmentRule:
    fields = how.model_dump(exclude={"over_panel", "indicator"})
    if code in how.indicator:
        fields |= how.indicator[code].model_dump(exclude_none=True)
    return treat.TreatmentRule(**fields)


def _line(code: str, done: treat.TreatedTable, i: int, year: int | None) -> dict[str, object]:
    line: dict[str, object] = {"iCode": code, **({} if year is None else {"Time": year})}
    tried = (True, bool(done.tried_first[i]), bool(done.tried_second[i]))
    for stage, (check, was_tried) in enumerate(zip(done.checks, tried, strict=True)):
        if stage == 1:
            line["winsorise.nwin"] = int(done.winsorised[i]) if done.winsorised[i] >= 0 else None
        line[f"check_SkewKurt{stage}.Pass"] = ("TRUE" if check.passed[i] else "FALSE") if was_tried else None
        line[f"check_SkewKurt{stage}.Skew"] = float(check.skew[i]) if was_tried else None
        line[f"check_SkewKurt{stage}.Kurt"] = float(check.kurtosis[i]) if was_tried else None
    return line
