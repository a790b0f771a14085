"""IDF and X-ARF: samples of others, both shapes of each, and lines that are no events."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import Unreadable, recognise, sources
from tocsin.node.errors import InputError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def read(name: str, data: bytes, chunk_bytes: int = 1 << 20) -> tuple[list[dict[str, object]], list[Unreadable]]:
    source = sources()[name]
    reader = source.open(name, io.BytesIO(data), chunk_bytes)
    events: list[dict[str, object]] = []
    bad: list[Unreadable] = []
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        bad += batch.unreadable
        made = normalise(batch, source.feed(name), NOW)
        assert len(batch.locate(range(made.frame.height))) == made.frame.height
        events += to_idf(made.frame)
    return events, bad


def test_all_xarf_samples(shared_data: Path) -> None:
    wanted = {
        "connection-login-attack": ("brute-force", "source.ip", "198.51.100.77"),
        "connection-vulnerability-scan": ("scanner", "source.ip", "203.0.113.77"),
        "content-exposed-data": ("data-leak", "source.url", "http://exposed-database.example.com:8080/dump.sql"),
        "content-remote-compromise": ("system-compromise", "source.fqdn", "compromised-blog.example.com"),
        "copyright-copyright": ("copyright", "source.ip", "198.51.100.75"),
        "copyright-link-site": ("copyright", "source.fqdn", "links-aggregator.example.net"),
        "copyright-ugc-platform": ("copyright", "source.fqdn", "video-platform.example.com"),
        "infrastructure-compromised-server": ("system-compromise", "source.port", 80),
        "messaging-spam": ("spam", "source.ip", "192.168.1.100"),
        "reputation-blocklist": ("blacklist", "source.asn", 4134),
    }
    found = {}
    for path in sorted((shared_data / "xarf" / "samples").glob("*.json")):
        data = path.read_bytes()
        recognised = recognise(path.name, data)
        assert recognised is not None
        assert recognised[0].name == "xarf"
        (event,), bad = read("xarf", data)
        assert not bad
        type_, field, value = wanted[path.stem]
        assert (event["classification.type"], event[field]) == (type_, value)
        assert event["feed.provider"] == json.loads(data)["reporter"]["org"]
        assert event["extra.report_id"] == json.loads(data)["report_id"]
        assert datetime.fromisoformat(str(event["time.source"])) == datetime.fromisoformat(
            json.loads(data)["timestamp"]
        )
        found[path.stem] = event
    assert found.keys() == wanted.keys()
    assert found["connection-login-attack"]["destination.port"] == 22
    assert found["connection-login-attack"]["protocol.application"] == "ssh"


def test_xarf_in_arrays_lines_and_broken(shared_data: Path) -> None:
    one = (shared_data / "xarf" / "samples" / "messaging-spam.json").read_text()
    line = json.dumps(json.loads(one))
    events, bad = read("xarf", f"[{one},\n{one}]".encode())
    assert (len(events), bad) == (2, [])
    events, bad = read("xarf", f"{line}\nnot json\n[1]\n{{}}\n{line}\n".encode(), 64)
    assert (len(events), [one.line for one in bad]) == (2, [2, 3, 4])
    events, bad = read("xarf", f"[{one}, {one[:-40]}".encode())
    assert (len(events), len(bad)) == (1, 1)  # an unreadable remainder is one record
    assert json.loads(bad[0].raw) == {"xarf_version": "", "withheld": "unreadable"}  # nobody knows what is in it


def test_xarf_version_3_is_converted_and_says_so() -> None:
    report = {
        "Version": "3",
        "ReporterInfo": {
            "ReporterOrg": "Reporter",
            "ReporterOrgDomain": "r.example",
            "ReporterOrgEmail": "a@r.example",
        },
        "Report": {
            "ReportClass": "Activity",
            "ReportType": "Login-Attack",
            "Date": "2025-01-11T06:17:20Z",
            "SourceIp": "192.0.2.1",
            "Protocol": "tcp",
        },
    }
    (first,), bad = read("xarf", json.dumps(report).encode())
    assert not bad
    assert (first["source.ip"], first["classification.type"]) == ("192.0.2.1", "brute-force")
    assert str(first["flags"]).split() == ["xarf3", "documentation"]
    assert read("xarf", json.dumps(report).encode())[0] == [first]  # nothing made up by the conversion
    del report["Report"]["ReportType"]  # type: ignore[attr-defined]
    events, bad = read("xarf", json.dumps(report).encode())
    assert not events
    assert "cannot be converted" in bad[0].reason


@pytest.mark.parametrize(
    ("tags", "tlp", "pap"),
    [
        (["malware:mirai", "TLP:GREEN", "pap:red"], "GREEN", "RED"),
        (["malware:mirai"], "AMBER", None),
        ("tlp:green", "AMBER", None),
        (["tlp:green", "tlp:red"], "GREEN TLP:RED", None),
    ],
)
def test_xarf_is_marked_as_its_tags_say(shared_data: Path, tags: object, tlp: str, pap: str | None) -> None:
    report = json.loads((shared_data / "xarf" / "samples" / "messaging-spam.json").read_text())
    (event,), _ = read("xarf", json.dumps({**report, "tags": tags}).encode())
    assert (event["tlp"], event.get("pap")) == (tlp, pap)
    assert event["extra.tags"] == tags


def test_idf_flat_and_nested_are_the_same() -> None:
    flat = {
        "source.ip": "2001:db8::1",
        "source.port": 80,
        "time.source": "2026-11-23T10:00:00+01:00",
        "classification.type": "tor",
        "feed.name": "Relays",
        "source.geolocation.latitude": 47.1,
        "extra.seen": 3,
        "extra": {"list": [1, {"a": None}], "text": 'x "y"'},
    }
    nested = {
        "source": {"ip": "2001:db8::1", "port": 80, "geolocation": {"latitude": 47.1}},
        "time": {"source": "2026-11-23T10:00:00+01:00"},
        "classification": {"type": "tor"},
        "feed": {"name": "Relays"},
        "extra": {"seen": 3, "list": [1, {"a": None}], "text": 'x "y"'},
    }
    data = "\n".join(map(json.dumps, (flat, nested))).encode()
    assert recognise("events.jsonl", data) is not None
    (first, second), bad = read("idf", data)
    assert not bad
    assert first == second
    assert first["time.source"] == "2026-11-23T09:00:00+00:00"
    assert first["feed.name"] == "Relays"
    assert (first["classification.type"], first["rsit.type"]) == ("tor", "other")
    assert first["extra.list"] == [1, {"a": None}]
    assert first["source.geolocation.latitude"] == 47.1
    assert read("idf", json.dumps(first).encode())[0][0]["extra.text"] == 'x "y"'


@pytest.mark.parametrize(
    "form",
    [
        "[\n%s,\n%s\n]",
        " [\n  %s, %s]",
        '{"events": [%s, %s]}',
        '{"count": 2, "next": null,\n "made by": "a \\"tool\\"", "events": [\n%s,\n%s\n], "more": false}\n',
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_idf_is_its_events(form: str, indent: int | None) -> None:
    texts = [json.dumps({"time": {"source": "2026-11-23"}, "source.ip": f"192.0.2.{n}"}, indent=indent) for n in (1, 2)]
    report = (form % tuple(texts)).encode()
    known = recognise("report", report)
    assert known is not None
    assert known[0].name == "idf"
    events, bad = read("idf", report)
    assert ([event["source.ip"] for event in events], bad) == (["192.0.2.1", "192.0.2.2"], [])


def test_a_list_within_an_event_is_a_value_of_it() -> None:
    for key in ("extra.seen", "source"):
        line = json.dumps({"source.ip": "192.0.2.1", key: [{"ip": "192.0.2.2"}]}).encode()
        (event,), _ = read("idf", line)
        assert event["source.ip"] == "192.0.2.1"


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b"3",
        b'{"a":NaN}',
        b'{"a":',
        b"\xff\xfe",
        b"[" * 100_000,
        b'"' + b"a" * 100,
        b'{"source":' * 60 + b"1" + b"}" * 60,
        b'{"source":' * 1_500 + b"1" + b"}" * 1_500,
        b'{"source.ip":"192.0.2.1","extra":' + b"[" * 1_500 + b"]" * 1_500 + b"}",
    ],
)
def test_lines_that_are_no_events_are_set_aside(line: bytes) -> None:
    good = b'{"source.ip":"192.0.2.1"}'
    for chunk_bytes in (1 << 20, 16):
        events, bad = read("idf", good + b"\n" + line + b"\n" + good, chunk_bytes)
        assert len(events) == 2
        assert [one.line for one in bad] == [2]


@pytest.mark.parametrize("head", [b'{"a":' + b"[" * 60_000, b'{"source":' * 900 + b"1" + b"}" * 900])
def test_what_never_ends_is_nobodys(head: bytes) -> None:
    assert recognise("x", head) is None


def test_an_array_says_the_line_of_each_of_its_objects() -> None:
    events, bad = read("idf", b'[\n{"source.ip":"192.0.2.1"},\n\n7,\n\n{"source.ip":"192.0.2.2"}, 8\n, oh\n]')
    assert len(events) == 2
    assert [one.line for one in bad] == [4, 6, 7]


def test_values_that_json_can_say_and_tables_cannot_hold() -> None:
    (event,), bad = read("idf", rb'{"source.ip":"192.0.2.1","malware.name":"\ud800","q":"\udfff","n":"a\u0000"}')
    assert not bad
    assert event["malware.name"] == "\\ud800"
    assert event["extra.q"] == "\\udfff"


def test_an_empty_report_is_refused() -> None:
    for name in ("idf", "xarf"):
        with pytest.raises(InputError, match="empty"):
            read(name, b" \n")


@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=8))
def test_every_line_is_an_event_or_set_aside(lines: list[bytes]) -> None:
    further = [line for line in lines if line.strip()]
    while further and further[0].lstrip().startswith((b"{", b"[")):
        del further[0]  # it may begin a document that goes on over more lines
    lines = [b'{"source.ip":"192.0.2.1"}', *further]
    events, bad = read("idf", b"\n".join(lines), 16)
    assert len(events) + len(bad) == len(lines)


def test_an_alert_in_idea_is_an_event_for_each_category_and_address() -> None:
    alert = {
        "Format": "IDEA0",
        "DetectTime": "2026-11-23T01:02:03Z",
        "Category": ["Attempt.Login", "Recon.Scanning"],
        "Source": [{"IP4": ["192.0.2.2-192.0.2.3"], "IP6": ["2001:db8::1"], "Proto": ["tcp", "ssh"]}],
        "Target": [{"IP4": ["198.51.100.1"], "Port": [22]}],
        "Attach": [{"Content": "canary", "FileName": ["x"]}],
    }
    events, bad = read("idea", json.dumps([alert, {"Format": "IDEA0", "Category": ["Malware"]}]).encode())
    assert recognise("alerts.json", json.dumps([alert]).encode())[1] == "idea"  # type: ignore[index]  # it is known
    assert [(one["classification.type"], one.get("source.ip") or one["source.network"]) for one in events] == [
        (kind, place) for kind in ("brute-force", "scanner") for place in ("192.0.2.2/31", "2001:db8::1")
    ]
    assert (events[0]["destination.port"], events[0]["protocol.application"]) == (22, "ssh")
    assert "canary" not in json.dumps(events)
    assert [(one.line, one.reason) for one in bad] == [(1, "It names no source.")]


def test_an_event_of_misp_is_one_for_each_attribute_with_an_asset() -> None:
    attributes = [
        {"type": "ip-dst|port", "value": "192.0.2.1|8080", "category": "Network activity", "to_ids": True},
        {"type": "malware-sample", "value": "a|b", "data": "canary"},
        {"type": "url", "value": "http://example.com/x", "category": "Payload delivery", "timestamp": "1465681304"},
        {"type": "domain", "value": "example.org", "Tag": [{"name": 'rsit:fraud="phishing"'}, {"name": "tlp:green"}]},
        {"type": "domain", "value": "example.net", "deleted": True},
        {"type": "domain", "value": "example.net", "deleted": "1"},
        {"type": "ip-src", "value": "192.0.2.2", "distribution": "0", "Tag": [{"name": "tlp:green"}]},
        {"type": "ip-src", "value": "192.0.2.3", "distribution": "1", "Tag": [{"name": "tlp:white"}]},
        {
            "type": "ip-src",
            "value": "192.0.2.4",
            "distribution": "3",
            "Tag": [{"name": "tlp:green"}, {"name": "tlp:red"}],
        },
    ]
    event = {
        "Event": {"info": "Of us", "uuid": "u", "Attribute": attributes[:2], "Object": [{"Attribute": attributes[2:]}]}
    }
    data = json.dumps({"response": [event]}).encode()
    events, bad = read("misp", data)
    assert recognise("export.json", data.replace(b'"info"', b'"threat_level_id": 1, "info"'))[1] == "misp"  # type: ignore[index]  # it is known
    shown = [
        (one["classification.type"], one.get("source.port"), one["tlp"], one["extra.misp.event"]) for one in events
    ]
    assert shown == [
        ("c2-server", 8080, "AMBER", "Of us"),
        ("malware-distribution", None, "AMBER", "Of us"),
        ("phishing", None, "GREEN", "Of us"),
        ("other", None, "AMBER+STRICT", "Of us"),
        ("other", None, "GREEN", "Of us"),
        ("other", None, "RED", "Of us"),
    ]
    assert not bad
    # what would be set aside is read again by itself
    source = sources()["misp"]
    (batch,) = [
        source.open("x", io.BytesIO(data), 1 << 20).parse(one) for one in source.open("x", io.BytesIO(data), 1).chunks()
    ]
    again, _ = read("misp", batch.locate([2])[0][1].encode())
    assert again == events[2:3]
    assert "canary" not in "".join(raw for _, raw in batch.locate(range(3)))
