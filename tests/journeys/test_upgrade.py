"""Records of an older version are left alone by every command but `upgrade`, which makes the way back first."""

import json
import os
import random
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import text

import tocsin
from support.cast import Tocsin
from support.databases import Cluster, name_of
from support.processes import KILLED, start
from support.sizes import WHOLE
from tocsin.node.file_locks import held_file
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import alive, counts_of, open_database, revisions, sqlite_url
from tocsin.node.records.migrate import make_older_tables

_HOMES = Path(__file__).parents[1] / "homes"
_OLDEST, _NEWEST = "2026-11-27", "2026-11-29"
_MIGRATIONS = Path(tocsin.__file__).parent / "node" / "records" / "migrations" / "versions"
_COMMANDS = (
    "doctor",
    "todo list",
    "deliver",
    "directory list",
    "problems list",
    "backup ../other",
    "retention apply",
    "serve",
)
"""One of each way to open a node."""


@pytest.fixture
def node(tmp_path: Path) -> Tocsin:
    """A node of 29 November, which nothing of this version has opened."""
    return _older(tmp_path / "home", _NEWEST)


def _older(home: Path, name: str) -> Tocsin:
    with tarfile.open(_HOMES / f"{name}.tar.xz") as archive:
        archive.extractall(home, filter="data")
    (home / "backup.json").unlink()
    return Tocsin(home, {})


def _revision(url: str) -> str:
    database = open_database(url)
    try:
        return revisions(database.engine)[0]
    finally:
        database.close()


