"""A copy of the whole node in a folder, checked when it is restored.

The records are copied row by row into an SQLite file whatever database the node uses, so that a backup also moves a
node from SQLite to PostgreSQL and back.
"""

import hashlib
import importlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, delete, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from tocsin import __version__
from tocsin.interface import capabilities
from tocsin.node.errors import ConflictError, InputError, StorageError, UsageError
from tocsin.node.home import close_to_others, records_of
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import AuditAction, Base, Database, audit, continue_numbering, cut, open_database, sqlite_url
from tocsin.node.settings import load_settings
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.stores import NodeWithStores, writer

_MANIFEST = "backup.json"
NOT_COPIED: Final = {
    *(HomeFolder.AT_WORK, HomeFolder.COMPILED, HomeFolder.SPOOL),
    *(HomeFile.AUDIT_HEAD, HomeFile.CHORES, HomeFile.UNFINISHED_RESTORE, HomeFile.WRITER_LOCK),
}
_ROWS = 10_000
_ALWAYS_FILLED = {"directory_state"}  # its one row is made with the table

# Where the tables of all rooms are described; those of capabilities say so themselves.
_MODELS = (
    "tocsin.events.models",
    "tocsin.events.views",
    "tocsin.directory.tables",
    "tocsin.directory.registry.tables",
    "tocsin.directory.keys.tables",
    "tocsin.directory.contacts.tables",
    "tocsin.directory.claims.tables",
    "tocsin.delivery.models",
    "tocsin.pipeline.tables",
    "tocsin.problems.answers.models",
    "tocsin.node.accounts.models",
    "tocsin.node.records.audit",
    "tocsin.node.records.audit_texts",
    "tocsin.node.records.identity",
    "tocsin.node.letters.models",
    "tocsin.incidents.arrivals.models",
    "tocsin.pipeline.uploads.models",
    "tocsin.server.api.models",
    "tocsin.sharing.rules.models",
    "tocsin.delivery.mailbox.models",
    "tocsin.pipeline.collectors.models",
)


