"""Several years: one scale for all, each year by itself where that is right, comparison and trends."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tocsin.node.errors import UsageError
from tocsin.readiness.build import evaluate
from tocsin.readiness.compare import standing, trends
from tocsin.readiness.recipe import validate
from tocsin.readiness.reweigh import comparison
from tocsin.readiness.run import ReadinessRun, build_run, load_run


@pytest.fixture(scope="module")
def panel(asem: Path, tmp_path_factory: pytest.TempPathFactory) -> ReadinessRun:
    folder = tmp_path_factory.mktemp("panel")
    return build_run(asem / "ASEM_iData_p.csv", asem / "ASEM_iMeta.csv", None, folder)


def test_all_years_are_on_one_scale(panel: ReadinessRun) -> None:
    made = panel.stages.normalised
    assert made.years is not None
    assert np.nanmin(made.values, axis=0) == pytest.approx(np.zeros(49))
    assert np.nanmax(made.values, axis=0) == pytest.approx(np.full(49, 100))
    first = made.values[[i for i, year in enumerate(made.years) if year == 2018]]
    assert (np.nanmax(first, axis=0) < 100).any()


def test_each_year_can_be_scaled_by_itself(panel: ReadinessRun) -> None:
    made = evaluate(panel.inputs, validate({"normalise": {"over_panel": False}}, "recipe")).normalised
    for rows in made.slices():
        assert np.nanmax(made.values[rows], axis=0) == pytest.approx(np.full(49, 100))


def test_the_first_year_alone_is_the_worked_example(panel: ReadinessRun, asem_run: ReadinessRun) -> None:
    made = evaluate(panel.inputs, validate({"normalise": {"over_panel": False}}, "recipe"))
    rows = next(made.aggregated.slices())
    assert made.aggregated.values[rows] == pytest.approx(asem_run.stages.aggregated.values, abs=1e-9)


def test_files_of_a_panel_name_the_year(asem: Path, tmp_path: Path) -> None:
    build_run(asem / "ASEM_iData_p.csv", asem / "ASEM_iMeta.csv", None, tmp_path)
    scores = pl.read_csv(tmp_path / "results_full_scores.csv")
    assert scores.columns[:4] == ["uCode", "Time", "uName", "Rank"]
    assert scores.height == 255
    for year in range(2018, 2023):
        assert scores.filter(pl.col("Time") == year)["Rank"].to_list() == list(range(1, 52))
    assert load_run(tmp_path).stages.raw.years is not None


def test_years_side_by_side(panel: ReadinessRun) -> None:
    rows = comparison({"panel": panel}, [2018, 2022], None, "ranks", "values")
    assert list(rows[0]) == ["uCode", "coin.1", "coin.2", "Diff", "Abs.diff"]
    early, late = (standing(panel.stages.aggregated, "Index", "ranks", year) for year in (2018, 2022))
    assert {row["uCode"]: row["Diff"] for row in rows} == {unit: early[unit] - late[unit] for unit in early}
    many = comparison({"panel": panel}, [2018, 2020, 2022], None, "scores", "diffs")
    assert list(many[0]) == ["uCode", "2018", "2020", "2022"]
    assert {row["2018"] for row in many} == {0}
    with pytest.raises(UsageError, match="1999"):
        comparison({"panel": panel}, [2018, 1999], None, "ranks", "values")


def test_trends_are_of_the_units_own_values(panel: ReadinessRun) -> None:
    found = {(row["uCode"], row["iCode"]): row for row in trends(panel.stages.raw, ["LPI", "NEET"])}
    row = found["GBR", "LPI"]
    assert (row["First"], row["Last"], row["N"]) == (2018, 2022, 5)
    assert float(str(row["FirstValue"])) == pytest.approx(4.069669, abs=1e-6)
    assert float(str(row["LastValue"])) == pytest.approx(4.118561, abs=1e-6)
    assert float(str(row["CAGR"])) == pytest.approx((4.118561 / 4.069669) ** 0.25 - 1, abs=1e-6)
    assert found["CHN", "NEET"]["Change"] is None


def test_gaps_can_be_filled_from_other_years(asem: Path, tmp_path: Path) -> None:
    data = pl.read_csv(asem / "ASEM_iData_p.csv", infer_schema=False)
    holed = data.with_columns(
        LPI=pl.when((pl.col("uCode") == "GBR") & (pl.col("Time") == "2021")).then(None).otherwise(pl.col("LPI"))
    )
    holed.write_csv(tmp_path / "data.csv")
    (tmp_path / "recipe.toml").write_text('[impute]\nmethod = ["latest", "mean_by_group"]\n')
    run = build_run(tmp_path / "data.csv", asem / "ASEM_iMeta.csv", tmp_path / "recipe.toml", tmp_path / "run")
    assert run.stages.imputed.years is not None
    row = next(
        i
        for i, key in enumerate(zip(run.stages.imputed.units, run.stages.imputed.years, strict=True))
        if key == ("GBR", 2021)
    )
    assert run.stages.imputed.column("LPI")[row] == pytest.approx(4.167858, abs=1e-6)
    assert not np.isnan(run.stages.imputed.values).any()
