"""Ranks, profiles, correlations and removals of the worked example, against figures its documentation prints."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from tocsin.readiness import describe
from tocsin.readiness.aggregate import outranking
from tocsin.readiness.build import aggregation_steps, evaluate
from tocsin.readiness.compare import compare_two, remove_elements, standing
from tocsin.readiness.inputs import Inputs
from tocsin.readiness.recipe import validate
from tocsin.readiness.results import profile, strengths
from tocsin.readiness.run import ReadinessRun
from tocsin.readiness.views import component_rows, unit_view


def test_strengths_and_weaknesses_of_a_unit(asem_run: ReadinessRun) -> None:
    best, worst = strengths(asem_run.stages.raw, asem_run.inputs.hierarchy, "ESP", adjust_direction=True)
    assert [(row["Code"], row["Rank"]) for row in best] == [
        ("CostImpEx", 1),
        ("TIRcon", 1),
        ("Tourist", 2),
        ("Flights", 3),
        ("UNVote", 3),
    ]
    assert {row["Code"]: row["Value"] for row in worst} == {
        "NEET": 13.3,
        "Lang": 5.16,
        "Forest": 6.93,
        "TBTs": 1210.0,
        "PubDebt": 99.3,
    }


def test_profile_of_a_unit(asem_run: ReadinessRun) -> None:
    rows = profile(asem_run.stages.aggregated, asem_run.inputs.hierarchy, "IND", levels=(4, 3, 2))
    assert [(row["Code"], round(float(str(row["Score"])), 2), row["Rank"]) for row in rows[:4]] == [
        ("Index", 39.79, 45),
        ("Conn", 28.60, 44),
        ("Sust", 50.99, 43),
        ("Physical", 18.78, 48),
    ]


def test_consistency_of_a_group(asem_run: ReadinessRun) -> None:
    members = [e.code for e in asem_run.inputs.hierarchy.indicators if e.parent == "P2P"]
    assert describe.cronbach(asem_run.stages.raw.columns(members).values) == pytest.approx(0.05126659, abs=5e-9)


def test_highly_correlated_pairs_are_flagged(asem_run: ReadinessRun) -> None:
    found = describe.correlation_flags(asem_run.stages.normalised, asem_run.inputs.hierarchy, limit=0.75)
    assert found == [
        {"Group": "Social", "Ind1": "CPI", "Ind2": "FreePress", "Corr": 0.761},
        {"Group": "Social", "Ind1": "CPI", "Ind2": "NGOs", "Corr": 0.768},
    ]


def test_indicators_that_follow_a_denominator(asem_run: ReadinessRun) -> None:
    found = describe.denominator_correlations(asem_run.stages.raw, asem_run.inputs.denominators, 0.7)
    assert {(row["Ind"], row["Denom"]): row["Corr"] for row in found} == {
        ("CultGood", "Energy"): 0.71,
        ("CultGood", "GDP"): 0.85,
        ("FDI", "Energy"): 0.74,
        ("FDI", "GDP"): 0.85,
        ("Goods", "GDP"): 0.80,
        ("PRemit", "GDP"): 0.71,
        ("Research", "GDP"): 0.78,
        ("Services", "GDP"): 0.77,
        ("StMob", "Energy"): 0.73,
        ("StMob", "GDP"): 0.84,
    }


def test_components_of_a_group(asem_run: ReadinessRun) -> None:
    rows = [row for row in component_rows(asem_run, asem_run.stages.raw, 2) if row["Group"] == "Social"]
    deviations = [round(float(np.sqrt(float(str(row["Variance"])))), 4) for row in rows[::9]]
    assert deviations == [2.2042, 1.1256, 0.9788, 0.7883, 0.7715, 0.5684, 0.4246, 0.3607, 0.2576]


def test_removing_a_sub_index(asem_run: ReadinessRun) -> None:
    stages, hierarchy = asem_run.stages, asem_run.inputs.hierarchy
    steps = aggregation_steps(hierarchy, asem_run.recipe)
    found = remove_elements(stages.normalised, hierarchy, stages.weights, steps, level=3, code="Index")
    means = {str(row["iCode"]): round(float(str(row["MeanAbsDiff"])), 6) for row in found.rows("mean_abs_diff")}
    assert means == {"Nominal": 0.0, "Conn": 5.254902, "Sust": 3.843137}


def test_comparison_with_percentile_ranks(asem_run: ReadinessRun) -> None:
    inputs: Inputs = asem_run.inputs
    other = evaluate(inputs, validate({"normalise": {"method": "prank"}}, "recipe"))
    rows = compare_two(
        standing(asem_run.stages.aggregated, "Index", "ranks"), standing(other.aggregated, "Index", "ranks")
    )
    assert rows[0] == {"uCode": "PRT", "coin.1": 27, "coin.2": 17, "Diff": 10, "Abs.diff": 10}
    assert [(row["uCode"], row["Diff"]) for row in rows[:8]] == [
        ("PRT", 10),
        ("LAO", 9),
        ("MLT", -9),
        ("EST", 6),
        ("IDN", -6),
        ("ESP", -5),
        ("HRV", -5),
        ("LTU", 5),
    ]
    assert sorted(str(row["uCode"]) for row in rows if row["Diff"] == 0) == ["AUS", "CHE", "FIN", "FRA", "GRC", "ROU"]


def test_dominance_between_units(asem_run: ReadinessRun) -> None:
    members = asem_run.stages.raw.columns(["LPI", "Flights", "Ship", "Bord", "Elec"]).values
    share = outranking(members, np.ones(5))
    pairs = share[np.triu_indices(len(share), 1)]
    assert round(float(((pairs == 0) | (np.abs(pairs - 1) < 1e-12)).mean()), 7) == 0.2533333


def test_the_view_of_one_unit_brings_everything_together(asem_run: ReadinessRun) -> None:
    found = unit_view(asem_run, "LAO")
    assert found["uName"] == "Lao PDR"
    assert isinstance(found["bounds"], dict)
    assert found["bounds"]["Low"] < found["bounds"]["Index"] < found["bounds"]["High"]
    assert found["bounds"]["RankBest"] < found["bounds"]["Rank"] < found["bounds"]["RankWorst"]


@pytest.mark.parametrize(("kind", "theirs"), [("pearson", pearsonr), ("spearman", spearmanr), ("kendall", kendalltau)])
def test_correlations_and_their_significance_are_the_librarys(
    kind: str, theirs: Callable[..., tuple[float, float]], asem_run: ReadinessRun
) -> None:
    values = asem_run.stages.raw.columns(["LPI", "ConSpeed", "CPI", "Tariff"]).values
    r, p = describe.correlations(values, kind)
    for i in range(4):
        for j in range(i):
            both = values[~np.isnan(values[:, [i, j]]).any(axis=1)]
            expected = theirs(both[:, i], both[:, j])
            assert (r[i, j], p[i, j]) == pytest.approx((expected[0], expected[1]), abs=1e-10)
