"""Moving a node to PostgreSQL and back: killed everywhere, nothing lost, nobody works where it was."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.databases import Cluster
from support.processes import KILLED, command
from tocsin.node.errors import StorageError
from tocsin.node.paths import HomeFile
from tocsin.node.records import open_database
from tocsin.operations.backup import OF_THE_PLACE, known_tables
from tocsin.operations.record_rows import TableDigest, digest_of

Report = Callable[..., Path]
_FORWARD = ("batch:5", "copied", "marked", "opened", "kept")
_BACK = ("batch:3", "marked", "opened", "renaming", "placed")


@pytest.fixture
def busy(tocsin: Tocsin, report: Report) -> Tocsin:
    """A node that has taken in, set aside, notified and still owes, with what databases write differently."""
    (tocsin.home / "tocsin.toml").write_text("# ours\n[node]\nname = 'CSIRT of Kestria'\n")
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200", "198.51.100.7"))
    tocsin.run("deliver")
    tocsin.run("ingest", report("192.0.2.2", day="2026-11-24"))
    odd = '{"Z": 1.0, "a": [1e2, 0.1, null, "ÿ\\u2028"], "é": {"b": 1, "a": 12345678901234567890}}'
    _sql(tocsin, "UPDATE audit_entry SET detail = ? WHERE id = (SELECT max(id) FROM audit_entry)", odd)
    for key, level, at in (("a", 0.1, "00:00:00"), ("Z", 1, "01:02:03.000004"), ("é", 1, "23:59:59")):
        _sql(tocsin, "INSERT INTO attempt_bucket (key, level, at) VALUES (?, ?, ?)", key, level, f"2026-11-23 {at}")
    return tocsin


def _sql(tocsin: Tocsin, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(tocsin.home / HomeFile.RECORDS)) as connection, connection:
        connection.execute(statement, values)


def held(url: str) -> dict[str, TableDigest]:
    """What records hold, by table, but for what each place has for itself: whoever moves them is its writer, too."""
    tables = [table for table in known_tables() if table.name not in OF_THE_PLACE]
    with closing(open_database(url)) as database, database.engine.connect() as connection:
        return {table.name: digest_of(connection, table) for table in tables}


def changed(before: dict[str, TableDigest], after: dict[str, TableDigest]) -> dict[str, int]:
    """The tables that differ, and how many rows more they have."""
    return {name: after[name].rows - digest.rows for name, digest in before.items() if after[name] != digest}


def killed(tocsin: Tocsin, point: str, *words: str) -> None:
    running = command(tocsin.home, "move", *words, environment={**tocsin.environment, "TOCSIN_CUT": f"move.{point}"})
    assert running.wait() == KILLED, (point, running.said)


def test_a_move_goes_on_wherever_it_was_killed_and_everything_comes_back(
    busy: Tocsin, report: Report, postgresql: Cluster
) -> None:
    url, sqlite = postgresql.fresh(migrated=False), f"sqlite:///{busy.home / HomeFile.RECORDS}"
    before = held(sqlite)
    for point in _FORWARD:
        killed(busy, point, "--database", url)
        assert held(sqlite) == before
        if point in {"marked", "opened", "kept"}:
            assert "were moved" in _words(busy, "deliver")
        else:
            busy.run("audit", "verify")  # the node is where it was
    busy.run("move", "--database", url.replace("+psycopg", ""))

    assert changed(before, held(url)) == {"audit_entry": 1}
    settings = (busy.home / "tocsin.toml").read_text()
    assert settings.startswith("# ours\n[node]\nname = 'CSIRT of Kestria'\n")
    assert url in settings
    [kept, *_] = sorted(busy.home.glob("tocsin.toml.before-*"))
    assert kept.read_text() == "# ours\n[node]\nname = 'CSIRT of Kestria'\n"
    busy.run("audit", "verify")
    assert busy.json("ingest", report("192.0.2.1", "192.0.2.200", "198.51.100.7"))["already"] == 1
    taken = busy.json("ingest", report("2001:db8::5", "192.0.2.3", day="2026-11-25"))
    assert (taken["stored"], taken["deliveries"]) == (2, 3)

    (busy.home / "tocsin.toml").write_text(kept.read_text())  # an old process, or somebody who puts old settings back
    assert "were moved" in _words(busy, "deliver")
    with pytest.raises(sqlite3.IntegrityError, match="were moved"):
        _sql(busy, "UPDATE delivery SET subject = ''")
    (busy.home / "tocsin.toml").write_text(settings)

    there = held(url)
    for point in _BACK:
        killed(busy, point, "--back")
        assert held(url) == there
    busy.run("move", "--back")
    assert changed(there, held(sqlite)) == {"audit_entry": 1}
    busy.run("audit", "verify")
    assert busy.json("search", "192.0.2.3")
    busy.run("deliver")
    assert len(list((busy.home / "mails").rglob("*.eml"))) == len(busy.json("deliveries", "list"))


def test_what_is_tried_beforehand_is_gone_on_with_and_files_go_along(
    busy: Tocsin, report: Report, postgresql: Cluster, tmp_path: Path
) -> None:
    url, shared = postgresql.fresh(), tmp_path / "shared"
    words = ("move", "--database", url, "--storage", f"file://{shared}")
    assert "not there" in _words(busy, *words)
    shared.mkdir()
    tried = busy.json(*words, "--try")
    assert (tried["switched"], tried["seals"], tried["files"] > 5) == (False, True, True)
    assert "not finished" in _refusal(url)
    busy.run("ingest", report("192.0.2.9", day="2026-11-26"))
    busy.run("retention", "apply")  # files of the trial are merged
    _sql(busy, "UPDATE team SET name = 'Other' WHERE key = 'sector'")
    _sql(busy, "DELETE FROM attempt_bucket WHERE key = 'Z'")
    before, events = held(f"sqlite:///{busy.home / HomeFile.RECORDS}"), _events(busy)
    killed(busy, "file:3", *words[1:])
    (busy.home / HomeFile.TOKENS).unlink(missing_ok=True)  # a node that never served has none
    moved = busy.json(*words)
    assert moved["switched"]
    assert (busy.home / HomeFile.TOKENS).is_file()
    assert {"tocsin.toml", "secret.key", "audit.key"} <= set(moved["alike"])
    assert all((busy.home / name).exists() for name in moved["alike"])
    assert (moved["open_to_others"], shared.stat().st_mode & 0o077) == ("", 0)
    assert changed(before, held(url)) == {"audit_entry": 1}
    assert f"file://{shared}" in (busy.home / "tocsin.toml").read_text()
    assert "there already" in _words(busy, "move", "--database", url)
    shutil.rmtree(busy.home / "events")
    assert _events(busy) == events
    taken = busy.json("ingest", report("192.0.2.9", "192.0.2.10", day="2026-11-27"))
    assert (taken["problems_new"], taken["problems_continuing"]) == (1, 1)

    (other := tmp_path / "other").mkdir()
    (other / "events").mkdir()
    (other / "events" / "a").write_text("of another node")
    events = _events(busy)
    assert busy.json("move", "--back")["alike"] == []
    shared.rename(tmp_path / "away")
    assert _events(busy) == events
    again = ("move", "--database", postgresql.fresh(), "--storage", f"file://{other}")
    assert "something at" in _words(busy, *again)


def _events(tocsin: Tocsin) -> list[str]:
    return sorted(tocsin.run("events", "--limit", "0", "--format", "json").splitlines())


def test_nothing_is_moved_that_would_not_be_the_same(busy: Tocsin, postgresql: Cluster, tmp_path: Path) -> None:
    url = postgresql.fresh(migrated=False)
    _sql(busy, "UPDATE delivery SET subject = 'a' || char(0) || 'b' WHERE id = 1")
    _sql(busy, "UPDATE audit_entry SET detail = ? WHERE id = 1", json.dumps({"a": ["\ud800"]}))
    _sql(busy, "UPDATE audit_entry SET detail = ? WHERE id = 2", json.dumps({"a\0": "\\u0000"}))
    _sql(busy, "UPDATE audit_entry SET detail = '{\"a\": NaN}' WHERE id = 3")
    _sql(busy, "UPDATE audit_entry SET detail = ? WHERE id = 4", json.dumps({"NaN": "\\u0000 \\ud800"}))  # as words
    _sql(busy, "UPDATE ingest SET rows = 3000000000 WHERE number = 1")
    said = _words(busy, "move", "--database", url)
    for one in (
        "delivery 1, column subject: it holds a NUL",
        "audit_entry 1, column detail: its JSON holds half of",
        "audit_entry 2, column detail: its JSON holds a NUL",
        "audit_entry 3, column detail: its JSON holds a number that is none",
        "ingest 1, column rows: the number is too large",
    ):
        assert one in said
    assert "audit_entry 4" not in said
    assert "takes no password" in _words(busy, "move", "--database", "postgresql://tocsin:secret@localhost/tocsin")
    (growing := busy.home / f"{HomeFile.RECORDS}.moving").symlink_to(tmp_path / "of another")
    assert "can write" in _words(busy, "move", "--database", url)
    growing.unlink()
    busy.home.chmod(0o777)
    assert "can write" in _words(busy, "move", "--database", url)
    busy.home.chmod(0o700)
    with postgresql.connect(url.partition("@/")[2].partition("?")[0]) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)

    other = tmp_path / "another"
    other.mkdir()
    (other / "tocsin.toml").write_text(f"[storage]\ndatabase = '{url}'\n")
    Tocsin(other, {}).run("people", "list")
    Tocsin(other, {}).run("directory", "import", tmp_path / "cast.toml")
    _sql(busy, "UPDATE delivery SET subject = '' WHERE id = 1")
    _sql(busy, "UPDATE audit_entry SET detail = '{}' WHERE id < 5")
    _sql(busy, "UPDATE ingest SET rows = 3 WHERE number = 1")
    assert "holds records already" in _words(busy, "move", "--database", url)
    (busy.home / "tocsin.toml").write_text("storage = { backup_days = 3 }\n")
    assert "can be changed here" in _words(busy, "move", "--database", postgresql.fresh())


def _words(tocsin: Tocsin, *words: str) -> str:
    """What a command says that must not do what it is asked."""
    code, out, said = tocsin.call(*words)
    assert (bool(code), out) == (True, "")
    assert "Traceback" not in said
    return said


def _refusal(url: str) -> str:
    with closing(open_database(url)) as database, pytest.raises(StorageError, match="moved into") as refused:
        database.migrate()
    return str(refused.value)
