"""The language of mapping files: how each format is cut, and the steps from columns to events."""

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tocsin.events.sources as face
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import MOST_EVENTS, Batch, DescribedSource, MappingError, sources
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.node.errors import InputError, UsageError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def read(
    folder: Path, mapping: str, report: bytes, chunk_bytes: int = 1 << 20
) -> tuple[list[dict[str, object]], list[Batch]]:
    """The events of a report, and its batches."""
    (folder / "feed.toml").write_text(mapping, encoding="utf-8")
    source = sources(folder)["mapped"]
    reader = source.open("feed", io.BytesIO(report), chunk_bytes)
    batches = [reader.parse(chunk) for chunk in reader.chunks()]
    found = [normalise(batch, source.feed("feed"), NOW) for batch in batches]
    return [event for one in found for event in to_idf(one.frame.filter(one.usable))], batches


def test_lines_by_a_pattern_with_a_head_values_and_the_first_field_that_takes_it(tmp_path: Path) -> None:
    mapping = """
format = "lines"
comment = "#"
skip = ["-"]
pattern = '(?<who>\\S+)\\s+(?<what>\\S+)'
[head]
'Generated (\\S+ \\S+)' = "time.source"
[columns]
who = { to = ["source.ip", "source.network", "source.fqdn"], take = "first" }
[values.what]
ssh = { "classification.type" = "brute-force", "source.port" = 22 }
"~^dns" = { "classification.type" = "ddos", "comment" = "saw {what}" }
default = { "classification.type" = "other" }
"""
    report = b"# Generated 2020-04-23 03:59:01\n192.0.2.1 SSH\nexample.com dns-x\n\nnothing\n198.51.100.0/24 -\n"
    events, (batch,) = read(tmp_path, mapping, report)
    shown = [
        tuple(event.get(name) for name in ("source.ip", "source.network", "source.fqdn", "source.port", "comment"))
        for event in events
    ]
    assert shown == [
        ("192.0.2.1", None, None, 22, None),
        (None, None, "example.com", None, "saw dns-x"),
        (None, "198.51.100.0/24", None, None, None),
    ]
    assert [event["classification.type"] for event in events] == ["brute-force", "ddos", "other"]
    assert {event["time.source"] for event in events} == {"2020-04-23T03:59:01+00:00"}
    assert [(one.line, one.raw) for one in batch.unreadable] == [(5, "nothing")]
    assert batch.locate([2]) == [(6, "198.51.100.0/24 -")]


JSON = """
format = "json"
records = "data.list"
scheme = "http"
each = "seen"
[columns]
"/when" = "time.source"
ip = "source.ip"
"seen.port" = "source.port"
"seen.at" = "source.url"
"names.1" = "source.fqdn"
n = "extra.number"
"""
DOCUMENT = (
    b'{"when": "2020-04-23 03:59:01", "other": 1, "data": {"list": [{"IP": "192.0.2.1", "n": 5, "o": {"x": true},'
    b' "names": ["a", "b.example.com"], "seen": [{"port": 22, "at": "example.com/x"}, {"port": 23}]},'
    b' {"ip": "192.0.2.2", "seen": []}]}}'
)


def test_json_by_paths_with_what_is_above_and_several_events_a_record(tmp_path: Path) -> None:
    events, (batch,) = read(tmp_path, JSON, DOCUMENT)
    assert [(event["source.ip"], event.get("source.port")) for event in events] == [
        ("192.0.2.1", 22),
        ("192.0.2.1", 23),
        ("192.0.2.2", None),
    ]
    assert (events[0]["source.url"], events[0]["extra.number"], events[0]["extra.o.x"]) == (
        "http://example.com/x",
        5,
        True,
    )
    assert (events[0]["source.fqdn"], events[2]["time.source"]) == ("b.example.com", "2020-04-23T03:59:01+00:00")
    # what is set aside can be read again, and says the same
    (_, raw) = batch.locate([1])[0]
    again, _ = read(tmp_path, JSON, raw.encode())
    assert again == events[:2]


