"""Any mapping file on any report: events, rows set aside, or an error that says why. `TOCSIN_FUZZ=100000` is long."""

import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from support.hostile_reports import hostile_reports
from tocsin.events.fields import BY_NAME
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import MOST_EVENTS, MappingError, sources
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.node.errors import TocsinError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
EXAMPLES = int(os.environ.get("TOCSIN_FUZZ", "60"))

_names = st.sampled_from(["a", "b", "c", "ip", "a.b", "source.ip", "0", "/a", "line", "value", "ключ", "^.*$", "*", ""])
_fields = st.sampled_from([*BY_NAME, "extra.x", "extra.y:integer", "extra.z:json", "time.sauce", "extra."])
_patterns = st.sampled_from(["^(.*)$", "(?<a>.)(?<b>.*)", r"\d+", "(x+x+)+y", "(", "", "(?P<ip>[0-9.]+)", "(?:)"])
_rule = st.fixed_dictionaries(
    {},
    optional={
        "to": _fields | st.lists(_fields, max_size=3),
        "take": st.sampled_from(["first", "all", "none"]),
        "pattern": _patterns,
        "drop": _patterns,
        "template": st.sampled_from(["{a}", "{ip}/24", "http://{b}{c}", "{", "{}", "{none}"]),
        "decode": st.sampled_from(["json", "base64", "base64 json", "gzip"]),
        "time": st.sampled_from(["%d/%m/%Y", "%s", "%Y", "%", "%H:%M", "%d %b"]),
        "skip": st.lists(st.sampled_from(["-", "", "?"]), max_size=2),
    },
)
_column = _fields | _rule | st.lists(_fields | _rule, max_size=3)
_table = st.dictionaries(_names, _column, max_size=4)
_fixed = st.dictionaries(
    _fields, st.sampled_from(["x", "192.0.2.1", "{a}"]) | st.integers() | st.booleans(), max_size=2
)
mappings = st.fixed_dictionaries(
    {"columns": _table},
    optional={
        "format": st.sampled_from(["csv", "json", "lines", "keyvalue", "html", "xml", "cvs"]),
        "separator": st.sampled_from([",", ";", "\t", "|", " ", "", "ab"]),
        "comment": st.sampled_from(["#", ";", ""]),
        "names": st.lists(_names, max_size=4),
        "records": _names,
        "each": st.sampled_from(["a", "a split ,", "line find .", "a of x y", "split", "a.b", "value find ("]),
        "skip": st.lists(st.sampled_from(["-", ""]), max_size=1),
        "pattern": _patterns,
        "carry": st.lists(_names, max_size=2),
        "scheme": st.sampled_from(["http", "", ":"]),
        "zone": st.sampled_from(["UTC", "Europe/Prague", "Mars/Olympus"]),
        "skip_lines": st.integers(-1, 3),
        "head": st.dictionaries(_patterns, _column, max_size=2),
        "values": st.dictionaries(_names, st.dictionaries(_names | st.just("default"), _fixed, max_size=2), max_size=2),
        "where": st.dictionaries(_names, _patterns | _patterns.map("!".__add__), max_size=2),
        "constants": _fixed,
    },
)


def as_toml(value: object) -> str:
    """A value as TOML has it in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(as_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


Made = TypeVar("Made")


def tried(read: Callable[[], Made]) -> Made | None:
    """What is read; nothing where there is an error that says why."""
    try:
        return read()
    except TocsinError as error:
        if str(error) and (not isinstance(error, MappingError) or (error.reason and error.row > 0 < error.place)):
            return None
        raise


@settings(max_examples=EXAMPLES, deadline=None)
@given(said=mappings, report=hostile_reports, chunk=st.sampled_from([7, 100, 1 << 20]))
def test_any_mapping_reads_any_report_or_says_why_not(said: Mapping[str, object], report: bytes, chunk: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.toml"
        path.write_text("\n".join(f"{key} = {as_toml(value)}" for key, value in said.items()), encoding="utf-8")
        source = sources(Path(folder))["mapped"]
        reader = tried(lambda: source.open("any", io.BytesIO(report), chunk))
        numbers: list[int] = []
        for one in reader.chunks() if reader else ():
            assert reader
            batch = reader.parse(one)
            rows = batch.rows(one)
            assert len(rows) == batch.frame.height == len(batch.key_texts())
            assert batch.ordinals is None or bool((batch.ordinals < MOST_EVENTS).all())
            numbers += rows.tolist()
            assert len(batch.locate(range(batch.frame.height))) == batch.frame.height
            assert all(set_aside.reason for set_aside in batch.unreadable)
            made = normalise(batch, source.feed("any"), NOW)
            assert all(json.dumps(event) for event in to_idf(made.frame.filter(made.usable)))
        assert len(set(numbers)) == len(numbers)


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.binary(max_size=200) | mappings.map(as_toml).map(str.encode))
def test_whatever_stands_in_a_mapping_file_it_is_one_or_has_a_mistake(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.toml"
        path.write_bytes(data)
        tried(lambda: read_mapping(path))
