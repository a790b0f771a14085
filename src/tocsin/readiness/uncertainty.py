"""What if other choices had been made? An index evaluated over many recipes and weights: ranks with intervals.

A specification names factors; each is a field of the recipe with alternatives, or a set of weights.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness import sobol
from tocsin.readiness.aggregate import aggregate
from tocsin.readiness.build import (
    aggregation_steps,
    apply_normalisation,
    apply_treatment,
    evaluate,
    given_weights,
    prepare,
)
from tocsin.readiness.inputs import Inputs, need_columns, numbers, read_csv
from tocsin.readiness.recipe import Recipe, read_toml, validate, wrong_fields
from tocsin.readiness.results import ranks
from tocsin.readiness.table import DataTable, FloatArray
from tocsin.readiness.weigh import noisy


class Factor(BaseModel):
    """[factors.NAME]: one uncertain choice. Give ``path`` with ``values`` or ``range``, or one of the weight fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = Field(default=None, description='A field of the recipe, such as "treat.winmax" or "normalise".')
    values: list[object] | None = Field(default=None, description="Its alternatives, equally likely.")
    range: tuple[float, float] | None = Field(default=None, description="Any number between these two, equally likely.")
    weights_file: str | None = Field(default=None, description="Weight sets: CSV with rep, iCode, Level, Weight.")
    noise: dict[str, float] | None = Field(
        default=None, description='Noise on the given weights by level: { "2" = 0.25 }.'
    )
    count: int = Field(default=100, ge=1, description="How many noisy weight sets.")
    seed: int = Field(default=1, description="The seed of the noise.")

    @model_validator(mode="after")
    def _one_kind(self) -> "Factor":
        weights = (self.weights_file is not None) + (self.noise is not None)
        alternatives = (self.values is not None) + (self.range is not None)
        if (weights, alternatives, self.path is not None) not in {(0, 1, True), (1, 0, False)}:
            raise ValueError("give path with values or range, or weights_file, or noise")
        if self.values is not None and not self.values:
            raise ValueError("values is empty")
        if self.range is not None and not self.range[1] > self.range[0]:
            raise ValueError("range needs a lower and a higher number")
        return self