def _files(home: Path) -> dict[str, bytes]:
    """What must not change; SQLite's own files beside the records come and go."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.relative_to(home).parts[0] != HomeFolder.COMPILED and "-" not in path.suffix
    }


@pytest.mark.parametrize("command", _COMMANDS)
def test_only_upgrade_changes_older_records(node: Tocsin, command: str) -> None:
    before = _files(node.home)

    code, out, err = node.call(*command.split())

    assert code == 1
    assert "of an older version of Tocsin: 0070" in out + err
    assert "Run 'tocsin upgrade'" in out + err
    assert _files(node.home) == before


def test_records_of_a_newer_version_are_left_alone(node: Tocsin) -> None:
    database = open_database(sqlite_url(node.home / HomeFile.RECORDS))
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    before = _files(node.home)

    for command in ("directory list", "upgrade", "upgrade --try", "serve"):
        code, _, err = node.call(*command.split())
        assert code == 1
        assert "of a newer version of Tocsin: 9999" in err
    assert _files(node.home) == before


def test_a_trial_changes_nothing_and_the_upgrade_is_done_once(node: Tocsin, tmp_path: Path) -> None:
    before = _files(node.home)

    tried = node.json("upgrade", "--try")

    assert _files(node.home) == before
    assert not (node.home / HomeFolder.COMPILED / "upgrade-try").exists()
    assert (tried["before"], tried["changed"], tried["backup"]) == ("0070", {}, "")
    assert tried["rows"] > 1000
    assert not [one for one in tried["findings"] if one["what"] == "event table" and not one["ok"]]

    done = node.json("upgrade", "--backup", tmp_path / "kept")

    assert (done["after"], done["rows"], done["changed"]) == (tried["after"], tried["rows"], {})
    assert done["way_back"].endswith(f"restore {tmp_path / 'kept'}")
    assert "there is nothing to do" in node.run("upgrade")
    words = {one["word"] for one in node.json("audit", "list", "--limit", "60")}
    assert words >= {"backup.made", "backup.checked", "node.upgraded"}


def test_a_trial_names_the_settings_that_this_version_does_not_have(
    node: Tocsin, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = node.home / HomeFile.SETTINGS
    before = settings.read_text() if settings.exists() else ""
    settings.write_text(f'{before}\n[log]\n# a comment\ncolour = "red"\n')
    line = settings.read_text().splitlines().index('colour = "red"') + 1

    monkeypatch.setenv("TOCSIN_LOG_HUE", "red")
    monkeypatch.setenv("TOCSIN_LOG_FORM", "json")

    assert node.json("upgrade", "--try")["unknown_settings"] == {"log.colour": line, "TOCSIN_LOG_HUE": 0}
    assert "TOCSIN_LOG_HUE: a variable that it passes over" in node.run("upgrade", "--try")
    assert f"tocsin.toml, line {line}: log.colour" in node.run("upgrade", "--try")

    code, _, err = node.call("upgrade", "--without-backup")
    assert code == 2
    assert f"tocsin.toml, line {line}, does not work: there is no setting of this name" in err
    settings.write_text(before)
    node.run("upgrade", "--without-backup")
    settings.write_text('colour = "red"\n')
    said = node.run("upgrade", "--try")
    assert "there is nothing to do" in said
    assert "tocsin.toml, line 1: colour" in said


def test_the_backup_is_what_the_version_before_had(node: Tocsin, tmp_path: Path) -> None:
    """All files as they were, and records of its own revision, which its `restore` takes as those of its own backup."""
    records = open_database(sqlite_url(node.home / HomeFile.RECORDS))
    before, counted = _files(node.home), counts_of(records)
    records.close()

    node.run("upgrade", "--backup", tmp_path / "kept")

    kept = _files(tmp_path / "kept")
    assert set(kept) - {"backup.json"} == {name for name in before if name in kept}
    assert [name for name in before if name.startswith("events/") and before[name] != kept.get(name)] == []
    url = sqlite_url(tmp_path / "kept" / HomeFile.RECORDS)
    copy = open_database(url)
    assert counts_of(copy) == counted
    copy.close()
    assert _revision(url) == "0070"
    assert Tocsin(tmp_path / "again", {}).run("restore", tmp_path / "kept")


if WHOLE:  # the history of the repository is needed

    def test_the_version_before_restores_the_backup(node: Tocsin, tmp_path: Path) -> None:
        """The source of the day on which a home was kept is the old program; the printed line is the way back."""
        kept = ["git", "log", "--diff-filter=A", "--format=%H", "-1", "--", f"tests/homes/{_NEWEST}.tar.xz"]
        found = subprocess.run(kept, cwd=_HOMES.parents[1], check=True, capture_output=True, text=True)
        commit = found.stdout.strip()
        archive = ["git", "archive", "--format=tar", "-o", str(tmp_path / "old.tar"), commit, "src"]
        subprocess.run(archive, cwd=_HOMES.parents[1], check=True)
        with tarfile.open(tmp_path / "old.tar") as packed:
            packed.extractall(tmp_path / "old", filter="data")
        places = {**os.environ, "PYTHONPATH": str(tmp_path / "old" / "src")}

        def old(*words: str) -> str:
            command = [sys.executable, "-m", "tocsin", "--home", str(node.home), "--json", *words]
            return subprocess.run(command, env=places, check=True, capture_output=True, text=True).stdout

        asked = (
            "directory list",
            "deliveries list",
            "problems list --limit 500",
            "incidents list",
            "events --limit 200",
        )
        before = {words: old(*words.split()) for words in asked}
        done = node.json("upgrade", "--backup", tmp_path / "kept")
        with pytest.raises(subprocess.CalledProcessError):
            old("directory", "list")
        move, _, restore = str(done["way_back"]).partition(" && ")
        subprocess.run(move.split(), check=True)
        old(*restore.split()[3:])
        assert {words: old(*words.split()) for words in asked} == before


def test_nothing_is_changed_while_somebody_is_at_work_or_there_is_no_backup(node: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    before = _files(node.home)
    with alive(node.home / HomeFolder.AT_WORK, "one.8080", lambda _name: None):
        assert "A server of this node runs" in node.call("upgrade", "--without-backup")[2]
        node.run("upgrade", "--try")
    with held_file(node.home / HomeFile.WRITER_LOCK):
        assert "being taken in" in node.call("upgrade", "--without-backup")[2]
    assert "is not empty" in node.call("upgrade", "--backup", tmp_path / "full")[2]
    assert "--without-backup" in node.call("upgrade", "--without-backup", "--to", "key")[2]
    assert {name: said for name, said in _files(node.home).items() if said or name in before} == before  # and locks


def test_over_postgresql_nobody_else_may_be_connected_and_the_backup_is_the_same(
    postgresql: Cluster, tmp_path: Path
) -> None:
    node, url = _over_postgresql(postgresql, tmp_path / "home", _NEWEST)
    of_sqlite = _rows(node.home / "as-sqlite")
    with postgresql.connect(name_of(url)):
        assert "Others are connected to these records" in node.call("upgrade", "--without-backup")[2]
    assert "older version" in node.call("directory", "list")[2]
    tried = node.json("upgrade", "--try")
    assert (tried["before"], tried["changed"]) == ("0070", {})
    assert _revision(url) == "0070"

    node.run("upgrade", "--backup", tmp_path / "kept")

    assert _revision(url) == tried["after"]
    assert _rows(tmp_path / "kept" / HomeFile.RECORDS) == of_sqlite


def _rows(path: Path) -> dict[str, list[str]]:
    """All rows of an SQLite file, by table, in any order; JSON by what it says."""
    database = open_database(sqlite_url(path))
    with database.connection() as connection:
        found = {
            name: sorted(
                repr([_said(cell) for cell in row]) for row in connection.execute(text(f'SELECT * FROM "{name}"'))
            )
            for name in counts_of(database)
        }
    database.close()
    return found


def _said(cell: object) -> object:
    if isinstance(cell, str) and cell[:1] in "[{":
        try:
            return json.dumps(json.loads(cell), sort_keys=True)
        except ValueError:
            return cell
    return cell


def _over_postgresql(postgresql: Cluster, home: Path, name: str) -> tuple[Tocsin, str]:
    """A node of that day whose records are over PostgreSQL; its SQLite file is beside them as `as-sqlite`."""
    node, url = _older(home, name), postgresql.fresh(migrated=False)
    source = sqlite3.connect((home / HomeFile.RECORDS).rename(home / "as-sqlite"))
    database = open_database(url)
    with database.engine.begin() as connection:
        make_older_tables(connection, source.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    with postgresql.connect(name_of(url)) as connection:
        connection.execute("SET session_replication_role = replica")  # no order of tables
        connection.execute("SET TIME ZONE 'UTC'")
        for table in counts_of(database):
            types = connection.execute(_TYPES, [table]).fetchall()
            places = ", ".join(_PLACES.get(str(kind), f"%s::{kind}") for _, kind in types)
            columns = ", ".join(f'"{column}"' for column, _ in types)
            connection.execute(f'DELETE FROM "{table}"'.encode())
            with connection.cursor() as cursor:
                cursor.executemany(
                    f'INSERT INTO "{table}" ({columns}) VALUES ({places})'.encode(),
                    source.execute(f'SELECT {columns} FROM "{table}"').fetchall(),
                )
            if ("id", "integer") in types:
                connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM \"{table}\"".encode()
                )
    source.close()
    database.close()
    settings = node.home / HomeFile.SETTINGS
    said = settings.read_text() if settings.exists() else ""
    others = said if "[storage]\n" in said else f"{said}\n[storage]\n"
    settings.write_text(others.replace("[storage]\n", f'[storage]\ndatabase = "{url}"\n'))
    return node, url


_TYPES = (
    "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s "
    "ORDER BY ordinal_position"
)
_PLACES = {"boolean": "%s::int::boolean"}


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
def test_a_kill_at_any_migration_leaves_the_old_records_whole(
    engine_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Killed once each migration is noted and before all of them are true; then the upgrade is done."""
    if engine_name == "sqlite":
        node = _older(tmp_path / "home", _OLDEST)
        url = sqlite_url(node.home / HomeFile.RECORDS)
    else:
        node, url = _over_postgresql(request.getfixturevalue("postgresql"), tmp_path / "home", _OLDEST)
    before, counted = _revision(url), _counts(url)
    steps = range(1, sum(path.name[:4] > before for path in _MIGRATIONS.glob("[0-9]*.py")) + 1)
    for step in steps if WHOLE else random.Random(33).sample(steps, 2):
        killed = start(_migrate, url, environment={**os.environ, "TOCSIN_CUT": f"migrate.step:{step}"})
        assert killed.wait() == KILLED
        assert (_revision(url), _counts(url)) == (before, counted)
    node.run("upgrade", "--without-backup")
    assert _revision(url) > before
    now = _counts(url)
    assert {name: count for name, count in counted.items() if now.get(name, 0) < count} == {}


def _migrate(url: str) -> None:
    open_database(url).migrate()


def _counts(url: str) -> dict[str, int]:
    database = open_database(url)
    try:
        return dict(counts_of(database))
    finally:
        database.close()
