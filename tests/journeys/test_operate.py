"""Operating a node: backup, restore, moves between databases, retention, doctor and wrong settings."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.cast import Tocsin
from support.databases import Cluster
from support.processes import KILLED, command
from tocsin.node.records import INDEX_TABLES
from tocsin.operations.retention import apply_retention
from tocsin.pipeline.stores import open_node

Report = Callable[..., Path]


@pytest.fixture
def busy(tocsin: Tocsin, report: Report) -> Tocsin:
    """A node that has heard, set aside, told, and still owes."""
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200", "198.51.100.7"))
    tocsin.run("deliver")
    path = report("192.0.2.2", day="2026-11-24")
    path.write_text(path.read_text() + '"2026-11-24 01:02:03","medium","no address","tcp",1,,,,,,\n')
    tocsin.run("ingest", path)
    return tocsin


def knows(tocsin: Tocsin) -> dict[str, Any]:
    """All that a node says of itself through its commands."""
    return {
        "events": sorted(tocsin.run("events", "--limit", "0", "--format", "json").splitlines()),
        "quarantine": tocsin.json("quarantine", "list"),
        "rows": tocsin.json("quarantine", "show", "2"),
        "deliveries": tocsin.json("deliveries", "list"),
        "explained": tocsin.json("explain", "192.0.2.200"),
        "mails": sorted(path.relative_to(tocsin.home).as_posix() for path in (tocsin.home / "mails").rglob("*.eml")),
    }


def findings(tocsin: Tocsin, *, code: int) -> dict[str, dict[str, Any]]:
    return {found["what"]: found for found in tocsin.json("doctor", code=code)}


def restored(tocsin: Tocsin, backup: Path, name: str, database: str = "") -> Tocsin:
    """A new node from a backup, with its records where the settings say."""
    other = Tocsin(tocsin.home.parent / name, tocsin.environment)
    other.home.mkdir()
    (other.home / "tocsin.toml").write_text(f"[storage]\ndatabase = '{database}'\n")
    other.run("restore", backup)
    return other


def test_a_restored_node_knows_what_the_old_one_knew_and_goes_on(busy: Tocsin, report: Report, tmp_path: Path) -> None:
    (busy.home / "tocsin.toml").write_text("[node]\nname = 'CSIRT of Kestria'\n")
    copied = busy.json("backup", tmp_path / "backup")
    other = Tocsin(tmp_path / "other", busy.environment)

    assert other.json("restore", tmp_path / "backup") == copied
    assert knows(other) == knows(busy)
    assert (other.home / "tocsin.toml").read_text() == (busy.home / "tocsin.toml").read_text()
    assert all(found["ok"] for found in findings(other, code=0).values())
    again = other.json("ingest", report("192.0.2.1", "192.0.2.200", "198.51.100.7"))
    assert again["already"] == 1
    later = other.json("ingest", report("192.0.2.1", day="2026-11-24"))
    assert (later["problems_new"], later["problems_continuing"]) == (0, 1)
    other.run("deliver")
    mails = sorted((other.home / "mails").rglob("*.eml"))
    assert len(mails) == len(knows(busy)["mails"]) + 2  # the operator and the national team, of 192.0.2.2


def test_a_node_moves_to_postgresql_and_back(busy: Tocsin, report: Report, tmp_path: Path, postgresql: Cluster) -> None:
    busy.run("backup", tmp_path / "first")
    moved = restored(busy, tmp_path / "first", "moved", postgresql.fresh(migrated=False))
    assert knows(moved) == knows(busy)
    assert not (moved.home / "records.sqlite").exists()
    moved.run("backup", tmp_path / "second")
    back = restored(busy, tmp_path / "second", "back")

    before, after = rows(busy), rows(back)
    assert (
        len(after.pop("audit_entry")) == len(before.pop("audit_entry")) + 1
    )  # restored twice, against the note of a backup
    assert after == before
    taken = moved.json("ingest", report("2001:db8::5", "192.0.2.3", day="2026-11-22"))
    assert (taken["stored"], taken["deliveries"]) == (2, 3)
    moved.run("directory", "import", tmp_path / "cast.toml")
    moved.run("deliver")
    assert all(found["ok"] for found in findings(moved, code=0).values())


def rows(tocsin: Tocsin) -> dict[str, list[str]]:
    """Every row of every table, as SQLite itself holds it, but for the order of keys in JSON objects."""

    def plain(value: object) -> object:
        return json.loads(value) if isinstance(value, str) and value.startswith(("{", "[{")) else value

    with closing(sqlite3.connect(tocsin.home / "records.sqlite")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in tables if name not in INDEX_TABLES]
        return {
            table: sorted(
                json.dumps([plain(value) for value in row], sort_keys=True)
                for row in connection.execute(f"SELECT * FROM {table}")
            )
            for table in tables
        }


def test_a_damaged_backup_is_refused_and_leaves_nothing_behind(busy: Tocsin, tmp_path: Path) -> None:
    busy.run("backup", tmp_path / "backup")
    [part, *_] = (tmp_path / "backup" / "events").rglob("*.parquet")
    other = Tocsin(tmp_path / "other", busy.environment)
    whole = part.read_bytes()

    for damage in (part.unlink, lambda: part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))):
        damage()
        code, _, words = other.call("restore", tmp_path / "backup")
        assert (code, part.name in words, other.home.exists()) == (1, True, False)
        assert "restore FOLDER" in words  # no other is there
    busy.run("backup", tmp_path / "other-backup")
    words = " ".join(other.call("restore", tmp_path / "backup")[2].split())
    assert f"tocsin --home {other.home} restore {tmp_path / 'other-backup'}" in words
    (tmp_path / "backup" / "backup.json").write_text('{"sha256": ')
    assert other.call("restore", tmp_path / "backup")[0] == 1
    assert "holds no backup" in other.call("restore", tmp_path)[2]
    assert not other.home.exists()


def test_backup_and_restore_never_write_over_anything(busy: Tocsin, tmp_path: Path, postgresql: Cluster) -> None:
    busy.run("backup", tmp_path / "backup")

    assert "not empty" in refused(busy, "backup", tmp_path / "backup", code=1)
    assert "own folder" in refused(busy, "backup", busy.home / "backup", code=2)
    assert "not empty" in refused(busy, "restore", tmp_path / "backup", code=1)
    url = postgresql.fresh()
    restored(busy, tmp_path / "backup", "moved", url)
    other = Tocsin(tmp_path / "other", busy.environment)
    other.home.mkdir()
    (other.home / "tocsin.toml").write_text(f"[storage]\ndatabase = '{url}'\n")
    assert "holds records already" in refused(other, "restore", tmp_path / "backup", code=1)
    assert [path.name for path in other.home.iterdir()] == ["tocsin.toml"]


def refused(tocsin: Tocsin, *arguments: str | Path, code: int) -> str:
    """The words of a command that ends with ``code``, on standard error."""
    found, out, words = tocsin.call(*arguments)
    assert (found, out) == (code, "")
    assert "Traceback" not in words
    return words


def test_a_node_whose_restore_was_cut_off_does_not_open(busy: Tocsin, tmp_path: Path) -> None:
    busy.run("backup", tmp_path / "backup")
    other = Tocsin(tmp_path / "other", busy.environment)
    cut = {**busy.environment, "TOCSIN_CUT": "restore.copied"}
    assert command(other.home, "restore", tmp_path / "backup", environment=cut).wait() == KILLED

    assert "not finished" in refused(other, "events", code=1)
    assert not findings(other, code=1)["settings and records"]["ok"]
    shutil.rmtree(other.home)
    other.run("restore", tmp_path / "backup")
    assert knows(other) == knows(busy)


def test_retention_deletes_what_is_old_and_says_how_much(busy: Tocsin, tmp_path: Path) -> None:
    (busy.home / "tocsin.toml").write_text("[retention]\nevents_days = 30\nquarantine_days = 20\nmails_days = 10\n")
    mails = len(list((busy.home / "mails").rglob("*.eml")))
    now = datetime.now(UTC)

    kept = apply_retention(open_node(busy.home), now=now + timedelta(days=10))
    assert (kept.events_deleted, kept.quarantine_deleted, kept.mails_deleted) == (0, 0, 0)
    later = apply_retention(open_node(busy.home), now=now + timedelta(days=31))

    assert (later.events_deleted, later.quarantine_deleted, later.mails_deleted) == (4, 1, mails)
    assert mails > 0
    assert busy.lines("events", "--format", "json") == []
    assert busy.json("quarantine", "show", "2") == []
    assert not list((busy.home / "mails").rglob("*"))
    left = list((busy.home / "events").rglob("*.parquet"))
    busy.run("backup", tmp_path / "backup")
    assert left
    assert not list((tmp_path / "backup").rglob("day=*/*.parquet"))  # while an export may still read them
    day_ago = now.timestamp() - 86_000
    for path in (busy.home / "events" / "_delta_log").glob("*.json"):
        os.utime(path, (day_ago, day_ago))
    apply_retention(open_node(busy.home), now=now + timedelta(days=32))
    assert not list((busy.home / "events").rglob("*.parquet"))
    assert not list((busy.home / "rows").iterdir())
    assert all(found["ok"] for found in findings(busy, code=0).values())


def test_retention_by_command_keeps_what_is_young(busy: Tocsin) -> None:
    before = knows(busy)

    applied = busy.json("retention", "apply")

    assert (applied["events_deleted"], applied["quarantine_deleted"], applied["mails_deleted"]) == (0, 0, 0)
    assert knows(busy) == before


def test_doctor_finds_a_node_healthy_and_a_missing_file(busy: Tocsin, tmp_path: Path) -> None:
    healthy = findings(busy, code=0)
    assert all(found["ok"] for found in healthy.values())
    assert [what for what, found in healthy.items() if found["mend"]] == ["help texts for the public"]
    [part, *_] = (busy.home / "events").rglob("*.parquet")
    part.rename(tmp_path / part.name)

    found = findings(busy, code=1)["event table"]
    assert (found["ok"], part.name in found["found"], "backup" in found["mend"]) == (False, True, True)
    (tmp_path / part.name).rename(part)
    shutil.move(busy.home / "events", tmp_path / "events")
    assert not findings(busy, code=1)["events and records agree"]["ok"]


def test_doctor_names_an_interrupted_ingest_and_the_next_command_finishes_it(tocsin: Tocsin, report: Report) -> None:
    cut = {**tocsin.environment, "TOCSIN_CUT": "ingest.prepared"}
    assert command(tocsin.home, "ingest", report("192.0.2.1"), environment=cut).wait() == KILLED

    found = findings(tocsin, code=1)["interrupted ingests"]
    assert (found["ok"], "finishes" in found["mend"]) == (False, True)
    tocsin.run("retention", "apply")
    assert findings(tocsin, code=0)["interrupted ingests"]["ok"]
    assert len(tocsin.lines("events", "--format", "json")) == 1


def test_records_that_are_older_than_the_events_are_not_written_on(busy: Tocsin, report: Report) -> None:
    (busy.home / "records.sqlite").unlink()

    assert not findings(busy, code=1)["events and records agree"]["ok"]
    path = report("192.0.2.77", day="2026-11-20")
    assert "older than" in refused(busy, "ingest", path, code=1)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ("[node]\ncountry = 'Kestria'\n", "node.country"),
        ("[node]\nnmae = 'x'\n", "node.nmae"),
        ("[mail]\nport = 99999\n", "mail.port"),
        ("[storage]\ndatabase = 'on the big machine'\n", "storage.database"),
        ("[storage]\ndatabase = 'nosuch://x'\n", "storage.database"),
        ("mail = 3\n", "mail"),
        ("[mail\n", "tocsin.toml"),
        ("[node]\nname = 'a\x00b'\n", "tocsin.toml"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_done(tmp_path: Path, settings: str, name: str) -> None:
    node = Tocsin(tmp_path / "home", dict(os.environ))
    node.home.mkdir()
    (node.home / "tocsin.toml").write_text(settings)

    assert name in refused(node, "quarantine", "list", code=2)
    found = findings(node, code=1)["settings and records"]
    assert (found["ok"], name in found["found"], bool(found["mend"])) == (False, True, True)


def test_a_wrong_variable_is_named_as_the_variable(tocsin: Tocsin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_RETENTION_EVENTS_DAYS", "for ever")

    assert "TOCSIN_RETENTION_EVENTS_DAYS" in refused(tocsin, "quarantine", "list", code=2)


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody@127.0.0.1:1/nothing", "sqlite:////nowhere/at/all.sqlite", "mysql://x@y/z"]
)
def test_a_database_that_cannot_be_used_is_said_plainly(
    tocsin: Tocsin, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("TOCSIN_STORAGE_DATABASE", url)

    assert "database" in refused(tocsin, "quarantine", "list", code=1)
    assert not findings(tocsin, code=1)["settings and records"]["ok"]


def test_records_that_are_no_database_or_of_a_newer_version_are_said_plainly(busy: Tocsin) -> None:
    with closing(sqlite3.connect(busy.home / "records.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "version" in refused(busy, "quarantine", "list", code=1)
    (busy.home / "records.sqlite").write_bytes(b"not a database at all, but some text" * 100)
    assert "not a database" in refused(busy, "quarantine", "list", code=1)