class Specification(BaseModel):
    """A sensitivity or uncertainty run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["auto", "factorial", "saltelli", "monte_carlo", "design"] = Field(
        default="auto",
        description='"factorial": every combination, exact indices; "saltelli": samples·(factors + 2) evaluations; '
        '"monte_carlo": samples evaluations, ranks only; "design": the rows of a file; "auto": factorial without '
        "ranges and with at most factorial_limit combinations, else saltelli.",
    )
    samples: int = Field(default=256, ge=2, description="Base sample; a power of 2 is best for saltelli.")
    seed: int = Field(default=1, description="The seed of the samples.")
    bootstrap: int = Field(default=1000, ge=0, description="Resamples for the limits of saltelli.")
    factorial_limit: int = Field(default=5000, ge=1, description="Most combinations for auto.")
    output: str = Field(
        default="mean_abs_rank_change",
        description='What the indices explain: "mean_abs_rank_change" from nominal, "score:UNIT" or "rank:UNIT".',
    )
    code: str | None = Field(default=None, description="The element whose score is studied; the index by default.")
    year: int | None = Field(default=None, description="The year of a panel; the latest by default.")
    design: str | None = Field(
        default=None,
        description="A sample of your own: CSV, a column for each factor with the number of the alternative from 1, or "
        'the value. Under "saltelli" its rows are A, then B, then for each factor A with that column of B.',
    )
    factors: dict[str, Factor] = Field(min_length=1, description="The uncertain choices.")


@dataclass(frozen=True)
class UncertaintyResult:
    """Scores and ranks (units, samples) beside the nominal ones; the sample; the indices, unless only ranks were asked.

    ``sample`` is (samples, factors): number of the alternative from 0 or, where not ``finite``, a value of the range.
    """

    method: str
    units: tuple[str, ...]
    factors: tuple[str, ...]
    finite: tuple[bool, ...]
    sample: FloatArray
    nominal_scores: FloatArray
    nominal_ranks: FloatArray
    scores: FloatArray
    ranks: FloatArray
    output: FloatArray
    indices: sobol.Indices | None


def read_specification(path: Path) -> Specification:
    """The validated specification. Raises InputError naming each wrong field."""
    try:
        return Specification.model_validate(read_toml(path))
    except ValidationError as error:
        raise wrong_fields(path.name, error) from None


def explore(inputs: Inputs, recipe: Recipe, specification: Specification, folder: Path) -> UncertaintyResult:
    """The index over the sample of the specification; file names in it are relative to ``folder``."""
    names = tuple(specification.factors)
    choices = [_alternatives(factor, inputs, recipe, folder) for factor in specification.factors.values()]
    method = _method(specification, choices)
    sample = _sample(specification, method, names, choices, folder)
    stages = evaluate(inputs, recipe)
    code = specification.code or inputs.hierarchy.top
    nominal = stages.aggregated.of_year(specification.year)
    nominal_scores = nominal.column(code)
    scores = _scores(_Study(inputs, recipe, specification.year, nominal.units, code), choices, sample)
    nominal_ranks, all_ranks = ranks(nominal_scores), ranks(scores)
    output = _output(specification.output, nominal.units, nominal_ranks, all_ranks, scores)
    return UncertaintyResult(
        method=method,
        units=nominal.units,
        factors=names,
        finite=tuple(choice.count is not None for choice in choices),
        sample=sample,
        nominal_scores=nominal_scores,
        nominal_ranks=nominal_ranks,
        scores=scores,
        ranks=all_ranks,
        output=output,
        indices=_indices(specification, method, choices, output),
    )


@dataclass(frozen=True)
class Choice:
    """The alternatives of one factor: values of a recipe field, weight sets (sets, codes), or a range."""

    path: str | None
    values: tuple[object, ...] = ()
    weights: FloatArray | None = None
    span: tuple[float, float] | None = None

    @property
    def count(self) -> int | None:
        """How many alternatives; None for a range."""
        if self.span is not None:
            return None
        return len(self.values) if self.weights is None else len(self.weights)


def read_weight_sets(path: Path, inputs: Inputs) -> FloatArray:
    """Weight sets, (sets, codes), of a CSV file with rep, iCode, Weight. Raises InputError naming gaps and codes."""
    frame = read_csv(path)
    need_columns(frame, ("rep", "iCode", "Weight"), path.name)
    names = [f"{index + 2}" for index in range(frame.height)]
    values = numbers(frame, ["rep", "Weight"], path.name, names)
    position = {code: index for index, code in enumerate(inputs.hierarchy.codes)}
    codes = frame["iCode"].to_list()
    for index, code in enumerate(codes):
        if code not in position:
            raise InputError(f"{path.name}, row {index + 2}, column iCode: there is no element {code}.")
    repetitions = np.unique(values[:, 0])
    sets = np.full((len(repetitions), len(position)), np.nan)
    sets[np.searchsorted(repetitions, values[:, 0]), [position[code] for code in codes]] = values[:, 1]
    if np.isnan(sets).any():
        row, column = np.argwhere(np.isnan(sets))[0]
        raise InputError(f"{path.name}: rep {repetitions[row]:g} has no weight for {inputs.hierarchy.codes[column]}.")
    if (sets < 0).any():
        raise InputError(f"{path.name}, column Weight: a weight cannot be negative.")
    return sets


def _alternatives(factor: Factor, inputs: Inputs, recipe: Recipe, folder: Path) -> Choice:
    hierarchy = inputs.hierarchy
    if factor.weights_file is not None:
        return Choice(None, weights=read_weight_sets(folder / factor.weights_file, inputs))
    if factor.noise is not None:
        noise = {int(level): size for level, size in factor.noise.items()}
        return Choice(
            None, weights=noisy(hierarchy, given_weights(hierarchy, recipe), noise, factor.count, factor.seed)
        )
    return Choice(factor.path, values=tuple(factor.values or ()), span=factor.range)


def _method(specification: Specification, choices: Sequence[Choice]) -> str:
    counts = [choice.count for choice in choices]
    combinations = prod(count for count in counts if count is not None)
    finite = None not in counts
    if specification.method == "factorial" and not finite:
        raise UsageError("A factorial needs values or weights for every factor; a range has no end of values.")
    if specification.method == "design" and specification.design is None:
        raise UsageError("Method design needs the field design: the file with the sample.")
    if specification.design is not None and specification.method in {"factorial", "monte_carlo"}:
        raise UsageError(f"Method {specification.method} makes its own sample; it takes no design.")
    if specification.method != "auto":
        return specification.method
    if specification.design is not None:
        return "design"
    return "factorial" if finite and combinations <= specification.factorial_limit else "saltelli"


def _sample(
    specification: Specification, method: str, names: tuple[str, ...], choices: Sequence[Choice], folder: Path
) -> FloatArray:
    if method == "factorial":
        return np.array(list(product(*(range(choice.count or 0) for choice in choices))), dtype=np.float64)
    if specification.design is not None:
        return _given_design(folder / specification.design, names, choices, method)
    if method == "monte_carlo":
        points = np.random.default_rng(specification.seed).random((specification.samples, len(choices)))
    else:
        a, b, mixed = sobol.design(specification.samples, len(choices), specification.seed)
        points = np.concatenate([a, b, mixed.reshape(-1, len(choices))])
    return np.column_stack([_scale(choice, points[:, i]) for i, choice in enumerate(choices)])


def _scale(choice: Choice, points: FloatArray) -> FloatArray:
    if choice.span is not None:
        return choice.span[0] + points * (choice.span[1] - choice.span[0])
    return np.floor(points * (choice.count or 0))


def _given_design(path: Path, names: tuple[str, ...], choices: Sequence[Choice], method: str) -> FloatArray:
    frame = read_csv(path)
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise InputError(f"{path.name}: column {', '.join(absent)} is missing; it needs one for each factor.")
    values = numbers(frame, names, path.name, [f"{index + 2}" for index in range(frame.height)])
    for i, choice in enumerate(choices):
        if choice.count is None:
            continue
        bad = np.flatnonzero(~np.isin(values[:, i], np.arange(1, choice.count + 1)))
        if bad.size:
            raise InputError(
                f"{path.name}, row {bad[0] + 2}, column {names[i]}: not an alternative, 1 to {choice.count}."
            )
        values[:, i] -= 1
    if method == "saltelli":
        _check_saltelli(path, values, names)
    return values


def _check_saltelli(path: Path, values: FloatArray, names: tuple[str, ...]) -> None:
    """The rows must be A, B, and for each factor A with that factor's column of B."""
    blocks, left = divmod(len(values), len(names) + 2)
    if left or blocks < 2:
        raise InputError(f"{path.name}: {len(values)} rows; a sample for saltelli has {len(names) + 2}·N of them.")
    a, b, *mixed = np.split(values, len(names) + 2)
    for i, block in enumerate(mixed):
        expected = a.copy()
        expected[:, i] = b[:, i]
        if not np.array_equal(block, expected):
            row = int(np.flatnonzero((block != expected).any(axis=1))[0]) + (i + 2) * blocks + 2
            raise InputError(f"{path.name}, row {row}: it should be row A with column {names[i]} of B.")


