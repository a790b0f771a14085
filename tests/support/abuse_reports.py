"""X-ARF reports with evidence, made up of noise, and a search for traces of them in a home folder."""

import base64
import gzip
import io
import json
import random
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tocsin.delivery.never_held import list_references
from tocsin.node.home import open_home

PICTURE = random.Random(7).randbytes(3_000)
ENCODED = base64.b64encode(PICTURE).decode()
WORDS = "Seen in the room of a person with a name"
REFERENCE = "f7a8b9c0-d1e2-4456-8abc-def012345678"
TRACES = [PICTURE[:60], PICTURE[-60:], ENCODED[:80].encode(), ENCODED[-80:].encode(), WORDS.encode()]


def xarf(kind: str = "csam", category: str = "content", **more: Any) -> dict[str, Any]:
    """A report whose evidence comes before what says of which type it is."""
    contact = {"org": "Reporter", "contact": "abuse@r.example", "domain": "r.example"}
    return {
        "evidence": [
            {"content_type": "image/png", "description": WORDS, "payload": ENCODED, "hash": "md5:" + "0" * 32},
        ],
        "description": WORDS,
        "screenshot": f"data:image/png;base64,{ENCODED}",
        "xarf_version": "4.2.0",
        "report_id": REFERENCE,
        "timestamp": "2026-11-23T10:30:00Z",
        "reporter": contact,
        "sender": contact,
        "source_identifier": "192.0.2.1",
        "url": "https://files.example/secret-place",
        "category": category,
        "type": kind,
        **more,
    }


def shapes(report: dict[str, Any]) -> dict[str, bytes]:
    """The report in every form that feeds come in, by file name."""
    line = json.dumps(report).encode()
    pretty = json.dumps(report, indent=2).encode()
    packed, nested = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("notes.json", pretty)
        archive.writestr("inner.json", line)
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("inner.zip", packed.getvalue())
    return {
        "line.json": line + b"\n",
        "lines.jsonl": line + b"\n" + line + b"\n",
        "pretty.json": pretty,
        "array.json": b"[" + line + b",\n" + pretty + b"]",
        "documents.json": pretty + b"\n" + pretty,
        "marked.json": b"\xef\xbb\xbf" + pretty,
        "marked.jsonl": b"\xef\xbb\xbf" + line + b"\n" + line,
        "wide.json": pretty.decode().encode("utf-16"),
        "cut.json": pretty[:-40],
        "cut.jsonl": line + b"\n" + line[:-40],
        "packed.json.gz": gzip.compress(pretty, 0),
        "cut.json.gz": gzip.compress(pretty * 3, 0)[:-30],
        "packed.zip": packed.getvalue(),
        "nested.zip": nested.getvalue(),
    }


def mailed(report: dict[str, Any]) -> bytes:
    """A mail about the report, to which it is attached, behind another report; forwarded."""
    inner, outer = EmailMessage(), EmailMessage()
    for mail in (inner, outer):
        mail["From"], mail["Subject"] = "reporter@r.example", WORDS
        mail.set_content(f"{WORDS}\n\n{json.dumps(report)}")
    inner.add_attachment(b"source.ip,time.source\n192.0.2.44,2026-11-23 01:02:03\n", "text", "csv", filename="a.csv")
    inner.add_attachment(json.dumps(report).encode(), "application", "json", filename="report.json")
    outer.add_attachment(inner)
    return bytes(outer)


def traces(folder: Path) -> list[str]:
    """The files below a folder in which something of the evidence stands, also where they are packed."""
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(trace in content for content in _unpacked(path.read_bytes()) for trace in TRACES)
    ]


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from _unpacked(archive.read(member))


URL = "https://files.example/secret-place"
"""Where the report says that it is."""


def noted(home: Path) -> list[tuple[str, str, str]]:
    """The references of a node: class, number of the report and way in, the oldest first."""
    settings, database = open_home(home)
    del settings
    with database.reading() as session:
        rows = [(line.row.class_name, line.row.report_id, line.row.place) for line in list_references(session)]
    database.close()
    return rows[::-1]


def canaries(folder: Path) -> list[str]:
    """The files below a folder in which anything of the report stands but its reference, in whatever encoding."""
    words = [WORDS.encode(), URL.encode(), b"secret-place"]
    encoded = [base64.b64encode(b"x" * shift + word)[4:-4] for word in words for shift in range(3)]
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and any(word in content for content in _unpacked(path.read_bytes()) for word in (*words, *encoded, *TRACES))
    ]
