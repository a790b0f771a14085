"""Who is on duty, as GoAlert reckons it, and what a roster of our own says; what is wrong with one is named."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.incidents.duty import Roster, duty_shifts, on_duty, read_roster
from tocsin.incidents.text_files import TextFaultError
from tocsin.node.errors import InputError

_HOUR = timedelta(hours=1)


def _cases(shared_data: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared_data / "incidents" / "duty" / f"{name}.json").read_text())["cases"]
    return found


def _roster(**given: Any) -> Roster:
    return read_roster(given, "")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_weekday_rules_are_those_of_others(shared_data: Path) -> None:
    cases = _cases(shared_data, "rules")
    for case in cases:
        roster, at = _roster(rule=[case["rule"] | {"person": "ana"}]), datetime.fromisoformat(case["at"])
        on, _ = on_duty(roster, at)
        if case["asks"] == "is active":
            assert bool(on) == case["expected"], case["id"]
            continue
        shift = on[0] if on else duty_shifts(roster, at, at + timedelta(days=15)).shifts[0]
        found = shift.starts if case["asks"].startswith("start") else shift.ends
        assert found == datetime.fromisoformat(case["expected"]), case["id"]
    assert len(cases) >= 52


def test_rotations_hand_over_through_changes_of_clocks_as_those_of_others(shared_data: Path) -> None:
    cases = [case for case in _cases(shared_data, "rotations") if "handoffs" in case]
    for case in cases:
        rotation = {key: case[key] for key in ("kind", "length")} | {"id": "r", "people": ["a", "b", "c"]}
        roster = _roster(
            time_zone=case["zone"],
            rotation=[rotation | {"start": case["start_local"]}],
            rule=[{"rotation": "r"}],
        )
        start, end = (roster.instant(datetime.fromisoformat(case[key])) for key in ("from_local", "to_local"))
        shifts = duty_shifts(roster, start, end).shifts
        found = {edge for one in shifts for edge in (one.starts, one.ends)}
        expected = {datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z") for text in case["handoffs"]}
        assert found == expected, case["id"]
        assert all(before.end == after.start for before, after in pairwise(shifts)), case["id"]
        assert "".join(one.person for one in shifts) in "abc" * 5, case["id"]
    assert len(cases) >= 8


def test_a_turn_has_as_many_hours_as_others_say(shared_data: Path) -> None:
    cases = [case for case in _cases(shared_data, "rotations") if "hours" in case]
    for case in cases:
        start = datetime.strptime(case["start_local"], "%b %d %Y %I:%M %p").isoformat()  # noqa: DTZ007 (local)
        rotation = {"id": "r", "kind": case["kind"], "length": case["length"], "start": start, "people": ["a", "b"]}
        roster = _roster(time_zone=case["zone"], rotation=[rotation], rule=[{"rotation": "r"}])
        (shift,), _ = on_duty(roster, roster.instant(datetime.fromisoformat(start)))
        assert shift.person == "a"
        assert shift.ends is not None
        assert shift.starts is not None
        assert (shift.ends - shift.starts) / _HOUR == case["hours"], case["id"]
    assert len(cases) >= 6


_SUNDAY_FIRST = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def _of_state(state: dict[str, Any]) -> Roster:
    """A state of GoAlert as a roster."""
    rules = [one["Rule"] for one in state["rules"]]
    history = [
        {"person": one["UserID"], "from": one["Start"]} | ({"to": one["End"]} if "End" in one else {})
        for one in state.get("history", [])
    ]
    return _roster(
        time_zone=state["loc"],
        rule=[
            {
                "person": rule["Target"].removeprefix("user:"),
                "from": rule["Start"],
                "to": rule["End"],
                "days": [day for day, on in zip(_SUNDAY_FIRST, rule["WeekdayFilter"], strict=True) if on],
            }
            for rule in rules
        ],
        history=history,
        **({"history_until": state["now"]} if "now" in state else {}),
    )


def test_shifts_are_those_of_others(shared_data: Path) -> None:
    cases = _cases(shared_data, "shifts")
    for case in cases:
        start, end = datetime.fromisoformat(case["from"]), datetime.fromisoformat(case["to"])
        found = [
            (one.person, one.start, one.end, one.truncated)
            for one in duty_shifts(_of_state(case["state"]), start, end).shifts
        ]
        expected = [
            (
                one["UserID"],
                datetime.fromisoformat(one["Start"]),
                datetime.fromisoformat(one["End"]),
                one.get("Truncated", False),
            )
            for one in case["expected_shifts"]
        ]
        assert found == expected, case["id"]
    assert len(cases) >= 4


WEEK = {
    "time_zone": "Europe/Brussels",
    "rotation": [
        {"id": "week", "kind": "weekly", "start": "2026-11-23T08:00", "people": ["ana", "ben"]},
    ],
    "rule": [
        {"id": "nights", "rotation": "week", "days": ["mon", "tue", "wed", "thu"], "from": "18:00", "to": "08:00"}
    ],
}


def _people(roster: Roster, start: str, end: str) -> list[tuple[str, str, str]]:
    """(person, from, until) on the clock of the roster."""
    zone = roster.time_zone
    found = duty_shifts(roster, *(roster.instant(datetime.fromisoformat(one)) for one in (start, end))).shifts
    return [
        (one.person, f"{one.start.astimezone(zone):%d %H:%M}", f"{one.end.astimezone(zone):%d %H:%M}") for one in found
    ]


def test_a_rotation_works_in_the_hours_of_its_rule() -> None:
    assert _people(_roster(**WEEK), "2026-11-26T00:00", "2026-12-01T12:00") == [
        ("ana", "26 00:00", "26 08:00"),
        ("ana", "26 18:00", "27 08:00"),
        ("ben", "30 18:00", "01 08:00"),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"override": [{"from": "2026-11-26T20:00", "to": "2026-11-27T09:00", "remove": "ana"}]}, ["ana 18-20"]),
        (
            {"override": [{"from": "2026-11-26T20:00", "to": "2026-11-27T09:00", "remove": "ana", "add": "eve"}]},
            ["ana 18-20", "eve 20-08"],
        ),
        (
            {"override": [{"from": "2026-11-26T20:00", "to": "2026-11-26T22:00", "add": "eve"}]},
            ["ana 18-08", "eve 20-22"],
        ),
        (
            {"override": [{"from": "2026-11-26T20:00", "to": "2026-11-26T22:00", "remove": "ben", "add": "eve"}]},
            ["ana 18-08"],
        ),
        ({"swap": [{"from": "2026-11-26T00:00", "to": "2026-11-28T00:00", "people": ["ana", "ben"]}]}, ["ben 18-08"]),
        (
            {
                "plan": [
                    {
                        "id": "party",
                        "from": "2026-11-26T20:00",
                        "to": "2026-11-27T00:00",
                        "shift": [{"person": "eve", "from": "2026-11-26T21:00", "to": "2026-11-27T02:00"}],
                    }
                ],
                "override": [{"from": "2026-11-26T20:00", "to": "2026-11-27T09:00", "remove": "eve"}],
            },
            ["ana 18-20", "eve 21-00", "ana 00-08"],
        ),
        ({"person": [{"id": "ana", "until": "2026-11-27"}, {"id": "ben"}]}, ["ana 18-00"]),
    ],
)
def test_what_changes_a_roster(change: dict[str, Any], expected: list[str]) -> None:
    found = _people(_roster(**WEEK, **change), "2026-11-26T12:00", "2026-11-27T12:00")
    assert [f"{person} {start[3:5]}-{end[3:5]}" for person, start, end in found] == expected


def test_gaps_and_overlaps_are_named_with_their_reasons() -> None:
    roster = _roster(
        rule=[
            {"person": "ana", "from": "08:00", "to": "12:00"},
            {"person": "ben", "from": "11:00", "to": "16:00"},
            {"person": "eve", "from": "16:00", "to": "20:00"},
        ],
        person=[{"id": "ana"}, {"id": "ben"}, {"id": "eve", "until": "2026-11-01"}],
    )
    found = duty_shifts(roster, _at("2026-11-26T06:00"), _at("2026-11-26T22:00"))
    assert [(one.start, one.end, one.people) for one in found.overlaps] == [
        (_at("2026-11-26T11:00"), _at("2026-11-26T12:00"), ("ana", "ben"))
    ]
    assert [(one.start, one.end, one.why) for one in found.gaps] == [
        (_at("2026-11-26T06:00"), _at("2026-11-26T08:00"), "Nobody is planned."),
        (_at("2026-11-26T16:00"), _at("2026-11-26T20:00"), "eve is planned but left on 2026-11-01."),
        (_at("2026-11-26T20:00"), _at("2026-11-26T22:00"), "Nobody is planned."),
    ]


def test_a_shift_or_gap_without_an_end_has_none() -> None:
    (shift,), gap = on_duty(_roster(rule=[{"person": "ana"}]), _at("2026-11-26T06:00"))
    assert (shift.starts, shift.ends, gap) == (None, None, None)
    on, gap = on_duty(_roster(), _at("2026-11-26T06:00"))
    assert on == ()
    assert gap is not None
    assert (gap.start, gap.end) == (None, None)


_RULE = st.fixed_dictionaries(
    {
        "person": st.sampled_from("abc"),
        "from": st.sampled_from(["00:00", "02:30", "08:00", "20:00"]),
        "to": st.sampled_from(["00:00", "02:30", "08:00", "20:00"]),
        "days": st.lists(st.sampled_from(_SUNDAY_FIRST), min_size=1, unique=True),
    }
)
_OVERRIDE = st.builds(
    lambda start, hours, add, remove: {
        "from": f"{_at('2026-03-27T00:00') + start * _HOUR:%Y-%m-%dT%H:%M}",
        "to": f"{_at('2026-03-27T00:00') + (start + hours) * _HOUR:%Y-%m-%dT%H:%M}",
        "add": add,
        "remove": remove,
    },
    st.integers(0, 60),
    st.integers(1, 30),
    st.sampled_from("abcd"),
    st.sampled_from(["", "a", "b"]),
)


@given(st.lists(_RULE, max_size=4), st.lists(_OVERRIDE, max_size=3))
def test_shifts_and_gaps_fill_a_period_and_agree_with_each_instant(
    rules: list[dict[str, Any]], overrides: list[dict[str, Any]]
) -> None:
    """Over the change of clocks in Brussels."""
    roster = _roster(time_zone="Europe/Brussels", rule=rules, override=overrides)
    start, end = _at("2026-03-27T12:00"), _at("2026-03-30T12:00")
    found = duty_shifts(roster, start, end)
    for step in range(0, 72 * 2, 7):
        at = start + step * _HOUR / 2
        on, gap = on_duty(roster, at)
        assert {one.person for one in on} == {one.person for one in found.shifts if one.start <= at < one.end}
        assert (gap is not None) == any(one.start and one.end and one.start <= at < one.end for one in found.gaps)
        assert (gap is None) == bool(on)


@pytest.mark.parametrize(
    ("roster", "place", "words"),
    [
        ({"rule": [{"person": "ana", "rotation": "x"}]}, "rule 1", "Give one of person and rotation."),
        ({"rule": [{"rotation": "x"}]}, "rule 1", "There is no rotation 'x'."),
        ({"rule": [{"person": "ana", "days": ["noday"]}]}, "rule 1: days.0", "is no day"),
        ({"rule": [{"person": "ana", "from": "25:00"}]}, "rule 1: from", "is no time"),
        ({"rule": [{"person": "ana"}], "person": [{"id": "ben"}]}, "rule 1", "There is no person 'ana'"),
        ({"override": [{"from": "2026-01-02", "to": "2026-01-01", "add": "a"}]}, "override 1", "'to' must be after"),
        ({"override": [{"from": "2026-01-01", "to": "2026-01-02"}]}, "override 1", "Give add, remove, or both."),
        (
            {"rotation": [{"id": "r", "kind": "weekly", "length": 0, "start": "2026-01-01", "people": ["a"]}]},
            "rotation 'r': length",
            "greater than or equal to 1",
        ),
        (
            {"rotation": [{"id": "r", "kind": "weekly", "start": "soon", "people": ["a"]}]},
            "rotation 'r': start",
            "is no date and time",
        ),
        ({"time_zone": "Mars/Base"}, "time_zone", "is no time zone"),
        ({"rules": []}, "rules", "no such key"),
    ],
)
def test_a_bad_roster_is_refused_with_the_place(roster: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(TextFaultError) as wrong:
        _roster(**roster)
    assert [(fault.place, words in fault.reason) for fault in wrong.value.faults][:1] == [(place, True)]


def test_a_period_has_an_order_and_a_most() -> None:
    roster = _roster(**WEEK)
    with pytest.raises(InputError, match="after the start"):
        duty_shifts(roster, _at("2026-01-02T00:00"), _at("2026-01-01T00:00"))
    with pytest.raises(InputError, match="At most 800 days"):
        duty_shifts(roster, _at("2026-01-02T00:00"), _at("2036-01-01T00:00"))


def test_the_commands_read_a_roster_and_store_nothing(tmp_path: Path) -> None:
    file, tocsin = tmp_path / "roster.toml", Tocsin(tmp_path / "home", {})
    file.write_text(
        """
        time_zone = "Europe/Brussels"

        [[rotation]]
        id = "week"
        kind = "weekly"
        start = 2026-11-23T08:00:00
        people = ["ana", "ben"]

        [[rule]]
        id = "office"
        rotation = "week"
        days = ["mon", "tue", "wed", "thu", "fri"]
        from = 08:00:00
        to = "18:00"
        """
    )
    who = json.loads(tocsin.run("--json", "duty", "who", file, "--at", "2026-11-27T10:00"))
    assert who == {
        "on": [
            {
                "person": "ana",
                "from": "2026-11-27T08:00:00+01:00",
                "until": "2026-11-27T18:00:00+01:00",
                "why": "Rule office, rotation week",
            }
        ],
        "gap": None,
    }
    nobody = json.loads(tocsin.run("--json", "duty", "who", file, "--at", "2026-11-28T10:00"))
    assert nobody["on"] == []
    assert nobody["gap"]["until"] == "2026-11-30T08:00:00+01:00"
    shifts = json.loads(
        tocsin.run("--json", "duty", "shifts", file, "--from", "2026-11-27", "--to", "2026-11-30T12:00")
    )
    assert [one["person"] for one in shifts["shifts"]] == ["ana", "ben"]
    assert shifts["shifts"][1]["truncated"]
    assert shifts["shifts"][1]["ends"] == "2026-11-30T18:00:00+01:00"
    assert len(shifts["gaps"]) == 2
    assert "nobody" in tocsin.run("duty", "shifts", file, "--from", "2026-11-27", "--to", "2026-11-30T12:00")
    assert "Nobody is on duty." in tocsin.run("duty", "who", file, "--at", "2026-11-28T10:00")
    file.write_text("rule = 7")
    tocsin.run("duty", "who", file, code=1)
    file.write_text("rule = ")
    tocsin.run("duty", "who", file, code=2)
    tocsin.run("duty", "who", tmp_path / "none.toml", code=2)
    assert not (tmp_path / "home").exists()
