"""Variance-based indices against functions whose indices are known, and the sequence against the library's."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from tocsin.readiness.sequence import MOST_DIMENSIONS, sobol_points
from tocsin.readiness.sobol import Indices, design, estimate, exact
from tocsin.readiness.table import FloatArray

G_COEFFICIENTS = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0])


def run(
    function: Callable[[FloatArray], FloatArray], count: int, factors: int, *, seed: int, bootstrap: int = 0
) -> Indices:
    a, b, mixed = design(count, factors, seed)
    outputs = function(np.concatenate([a, b, mixed.reshape(-1, factors)])).reshape(factors + 2, count)
    return estimate(outputs[0], outputs[1], outputs[2:], bootstrap=bootstrap, seed=seed)


def ishigami(points: FloatArray) -> FloatArray:
    """sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1 on [-π, π]³. Source: Ishigami and Homma (1990)."""
    x = np.pi * (2 * points - 1)
    value: FloatArray = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    return value


def ishigami_indices() -> tuple[FloatArray, FloatArray]:
    v1, v2, v13 = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.1**2 * np.pi**8 * (1 / 18 - 1 / 50)
    variance = v1 + v2 + v13
    return np.array([v1, v2, 0.0]) / variance, np.array([v1 + v13, v2, v13]) / variance


def g_function(points: FloatArray) -> FloatArray:
    """∏(|4x - 2| + a)/(1 + a). Source: Saltelli and Sobol' (1995)."""
    value: FloatArray = ((np.abs(4 * points - 2) + G_COEFFICIENTS) / (1 + G_COEFFICIENTS)).prod(axis=1)
    return value


def g_indices() -> tuple[FloatArray, FloatArray]:
    part = 1 / (3 * (1 + G_COEFFICIENTS) ** 2)
    variance = (1 + part).prod() - 1
    return part / variance, part * ((1 + part).prod() / (1 + part)) / variance


@pytest.mark.parametrize(
    ("function", "known", "factors"), [(ishigami, ishigami_indices(), 3), (g_function, g_indices(), 8)]
)
def test_the_error_shrinks_as_it_should(
    function: Callable[[FloatArray], FloatArray], known: tuple[FloatArray, FloatArray], factors: int
) -> None:
    def error(count: int) -> float:
        found = [run(function, count, factors, seed=seed) for seed in range(12)]
        squares = [(f.first - known[0]) ** 2 for f in found] + [(f.total - known[1]) ** 2 for f in found]
        return float(np.sqrt(np.mean(squares)))

    small, large = error(128), error(8192)
    # random points would gain a factor of 8; the sequence gains more
    assert large < small / 8
    assert large < 0.005


def test_a_shifted_output_does_not_disturb_the_first_order() -> None:
    # an estimator that does not centre the output has an error that grows with its mean
    plain = run(ishigami, 1024, 3, seed=1)
    shifted = run(lambda points: ishigami(points) + 1000, 1024, 3, seed=1)
    assert np.abs(plain.first - shifted.first).max() < 1e-9


def test_the_limits_hold_the_truth_about_as_often_as_they_say() -> None:
    known = ishigami_indices()[1]
    inside = []
    for seed in range(20):
        found = run(ishigami, 256, 3, seed=seed, bootstrap=200)
        assert found.total_limits is not None
        inside += ((found.total_limits[:, 0] <= known) & (known <= found.total_limits[:, 1])).tolist()
    assert np.mean(inside) > 0.8


@given(st.integers(0, 10_000), st.lists(st.integers(2, 4), min_size=2, max_size=4))
def test_exact_indices_of_any_table(seed: int, shape: list[int]) -> None:
    outputs = np.random.default_rng(seed).normal(size=shape)
    found = exact(outputs)
    assert found.variance == pytest.approx(outputs.var())
    assert (found.first >= -1e-12).all()
    assert (found.first <= found.total + 1e-12).all()
    assert (found.total <= 1 + 1e-12).all()
    assert found.first.sum() <= 1 + 1e-9
    if len(shape) == 2:  # two factors: everything is first order or their pair
        assert found.first.sum() + found.pairs[0][2] == pytest.approx(1)


@given(st.integers(0, 10_000))
def test_an_additive_table_has_no_interactions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=3), rng.normal(size=4)
    found = exact(a[:, None] + b[None, :])
    assert np.allclose(found.first, found.total)
    assert found.first[0] == pytest.approx(a.var() / (a.var() + b.var()))


def test_exact_indices_weigh_levels_by_their_probability() -> None:
    # y = x with P(1) = 0.9: variance 0.09; the second factor does nothing
    found = exact(np.array([[0.0, 0.0], [1.0, 1.0]]), [np.array([0.1, 0.9]), np.array([0.5, 0.5])])
    assert found.variance == pytest.approx(0.09)
    assert np.allclose(found.first, [1, 0])


def test_estimates_agree_with_the_exact_indices_of_a_discrete_design() -> None:
    table = np.random.default_rng(5).normal(size=(3, 2, 4))
    known = exact(table)

    def function(points: FloatArray) -> FloatArray:
        index = np.floor(points * np.array(table.shape)).astype(np.intp)
        picked: FloatArray = table[index[:, 0], index[:, 1], index[:, 2]]
        return picked

    found = run(function, 16384, 3, seed=2)
    assert np.abs(found.first - known.first).max() < 0.01
    assert np.abs(found.total - known.total).max() < 0.01


def test_the_sequence_is_that_of_the_library() -> None:
    theirs = qmc.Sobol(MOST_DIMENSIONS, scramble=False, bits=30).random_base2(10)
    assert np.array_equal(sobol_points(1024, MOST_DIMENSIONS, None), theirs)


def test_mixed_designs_differ_in_one_factor() -> None:
    a, b, mixed = design(64, 3, seed=4)
    for i in range(3):
        others = [j for j in range(3) if j != i]
        assert np.array_equal(mixed[i][:, i], b[:, i])
        assert np.array_equal(mixed[i][:, others], a[:, others])
    assert (a >= 0).all()
    assert (np.maximum(a, b) < 1).all()


def test_many_factors_are_sampled_at_random() -> None:
    a, b, _ = design(100, 30, seed=4)
    assert a.shape == b.shape == (100, 30)
    assert abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]) < 0.4


def test_no_variance_gives_no_index() -> None:
    found = estimate(np.ones(8), np.ones(8), np.ones((2, 8)), bootstrap=5)
    assert np.isnan(found.first).all()
    assert np.isnan(found.total).all()
