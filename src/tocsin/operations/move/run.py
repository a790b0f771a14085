"""A node moves: its records into another database, then `tocsin.toml` names that; nothing works meanwhile.

In order: rows are copied in batches and compared; the old records are marked, so that nobody works on them again; the
mark of the new ones is taken off; the settings are switched. Killed before the marks, the node is where it was; killed
after them, it opens nowhere until the same command has done the rest. docs/design/moving.md.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final, Literal
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Connection, Table, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from tocsin.node.errors import ConflictError, InputError, StorageError, UsageError
from tocsin.node.files import disk_failures, sync_folder
from tocsin.node.home import is_open, open_home, records_of
from tocsin.node.node import Node
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import (
    AuditAction,
    Database,
    RecordsMark,
    SealCheckResult,
    audit,
    check_seals,
    cut,
    node_uuid,
    open_database,
    open_seal_key,
    read_head,
    read_mark,
    refuse_changes,
    set_mark,
    short_of,
    sqlite_url,
)
from tocsin.node.settings import Settings, load_settings
from tocsin.node.storage import check_storage
from tocsin.node.storage_settings import StorageSettings
from tocsin.node.tokens import open_tokens
from tocsin.operations.backup import OF_THE_PLACE, OF_WRITERS, known_tables
from tocsin.operations.machines import ALIKE
from tocsin.operations.move.files import FileTotals, copy_files, is_in_use
from tocsin.operations.move.records import RecordsCopy, held_still
from tocsin.operations.move.refused import find_refused
from tocsin.operations.move.settings_file import check_can_switch, switch_settings
from tocsin.operations.record_rows import count_rows
from tocsin.operations.take_back import stop_all
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.stores import with_stores

_VARIABLE: Final = "TOCSIN_STORAGE_DATABASE"
_UNFINISHED: Final = f"{HomeFile.RECORDS}.moving"  # where SQLite's file grows on the way back
_NAMED: Final = 10  # refused values that an error names


@dataclass(frozen=True)
class MoveProgress:
    """How far a step is: rows, or bytes of files, of all; and the seconds that it took so far."""

    step: Literal["copying", "comparing"]
    unit: Literal["rows", "bytes"]
    done: int
    total: int
    seconds: float

    @property
    def rate(self) -> float:
        """So many a second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float:
        """Seconds until the step ends, at this rate."""
        return max(self.total - self.done, 0) / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class MoveResult:
    """What was moved. ``database``: without its password; ``kept``: the file with the settings as they were.

    ``switched``: the node works there now. ``seals``: whether the audit log is as it was sealed, read there.
    ``alike``: the files and folders of the home that each further machine must have. ``open_to_others``: the shared
    folder, where other users of this machine can open it and it is not this user's to close.
    """

    database: str
    tables: int
    rows: int
    seconds: float
    switched: bool
    seals: bool
    kept: str = ""
    files: int = 0
    bytes: int = 0
    alike: Sequence[str] = ()
    open_to_others: str = ""


@dataclass(frozen=True)
class _Move:
    home: Path
    url: str  # what the settings will say; empty: SQLite in the home folder
    address: str | None  # that of the storage; None: it stays where it is
    trial: bool
    actor: str
    clock: Callable[[], datetime]
    told: Callable[[MoveProgress], None]

    @property
    def values(self) -> dict[str, str]:
        """The settings that are switched."""
        return {"database": self.url} | ({} if self.address is None else {"address": self.address})

    @property
    def place(self) -> Path:
        """Where SQLite's file grows, or is where it got its name before a kill."""
        growing = self.home / _UNFINISHED
        here = self.home / HomeFile.RECORDS
        return growing if growing.exists() or not _is_of_target(here) else here

    def target(self) -> Database:
        return open_database(self.url or sqlite_url(self.place))