@dataclass(frozen=True)
class CopyTotals:
    """How much was copied."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Backup:
    """A backup that is there: the name of its folder, when it was made, and how large it is."""

    name: str
    made_at: datetime
    bytes: int


def backups_in(folder: Path) -> list[Backup]:
    """The backups in a folder, the newest first; what is no backup, or cannot be read, is left out."""
    found = []
    for manifest in sorted(folder.glob(f"*/{_MANIFEST}")):
        try:
            read = json.loads(manifest.read_text(encoding="utf-8"))
            size = sum((manifest.parent / name).stat().st_size for name in read["sha256"])
            found.append(Backup(manifest.parent.name, datetime.fromisoformat(read["made"]), size))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: one.made_at, reverse=True)


def make_backup(node: NodeWithStores, target: Path, *, now: datetime, actor: str = "backup") -> CopyTotals:
    """Copy the node into ``target``; no event is written meanwhile.

    Raises:
        ConflictError: the folder is not empty.
        UsageError: the folder lies in the node's own.
        StorageError: the disk or a database failed.

    """
    if target.absolute().is_relative_to(node.home):
        raise UsageError(
            f"{target} lies in the node's own folder.", hint="Keep backups elsewhere, best on another disk."
        )
    if target.exists() and any(target.iterdir()):
        raise ConflictError(f"{target} is not empty.", hint="Name a new folder for each backup.")
    with writer(node), _disk(target):
        commitment.recover(node)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
        # Records first: what is delivered meanwhile is then in the copy as a mail that is still to be noted, and
        # delivering it again writes the same file.
        records = open_database(sqlite_url(target / HomeFile.RECORDS))
        copy_records(node.database, records)
        records.close()
        deleted = set(node.store.unlisted())  # stays a while for readers, but goes nowhere
        for path in _node_files(node.home):
            if path not in deleted:
                _copy(path, target / path.relative_to(node.home))
    hashes = {path.relative_to(target).as_posix(): _hash(path) for path in sorted(target.rglob("*")) if path.is_file()}
    manifest = {"tocsin": __version__, "made": now.isoformat(), "sha256": hashes}
    with _disk(target):
        (target / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        close_to_others(target)
        os.sync()
    with node.database.begin() as session:
        audit(session, AuditAction.BACKUP_MADE, at=now, actor=actor, subject="node")
    return CopyTotals(len(hashes), sum((target / name).stat().st_size for name in hashes))


def restore_backup(source: Path, home: Path, *, now: datetime) -> CopyTotals:
    """Make a node in ``home`` from a backup, after checking every file of it.

    ``home`` may hold settings already: they stay, so that they can name another database.

    Raises:
        InputError: the folder holds no backup, or a file of it is missing or changed.
        ConflictError: there is something in ``home`` already, or in the database that its settings name.
        StorageError: the disk or a database failed.

    """
    hashes = _checked(source)
    if home.exists() and {path.name for path in home.iterdir()} - {HomeFile.SETTINGS}:
        raise ConflictError(f"{home} is not empty.", hint="Restore into a new folder with --home.")
    with _disk(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        if not (home / HomeFile.SETTINGS).exists() and HomeFile.SETTINGS in hashes:
            _copy(source / HomeFile.SETTINGS, home / HomeFile.SETTINGS)
        database = _empty_database(home)
        (home / HomeFile.UNFINISHED_RESTORE).touch()
        for name in hashes:
            if name not in {HomeFile.RECORDS, HomeFile.SETTINGS}:
                _copy(source / name, home / name)
        cut("restore.copied")
        _bring_records(source / HomeFile.RECORDS, database, home / HomeFolder.SPOOL)
        with database.begin() as session:
            audit(session, AuditAction.BACKUP_RESTORED, at=now, actor="backup", subject="node")
        close_to_others(home)
        os.sync()
        (home / HomeFile.UNFINISHED_RESTORE).unlink()
    return CopyTotals(len(hashes), sum((source / name).stat().st_size for name in hashes))


def copy_records(source: Database, target: Database) -> None:
    """Copy every row of one records database into another; both have the tables of this version, the target's empty.

    Raises:
        StorageError: a database failed, or the source has tables that this version does not know.

    """
    target.migrate()
    known = known_tables()
    unknown = set(inspect(source.engine).get_table_names()) - {table.name for table in known} - {"alembic_version"}
    if unknown:
        raise StorageError(
            f"The records have tables that this version does not know: {', '.join(sorted(unknown))}.",
            hint="Use the version of Tocsin that made them.",
        )
    with _snapshot(source) as reading, target.engine.begin() as writing:
        for table in known:
            if table.name in _ALWAYS_FILLED:
                writing.execute(delete(table))
            rows = reading.execution_options(yield_per=_ROWS).execute(select(table).order_by(*table.primary_key))
            for block in rows.mappings().partitions(_ROWS):
                writing.execute(insert(table), [dict(row) for row in block])
        for table in known:
            continue_numbering(writing, table)


def known_tables() -> list[Table]:
    """All tables, each after those that it refers to."""
    for module in (*_MODELS, *(module for one in capabilities() for module in one.tables)):
        importlib.import_module(module)
    return Base.metadata.sorted_tables


@contextmanager
def _snapshot(source: Database) -> Iterator[Connection]:
    """A connection that sees one moment, whoever writes meanwhile; on SQLite a transaction does so by itself."""
    with source.engine.connect() as connection:
        if source.engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _checked(source: Path) -> dict[str, str]:
    """The files of a backup with their hashes, all of them looked at."""
    manifest = source / _MANIFEST
    if not manifest.is_file():
        raise InputError(f"{source} holds no backup.", hint="Name the folder that 'tocsin backup' made.")
    try:
        hashes: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"The backup is damaged: {_MANIFEST} cannot be read.", hint="Take an older backup.") from error
    outside = [name for name in hashes if Path(name).is_absolute() or ".." in Path(name).parts]
    damaged = [
        name for name, digest in hashes.items() if not (source / name).is_file() or _hash(source / name) != digest
    ]
    if outside or damaged or HomeFile.RECORDS not in hashes:
        name = [*outside, *damaged, HomeFile.RECORDS][0]
        raise InputError(f"The backup is damaged: {name} is missing or changed.", hint="Take an older backup.")
    return hashes


def _empty_database(home: Path) -> Database:
    """The database that the settings in ``home`` name, with tables and without rows."""
    database = records_of(load_settings(home), home)
    database.migrate()
    with database.engine.connect() as connection:
        for table in known_tables():
            if table.name not in _ALWAYS_FILLED and connection.execute(select(table).limit(1)).first() is not None:
                raise ConflictError(
                    "The database that the settings name holds records already.",
                    hint=f"Name an empty one as storage.database in {home / HomeFile.SETTINGS}, or none for SQLite.",
                )
    return database


def _bring_records(backup: Path, database: Database, spool: Path) -> None:
    """Copy the records of a backup into the database; those of an older version are brought up to date on the way."""
    spool.mkdir()
    copy = spool / HomeFile.RECORDS
    shutil.copy2(backup, copy)
    records = open_database(sqlite_url(copy))
    records.migrate()
    copy_records(records, database)
    records.close()
    shutil.rmtree(spool)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder} could not be written: {error.strerror}.",
            hint="Make room or choose another folder, and empty it.",
        ) from error
    except DBAPIError as error:
        raise StorageError(
            f"The records could not be copied: {error.orig}.",
            hint="Mend the cause, and begin again with an empty folder.",
        ) from error


def _node_files(home: Path) -> Iterator[Path]:
    """The files of a node but for its records and what is made anew; not those that are only just being written."""
    for path in sorted(home.rglob("*")):
        parts = path.relative_to(home).parts
        unfinished = any(part.endswith(".part") for part in parts)
        if (
            parts[0] not in NOT_COPIED
            and not parts[0].startswith(HomeFile.RECORDS)
            and not unfinished
            and path.is_file()
        ):
            yield path


def _copy(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, copy)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
