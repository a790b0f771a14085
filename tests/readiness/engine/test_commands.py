"""The commands as a person runs them: files with the right columns, one JSON document, clear refusals."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tocsin.interface.output import Invocation
from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.commands.readiness import app

Call = Callable[..., dict[str, object]]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Runs `tocsin readiness …` with --json and gives the document; raises what the command raised."""

    def run(*arguments: object) -> dict[str, object]:
        invocation = Invocation(home=tmp_path, json=True)
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], obj=invocation)
        if result.exception is not None:
            raise result.exception
        assert result.stdout.count("\n") == 1
        document = json.loads(result.stdout)
        assert isinstance(document, dict)
        return document

    return run


def test_build_says_what_it_made(call: Call, asem: Path, tmp_path: Path) -> None:
    inputs = ("--data", asem / "ASEM_iData.csv", "--meta", asem / "ASEM_iMeta.csv")
    made = call("build", *inputs, "--out", tmp_path / "one")
    again = call("build", *inputs, "--out", tmp_path / "two")
    assert (made["units"], made["indicators"], made["levels"], made["index"]) == (51, 49, 4, "Index")
    assert made["missing_values"] == 63
    assert made["identity"] == again["identity"]
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_another_recipe_is_another_identity(call: Call, asem: Path, tmp_path: Path) -> None:
    inputs = ("--data", asem / "ASEM_iData.csv", "--meta", asem / "ASEM_iMeta.csv")
    (tmp_path / "recipe.toml").write_text("[treat]\nwinmax = 3\n")
    plain = call("build", *inputs, "--out", tmp_path / "one")
    changed = call("build", *inputs, "--recipe", tmp_path / "recipe.toml", "--out", tmp_path / "two")
    assert plain["identity"] != changed["identity"]
    (tmp_path / "default.toml").write_text("# nothing but the defaults, spelt out\n[treat]\nwinmax = 5\n")
    same = call("build", *inputs, "--recipe", tmp_path / "default.toml", "--out", tmp_path / "three")
    assert plain["identity"] == same["identity"]


def test_denominators_from_a_file_of_their_own(call: Call, asem: Path, tmp_path: Path) -> None:
    own = tmp_path / "denominators.csv"
    data = pl.read_csv(asem / "ASEM_iData.csv", infer_schema=False)
    data.select("uCode", "Area", "Energy", "GDP", "Population").reverse().write_csv(own)
    inputs = ("--meta", asem / "ASEM_iMeta.csv", "--denominators", own)
    call("build", "--data", asem / "ASEM_iData.csv", *inputs, "--out", tmp_path / "run")
    assert (tmp_path / "run" / "inputs" / "denominators.csv").read_bytes() == own.read_bytes()
    expected = pl.read_csv(asem / "dset_Denominated.csv", infer_schema_length=None)
    found = pl.read_csv(tmp_path / "run" / "dset_Denominated.csv", infer_schema_length=None)
    assert max(float(str((found[c] - expected[c]).abs().max())) for c in expected.columns[1:]) < 1e-9


