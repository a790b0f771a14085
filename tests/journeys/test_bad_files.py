"""Files that vanish, grow or change while they are read, and disks that are full: nothing half is seen or lost."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from support.bad_reports import (
    addresses,
    aside,
    balanced,
    check_next_report,
    content,
    counts,
    events,
    line,
    put,
    refusal,
    take,
)
from support.cast import Tocsin
from tocsin.events.reports import OpenedReport as Opened
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import open_node

COMMAND = Path(sys.executable).parent / "tocsin"


@pytest.fixture(autouse=True)
def _next_report(tocsin: Tocsin) -> Iterator[None]:
    yield
    check_next_report(tocsin)


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
