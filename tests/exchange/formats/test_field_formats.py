"""IDEA, X-ARF and IODEF: what they read, write and refuse, and that no marking gets wider in any of them."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from support.exchange_mapping import is_within
from tocsin.events.redaction import ABUSE
from tocsin.exchange.formats import idea, iodef, xarf
from tocsin.exchange.formats.markings import IepPolicy, Markings, stricter
from tocsin.exchange.formats.model import Collection, Observable, ObservableGroup, Source
from tocsin.exchange.formats.registry import check_document
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Pap, Tlp

FORMATS: dict[str, Any] = {"idea": idea, "xarf": xarf, "iodef": iodef}
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
EVENT = Collection(
    title="Brute force against SSH",
    id="5a0e1b8c-7f3d-4c7e-9b57-2f1f7f0f6a11",
    description="Seen by the honeypot \u0000of the team.",
    time=NOON,
    first_seen=NOON,
    source=Source("CSIRT of Kestria"),
    labels=('rsit:intrusion-attempts="brute-force"',),
    observables=(
        Observable("ip-src|port", "192.0.2.7|4711", confidence=80),
        Observable("domain", "bad.example", indicator=True),
        Observable("ip-dst", "198.51.100.1"),
        Observable("mutex", "Global\\x"),
    ),
)
CHILD_ABUSE = {
    "idea": {"Format": "IDEA0", "ID": "a", "DetectTime": "2026-01-01T00:00:00Z", "Category": ["Abusive.Child"]},
    "xarf": {"xarf_version": "4.2.0", "category": "content", "type": "csam", "url": "https://canary.example/"},
}


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_valid_and_says_what_it_left_out(name: str) -> None:
    data, unsaid = FORMATS[name].write(EVENT)
    assert all(verdict.valid for verdict in check_document(name, data))
    again = FORMATS[name].read(data)
    values = {one.value for event in again.events for one in event.all_observables()}
    assert {"192.0.2.7|4711", "bad.example"} <= values
    assert "mutex" in " ".join(unsaid) or "Global\\x" in values
    assert {event.time for event in again.events} == {NOON}


@pytest.mark.parametrize("name", FORMATS)
def test_no_marking_gets_wider_on_the_way_out_and_in(name: str) -> None:
    terms: list[tuple[IepPolicy, str]] = [
        ((), ""),
        ((("encrypt_in_transit", "must"), ("permitted_actions", "none")), ""),
        ((("attribution", "must-not"),), "0d6f2f4e-1c5b-4d0f-8d9e-0c7a4f6b9a21"),
    ]
    for place, (tlp, pap, (iep, group)) in enumerate(product((None, *Tlp), (None, *Pap), terms)):
        said = Markings(tlp, pap, iep, group)
        where: tuple[dict[str, Any], ...] = (
            {"markings": said},
            {"observables": tuple(replace(one, markings=said) for one in EVENT.observables)},
            {"groups": (ObservableGroup("x", EVENT.observables, markings=said),), "observables": ()},
        )
        data, _ = FORMATS[name].write(replace(EVENT, **where[place % 3]))
        read = FORMATS[name].read(data)
        found = [stricter(event.markings, one.markings) for event in read.events for one in event.all_observables()]
        assert found
        assert all(is_within(one, said) for one in found), (said, found)
        again = FORMATS[name].read(FORMATS[name].write(read)[0]).events
        assert all(is_within(new.markings, old.markings) for new, old in zip(again, read.events, strict=True))


@pytest.mark.parametrize("name", CHILD_ABUSE)
def test_what_must_never_be_held_is_refused_and_nothing_of_it_is_said(name: str) -> None:
    for document in (CHILD_ABUSE[name], [CHILD_ABUSE[name]]):
        data = json.dumps(document).encode()
        (verdict,) = check_document(name, data)
        assert (verdict.valid, [fault.reason for fault in verdict.faults]) == (False, [ABUSE])
        assert "canary" not in repr(verdict)
        with pytest.raises(InputError, match="only its reference is kept"):
            FORMATS[name].read(data)


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_lie_end_in_a_verdict(name: str, shared_data: Path) -> None:
    for data in (*_broken(_samples(name, shared_data)[0]), b"", b"\x00" * 99, b"[" * 100_000, b'{"a":' * 100_000):
        for verdict in check_document(name, data):
            assert verdict.valid is not None, verdict
        with suppress(InputError):
            FORMATS[name].read(data)


def test_alerts_of_others_are_read_as_they_say(shared_data: Path) -> None:
    made, *alerts = _samples("idea", shared_data)
    for data in alerts:
        (verdict,) = idea.check(data)
        assert verdict.valid, verdict
        again, unsaid = idea.write(idea.read(data))
        (given, kept) = (json.loads(data), json.loads(again))
        assert {**given, "Attach": None} == {**kept, "Attach": None}
        assert not unsaid
    (verdict,) = idea.check(made)
    assert [fault.reason for fault in verdict.faults] == ["'ID' is a required property"]  # left out of the transcript
    phishing = idea.read(alerts[1])
    values = [one.value for one in phishing.observables if one.type == "ip-src"]
    assert values[:3] == ["192.168.0.2/31", "192.168.0.4/31", "192.168.0.0/25"]
    assert phishing.observables[0].labels == ("idea:Phishing",)
    assert [one.value for one in phishing.groups[0].observables] == [
        *("killemall", "sha1:0c4a38c3569f0cc632e74f4c", "46", "application/octet-stream")  # a digest too short
    ]
    assert "TVpqdXN0a2lkZGluZwo=" not in repr(phishing)  # the file itself
    assert "Attach[].Content" in phishing.not_understood
    scan = idea.read(alerts[0])
    assert scan.markings.tlp is Tlp.GREEN
    assert "shell" not in repr(scan)


def test_an_alert_against_the_definition_has_the_place_of_each_fault() -> None:
    alert = {"Format": "IDEA1", "ID": "a b", "DetectTime": "yesterday", "Category": [], "TLP": "PINK", "Confidence": 7}
    alert |= {"Source": [{"IP4": ["10.0.0.9-10.0.0.1", "1.2.3.4-1.2.3.9", "::1"], "Port": [70000]}], "New": 1}
    (verdict,) = idea.check(json.dumps(alert).encode())
    assert {fault.path for fault in verdict.faults} == {
        *("Format", "ID", "DetectTime", "Category", "TLP", "Confidence"),
        *("Source[0].IP4[0]", "Source[0].IP4[2]", "Source[0].Port[0]"),
    }
    assert verdict.not_understood == ("New",)
    lines = json.dumps(alert | {"ID": "a"}).encode() + b'\n{"Format": \n{}\n'
    assert [one.valid for one in idea.check(b'{"a": 1}\n{"b": 2}\n')] == [False, False]
    assert [one.valid for one in check_document("idea", lines)] == [False]


def test_reports_of_others_are_judged_by_the_library(shared_data: Path) -> None:
    for data in _samples("xarf", shared_data):
        (verdict,) = xarf.check(data)
        assert (verdict.valid, verdict.version) == (True, "4.2.0"), verdict
        event = xarf.read(data)
        assert event.observables
        again = json.loads(xarf.write(event)[0])
        given = json.loads(data)
        assert {**again, "evidence": 0, "tags": 0} == {**given, "evidence": 0, "tags": 0}
        (verdict,) = xarf.check(data.replace(b'"timestamp"', b'"time"'))
        assert verdict.valid is False
        assert "timestamp" in repr(verdict.faults)


def test_version_3_of_xarf_is_read_through_version_4() -> None:
    when, source = "2026-11-28T12:00:00Z", {"SourceIp": "192.0.2.9", "SourcePort": 22}
    reporter = {"ReporterOrg": "R", "ReporterOrgDomain": "r.example", "ReporterOrgEmail": "a@r.example"}
    report = {"ReportClass": "Activity", "ReportType": "Login-Attack", "Date": when, "Protocol": "tcp", **source}
    data = json.dumps({"Version": "3", "ReporterInfo": reporter, "Report": report}).encode()
    (verdict,) = xarf.check(data)
    assert (verdict.version, verdict.objects) == ("3", 1)
    event = xarf.read(data)
    assert (next(one.value for one in event.observables), event.time) == ("192.0.2.9|22", NOON)
    assert event.original is None
    assert all(one.valid for one in xarf.check(xarf.write(event)[0]))
    (abuse,) = xarf.check(data.replace(b"Login-Attack", b"child-abuse"))
    assert [fault.reason for fault in abuse.faults] == [ABUSE]


def test_who_was_attacked_is_never_reported_as_the_source() -> None:
    reports = json.loads(xarf.write(EVENT)[0])
    assert [one["source_identifier"] for one in reports] == ["192.0.2.7", "bad.example"]
    with pytest.raises(InputError, match="can be the source"):
        xarf.write(replace(EVENT, observables=(Observable("ip-dst", "198.51.100.1"),)))


def _samples(name: str, shared_data: Path) -> list[bytes]:
    if name == "iodef":
        folder = shared_data / "exchange" / "iodef" / "examples"
        return [path.read_bytes() for path in sorted(folder.iterdir())]
    if name == "idea":
        made, *others = sorted((shared_data / "exchange" / "idea").iterdir())
        return [json.dumps(json.loads(made.read_bytes())["idea"]).encode(), *(path.read_bytes() for path in others)]
    return [path.read_bytes() for path in sorted((shared_data / "xarf" / "samples").iterdir())]


def _broken(data: bytes) -> Iterator[bytes]:
    """Cut, with a byte changed, and with each value replaced by one of another type."""
    yield from (data[:end] for end in range(1, len(data), max(len(data) // 40, 1)))
    yield from (data[:place] + b"\xff" + data[place + 1 :] for place in range(0, len(data), max(len(data) // 20, 1)))
    if data.startswith(b"{"):
        document = json.loads(data)
        values: tuple[Any, ...] = (None, 7, "x" * 9_999, ["\u0000", None], {"a": [{}]}, [[["b"]]])
        for key, wrong in product(document, values):
            yield json.dumps({**document, key: wrong}).encode()
