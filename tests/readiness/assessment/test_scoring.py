"""Scores: weighted means of what is known, with bounds for what is not; ranks that follow from ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.readiness.assessment import UNKNOWN, QuestionScore, profiles, rank_ranges, score
from tocsin.readiness.assessment.frameworks import bundled_framework
from tocsin.readiness.assessment.scoring import exactly

C5 = bundled_framework("c5")
IDS = list(C5.questions())
values = st.integers(0, 4).map(lambda level: level / 4)
answers = st.dictionaries(st.sampled_from(IDS), values)


def readings(given_values: dict[str, float]) -> dict[str, QuestionScore | None]:
    return {question: exactly(value) for question, value in given_values.items()}


def test_nothing_answered_is_unknown_from_worst_to_best_and_not_zero() -> None:
    whole = score(C5, {})["overall"]

    assert (whole.low, whole.point, whole.high, whole.known) == (0.0, None, 100.0, 0.0)


def test_a_score_is_the_weighted_mean_of_its_parts() -> None:
    # Pillar d: indicator d.1 weighs 2 with four questions, d.2 weighs 1 with one.
    found = score(C5, readings({"d.1.1": 0.75, "d.1.2": 0.5, "d.1.3": 0.25, "d.1.4": 0.5, "d.2.1": 1.0}))

    assert found["d.1"].point == pytest.approx(50)
    assert found["d"].point == pytest.approx((2 * 50 + 100) / 3)
    assert found["d"].low == pytest.approx(found["d"].high)
    assert found["d.1.1"].share == pytest.approx(found["d"].share * 2 / 3 / 4)


def test_the_shares_of_all_questions_make_one() -> None:
    found = score(C5, {}).values()

    assert sum(item.share for item in found if item.kind == "question") == pytest.approx(1)
    assert sum(item.share for item in found if item.kind == "pillar") == pytest.approx(1)


def test_what_does_not_apply_gives_its_weight_to_its_neighbours() -> None:
    found = score(C5, readings({"l.1.1": 1.0}) | {"l.1.2": None})

    assert found["l"].point == found["l"].low == found["l"].high == 100
    assert "l.1.2" not in found
    assert score(C5, dict.fromkeys(IDS)) == {}


@given(answers)
def test_the_point_lies_between_its_bounds_and_these_between_0_and_100(held: dict[str, float]) -> None:
    for item in score(C5, readings(held)).values():
        assert 0 <= item.low <= item.high <= 100 + 1e-9
        assert item.point is None or item.low - 1e-9 <= item.point <= item.high + 1e-9


@given(answers, st.sampled_from(IDS), values)
def test_an_answer_more_can_only_narrow_the_bounds(held: dict[str, float], question: str, value: float) -> None:
    fewer = {key: held[key] for key in held if key != question}
    before, after = score(C5, readings(fewer))["overall"], score(C5, readings({**fewer, question: value}))["overall"]

    assert after.low >= before.low - 1e-9
    assert after.high <= before.high + 1e-9
    assert after.known > before.known


@given(answers, st.sampled_from(IDS), values, values)
def test_a_better_answer_never_lowers_a_score(held: dict[str, float], question: str, one: float, two: float) -> None:
    low, high = (score(C5, readings({**held, question: value})) for value in sorted((one, two)))

    for ident, item in low.items():
        assert item.low <= high[ident].low + 1e-9
        assert item.high <= high[ident].high + 1e-9
        assert (item.point or 0) <= (high[ident].point or 0) + 1e-9


@given(st.dictionaries(st.text("ABC", min_size=1, max_size=3), st.tuples(values, values, values), min_size=1))
def test_rank_ranges_agree_with_every_way_the_scores_may_fall(drawn: dict[str, tuple[float, float, float]]) -> None:
    held = {unit: QuestionScore(*sorted(ends)) for unit, ends in drawn.items()}
    found = {row.unit: row for row in rank_ranges(held)}

    for unit, row in found.items():
        assert 1 <= row.best <= (row.nominal or row.best) <= row.worst <= len(held)
        others = [reading for name, reading in held.items() if name != unit]
        # Its best case against their worst, and the other way round, are both possible.
        assert row.best == 1 + sum(other.low > held[unit].high for other in others)
        assert row.worst == len(held) - sum(other.high < held[unit].low for other in others)


def test_units_of_which_nothing_is_known_may_have_any_rank() -> None:
    first, *_, last = rank_ranges({"AAA": exactly(0.9), "BBB": exactly(0.4), "CCC": UNKNOWN})

    assert (first.unit, first.best, first.nominal, first.worst) == ("AAA", 1, 1, 2)
    assert (last.unit, last.best, last.nominal, last.worst) == ("CCC", 1, None, 3)


def test_a_profile_is_reached_short_or_unknown() -> None:
    sim3 = bundled_framework("sim3-shape")
    enough = dict(sim3.profiles["basic"].minimum)

    def state(levels: dict[str, int | None]) -> dict[str, bool | None]:
        return {result.id: result.reached for result in profiles(sim3, levels)}

    assert state(dict(enough)) == {"basic": True, "intermediate": False, "advanced": False}
    assert state({**enough, "T-8": None})["basic"] is True
    assert state({key: level for key, level in enough.items() if key != "O-1"})["basic"] is None
    assert next(r for r in profiles(sim3, {**enough, "O-1": 0}) if r.id == "basic").short == ("O-1",)