@dataclass(frozen=True)
class _Study:
    """What a sample is evaluated on: inputs, nominal recipe, the year and the units, and the element studied."""

    inputs: Inputs
    recipe: Recipe
    year: int | None
    units: tuple[str, ...]
    code: str


def _scores(study: _Study, choices: Sequence[Choice], sample: FloatArray) -> FloatArray:
    """(units, samples). Samples that share everything but weights are aggregated together, stages are made once."""
    fields = [i for i, choice in enumerate(choices) if choice.path is not None]
    weighting = [i for i, choice in enumerate(choices) if choice.weights is not None]
    if len(weighting) > 1:
        raise UsageError("Only one factor can be a set of weights.")
    variants, of_variant = np.unique(sample[:, fields], axis=0, return_inverse=True)
    stages = _StageCache(study.inputs)
    scores = np.full((len(study.units), len(sample)), np.nan)
    for number, variant in enumerate(variants):
        changed = _changed(study.recipe, [(choices[i], value) for i, value in zip(fields, variant, strict=True)])
        members = np.flatnonzero(of_variant.reshape(-1) == number)
        weights = np.repeat(given_weights(study.inputs.hierarchy, changed)[None], len(members), axis=0)
        for factor in weighting:
            sets = choices[factor].weights
            if sets is not None:
                weights = sets[sample[members, factor].astype(np.intp)]
        scores[:, members] = _stack(study, changed, stages.normalised(changed), weights)
    return scores


