"""A copy of the whole node in a folder, readable or encrypted, checked when it is restored.

A readable one has the files as they are, and ``backup.json`` with their hashes. Of an encrypted one the same is in one
file, ``backup.tar.gpg`` (OpenPGP, RFC 9580, of a tar archive), and ``backup.json`` says only what may be known of it.

The records are copied row by row into an SQLite file whatever database the node uses, so that a backup also moves a
node from SQLite to PostgreSQL and back.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, inspect, literal, not_, select
from sqlalchemy.exc import DBAPIError

from tocsin import __version__
from tocsin.interface import capabilities
from tocsin.node.build import build
from tocsin.node.errors import ConflictError, StorageError, UsageError
from tocsin.node.home import close_to_others, records_of
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.place import Place
from tocsin.node.records import (
    INDEX_TABLES,
    AuditAction,
    Base,
    Database,
    UndoRecord,
    audit,
    continue_numbering,
    copy_unchanged,
    cut,
    open_database,
    sqlite_url,
)
from tocsin.node.settings import load_settings
from tocsin.node.storage import SHARED, place_of
from tocsin.operations.backup_archive import archive_into
from tocsin.operations.backup_encryption import BackupKey, GpgKeyring, backup_keys, encrypted_to
from tocsin.operations.backup_reading import (
    ENCRYPTED,
    MANIFEST,
    CheckedFiles,
    CopyTotals,
    checked_files,
    copy_file,
    decrypted_files,
    describe_backup,
    file_hash,
    naming_older,
)
from tocsin.operations.purge import bring_back_journal, copy_journal, finish_interrupted
from tocsin.operations.record_rows import put_rows, read_rows
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.stores import NodeWithStores, writer

NOT_COPIED: Final = {
    *(HomeFolder.AT_WORK, HomeFolder.COMPILED, HomeFolder.PURGES, HomeFolder.SPOOL, HomeFolder.STANDBY),
    *(HomeFolder.REPORTS, HomeFolder.TAKEN_BACK),
    *(HomeFile.AUDIT_HEAD, HomeFile.UNFINISHED_RESTORE, HomeFile.WRITER_LOCK),
}
_REGISTER: Final = "tocsin.assets.register.models"
"""Whose tables leave encrypted alone."""

LEFT_OUT: Final = "the register of critical assets"

_ALWAYS_FILLED = {"directory_state"}  # its one row is made with the table
OF_WRITERS: Final = frozenset({"writer_term", "passed_number"})
"""What keeps writers apart that give numbers by one PostgreSQL; wrong wherever numbers went on without it."""

OF_THE_PLACE: Final = frozenset({"machine"}) | OF_WRITERS
"""Tables that no copy takes along: machines and writers of a restored node are others."""

# Where the tables of all rooms are described; those of capabilities say so themselves.
_MODELS = (
    "tocsin.events.models",
    "tocsin.events.views",
    "tocsin.directory.tables",
    "tocsin.directory.version",
    "tocsin.directory.registry.tables",
    "tocsin.directory.keys.tables",
    "tocsin.directory.contacts.tables",
    "tocsin.directory.claims.tables",
    "tocsin.delivery.models",
    "tocsin.delivery.never_held.models",
    "tocsin.pipeline.tables",
    "tocsin.problems.answers.models",
    "tocsin.problems.reminders",
    "tocsin.node.accounts.models",
    "tocsin.node.records.audit",
    "tocsin.node.records.audit_texts",
    "tocsin.node.records.identity",
    "tocsin.node.records.tombstones",
    "tocsin.node.records.undo",
    "tocsin.node.letters.models",
    "tocsin.incidents.arrivals.models",
    "tocsin.incidents.models",
    "tocsin.incidents.threads.models",
    "tocsin.incidents.clocks.models",
    "tocsin.incidents.evidence.models",
    "tocsin.incidents.playbooks.models",
    "tocsin.incidents.takedowns.models",
    "tocsin.incidents.duty.models",
    "tocsin.assets.register.models",
    "tocsin.exchange.partners.models",
    "tocsin.exchange.ledger.models",
    "tocsin.exchange.ledger.misp_records",
    "tocsin.exchange.ledger.answer_models",
    "tocsin.exchange.protocols.models",
    "tocsin.exchange.protocols.taxii.models",
    "tocsin.exchange.ways.models",
    "tocsin.exchange.ledger.cases.models",
    "tocsin.exchange.agreements.models",
    "tocsin.pipeline.uploads.models",
    "tocsin.server.api.models",
    "tocsin.sharing.rules.models",
    "tocsin.delivery.mailbox.models",
    "tocsin.pipeline.collectors.models",
    "tocsin.operations.models",
)


def make_backup(
    node: NodeWithStores,
    target: Path,
    *,
    now: datetime,
    actor: str = "backup",
    to: Sequence[str] = (),
    older: str = "",
) -> CopyTotals:
    """Copy the node into ``target``; no event is written meanwhile.

    ``to``: keys that it is encrypted to, see `backup_keys`; then nothing of the node stands there readable.
    ``older``: the revision of records that are not of this version. They and all files are copied as they are, for the
    version that made them, nothing is left out or noted, and the caller holds the node still.

    Raises:
        ConflictError: the folder is not empty, or nothing may be left out and something would be.
        UsageError: the folder lies in the node's own.
        NotFoundError, InputError: a key is not there or cannot be used.
        StorageError: the disk, a database or gpg failed.

    """
    if target.absolute().is_relative_to(node.home):
        raise UsageError(
            f"{target} lies in the node's own folder.", hint="Keep backups elsewhere, best on another disk."
        )
    if target.exists() and any(target.iterdir()):
        raise ConflictError(f"{target} is not empty.", hint="Name a new folder for each backup.")
    keys = backup_keys(node, to, now)
    lacking = not keys and _leaves_out(node)
    if older and lacking:
        raise ConflictError(f"Without a key {LEFT_OUT} is in no backup.", hint="Name a key with --to.")
    with nullcontext() if older else writer(node, fenced=True), _disk(target):
        if not older:
            commitment.recover(node)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
        files = partial(_contents, node, older=older)
        copied, described = _copy_encrypted(node, target, keys, now, files) if keys else _copy_readable(target, files)
    if lacking:
        copied, described = replace(copied, left_out=LEFT_OUT), {"left_out": LEFT_OUT, **described}
    manifest = {**_made_by(now), **described}
    with _disk(target):
        (target / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        close_to_others(target)
        os.sync()
    if not older:
        note_backup(node.database, target, copied, now=now, actor=actor)
    copy_journal(node.home, target.parent)
    return copied


def note_backup(database: Database, target: Path, copied: CopyTotals, *, now: datetime, actor: str) -> None:
    """Note in the audit log that a backup was made, with what else its list says of an encrypted one."""
    detail = {"name": target.name, "bytes": copied.bytes, **describe_backup(target).get("encrypted", {})}
    with database.begin() as session:
        audit(session, AuditAction.BACKUP_MADE, at=now, actor=actor, subject="node", detail=detail)


def restore_backup(source: Path, home: Path, *, now: datetime, keyring: GpgKeyring | None = None) -> CopyTotals:
    """Make a node in ``home`` from a backup, after checking every file of it.

    ``home`` may hold settings already: they stay, so that they can name another database. ``keyring``: opens an
    encrypted backup, whose files are checked in ``home``.

    Raises:
        InputError: the folder holds no backup, or a file of it is missing or changed.
        NotFoundError: no secret key is there that opens it.
        ConflictError: there is something in ``home`` already, or in the database that its settings name.
        StorageError: the disk or a database failed.

    """
    with naming_older(source, home):
        described = describe_backup(source)
        checked = None if "encrypted" in described else checked_files(source, described)

        def files() -> CheckedFiles:
            return checked or decrypted_files(source, described["encrypted"], home, keyring or GpgKeyring())

        found = restore_files(files, home, journal_of=source, now=now)
    return CopyTotals(len(found.hashes), found.bytes, described.get("encrypted", {}).get("keys", ()))


def check_is_empty(home: Path) -> None:
    """Only settings may be where a node is restored.

    Raises:
        ConflictError: there is more.

    """
    if home.exists() and {path.name for path in home.iterdir()} - {HomeFile.SETTINGS}:
        raise ConflictError(f"{home} is not empty.", hint="Restore into a new folder with --home.")


def restore_files(
    files_of: Callable[[], CheckedFiles], home: Path, *, journal_of: Path, now: datetime, pages: bool = False
) -> CheckedFiles:
    """Make a node in ``home`` of checked files; what was purged since is purged again, as beside ``journal_of``.

    ``pages``: the records are those of a node as they were, so that SQLite takes their file as it is.
    """
    check_is_empty(home)
    with _disk(home), _clean_failure(home), ExitStack() as stack:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        files = files_of()
        if not (home / HomeFile.SETTINGS).exists() and HomeFile.SETTINGS in files.hashes:
            copy_file(files.folder / HomeFile.SETTINGS, home / HomeFile.SETTINGS)
        database, elsewhere = _empty_database(home), stack.enter_context(_empty_storage(home))
        (home / HomeFile.UNFINISHED_RESTORE).touch()
        for name in files.hashes:
            folder, _, rest = name.partition("/")
            if folder in elsewhere:
                elsewhere[folder].put(rest, files.folder / name)
            elif name not in {HomeFile.RECORDS, HomeFile.SETTINGS}:
                files.bring(files.folder / name, home / name)
        cut("restore.copied")
        _bring_records(files.folder / HomeFile.RECORDS, database, home / HomeFolder.SPOOL, pages=pages)
        with database.begin() as session:
            audit(session, AuditAction.BACKUP_RESTORED, at=now, actor="backup", subject="node")
        bring_back_journal(journal_of, home)
        close_to_others(home)
        os.sync()
        (home / HomeFile.UNFINISHED_RESTORE).unlink()
    finish_interrupted(home)
    return files


def copy_records(source: Database, target: Database, *, readable: bool = False) -> None:
    """Copy every row of one records database into another; both have the tables of this version, the target's empty.

    ``readable``: without the register of critical assets.

    Raises:
        StorageError: a database failed, or the source has tables that this version does not know.

    """
    target.migrate()
    known = known_tables()
    beside = INDEX_TABLES | {"alembic_version"}
    unknown = set(inspect(source.engine).get_table_names()) - {table.name for table in known} - beside
    if unknown:
        raise StorageError(
            f"The records have tables that this version does not know: {', '.join(sorted(unknown))}.",
            hint="Use the version of Tocsin that made them.",
        )
    secret = _secret_tables() if readable else ()
    with _snapshot(source) as reading, target.engine.begin() as writing:
        for table in known:
            if table in secret or table.name in OF_THE_PLACE:
                continue
            if table.name in _ALWAYS_FILLED:
                writing.execute(delete(table))
            hidden = readable and table is UndoRecord.__table__
            wanted = [not_(UndoRecord.permission.startswith("assets."))] if hidden else []
            put_rows(writing, table, chain.from_iterable(read_rows(reading, table, *wanted)))
        for table in known:
            continue_numbering(writing, table)


def known_tables() -> list[Table]:
    """All tables, each after those that it refers to."""
    for module in (*_MODELS, *(module for one in capabilities() for module in one.tables)):
        import_module(module)
    return Base.metadata.sorted_tables


def _secret_tables() -> list[Table]:
    """The tables of the register of critical assets."""
    import_module(_REGISTER)
    models = (one.class_ for one in Base.registry.mappers if one.class_.__module__ == _REGISTER)
    return [Base.metadata.tables[one.__tablename__] for one in models]


def _leaves_out(node: NodeWithStores) -> bool:
    """Whether a readable backup lacks something that is there."""
    with node.database.engine.connect() as connection:
        there = set(inspect(connection).get_table_names())  # of records of whatever version
        return any(
            connection.scalar(select(literal(1)).select_from(table).limit(1)) is not None
            for table in _secret_tables()
            if table.name in there
        )


@contextmanager
def _snapshot(source: Database) -> Iterator[Connection]:
    """A connection that sees one moment, whoever writes meanwhile; on SQLite a transaction does so by itself."""
    with source.engine.connect() as connection:
        if source.is_shared:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _copy_readable(target: Path, files: Callable[..., Iterator[tuple[str, Path]]]) -> tuple[CopyTotals, dict[str, Any]]:
    for name, path in files(target, readable=True):
        if path != target / name:
            copy_file(path, target / name)
    hashes = {
        path.relative_to(target).as_posix(): file_hash(path) for path in sorted(target.rglob("*")) if path.is_file()
    }
    size = sum((target / name).stat().st_size for name in hashes)
    return CopyTotals(len(hashes), size), {"sha256": hashes}


def _made_by(now: datetime) -> dict[str, str]:
    return {"tocsin": __version__, "commit": build().commit, "made": now.isoformat()}


def _copy_encrypted(
    node: NodeWithStores,
    target: Path,
    keys: Sequence[BackupKey],
    now: datetime,
    files: Callable[..., Iterator[tuple[str, Path]]],
) -> tuple[CopyTotals, dict[str, Any]]:
    work, encrypted = node.spool / "backup", target / ENCRYPTED
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    try:
        with encrypted_to(keys, encrypted, work) as out, archive_into(out) as archive:
            for name, path in files(work, readable=False):
                archive.add(name, path)
            archive.add_text(MANIFEST, json.dumps({**_made_by(now), "sha256": archive.hashes}, indent=1))
    finally:
        shutil.rmtree(work)
    fingerprints = [key.fingerprint for key in keys]
    described = {"size": encrypted.stat().st_size, "sha256": file_hash(encrypted), "keys": fingerprints}
    return CopyTotals(len(archive.hashes), archive.bytes, fingerprints), {"encrypted": described}


def _contents(node: NodeWithStores, work: Path, *, readable: bool, older: str) -> Iterator[tuple[str, Path]]:
    """What is in a backup: the name of each file in it, and where it is; the records, first, are copied to ``work``.

    Records first: what is delivered meanwhile is then in the copy as a mail that is still to be noted, and delivering
    it again writes the same file.
    """
    if older:
        copy_unchanged(node.database, older, work / HomeFile.RECORDS)
    else:
        records = open_database(sqlite_url(work / HomeFile.RECORDS))
        try:
            copy_records(node.database, records, readable=readable)
        finally:
            records.close()
    yield HomeFile.RECORDS, work / HomeFile.RECORDS
    yield from node_files(node, unlisted=bool(older))  # whoever was killed there has parts that no list names yet
    for folder in SHARED if node.settings.storage.address else ():
        place = node.place(folder)
        deleted = _deleted(node) if folder is HomeFolder.EVENTS and not older else ()
        for file in place.list():
            if file.name not in deleted:
                with place.local(file.name) as path:
                    yield f"{folder}/{file.name}", path


@contextmanager
def _clean_failure(home: Path) -> Iterator[None]:
    """Where the block fails, the home is as it was."""
    before = {path.name for path in home.iterdir()} if home.exists() else None
    try:
        yield
    except BaseException:
        for path in home.iterdir() if home.exists() else ():
            if path.name in (before or ()):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if before is None and home.exists():
            home.rmdir()
        raise


@contextmanager
def _empty_storage(home: Path) -> Iterator[dict[str, Place]]:
    """The places by ``[storage] address``, which must have nothing; where the block fails, they have nothing again."""
    settings = load_settings(home).storage
    places: dict[str, Place] = {name: place_of(settings, home, name) for name in SHARED} if settings.address else {}
    if any(next(iter(place.list()), None) for place in places.values()):
        raise ConflictError(
            f"There is something in {settings.address} already.", hint="Name an empty place in [storage] address."
        )
    try:
        yield places
    except BaseException:
        for place in places.values():
            for file in place.list():
                place.delete(file.name)
        raise


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


def _bring_records(backup: Path, database: Database, spool: Path, *, pages: bool) -> None:
    """Copy the records of a backup into the database; those of an older version are brought up to date on the way."""
    if pages and not database.is_shared:
        place = Path(str(database.engine.url.database))
        database.close()
        for path in (place, *place.parent.glob(f"{place.name}-*")):
            path.unlink(missing_ok=True)
        backup.rename(place)
        database.migrate()
        shutil.rmtree(spool)
        return
    copy = spool / HomeFile.RECORDS
    if backup != copy:
        copy_file(backup, copy)
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
            hint="Correct the cause, and begin again with an empty folder.",
        ) from error


def node_files(node: NodeWithStores, *, unlisted: bool = False) -> Iterator[tuple[str, Path]]:
    """The files of a node in its home, but for its records and what is made anew, and those that are not whole yet.

    Nor those that are in storage elsewhere. ``unlisted``: also files of events that the table does not list.
    """
    elsewhere = SHARED if node.settings.storage.address else ()
    deleted = set() if elsewhere or unlisted else {f"{HomeFolder.EVENTS}/{name}" for name in _deleted(node)}
    for path in sorted(node.home.rglob("*")):
        name = path.relative_to(node.home)
        unfinished = any(part.endswith(".part") for part in name.parts)
        if (
            name.parts[0] not in {*NOT_COPIED, *elsewhere}
            and not name.parts[0].startswith(HomeFile.RECORDS)
            and not unfinished
            and name.as_posix() not in deleted
            and path.is_file()
        ):
            yield name.as_posix(), path


def _deleted(node: NodeWithStores) -> set[str]:
    """Files of events that the table does not list any more: they stay a while for readers, but go nowhere."""
    return set(node.store.unlisted())
