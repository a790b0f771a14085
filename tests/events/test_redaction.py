"""What of a report may be kept: nothing of abuse but its reference, of evidence only text, all else as it came."""

import base64
import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.abuse_reports import ENCODED, REFERENCE, TRACES, WORDS, shapes, xarf
from tocsin.events.redaction import Redaction, redacted, redacted_bytes, stream
from tocsin.events.redaction.records import TEXT_LIMIT, reduced
from tocsin.node.errors import InputError


def in_pieces(data: bytes, size: int) -> bytes:
    redaction = Redaction()
    kept = b"".join(redaction.take(data[at : at + size]) for at in range(0, len(data), size))
    return kept + redaction.end()


@pytest.mark.parametrize("kind", ["csam", "csem", "CSAM"])
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_of_abuse_nothing_stays_but_the_reference(kind: str, size: int) -> None:
    for name, data in shapes(xarf(kind)).items():
        kept = in_pieces(data, size)
        assert not [trace for trace in TRACES if trace in kept], name
        assert b"secret-place" not in kept, name
        assert redacted_bytes(data)[1], name


def test_the_reference_is_number_class_and_time() -> None:
    kept, count = redacted_bytes(json.dumps(xarf("csem")).encode())
    assert count == 1
    assert json.loads(kept) == {
        "xarf_version": "4.2.0",
        "report_id": REFERENCE,
        "timestamp": "2026-11-23T10:30:00Z",
        "category": "content",
        "type": "csem",
        "withheld": "abuse",
    }
    hidden = xarf(report_id=WORDS, timestamp=WORDS, xarf_version=WORDS)
    assert WORDS not in redacted_bytes(json.dumps(hidden).encode())[0].decode()


@pytest.mark.parametrize(
    "report",
    [
        xarf("other", tags=["content:csam"]),
        {"reports": [{"inner": xarf()}]},
        {"Version": "3", "ReporterInfo": {}, "Report": {"ReportType": "Child-Abuse", "Samples": [{"Data": ENCODED}]}},
    ],
)
def test_abuse_is_seen_by_tag_in_an_envelope_and_in_version_3(report: dict[str, object]) -> None:
    kept, count = redacted_bytes(json.dumps(report).encode())
    assert count == 1
    assert not [trace for trace in TRACES if trace in kept]


def test_a_word_that_is_written_with_escapes_is_seen() -> None:
    data = json.dumps(xarf()).replace("csam", r"\u0063sam").replace("xarf_version", r"xarf_versio\u006e").encode()
    assert redacted_bytes(data)[1] == 1


def test_evidence_stays_as_text_and_of_files_type_size_and_hash() -> None:
    def item(media: str, content: bytes) -> dict[str, str]:
        return {"content_type": media, "description": "seen", "payload": base64.b64encode(content).decode()}

    mail = b"Subject: buy\r\nFrom: a@b.example\r\n\r\nDear victim"
    evidence = [
        item("text/plain", b"log " * 2_000),
        item("message/rfc822", mail),
        item("image/png", b"\x89PNG" * 9),
        {"content_type": "text/plain", "payload": "GET /admin"},
    ]
    report = reduced(xarf("spam", "messaging", evidence=evidence))
    log, head, picture, plain = report["evidence"]
    assert log["text"] == ("log " * 2_000)[:TEXT_LIMIT]
    assert (log["size"], head["text"]) == (8_000, "Subject: buy\r\nFrom: a@b.example")
    digest = hashlib.sha256(b"\x89PNG" * 9).hexdigest()
    assert picture == {"content_type": "image/png", "description": "seen", "hash": f"sha256:{digest}", "size": 36}
    assert plain["text"] == "GET /admin"
    assert report["screenshot"] == "data:"
    assert "payload" not in json.dumps(report)
    assert reduced(report) == report


def test_evidence_of_version_3_is_reduced_too() -> None:
    samples = [{"ContentType": "text/plain", "Data": base64.b64encode(b"a line").decode(), "Description": "log"}]
    report = {"Version": "3", "ReporterInfo": {}, "Report": {"ReportType": "Spam", "Samples": samples}}
    [item] = reduced(report)["Report"]["Evidence"]
    assert (item["text"], item["size"], item["description"]) == ("a line", 6, "log")
    assert reduced(reduced(report)) == reduced(report)


def test_lines_stay_where_they_were() -> None:
    pretty = json.dumps(xarf("spam", "messaging"), indent=2)
    data = f"[{pretty},\n{pretty}]".encode()
    kept = redacted_bytes(data)[0]
    assert kept.count(b"\n") == data.count(b"\n")
    assert [one["type"] for one in json.loads(kept)] == ["spam", "spam"]


def test_what_is_no_x_arf_passes_as_it_came(shared_data: Path) -> None:
    event = {"source.ip": "192.0.2.1", "extra": {"tag": "csamples", "é": "\u00e9"}}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("events.json", json.dumps(event))
    samples = [
        *(path.read_bytes() for path in sorted((shared_data / "xarf" / "samples").glob("*.json"))[:3]),
        b'"a","b"\n"xarf_version","csam"\n',
        json.dumps(event, indent=1).encode(),
        b'{"a":1}\n{"b": "csam}\n\n{"c":3}\r\n',
        b"[" * 100_000,
        b"[1, 2",
        gzip.compress(json.dumps(event).encode()),
        archive.getvalue(),
        b"PK\x03\x04 damaged",
        b"\x1f\x8b damaged",
        b"",
        b" ",
    ]
    for data in samples[3:]:
        assert [in_pieces(data, size) for size in (1, 7, 1 << 20)] == [data] * 3
        assert redacted(io.BytesIO(data)).read() == data


@given(st.binary(max_size=200) | st.text('{}[]",:\\u csamxrf_veion\n', max_size=200).map(str.encode), st.integers(1, 9))
def test_any_bytes_in_any_pieces_are_kept_alike(data: bytes, size: int) -> None:
    assert in_pieces(data, size) == in_pieces(data, len(data) or 1)


def test_a_long_document_passes_in_parts_and_an_endless_object_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HELD", 10_000)
    data = json.dumps([{"source.ip": f"192.0.2.{n % 250}"} for n in range(2_000)] + [xarf()]).encode()
    kept = in_pieces(data, 500)
    assert json.loads(kept)[:2_000] == json.loads(data)[:2_000]
    assert not [trace for trace in TRACES if trace in kept]
    with pytest.raises(InputError, match="longer than"):
        in_pieces(b'{"a": "' + b"x" * 30_000, 500)
