"""Intervals and shrinkage: against published figures, and what must always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tocsin.readiness.assessment import ScoreInterval, shrink, wilson
from tocsin.readiness.assessment.intervals import (
    Spell,
    difference,
    median_hours,
    share,
    weighted_share,
    within,
)

counts = st.integers(0, 400)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998, Statist. Med. 17:857, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_as_published(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    ends = [wilson(k, 30) for k in range(31)]
    truths = [t / 200 for t in range(10, 191)]
    cover = [sum(binom.pmf(k, 30, p) for k, (low, high) in enumerate(ends) if low <= p <= high) for p in truths]

    assert sum(cover) / len(cover) == pytest.approx(0.95, abs=0.012)


@given(counts, counts, st.integers(1, 400))
def test_looking_at_one_more_never_widens_a_share(yes: int, no: int, unknown: int) -> None:
    before = share(yes, no, unknown)
    for after in (share(yes + 1, no, unknown - 1), share(yes, no + 1, unknown - 1)):
        assert after.low >= before.low - 1e-12
        assert after.high <= before.high + 1e-12


@given(counts, counts, st.integers(1, 20))
def test_reporting_more_of_the_same_never_lowers_a_share(yes: int, no: int, times: int) -> None:
    before, after = share(yes, no, 0), share(yes * times, no * times, 0)

    assert after.value == before.value or after.value == pytest.approx(before.value)
    assert after.low >= before.low - 1e-12


@given(st.lists(st.tuples(st.floats(1, 1e6), st.sampled_from([True, False, None])), min_size=1, max_size=30))
def test_a_weighted_share_lies_between_its_ends_and_narrows_when_more_is_known(
    drawn: list[tuple[float, bool | None]],
) -> None:
    weights = [weight for weight, _ in drawn]
    states = [state for _, state in drawn]
    found = weighted_share(weights, states)

    assert 0 <= found.low <= found.high <= 1
    assert found.value is None or found.low <= found.value <= found.high
    known = weighted_share(weights, [state is True for state in states])
    assert known.low >= found.low - 1e-9
    assert known.high <= found.high + 1e-9


def test_a_difference_is_as_published() -> None:
    # Newcombe 1998, Statist. Med. 17:873, table II, contrast (a), method 10: 56/70 - 48/80.
    first, second = (ScoreInterval(wilson(k, n)[0], k / n, wilson(k, n)[1]) for k, n in ((48, 80), (56, 70)))
    found = difference(first, second)

    assert (found.low, found.value, found.high) == pytest.approx((0.0524, 0.2, 0.3339), abs=5e-5)


def test_small_units_lean_on_their_peers_and_large_ones_do_not() -> None:
    peers = {f"U{n}": (20.0 + 6 * n, 100.0) for n in range(10)}
    found = shrink({**peers, "small": (3.0, 3.0), "large": (9_900.0, 10_000.0)})

    assert found["small"].own == 1.0
    assert 0.5 < found["small"].value < 0.9
    assert found["large"].value == pytest.approx(0.99, abs=0.005)
    assert found["small"].weight < 0.6
    assert found["large"].weight > 0.99
    assert all(item.low <= item.value <= item.high for item in found.values())


def test_a_unit_that_observed_nothing_gets_what_its_peers_make_likely() -> None:
    found = shrink({"A": (8.0, 10.0), "B": (7.0, 10.0), "C": (9.0, 10.0), "none": (0.0, 0.0)})["none"]

    assert found.own is None
    assert found.weight == 0
    assert found.value == pytest.approx(0.8, abs=0.05)


def test_with_two_units_there_is_nothing_to_learn_from() -> None:
    assert shrink({"A": (5.0, 5.0), "B": (0.0, 5.0)})["A"].value == pytest.approx(5.5 / 6)


def test_spells_that_may_or_may_not_have_ended_in_time_widen_both_ends() -> None:
    sure = [Spell(1, 2)] * 6 + [Spell(30, 40)] * 4
    unsure = [*sure, Spell(10, 30), Spell(5, None)]

    assert within(sure, 24).value == within(unsure, 24).value == 0.6
    assert within(unsure, 24).low < within(sure, 24).low
    assert within(unsure, 24).high > within(sure, 24).high


def test_the_median_of_interval_censored_times_has_ends() -> None:
    found = median_hours([Spell(n, n + 4) for n in range(40)])

    assert found is not None
    assert found.value is not None
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(22, abs=4)
    assert median_hours([]) is None


def test_the_median_is_unknown_while_most_still_run() -> None:
    found = median_hours([Spell(1, 2), Spell(3, None), Spell(4, None)])

    assert found is not None
    assert found.value is None
    assert found.high == math.inf


def test_the_median_of_many_times_lies_between_its_ends() -> None:
    found = median_hours([Spell(n / 100, n / 100 + 5 if n % 3 else None) for n in range(20_000)])

    assert found is not None
    assert found.low <= (found.value or 0) <= found.high
