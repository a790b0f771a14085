"""A time that names no zone is one of the feed's, in each format of reports and of times; clock changes are said."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import MappingError, sources
from tocsin.events.sources.mapped.mapping import FORMATS
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.events.times import ZONES, in_zone, mend_time

NOW = datetime(2027, 11, 24, tzinfo=UTC)
Reports = Callable[[list[str]], str]
WRITTEN: dict[str, tuple[str, Reports]] = {
    "csv": ("separator = '|'", lambda times: "when|ip\n" + "".join(f"{one}|192.0.2.1\n" for one in times)),
    "json": ('format="json"', lambda times: json.dumps([{"when": one, "ip": "192.0.2.1"} for one in times])),
    "lines": (
        "format='lines'\npattern='^(?<ip>[^ ]+) (?<when>.+)$'",
        lambda times: "\n".join(f"192.0.2.1 {one}" for one in times),
    ),
    "keyvalue": ('format="keyvalue"', lambda times: "\n".join(f'when="{one}" ip=192.0.2.1' for one in times)),
    "html": (
        'format="html"',
        lambda times: "<table><tr><td>when</td><td>ip</td></tr>"
        + "".join(f"<tr><td>{one}</td><td>192.0.2.1</td></tr>" for one in times)
        + "</table>",
    ),
    "xml": (
        'format="xml"',
        lambda times: "<a>" + "".join(f"<item><when>{one}</when><ip>192.0.2.1</ip></item>" for one in times) + "</a>",
    ),
}  # fmt: skip
WRITTEN["csv with steps"] = ("separator = '|'\nskip = ['?']", WRITTEN["csv"][1])
LOCAL = [
    "2026-01-20 10:11:12",
    "2026-01-20T10:11:12",
    "2026-01-20T10:11:12.000",
    "2026/01/20 10:11:12",
    "20.01.2026 10:11:12",
    "20260120101112",
    "20-Jan-2026 10:11:12",
    "Tue, 20 Jan 2026 10:11:12",
]
FIXED = {
    "2026-01-20T10:11:12Z": 10,
    "2026-01-20 10:11:12+03:00": 7,
    "20/Jan/2026:10:11:12 +0500": 5,
    "1768903872": 10,
    "1768903872000": 10,
    "Tue, 20 Jan 2026 10:11:12 GMT": 10,
    "Tue, 20 Jan 2026 10:11:12 CET": 9,
    "2026-01-20 10:11:12 UTC": 10,
    "2026-01-20 10:11:12 PST": 18,
}


def read(folder: Path, form: str, times: list[str], more: str, goal: str = '"time.source"') -> list[dict[str, object]]:
    said, write = WRITTEN[form]
    text = (
        f'{said}\n{more}\n[columns]\nwhen = {goal}\nip = "source.ip"\n[constants]\n"classification.type" = "scanner"\n'
    )
    (folder / "a.toml").write_text(text)
    source = sources(folder)["mapped"]
    reader = source.open("a", io.BytesIO(write(times).encode()), 1 << 20)
    batches = [normalise(reader.parse(chunk), source.feed("a"), NOW) for chunk in reader.chunks()]
    return [event for made in batches for event in to_idf(made.frame)]


def test_each_format_is_asked() -> None:
    assert {form.partition(" ")[0] for form in WRITTEN} == set(FORMATS)


@pytest.mark.parametrize("form", WRITTEN)
def test_times_without_a_zone_are_of_the_feeds(form: str, tmp_path: Path) -> None:
    events = read(tmp_path, form, [*LOCAL, *FIXED], 'zone = "Europe/Prague"')
    wanted = [9] * len(LOCAL) + [*FIXED.values()]
    assert [event.get("time.source") for event in events] == [f"2026-01-20T{hour:02}:11:12+00:00" for hour in wanted]
    assert {event["flags"] for event in events} == {"documentation"}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("%d/%m/%Y %H.%M", "20/01/2026 10.11"),
        ("%Y-%m-%d", "2026-01-20"),
        ("%d/%m/%Y %H.%M %Z", "20/01/2026 10.11 CET"),
        ("%d/%m/%Y %H.%M %z", "20/01/2026 12.11 +0300"),
    ],
)
def test_formats_that_a_mapping_says_are_of_the_zone_too(
    form: str, time_format: str, text: str, tmp_path: Path
) -> None:
    wanted = "2026-01-19T23:00:00+00:00" if ":" not in text and "." not in text else "2026-01-20T09:11:00+00:00"
    rule = f'{{ to = ["time.source", "extra.seen"], time = "{time_format}" }}'
    for more, goal in (("", rule.replace(', "extra.seen"', "")), ("", rule), (f'time_format = "{time_format}"', "")):
        if not goal and time_format == "%Y-%m-%d":
            continue  # a day is read without a format
        [event] = read(tmp_path, form, [text], f'zone = "Europe/Prague"\n{more}', goal or '"time.source"')
        assert event["time.source"] == wanted


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("rule", ['"time.source"', '{ to = "time.source", time = "%Y-%m-%d %H:%M:%S" }'])
def test_an_hour_that_comes_twice_or_never_is_said(form: str, rule: str, tmp_path: Path) -> None:
    times = ["2026-10-25 01:59:59", "2026-10-25 02:30:00", "2026-10-25 03:00:00"]
    times += ["2026-03-29 01:59:59", "2026-03-29 02:30:00", "2026-03-29 03:00:00", "2026-10-25T02:30:00+02:00"]
    times += ["25.10.2026 02:30:00"] if rule[0] == '"' else []
    events = read(tmp_path, form, times, 'zone = "Europe/Prague"', rule)
    assert [str(event["time.source"])[5:16] for event in events] == [
        "10-24T23:59", "10-25T00:30", "10-25T02:00", "03-29T00:59", "03-29T01:30", "03-29T01:00", "10-25T00:30",
        "10-25T00:30",
    ][: len(times)]  # fmt: skip
    marked = ["clock" in str(event["flags"]) for event in events]
    assert marked == [False, True, False, False, True, False, False, True][: len(times)]


@given(st.integers(0, 10 * 365 * 24 * 4), st.sampled_from(["Europe/Prague", "Australia/Lord_Howe"]))
def test_one_by_one_and_by_column_are_one(quarters: int, zone: str) -> None:
    time = datetime.fromisoformat("2020-01-01T00:07:00") + quarters * timedelta(minutes=15)
    aware = time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert mend_time(time.isoformat(), zone) == aware == in_zone(pl.Series([time]), zone)[0]


def test_a_zone_that_may_be_several_is_not_guessed() -> None:
    assert mend_time("2026-01-20 10:11:12 IST") is None
    assert mend_time("Tue, 20 Jan 2026 10:11:12 IST") is None
    assert mend_time("Mon Nov 23 10:11:12 CET 2026") == datetime(2026, 11, 23, 9, 11, 12, tzinfo=UTC)
    assert all(mend_time(f"2026-01-20 10:11:12 {name}") for name in ZONES if len(name) > 1)


def test_a_format_that_is_none_is_refused(tmp_path: Path) -> None:
    for place in (
        'time_format = "%Q"\n[columns]\na = "source.ip"',
        '[columns]\na = { to = "time.source", time = "%Q" }',
    ):
        (tmp_path / "b.toml").write_text(place)
        with pytest.raises(MappingError, match="'%Q'"):
            read_mapping(tmp_path / "b.toml")
