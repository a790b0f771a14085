"""Each method by its formula, on numbers that can be checked by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness import impute, treat
from tocsin.readiness.aggregate import arithmetic, copeland, generalised, geometric, harmonic, outranking
from tocsin.readiness.normalise import Column, min_ranks, normalise
from tocsin.readiness.results import ranks
from tocsin.readiness.run import ReadinessRun
from tocsin.readiness.table import DataTable, FloatArray

NAN = float("nan")
Builder = Callable[..., ReadinessRun]


def scaled(values: list[float], method: str, direction: int = 1, **params: object) -> list[float]:
    units = tuple(f"U{i}" for i in range(len(values)))
    table = DataTable(units, ("x",), np.array(values)[:, None])
    made = normalise(table, (Column("x", direction, target=8.0),), method, params, over_panel=True)
    return [round(float(value), 6) for value in made.values[:, 0]]


@pytest.mark.parametrize(
    ("method", "params", "up", "down"),
    [
        ("minmax", {}, [0, 25, 50, 100], [100, 75, 50, 0]),
        ("minmax", {"lower": 1, "upper": 5}, [1, 2, 3, 5], [5, 4, 3, 1]),
        ("zscore", {}, [-1.024695, -0.439155, 0.146385, 1.317465], [1.024695, 0.439155, -0.146385, -1.317465]),
        ("scaled", {}, [2, 4, 6, 10], [-2, -4, -6, -10]),
        ("scaled", {"npara": "2,12", "scale_factor": 1}, [0, 0.2, 0.4, 0.8], [-0.4, -0.6, -0.8, -1.2]),
        ("rank", {}, [1, 2, 3, 4], [4, 3, 2, 1]),
        ("borda", {}, [0, 1, 2, 3], [3, 2, 1, 0]),
        ("prank", {}, [0, 0.333333, 0.666667, 1], [1, 0.666667, 0.333333, 0]),
        ("fracmax", {}, [0.2, 0.4, 0.6, 1], [1, 2, 3, 5]),
        ("fracmax", {"negative": "leader"}, [0.2, 0.4, 0.6, 1], [1, 0.5, 0.333333, 0.2]),
        ("dist2max", {}, [0, 0.25, 0.5, 1], [1, 0.75, 0.5, 0]),
        ("dist2targ", {}, [0, 0.333333, 0.666667, 1.333333], [4, 3, 2, 0]),
        ("dist2targ", {"cap_max": True}, [0, 0.333333, 0.666667, 1], [1, 1, 1, 0]),
        ("dist2targ", {"target": "6"}, [0, 0.5, 1, 2], [2, 1.5, 1, 0]),
        ("dist2ref", {"reference": "U2"}, [0, 0.5, 1, 2], [2, 1.5, 1, 0]),
        ("dist2ref", {"iref": "3", "cap_max": "true"}, [0, 0.5, 1, 1], [1, 1, 1, 0]),
        ("goalposts", {"gposts": "0,8,1"}, [0.25, 0.5, 0.75, 1], [0.75, 0.5, 0.25, 0]),
        (
            "goalposts",
            {"lower": 0, "upper": 8, "trunc2posts": False},
            [0.25, 0.5, 0.75, 1.25],
            [0.75, 0.5, 0.25, -0.25],
        ),
        ("minmax", {"min": 1, "max": 5}, [1, 2, 3, 5], [5, 4, 3, 1]),
        ("scaled", {"l_u": "2,12", "factor": 1}, [0, 0.2, 0.4, 0.8], [-0.4, -0.6, -0.8, -1.2]),
        ("goalposts", {"gposts": [0, 20], "scale": 100}, [10, 20, 30, 50], [90, 80, 70, 50]),
    ],
)
def test_normalisation(method: str, params: dict[str, object], up: list[float], down: list[float]) -> None:
    values = [2.0, 4.0, 6.0, 10.0]
    assert scaled(values, method, 1, **params) == pytest.approx(up, abs=1e-6)
    assert scaled(values, method, -1, **params) == pytest.approx(down, abs=1e-6)


def test_equal_values_share_a_rank_and_gaps_stay() -> None:
    column = np.array([3.0, 1.0, 3.0, NAN, 7.0])[:, None]
    assert min_ranks(column)[:, 0] == pytest.approx([2, 1, 2, NAN, 4], nan_ok=True)
    assert min_ranks(column, "max")[:, 0] == pytest.approx([3, 1, 3, NAN, 4], nan_ok=True)
    assert min_ranks(column, "average")[:, 0] == pytest.approx([2.5, 1, 2.5, NAN, 4], nan_ok=True)
    assert ranks(column[:, 0]) == pytest.approx([2, 4, 2, NAN, 1], nan_ok=True)


def test_a_zero_where_the_formula_divides_leaves_a_gap() -> None:
    assert scaled([0.0, 4.0], "fracmax", -1) == pytest.approx([NAN, NAN], nan_ok=True)
    assert scaled([2.0, 4.0], "dist2ref", 1, reference="U0") == pytest.approx([NAN, NAN], nan_ok=True)
    assert scaled([8.0, 9.0], "dist2targ", 1) == pytest.approx([NAN, NAN], nan_ok=True)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("minmax", {"loss": 1}),
        ("rank", {"ties": "best"}),
        ("zscore", {"m_sd": "1,2,3"}),
        ("guess", {}),
        ("dist2ref", {}),
    ],
)
def test_a_wrong_parameter_is_a_usage_error(method: str, params: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        scaled([1.0, 2.0], method, 1, **params)


def test_means() -> None:
    values, weights = np.array([[1.0, 4.0, 16.0]]), np.array([[1.0, 1.0, 2.0]])
    assert arithmetic(values, weights)[0] == pytest.approx(37 / 4)
    assert geometric(values, weights)[0] == pytest.approx((1 * 4 * 16**2) ** 0.25)
    assert harmonic(values, weights)[0] == pytest.approx(4 / (1 + 1 / 4 + 2 / 16))
    assert generalised(values, weights, 2)[0] == pytest.approx(np.sqrt((1 + 16 + 2 * 256) / 4))
    for p, mean in ((1.0, arithmetic), (-1.0, harmonic), (1e-6, geometric)):
        assert generalised(values, weights, p)[0] == pytest.approx(mean(values, weights)[0], rel=1e-4)


def test_a_missing_member_is_left_out_of_a_mean() -> None:
    values, weights = np.array([[2.0, NAN, 8.0], [NAN, NAN, NAN]]), np.array([[1.0, 5.0, 1.0]])
    assert arithmetic(values, weights) == pytest.approx([5, NAN], nan_ok=True)
    assert geometric(values, weights) == pytest.approx([4, NAN], nan_ok=True)
    assert harmonic(values, weights) == pytest.approx([3.2, NAN], nan_ok=True)


def test_copeland_counts_victories_over_defeats() -> None:
    values = np.array([[3.0, 1.0, 2.0], [2.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
    share = outranking(values, np.array([0.5, 0.25, 0.25]))
    assert share[0, 1] == pytest.approx(0.5)
    assert share[0, 2] == pytest.approx(0.5 + 0.125)
    assert copeland(values, np.array([0.5, 0.25, 0.25])).tolist() == [1, 1, -2]


def test_winsorising_draws_extremes_in_until_it_passes() -> None:
    column = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 100], dtype=np.float64)[:, None]
    skew, kurtosis = treat.skew_kurtosis(column)
    assert (round(float(skew[0]), 6), round(float(kurtosis[0]), 6)) == (3.063241, 9.741391)
    done = treat.treat(column, treat.TreatmentRule())
    assert done.values[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 30]
    assert (round(float(done.checks[1].skew[0]), 6), round(float(done.checks[1].kurtosis[0]), 6)) == (
        1.712038,
        1.815781,
    )
    low = treat.treat(-column, treat.TreatmentRule())
    assert np.array_equal(low.values, -done.values)


def test_the_second_treatment_starts_from_the_original_unless_combined() -> None:
    column = np.array([1.0] * 8 + [2, 3, 5, 1000])[:, None]
    rule = treat.TreatmentRule(winmax=0)
    done = treat.treat(column, rule)
    assert done.tried_second.all()
    assert np.array_equal(done.values, treat.log_ct(column))
    both = treat.treat(column, treat.TreatmentRule(winmax=1, skew=0.1, kurtosis=0.1, combine=True))
    assert np.array_equal(
        both.values, treat.log_ct(treat.winsorise(column, treat.TreatmentRule(winmax=1, skew=0.1, kurtosis=0.1))[0])
    )


def test_transformations() -> None:
    x = np.array([1.0, 2.0, 11.0])[:, None]
    assert treat.log_ct(x)[:, 0] == pytest.approx(np.log([0.1, 1.1, 10.1]))
    assert treat.log_ct_plus(x)[:, 0] == pytest.approx(np.log([0.1, 1.1, 10.1]))
    assert treat.log_ct_plus(-x)[:, 0] == pytest.approx(-np.log([0.1, 1.1, 10.1]))
    assert treat.log_ct_orig(x)[:, 0] == pytest.approx(np.log([1, 2, 11]))
    assert treat.log_gii(x)[:, 0] == pytest.approx(np.log([1, 2, 11]))
    assert treat.box_cox(x, 2)[:, 0] == pytest.approx([0, 1.5, 60])
    assert treat.box_cox(x, 0)[:, 0] == pytest.approx(np.log([1, 2, 11]))
    with pytest.raises(InputError):
        treat.log_plain(x - 1)
    with pytest.raises(InputError):
        treat.log_gii(x / 20)


def column_of(values: list[float], years: tuple[int, ...] | None = None) -> DataTable:
    units = tuple(f"U{i}" for i in range(len(values))) if years is None else ("U",) * len(values)
    return DataTable(units, ("x",), np.array(values)[:, None], years)


def test_imputation_by_centre_and_group() -> None:
    table = column_of([1.0, NAN, 3.0, 8.0, NAN])
    assert impute.by_centre(table, "mean").values[:, 0].tolist() == [1, 4, 3, 8, 4]
    assert impute.by_centre(table, "median").values[:, 0].tolist() == [1, 3, 3, 8, 3]
    by_group = impute.by_group(table, ["a", "a", "a", "b", "b"], "mean", "all")
    assert by_group.values[:, 0].tolist() == [1, 2, 3, 8, 8]
    lonely = impute.by_group(table, ["a", "b", "a", "a", "b"], "mean", "none")
    assert np.isnan(lonely.values[[1, 4], 0]).all()
    assert impute.by_group(table, ["a", "b", "a", "a", "b"], "mean", "all").values[1, 0] == 4


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("latest", [NAN, 2, 2, 2, 8, 8]),
        ("constant", [2, 2, 2, 2, 8, 8]),
        ("linear", [2, 2, 4, 6, 8, 8]),
        ("linear_constant", [2, 2, 4, 6, 8, 8]),
    ],
)
def test_imputation_from_a_units_own_years(kind: str, expected: list[float]) -> None:
    table = column_of([NAN, 2, NAN, NAN, 8, NAN], (2010, 2011, 2012, 2013, 2014, 2015))
    assert impute.over_time(table, kind).values[:, 0] == pytest.approx(expected, nan_ok=True)


def test_how_far_to_look_back() -> None:
    table = column_of([2.0, NAN, NAN], (2010, 2011, 2013))
    assert impute.over_time(table, "latest", max_years=1).values[:, 0] == pytest.approx([2, 2, NAN], nan_ok=True)


def test_a_series_of_one_value_is_held() -> None:
    table = column_of([NAN, 5, NAN], (2010, 2011, 2012))
    assert impute.over_time(table, "linear_constant").values[:, 0].tolist() == [5, 5, 5]


def test_em_finds_the_conditional_mean() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 1))
    full: FloatArray = np.hstack([x, 100 + 20 * x + rng.normal(size=(400, 1))])
    holes = full.copy()
    holes[:60, 1] = NAN
    filled = impute.by_em(DataTable(tuple(map(str, range(400))), ("a", "b"), holes), [[0, 1]]).values
    # for two variables the EM estimate is the regression on the complete rows
    slope, start = np.polyfit(full[60:, 0], full[60:, 1], 1)
    assert filled[:60, 1] == pytest.approx(start + slope * full[:60, 0], rel=1e-5)
    assert np.array_equal(filled[60:], full[60:])


def test_the_small_index_by_hand(small: Builder) -> None:
    stages = small().stages
    # d is divided by size; c of U3 is the mean of its group (y): (4 + 9) / 2
    assert stages.denominated.column("d").tolist() == [3, 0.5, 5, 2, 2]
    assert stages.imputed.column("c")[2] == 6.5
    a, b = np.array([0, 3, 5, 7, 2]) / 7 * 100, np.array([4, 6, 0, 8, 3]) / 8 * 100
    c, d = np.array([0, 5, 4.5, 2, 7]) / 7 * 100, np.array([2.5, 0, 4.5, 1.5, 1.5]) / 4.5 * 100
    assert stages.aggregated.column("left") == pytest.approx((a + b) / 2)
    assert stages.aggregated.column("right") == pytest.approx((2 * c + d) / 3)
    assert stages.aggregated.column("index") == pytest.approx((a + b) / 8 + (2 * c + d) / 4)


def test_too_few_members_give_no_aggregate(small: Builder) -> None:
    run = small(recipe='[impute]\nmethod = "none"\n[aggregate]\nmin_available = [0.6, 0.0]\n')
    assert np.isnan(run.stages.aggregated.column("right")[2])
    assert run.stages.aggregated.column("index")[2] == pytest.approx(run.stages.aggregated.column("left")[2])


def test_one_indicator_can_have_its_own_method_and_treatment(small: Builder) -> None:
    recipe = '[normalise.indicator.a]\nmethod = "borda"\n[treat.indicator.b]\nfirst = "none"\nsecond = "none"\n'
    run = small(recipe=recipe)
    assert run.stages.normalised.column("a").tolist() == [0, 2, 3, 4, 1]
    assert small().stages.normalised.column("b").tolist() == run.stages.normalised.column("b").tolist()


def test_screening(small: Builder) -> None:
    recipe = '[screen]\nby = "missing"\nmin_available = 0.9\nbefore_imputation = true\nexclude = ["U5"]\n'
    run = small(recipe=recipe)
    assert run.stages.screened.units == ("U1", "U2", "U4")
    assert run.stages.raw.units == ("U1", "U2", "U3", "U4", "U5")
