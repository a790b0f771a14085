"""Chances, quantiles and searches beside those of SciPy, which is not installed with Tocsin."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares as scipy_least_squares
from scipy.special import betainc, betaincinv, stdtr
from scipy.stats import kendalltau

from tocsin.readiness.probability import beta_quantile, incomplete_beta, kendall, student_chance
from tocsin.readiness.search import compass, least_squares
from tocsin.readiness.table import FloatArray

SHAPES = st.floats(0.1, 1e4)


@given(a=SHAPES, b=SHAPES, x=st.floats(0, 1))
def test_the_incomplete_beta_function(a: float, b: float, x: float) -> None:
    assert float(incomplete_beta(a, b, x)) == pytest.approx(betainc(a, b, x), abs=1e-10)


@given(a=st.floats(0.5, 5_000), b=st.floats(0.5, 5_000), share=st.sampled_from([0.005, 0.025, 0.1, 0.5, 0.975, 0.995]))
@settings(max_examples=60)
def test_quantiles_of_the_beta_distribution(a: float, b: float, share: float) -> None:
    assert beta_quantile(a, b, share) == pytest.approx(betaincinv(a, b, share), rel=1e-9)


@given(t=st.floats(0, 60), freedom=st.integers(1, 400))
def test_chances_of_students_t(t: float, freedom: int) -> None:
    found = student_chance(np.array([t, math.inf, math.nan]), np.full(3, float(freedom)))
    assert found[0] == pytest.approx(2 * stdtr(freedom, -t), rel=1e-9, abs=1e-300)
    assert found[1] == 0
    assert math.isnan(found[2])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=40), st.booleans())
def test_kendalls_tau_with_and_without_ties(pairs: list[tuple[int, int]], apart: bool) -> None:
    x, y = np.array(pairs, dtype=np.float64).T
    if apart:
        x, y = np.argsort(np.argsort(x, kind="stable")) * 1.0, np.argsort(np.argsort(y, kind="stable")) * 1.0
    theirs = kendalltau(x, y)
    assert kendall(x, y) == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-12, nan_ok=True)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_least_squares_within_bounds(seed: int) -> None:
    random = np.random.default_rng(seed)
    goal, matrix = random.uniform(-3, 3, 4), random.normal(size=(6, 4))

    def misfit(x: FloatArray) -> FloatArray:
        return np.asarray(np.tanh(x - goal) @ matrix.T, dtype=np.float64)

    def slopes(x: FloatArray) -> FloatArray:
        return np.asarray(matrix * (1 - np.tanh(x - goal) ** 2), dtype=np.float64)

    ours = least_squares(misfit, slopes, np.zeros(4), 2.0)
    theirs = scipy_least_squares(misfit, np.zeros(4), jac=slopes, bounds=(-2.0, 2.0), xtol=1e-12, ftol=1e-12)
    assert np.abs(ours).max() <= 2
    assert (misfit(ours) ** 2).sum() <= 2 * theirs.cost * (1 + 1e-6) + 1e-12


def test_a_rough_function_is_searched_without_slopes() -> None:
    def stairs(points: FloatArray) -> FloatArray:
        return np.asarray(np.abs(np.round(points * 64) / 64 - [0.5, -0.25]).sum(axis=-1), dtype=np.float64)

    assert stairs(compass(stairs, np.zeros(2))[np.newaxis]) == 0