def test_json_lists_below_any_key(tmp_path: Path) -> None:
    mapping = 'format = "json"\nrecords = "*"\n[columns]\nvalue = "source.fqdn"\nkey = "malware.name"\n'
    events, (batch,) = read(
        tmp_path, mapping, b'{"a": ["x.example.com"], "b": ["y.example.com", "z.example.com"], "n": 1}'
    )
    assert [(one["source.fqdn"], one["malware.name"]) for one in events] == [
        ("x.example.com", "a"),
        ("y.example.com", "b"),
        ("z.example.com", "b"),
    ]
    again, _ = read(tmp_path, mapping, batch.locate([2])[0][1].encode())
    assert again == events[2:]


def test_events_of_one_record_have_numbers_and_keys_of_their_own(tmp_path: Path) -> None:
    mapping = 'each = "tags split ,"\n[columns]\naddress = "source.ip"\ntags = "protocol.application"\n'
    (tmp_path / "feed.toml").write_text(mapping)
    reader = sources(tmp_path)["mapped"].open(
        "feed", io.BytesIO(b'address,tags\n192.0.2.1,"ftp, ssh"\n192.0.2.2,\n'), 1 << 20
    )
    (chunk,) = reader.chunks()
    batch = reader.parse(chunk)
    assert (np.divmod(batch.rows(chunk), MOST_EVENTS)[1].tolist(), len(set(batch.rows(chunk).tolist()))) == (
        [0, 1, 0],
        3,
    )
    keys, texts = batch.key_texts().to_list(), batch.raw_texts().to_list()
    assert (keys[0], keys[2]) == (texts[0], texts[2])  # the first event has the key that the record had
    assert texts[1] == texts[0] != keys[1]


def test_more_events_than_a_record_may_have_are_said(tmp_path: Path) -> None:
    mapping = 'format = "lines"\neach = "line split ,"\n[columns]\nline = "source.ip"\n'
    addresses = ",".join(f"192.0.{place // 250}.{place % 250 + 1}" for place in range(MOST_EVENTS + 5))
    events, (batch,) = read(tmp_path, mapping, addresses.encode())
    assert len(events) == MOST_EVENTS
    assert [one.line for one in batch.unreadable] == [1]


def test_no_record_fills_the_memory_by_its_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ";".join(map(str, range(400)))
    twice = 'each = ["a split ;", "b split ;"]\n[columns]\nip = "source.ip"\n'
    events, (batch,) = read(tmp_path, twice, f"ip,a,b\n192.0.2.1,{parts},{parts}\n192.0.2.2,,\n".encode())
    assert (len(events), [one.line for one in batch.unreadable]) == (MOST_EVENTS + 1, [2])
    monkeypatch.setattr(face, "MOST_TEXT", 10_000)  # of a size that 64 MiB have in a second
    report = json.dumps({"note": "x" * 999, "seen": [{"ip": f"192.0.2.{place}"} for place in range(99)]}).encode()
    events, (batch,) = read(tmp_path, 'format = "json"\neach = "seen"\n[columns]\n"seen.ip" = "source.ip"\n', report)
    assert 5 < len(events) < 11
    assert len(batch.unreadable) == 1
    assert batch.unreadable[0].raw == report.decode()


def test_values_are_decoded_and_put_together(tmp_path: Path) -> None:
    mapping = """
separator = ";"
zone = "Europe/Prague"
skip_lines = 1
[columns]
at = { to = "time.source", time = "%d/%m/%Y %H:%M" }
payload = { decode = "base64 json" }
"payload.ip" = "source.ip"
"payload.host" = [{ to = "source.fqdn" }, { to = "source.port", pattern = 'p([0-9]+)' }]
link = { to = "source.url", template = "https://{payload.host}/{page}" }
asn = { to = "source.asn", pattern = "AS(\\\\d+)" }
[where]
page = "^[a-z]"
"""
    report = (
        b"made today\nat;payload;page;asn\n"
        b"01/02/2026 12:00;eyJpcCI6ICIxOTIuMC4yLjEiLCAiaG9zdCI6ICJwODA4MC5leGFtcGxlLmNvbSJ9;index;AS64496\n"
        b"01/02/2026 12:00;x;9;AS64497\n"
    )
    (event,), _ = read(tmp_path, mapping, report)
    assert (event["time.source"], event["source.ip"], event["source.port"]) == (
        "2026-02-01T11:00:00+00:00",
        "192.0.2.1",
        8080,
    )
    assert (event["source.url"], event["source.asn"]) == ("https://p8080.example.com/index", 64496)


