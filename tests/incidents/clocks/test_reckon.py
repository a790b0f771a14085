"""Deadlines of the shipped texts and of any text: by hand, against an independent reckoning, and what is refused."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from holidays import country_holidays

from support.cast import Tocsin
from support.sizes import WHOLE
from tocsin.incidents.clocks import (
    CalendarText,
    WorkingCalendar,
    edition_at,
    explain,
    find_clock_text,
    read_clock_text,
    reckon,
    shipped_texts,
)
from tocsin.incidents.text_files import TextFaultError

STEP = 1 if WHOLE else 1999
"""Minutes between two starts of the property test; `TOCSIN_WHOLE=1` takes every minute of two years."""

CALENDARS = {
    "Europe/Brussels": CalendarText(time_zone=ZoneInfo("Europe/Brussels"), country="BE"),
    "Africa/Cairo": CalendarText(time_zone=ZoneInfo("Africa/Cairo"), country="EG"),
    "Australia/Lord_Howe": CalendarText(time_zone=ZoneInfo("Australia/Lord_Howe"), country="AU", subdivision="NSW"),
}
RULES = """
id = "test"
title = "Kinds of periods"
edition = "1"
facts = { aware = "" }
rule = [
  { id = "hours", title = "x", starts_with = "aware", within = "72 hours" },
  { id = "hours-eu", title = "x", starts_with = "aware", within = "24 h", counting = "1182/71" },
  { id = "hours-noon", title = "x", starts_with = "aware", within = "4 h", shift = "12:00 of the next working day" },
  { id = "days-eu", title = "x", starts_with = "aware", within = "14 days", counting = "1182/71" },
  { id = "two-days-eu", title = "x", starts_with = "aware", within = "2 days", counting = "1182/71" },
  { id = "weeks", title = "x", starts_with = "aware", within = "3 weeks" },
  { id = "month-eu", title = "x", starts_with = "aware", within = "1 month", counting = "1182/71" },
  { id = "working-days", title = "x", starts_with = "aware", within = "5 working days" },
]
"""


def _due(text: str, rule: str, start: str, **facts: str) -> str:
    """The local deadline in Brussels, from local instants."""
    zone = ZoneInfo("Europe/Brussels")
    calendar = WorkingCalendar(CALENDARS["Europe/Brussels"])
    known = {name: datetime.fromisoformat(at).replace(tzinfo=zone).astimezone(UTC) for name, at in facts.items()}
    started = datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    due = reckon(find_clock_text(text).find(rule), started, calendar, known).due
    assert due is not None
    return f"{due.astimezone(zone):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("text", "rule", "start", "due"),
    [
        ("nis2", "nis2-23-a", "2026-11-27 10:20", "2026-11-28 10:20:00"),  # a Saturday: hours run on
        ("nis2", "nis2-23-a", "2026-03-28 10:20", "2026-03-29 11:20:00"),  # 24 real hours over the change of clocks
        ("nis2", "nis2-23-b", "2026-11-27 10:20", "2026-11-30 10:20:00"),
        ("nis2", "nis2-23-b-trust", "2026-11-27 10:20", "2026-11-28 10:20:00"),
        ("nis2", "nis2-23-d", "2026-11-27 10:20", "2026-12-28 23:59:59"),  # 27 December is a Sunday
        ("nis2", "nis2-23-d", "2026-01-31 10:20", "2026-03-02 23:59:59"),  # 28 February is a Saturday
        ("nis2", "nis2-23-5", "2026-11-27 10:20", "2026-11-28 10:20:00"),
        ("dora", "dora-5-a", "2026-11-26 09:00", "2026-11-26 13:00:00"),
        ("dora", "dora-5-a", "2026-11-27 22:00", "2026-11-30 12:00:00"),  # Saturday, 02:00
        ("dora", "dora-5-b", "2026-12-22 10:00", "2026-12-28 12:00:00"),  # Christmas Day, then a weekend
        ("dora", "dora-5-c", "2026-11-26 10:00", "2026-12-28 12:00:00"),
        ("gdpr", "gdpr-33", "2026-11-27 10:20", "2026-11-30 10:20:00"),
        ("cra", "cra-14-v-final", "2026-11-27 10:20", "2026-12-11 23:59:59"),
        ("cra", "cra-14-i-final", "2026-11-27 10:20", "2026-12-28 23:59:59"),
    ],
)
def test_shipped_deadlines(text: str, rule: str, start: str, due: str) -> None:
    assert _due(text, rule, start) == due


def test_the_initial_notification_of_dora_is_due_at_the_earlier_of_two() -> None:
    at_once, late, too_late = "2026-11-23 10:00", "2026-11-24 08:00", "2026-11-24 11:00"
    aware = "2026-11-23 09:00"
    assert _due("dora", "dora-5-a", at_once, aware=aware) == "2026-11-23 14:00:00"
    assert _due("dora", "dora-5-a", late, aware=aware) == "2026-11-24 09:00:00"  # 24 hours after awareness
    assert (
        _due("dora", "dora-5-a", too_late, aware=aware) == _due("dora", "dora-5-2", too_late) == "2026-11-24 15:00:00"
    )


def test_every_statutory_period_of_others_is_a_shipped_rule(shared_data: Path) -> None:
    with (shared_data / "incidents" / "notices" / "clocks.csv").open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    texts = [read_clock_text(content) for content in shipped_texts().values()]
    rules = {rule.id: rule for text in texts for rule in text.rule}
    apart = {"dora-5-4", "1182-71"}  # how periods of other rows are counted
    assert set(rows) - rules.keys() <= apart
    for key, rule in rules.items():
        row = rows.get(key)
        if row and rule.within:
            number = f"{rule.within.number} {'h' if rule.within.in_hours else 'month'}"
            assert number in row["period"], key
            after_a_notice = any(word in row["starts_with"].lower() for word in ("submission", "receipt"))
            assert after_a_notice == bool(rule.starts_with_submission_of), key
    assert all("1182/71" in str(rule.counting) for key, rule in rules.items() if key.endswith(("-d", "-e", "-final")))


@pytest.mark.parametrize("zone", sorted(CALENDARS))
def test_deadlines_are_those_of_an_independent_reckoning(zone: str) -> None:
    """Every start minute (in CI each 1,999th) of two years, by Polars and NumPy: other code, other zone tables."""
    calendar, text = WorkingCalendar(CALENDARS[zone]), read_clock_text(RULES.encode())
    first = datetime(2025, 1, 1, tzinfo=UTC)
    starts = pl.datetime_range(
        first, datetime(2026, 12, 31, 23, 59, tzinfo=UTC), f"{STEP}m", time_unit="us", eager=True
    )
    week, off = _days_off(CALENDARS[zone])
    for key, expect in EXPECTED.items():
        rule = text.find(key)
        found = pl.Series([reckon(rule, start, calendar).due for start in starts], dtype=starts.dtype)
        expected = expect(starts, zone, week, off)
        wrong = pl.DataFrame({"start": starts, "found": found, "expected": expected}).filter(
            pl.col("found") != pl.col("expected")
        )
        assert wrong.is_empty(), (key, wrong)


def _days_off(calendar: CalendarText) -> tuple[str, list[str]]:
    """Working days of a week and holidays, as NumPy takes them."""
    made = country_holidays(calendar.country, subdiv=calendar.subdivision or None, years=range(2024, 2029))
    return {"EG": "1111001"}.get(calendar.country, "1111100"), [str(day) for day in made]


Expect = Callable[[pl.Series, str, str, list[str]], pl.Series]


def _hours_later(hours: int) -> Expect:
    return lambda starts, _zone, _week, _off: starts.dt.offset_by(f"{hours}h")


def _hours_eu(starts: pl.Series, _zone: str, _week: str, _off: list[str]) -> pl.Series:
    return starts.dt.truncate("1h").dt.offset_by("25h")


def _noon(starts: pl.Series, zone: str, week: str, off: list[str]) -> pl.Series:
    due = starts.dt.offset_by("4h")
    days = due.dt.convert_time_zone(zone).dt.date().to_numpy()
    moved = np.busday_offset(days, 0, roll="forward", weekmask=week, holidays=off)
    noon = pl.Series(moved).cast(pl.Datetime("us")).dt.offset_by("12h").dt.replace_time_zone(zone)
    return (
        pl.DataFrame({"due": due, "noon": noon.dt.convert_time_zone("UTC"), "same": days == moved})
        .select(pl.when("same").then("due").otherwise("noon"))
        .to_series()
    )


def _ends(days: "np.ndarray[Any, Any]", zone: str) -> pl.Series:
    """The last second of local days: one before the first second of the next."""
    following = pl.Series(days.astype("datetime64[D]") + np.timedelta64(1, "D")).cast(pl.Datetime("us"))
    exact = following.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    # midnight that a clock skips is the instant of the change: an hour later it is 01:00
    later = following.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="earliest")
    return exact.fill_null(later).dt.convert_time_zone("UTC").dt.offset_by("-1s")


def _local_days(starts: pl.Series, zone: str) -> pl.Series:
    return starts.dt.convert_time_zone(zone).dt.date()


def _days_eu(offset: str) -> Expect:
    def expect(starts: pl.Series, zone: str, week: str, off: list[str]) -> pl.Series:
        events = _local_days(starts, zone)
        last = events.dt.offset_by(offset).to_numpy()
        second = np.busday_offset(events.to_numpy(), 0, roll="backward", weekmask=week, holidays=off)
        second = np.busday_offset(second, 2, weekmask=week, holidays=off)
        moved = np.busday_offset(np.maximum(last, second), 0, roll="forward", weekmask=week, holidays=off)
        return _ends(moved, zone)

    return expect


def _weeks(starts: pl.Series, zone: str, _week: str, _off: list[str]) -> pl.Series:
    return _ends(_local_days(starts, zone).dt.offset_by("21d").to_numpy(), zone)


def _working_days(starts: pl.Series, zone: str, week: str, off: list[str]) -> pl.Series:
    events = _local_days(starts, zone).to_numpy()
    before = np.busday_offset(events, 0, roll="backward", weekmask=week, holidays=off)
    return _ends(np.busday_offset(before, 5, weekmask=week, holidays=off), zone)


EXPECTED: dict[str, Expect] = {
    "hours": _hours_later(72),
    "hours-eu": _hours_eu,
    "hours-noon": _noon,
    "days-eu": _days_eu("14d"),
    "two-days-eu": _days_eu("2d"),
    "weeks": _weeks,
    "month-eu": _days_eu("1mo"),
    "working-days": _working_days,
}


def test_an_explanation_adds_up_day_by_day() -> None:
    calendar, text = WorkingCalendar(CALENDARS["Africa/Cairo"]), read_clock_text(RULES.encode())
    expected = {"hours": 72, "hours-eu": 24, "hours-noon": 4, "days-eu": 14, "weeks": 21, "working-days": 5}
    for hour in range(0, 24 * 40, 7):
        started = datetime(2026, 4, 1, tzinfo=UTC) + timedelta(hours=hour)
        for key, counted in expected.items():
            deadline = reckon(text.find(key), started, calendar)
            steps = list(explain(deadline, calendar))
            assert sum(step.counted for step in steps) == pytest.approx(counted, abs=0.001)
            days = [step.day for step in steps]
            assert days == sorted(days)
            assert days[0] == started.astimezone(calendar.zone).date()
            assert deadline.due is not None
            assert days[-1] in {
                (deadline.due - timedelta(seconds=second)).astimezone(calendar.zone).date() for second in (0, 1)
            }


def test_holidays_of_a_node_come_before_those_of_the_country() -> None:
    text = read_clock_text(RULES.encode())
    own = CalendarText(country="BE", holidays=(date(2026, 11, 30),), working_days=(date(2026, 12, 25),))
    due = reckon(text.find("working-days"), datetime(2026, 11, 27, tzinfo=UTC), WorkingCalendar(own)).due
    assert due == datetime(2026, 12, 7, 23, 59, 59, tzinfo=UTC)
    assert WorkingCalendar(own).day_off(date(2026, 12, 25)) == ""
    assert WorkingCalendar(CalendarText(country="BE")).day_off(date(2026, 12, 25)) == "Christmas Day"


def test_a_new_edition_leaves_alone_what_started_before_it() -> None:
    old = read_clock_text(RULES.encode())
    later = old.model_copy(update={"edition": "2", "in_force": date(2026, 11, 1)})
    assert edition_at([later, old], datetime(2026, 10, 31, 23, tzinfo=UTC)) is old
    assert edition_at([old, later], datetime(2026, 11, 1, tzinfo=UTC)) is later
    assert edition_at([later], datetime(2026, 10, 1, tzinfo=UTC)) is None


_GOOD = {"id": "a", "title": "x", "starts_with": "aware", "within": "24 hours"}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([_GOOD | {"within": "0 months"}], "rule 'a' (line 6): within: '0 months' has no length"),
        ([_GOOD | {"within": "1 month", "month_days": 0}], "rule 'a' (line 6): month_days: A month has 28 to 31 days"),
        ([_GOOD | {"within": "soon"}], "rule 'a' (line 6): within: 'soon' is no period"),
        ([_GOOD | {"starts_with": "awre"}], "rule 'a' (line 6): starts_with: There is no fact 'awre'"),
        ([_GOOD | {"shift": "tomorrow"}], "rule 'a' (line 6): shift: 'tomorrow' is no shift"),
        ([_GOOD | {"witin": "1 h"}], "rule 'a' (line 6): witin: There is no such key"),
        ([_GOOD, _GOOD], "rule 'a' (line 12): id: Another one has the id 'a'"),
        ([_GOOD | {"starts_with_submission_of": "a"}], "rule 'a' (line 6): Give one of starts_with"),
        (
            [{"id": "a", "title": "x", "within": "1 h", "starts_with_submission_of": "z"}],
            "rule 'a' (line 6): starts_with_submission_of: There is no rule 'z'",
        ),
        (
            [
                {"id": one, "title": "x", "within": "1 h", "starts_with_submission_of": other}
                for one, other in ("ab", "bc", "ca")
            ],
            "These start each other and so never start: ",
        ),
    ],
)
def test_a_bad_text_is_refused_with_the_place(rules: list[dict[str, object]], words: str, tmp_path: Path) -> None:
    head = 'id = "bad"\ntitle = "Bad"\nedition = "1"\nfacts = { aware = "" }\n'
    blocks = [
        "\n".join(["", "[[rule]]", *(f"{key} = {json.dumps(value)}" for key, value in rule.items())]) for rule in rules
    ]
    file = tmp_path / "bad.toml"
    file.write_text(head + "\n".join(blocks) + "\n")
    with pytest.raises(TextFaultError) as wrong:
        find_clock_text(str(file))
    assert words in str(wrong.value)
    Tocsin(tmp_path / "home", {}).run("clocks", "reckon", file, "--rule", "a", "--from", "2026-11-27T10:00", code=1)


def test_the_command_explains_a_deadline_and_stores_nothing(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    said = json.loads(
        tocsin.run(
            "--json",
            "clocks",
            "reckon",
            "dora",
            "--rule",
            "dora-5-a",
            "--from",
            "2026-12-24T22:20",
            "--zone",
            "Europe/Brussels",
            "--country",
            "BE",
            "--fact",
            "aware=2026-12-24T06:00",
        )
    )
    assert said["due"] == "2026-12-28T12:00:00+01:00"
    assert [(step["day"], step["counted"]) for step in said["steps"]] == [
        ("2026-12-24", 1.6667),
        ("2026-12-25", 2.3333),
        ("2026-12-25", 0),
        ("2026-12-26", 0),
        ("2026-12-27", 0),
        ("2026-12-28", 0),
    ]
    assert "Christmas Day" in said["steps"][2]["why"]
    early = tocsin.run("clocks", "reckon", "cra", "--rule", "cra-14-i", "--from", "2026-01-01T00:00Z")
    assert "applies from 2026-09-11" in early
    open_ended = json.loads(
        tocsin.run("--json", "clocks", "reckon", "gdpr", "--rule", "gdpr-34", "--from", "2026-01-01")
    )
    assert open_ended["due"] is None
    assert "without undue delay" in open_ended["steps"][0]["why"]
    assert "nis2-23-d" in tocsin.run("clocks", "list")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["gdpr", "--rule", "gdpr-99", "--from", "2026-01-01"], 1),
        (["gdpr", "--rule", "gdpr-33", "--from", "yesterday"], 2),
        (["gdpr", "--rule", "gdpr-33", "--from", "2026-01-01", "--zone", "Mars"], 2),
        (["gdpr", "--rule", "gdpr-33", "--from", "2026-01-01", "--country", "XX"], 1),
        (["gdpr", "--rule", "gdpr-33", "--from", "9999-12-31"], 2),
        (["gdpr", "--rule", "gdpr-33", "--from", "2026-01-01", "--fact", "moon=2026-01-01"], 2),
        (["nowhere.toml", "--rule", "gdpr-33", "--from", "2026-01-01"], 2),
    ],
)
def test_what_cannot_be_reckoned_says_why(arguments: list[str], code: int, tmp_path: Path) -> None:
    said = Tocsin(tmp_path / "home", {}).call("clocks", "reckon", *arguments)
    assert said[0] == code
    assert "Traceback" not in said[2]
    assert said[2]
