"""Packed reports that are cut, corrupt or bombs: the reason is clear, what can be read is taken, the next works."""

import gzip
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bad_reports import (
    NAME,
    aside,
    check_next_report,
    content,
    line,
    put,
    refusal,
    take,
    zipped,
)
from support.cast import Tocsin


@pytest.fixture(autouse=True)
def _next_report(tocsin: Tocsin) -> Iterator[None]:
    yield
    check_next_report(tocsin)


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