def test_lines_that_hold_for_those_below_also_over_chunks(tmp_path: Path) -> None:
    mapping = """
format = "lines"
pattern = '^(?:list (?<list>.+)|(?<host>.+))$'
carry = ["list"]
[columns]
host = "source.fqdn"
list = "extra.list"
"""
    report = b"list one\na.example.com\nb.example.com\nlist two\nc.example.com\n"
    for size in (4, 40, 1 << 20):
        events, batches = read(tmp_path, mapping, report, size)
        assert [(one["source.fqdn"], one["extra.list"]) for one in events] == [
            ("a.example.com", "one"),
            ("b.example.com", "one"),
            ("c.example.com", "two"),
        ]
        assert [place for one in batches for place in one.locate(range(one.frame.height))][2] == (
            5,
            "list two\nc.example.com",
        )


def test_every_field_of_place_can_be_named(tmp_path: Path) -> None:
    fields = ["latitude", "longitude", "country", "geoip_cc"]
    goals = [*(f"source.geolocation.{name}" for name in fields), "source.registry", "source.tor_node"]
    lines = [f'{name.rpartition(".")[2]} = "{name}"' for name in goals]
    header = ",".join(["ip", *(name.rpartition(".")[2] for name in goals)])
    mapping = "\n".join(["[columns]", 'ip = "source.ip"', *lines])
    (event,), _ = read(tmp_path, mapping, f"{header}\n192.0.2.1,48.2,16.4,Austria,AT,RIPE,yes\n".encode())
    assert [event[name] for name in goals] == [48.2, 16.4, "Austria", "AT", "RIPE", True]


def test_key_value_lines(tmp_path: Path) -> None:
    mapping = 'format = "keyvalue"\n[columns]\nsrc = "source.ip"\n'
    (event,), _ = read(tmp_path, mapping, b'src=192.0.2.1 msg="a b=c" x=y\n')
    assert (event["source.ip"], event["extra.msg"], event["extra.x"]) == ("192.0.2.1", "a b=c", "y")


def test_html_tables(tmp_path: Path) -> None:
    mapping = 'format = "html"\n[columns]\nip = "source.ip"\n'
    page = b"<table><tr><th>x</table><table><tr><th>IP<th>Name<tr><td>192.0.2.1<td>n&amp;a</table>"
    (event,), (batch,) = read(tmp_path, mapping, page)
    assert (event["source.ip"], event["extra.name"]) == ("192.0.2.1", "n&a")
    assert batch.locate([0])[0][1] == "<tr><td>192.0.2.1</td><td>n&amp;a</td></tr>"


def test_xml_elements_in_whatever_encoding_they_claim(tmp_path: Path) -> None:
    mapping = 'format = "xml"\nrecords = "item"\n[columns]\nip = "source.ip"\n"@id" = "extra.id"\n'
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><r><item id="4"><ip>192.0.2.1</ip><n>é</n></item></r>'
    (event,), (batch,) = read(tmp_path, mapping, text.encode())
    assert (event["source.ip"], event["extra.id"], event["extra.n"]) == ("192.0.2.1", "4", "é")
    raw = batch.locate([0])[0][1]
    again, _ = read(tmp_path, mapping, f"{raw}\n{raw}\n".encode())
    assert again == [event, event]


