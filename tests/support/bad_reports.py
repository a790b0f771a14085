"""Bad reports through the command line: what a test gives a node, and what the node says of it."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from support.cast import HEADER, Tocsin
from tocsin.pipeline.groups import IngestSummary

NAME = "2026-11-23-scan_rdp-test-geo.csv"


def line(address: str = "192.0.2.1", when: str = "2026-11-23 01:02:03", tag: str = "rdp") -> str:
    return f'"{when}","medium","{address}","tcp",3389,,"{tag}",64500,"MU",,'


def content(*lines: str, header: str = HEADER, end: str = "\n") -> str:
    return end.join([header, *lines, ""])


def put(tocsin: Tocsin, data: bytes | str, name: str = NAME) -> Path:
    path = tocsin.home.parent / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def take(tocsin: Tocsin, path: str | Path, *more: str, code: int = 0) -> dict[str, Any]:
    """Take in one report, whose sums must balance."""
    found, out, words = tocsin.call("--json", "ingest", path, *more)
    assert found == code, words
    assert "Traceback" not in words
    taken: dict[str, Any] = json.loads(out)
    assert taken["rows"] == taken["stored"] + taken["duplicates"] + taken["quarantined"]
    assert taken["stored"] == taken["routed"] + taken["unrouted"]
    return taken


def counts(taken: dict[str, Any]) -> tuple[int, int, int]:
    return taken["stored"], taken["duplicates"], taken["quarantined"]


def refusal(tocsin: Tocsin, path: str | Path, *more: str) -> str:
    """The reason why a report was not taken in at all."""
    taken = take(tocsin, path, *more, code=1)
    assert (taken["reports"], taken["rows"]) == (0, 0)
    [failed] = taken["failed"]
    return str(failed["reason"])


def events(tocsin: Tocsin) -> list[dict[str, Any]]:
    return tocsin.lines("events", "--limit", "0", "--format", "json")


def addresses(tocsin: Tocsin) -> list[str]:
    return sorted(event["source.ip"] for event in events(tocsin) if "source.ip" in event)


def aside(tocsin: Tocsin) -> list[dict[str, Any]]:
    """All rows that were set aside, with reasons."""
    return [
        row
        for entry in tocsin.json("quarantine", "list")
        for row in tocsin.json("quarantine", "show", str(entry["ingest"]), "--limit", "100000")
    ]


def zipped(*members: tuple[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def balanced(outcome: IngestSummary) -> bool:
    it = outcome.counts
    return it.rows == it.stored + it.duplicates + it.quarantined and it.stored == it.routed + it.unrouted


def check_next_report(tocsin: Tocsin) -> None:
    """After whatever a test gave it, the node takes in a good report, and is well."""
    before = len(events(tocsin))
    taken = take(tocsin, put(tocsin, content(line("2001:db8::aaaa", tag="next")), "2026-11-23-scan_rdp-next-geo.csv"))
    assert (taken["stored"], len(events(tocsin))) == (1, before + 1)
    code, said, _ = tocsin.call("--json", "doctor")
    wrong = {found["what"] for found in json.loads(said) if not found["ok"]}
    assert wrong <= {"feeds"}  # a report with other columns raises an alarm, as it should
    assert code == bool(wrong)
