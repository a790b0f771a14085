"""Business time as others count it: Zendesk's biz, RT's service levels, Perl's Business::Hours."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.incidents.clocks import BusinessHours, read_duration, read_hours_text
from tocsin.incidents.text_files import TextFaultError, read_instant
from tocsin.node.errors import InputError

_UNITS = {"second": "s", "minute": "m", "hour": "h", "day": "d"}
_WEEKDAYS = {day: {"09:00": "18:00"} for day in ("mon", "tue", "wed", "thu", "fri")}


def _schedule(**given: Any) -> BusinessHours:
    return read_hours_text(given, "")[0]


@pytest.fixture(scope="module")
def others(shared_data: Path) -> dict[str, Any]:
    """The file of cases."""
    found: dict[str, Any] = json.loads((shared_data / "incidents" / "clocks" / "business-hours.json").read_text())
    return found


def _of_case(case: dict[str, Any], others: dict[str, Any]) -> BusinessHours:
    given = {key: case[key] for key in ("hours", "shifts", "breaks", "holidays", "time_zone") if key in case}
    return _schedule(**{"hours": others["default_hours_of_biz_cases"], **given})


def test_business_time_is_added_and_taken_as_others_do(others: dict[str, Any]) -> None:
    cases = [case for case in others["cases"] if "unit" in case]
    for case in cases:
        sign = "-" if case["way"] == "before" else ""
        length = read_duration(f"{sign}{case['amount']}{_UNITS[case['unit']]}")
        found = _of_case(case, others).add(datetime.fromisoformat(case["time"]), length)
        assert found == datetime.fromisoformat(case["expected"]), case["id"]
    assert len(cases) >= 10


def test_business_periods_are_those_of_others(others: dict[str, Any]) -> None:
    cases = [case for case in others["cases"] if "expected_periods" in case]
    for case in cases:
        schedule = _of_case(case, others)
        local = case["times_are"].startswith("local")

        def instant(text: str, zone: Any = schedule.zone, local: bool = local) -> datetime:
            return read_instant(text.removesuffix("Z") if local else text, zone)

        expected = [(instant(start), instant(end)) for start, end in case["expected_periods"]]
        found = list(schedule.periods(instant(case["origin"]), expected[-1][1]))
        assert found == expected, case["id"]
    assert len(cases) >= 9


def test_business_time_between_two_instants_is_that_of_others(others: dict[str, Any]) -> None:
    for case in (case for case in others["cases"] if "from" in case):
        between = _of_case(case, others).between(*(datetime.fromisoformat(case[key]) for key in ("from", "to")))
        assert between == timedelta(hours=case["expected_hours"]), case["id"]


def test_a_ticket_of_a_monday_is_due_in_the_hours_of_sunday(others: dict[str, Any]) -> None:
    case = next(case for case in others["cases"] if case["id"] == "rt-sunday")
    schedule, created = _schedule(hours={"sun": {"09:00": "17:00"}}), datetime(2007, 1, 1, tzinfo=UTC)
    assert schedule.add(created, read_duration("0m")) == datetime.fromisoformat(case["starts"])
    assert schedule.add(created, read_duration("60m")) == datetime.fromisoformat(case["due"])


def test_weeks_and_yearly_holidays_are_those_of_perl(others: dict[str, Any]) -> None:
    expected = {case["id"]: case for case in others["cases"] if case["id"].startswith("perl")}
    week = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 8, tzinfo=UTC)
    lunch = {day: {"13:00": "14:00"} for day in _WEEKDAYS}
    assert _schedule(hours=_WEEKDAYS).between(*week) == timedelta(hours=expected["perl-45"]["expected_hours"])
    with_lunch = _schedule(hours=_WEEKDAYS, breaks=lunch)
    assert with_lunch.between(*week) == timedelta(hours=expected["perl-40"]["expected_hours"])
    free = _schedule(hours=_WEEKDAYS, holidays=["01-01", "05-01", "05-09"])
    first = free.add(datetime(2008, 12, 31, 23, 59, 59, tzinfo=UTC), read_duration("0s"))
    due = free.add(datetime(2008, 12, 31, 15, tzinfo=UTC), read_duration("8h"))
    assert str(first.date()) == expected["perl-holiday-first"]["expected_day"]
    assert str(due.date()) == expected["perl-holiday-add"]["expected_day"]
    assert due.hour == 14


@given(
    st.integers(0, 365 * 24 * 60),
    st.integers(1, 5000),
    st.sampled_from(["UTC", "Europe/Brussels", "Africa/Cairo", "Australia/Lord_Howe"]),
)
def test_what_is_added_lies_between_and_goes_back(start: int, minutes: int, zone: str) -> None:
    schedule = _schedule(hours=_WEEKDAYS | {"sat": {"00:00": "24:00"}}, holidays=["12-25"], time_zone=zone)
    begins = schedule.add(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start), read_duration("0m"))
    due = schedule.add(begins, read_duration(f"{minutes}m"))
    assert schedule.between(begins, due) == timedelta(minutes=minutes)
    assert schedule.add(due, read_duration(f"-{minutes}m")) == begins


@pytest.mark.parametrize(
    ("given_", "place", "words"),
    [
        ({"hours": {}}, "hours", "at least 1"),
        ({"hours": {"someday": {"09:00": "17:00"}}}, "hours", "is no day"),
        ({"hours": {"mon": {"17:00": "09:00"}}}, "hours.mon", "must be after the start"),
        ({"hours": {"mon": {"09:00": "12:00", "11:00": "17:00"}}}, "hours.mon", "overlap"),
        ({"hours": {"mon": {"9 o'clock": "17:00"}}}, "hours.mon", "is no time"),
        ({"hours": {"mon": "09:00-17:00"}}, "hours.mon", "by their start"),
        ({"hours": _WEEKDAYS, "holidays": ["02-30"]}, "holidays", "day"),
        ({"hours": _WEEKDAYS, "time_zone": "Europe/Atlantis"}, "time_zone", "is no time zone"),
    ],
)
def test_what_is_wrong_with_hours_is_named(given_: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(TextFaultError) as wrong:
        _schedule(**given_)
    assert wrong.value.faults[0].place.startswith(place)
    assert words in wrong.value.faults[0].reason


def test_hours_that_never_come_are_said(tmp_path: Path) -> None:
    schedule = _schedule(hours={"mon": {"09:00": "10:00"}}, breaks={"mon": {"08:00": "12:00"}})
    with pytest.raises(InputError, match="within ten years"):
        schedule.add(datetime(2026, 1, 1, tzinfo=UTC), read_duration("1h"))
    assert schedule.between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)) == timedelta()
    file = tmp_path / "hours.json"
    tocsin = Tocsin(tmp_path / "home", {})
    file.write_text(json.dumps({"hours": {"mon": {"10:00": "09:00"}}}))
    tocsin.run("clocks", "hours", file, "--add", "1h", code=1)
    file.write_text("{")
    tocsin.run("clocks", "hours", file, "--add", "1h", code=2)
    tocsin.run("clocks", "hours", tmp_path / "none.json", "--add", "1h", code=2)
    assert not (tmp_path / "home").exists()


def test_the_command_counts_business_time(tmp_path: Path) -> None:
    file, tocsin = tmp_path / "hours.json", Tocsin(tmp_path / "home", {})
    file.write_text(json.dumps({"hours": _WEEKDAYS, "shifts": None, "time_zone": "Europe/Brussels", "id": "x"}))

    def run(*arguments: str) -> Any:
        return json.loads(tocsin.run("clocks", "hours", file, *arguments, "--json"))

    assert run("--add", "90m", "--from", "2026-11-27T17:00")["due"] == "2026-11-30T09:30:00+01:00"
    assert run("--add", "-90m", "--from", "2026-11-30T09:30")["due"] == "2026-11-27T17:00:00+01:00"
    assert run("--between", "2026-11-27T00:00", "2026-12-01T00:00") == {"hours": 18.0, "seconds": 64800.0}
    assert run("--periods", "2026-11-28T00:00", "2026-11-30T12:00") == {
        "periods": [["2026-11-30T09:00:00+01:00", "2026-11-30T12:00:00+01:00"]]
    }
    assert tocsin.run("clocks", "hours", file, "--periods", "2026-11-28", "2026-12-01").count("2026-11-30") == 2
    tocsin.run("clocks", "hours", file, code=2)
    tocsin.run("clocks", "hours", file, "--add", "1 fortnight", code=2)
