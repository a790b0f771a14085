"""Reports with evidence, by every way into a node: of abuse only the reference is written, and all sums balance."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.abuse_reports import REFERENCE, TRACES, canaries, mailed, noted, shapes, traces, xarf
from support.cast import HEADER, Tocsin

WHY = {
    "A report of child sexual abuse: only its reference is kept.",
    "An X-ARF report that cannot be read: its text is not kept, since nobody knows what is in it.",
}
COMMAND = Path(sys.executable).parent / "tocsin"
GZIP_DAMAGE = "the gzip data ends too early"


def aside(tocsin: Tocsin) -> list[dict[str, Any]]:
    return [
        row
        for entry in tocsin.json("quarantine", "list")
        for row in tocsin.json("quarantine", "show", str(entry["ingest"]))
    ]


def check_nothing_stayed(tocsin: Tocsin) -> None:
    assert canaries(tocsin.home) == []
    shown = tocsin.run("events", "--limit", "0", "--format", "json") + json.dumps(aside(tocsin))
    assert not [trace for trace in TRACES if trace.decode("latin-1") in shown]
    assert "secret-place" not in shown
    assert REFERENCE not in shown


@pytest.mark.parametrize(
    ("name", "source"),
    [*((name, "xarf") for name in (*shapes(xarf()), "mail.eml")), ("lines.jsonl", "idf"), ("packed.zip", "idf_csv")],
)
def test_by_command(tocsin: Tocsin, tmp_path: Path, name: str, source: str) -> None:
    path = tmp_path / name
    path.write_bytes(({**shapes(xarf()), "mail.eml": mailed(xarf())})[name])
    _, out, words = tocsin.call("--json", "ingest", path, "--source", source, "--feed", "abuse")
    assert "Traceback" not in words
    assert not [trace for trace in TRACES if trace.decode("latin-1") in out + words]
    taken = json.loads(out)
    assert taken["rows"] == taken["stored"] + taken["duplicates"] + taken["quarantined"]
    assert taken["stored"] == 0
    if name != "nested.zip":  # archives in archives are not read
        assert taken["quarantined"] >= 1
    if source == "xarf" and name not in {"nested.zip", "mail.eml"}:  # the mail has a list, too
        assert {row["reason"] for row in aside(tocsin)} <= {*WHY, GZIP_DAMAGE}
    check_nothing_stayed(tocsin)
    # What was cut off before it said of which class it is has no reference: nobody knows what it was.
    assert set(noted(tocsin.home)) == ({("csam", REFERENCE, "ingest")} if name != "cut.json" else set())


def test_the_reference_is_found_again_and_read_again_without_harm(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "abuse.json"
    path.write_bytes(shapes(xarf())["pretty.json"])
    tocsin.run("ingest", path)
    [row] = aside(tocsin)
    assert row["line"] == 1
    assert json.loads(row["raw"]) == {
        "xarf_version": "4.2.0", "timestamp": "2026-11-23T10:30:00Z", "withheld": "abuse",
    }  # fmt: skip
    counts = tocsin.json("quarantine", "replay", str(row["ingest"]))
    assert (counts["rows"], counts["quarantined"]) == (1, 1)
    whole = json.dumps(xarf())
    counts = tocsin.json("quarantine", "mend", str(row["ingest"] + 1), "0", "--text", whole)
    assert (counts["rows"], counts["quarantined"]) == (1, 1)
    other = json.dumps(xarf("csem", report_id="aaaabbbb-0000-4456-8abc-def012345678"))
    tocsin.json("quarantine", "mend", str(row["ingest"] + 2), "0", "--text", other)
    assert noted(tocsin.home) == [
        ("csam", REFERENCE, "ingest"),
        ("csem", "aaaabbbb-0000-4456-8abc-def012345678", "quarantine edit"),
    ]
    tocsin.run("backup", tmp_path / "backup")
    check_nothing_stayed(tocsin)
    assert traces(tmp_path / "backup") == []


def test_by_a_folder(tocsin: Tocsin) -> None:
    folder = tocsin.home / "incoming"
    folder.mkdir()
    sent = {**shapes(xarf()), "mail.eml": mailed(xarf())}
    for name, data in sent.items():
        (folder / name).write_bytes(data)
        os.utime(folder / name, (0, 0))
    plain = folder / "2026-11-23-scan_rdp-test-geo.csv"
    plain.write_text(f"{HEADER}\nnothing\n")
    os.utime(plain, (0, 0))
    tocsin.call("watch", folder, "--once")
    assert sorted(path.name for path in folder.glob("*/*") if "reason" not in path.name) == sorted([*sent, plain.name])
    assert (folder / "done" / plain.name).stat().st_mtime == 0  # not written again
    check_nothing_stayed(tocsin)
    assert noted(tocsin.home) == [("csam", REFERENCE, "watch")]


def test_what_nobody_could_read_is_noted_all_the_same(tocsin: Tocsin) -> None:
    folder = tocsin.home / "incoming"
    folder.mkdir()
    (folder / "envelope.txt").write_text(json.dumps({"pad": "x" * 70_000, "inside": xarf()}))
    os.utime(folder / "envelope.txt", (0, 0))
    tocsin.call("watch", folder, "--once")
    assert [path.name for path in (folder / "failed").glob("envelope.txt")] == ["envelope.txt"]
    check_nothing_stayed(tocsin)
    assert noted(tocsin.home) == [("csam", REFERENCE, "watch")]


def test_of_one_that_is_cut_and_names_its_class_a_count_and_a_hash_stay(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_bytes(shapes({"type": "csem", **xarf("csem")})["cut.json"])
    for feed in ("one", "two"):
        tocsin.run("ingest", path, "--source", "xarf", "--feed", feed)
    check_nothing_stayed(tocsin)
    [row] = tocsin.json("never-held", "list")
    assert (row["class"], row["report_id"]) == ("csem", "")
    assert tocsin.json("never-held", "show", row["reference"])["times"] == 2


def test_by_a_comparison(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "abuse.json"
    path.write_bytes(shapes(xarf())["pretty.json"])
    tocsin.call("compare", path)
    assert noted(tocsin.home) == [("csam", REFERENCE, "compare")]
    check_nothing_stayed(tocsin)


def test_a_class_of_the_node_is_never_held_either(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "terror.json"
    path.write_text(json.dumps(xarf("terrorist_content")))
    (tocsin.home / "tocsin.toml").write_text('[never_held.classes.terror]\nwords = ["terrorist content"]\n')
    tocsin.run("ingest", path)
    assert noted(tocsin.home) == [("terror", REFERENCE, "ingest")]
    check_nothing_stayed(tocsin)


def test_by_a_pipe_killed_at_any_point(tocsin: Tocsin) -> None:
    for point in ("ingest.set-aside", "ingest.closed"):
        command = [str(COMMAND), "--home", str(tocsin.home), "ingest", "-", "--source", "xarf"]
        killed = subprocess.run(
            [*command, "--feed", "abuse"],
            input=shapes(xarf())["packed.zip"],
            env={**os.environ, "TOCSIN_CUT": point},
            check=False,
            capture_output=True,
        )
        assert killed.returncode < 0
        assert traces(tocsin.home) == []


def test_evidence_of_other_reports_is_kept_as_text(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "malware.json"
    report = xarf("malware", url="http://files.example/a", description="A dropper")
    report["evidence"].append({"content_type": "text/plain", "payload": "R0VUIC9hZG1pbg=="})
    path.write_text(json.dumps([report, {**report, "source_identifier": "", "url": ""}]))
    taken = tocsin.json("ingest", path)
    assert (taken["stored"], taken["quarantined"]) == (1, 1)
    [event] = tocsin.lines("events", "--limit", "0", "--format", "json")
    picture, text = event["extra.evidence"]
    assert (picture["content_type"], picture["size"], text["text"]) == ("image/png", 3_000, "GET /admin")
    assert "payload" not in json.dumps([event, aside(tocsin)])
    assert event["event_description.text"] == "A dropper"