def move_node(
    home: Path,
    database: str,
    *,
    storage: str = "",
    trial: bool = False,
    actor: str,
    clock: Callable[[], datetime],
    told: Callable[[MoveProgress], None] = lambda _: None,
) -> MoveResult:
    """Move the records of the node in ``home``; what is in the new database from a move that was killed is kept.

    ``database``: the URL of an empty PostgreSQL database; empty: back into SQLite in the home folder, with all that
    came since; files from ``[storage] address``, too. ``storage``: the address that files are copied to; empty: they
    stay where they are. ``trial``: only copy and compare, while the node may work; then the move copies what is new.

    Raises:
        UsageError, SettingError: it is no such URL, it has a password, or the settings cannot be switched.
        ConflictError: the node works, is there already, or the database holds something else; or others may write in
            the home folder.
        InputError: the records hold what PostgreSQL refuses; each value is named.
        StorageError: a database or disk failed, or rows differ.

    """
    return _run(_Move(home, database and _with_driver(database), storage or None, trial, actor, clock, told))


def _run(move: _Move) -> MoveResult:
    if _VARIABLE in os.environ:
        raise UsageError(
            f"The variable {_VARIABLE} names the records of this node.",
            hint="Move them into tocsin.toml, [storage] database: it is switched at the end.",
        )
    _check_is_ours(move.home)
    settings = load_settings(move.home)
    if settings.storage.database == move.url:
        raise ConflictError("The records of this node are there already.")
    if not move.url and settings.storage.address:
        move = replace(move, address="")
    elif move.address == settings.storage.address:
        move = replace(move, address=None)
    check_can_switch(move.home, move.values)
    begun = perf_counter()
    with ExitStack() as opened:
        source = opened.enter_context(closing(records_of(settings, move.home)))
        target = opened.enter_context(closing(move.target()))
        opened.enter_context(_failures())
        opened.enter_context(target.kept_open())
        mark = _mark_of(source)
        if mark is None:
            raise ConflictError(f"There is no node in {move.home}.", hint="Name its folder with --home.")
        if mark.state == "moved":
            rows, seals, files = _rows_of(target, mark), True, FileTotals(0, 0)
        else:
            rows, seals, files = _carry(move, settings, target)
        tables = len(known_tables())
        shown = make_url(move.url or sqlite_url(move.home / HomeFile.RECORDS)).render_as_string(hide_password=True)
        if move.trial:
            seconds = perf_counter() - begun
            return MoveResult(shown, tables, rows, seconds, switched=False, seals=seals, **vars(files))
        _open(move, target, rows)
    kept = _take_place(move)
    seconds = perf_counter() - begun
    return MoveResult(
        shown, tables, rows, seconds, switched=True, seals=seals, kept=kept, **vars(files),
        alike=_alike(move), open_to_others=_closed(move),
    )  # fmt: skip


def _alike(move: _Move) -> list[str]:
    """What each further machine must have of this home; a node that never served has no secret yet, so it is made."""
    if not move.url:
        return []
    open_tokens(move.home)
    return [name for name in (HomeFile.SETTINGS, *ALIKE, HomeFolder.NETWORKS) if (move.home / name).exists()]


def _closed(move: _Move) -> str:
    """The shared folder, where it stays open to other users of this machine; one of this user is closed."""
    folder = Path((move.address or "").removeprefix("file://"))
    if not (move.address or "").startswith("file://") or not is_open(folder):
        return ""
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode & 0o700)
    return str(folder) if is_open(folder) else ""


def _check_is_ours(home: Path) -> None:
    """Who else may write there could have put a file of his where the records are to grow, and read them in it."""
    for path in (home.resolve(), home / _UNFINISHED):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_mode & 0o022 or (stat.S_ISREG(status.st_mode) and status.st_uid != os.getuid()):
                raise ConflictError(
                    f"Other users of this machine can write {path}.",
                    hint="Look at what is in the home folder, and close it to others (chmod -R go=), then try again.",
                )


