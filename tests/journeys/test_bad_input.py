"""Bad input through the command line: sums balance, the reason is clear, nothing is lost, the next report works."""

import csv
import email
import email.policy
import gzip
import io
import json
import os
import random
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.cast import HEADER, Tocsin
from support.hostile_reports import hostile_reports
from tocsin.events.idf_out import idf_lines
from tocsin.events.reports import OpenedReport as Opened
from tocsin.node.errors import InternalError
from tocsin.pipeline.groups import IngestSummary
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node

Report = Callable[..., Path]
COMMAND = Path(sys.executable).parent / "tocsin"
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


@pytest.fixture(autouse=True)
def _the_next_report_works(tocsin: Tocsin) -> Iterator[None]:
    """After whatever a test gave it, the node takes in a good report, and is well."""
    yield
    before = len(events(tocsin))
    taken = take(tocsin, put(tocsin, content(line("2001:db8::aaaa", tag="next")), "2026-11-23-scan_rdp-next-geo.csv"))
    assert (taken["stored"], len(events(tocsin))) == (1, before + 1)
    code, said, _ = tocsin.call("--json", "doctor")
    wrong = {found["what"] for found in json.loads(said) if not found["ok"]}
    assert wrong <= {"feeds"}  # a report with other columns raises an alarm, as it should
    assert code == bool(wrong)


# --- packed reports


