"""An older node becomes one of this version: tried on a copy, or done after a backup that the older version restores.

There is no way down in place: the way back is that backup, given to `restore` of the version that was before.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from shlex import quote
from time import perf_counter, sleep
from typing import Final

from sqlalchemy import Connection, text

from tocsin.node.errors import ConflictError, StorageError, UsageError
from tocsin.node.home import reach_home
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import (
    AuditAction,
    Database,
    audit,
    copy_unchanged,
    counts_of,
    give_lock,
    open_database,
    revisions,
    sqlite_url,
    take_lock,
)
from tocsin.node.settings import Settings, load_known_settings, load_settings
from tocsin.operations.backup import make_backup, note_backup
from tocsin.operations.backup_reading import CopyTotals, note_check, read_back
from tocsin.operations.doctor import examine_node
from tocsin.operations.health_finding import HealthFinding
from tocsin.operations.take_back import stop_all
from tocsin.pipeline.stores import NodeWithStores, with_stores
from tocsin.pipeline.term import LOCK

_TRIAL: Final = "upgrade-try"
_NOT_SHARED: Final = {
    *(HomeFile.SETTINGS, HomeFile.WRITER_LOCK),
    *(HomeFolder.AT_WORK, HomeFolder.COMPILED, HomeFolder.PURGES, HomeFolder.SPOOL),
}
"""What the home of a trial does not have of the node's, beside the records."""