def _carry(move: _Move, settings: Settings, target: Database) -> tuple[int, bool, FileTotals]:
    """Copy and compare all, and mark the old records; how much, and whether the audit log is as it was sealed."""
    _, source = open_home(move.home)
    tables = known_tables()
    node = node_uuid(source)
    with closing(source), ExitStack() as held:
        if not move.trial:
            working = with_stores(move.home, settings, source)
            stop_all(working, held)
            commitment.recover(working)
        still = held_still(source.engine, tables) if not move.trial else _one_moment(source)
        reading = held.enter_context(still)
        if move.url:
            _check_can_be_held(reading, tables)
        there = None if move.address is None else _elsewhere(move, settings, target)
        if there is not None and move.address and not _is_begun(target, node) and is_in_use(there):
            raise ConflictError(f"There is something at {move.address} already.", hint="Name an empty place.")
        version = _claim(target, node, tables, read_mark(reading))  # of SQLite another connection would wait for us
        progress = _Progress(move.told)
        # A writer that was stopped may go on, in files that stay where they are: nobody else gets its number.
        left = OF_THE_PLACE - OF_WRITERS if source.is_shared and target.is_shared else OF_THE_PLACE
        moved = [table for table in tables if table.name not in left]
        copy = RecordsCopy(reading, target.engine, moved, progress.add)
        rows = copy.rows()
        progress.begin("copying", rows)
        copy.copy()
        files = FileTotals(0, 0)
        if there is not None:
            progress.begin("copying", 0, "bytes")
            files = copy_files(Node(move.home, settings, source), there, progress.reach, at_work=move.trial)
        cut("move.copied")
        progress.begin("comparing", rows)
        copy.compare()
        seals = _seals(move, target)
        cut("move.compared")
        if not move.trial:
            refuse_changes(reading, tables)
            set_mark(reading, RecordsMark(version, "moved", short_of(node)))
    cut("move.marked")
    return rows, seals.good, files


def _elsewhere(move: _Move, settings: Settings, target: Database) -> Node:
    """The node with its files where they are to be.

    Raises:
        UsageError: it is no such address.
        StorageError: nothing is there, or it does not answer.

    """
    try:
        storage = StorageSettings.model_validate(settings.storage.model_dump() | {"address": move.address})
    except ValidationError:
        raise UsageError("--storage takes file:// and the full path of a folder, or s3://BUCKET/PREFIX.") from None
    check_storage(storage, move.home)
    return Node(move.home, settings.model_copy(update={"storage": storage}), target)


def _is_begun(target: Database, node: UUID) -> bool:
    mark = _mark_of(target)
    return mark is not None and mark.state == "moving" and mark.is_of(node)


@contextmanager
def _one_moment(source: Database) -> Iterator[Connection]:
    with source.reading() as session:
        yield session.connection()


def _check_can_be_held(reading: Connection, tables: list[Table]) -> None:
    if reading.dialect.name != "sqlite":
        return
    found = list(islice(find_refused(reading, tables), _NAMED + 1))
    if found:
        more = " There are more." if len(found) > _NAMED else ""
        raise InputError(
            f"PostgreSQL does not take these values: {'; '.join(map(str, found[:_NAMED]))}.{more}",
            hint="Correct or purge them on their pages, or by SQL; nothing was moved.",
        )


def _claim(target: Database, node: UUID, tables: list[Table], source: RecordsMark | None) -> str:
    """Make the target's tables, and mark it as only just coming; its version.

    Raises:
        ConflictError: it holds something else.

    """
    mark = _mark_of(target)
    if mark is None:
        target.migrate()
        mark = _mark_of(target)
    with target.engine.begin() as connection:
        if mark is None or mark.state == "moved" or (mark.state and not mark.is_of(node)):
            raise _taken()
        if mark.state is None:
            beside = {"directory_state"}  # its one row is made with the table
            if any(connection.execute(select(table).limit(1)).first() for table in tables if table.name not in beside):
                raise _taken()
            mark = RecordsMark(mark.version, "moving", short_of(node))
            set_mark(connection, mark)
    if source is None or source.version != mark.version:
        raise ConflictError("The move was begun by another version of Tocsin.", hint="Empty the new database first.")
    return mark.version


def _taken() -> ConflictError:
    return ConflictError("The new database holds records already.", hint="Name an empty one.")


def _seals(move: _Move, target: Database) -> SealCheckResult:
    head = read_head(move.home)
    keys = [open_seal_key(move.home).public_key()]
    return check_seals(target, keys, now=move.clock(), heads=[head] if head else [])


