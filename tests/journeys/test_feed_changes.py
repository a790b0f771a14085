"""What of a feed went missing is said at once: by the ingest, and by an alarm; in each format, on real reports."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.world import World, make_world
from tocsin.events.alarms import feed_states
from tocsin.events.models import AlarmKind
from tocsin.events.sources.mapped.mapping import FORMATS
from tocsin.pipeline.ingest import ingest

COLUMNS = '[columns]\naddress = "source.ip"\nnote = "extra.note"\n[constants]\n"classification.type" = "scanner"\n'
Rows = list[dict[str, str]]


def _markup(rows: Rows) -> str:
    items = ("".join(f"<{name}>{value}</{name}>" for name, value in row.items()) for row in rows)
    return "<a>" + "".join(f"<item>{item}</item>" for item in items) + "</a>"


def _table(rows: Rows) -> str:
    lines = [[*rows[0]], *([*row.values()] for row in rows)]
    return "<table>" + "".join(f"<tr><td>{'</td><td>'.join(line)}</td></tr>" for line in lines) + "</table>"


WRITTEN: dict[str, tuple[str, Callable[[Rows], str]]] = {
    "csv": ("", lambda rows: "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""])),
    "json": ("", json.dumps),
    "lines": (
        "pattern = '^(?:address=(?<address>[^ ]+) |\\w+=[^ ]+ )note=(?<note>.*)$'",
        lambda rows: "\n".join(" ".join(f"{name}={value}" for name, value in row.items()) for row in rows),
    ),
    "keyvalue": (
        "",
        lambda rows: "\n".join(" ".join(f"{name}={value}" for name, value in row.items()) for row in rows),
    ),
    "html": ("", _table),
    "xml": ("", _markup),
}
"""By format: what a mapping also says, and a report of some rows."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    (world.node.home / "feeds").mkdir(exist_ok=True)
    return world


def feed(world: World, form: str, more: str = "") -> None:
    said = f'format = "{form}"\nfiles = ["it-*"]\n{WRITTEN[form][0]}\n{more}\n{COLUMNS}'
    (world.node.home / "feeds" / "it.toml").write_text(said)


def hear(world: World, text: str) -> tuple[list[int], dict[str, str]]:
    """The rows and those set aside of a report, and what is said of its feed, by kind."""
    world.reports += 1
    path = world.folder / f"it-{world.reports}.txt"
    path.write_text(text)
    summary = ingest(world.node, [path], source="mapped", feed="it", clock=lambda: world.now)
    assert not summary.failed
    alarms = {one.kind: one.words for state in feed_states(world.node.database) for one in state.alarms}
    assert sorted(words for _, words in summary.alarms) == sorted(alarms.values())
    return [summary.counts.rows, summary.counts.quarantined], alarms


def rows(first: int, count: int, address: str = "address") -> Rows:
    return [{address: f"192.0.2.{first + place}", "note": "n"} for place in range(count)]


def test_each_format_is_asked() -> None:
    assert WRITTEN.keys() == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_a_column_that_went_missing_is_said_and_most_rows_that_are_set_aside(form: str, world: World) -> None:
    feed(world, form)
    write = WRITTEN[form][1]
    assert hear(world, write(rows(1, 12))) == ([12, 0], {})
    assert hear(world, write([*rows(20, 5), {"address": "", "note": "rare"}])) == ([6, 1], {})
    counts, alarms = hear(world, write(rows(40, 12, "addr")))
    assert counts == [12, 12] or (form == "html" and counts == [1, 1])  # no table has the columns: all of it
    assert alarms.keys() == {AlarmKind.COLUMNS, AlarmKind.UNREADABLE} or (form == "html" and len(alarms) == 1)
    assert "address" in alarms.get("columns", "address")
    assert hear(world, write(rows(60, 12)))[1] == {}  # they are back


ERRORS = {
    "csv": '{"error": "too many requests"}',
    "json": '{"error": "too many requests"}',
    "lines": "<html><body>Too many requests</body></html>\n",
    "keyvalue": "<html><body>Too many requests</body></html>\n",
    "html": "<html><body><table><tr><td>Too many</td></tr></table></body></html>",
    "xml": '<?xml version="1.0"?>\n<error code="429"><message>Too many requests</message></error>',
}


@pytest.mark.parametrize("form", FORMATS)
def test_an_error_page_is_one_row_set_aside_and_an_alarm(form: str, world: World) -> None:
    feed(world, form)
    counts, alarms = hear(world, ERRORS[form])
    assert counts == [1, 1]
    assert alarms.keys() == {AlarmKind.UNREADABLE}


@pytest.mark.parametrize(
    ("records", "text", "counts"),
    [
        ("*", '{"192.0.2.1": {"note": "a"}, "192.0.2.2": {"note": "b"}}', [2, 0]),
        ("*", '{"a": 1}', [1, 1]),
        ("data", '{"error": "x"}', [1, 1]),
        ("data", '{"data": []}', [0, 0]),
    ],
)
def test_objects_of_objects_are_records_and_what_does_not_fit_is_set_aside(
    records: str, text: str, counts: list[int], world: World
) -> None:
    feed(world, "json", f'records = "{records}"')
    path = world.node.home / "feeds" / "it.toml"
    path.write_text(path.read_text().replace("[columns]", '[columns]\nkey = "source.ip"'))
    assert hear(world, text)[0] == counts


def test_a_report_without_rows_is_said_and_an_alarm_where_none_was_empty(world: World) -> None:
    feed(world, "json")
    assert hear(world, "[]") == ([0, 0], {})
    (world.folder / "it-none.json").write_text(" [ ]")
    said = world.tocsin.run("ingest", str(world.folder / "it-none.json"), "--source", "mapped", "--feed", "it")
    assert "had no rows" in said


def test_a_report_without_rows_behind_full_ones_is_an_alarm(world: World) -> None:
    feed(world, "json")
    write = WRITTEN["json"][1]
    hear(world, write(rows(1, 12)))
    assert hear(world, "[]")[1].keys() == {AlarmKind.SHRUNK}


def test_the_command_says_what_is_wrong_with_the_feed(world: World) -> None:
    feed(world, "xml")
    path = world.folder / "it-9.xml"
    path.write_text("<error/>")
    found = world.tocsin.json("ingest", str(path))
    assert [one["feed"] for one in found["alarms"]] == ["mapped/it"]
    assert "1 of 1 rows cannot be used" in found["alarms"][0]["words"]
