"""Missing is not zero: what an unknown value could be is in the interval of the score, and of the rank."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tocsin.readiness.run import ReadinessRun, bound_rows, bounds_of, part_bounds

Builder = Callable[..., ReadinessRun]

GOALPOSTS = """
[normalise]
method = "goalposts"
params = { gposts = [0, 100, 10] }

[treat]
first = "none"
second = "none"

[denominate]
enabled = false
"""


def bounds(run: ReadinessRun) -> dict[str, dict[str, object]]:
    return {str(row["uCode"]): row for row in bound_rows(run)}


def test_a_missing_value_may_be_anything_on_the_scale(small: Builder) -> None:
    row = bounds(small(recipe=GOALPOSTS))["U3"]
    # c of U3 is missing: 2 of 3 parts of right, which is 3 of 4 parts of the index, on a scale from 0 to 10
    assert float(str(row["High"])) - float(str(row["Low"])) == pytest.approx(10 * 2 / 3 * 3 / 4)
    assert float(str(row["Low"])) <= float(str(row["index"])) <= float(str(row["High"]))
    assert row["Missing"] == 0.25


def test_a_value_that_goes_missing_widens_only_its_own_unit(small: Builder, data_text: str) -> None:
    before = bounds(small(recipe=GOALPOSTS))
    after = bounds(small(data=data_text.replace("U4,Four,y,40,8,1,4,80", "U4,Four,y,40,8,1,4,"), recipe=GOALPOSTS))
    for unit, row in after.items():
        old = before[unit]
        assert float(str(row["Low"])) <= float(str(old["Low"])) + 1e-12
        assert float(str(row["High"])) >= float(str(old["High"])) - 1e-12
        assert (row["High"] == old["High"]) == (unit != "U4")
        assert int(str(row["RankBest"])) <= int(str(old["RankBest"]))
        assert int(str(row["RankWorst"])) >= int(str(old["RankWorst"]))


def test_imputing_does_not_hide_what_is_unknown(small: Builder) -> None:
    imputed, left = bounds(small())["U3"], bounds(small(recipe='[impute]\nmethod = "none"\n'))["U3"]
    assert (imputed["Low"], imputed["High"]) == pytest.approx((left["Low"], left["High"]))


def test_copeland_has_no_bounds_and_gaps_left_are_told(small: Builder, tmp_path: Path) -> None:
    small()
    run = small(recipe='[impute]\nmethod = "none"\n[aggregate]\nmethod = "copeland"\n')
    assert bound_rows(run) == []
    assert not (tmp_path / "run" / "bounds.csv").exists()
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    assert document["warnings"] == ["Still missing after imputation: 1. Each group is averaged over its other members."]


def test_every_reachable_rank_is_within_the_bounds_of_the_worked_example(asem_run: ReadinessRun) -> None:
    rows = bound_rows(asem_run)
    assert all(int(str(r["RankBest"])) <= int(str(r["Rank"])) <= int(str(r["RankWorst"])) for r in rows)
    assert all((r["Missing"] == 0) == (r["Low"] == r["High"]) for r in rows)


def test_every_part_has_bounds_around_its_score_and_those_of_the_index_are_the_same(asem_run: ReadinessRun) -> None:
    found = bounds_of(asem_run)
    assert found is not None
    parts = pl.DataFrame(part_bounds(asem_run, found))
    assert parts.columns == ["uCode", "iCode", "Score", "Low", "High"]
    assert parts.height == 51 * 11
    assert parts.filter((pl.col("Low") > pl.col("Score") + 1e-9) | (pl.col("High") < pl.col("Score") - 1e-9)).is_empty()
    index = parts.filter(pl.col("iCode") == "Index")
    assert index["Low"].to_list() == [row["Low"] for row in bound_rows(asem_run)]
    assert not parts.filter((pl.col("iCode") == "Social") & (pl.col("Low") < pl.col("High"))).is_empty()