def test_xml_takes_what_stands_above_a_record_and_joins_members_of_one_name(tmp_path: Path) -> None:
    mapping = """format = "xml"
records = "item"
signature = '<report [^>]*day='
[columns]
ip = "source.ip"
"/@day" = "time.source"
"/by.name" = "feed.provider"
"""
    item = "<item><ip>{}</ip><n>a</n><n>b</n><item><ip>192.0.2.9</ip></item></item>"
    text = f'<report day="2026-11-23"><by><name>R</name></by><list>{item.format("192.0.2.1")}<item/></list></report>'
    events, (batch,) = read(tmp_path, mapping, text.encode())
    assert [
        (one["source.ip"], one["extra.n"], str(one["time.source"])[:10], one["feed.provider"]) for one in events
    ] == [("192.0.2.1", "a;b", "2026-11-23", "R")]
    again, _ = read(tmp_path, mapping, batch.locate([0])[0][1].encode() * 2)
    assert again == events * 2
    assert sources(tmp_path)["mapped"].recognise("any.name", text.encode()) == "feed"
    with pytest.raises(InputError, match="more records"):
        read(tmp_path, mapping, b"<r>" + b"<i/>" * 5_000_001)


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><r><item><ip>&b;</ip></item></r>'
    with pytest.raises(InputError, match="document type"):
        read(tmp_path, 'format = "xml"\n[columns]\nip = "source.ip"\n', bomb)