def test_a_truncated_gzip_gives_what_came_before_and_counts_the_rest_once(tocsin: Tocsin) -> None:
    chance = random.Random(1)
    lines = [line(f"192.0.2.{n % 250}", tag=chance.randbytes(20).hex()) for n in range(2_000)]
    packed = gzip.compress(content(*lines).encode())

    taken = take(tocsin, put(tocsin, packed[: len(packed) // 2], f"{NAME}.gz"))

    assert taken["quarantined"] == 1
    assert 900 < taken["stored"] < 1_100
    [row] = aside(tocsin)
    assert (row["line"], "too early" in row["reason"]) == (0, True)
    whole = take(tocsin, put(tocsin, packed, f"{NAME}.gz"))
    # the row that was cut may have been stored as it was cut
    assert 2_000 <= whole["stored"] + taken["stored"] <= 2_001
    assert whole["duplicates"] in {taken["stored"], taken["stored"] - 1}


def test_a_corrupt_gzip_gives_what_came_before(tocsin: Tocsin) -> None:
    lines = [line(f"192.0.2.{n % 250}", tag=os.urandom(20).hex()) for n in range(2_000)]
    packed = bytearray(gzip.compress(content(*lines).encode()))
    packed[len(packed) // 2 : len(packed) // 2 + 100] = bytes(100)

    taken = take(tocsin, put(tocsin, bytes(packed), f"{NAME}.gz"))

    assert taken["quarantined"] >= 1
    assert taken["stored"] > 900
    assert any("damaged" in row["reason"] for row in aside(tocsin))


@pytest.mark.parametrize(
    "packed", [b"\x1f\x8b\x08\0", gzip.compress(b"", mtime=0)[:12], b"PK\x03\x04", b"PK\x03\x04" + bytes(99)]
)
def test_a_stump_of_a_packed_report_is_refused(tocsin: Tocsin, packed: bytes) -> None:
    reason = refusal(tocsin, put(tocsin, packed, f"{NAME}.gz"))

    assert "too early" in reason or "damaged zip" in reason


def test_an_archive_of_countless_files_is_refused_before_any_is_looked_at(tocsin: Tocsin) -> None:
    many = zipped(*((f"{number}.csv", b"") for number in range(1_001)))
    assert "1,001 files, more than 1,000" in refusal(tocsin, put(tocsin, many, "many.zip"))


def test_a_gzip_stream_of_many_members_is_read_whole(tocsin: Tocsin) -> None:
    packed = gzip.compress(b"") * 10_000 + gzip.compress(content(line()).encode()) + gzip.compress(b"") * 10_000
    assert take(tocsin, put(tocsin, packed, f"{NAME}.gz"))["stored"] == 1


def test_a_bomb_is_refused_and_the_limit_can_be_set(tocsin: Tocsin) -> None:
    bomb = zipped(("bomb.csv", bytes(20_000_000)))
    for path in (put(tocsin, gzip.compress(bytes(20_000_000)), "bomb.csv.gz"), put(tocsin, bomb, "bomb.zip")):
        assert "unpacks to more than" in refusal(tocsin, path)
    assert not list((tocsin.home / "spool").glob("*"))
    many = content(*[line() for _ in range(2_000)])

    (tocsin.home / "tocsin.toml").write_text("[ingest]\nmax_ratio = 2\n")
    assert "unpacks to more than" in refusal(tocsin, put(tocsin, gzip.compress(many.encode()), f"{NAME}.gz"))
    (tocsin.home / "tocsin.toml").write_text("")
    assert take(tocsin, put(tocsin, gzip.compress(many.encode()), f"{NAME}.gz"))["rows"] == 2_000


def zipped(*members: tuple[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def test_one_bad_member_of_an_archive_does_not_stop_the_others(tocsin: Tocsin) -> None:
    archive = zipped(
        ("README.txt", "hello\n"),
        (NAME, content(line())),
        ("empty.csv", b""),
        ("x/" + NAME, content(line("192.0.2.2"))),
    )

    taken = take(tocsin, put(tocsin, archive, "reports.zip"), code=1)

    assert (taken["reports"], taken["stored"]) == (2, 2)
    assert [entry["path"].rpartition(": ")[2] for entry in taken["failed"]] == ["README.txt", "empty.csv"]
    assert "without files" in refusal(tocsin, put(tocsin, zipped(), "nothing.zip"))


def test_standard_input_may_be_packed_and_a_pipe_may_stand_for_a_file(tocsin: Tocsin, tmp_path: Path) -> None:
    packed = gzip.compress(content(line(), line("192.0.2.2")).encode())
    out = tocsin.run("--json", "ingest", "-", "--source", "shadowserver", "--feed", "scan_rdp", stdin=packed)
    assert json.loads(out)["stored"] == 2

    pipe = tmp_path / NAME
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/sh", "-c", f"cat > '{pipe}'"], stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(gzip.compress(content(line("192.0.2.3")).encode()))
        writer.stdin.close()
        assert take(tocsin, pipe)["stored"] == 1


# --- what is no report, or an empty one


def test_an_empty_file_and_binary_junk_are_refused(tocsin: Tocsin) -> None:
    assert "empty" in refusal(tocsin, put(tocsin, b""))
    assert "empty" in refusal(tocsin, put(tocsin, b"\n\n\n"))
    junk = bytes((n * 7919 + n // 3) % 256 for n in range(5_000))
    assert refusal(tocsin, put(tocsin, junk))
    assert refusal(tocsin, put(tocsin, junk, "whatever.bin"))
    assert not aside(tocsin)


def test_only_a_header_is_a_report_without_rows(tocsin: Tocsin) -> None:
    taken = take(tocsin, put(tocsin, content()))

    assert (taken["reports"], taken["rows"]) == (1, 0)
    assert take(tocsin, put(tocsin, content()))["already"] == 1


def test_binary_junk_below_a_header_is_set_aside(tocsin: Tocsin) -> None:
    junk = bytes((n * 7919 + n // 3) % 256 for n in range(5_000)).replace(b'"', b"")

    taken = take(tocsin, put(tocsin, content(line()).encode() + junk + b"\n" + line("192.0.2.2").encode() + b"\n"))

    assert taken["stored"] >= 2
    assert taken["quarantined"] > 0
    assert {"192.0.2.1", "192.0.2.2"} <= set(addresses(tocsin))
    assert all(row["reason"] and row["line"] for row in aside(tocsin))


# --- encodings and line ends

TWO = content(line(tag="Señor"), line("192.0.2.2", tag="naïve"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + TWO.encode(),
        TWO.encode("utf-16"),
        b"\xfe\xff" + TWO.encode("utf-16-be"),
        TWO.encode("utf-16-le"),
        TWO.encode("latin-1"),
        TWO.replace("\n", "\r\n").encode(),
        TWO.replace("\n", "\r").encode(),
        TWO.replace("\n", "\r\n", 1).encode(),
        TWO.rstrip("\n").encode(),
    ],
    ids=["bom", "utf-16", "utf-16-be", "utf-16-le", "latin-1", "crlf", "cr", "mixed", "no-last-end"],
)
def test_text_in_any_encoding_with_any_line_ends_says_the_same(tocsin: Tocsin, data: bytes) -> None:
    assert counts(take(tocsin, put(tocsin, data))) == (2, 0, 0)

    assert sorted((event["source.ip"], event["extra.tag"]) for event in events(tocsin)) == [
        ("192.0.2.1", "Señor"),
        ("192.0.2.2", "naïve"),
    ]


def test_nul_bytes_are_left_out(tocsin: Tocsin) -> None:
    data = content(line(), line("192.0.2.2")).encode().replace(b"rdp", b"r\0dp")

    assert counts(take(tocsin, put(tocsin, data))) == (2, 0, 0)
    assert {event["extra.tag"] for event in events(tocsin)} == {"rdp"}


def test_newlines_in_quotes_belong_to_the_value(tocsin: Tocsin) -> None:
    assert counts(take(tocsin, put(tocsin, content(line(tag="two\nlines"), line("192.0.2.2", tag="a\r\nb"))))) == (
        2,
        0,
        0,
    )

    assert {event["extra.tag"] for event in events(tocsin)} == {"two\nlines", "a\r\nb"}


def test_an_unclosed_quote_costs_its_own_row_at_most(tocsin: Tocsin) -> None:
    broken = line("192.0.2.2").replace('"rdp"', '"rdp')
    taken = take(tocsin, put(tocsin, content(line(), broken, line("192.0.2.3"), line("192.0.2.4"))))

    assert taken["rows"] == 4
    assert {"192.0.2.1", "192.0.2.3", "192.0.2.4"} <= set(addresses(tocsin))


# --- columns


def test_short_rows_and_rows_with_too_much_are_kept_and_flagged(tocsin: Tocsin) -> None:
    short, much = line("192.0.2.2").rsplit(",", 4)[0], line("192.0.2.3") + ',"left","over"'

    assert counts(take(tocsin, put(tocsin, content(line(), short, much)))) == (3, 0, 0)
    assert {event["source.ip"]: flags_of(event) for event in events(tocsin)} == {
        "192.0.2.1": ["documentation"],
        "192.0.2.2": ["short", "documentation"],
        "192.0.2.3": ["surplus", "documentation"],
    }
    [over] = [event for event in events(tocsin) if event["source.ip"] == "192.0.2.3"]
    assert over["extra.tocsin_surplus"] == "left,over"


def test_missing_extra_and_doubled_columns_lose_nothing(tocsin: Tocsin) -> None:
    header = "timestamp,ip,ip,colour"

    assert counts(
        take(tocsin, put(tocsin, content("2026-11-23 01:02:03,192.0.2.1,192.0.2.9,blue", header=header)))
    ) == (1, 0, 0)
    [event] = events(tocsin)
    assert (event["source.ip"], event["extra.colour"]) == ("192.0.2.1", "blue")
    assert "192.0.2.9" in event.values()


def test_a_column_without_any_address_sets_all_rows_aside(tocsin: Tocsin) -> None:
    taken = take(tocsin, put(tocsin, content("2026-11-23 01:02:03,blue", header="timestamp,colour")))

    assert counts(taken) == (0, 0, 1)
    [row] = aside(tocsin)
    assert (row["line"], row["raw"]) == (2, "2026-11-23 01:02:03,blue")
    assert "No usable address" in row["reason"]


def test_a_field_of_ten_megabytes_is_stored_or_set_aside_whole(tocsin: Tocsin) -> None:
    long = "x" * 10_000_000
    taken = take(tocsin, put(tocsin, content(line(), line("192.0.2.2", tag=long), line("192.0.2.3"))))

    assert taken["rows"] == 3
    kept = [event["extra.tag"] for event in events(tocsin)] + [row["raw"] for row in aside(tocsin)]
    assert sum(long in text for text in kept) == 1
    (tocsin.home / "tocsin.toml").write_text("[ingest]\nmax_record_bytes = 1000\n")
    again = take(tocsin, put(tocsin, content(line(tag="y" * 5_000), line("192.0.2.4"))))
    assert counts(again) == (1, 0, 1)
    assert "longer than 1000 bytes" in aside(tocsin)[0]["reason"]


# --- values


def test_addresses_that_are_none_go_to_extra_when_the_row_says_where_otherwise(tocsin: Tocsin) -> None:
    header = '"timestamp","ip","hostname","asn","tag"'
    rows = [
        '"2026-11-23 01:02:03","999.1.1.1","a.example.org",,"junk"',
        '"2026-11-23 01:02:03","999.1.1.1",,,"aside"',
        '"2026-11-23 01:02:03","999.1.1.1",,64500,"whole AS"',
        '"2026-11-23 01:02:03","fe80::1%eth0",,,"zone"',
        '"2026-11-23 01:02:03","::ffff:192.0.2.7",,,"mapped"',
        '"2026-11-23 01:02:03","192.0.2.0/24",,,"network"',
    ]

    assert counts(take(tocsin, put(tocsin, content(*rows, header=header)))) == (3, 0, 3)
    found = {event["extra.tag"]: event for event in events(tocsin)}
    assert found["junk"]["extra.source.ip"] == "999.1.1.1"
    assert "invalid" in flags_of(found["junk"])
    assert found["mapped"]["source.ip"] == "192.0.2.7"
    assert (found["network"]["source.network"], "source.ip" in found["network"]) == ("192.0.2.0/24", False)
    # an address of one link only says nothing to anybody else
    assert [row["raw"] for row in aside(tocsin)] == rows[1:4]


def flags_of(event: dict[str, Any]) -> list[str]:
    return str(event.get("flags", "")).split()


def test_special_addresses_and_times_to_come_are_flagged_not_refused(tocsin: Tocsin) -> None:
    rows = [
        line("10.0.0.1", tag="private"),
        line("192.0.2.1", tag="documentation"),
        line("8.8.8.8", "2031-01-01 00:00:00", "future"),
    ]

    assert counts(take(tocsin, put(tocsin, content(*rows)))) == (3, 0, 0)
    for event in events(tocsin):
        assert flags_of(event) == [event["extra.tag"]]


def test_times_in_odd_formats_are_understood_or_kept(tocsin: Tocsin) -> None:
    odd = [
        "2026-11-23T01:02:03Z",
        "2026-11-23T02:02:03+01:00",
        "1795395723",
        "Mon, 23 Nov 2026 01:02:03 GMT",
        "soon",
        "",
    ]

    assert (
        take(tocsin, put(tocsin, content(*[line(f"192.0.2.{n}", when) for n, when in enumerate(odd)])))["stored"] == 6
    )
    found = {event["source.ip"]: event for event in events(tocsin)}
    for number in range(4):
        assert found[f"192.0.2.{number}"]["time.source"].startswith("2026-11-23T01:02:03"), odd[number]
    assert found["192.0.2.4"]["extra.time.source"] == "soon"
    assert "time.source" not in found["192.0.2.5"]


def test_values_cannot_add_headers_or_parts_to_a_mail(tocsin: Tocsin) -> None:
    evil = "x\r\nBcc: victim@elsewhere.example\r\nSubject: pay\r\n\r\n--=_boundary\r\n"
    header = "timestamp,ip,hostname,asn,geo,infection,family,url"
    row = f'2026-11-23 01:02:03,192.0.2.1,"{evil}",64500,"{evil}","{evil}","{evil}","{evil}"'
    name = "2026-11-23-event4_sinkhole-x\nBcc: victim@elsewhere.example\n.csv"

    taken = take(
        tocsin, put(tocsin, content(row, header=header), name), "--source", "shadowserver", "--feed", "event_sinkhole"
    )
    assert taken["deliveries"] == 2
    tocsin.run("deliver")

    mails = sorted((tocsin.home / "mails").rglob("*.eml"))
    assert len(mails) == 2
    for path in mails:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert not any("victim" in value for value in message.values())
        assert (message["Bcc"], len(message.get_all("Subject", []))) == (None, 1)
        assert b"\nBcc:" not in path.read_bytes()
        [data] = [part for part in message.iter_attachments() if part.get_content_type() == "text/csv"]
        [event] = csv.DictReader(io.StringIO(data.get_content(), newline=""))
        assert evil.strip() in event.values() or evil.strip() in json.loads(event["extra"]).values()


def test_names_that_no_terminal_should_see_are_shown_escaped(tocsin: Tocsin, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/2026-11-23-scan_rdp-\xff\x1b[2J-geo.csv")
    Path(odd).write_text(content(line(), line("nowhere\x1b[2J").replace("64500", "")))

    feed = ["--source", "shadowserver", "--feed", "scan_rdp"]
    assert counts(take(tocsin, odd, *feed)) == (1, 0, 1)
    for command in (["list"], ["show", "1"]):
        assert "\x1b[2J" not in tocsin.run("quarantine", *command)
    Path(odd).write_bytes(b"")
    assert "\\xff" in tocsin.call("ingest", odd)[2]


# --- replay


def test_set_aside_rows_of_every_kind_can_be_replayed_and_stay_aside(tocsin: Tocsin) -> None:
    rows = [
        line("no address").replace("64500", ""),
        line('a""b').replace("64500", ""),
        line("x\ny").replace("64500", ""),
    ]
    taken = take(tocsin, put(tocsin, content(line(), *rows)))
    assert counts(taken) == (1, 0, 3)
    before = [row["raw"] for row in aside(tocsin)]

    again = tocsin.json("quarantine", "replay", "1")

    assert (again["rows"], again["stored"], again["quarantined"]) == (3, 0, 3)
    assert [row["raw"] for row in tocsin.json("quarantine", "show", "2")] == before
    assert before == rows


# --- files that change, and disks that are full


def test_a_file_that_vanishes_or_was_never_there_is_named(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")

    assert "is not there" in refusal(tocsin, tmp_path / "gone.csv")
    assert "is not there" in refusal(tocsin, tmp_path / "never.csv")
    assert "cannot be read" in refusal(tocsin, tmp_path / ("x" * 300))


def test_a_file_that_vanishes_between_two_looks_is_named(tocsin: Tocsin) -> None:
    days = ("2026-11-20", "2026-11-21", "2026-11-22")
    paths = [put(tocsin, content(line(when=day)), f"{day}-scan_rdp-test-geo.csv") for day in days]
    seen: list[str] = []

    def progress(name: str, _counts: object) -> None:
        seen.append(name)
        paths[2].unlink(missing_ok=True)

    outcome = ingest(open_node(tocsin.home), paths, progress=progress)

    # the second is being read ahead; the third is looked for after it is gone
    assert balanced(outcome)
    assert outcome.counts.reports + len(outcome.failed) == 3
    assert all("is not there" in str(error) or "cannot be read" in str(error) for _, error in outcome.failed)


def balanced(outcome: IngestSummary) -> bool:
    it = outcome.counts
    return it.rows == it.stored + it.duplicates + it.quarantined and it.stored == it.routed + it.unrouted


def test_a_file_that_grows_while_read_gives_what_it_was_and_later_the_rest(tocsin: Tocsin) -> None:
    path = put(tocsin, content(line(), line("192.0.2.2")))
    script = f"""
import time
for _ in range(40):
    open({str(path)!r}, "a").write({line("192.0.2.3", tag="grown")!r} + chr(10))
    time.sleep(0.01)
"""
    with subprocess.Popen([sys.executable, "-c", script]):
        while path.stat().st_size < 400:
            time.sleep(0.005)
        first = take(tocsin, path)
    second = take(tocsin, path)

    assert first["rows"] + second["rows"] >= 42
    assert addresses(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert not aside(tocsin)


def test_a_file_that_is_rewritten_while_read_is_refused(tocsin: Tocsin, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tocsin, content(*[line(f"192.0.2.{n % 250}") for n in range(500)]))
    limited = Opened.limited

    def rewritten(self: Opened, stream: Any) -> Any:
        time.sleep(0.02)
        path.write_text(path.read_text().replace("192.0.2.", "192.0.3."))
        return limited(self, stream)

    monkeypatch.setattr(Opened, "limited", rewritten)
    assert "changed while it was read" in refusal(tocsin, path)
    monkeypatch.undo()
    assert events(tocsin) == []
    assert take(tocsin, path)["rows"] == 500


def run(tocsin: Tocsin, path: Path, *, most: int = 0) -> subprocess.CompletedProcess[str]:
    """Take in a report in a process of its own, whose files cannot grow beyond ``most`` bytes."""

    def limit() -> None:
        if most:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    command: list[str | Path] = [COMMAND, "--home", tocsin.home, "--json", "ingest", path]
    return subprocess.run(
        command, preexec_fn=limit, capture_output=True, text=True, check=False, env=tocsin.environment
    )


@pytest.mark.parametrize(
    "rows", [[line(f"192.0.2.{n % 250}", tag=str(n * 7919 % 4801)) for n in range(9_000)], ["junk"] * 3_000]
)
def test_files_that_cannot_grow_stop_the_report_and_nothing_half_is_seen(tocsin: Tocsin, rows: list[str]) -> None:
    tocsin.run("networks", "lookup", "192.0.2.1")  # lays out the bundled tables
    path = put(tocsin, content(*rows))

    stopped = run(tocsin, path, most=65_000)

    assert (stopped.returncode, "Traceback" in stopped.stderr) == (1, False), stopped.stderr
    assert "File too large" in stopped.stderr
    assert "Make room" in stopped.stderr
    assert (events(tocsin), tocsin.json("deliveries", "list"), aside(tocsin)) == ([], [], [])
    assert take(tocsin, path)["rows"] == len(rows)


@contextmanager
def small_disk(size: int) -> Iterator[tuple[Path, bool]]:
    """A folder on a disk of its own; False where this user may not mount one."""
    with TemporaryDirectory(prefix="tocsin-disk-") as place:
        folder = Path(place) / "disk"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        try:
            yield folder, mounted
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("records", ["on it", "elsewhere"])
def test_a_full_disk_stops_the_report_wherever_it_is_full_and_loses_nothing(
    tocsin: Tocsin, tmp_path: Path, records: str
) -> None:
    reports = [
        put(
            tocsin,
            content(*[line(f"192.0.2.{n}", f"{day} 01:02:03") for n in range(200)], "junk"),
            f"{day}-scan_rdp-test-geo.csv",
        )
        for day in ("2026-11-21", "2026-11-22")
    ]
    with small_disk(40_000_000) as (disk, mounted):
        other = Tocsin(disk / "home", tocsin.environment)
        if records == "elsewhere":
            other.home.mkdir()
            (other.home / "tocsin.toml").write_text(f"[storage]\ndatabase = 'sqlite:///{tmp_path}/records.sqlite'\n")
        for name in ("cast.toml", "rules.csv"):
            other.run("directory", "import", tmp_path / name)
        other.run("networks", "lookup", "192.0.2.1")
        for done, path in enumerate(reports):
            reasons = [reason for reason in until_it_fits(other, path, disk) if reason] if mounted else []

            assert len(set(reasons)) >= 2 * mounted
            assert counts(take(other, path)) == ((0, 0, 0) if mounted else (200, 0, 1))
            assert len(events(other)) == 200 * (done + 1)
            assert len(aside(other)) == done + 1
        assert all(found["ok"] for found in other.json("doctor", code=1) if found["what"] != "disk")
        other.run("deliver")
        assert len(other.json("deliveries", "list")) == 3  # two reports, one digest for each team


def until_it_fits(tocsin: Tocsin, path: Path, disk: Path) -> Iterator[str]:
    """The reasons why a report is not taken in, with a little more room on the disk each time until it is."""
    before = addresses(tocsin)
    for room in range(0, 2_000, 8):
        status = os.statvfs(disk)
        with (disk / "filler").open("wb") as out:
            out.write(bytes(max(status.f_bavail * status.f_frsize - room * 1024, 0)))
        code, _, words = tocsin.call("ingest", path)
        (disk / "filler").unlink()
        assert "Traceback" not in words
        if code == 0:
            return
        assert code == 1
        yield next(
            text for text in reversed(words.splitlines()) if "not taken in: " in text or text.startswith("tocsin: ")
        )
        # what was noted before the disk was full may be finished as soon as there is room, and is then finished whole
        assert len(addresses(tocsin)) in {len(before), len(before) + 200}
    pytest.fail("it never fitted")


# --- anything at all

SOURCES = [
    ("shadowserver", "scan_rdp"),
    ("idf", "test"),
    ("xarf", "xarf"),
    ("idea", "idea"),
    ("misp", "misp"),
    ("mapped", "any"),
    ("idf_csv", "test"),
    (None, None),
]
MAPPING = 'name = "Any"\n[columns]\na = "source.ip"\nb = "time.source"\nc = "extra.c"\n'
PIECES = [
    "192.0.2.1",
    '"',
    ",",
    "\n",
    "\r",
    "\0",
    "a,b,c\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    '"source.ip"',
    "1.2.3.0/24",
    " ",
    "é",
    "\ufeff",
]
anything = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map(lambda parts: "".join(parts).encode()),
    st.lists(st.sampled_from(PIECES), max_size=40).map(lambda parts: HEADER.encode() + b"\n" + "".join(parts).encode()),
    st.binary(max_size=200).map(gzip.compress),
    st.binary(max_size=200).map(lambda data: zipped((NAME, data))),
    st.tuples(st.binary(max_size=200), st.integers(0, 200)).map(lambda it: gzip.compress(it[0])[: it[1]]),
    st.tuples(st.binary(max_size=50), st.integers(0, 160), st.integers(0, 255)).map(
        lambda it: (z := bytearray(zipped((NAME, it[0]))), z.__setitem__(it[1] % len(z), it[2]), bytes(z))[2]
    ),
)


@pytest.fixture(scope="module")
def node() -> Iterator[NodeWithStores]:
    with TemporaryDirectory() as folder:
        made = open_node(Path(folder) / "home")
        (made.home / "feeds").mkdir()
        (made.home / "feeds" / "any.toml").write_text(MAPPING)
        yield made


@given(data=anything | hostile_reports, origin=st.sampled_from(SOURCES))
@example(data=b"\xff\xfe", origin=SOURCES[0])
@example(data=b"\x1f\x8b", origin=SOURCES[0])
@example(data=b"a,:!,:integer\n192.0.2.1,x,y\n", origin=("mapped", "any"))
@example(data=b"source.ip,extra\n192.0.2.1,}{\n", origin=("idf_csv", "test"))
@example(data=b'{"source.ip":"192.0.2.1","a":1e400}', origin=SOURCES[1])
def test_for_any_bytes_the_sums_balance_or_there_is_a_reason(
    node: NodeWithStores, data: bytes, origin: tuple[str | None, str | None]
) -> None:
    path = node.home.parent / "any.dat"
    path.write_bytes(data)
    source, feed = origin

    outcome = ingest(node, [path], source=source, feed=feed)

    assert balanced(outcome)
    assert all(str(error) for _, error in outcome.failed)
    assert not [error for _, error in outcome.failed if isinstance(error, InternalError)]
    assert outcome.counts.reports + outcome.counts.already + len(outcome.failed) >= 1
    if outcome.counts.stored:
        stored = node.store.scan(ingests=outcome.ingests).collect()
        assert len([json.loads(line, parse_constant=pytest.fail) for line in idf_lines(stored)]) == stored.height
