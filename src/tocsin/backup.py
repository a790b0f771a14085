"""A copy of the whole node in a folder, checked when it is restored.

The records are copied row by row into an SQLite file whatever database the node uses, so that a backup also moves a
node from SQLite to PostgreSQL and back.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, MetaData, Table, func, insert, select, text

from tocsin import __version__, commitment
from tocsin.app import Node, open_node, writer
from tocsin.errors import ConflictError, InputError
from tocsin.records import AuditWord, Database, audit, open_database, sqlite_url

_RECORDS = "records.sqlite"
_MANIFEST = "backup.json"
_NOT_COPIED = {"spool", "compiled", "writer.lock", "records.sqlite", "records.sqlite-wal", "records.sqlite-shm"}
_ROWS = 10_000


@dataclass(frozen=True)
class Copied:
    """How much was copied."""

    files: int
    bytes: int


def make_backup(node: Node, target: Path, *, now: datetime) -> Copied:
    """Copy the node into ``target``; no event is written meanwhile.

    Raises:
        ConflictError: the folder is not empty.

    """
    if target.exists() and any(target.iterdir()):
        raise ConflictError(f"{target} is not empty.", hint="Name a new folder for each backup.")
    target.mkdir(parents=True, exist_ok=True)
    with writer(node):
        commitment.recover(node)
        for path in _files(node.home):
            copy = target / path.relative_to(node.home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        records = open_database(sqlite_url(target / _RECORDS))
        copy_records(node.database, records)
        records.engine.dispose()
        with node.database.begin() as session:
            audit(session, AuditWord.BACKUP_MADE, at=now, actor="backup", subject="node")
    hashes = {path.relative_to(target).as_posix(): _hash(path) for path in _files(target, skip=set())}
    (target / _MANIFEST).write_text(
        json.dumps({"tocsin": __version__, "made": now.isoformat(), "sha256": hashes}, indent=1), encoding="utf-8"
    )
    return Copied(len(hashes), sum((target / name).stat().st_size for name in hashes))


def restore_backup(source: Path, home: Path, *, now: datetime) -> Copied:
    """Make a node in ``home`` from a backup, after checking every file of it.

    Raises:
        InputError: the folder holds no backup, or a file of it is missing or changed.
        ConflictError: there is a node in ``home`` already.

    """
    manifest = source / _MANIFEST
    if not manifest.is_file():
        raise InputError(f"{source} holds no backup.", hint="Name the folder that 'tocsin backup' made.")
    hashes: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))["sha256"]
    damaged = [
        name for name, digest in hashes.items() if not (source / name).is_file() or _hash(source / name) != digest
    ]
    if damaged:
        raise InputError(f"The backup is damaged: {damaged[0]} is missing or changed.", hint="Take an older backup.")
    if (home / "events").exists() or (home / _RECORDS).exists():
        raise ConflictError(f"There is a node in {home} already.", hint="Restore into a new folder with --home.")
    for name in hashes:
        if name != _RECORDS:
            copy = home / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copy)
    node = open_node(home)
    records = open_database(sqlite_url(source / _RECORDS))
    copy_records(records, node.database)
    records.engine.dispose()
    with node.database.begin() as session:
        audit(session, AuditWord.BACKUP_RESTORED, at=now, actor="backup", subject="node")
    return Copied(len(hashes), sum((source / name).stat().st_size for name in hashes))


def copy_records(source: Database, target: Database) -> None:
    """Copy every row of one records database into another, whose tables are made and must be empty."""
    target.migrate()
    tables = MetaData()
    tables.reflect(source.engine)
    into = MetaData()
    into.reflect(target.engine)
    with source.engine.connect() as reading, target.engine.begin() as writing:
        for table in into.sorted_tables:
            if table.name == "alembic_version" or table.name not in tables.tables:
                continue
            rows = reading.execution_options(yield_per=_ROWS).execute(select(tables.tables[table.name])).mappings()
            for block in rows.partitions(_ROWS):
                writing.execute(insert(table), [dict(row) for row in block])
            _continue_numbering(writing, table)


def _continue_numbering(connection: Connection, table: Table) -> None:
    """PostgreSQL counts apart from the rows: the next number must follow the copied ones."""
    if connection.dialect.name != "postgresql" or "id" not in table.columns:
        return
    sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, "id")))
    highest = connection.scalar(select(func.max(table.columns["id"])))
    if sequence and highest:
        connection.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})


def _files(folder: Path, skip: set[str] = _NOT_COPIED) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] not in skip:
            yield path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
