"""`tocsin collect` as a user meets it: folders, schedules, refusals, a run that stays, and the health of feeds."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.collected_reports import NAME, report, spooled, stored
from tocsin.node.records import AuditEntry
from tocsin.pipeline.collectors import read_collectors, run_collector, standings
from tocsin.pipeline.stores import open_node

Collect = Callable[..., None]
OLD = time.time() - 60


@pytest.fixture
def inbox(tocsin: Tocsin) -> Path:
    folder = tocsin.home / "inbox"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, content: bytes, *, at: float = OLD) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (at, at))
    return path


def test_files_of_a_folder_are_taken_in_and_moved(tocsin: Tocsin, collect: Collect, inbox: Path) -> None:
    put(inbox, NAME, report("192.0.2.1"))
    put(inbox, "notes.csv", b"hello\n")
    put(inbox, ".hidden.csv", report("192.0.2.7"))
    put(inbox, "honeypot.toml", b"name = 'x'\n")
    put(inbox, "still-written.csv", b"", at=time.time() + 5)
    collect("folder", path="inbox")

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert (run["taken"], [entry["what"] for entry in run["refused"]]) == ([NAME], ["notes.csv"])
    assert stored(tocsin) == ["192.0.2.1"]
    left = sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file())
    assert left == [
        ".hidden.csv",
        f"done/{NAME}",
        "failed/notes.csv",
        "failed/notes.csv.reason.txt",
        "honeypot.toml",
        "still-written.csv",
    ]
    assert "neither its name nor its first line" in (inbox / "failed" / "notes.csv.reason.txt").read_text()


def test_files_that_are_left_are_taken_once_and_again_when_they_changed(
    tocsin: Tocsin, collect: Collect, inbox: Path
) -> None:
    put(inbox, NAME, report("192.0.2.1"))
    put(inbox, "notes.csv", b"hello\n")
    collect("folder", path="inbox", after="leave")

    first, second = (tocsin.json("collect", "run", "it", code=code)[0] for code in (1, 0))
    put(inbox, NAME, report("192.0.2.1", "192.0.2.2"), at=OLD + 1)
    third = tocsin.json("collect", "run", "it")[0]

    assert [len(run["taken"]) for run in (first, second, third)] == [1, 0, 1]
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2"]
    assert sorted(path.name for path in inbox.iterdir()) == [NAME, "notes.csv"]


def test_what_was_refused_is_taken_in_after_the_cause_was_mended(tocsin: Tocsin, collect: Collect) -> None:
    collect("folder", path="inbox")
    spool = tocsin.home / "collected" / "it" / "new" / "abc"
    spool.mkdir(parents=True)
    put(spool, "honeypot-1.csv", b"when;ip\n2026-11-23 01:02:03;192.0.2.9\n")
    (tocsin.home / "inbox").mkdir()
    assert tocsin.json("collect", "run", "it", code=1)[0]["refused"][0]["what"] == "honeypot-1.csv"
    assert [path.rpartition("/")[2] for path in spooled(tocsin)] == ["honeypot-1.csv", "reason.txt"]
    assert [entry["what"] for entry in tocsin.json("collect", "refused")] == ["honeypot-1.csv"]

    feeds = tocsin.home / "feeds"
    feeds.mkdir()
    (feeds / "honeypot.toml").write_text('separator = ";"\n[columns]\nwhen = "time.source"\nip = "source.ip"\n')
    assert tocsin.json("collect", "retry", "it")["reports"] == 1
    tocsin.run("collect", "run", "it")
    assert tocsin.json("collect", "refused") == []

    assert stored(tocsin) == ["192.0.2.9"]
    assert spooled(tocsin) == []


def test_a_collector_runs_when_it_is_due_and_later_and_later_while_it_fails(
    tocsin: Tocsin, collect: Collect, inbox: Path
) -> None:
    collect("folder", path="inbox", every="2h")
    node = open_node(tocsin.home)
    start = datetime.now(UTC) + timedelta(days=1)

    def run(at: datetime) -> tuple[float, int]:
        [standing] = standings(node.database, read_collectors(node.settings.collect))
        assert standing.is_due(at)
        after = run_collector(node, standing, clock=lambda: at).standing
        assert after is not None
        assert after.next_try_at is not None
        assert not after.is_due(at)
        return (after.next_try_at - at).total_seconds() / 60, after.failures

    assert run(start) == (120, 0)
    inbox.rmdir()
    waits = [run(start + timedelta(days=number + 1)) for number in range(9)]
    assert waits == [(min(2**number, 120), number + 1) for number in range(9)]
    inbox.mkdir()
    assert run(start + timedelta(days=20)) == (120, 0)
    with node.database.begin() as session:
        words = [entry.word for entry in session.query(AuditEntry) if entry.subject == "collector:it"]
    assert words == ["collector.failed", "collector.recovered"]


def test_only_what_is_due_runs_unless_it_is_named(tocsin: Tocsin, collect: Collect, inbox: Path) -> None:
    collect("folder", path="inbox")
    assert [run["name"] for run in tocsin.json("collect", "run")] == ["it"]
    put(inbox, NAME, report("192.0.2.1"))

    assert tocsin.json("collect", "run") == []
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 1
    assert tocsin.call("collect", "run", "other")[0] == 1
    assert tocsin.call("collect", "run", "--dry-run", "--forever")[0] == 2
    [listed] = tocsin.json("collect", "list")
    assert (listed["kind"], listed["every_seconds"], listed["failures"], listed["error"]) == ("folder", 3600, 0, "")
    assert listed["last_report_at"] == listed["last_success_at"] < listed["next_try_at"]


def test_without_collectors_it_says_how_to_get_one(tocsin: Tocsin) -> None:
    assert "docs/collectors.md" in tocsin.run("collect", "list")
    assert "no collectors" in tocsin.run("collect", "run")
    assert tocsin.run("collect", "refused") == "Nothing was refused.\n"
    assert tocsin.call("collect", "run", "--forever")[0] == 2


def test_a_run_that_stays_takes_what_comes_and_ends_when_told(tocsin: Tocsin, collect: Collect, inbox: Path) -> None:
    collect("folder", path="inbox", every="1s")
    command: list[str | Path] = [
        Path(sys.executable).parent / "tocsin",
        "--home",
        tocsin.home,
        "--json",
        "collect",
        "run",
        "--forever",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=tocsin.environment)
    try:
        for address, day in (("192.0.2.1", "2026-11-22"), ("192.0.2.2", "2026-11-23")):
            name = f"{day}-scan_rdp-kestria.csv"
            put(inbox, name, report(address, day=day))
            while not (inbox / "done" / name).exists():
                assert process.poll() is None
                time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 0
    assert out.count(b'"reports": 1') == 2
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2"]


def test_two_runs_at_once_do_not_meet(tocsin: Tocsin, collect: Collect, inbox: Path) -> None:
    put(inbox, NAME, report("192.0.2.1"))
    collect("folder", path="inbox")
    place = tocsin.home / "collected" / "it"
    place.mkdir(parents=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, words = tocsin.call("collect", "run", "it")

    assert (code, "Another process runs the collector 'it'" in words) == (1, True)
    assert stored(tocsin) == []
    assert tocsin.json("collect", "list")[0]["failures"] == 0


def test_a_wrong_setting_of_the_feed_keeps_the_report(tocsin: Tocsin, collect: Collect, inbox: Path) -> None:
    put(inbox, NAME, report("192.0.2.1"))
    collect("folder", path="inbox", source="nowhere")

    assert "no source 'nowhere'" in tocsin.json("collect", "run", "it", code=1)[0]["error"]
    assert (inbox / NAME).exists()

    collect("folder", path="inbox")
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 1


def test_doctor_names_collectors_that_fail_or_that_nobody_runs(tocsin: Tocsin, collect: Collect) -> None:
    collect("folder", path="inbox")

    def found() -> str:
        return str({one["what"]: one for one in tocsin.json("doctor", code=1)}["collectors"]["found"])

    assert found() == "it should have run"
    for _ in range(3):
        tocsin.call("collect", "run", "it")
    assert found() == "it failed 3 times in a row"


def test_columns_of_a_feed_that_change_raise_an_alarm_until_a_person_looked(
    tocsin: Tocsin, collect: Collect, inbox: Path
) -> None:
    collect("folder", path="inbox")
    put(inbox, NAME, report("192.0.2.1"))
    tocsin.run("collect", "run", "it")
    changed = report("192.0.2.2", day="2026-11-24").replace(b'"hostname"', b'"host"').replace(b',"city"', b"")
    put(inbox, "2026-11-24-scan_rdp-kestria.csv", changed)
    tocsin.run("collect", "run", "it")

    [alarm] = tocsin.json("feeds", "health", code=1)
    assert (alarm["feed"], alarm["kind"], alarm["ingest"]) == ("shadowserver/scan_rdp", "columns", 2)
    assert alarm["words"] == "The columns changed: missing city, hostname; new host."
    assert "not as usual: shadowserver/scan_rdp (columns)" in str(tocsin.json("doctor", code=1))
    assert tocsin.call("feeds", "acknowledge", "1", "--note", "")[0] == 2
    tocsin.run("feeds", "acknowledge", str(alarm["alarm"]), "--note", "the provider told us")
    assert tocsin.json("feeds", "health") == []
    assert tocsin.run("feeds", "health") == "All feeds come as usual.\n"


def test_a_feed_may_come_when_it_likes(tocsin: Tocsin, collect: Collect, inbox: Path) -> None:
    collect("folder", path="inbox")
    put(inbox, NAME, report("192.0.2.1"))
    tocsin.run("collect", "run", "it")

    tocsin.run("feeds", "cadence", "shadowserver/scan_rdp", "0")
    [feed] = tocsin.json("feeds", "list")

    assert (feed["cadence_hours"], feed["late_at"], feed["state"]) == (0, None, "well")
    assert "any time" in tocsin.run("feeds", "list")
    assert tocsin.call("feeds", "cadence", "shadowserver/none", "1")[0] == 1
