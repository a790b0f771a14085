"""Times whose end lies between two moments: compared with another implementation, and with what is known exactly."""

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tocsin.node.censoring import Median, coarse, median, turnbull

Times = npt.NDArray[np.float64]

INTERVALS = st.lists(
    st.tuples(st.integers(0, 40), st.one_of(st.integers(1, 20), st.just(np.inf))), min_size=1, max_size=25
)


def _arrays(pairs: list[tuple[int, float]]) -> tuple[Times, Times]:
    left = np.array([start for start, _ in pairs], dtype=np.float64)
    return left, left + np.array([width for _, width in pairs], dtype=np.float64)


@given(INTERVALS)
def test_all_mass_is_placed_where_the_times_may_be(pairs: list[tuple[int, float]]) -> None:
    left, right = _arrays(pairs)
    curve = turnbull(left, right)
    assert curve.mass.sum() == pytest.approx(1)
    assert (curve.mass >= 0).all()
    assert (curve.start[1:] >= curve.end[:-1]).all()
    for start, end in zip(left, right, strict=True):
        assert curve.mass[(curve.start >= start) & (curve.end <= end)].sum() > 0


def test_another_implementation_finds_the_same_masses() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the import warns of its own parts
        from lifelines.fitters.npmle import npmle
    generator = np.random.default_rng(5)
    for _ in range(20):
        true = generator.exponential(30, 60)
        left = np.floor(true / 24) * 24
        right = left + 24.0 * generator.integers(1, 4, 60)
        left = np.where(generator.random(60) < 0.2, np.maximum(left - 24, 0), left)
        right = np.where(left > 72, np.inf, right)
        curve = turnbull(left, right)
        # Theirs are closed intervals: a left end moved a little is an open one.
        masses, intervals = npmle(left + 0.001, right, tol=1e-9, max_iter=100_000)
        theirs = {
            (round(float(of.left) - 0.001, 2), float(of.right)): float(mass)
            for of, mass in zip(intervals, masses, strict=True)
            if mass > 1e-4
        }
        places = zip(curve.start.tolist(), curve.end.tolist(), strict=True)
        ours = {at: mass for at, mass in zip(places, curve.mass.tolist(), strict=True) if mass > 1e-4}
        assert ours.keys() == theirs.keys()
        assert list(ours.values()) == pytest.approx([theirs[at] for at in ours], abs=1e-3)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60))
def test_exact_times_have_the_ordinary_median(hours: list[int]) -> None:
    times = np.array(hours, dtype=np.float64)
    found = median(times, times)
    expected = float(np.quantile(times, 0.5, method="inverted_cdf"))
    assert (found.earliest, found.latest) == (expected, expected)
    assert found.ended == found.times == len(hours)


@given(INTERVALS, st.randoms())
def test_the_order_does_not_matter(pairs: list[tuple[int, float]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert median(*_arrays(pairs), resamples=20) == median(*_arrays(shuffled), resamples=20)


@given(INTERVALS)
def test_the_interval_holds_the_estimate_when_there_is_one(pairs: list[tuple[int, float]]) -> None:
    assume(len(pairs) >= 5)
    found = median(*_arrays(pairs))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.high


def test_the_stated_confidence_is_about_kept() -> None:
    """Of 100 samples with a known median, most intervals hold it."""
    generator = np.random.default_rng(3)
    true_median = 40 * np.log(2)
    held = 0
    for _ in range(100):
        times = generator.exponential(40, 80)
        left = np.floor(times / 6) * 6
        found = median(left, left + 6)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true_median <= found.high
    assert held >= 90


@given(st.integers(0, 1000), st.booleans())
def test_many_different_times_are_taken_together_without_moving_the_median_out(seed: int, exact: bool) -> None:
    generator = np.random.default_rng(seed)
    left = generator.exponential(50, 3000)
    right = left if exact else left + generator.exponential(5, 3000)
    found = median(left, right, resamples=20)
    assert found.earliest <= np.median(right)
    assert found.latest >= np.median(left)
    assert found.latest - found.earliest < 12


def test_what_has_not_ended_is_not_a_short_time() -> None:
    left = np.array([10.0] * 6 + [500.0] * 7)
    right = np.array([20.0] * 6 + [np.inf] * 7)
    assert median(left, right) == Median(13, 6, 500.0, np.inf, 10.0, np.inf)


def test_too_few_times_have_no_interval() -> None:
    found = median(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(("left", "right"), [([], []), ([2.0], [1.0])])
def test_nonsense_is_refused(left: list[float], right: list[float]) -> None:
    with pytest.raises(ValueError, match="interval"):
        turnbull(np.array(left), np.array(right))


def test_exact_times_give_their_empirical_distribution() -> None:
    times = np.array([1.0, 2.0, 2.0, 5.0])
    curve = turnbull(times, times)

    assert curve.start.tolist() == curve.end.tolist() == [1, 2, 5]
    assert curve.mass == pytest.approx([0.25, 0.5, 0.25])


def test_times_that_are_only_cut_off_give_kaplan_and_meiers_estimate() -> None:
    # Deaths at 1, 3, 4; still running after 2 and 5. S(1) = 4/5, S(3) = 4/5·2/3, S(4) = 4/5·2/3·1/2.
    curve = turnbull(np.array([1.0, 2, 3, 4, 5]), np.array([1, np.inf, 3, 4, np.inf]))

    assert curve.start.tolist() == [1, 3, 4, 5]
    assert curve.end.tolist() == [1, 3, 4, np.inf]
    assert curve.mass == pytest.approx([1 / 5, 4 / 15, 4 / 15, 4 / 15], abs=1e-5)


def test_many_times_are_widened_to_few_moments_and_keep_the_truth_inside() -> None:
    left = np.arange(20_000) / 100
    right = np.where(np.arange(20_000) % 3, left + 5, np.inf)
    low, high = coarse(left, right)

    assert len(np.unique(np.concatenate([low, high]))) <= 65
    assert (low <= left).all()
    assert (right <= high).all()
