"""The worked example evaluated over other choices, against the runs of another implementation.

That implementation kept the sample of only one factor (``sa_para_N100.csv``). The other factors are found by looking
each of its score columns up among all 2,000 combinations; the run is then repeated from the sample found.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.inputs import Inputs
from tocsin.readiness.run import ReadinessRun
from tocsin.readiness.sensitivity import write_sensitivity
from tocsin.readiness.sobol import estimate
from tocsin.readiness.uncertainty import Specification, UncertaintyResult, explore, read_specification

Sample = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Repeat = Callable[[Sample, str], Path]

SPECIFICATION = """
method = "{method}"
samples = {samples}
{more}

[factors.winmax]
path = "treat.winmax"
values = [1, 2, 3, 4, 5]

[factors.normalisation]
path = "normalise"
values = [
  {{ method = "minmax", params = {{ l_u = [1, 100] }} }},
  {{ method = "zscore", params = {{ m_sd = [10, 2] }} }},
]

[factors.weights]
weights_file = "{weights}"

[factors.aggregation]
path = "aggregate.method"
values = ["amean", "gmean"]
"""


def specification(folder: Path, asem: Path, method: str, samples: int = 100, more: str = "") -> Path:
    path = folder / f"{method}.toml"
    weights = asem / "noisy_weights_100.csv"
    path.write_text(SPECIFICATION.format(method=method, samples=samples, more=more, weights=weights))
    return path


@pytest.fixture(scope="module")
def everything(asem: Path, asem_run: ReadinessRun, tmp_path_factory: pytest.TempPathFactory) -> UncertaintyResult:
    spec = read_specification(specification(tmp_path_factory.mktemp("spec"), asem, "factorial"))
    return explore(asem_run.inputs, asem_run.recipe, spec, asem)


def numeric(frame: pl.DataFrame) -> Sample:
    return frame.drop("uCode").cast(pl.Float64).to_numpy()


def recovered(everything: UncertaintyResult, asem: Path, prefix: str) -> Sample:
    """The sample of the other implementation: for each of its runs, the combination with the same scores."""
    scores = numeric(pl.read_csv(asem / f"{prefix}_scores_N100.csv"))[:, 1:]
    nearest = [int(np.abs(everything.scores - column[:, None]).max(axis=0).argmin()) for column in scores.T]
    return everything.sample[nearest]


@pytest.fixture
def repeat(everything: UncertaintyResult, asem: Path, asem_run: ReadinessRun, tmp_path: Path) -> Repeat:
    """Evaluates a given sample by a method; gives the folder written."""

    def run(sample: Sample, method: str) -> Path:
        columns = zip(everything.factors, (sample + 1).astype(np.int64).T, strict=True)
        pl.DataFrame(dict(columns)).write_csv(tmp_path / "sample.csv")
        spec = specification(tmp_path, asem, method, more='design = "sample.csv"')
        assert write_sensitivity(asem_run, spec, tmp_path / "out")["evaluations"] == len(sample)
        return tmp_path / "out"

    return run


@pytest.mark.parametrize(
    ("prefix", "method", "tables"),
    [("ua", "design", ("scores", "rankstats")), ("sa", "saltelli", ("scores", "ranks", "rankstats"))],
)
def test_the_same_samples_give_the_same_scores_and_ranks(
    prefix: str, method: str, tables: tuple[str, ...], repeat: Repeat, everything: UncertaintyResult, *, asem: Path
) -> None:
    written = repeat(recovered(everything, asem, prefix), method)
    for table in tables:
        same(written / f"{prefix}_{table}.csv", asem / f"{prefix}_{table}_N100.csv")


@pytest.mark.parametrize(("rows", "message"), [(slice(5), "6·N"), (slice(1, 7), "6·N"), (slice(1, 13), "of B")])
def test_a_sample_out_of_order_is_no_saltelli_sample(
    rows: slice, message: str, everything: UncertaintyResult, repeat: Repeat
) -> None:
    with pytest.raises(InputError, match=message):
        repeat(everything.sample[::7][rows], "saltelli")


def same(found: Path, expected: Path) -> None:
    ours, theirs = pl.read_csv(found), pl.read_csv(expected)
    assert ours.columns == theirs.columns
    assert ours["uCode"].to_list() == theirs["uCode"].to_list()
    assert np.abs(numeric(ours) - numeric(theirs)).max() < 1e-9


def test_the_sample_found_is_the_one_that_was_kept(everything: UncertaintyResult, asem: Path) -> None:
    kept = pl.read_csv(asem / "sa_para_N100.csv").to_series(0).to_numpy()
    found = recovered(everything, asem, "sa")[:, 0] + 1
    # at most 4 points are ever winsorised here, so the alternatives 4 and 5 give the same scores
    assert np.array_equal(np.minimum(kept, 4), np.minimum(found, 4))


def test_estimates_from_a_small_sample_lie_around_the_exact_indices(everything: UncertaintyResult, asem: Path) -> None:
    assert everything.indices is not None
    ranks = numeric(pl.read_csv(asem / "sa_ranks_N100.csv"))
    output = np.abs(ranks[:, 1:] - ranks[:, :1]).mean(axis=0).reshape(6, 100)
    found = estimate(output[0], output[1], output[2:], bootstrap=500, seed=3)
    assert found.first_limits is not None
    assert found.total_limits is not None
    for exact, limits in (
        (everything.indices.first, found.first_limits),
        (everything.indices.total, found.total_limits),
    ):
        assert (limits[:, 0] - 0.1 < exact).all()
        assert (exact < limits[:, 1] + 0.1).all()


def test_exact_indices_add_up(everything: UncertaintyResult) -> None:
    indices = everything.indices
    assert indices is not None
    assert (indices.first >= 0).all()
    assert (indices.total >= indices.first).all()
    assert indices.first.sum() < 1 < indices.total.sum()
    assert float(indices.first.sum()) + sum(value for *_, value in indices.pairs) < 1 + 1e-12
    # interactions of a factor: its total less its first order, at least its part in the pairs
    for i in range(4):
        assert indices.total[i] - indices.first[i] >= sum(v for a, b, v in indices.pairs if i in {a, b}) - 1e-12


def test_ranks_come_with_intervals_and_indices_with_limits(asem: Path, asem_run: ReadinessRun, tmp_path: Path) -> None:
    summary = write_sensitivity(asem_run, specification(tmp_path, asem, "saltelli", 64), tmp_path / "out")
    assert summary["evaluations"] == 64 * 6
    indices = pl.read_csv(tmp_path / "out" / "sa_indices.csv")
    assert indices["Variable"].to_list() == ["winmax", "normalisation", "weights", "aggregation"]
    assert (indices["STi_q5"] <= indices["STi"]).all()
    assert (indices["STi"] <= indices["STi_q95"]).all()
    statistics = pl.read_csv(tmp_path / "out" / "sa_rankstats.csv")
    assert (statistics["Q5"] <= statistics["Median"]).all()
    assert (statistics["Median"] <= statistics["Q95"]).all()
    para = pl.read_csv(tmp_path / "out" / "sa_para.csv")
    assert para["weights"].max() == 100
    assert para["aggregation"].min() == 1


def test_the_same_specification_gives_the_same_bytes(asem: Path, asem_run: ReadinessRun, tmp_path: Path) -> None:
    spec = specification(tmp_path, asem, "saltelli", 16)
    for name in ("first", "second"):
        write_sensitivity(asem_run, spec, tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def explored(inputs: Inputs, run: ReadinessRun, **fields: object) -> UncertaintyResult:
    return explore(inputs, run.recipe, Specification.model_validate(fields), Path())


def test_a_range_and_noise_can_be_factors(asem_run: ReadinessRun) -> None:
    factors = {
        "exponent": {"path": "aggregate.p", "range": [0.5, 2.0]},
        "weights": {"noise": {"2": 0.25}, "count": 20},
        "method": {"path": "aggregate.method", "values": ["genmean"]},
    }
    found = explored(asem_run.inputs, asem_run, samples=32, factors=factors, output="score:AUT")
    assert found.method == "saltelli"
    assert found.finite == (False, True, True)
    assert ((found.sample[:, 0] >= 0.5) & (found.sample[:, 0] <= 2)).all()
    assert np.ptp(found.sample[:, 0]) > 1
    assert found.indices is not None
    assert found.indices.total[2] == 0


def test_nothing_varies_means_no_index_rather_than_zero(asem_run: ReadinessRun) -> None:
    found = explored(asem_run.inputs, asem_run, factors={"skew": {"path": "treat.skew", "values": [2.0, 2.0]}})
    assert found.indices is not None
    assert np.isnan(found.indices.first).all()


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        ({"path": "treat.winmux", "values": [1]}, "winmux"),
        ({"path": "tread.winmax", "values": [1]}, "tread"),
        ({"path": "treat.winmax", "values": [-1]}, "winmax"),
    ],
)
def test_a_wrong_factor_is_named(factor: dict[str, object], message: str, asem_run: ReadinessRun) -> None:
    with pytest.raises((InputError, UsageError), match=message):
        explored(asem_run.inputs, asem_run, factors={"x": factor})


def test_a_factorial_needs_ends(asem_run: ReadinessRun) -> None:
    with pytest.raises(UsageError, match="range"):
        explored(asem_run.inputs, asem_run, method="factorial", factors={"p": {"path": "aggregate.p", "range": [1, 2]}})
