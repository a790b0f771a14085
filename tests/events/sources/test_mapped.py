"""CSV by a mapping file, and the door for sources of others."""

import io
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tocsin.events import sources as face
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import recognise, sources
from tocsin.node.errors import UsageError

NOW = datetime(2026, 11, 24, tzinfo=UTC)

HONEYPOT = """
name = "Our honeypot"
provider = "Example CERT"
tlp = "GREEN"
cadence_hours = 1
files = ["honeypot-*.csv"]
separator = ";"
comment = "#"
time_format = "%d/%m/%Y %H:%M"

[columns]
When = "time.source"
Address = "source.ip"
hits = "extra.hits:integer"

[constants]
"classification.type" = "brute-force"
"""
REPORT = b"# made today\nWhen;Address;Hits;Note\n24/12/2025 10:11;192.0.2.1;7;a\n24/12/2025 10:12;192.0.2.2;x;\n"


def test_a_mapping_file_reads_a_feed(tmp_path: Path) -> None:
    (tmp_path / "honeypot.toml").write_text(HONEYPOT)
    (tmp_path / "other.toml").write_text("[tool]\nx = 1\n")
    found = recognise("in/honeypot-12.csv", REPORT, tmp_path)
    assert found is not None
    source, code = found
    feed = source.feed(code)
    assert (source.name, code, feed.name, feed.tlp, feed.cadence_hours) == (
        "mapped",
        "honeypot",
        "Our honeypot",
        "GREEN",
        1,
    )
    reader = source.open(code, io.BytesIO(REPORT), 1 << 20)
    (chunk,) = reader.chunks()
    first, second = to_idf(normalise(reader.parse(chunk), feed, NOW).frame)
    assert first["time.source"] == "2025-12-24T10:11:00+00:00"
    assert first["classification.taxonomy"] == "intrusion-attempts"
    assert (first["extra.hits"], first["extra.note"], second["extra.hits"]) == (7, "a", "x")


def test_constants_are_read_as_values_of_rows_are(tmp_path: Path) -> None:
    constants = """
"extra.sensor" = "north \\"7\\""
"extra.weight" = 3
"extra.live" = true
"extra.hits:integer" = "5"
"source.asn" = 64500
"source.ip" = "192.0.2.9"
"source.port" = "none"
pap = "red"
"""
    (tmp_path / "honeypot.toml").write_text(HONEYPOT + constants)
    source = sources(tmp_path)["mapped"]
    report = b"When;Address;Hits\n24/12/2025 10:11;192.0.2.1;7\n24/12/2025 10:12;;\n"
    reader = source.open("honeypot", io.BytesIO(report), 1 << 20)
    (chunk,) = reader.chunks()
    first, second = to_idf(normalise(reader.parse(chunk), source.feed("honeypot"), NOW).frame)
    for event in (first, second):
        assert (event["extra.sensor"], event["extra.weight"], event["extra.live"]) == ('north "7"', 3, True)
        assert (event["source.asn"], event["extra.source.port"], event["pap"]) == (64500, "none", "RED")
    assert (first["source.ip"], first["extra.hits"]) == ("192.0.2.1", 7)
    assert (second["source.ip"], second["extra.hits"]) == ("192.0.2.9", 5)


def test_a_header_with_all_mapped_columns_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "honeypot.toml").write_text(HONEYPOT)
    found = recognise("anything.csv", REPORT, tmp_path)
    assert found is not None
    assert found[1] == "honeypot"
    assert recognise("anything.csv", b"when;hits\n", tmp_path) is None


def test_a_report_without_header(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text('names = ["a", "b"]\n[columns]\na = "source.ip"\nb = "source.port"\n')
    source = sources(tmp_path)["mapped"]
    reader = source.open("plain", io.BytesIO(b"192.0.2.1,80\n192.0.2.2,81\n"), 1 << 20)
    (chunk,) = reader.chunks()
    assert reader.parse(chunk).frame.rows() == [("192.0.2.1", "80"), ("192.0.2.2", "81")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x =", "cannot be used"),
        ("name = 'a'", r"no table \[columns\]"),
        ("[columns]\na = 'source.adress'", "no field 'source.adress'"),
        ("[columns]\na = 'extra.b:number'", "no field 'extra.b:number'"),
        ("sepparator = ';'\n[columns]\na = 'source.ip'", "unknown entries: sepparator"),
        ("separator = ''\n[columns]\na = 'source.ip'", "cannot separate"),
        ("cadence_hours = 'x'\n[columns]\na = 'source.ip'", "cadence_hours is not a number"),
        ("files = 'x'\n[columns]\na = 'source.ip'", "files is not a list"),
    ],
)
def test_a_wrong_mapping_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        sources(tmp_path)["mapped"].feed("bad")


@pytest.mark.parametrize("code", ["missing", "../missing", "..\\missing"])
def test_a_missing_mapping_file_is_named(tmp_path: Path, code: str) -> None:
    with pytest.raises(UsageError, match="no mapping file"):
        sources(tmp_path)["mapped"].feed(code)


def test_columns_may_be_called_as_patterns_are(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text('[columns]\nip = "source.ip"\n"*" = "extra.star"\n')
    source = sources(tmp_path)["mapped"]
    reader = source.open("odd", io.BytesIO(b"ip,*,^.*$\n192.0.2.1,a,b\n"), 1 << 20)
    (chunk,) = reader.chunks()
    (event,) = to_idf(normalise(reader.parse(chunk), source.feed("odd"), NOW).frame)
    assert (event["source.ip"], event["extra.star"], event["extra.^.*$"]) == ("192.0.2.1", "a", "b")


def test_somebody_else_adds_a_source_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)  # where packages are, they are looked for anew
    theirs = EntryPoint("theirs", "tocsin.events.sources.idf:source", "tocsin.sources")
    monkeypatch.setattr(face, "entry_points", lambda **_: [theirs])
    assert list(sources()) == ["mapped", "shadowserver", "xarf", "idea", "misp", "idf", "idf_csv", "theirs"]
