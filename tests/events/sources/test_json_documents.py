"""Every format of JSON reads all documents of a report: arrays behind arrays, what stands behind them, broken lines."""

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import sources
from tocsin.events.sources.json_records import JsonRecords

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MAPPING = 'format = "json"\n[columns]\nip = "source.ip"\n[constants]\n"classification.type" = "scanner"\n'

Make = Callable[[str], dict[str, object]]
RECORDS: dict[str, Make] = {
    "idf": lambda ip: {"classification.type": "scanner", "source.ip": ip},
    "idea": lambda ip: {
        "Format": "IDEA0", "Category": ["Recon"], "DetectTime": "2026-11-20T10:00:00Z", "Source": [{"IP4": [ip]}],
    },
    "misp": lambda ip: {
        "Event": {
            "orgc_id": "1",
            "info": "x",
            "Attribute": [{"type": "ip-src", "value": ip, "to_ids": True, "timestamp": "1795000000"}],
        }
    },
    "xarf": lambda ip: {
        "Version": "3",
        "ReporterInfo": {"ReporterOrg": "R", "ReporterOrgDomain": "r.example", "ReporterOrgEmail": "a@r.example"},
        "Report": {
            "ReportClass": "Activity",
            "ReportType": "Login-Attack",
            "Date": "2026-11-20T10:00:00Z",
            "SourceIp": ip,
            "Protocol": "tcp",
        },
    },
    "mapped": lambda ip: {"ip": ip},
}  # fmt: skip
"""By source: a record about an address. A source that reads JSON and is not here fails the first test."""


def read(folder: Path, name: str, text: str, chunk_bytes: int = 1 << 20) -> tuple[list[str], list[str]]:
    """The addresses of the events, and what was set aside."""
    (folder / "any.toml").write_text(MAPPING)
    source = sources(folder)[name]
    reader = source.open("any", io.BytesIO(text.encode()), chunk_bytes)
    found: list[str] = []
    aside: list[str] = []
    numbers: list[int] = []
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        made = normalise(batch, source.feed("any"), NOW)
        numbers += batch.rows(chunk).tolist()
        aside += [one.raw for one in batch.unreadable]
        assert all(one.reason for one in batch.unreadable)
        aside += [raw for row, (_, raw) in enumerate(batch.locate(range(made.usable.len()))) if not made.usable[row]]
        found += [str(event["source.ip"]) for event in to_idf(made.frame.filter(made.usable))]
    assert numbers == sorted(set(numbers))
    return found, aside


def test_all_sources_of_json_are_asked(tmp_path: Path) -> None:
    (tmp_path / "any.toml").write_text(MAPPING)
    reads = {
        name
        for name, source in sources(tmp_path).items()
        if name not in {"shadowserver", "idf_csv"} and isinstance(_opened(source.open, tmp_path), JsonRecords)
    } | {"mapped"}
    assert reads == RECORDS.keys()


def _opened(opens: Callable[..., object], _: Path) -> object:
    return opens("any", io.BytesIO(b'{"a": 1}\n{"a": 1}\n'), 100)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("chunk", [60, 1 << 20])
def test_nothing_behind_an_array_is_lost(name: str, indent: int | None, chunk: int, tmp_path: Path) -> None:
    record = RECORDS[name]

    def array(*ips: str) -> str:
        return json.dumps([record(ip) for ip in ips], indent=indent)

    text = f"{array('192.0.2.1', '192.0.2.2')}\n{array('192.0.2.3')}\n\n{array()}\n"
    text += json.dumps(record("192.0.2.4"), indent=indent) + '\n{"error": "limit"}\nnot json\n' + array("192.0.2.5")
    found, aside = read(tmp_path, name, text, chunk)
    assert found == [f"192.0.2.{n}" for n in range(1, 6)]
    assert len(aside) == 2
    if name != "xarf":  # of which no unknown piece is kept
        assert sorted(aside) == ["not json", '{"error": "limit"}']


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("broken", ["{", '{"a": "b', '{"a": tru}', '{"a": NaN}', "[1", "not json"])
@pytest.mark.parametrize("chunk", [60, 1 << 20])
def test_a_broken_line_takes_no_other_with_it(name: str, broken: str, chunk: int, tmp_path: Path) -> None:
    lines = [json.dumps(RECORDS[name](f"192.0.2.{n}")) for n in range(1, 4)]
    for place in range(4):
        text = "\n".join([*lines[:place], broken, *lines[place:]]) + "\n"
        found, aside = read(tmp_path, name, text, chunk)
        assert found == ["192.0.2.1", "192.0.2.2", "192.0.2.3"], (place, aside)
        assert len(aside) == 1
        assert broken.endswith(aside[0]) or name == "xarf"  # an array's items are set aside, not its bracket


