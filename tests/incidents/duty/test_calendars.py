"""Duty calendars of others: read without loss, overlaps and gaps named; what would never end is refused."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.cast import Tocsin
from tocsin.incidents.duty import DutyCalendar, DutyPeriod
from tocsin.incidents.text_files import TextFaultError
from tocsin.node.errors import InputError, UsageError


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _calendar(shared_data: Path, name: str) -> DutyCalendar:
    file = shared_data / "incidents" / "duty" / "ical" / f"{name}.ics"
    return DutyCalendar(file.read_bytes(), file.name)


def _period(calendar: DutyCalendar, start: str, end: str) -> DutyPeriod:
    return calendar.shifts(_at(start), _at(end))


def _event(lines: str) -> bytes:
    """A calendar with one event of one hour on 1 January 2026."""
    head = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:a\nDTSTAMP:20260101T000000Z\nSUMMARY:ana\n"
    return f"{head}{lines}\nEND:VEVENT\nEND:VCALENDAR\n".encode()


def test_a_daily_event_is_a_shift_of_each_day(shared_data: Path) -> None:
    found = _period(_calendar(shared_data, "calendar_with_recurring_event"), "2021-01-20", "2021-01-27")
    assert {one.person for one in found.shifts} == {"@Bernard Desruisseaux"}
    assert [one.start for one in found.shifts] == [_at("2021-01-24T08:00") + timedelta(days=day) for day in range(3)]
    assert all(one.end - one.start == timedelta(hours=9) for one in found.shifts)
    assert len(found.gaps) == 4


def test_an_edited_recurrence_is_there_beside_the_days_of_its_series(shared_data: Path) -> None:
    found = _period(_calendar(shared_data, "modified_recurring_event"), "2023-07-01", "2023-09-01")
    assert [(one.person, one.start, one.end) for one in found.shifts] == [
        ("user", _at("2023-07-16T22:00"), _at("2023-07-24T22:00")),  # whole days in Berlin
        ("user", _at("2023-07-17T08:00"), _at("2023-07-24T08:00")),  # 10:00 in Warsaw
    ]
    assert found.overlaps == ()  # the same person twice is no overlap
    (shift,), _ = _calendar(shared_data, "modified_recurring_event").at(_at("2023-07-16T22:30"))
    assert shift.starts == _at("2023-07-16T22:00")
    assert (
        len(_period(_calendar(shared_data, "modified_recurring_event"), "2023-07-16T22:10", "2023-07-16T22:50").shifts)
        == 1
    )


def test_names_stay_as_they_are_written(shared_data: Path) -> None:
    calendar = _calendar(shared_data, "override_email_case_sensitivity")
    (shift,), gap = calendar.at(_at("2023-02-06T11:59"))
    assert (shift.person, shift.starts, shift.ends) == (
        "Test@TEST.test",
        _at("2023-02-06T11:00"),
        _at("2023-02-06T12:00"),
    )
    assert gap is None
    on, gap = calendar.at(_at("2023-02-06T12:00"))
    assert on == ()
    assert gap is not None
    assert (gap.start, gap.end) == (_at("2023-02-06T12:00"), None)


def test_no_event_is_lost_and_overlaps_are_named(shared_data: Path) -> None:
    text = (shared_data / "incidents" / "duty" / "ical" / "quality.ics").read_text()
    found = _period(_calendar(shared_data, "quality"), "2022-07-01", "2022-12-01")
    names = [line.removeprefix("SUMMARY:") for line in text.splitlines() if line.startswith("SUMMARY:")]
    assert Counter(one.person for one in found.shifts) == Counter(names)
    first = found.overlaps[0]
    assert (first.start, first.end, first.people) == (
        _at("2022-08-01T12:45"),
        _at("2022-08-01T13:30"),
        ("user1", "user2"),
    )
    whole_day = next(one for one in found.shifts if one.end - one.start == timedelta(days=1))
    assert whole_day.start == _at("2022-09-01T23:00")  # midnight in London, in summer
    covered = sum((one.end - one.start for one in found.gaps if one.start and one.end), timedelta())
    assert covered < timedelta(days=153)


def test_whole_days_without_a_zone_are_on_the_clock_that_is_given() -> None:
    content = _event("DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260103")
    calendar = DutyCalendar(content, "x")
    (shift,), _ = calendar.at(_at("2026-01-02T12:00"))
    assert (shift.starts, shift.ends) == (_at("2026-01-01T00:00"), _at("2026-01-03T00:00"))
    found = _period(calendar, "2026-01-02", "2026-01-03").shifts[0]
    assert (found.start, found.truncated) == (_at("2026-01-02T00:00"), False)


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=MINUTELY;INTERVAL=5", "FREQ=DAILY;BYSECOND=1,2,3"])
def test_what_recurs_too_often_is_refused_by_name(rule: str) -> None:
    content = _event(f"DTSTART:20260101T000000Z\nDTEND:20260101T010000Z\nRRULE:{rule}")
    with pytest.raises(TextFaultError) as wrong:
        DutyCalendar(content, "x")
    assert wrong.value.faults[0].place == "ana"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("RRULE:FREQ=DAILY", "no DTSTART|cannot be read"),
        ("DTSTART:garbage", "cannot be read"),
        ("DTSTART:20260105T080000Z\nDTEND:20250105T080000Z", "ends before it starts"),
        ("DTSTART:20260105T080000Z\nDURATION:PT99999H", "lasts longer"),
        ("DTSTART:20260105T080000Z\nRRULE:FREQ=DAILY;INTERVAL=0", "in no known way"),
        ("DTSTART:20260105T080000Z\nRRULE:FREQ=FORTNIGHTLY", "cannot be read|in no known way"),
        ("DTSTART:20260105T080000Z\nRRULE:FREQ=DAILY;UNTIL=soon", "cannot be read"),
        ("DTSTART:20260105T080000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "days that do not come"),
        ("DTSTART:20260105T080000Z\nRRULE:FREQ=WEEKLY;BYMONTH=13;UNTIL=20300101T000000Z", "days that do not come"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_and_none_is_lost_in_silence(lines: str, words: str) -> None:
    with pytest.raises(TextFaultError, match=words) as wrong:
        DutyCalendar(_event(lines), "x")
    assert [fault.place for fault in wrong.value.faults] == ["ana"]


def test_a_fifth_week_that_never_comes_and_a_zone_that_nobody_knows_are_no_crash() -> None:
    never = _event("DTSTART:20260105T080000Z\nRRULE:FREQ=MONTHLY;BYDAY=9MO")
    with pytest.raises(InputError, match="cannot be read"):
        _period(DutyCalendar(never, "x"), "2026-01-01", "2026-02-01")
    strange = _event("DTSTART:20260105T080000\nDTEND:20260105T090000").replace(b"PRODID:x", b"X-WR-TIMEZONE:Mars/Base")
    assert _period(DutyCalendar(strange, "x"), "2026-01-01", "2026-02-01").shifts[0].start == _at("2026-01-05T08:00")


def test_expansion_is_bounded() -> None:
    hourly = _event("DTSTART:20260101T000000Z\nDTEND:20260101T010000Z\nRRULE:FREQ=HOURLY")
    assert len(_period(DutyCalendar(hourly, "x"), "2026-01-01", "2026-01-03").shifts) == 48
    events = hourly.partition(b"BEGIN:VEVENT")[2].partition(b"END:VEVENT")[0]
    many = hourly.replace(b"END:VCALENDAR", (b"BEGIN:VEVENT" + events + b"END:VEVENT\n") * 10 + b"END:VCALENDAR")
    with pytest.raises(InputError, match="recur too often"):
        _period(DutyCalendar(many, "x"), "2026-01-01", "2028-01-01")
    old = _event("DTSTART:00010101T000000Z\nDTEND:00010101T010000Z\nRRULE:FREQ=HOURLY")
    with pytest.raises(TextFaultError, match="before 1970"):
        DutyCalendar(old, "x")
    searching = hourly.replace(b"FREQ=HOURLY", b"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=28")
    events = searching.partition(b"BEGIN:VEVENT")[2].partition(b"END:VEVENT")[0]
    many = searching.replace(b"END:VCALENDAR", (b"BEGIN:VEVENT" + events + b"END:VEVENT\n") * 10 + b"END:VCALENDAR")
    with pytest.raises(TextFaultError, match="Too many events"):
        DutyCalendar(many, "x")


@pytest.mark.parametrize("content", [b"", b"not a calendar", b"BEGIN:VEVENT\nEND:VEVENT\n", b"\xff\xfe\x00"])
def test_what_is_no_calendar_cannot_be_read(content: bytes) -> None:
    with pytest.raises(UsageError):
        DutyCalendar(content, "x")


def test_the_commands_read_a_calendar(tmp_path: Path) -> None:
    file, tocsin = tmp_path / "duty.ics", Tocsin(tmp_path / "home", {})
    file.write_bytes(_event("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=WEEKLY"))
    found = json.loads(
        tocsin.run(
            "--json", "duty", "shifts", file, "--from", "2026-01-01", "--to", "2026-01-10", "--zone", "Asia/Tokyo"
        )
    )
    assert [(one["person"], one["from"]) for one in found["shifts"]] == [
        ("ana", "2026-01-01T00:00:00+09:00"),
        ("ana", "2026-01-08T00:00:00+09:00"),
    ]
    assert len(found["gaps"]) == 2
    file.write_bytes(_event("DTSTART:20260101T000000Z\nRRULE:FREQ=SECONDLY"))
    tocsin.run("duty", "who", file, code=1)
    file.write_bytes(b"nothing")
    tocsin.run("duty", "who", file, code=2)