_GOING: Final = (0.0, 0.1, 0.4, 1.0)  # seconds: PostgreSQL sees a moment later that a connection was closed
_OTHERS: Final = text(
    "SELECT DISTINCT coalesce(host(client_addr), 'this machine') FROM pg_stat_activity WHERE usename = current_user"
    " AND datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@dataclass(frozen=True)
class UpgradeResult:
    """What was done. ``before``, ``after``: revisions of the records, alike where nothing was to do.

    ``seconds``: what the migrations took. ``rows``: in all tables that were there before. ``changed``: tables that had
    another number of rows before than after. ``bytes``: of the records before and after, of a trial. ``backup``: its
    folder. ``way_back``: the command for the version before. ``findings``: of the doctor. ``unknown_settings``: of a
    trial, settings of the file that this version does not know, each with its line; no other command starts with them.
    """

    before: str
    after: str
    seconds: float = 0.0
    rows: int = 0
    changed: Mapping[str, tuple[int, int]] | None = None
    bytes: tuple[int, int] | None = None
    backup: str = ""
    way_back: str = ""
    findings: Sequence[HealthFinding] = ()
    unknown_settings: Mapping[str, int] = field(default_factory=dict)


def upgrade_node(
    home: Path, backup: Path | None, *, now: datetime, actor: str, to: Sequence[str] = ()
) -> UpgradeResult:
    """Bring the records of the node in ``home`` to this version, after a backup that was read back.

    ``backup``: its folder, None for none. ``to``: keys that it is encrypted to.

    Raises:
        ConflictError: a server or a command is at work; the folder is not empty; without a key it would lack something.
        StorageError: the records are of a newer version, or the disk or the database failed; nothing is changed.
        InputError: the backup cannot be read back; nothing is changed.

    """
    with _older(home, load_settings(home)) as (node, before, after):
        if before == after:
            return UpgradeResult(before, after)
        with ExitStack() as still:
            nobody_else = _hold_still(node, still)
            copied = None if backup is None else _back_up(node, backup, before, now=now, to=to)
            nobody_else()
            rows, began = counts_of(node.database), perf_counter()
            node.database.migrate()
            seconds = perf_counter() - began
            count, changed = _compared(rows, counts_of(node.database))
            if backup is not None and copied is not None:
                note_backup(node.database, backup, copied, now=now, actor=actor)
                note_check(node.database, backup, now=now, actor=actor, whole=not copied.keys)
            with node.database.begin() as session:
                detail: dict[str, object] = {"from": before, "to": after}
                audit(session, AuditAction.NODE_UPGRADED, at=now, actor=actor, subject="node", detail=detail)
        return UpgradeResult(
            before,
            after,
            seconds,
            count,
            changed,
            backup=str(backup or ""),
            way_back=_way_back(node, backup) if backup else "",
            findings=examine_node(node, now),
        )


def try_upgrade(home: Path, *, now: datetime) -> UpgradeResult:
    """The same on a copy of the records, which is deleted; the node may be at work, and stays as it is.

    Events and files are only read. The doctor looks at the copy with them.

    Raises:
        StorageError: it would fail, or there is no room for the copy.

    """
    settings, unknown = load_known_settings(home)
    with _older(home, settings) as (node, before, after):
        if before == after:
            return UpgradeResult(before, after, unknown_settings=unknown)
        with _trial_home(node) as trial:
            path = trial / HomeFile.RECORDS
            copy_unchanged(node.database, before, path)
            with closing(open_database(sqlite_url(path))) as records:
                rows, size, began = counts_of(records), path.stat().st_size, perf_counter()
                records.migrate()
                seconds = perf_counter() - began
                storage = settings.storage.model_copy(update={"database": ""})
                copy = with_stores(trial, settings.model_copy(update={"storage": storage}), records)
                return UpgradeResult(
                    before,
                    after,
                    seconds,
                    *_compared(rows, counts_of(records)),
                    bytes=(size, sum(one.stat().st_size for one in trial.glob(f"{HomeFile.RECORDS}*"))),
                    findings=examine_node(copy, now),
                    unknown_settings=unknown,
                )


@contextmanager
def _older(home: Path, settings: Settings) -> Iterator[tuple[NodeWithStores, str, str]]:
    """The node, whose records may be older; their revision, and that of this version."""
    if not home.is_dir():
        raise UsageError(f"{home} is not there.", hint="Name the home folder with --home.")
    with closing(reach_home(home, settings)) as database:
        before, after = revisions(database.engine)
        if not before:
            raise UsageError(
                f"{home} holds no records yet.", hint="Any command makes them; there is nothing to upgrade."
            )
        yield with_stores(home, settings, database), before, after


def _hold_still(node: NodeWithStores, still: ExitStack) -> Callable[[], None]:
    """Take every lock that somebody at work holds, also of another version, until the block of ``still`` ends.

    What it gives looks again whether somebody has come.

    Raises:
        ConflictError: somebody is at work.

    """
    if not node.database.is_shared:
        stop_all(node, still)
        return lambda: None
    connection = still.enter_context(node.database.connection())
    nobody_else = partial(_nobody_else, node.database, connection)
    nobody_else()
    take_lock(connection, LOCK)
    still.callback(give_lock, connection, LOCK)
    return nobody_else


def _nobody_else(database: Database, ours: Connection) -> None:
    """Every server and command of every version has connections to PostgreSQL, and nobody else is to have any."""
    database.engine.dispose()  # those of ours that wait for work
    for wait in _GOING:
        sleep(wait)
        found = sorted(ours.scalars(_OTHERS))
        ours.rollback()
        if not found:
            return
    raise ConflictError(
        f"Others are connected to these records, from {', '.join(found)}.",
        hint="Stop every server, timer and command that uses this database, on all machines; then try it again.",
    )


def _back_up(node: NodeWithStores, backup: Path, before: str, *, now: datetime, to: Sequence[str]) -> CopyTotals:
    """The backup, once it was read back."""
    needed = sum(path.stat().st_size for path in node.home.rglob("*") if path.is_file())
    above = next(path for path in backup.absolute().parents if path.exists())
    if (free := shutil.disk_usage(above).free) < needed:
        raise StorageError(
            f"{above} has {free / 1e9:.1f} GB free, and a backup may need {needed / 1e9:.1f} GB.",
            hint="Name a folder on another disk with --backup.",
        )
    copied = make_backup(node, backup, now=now, to=to, older=before)
    read_back(backup, None)
    return copied


def _way_back(node: NodeWithStores, backup: Path) -> str:
    home, newer, kept = (quote(str(one)) for one in (node.home, f"{node.home}-newer", backup.absolute()))
    return f"mv {home} {newer} && tocsin --home {home} restore {kept}"


def _compared(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[int, dict[str, tuple[int, int]]]:
    """How many rows there were, and the tables that have another number now. Pure."""
    changed = {name: (count, after.get(name, 0)) for name, count in before.items() if after.get(name, 0) != count}
    return sum(before.values()), changed


@contextmanager
def _trial_home(node: NodeWithStores) -> Iterator[Path]:
    """A folder that has all files of the node by links, but for its records; it goes with the block."""
    trial = node.compiled / _TRIAL
    shutil.rmtree(trial, ignore_errors=True)
    free, needed = shutil.disk_usage(node.home).free, 0
    if not node.database.is_shared:
        needed = 3 * (node.home / HomeFile.RECORDS).stat().st_size  # a migration writes a table anew, and its journal
    if free < needed:
        raise StorageError(
            f"{node.home} has {free / 1e9:.1f} GB free, and the trial may need {needed / 1e9:.1f} GB.",
            hint="Make room.",
        )
    try:
        trial.mkdir(mode=0o700, parents=True)
        for path in node.home.iterdir():
            if path.name not in _NOT_SHARED and not path.name.startswith(HomeFile.RECORDS):
                (trial / path.name).symlink_to(path)
        yield trial
    finally:
        shutil.rmtree(trial)