@pytest.mark.parametrize("name", RECORDS)
def test_a_broken_item_of_an_array_takes_no_other_with_it(name: str, tmp_path: Path) -> None:
    one, two, three = (json.dumps(RECORDS[name](f"192.0.2.{n}"), indent=2) for n in range(1, 4))
    found, aside = read(tmp_path, name, f"[{one},\n{two[:-4]},\n{three}]\n[{one}]")
    assert (found, len(aside)) == (["192.0.2.1", "192.0.2.3", "192.0.2.1"], 1)
    found, aside = read(tmp_path, name, f"[{one},\n{two[:-4]}\n]\n[{three}]\n{one}")
    assert (found, len(aside)) == (["192.0.2.1", "192.0.2.3", "192.0.2.1"], 1)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("end", ["", ",", ",\n", "\n", " "])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_that_is_cut_off_between_two_items_is_said(
    name: str, end: str, indent: int | None, tmp_path: Path
) -> None:
    ips = [f"192.0.2.{n}" for n in range(1, 4)]
    whole = json.dumps([RECORDS[name](ip) for ip in ips], indent=indent)
    found, aside = read(tmp_path, name, whole[: whole.rindex("]")].rstrip() + end)
    assert (found, len(aside)) == (ips, 1)
    assert read(tmp_path, name, whole) == (ips, [])


def test_lists_below_keys_stand_behind_each_other_too(tmp_path: Path) -> None:
    def page(*ips: str) -> str:
        return json.dumps({"page": 1, "events": [RECORDS["idf"](ip) for ip in ips], "next": {"a": "]"}, "of": [1]})

    pages = f"{page('192.0.2.1', '192.0.2.2')}\n{page('192.0.2.3')}\n"
    assert read(tmp_path, "idf", pages) == (["192.0.2.1", "192.0.2.2", "192.0.2.3"], [])
    more = page("192.0.2.1")[:-1] + ', "more": [' + json.dumps(RECORDS["idf"]("192.0.2.2")) + "]}"
    assert read(tmp_path, "idf", more)[0] == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("name", ["idf", "mapped"])
@pytest.mark.parametrize("line", ["{", '{"a":', "[", '{"a": NaN', '{"a": [1,', "[]"])
def test_damage_takes_time_by_its_length(name: str, line: str, tmp_path: Path) -> None:
    def seconds(lines: int) -> float:
        started = time.process_time()
        read(tmp_path, name, f"{line}\n" * lines, 1 << 16)
        return time.process_time() - started

    seconds(100)
    short = max(seconds(3_000), 0.05)
    assert seconds(12_000) < 12 * short


@pytest.mark.parametrize("between", ["", "\n", " \n\n "])
def test_documents_without_damage_take_time_by_their_length(between: str, tmp_path: Path) -> None:
    def seconds(records: int) -> float:
        text = "[" + f",{between}".join(json.dumps(RECORDS["mapped"]("192.0.2.1")) for _ in range(records)) + "]"
        started = time.process_time()
        assert len(read(tmp_path, "mapped", text, 1 << 16)[0]) == records
        return time.process_time() - started

    seconds(100)
    short = max(seconds(5_000), 0.05)
    assert seconds(40_000) < 20 * short