def test_no_text_makes_a_pattern_slow(tmp_path: Path) -> None:
    mapping = "format = 'lines'\npattern = '^(?<a>(x+x+)+y)$'\n[columns]\na = 'source.fqdn'\n"
    _, (batch,) = read(tmp_path, mapping, b"x" * 50_000 + b"\n")
    assert len(batch.unreadable) == 1


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ('name = "x"\n[columns\n', 2, 9, "Expected"),
        ('[columns]\nip = "source.ip"\nwhen = "time.sauce"\n', 3, 8, "no field 'time.sauce'"),
        ('sepa = ";"\n[columns]\nip = "source.ip"\n', 1, 1, "unknown entries: sepa"),
        ('[columns]\nip = { to = "source.ip", patern = "x" }\n', 2, 26, "no 'patern'"),
        ("[columns]\nip = { to = 'source.ip', pattern = '(' }\n", 2, 26, "cannot be used"),
        ('[columns]\nip = "source.ip"\n[values.what]\nssh = { "clasification.type" = "x" }\n', 4, 9, "no field"),
        (
            '[columns]\nip = "source.ip"\n[constants]\n"classification.type" = "vulnerable"\n',
            4,
            1,
            "no type 'vulnerable'",
        ),
        ('zone = "Mars/Olympus"\n[columns]\nip = "source.ip"\n', 1, 1, "no time zone"),
        ('format = "cvs"\n[columns]\nip = "source.ip"\n', 1, 1, "format is none of"),
    ],
)
def test_a_mistake_has_its_line_and_column(tmp_path: Path, text: str, line: int, column: int, reason: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(MappingError, match=reason) as found:
        read_mapping(path)
    assert (found.value.row, found.value.place) == (line, column)


NESTED = {
    "query": "x",
    "events": [
        {
            "port": 3389,
            "results": [
                {
                    "origin": {"ip": "192.0.2.99", "ts": 1764200061237},
                    "target": {"ip": f"192.0.2.{n}", "protocol": "tcp"},
                }
                for n in (1, 2)
            ],
        }
    ],
}
SAMPLES = {
    "nested.json": json.dumps(NESTED),
    "page.html": '<?xml version="1.0" encoding="utf-8"?><html><table><tr><td>Home</td></tr></table><table>'
    "<tr><td>Date (UTC)</td><td>IP</td><td>ASN</td></tr>"
    "<tr><td>2026/11/10_08:50</td><td>192.0.2.1</td><td>-</td></tr>"
    "<tr><td>2026/11/10_08:51</td><td>192.0.2.2</td><td>64496</td></tr></table></html>",
    "list.xml": "<sources><date>2026-11-20</date>"
    + "".join(
        f"<data><ip>192.000.002.00{n}</ip><firstseen>2026-11-01</firstseen><lastseen>2026-11-20</lastseen></data>"
        for n in (1, 2)
    )
    + "</sources>",
    "firewall.log": "".join(
        f'date=2026-11-20 time=09:1{n}:07 tz="+0300" msg="a, b" srcip=192.0.2.{n} dstip=198.51.100.1 host=www.example\n'
        for n in (1, 2)
    ),
    "cells.csv": "# made today\nname,dns_a\na.example,192.0.2.1;192.0.2.2\nb.example,\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_suggestion_reads_its_sample_and_names_every_column(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name].encode()
    source = sources(tmp_path)["mapped"]
    assert isinstance(source, DescribedSource)
    mapping = source.suggestion(name, sample)
    events, batches = read(tmp_path, mapping, sample)
    assert [one["source.ip"] for one in events if "source.ip" in one] == ["192.0.2.1", "192.0.2.2"]
    assert "invalid" not in str([one.get("flags") for one in events])
    times = {str(one.get("time.source"))[:16] for one in events}
    assert times == {
        "nested.json": {"2025-11-26T23:34"},
        "list.xml": {"2026-11-20T00:00"},
        "firewall.log": {"2026-11-20T06:11", "2026-11-20T06:12"},
    }.get(name, {"None"})
    assert not [one for one in events if "source.fqdn" in one and "destination.ip" in one]
    named = {column for batch in batches for column, count in batch.filled.items() if count}
    assert all(f'"{column}"' in mapping for column in named)
    assert not source.absent("feed", named | {"asn"})


def test_what_a_mapping_takes_and_no_record_has_is_known(tmp_path: Path) -> None:
    mapping = 'format = "json"\nrecords = "events"\neach = "result"\n[where]\nport = "3"\n[columns]\n'
    mapping += '"result.target.ip" = "source.ip"\nwhat = { template = "{port} {kind}", to = "comment" }\n'
    _, batches = read(tmp_path, mapping, json.dumps(NESTED).encode())
    source = sources(tmp_path)["mapped"]
    assert isinstance(source, DescribedSource)
    filled = {column for batch in batches for column, count in batch.filled.items() if count}
    assert source.absent("feed", filled) == {"result", "result.target.ip", "kind"}


def test_records_that_are_not_asked_for_are_counted(tmp_path: Path) -> None:
    mapping = 'each = "ip split ;"\n[where]\nkind = "a"\n[columns]\nip = "source.ip"\n'
    _, batches = read(tmp_path, mapping, b"ip,kind\n192.0.2.1;192.0.2.2,a\n192.0.2.3;192.0.2.4,b\n192.0.2.5,b\n")
    assert sum(batch.passed_over for batch in batches) == 2


MANUAL = Path(__file__).parents[3] / "docs" / "sources.md"


def test_the_examples_of_the_manual_read_their_samples(tmp_path: Path) -> None:
    section = MANUAL.read_text(encoding="utf-8").partition("### Examples")[2].partition("\n### ")[0]
    fences = re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL)
    pairs = list(zip(fences[::2], fences[1::2], strict=True))
    assert len(pairs) == 5
    source = sources(tmp_path)["mapped"]
    assert isinstance(source, DescribedSource)
    for (_, sample), (language, mapping) in pairs:
        assert language == "toml"
        events, batches = read(tmp_path, mapping, sample.encode())
        assert len(events) == sum(batch.frame.height for batch in batches) > 0
        assert not [one for batch in batches for one in batch.unreadable]
        assert all(one["time.source"] and one["classification.type"] for one in events)
        assert not [one for one in events if "invalid" in str(one.get("flags"))]
        assert not source.absent(
            "feed", {column for batch in batches for column, count in batch.filled.items() if count}
        )


def test_the_source_of_the_manual_reads_its_list() -> None:
    [code] = re.findall(r"```python\n(.*?class OurFeed.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "our_feed.py", "exec"), names)  # noqa: S102  # as written in the manual
    source, report = names["source"](()), b"ip|seen|note\n192.0.2.1|2026-11-20 10:00:00|x\n"
    feed = source.feed(source.recognise("list.txt", report))
    reader = source.open(feed.code, io.BytesIO(report), 1 << 20)
    [checked] = [normalise(reader.parse(chunk), feed, NOW) for chunk in reader.chunks()]
    [event] = to_idf(checked.frame)
    assert (event["source.ip"], event["time.source"]) == ("192.0.2.1", "2026-11-20T10:00:00+00:00")


def test_a_source_of_others_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "theirs-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[tocsin.sources]\ntheirs = their_broken_feed:source\n")
    (tmp_path / "their_broken_feed.py").write_text("class Feed:\n    limit = LIMIT\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"theirs \(their_broken_feed:source\).*LIMIT"):
        sources()