def _stack(study: _Study, recipe: Recipe, table: DataTable, weights: FloatArray) -> FloatArray:
    """Scores (units, weight sets) of one recipe; units that it screens out are NaN. Sets in blocks of 128."""
    hierarchy = study.inputs.hierarchy
    one = table.of_year(study.year)
    steps = aggregation_steps(hierarchy, recipe)
    column = hierarchy.codes.index(study.code)
    unique, back = np.unique(weights, axis=0, return_inverse=True)
    made = [
        aggregate(one.values, hierarchy, unique[start : start + 128], steps, one)[..., column]
        for start in range(0, len(unique), 128)
    ]
    scores = np.full((len(study.units), len(weights)), np.nan)
    position = {unit: index for index, unit in enumerate(one.units)}
    there = [i for i, unit in enumerate(study.units) if unit in position]
    scores[there] = np.concatenate(made)[back.reshape(-1)][:, [position[study.units[i]] for i in there]].T
    return scores


class _StageCache:
    """Stages under the sections of the recipe they depend on, so that a variant repeats only what it changes."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._made: dict[str, DataTable] = {}

    def normalised(self, recipe: Recipe) -> DataTable:
        screened_key = _key(recipe, "denominate", "impute", "screen")
        treated_key = screened_key + _key(recipe, "treat")
        key = treated_key + _key(recipe, "normalise")
        if key not in self._made:
            if treated_key not in self._made:
                if screened_key not in self._made:
                    self._made[screened_key] = prepare(self._inputs, recipe)[2]
                self._made[treated_key] = apply_treatment(self._made[screened_key], recipe.treat)[0]
            self._made[key] = apply_normalisation(self._made[treated_key], self._inputs.hierarchy, recipe.normalise)
        return self._made[key]


def _key(recipe: Recipe, *sections: str) -> str:
    return json.dumps([getattr(recipe, section).model_dump(mode="json") for section in sections], sort_keys=True)


def _changed(recipe: Recipe, changes: Sequence[tuple[Choice, float]]) -> Recipe:
    document = recipe.model_dump(mode="json")
    for choice, number in changes:
        value = float(number) if choice.span is not None else choice.values[int(number)]
        _set(document, str(choice.path), value)
    return validate(document, "the recipe with the factors of the specification")


def _set(document: dict[str, object], path: str, value: object) -> None:
    *above, last = path.split(".")
    place: object = document
    for part in above:
        if not isinstance(place, dict) or part not in place:
            raise UsageError(f"Factor path {path}: the recipe has no {part}.")
        place = place[part]
    if not isinstance(place, dict):
        raise UsageError(f"Factor path {path}: the recipe has no such field.")
    place[last] = value


def _output(
    wanted: str, units: tuple[str, ...], nominal: FloatArray, all_ranks: FloatArray, scores: FloatArray
) -> FloatArray:
    kind, _, unit = wanted.partition(":")
    if kind == "mean_abs_rank_change" and not unit:
        return _mean_known(np.abs(all_ranks - nominal[:, None]))
    if kind not in {"score", "rank"} or unit not in units:
        raise UsageError(f'Output "{wanted}" is not known.', hint="Give mean_abs_rank_change, score:UNIT or rank:UNIT.")
    chosen: FloatArray = (scores if kind == "score" else all_ranks)[units.index(unit)]
    return chosen


def _mean_known(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    mean: FloatArray = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _indices(
    specification: Specification, method: str, choices: Sequence[Choice], output: FloatArray
) -> sobol.Indices | None:
    if method == "factorial":
        return sobol.exact(output.reshape([choice.count or 0 for choice in choices]))
    if method == "saltelli":
        parts = output.reshape(len(choices) + 2, -1)
        return sobol.estimate(parts[0], parts[1], parts[2:], bootstrap=specification.bootstrap, seed=specification.seed)
    return None


def rank_statistics(outcome: UncertaintyResult) -> list[Mapping[str, object]]:
    """uCode, Nominal, Mean, Median, Q5, Q95 of the ranks (quantiles by linear interpolation).

    Of a saltelli run only the samples A and B count: the others repeat them in all factors but one.
    """
    independent = 2 * outcome.scores.shape[1] // (len(outcome.factors) + 2) if outcome.method == "saltelli" else None
    rows: list[Mapping[str, object]] = []
    for unit, nominal, line in zip(outcome.units, outcome.nominal_ranks, outcome.ranks[:, :independent], strict=True):
        known = line[~np.isnan(line)]
        low, middle, high = (float(q) for q in np.quantile(known, [0.05, 0.5, 0.95])) if len(known) else (None,) * 3
        rows.append(
            {
                "uCode": unit,
                "Nominal": None if np.isnan(nominal) else int(nominal),
                "Mean": float(known.mean()) if len(known) else None,
                "Median": middle,
                "Q5": low,
                "Q95": high,
            }
        )
    return rows