def test_normalise_writes_the_indicators(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    for method, params in (
        ("minmax", ("--param", "lower=0", "--param", "upper=1")),
        ("zscore", ()),
        ("scaled", ()),
        ("rank", ("--param", "ties=average")),
        ("borda", ()),
        ("prank", ()),
        ("fracmax", ()),
        ("dist2targ", ("--param", "cap_max=true")),
        ("dist2ref", ("--param", "reference=AUT")),
        ("dist2max", ()),
        ("goalposts", ("--param", "gposts=0,100,1")),
    ):
        document = call("normalise", "--run", asem_folder, "--method", method, *params, "--out", out)
        assert document["rows"] == 51
        frame = pl.read_csv(out, infer_schema_length=None)
        assert frame.columns == pl.read_csv(asem_folder / "dset_Normalised.csv").columns
    with pytest.raises(UsageError, match="gposts"):
        call("normalise", "--run", asem_folder, "--method", "goalposts", "--param", "gposts=1", "--out", out)


def test_targets_are_compared_with_raw_values(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    options = ("--method", "dist2targ", "--param", "cap_max=true", "--stage", "Raw")
    call("normalise", "--run", asem_folder, *options, "--out", out)
    frame = pl.read_csv(out, infer_schema_length=None)
    assert frame["LPI"].max() == 1
    assert frame["LPI"].min() == 0


def test_weights_of_every_kind(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    for method in ("given", "equal", "pca", "balance", "infomax"):
        call("weights", "--run", asem_folder, "--method", method, "--level", 3, "--out", out)
        frame = pl.read_csv(out)
        assert frame.columns == ["iCode", "Level", "Weight"]
        assert frame.height == 60
    for method in ("balance_corr", "infomax_corr"):
        call("weights", "--run", asem_folder, "--method", method, "--level", 2, "--out", out)
        assert pl.read_csv(out).columns == ["iCode", "Level", "Weight", "Desired", "Obtained", "OptWeight"]
    options = ("--param", "noise=0.1", "--param", "count=7")
    call("weights", "--run", asem_folder, "--method", "noisy", "--level", 2, *options, "--out", out)
    noisy = pl.read_csv(out)
    assert noisy.columns == ["rep", "iCode", "Level", "Weight"]
    level = noisy.filter(pl.col("Level") == 2)["Weight"]
    assert ((level >= 0.9) & (level <= 1.1)).all()
    assert (noisy.filter(pl.col("Level") != 2)["Weight"] == 1).all()
    with pytest.raises(UsageError, match="--level"):
        call("weights", "--run", asem_folder, "--method", "pca", "--out", out)


def test_wanted_importances_are_met(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    options = ("--method", "balance_corr", "--level", 3, "--param", "importance=11,10")
    call("weights", "--run", asem_folder, *options, "--out", out)
    frame = pl.read_csv(out).filter(pl.col("Level") == 3)
    assert frame["Obtained"].to_list() == pytest.approx([11 / 21, 10 / 21], abs=1e-6)


def test_aggregate_by_other_methods(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    for method, params in (
        ("amean", ()),
        ("copeland", ()),
        ("genmean", ("--param", "p=0.5")),
        ("gmean", ("--param", "l_u=1,100")),
        ("amean,amean,hmean", ("--param", "l_u=1,100")),
    ):
        call("aggregate", "--run", asem_folder, "--method", method, *params, "--out", out)
        assert pl.read_csv(out).columns == pl.read_csv(asem_folder / "dset_Aggregated.csv").columns
    with pytest.raises(InputError, match="geometric mean"):
        call("aggregate", "--run", asem_folder, "--method", "gmean", "--out", out)
    with pytest.raises(UsageError, match="median"):
        call("aggregate", "--run", asem_folder, "--method", "median", "--out", out)


def test_tables_made_by_one_command_are_used_by_another(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    scaled, weights, out = tmp_path / "scaled.csv", tmp_path / "weights.csv", tmp_path / "made.csv"
    call("normalise", "--run", asem_folder, "--method", "minmax", "--param", "l_u=1,100", "--out", scaled)
    call("weights", "--run", asem_folder, "--method", "balance", "--level", 3, "--out", weights)
    options = ("--normalised", scaled, "--weights", weights)
    call("aggregate", "--run", asem_folder, "--method", "amean", *options, "--out", out)
    frame = pl.read_csv(out)
    share = pl.read_csv(weights).filter(pl.col("iCode") == "Conn")["Weight"][0]
    assert frame["Index"].to_list() == pytest.approx((share * frame["Conn"] + (1 - share) * frame["Sust"]).to_list())


def test_remove_elements_and_compare(call: Call, asem: Path, asem_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    document = call("remove-elements", "--run", asem_folder, "--level", 2, "--out", out)
    assert isinstance(document["mean_abs_diff"], dict)
    assert pl.read_csv(out).columns == ["uCode", *document["mean_abs_diff"]]
    (tmp_path / "recipe.toml").write_text('[normalise]\nmethod = "prank"\n')
    other = tmp_path / "other"
    inputs = ("--data", asem / "ASEM_iData.csv", "--meta", asem / "ASEM_iMeta.csv")
    call("build", *inputs, "--recipe", tmp_path / "recipe.toml", "--out", other)
    call("compare", "--run", asem_folder, "--with", other, "--out", out)
    assert pl.read_csv(out).row(0) == ("PRT", 27, 17, 10, 10)
    call("compare", "--run", asem_folder, "--with", other, "--with", asem_folder, "--out", out)
    assert pl.read_csv(out).columns == ["uCode", str(asem_folder), str(other), f"{asem_folder} (3)"]
    call("compare", "--run", asem_folder, "--run", other, "--out", out)
    assert pl.read_csv(out).row(0) == ("PRT", 27, 17, 10, 10)
    with pytest.raises(UsageError, match="nothing to compare"):
        call("compare", "--run", asem_folder, "--out", out)


def test_sensitivity_writes_its_files(call: Call, asem_folder: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text('[factors.winmax]\npath = "treat.winmax"\nvalues = [0, 5]\n')
    document = call("sensitivity", "--run", asem_folder, "--spec", spec, "--out", tmp_path / "sa")
    assert document["method"] == "factorial"
    assert document["evaluations"] == 2
    assert document["files"] == ["sa_indices.csv", "sa_para.csv", "sa_ranks.csv", "sa_rankstats.csv", "sa_scores.csv"]
    assert pl.read_csv(tmp_path / "sa" / "sa_indices.csv").row(0) == ("winmax", 1.0, 1.0)
    assert call("sensitivity", "--run", asem_folder, "--spec", spec, "--out", tmp_path / "stats.csv")["files"] == [
        "stats.csv"
    ]
    assert (tmp_path / "stats.csv").read_text() == (tmp_path / "sa" / "sa_rankstats.csv").read_text()


def test_target_prints_every_reading(call: Call, shared_data: Path, tmp_path: Path) -> None:
    panel = shared_data / "readiness" / "gci_panel.csv"
    options = ("--goal", 40, "--baseline", 2014, "--end", 2020, "--group", "LDC14=True")
    document = call("target", "--panel", panel, *options, "--table", tmp_path / "table.csv")
    change = document["change_of_group_mean"]
    assert isinstance(change, dict)
    assert change["unweighted"]["fixed_weights"]["relative_percent"]["value"] == pytest.approx(88.394825, abs=1e-6)
    table = pl.read_csv(tmp_path / "table.csv")
    assert set(table["group"]) == {"all", "LDC14=True", "SIDS=True", "LLDC=True", "EIT=True"}
    assert set(table["baseline"]) == {2014, 2017, 2018}


@pytest.mark.parametrize(
    "view", ["statistics", "availability", "correlations", "flags", "denominators", "alpha", "pca", "bounds"]
)
def test_views(view: str, call: Call, asem_folder: Path, tmp_path: Path) -> None:
    document = call("describe", "--run", asem_folder, "--view", view, "--out", tmp_path / "view.csv")
    assert document["view"] == view
    assert (tmp_path / "view.csv").exists()


def test_one_unit(call: Call, asem_folder: Path) -> None:
    document = call("profile", "LAO", "--run", asem_folder)
    assert document["uName"] == "Lao PDR"
    assert len(list(document["profile"]) if isinstance(document["profile"], list) else []) == 60