def _rows_of(target: Database, mark: RecordsMark) -> int:
    """How many rows are in the target of a move that was cut off after the old records were marked.

    Raises:
        ConflictError: this is not its target.

    """
    there = _mark_of(target)
    if there is None or there.state == "moved" or (there.state == "moving" and there.node != mark.node):
        raise ConflictError(
            "The records of this node were moved to another database than this.",
            hint="Name that one: 'tocsin move' finishes what was cut off.",
        )
    with target.engine.connect() as connection:
        if there.state is None and not _is_node(connection, mark):
            raise ConflictError("The new database holds the records of another node.", hint="Name the right one.")
        return sum(count_rows(connection, table) for table in known_tables())


def _is_node(connection: Connection, mark: RecordsMark) -> bool:
    found = connection.execute(text("SELECT uuid FROM node_identity")).scalar()
    return found is not None and UUID(str(found)).hex.startswith(mark.node)


def _open(move: _Move, target: Database, rows: int) -> None:
    """Take the mark off the new records."""
    mark = _mark_of(target)
    if mark is not None and mark.state == "moving":
        # one transaction: whoever opens them sees the entry
        with target.begin() as session:
            detail: dict[str, object] = {"to": target.engine.dialect.name, "rows": rows}
            audit(session, AuditAction.NODE_MOVED, at=move.clock(), actor=move.actor, subject="node", detail=detail)
            set_mark(session.connection(), replace(mark, state=None, node=""))
    cut("move.opened")


def _take_place(move: _Move) -> str:
    """The file of SQLite gets its name; then the settings name the new place."""
    growing, here = move.home / _UNFINISHED, move.home / HomeFile.RECORDS
    if not move.url and growing.exists():
        stamp = f"{move.clock():%Y%m%d-%H%M%S}"
        for end in ("-wal", "-shm", ""):
            old = here.with_name(f"{here.name}{end}")
            if old.exists():
                old.rename(old.with_name(f"{here.name}.before-{stamp}{end}"))
        cut("move.renaming")
        growing.rename(here)
        sync_folder(move.home)
    cut("move.placed")
    return switch_settings(move.home, move.values, move.clock())


def _is_of_target(path: Path) -> bool:
    """Whether an SQLite file is open to be worked on, so that it is what a move brought."""
    if not path.exists():
        return False
    with closing(open_database(sqlite_url(path))) as found:
        mark = _mark_of(found)
    return mark is not None and mark.state is None


def _mark_of(database: Database) -> RecordsMark | None:
    with database.connection() as connection:
        return read_mark(connection)


def _with_driver(url: str) -> str:
    try:
        made = make_url(url)
    except ArgumentError:
        made = None
    if made is None or made.get_backend_name() != "postgresql":
        raise UsageError(
            "--database takes the URL of a PostgreSQL database.", hint="Such as postgresql://USER@HOST/NAME."
        )
    if made.password is not None or "password" in made.query:
        raise UsageError(
            "--database takes no password: every user of this machine sees it in the list of processes.",
            hint="Put it into ~/.pgpass of the user of this node, readable by that user only.",
        )
    return f"postgresql+psycopg:{url.partition(':')[2]}"


class _Progress:
    def __init__(self, told: Callable[[MoveProgress], None]) -> None:
        self._told = told

    def begin(self, step: Literal["copying", "comparing"], total: int, unit: Literal["rows", "bytes"] = "rows") -> None:
        self._step, self._unit, self._total, self._done, self._begun = step, unit, total, 0, perf_counter()

    def add(self, rows: int) -> None:
        self.reach(self._done + rows, self._total)

    def reach(self, done: int, total: int) -> None:
        self._done = done
        self._told(MoveProgress(self._step, self._unit, done, total, perf_counter() - self._begun))


@contextmanager
def _failures() -> Iterator[None]:
    try:
        with disk_failures("The files of the node could not be moved"):
            yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StorageError(
            f"The records could not be moved: {reason}.", hint="Correct the cause and give the same command again."
        ) from error
