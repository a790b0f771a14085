"""Queries: facts in, a value with method, coverage and interval out; a wrong cell is named."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness.assessment import QUERIES, as_reading, measure
from tocsin.readiness.assessment.frameworks import Goalposts

NOW = datetime(2026, 6, 30, tzinfo=UTC)


def at(hours: float) -> str:
    return (NOW - timedelta(days=30) + timedelta(hours=hours)).isoformat()


def contacts(*states: str) -> list[dict[str, str]]:
    return [{"asn": str(64_500 + n), "users": "100", "contact": state} for n, state in enumerate(states)]


def test_contact_coverage_counts_what_was_not_looked_at_as_unknown() -> None:
    found = measure("contact_coverage_as", contacts("yes", "yes", "no", "", "unknown"), NOW)

    assert found.value == pytest.approx(2 / 3)
    assert (found.observed, found.total, found.coverage) == (3, 5, 0.6)
    assert found.low < 2 / 5 < 2 / 3 < found.high
    assert (found.method_version, found.as_of) == ("1", NOW)


def test_finding_out_more_never_lowers_the_lower_end() -> None:
    before = measure("contact_coverage_as", contacts("yes", "no", ""), NOW)
    after = measure("contact_coverage_as", contacts("yes", "no", "no"), NOW)

    assert after.low == before.low
    assert after.high < before.high


def test_coverage_by_users_weighs_each_system_by_them() -> None:
    rows = [
        {"asn": "64500", "users": "900000", "contact": "yes"},
        {"asn": "64501", "users": "100000", "contact": "no"},
    ]
    found = measure("contact_coverage_users", rows, NOW)

    assert found.value == pytest.approx(0.9)
    assert found.detail == {"users": 1_000_000, "users_looked_at": 1_000_000}


def test_a_registered_cirt_counts_only_when_it_answers_and_an_unregistered_one_cannot() -> None:
    rows = [
        {"country": "AAA", "registered": "yes", "responsive": "yes"},
        {"country": "BBB", "registered": "yes", "responsive": "no"},
        {"country": "CCC", "registered": "no", "responsive": ""},
        {"country": "DDD", "registered": "yes", "responsive": ""},
    ]
    found = measure("cirt_coverage", rows, NOW)

    assert found.value == pytest.approx(1 / 3)
    assert found.observed == 3
    registered = found.detail["registered"]
    assert isinstance(registered, dict)
    assert registered["value"] == 0.75


def test_times_that_still_run_are_unknown_until_the_goal_has_passed() -> None:
    rows = [
        {"heard": at(0), "told": at(3)},
        {"heard": at(0), "told": at(30)},
        {"heard": at(0), "told": ""},
        {"heard": (NOW - timedelta(hours=2)).isoformat(), "told": ""},
    ]
    found = measure("time_to_tell", rows, NOW)

    assert found.value == pytest.approx(1 / 3)  # the third has run for 30 days, the fourth may still make it
    assert (found.observed, found.total) == (3, 4)
    assert found.detail["still_open"] == 2


def test_a_fix_lies_between_the_last_sighting_and_the_first_absence() -> None:
    day = 24.0
    rows = [
        {"told": at(0), "last_seen": at(2 * day), "first_gone": at(3 * day)},
        {"told": at(0), "last_seen": at(10 * day), "first_gone": at(20 * day)},
        {"told": at(0), "last_seen": at(15 * day), "first_gone": at(16 * day)},
    ]
    found = measure("time_to_fix", rows, NOW)

    assert (found.value, found.observed, found.total) == (0.5, 2, 3)
    median = found.detail["median_hours"]
    assert isinstance(median, dict)
    assert 10 * day <= median["value"] <= 20 * day


def test_more_reports_of_the_same_kind_never_lower_a_value_or_its_lower_end() -> None:
    few = [{"told": at(0), "acknowledged": at(hour)} for hour in (1, 5, 100)]
    before, after = measure("time_to_acknowledge", few, NOW), measure("time_to_acknowledge", few * 20, NOW)

    assert after.value == before.value
    assert after.low > before.low


def test_bounces_are_better_when_fewer() -> None:
    rows = [{"delivery": str(n), "bounced": "yes" if n < 5 else "no"} for n in range(100)]
    found = measure("bounced", rows, NOW)
    reading = as_reading(Goalposts(query="bounced", worst=0.2, best=0.0), found)

    assert found.value == 0.05
    assert reading.point == pytest.approx(0.75)
    assert reading.low < 0.75 < reading.high


@pytest.mark.parametrize(
    ("query", "row", "said"),
    [
        ("contact_coverage_as", {"asn": "1", "contact": "maybe"}, "Row 1, column 'contact': 'maybe' is not yes"),
        ("contact_coverage_as", {"asn": "1"}, "no column 'contact'"),
        ("contact_coverage_users", {"asn": "1", "users": "1,5", "contact": ""}, "column 'users': '1,5'"),
        ("contact_coverage_users", {"asn": "1", "users": "-1", "contact": ""}, "column 'users': '-1'"),
        ("time_to_tell", {"heard": "", "told": ""}, "column 'heard': a time is needed"),
        ("time_to_tell", {"heard": "yesterday", "told": ""}, "'yesterday' is not a time"),
        ("time_to_tell", {"heard": "2026-06-01T10:00", "told": ""}, "has no time zone"),
        ("time_to_tell", {"heard": at(5), "told": at(1)}, "ends before it starts"),
        ("time_to_fix", {"told": at(0), "last_seen": at(9), "first_gone": at(5)}, "cannot be gone first"),
    ],
)
def test_a_wrong_fact_is_named(query: str, row: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as raised:
        measure(query, [row], NOW)

    assert said in str(raised.value)


def test_no_facts_and_no_such_query_are_said_plainly() -> None:
    with pytest.raises(InputError, match="given no facts"):
        measure("bounced", [], NOW)
    with pytest.raises(NotFoundError, match="No query is called 'speed'"):
        measure("speed", [{"a": "1"}], NOW)


def test_every_query_says_how_it_measures_and_from_what() -> None:
    for query in QUERIES:
        assert query.version
        assert len(query.method) > 30
        assert all(column and meaning for column, meaning in query.columns)
