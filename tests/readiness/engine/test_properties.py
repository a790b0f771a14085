"""What must hold for any data: monotone, invariant to order and to linear change of units, consistent intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.readiness.aggregate import AggregationStep, aggregate
from tocsin.readiness.bounds import rank_bounds, score_bounds
from tocsin.readiness.build import evaluate
from tocsin.readiness.hierarchy import Element, Hierarchy, arrange
from tocsin.readiness.inputs import Inputs
from tocsin.readiness.normalise import Column, normalise
from tocsin.readiness.recipe import Recipe, validate
from tocsin.readiness.results import ranks
from tocsin.readiness.table import DataTable, FloatArray
from tocsin.readiness.weigh import effective

seeds = st.integers(0, 100_000)
means = st.sampled_from(
    [
        AggregationStep("amean"),
        AggregationStep("gmean"),
        AggregationStep("hmean"),
        AggregationStep("genmean", p=2.0),
        AggregationStep("genmean", p=-2.0),
    ]
)
LINEAR = ("minmax", "zscore", "dist2max", "rank", "borda", "prank")  # unchanged by x → a + b·x, b > 0


def hierarchy(rng: np.random.Generator, count: int = 6) -> Hierarchy:
    leaves = [
        Element(f"i{k}", f"i{k}", 1, f"g{k % 2}", 1 if rng.random() < 0.7 else -1, float(rng.uniform(0.2, 3)))
        for k in range(count)
    ]
    groups = [Element(f"g{k}", f"g{k}", 2, "top", 1, float(rng.uniform(1, 3))) for k in range(2)]
    top = Element("top", "top", 3, None, 1, 1.0)
    return arrange([*leaves, *groups, top], [leaf.code for leaf in leaves], weights_sum="relative")


def table(values: FloatArray) -> DataTable:
    units = tuple(f"U{i:02}" for i in range(len(values)))
    return DataTable(units, tuple(f"i{k}" for k in range(values.shape[1])), values)


def inputs_of(values: FloatArray, structure: Hierarchy) -> Inputs:
    data = table(values)
    return Inputs(data, structure, DataTable(data.units, (), np.empty((len(values), 0))), {}, {})


@given(seeds, means)
def test_a_better_value_never_lowers_the_index(seed: int, step: AggregationStep) -> None:
    rng = np.random.default_rng(seed)
    structure, values = hierarchy(rng), rng.uniform(1, 100, size=(8, 6))
    better = values.copy()
    better[rng.integers(8), rng.integers(6)] += rng.uniform(0, 50)
    before, after = (
        aggregate(x, structure, structure.weights, [step, step], table(x))[:, -1] for x in (values, better)
    )
    assert (after >= before - 1e-9).all()


@given(seeds, means)
def test_a_mean_lies_between_its_members(seed: int, step: AggregationStep) -> None:
    rng = np.random.default_rng(seed)
    structure, values = hierarchy(rng), rng.uniform(1, 100, size=(8, 6))
    index = aggregate(values, structure, structure.weights, [step, step], table(values))[:, -1]
    assert (index >= values.min(axis=1) - 1e-9).all()
    assert (index <= values.max(axis=1) + 1e-9).all()


@given(seeds, st.sampled_from(LINEAR))
def test_linear_change_of_units_changes_nothing(seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(9, 6)) * 10
    columns = tuple(Column(f"i{k}", 1 if k % 2 else -1) for k in range(6))
    moved = values * rng.uniform(0.1, 50, size=6) + rng.uniform(-100, 100, size=6)
    one, two = (normalise(table(x), columns, method, {}, over_panel=True).values for x in (values, moved))
    assert one == pytest.approx(two, abs=1e-6)


@given(
    seeds,
    st.sampled_from(["minmax", "zscore", "rank", "borda", "prank", "dist2max", "scaled", "goalposts", "dist2targ"]),
)
def test_normalised_values_keep_the_order_and_better_is_larger(seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 99, size=(9, 4))
    columns = tuple(Column(f"i{k}", 1 if k % 2 else -1, target=100.0 if k % 2 else 0.0) for k in range(4))
    params = {"gposts": "0,100,1"} if method == "goalposts" else {}
    made = normalise(table(values), columns, method, params, over_panel=True).values
    for k, column in enumerate(columns):
        assert np.array_equal(np.argsort(made[:, k]), np.argsort(values[:, k] * column.direction))


@given(seeds)
def test_the_order_of_units_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    structure = hierarchy(rng)
    values = np.exp(rng.normal(size=(12, 6)) * 1.5)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[0] = rng.uniform(1, 2, 6)
    order = rng.permutation(12)
    recipe = validate({"impute": {"method": "median"}}, "recipe")
    one = evaluate(inputs_of(values, structure), recipe).aggregated.values
    two = evaluate(inputs_of(values[order], structure), recipe).aggregated.values
    assert two == pytest.approx(one[order], rel=1e-9, nan_ok=True)


@given(seeds)
def test_the_same_inputs_give_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    structure, values = hierarchy(rng), np.exp(rng.normal(size=(12, 6)))
    one, two = (evaluate(inputs_of(values, structure), Recipe()).aggregated.values.tobytes() for _ in range(2))
    assert one == two


@given(seeds, means)
def test_more_missing_data_never_narrows_the_interval(seed: int, step: AggregationStep) -> None:
    rng = np.random.default_rng(seed)
    structure, values = hierarchy(rng), rng.uniform(1, 100, size=(8, 6))
    missing = rng.random(values.shape) < 0.2
    more = missing | (rng.random(values.shape) < 0.2)
    limits = (np.full(6, 1.0), np.full(6, 100.0))
    found = [
        score_bounds(table(values), gaps, limits, structure, weights=structure.weights, steps=[step, step])
        for gaps in (missing, more)
    ]
    some, many = found
    assert some is not None
    assert many is not None
    assert (many.low <= some.low + 1e-9).all()
    assert (many.high >= some.high - 1e-9).all()
    assert (many.best_rank <= some.best_rank).all()
    assert (many.worst_rank >= some.worst_rank).all()
    none = score_bounds(
        table(values), np.zeros_like(missing), limits, structure, weights=structure.weights, steps=[step, step]
    )
    assert none is not None
    assert np.array_equal(none.low, none.high)


@given(seeds)
def test_ranks_from_intervals_hold_every_ranking_that_can_happen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 10, 7)
    high = low + rng.uniform(0, 4, 7) * (rng.random(7) < 0.7)
    best, worst = rank_bounds(low, high)
    for _ in range(30):
        drawn = ranks(low + rng.random(7) * (high - low))
        assert (best <= drawn).all()
        assert (drawn <= worst).all()
    # and they are reached: the unit at its own end, all others at the other
    for unit in range(7):
        others = np.where(np.arange(7) == unit, high, low)
        assert ranks(others)[unit] == best[unit]


@given(seeds)
def test_effective_weights_sum_to_one_on_each_level(seed: int) -> None:
    structure = hierarchy(np.random.default_rng(seed))
    shares = effective(structure, structure.weights)
    levels = np.array([structure.by_code[code].level for code in structure.codes])
    for level in (1, 2, 3):
        assert shares[levels == level].sum() == pytest.approx(1)


@given(seeds)
def test_a_stack_of_weights_is_each_set_by_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    structure, values = hierarchy(rng), rng.uniform(1, 100, size=(8, 6))
    sets = structure.weights * rng.uniform(0.5, 1.5, size=(4, 9))
    for method in ("amean", "gmean", "copeland"):
        steps = [AggregationStep(method), AggregationStep("amean")]
        together = aggregate(values, structure, sets, steps, table(values))
        for i, one in enumerate(sets):
            assert np.allclose(together[i], aggregate(values, structure, one, steps, table(values)))
