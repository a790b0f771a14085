"""The Delta Lake table that events are kept in: its files, its columns, and commits that happen once.

Polars writes the Parquet files; this module lists them. Deltalake's commits are not synced to disk by themselves and do
not refuse a repeated transaction: both are done here. One process writes; any number may read.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import polars as pl

from tocsin.events.extra import PREFIX
from tocsin.events.schema import COLUMNS
from tocsin.node.errors import StorageError
from tocsin.node.files import sync_file, sync_folder
from tocsin.node.place import FolderPlace, Place, StoredFile
from tocsin.node.records import cut

if TYPE_CHECKING:
    from deltalake import DeltaTable, Schema
    from deltalake.transaction import AddAction, RemoveAction

_APPLICATION = "tocsin"
_LOG: Final = "_delta_log"
_COMMITS: Final = 1_000  # so many are looked at for files that were only moved; reading them from a bucket takes long
_CHECKPOINT: Final = 100  # commits between checkpoints
_SETTLED = 1_000_000_000  # two commits closer than this may leave the same time on the folder
_CONFIGURATION = {
    "delta.dataSkippingNumIndexedCols": "-1",
    "delta.logRetentionDuration": "interval 2 days",  # longer than `store.READING`; each commit costs by what is kept
}
_STATISTICS = ("ingest", "notified_in", "time.source", "source.ip.hi", "source.ip.lo", "source.asn", "network.asn")
_CHOICES: Final[Mapping[str, Callable[[list[Any]], Any]]] = {"minValues": min, "maxValues": max, "nullCount": sum}
_TYPES: dict[str, pl.DataType] = {
    "long": pl.Int64(),
    "integer": pl.Int32(),
    "string": pl.String(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "timestamp": pl.Datetime("us", "UTC"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


@dataclass(frozen=True)
class EventPart:
    """One Parquet file of an ingest, as the table will list it. ``path`` is relative to the table's folder.

    ``extras``: its ``extra.*`` columns with their Delta types; the table gets those that are new to it at the commit.
    """

    path: str
    rows: int
    size: int
    modified_ms: int
    statistics: dict[str, object]
    extras: dict[str, str]

    @classmethod
    def of(cls, file: StoredFile, frame: pl.DataFrame) -> "EventPart":
        """The part in a file, by its name in the table's place, that ``frame`` was written to."""
        extras = {name: _NAMES[dtype] for name, dtype in frame.schema.items() if name.startswith(PREFIX)}
        statistics = _statistics(frame, extras)
        return cls(file.name, frame.height, file.size, int(file.modified * 1000), statistics, extras)

    @classmethod
    def joined(cls, file: StoredFile, pieces: Sequence["EventPart"]) -> "EventPart":
        """The part in a file that has the rows of all these, one behind the other."""
        rows, said = sum(piece.rows for piece in pieces), [piece.statistics for piece in pieces]
        statistics = {
            "numRecords": rows,
            **{of: _of_each(said, of, choose) for of, choose in _CHOICES.items()},
        }
        extras = {name: kind for piece in pieces for name, kind in piece.extras.items()}
        return cls(file.name, rows, file.size, int(file.modified * 1000), statistics, extras)


class EventTable:
    """The table in a place; made at the first commit. Remembers what it read until the table changes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._opened: DeltaTable | None = None
        self._looked: tuple[int | str, int] = (
            0,
            0,
        )  # how its log was, or when it had changed, and when that was seen (ns)
        self._listed: tuple[int, pl.DataFrame] | None = None
        self._extras: dict[str, pl.DataType] = {}
        self._lock = threading.RLock()  # pages read in many threads

    def exists(self) -> bool:
        """Whether anything was ever committed."""
        if self._opened is None and self._is_folder:
            return len(self._unwritten()) < len(self._commits())
        return self._opened is not None or any(one.name.endswith(".json") for one in self.place.list(_LOG))

    def drop_unwritten(self) -> None:
        """Take back commits that a loss of power left named and not whole: nobody was told of them. For the writer."""
        with self._lock:
            for version in self._unwritten() if self._is_folder else ():
                self.place.delete(_commit_name(version))
                sync_folder(self.place.folder / _LOG)
                self._opened = None

    def _commits(self) -> list[int]:
        """The numbers of its commits, newest first, in a folder."""
        names = (one.name for one in self.place.list(_LOG) if one.name.endswith(".json"))
        return sorted((number for name in names if (number := _version_of(name)) is not None), reverse=True)

    def _unwritten(self) -> list[int]:
        """The newest commits as far as they are not whole, newest first: deltalake names them and syncs nothing."""
        found: list[int] = []
        for version in self._commits():
            if _is_whole((self.place.folder / _commit_name(version)).read_bytes()):
                break
            found.append(version)
        return found

    def last_ingest(self) -> int:
        """The number of the newest ingest that it holds; 0 when there is none."""
        return int(self._open().transaction_version(_APPLICATION) or 0) if self.exists() else 0

    def version(self) -> int:
        """The number of its newest commit; -1 when there is none."""
        with self._lock:
            return int(self._open().version()) if self.exists() else -1

    def listing(self) -> pl.DataFrame:
        """Its files: ``path``, ``num_records``, ``partition.day`` and statistics (``min.ingest`` and so on)."""
        if not self.exists():
            return pl.DataFrame(schema={"path": pl.String, "num_records": pl.Int64, "partition.day": pl.String})
        with self._lock:
            table = self._open()
            if self._listed is None or self._listed[0] != table.version():
                files = pl.DataFrame(table.get_add_actions(flatten=True)).sort("path")
                self._listed = (table.version(), files)
            return self._listed[1]

    def extras(self) -> dict[str, pl.DataType]:
        """Its ``extra.*`` columns, and those that parts not committed yet will bring."""
        with self._lock:
            return dict(self._known_extras())

    def claim_extras(self, columns: Mapping[str, pl.DataType], most: int) -> set[str]:
        """Those of the ``extra.*`` columns that a part may have: of the table's type, and not too many in all."""
        with self._lock:
            known = self._known_extras()
            for name, dtype in columns.items():
                if len(known) < most:
                    known.setdefault(name, dtype)
            return {name for name, dtype in columns.items() if known.get(name) == dtype}

    def append(self, parts: Sequence[EventPart], *, ingest: int, replaced: Sequence[str] = ()) -> None:
        """Show the parts of an ingest, or of a group under its last number, to readers, once.

        A repeated call does nothing. ``replaced``: paths of files whose rows the parts hold anew.

        Raises:
            StorageError: the table cannot be written, or shows a later ingest already.

        """
        last = self.last_ingest()
        if last == ingest and {part.path for part in parts} <= set(self.listing()["path"]):
            return
        if last > ingest:
            raise StorageError(
                f"The event table shows ingest {last} already, so it cannot show the earlier {ingest}.",
                hint="Stop every server of this node, then 'tocsin doctor --repair' takes the table back.",
            )
        with self._writing():
            self._make()
            later = {"notified_in": "long"} if replaced else {}  # tables of earlier versions lack it
            self._widen(later | {name: kind for part in parts for name, kind in part.extras.items()})
            removed = [_remove(path, data_change=True) for path in replaced]
            self._commit([*removed, *(_add(part) for part in parts)], ingest=ingest)

    def replace(
        self, old: Iterable[str], new: Sequence[EventPart], *, deleted: bool = False, at: int | None = None
    ) -> None:
        """Take files out and others in, in one commit; ``deleted``: their rows are gone, not only moved.

        ``at``: the version of the table in which they were listed.

        Raises:
            StorageError: the table cannot be written, or is not at that version any more.

        """
        removed = [_remove(path, data_change=deleted) for path in old]
        if removed or new:
            with self._writing():
                self._commit([*removed, *(_add(part, data_change=deleted) for part in new)], at=at)

    def take_back(self, ingest: int, old: Iterable[str], new: Sequence[EventPart], *, at: int) -> None:
        """Show nothing of ingests after this one: files go out and others come in, and its number is the newest again.

        Delta does not refuse a lower number of a transaction (protocol, "Transaction Identifiers"). ``at``: as for
        `replace`.

        Raises:
            StorageError: the table cannot be written, or is not at that version any more.

        """
        with self._writing():
            gone = [_remove(path, data_change=True) for path in old]
            self._commit([*gone, *(_add(part) for part in new)], ingest=ingest, at=at)

    def forget_past(self) -> None:
        """Let only the present be known: earlier commits, which say what files held at least and at most, are deleted.

        A checkpoint (Delta protocol, "Checkpoints") stands for them. Safe to repeat.
        """
        if not self.exists():
            return
        with self._writing(), self._lock:
            table = self._open()
            version = table.version()
            table.create_checkpoint()
            log = [file.name for file in self.place.list(_LOG)]
            self.place.sync(log)
            cut("purge.checkpoint")
            for name in log:
                if (number := _version_of(name)) is not None and number < version:
                    self.place.delete(name)
                    cut("purge.forgetting")
            if self._is_folder:
                sync_folder(self.place.folder / _LOG)

    def taken_out(self, within: timedelta) -> frozenset[str]:
        """The paths of the files that commits so short ago took out, by this machine's clock."""
        since, commits = time.time() - within.total_seconds(), self.place.list(_LOG)
        recent = [one.name for one in commits if one.name.endswith(".json") and one.modified > since]
        return frozenset(path for commit in recent for path in self._removed_by(commit))

    def after_moves(self, files: frozenset[str], since: int) -> frozenset[str]:
        """The files that hold now what these held after the commit ``since``; without those that hold other rows too.

        A file whose rows were deleted or changed stays among them, as does each where it is too long ago to be known:
        it is not of the table any more.
        """
        now = frozenset(self.listing()["path"])
        if not files <= now and self.version() - since <= _COMMITS:
            with suppress(FileNotFoundError):  # a purge forgot the commit
                for old, new in self._moves(since):
                    files = files - old | (new if old <= files else frozenset())
        return files

    def _moves(self, since: int) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
        """Of each commit after a version that only moved rows: the files it took out, and those that have them now."""
        for version in range(since + 1, self.version() + 1):
            with self.place.open(_commit_name(version)) as lines:
                actions = [json.loads(line) for line in lines]
            old, new = ([one[what] for one in actions if what in one] for what in ("remove", "add"))
            if old and not any(one["dataChange"] for one in (*old, *new)):
                yield _paths(old), _paths(new)

    def _removed_by(self, commit: str) -> Iterator[str]:
        with self.place.open(commit) as lines:
            for line in lines:
                if line.startswith(b'{"remove"'):
                    yield unquote(json.loads(line)["remove"]["path"])

    def _known_extras(self) -> dict[str, pl.DataType]:
        if self.exists():
            fields = json.loads(self._open().schema().to_json())["fields"]
            self._extras |= {
                field["name"]: _TYPES[field["type"]] for field in fields if field["name"].startswith(PREFIX)
            }
        return self._extras

    def _open(self) -> "DeltaTable":
        from deltalake import DeltaTable

        try:
            with self._lock:
                if self._is_folder:
                    looked, is_same = self._look_at_folder()
                else:
                    looked, is_same = self._look_at_bucket()
                if self._opened is None:
                    unwritten = self._unwritten() if self._is_folder else ()
                    self._opened = DeltaTable(
                        self.place.path(),
                        version=unwritten[-1] - 1 if unwritten else None,
                        storage_options=self.place.table_options,
                    )
                elif not is_same:
                    self._opened.update_incremental()
                self._looked = looked
                return self._opened
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  # deltalake raises many kinds
            failure = self.place.failure(error, "The event table cannot be read")
            raise failure from failure.__cause__

    def _look_at_folder(self) -> tuple[tuple[int | str, int], bool]:
        """When its log last changed and when that was seen, and whether the open version is the last one."""
        changed, now = (self.place.folder / _LOG).stat().st_mtime_ns, time.time_ns()
        if self._opened is None or changed != self._looked[0]:
            return (changed, now), False
        is_settled = self._looked[1] - changed >= _SETTLED
        if is_settled or self.place.find(_commit_name(self._opened.version() + 1)) is None:
            return self._looked, True
        return (changed, now), False

    def _look_at_bucket(self) -> tuple[tuple[int | str, int], bool]:
        """Which its last checkpoint is, and whether the open version is the last one; one list of few names."""
        last = self._opened.version() if self._opened is not None else -1
        log = list(self.place.list(_LOG, after=f"{_LOG}/{last:020d}" if last >= 0 else f"{_LOG}/9"))
        # Not only whether the next is there: a purge may have forgotten it.
        is_same = all((_version_of(file.name) or 0) <= last for file in log)
        checkpoint = next((file.tag for file in log if file.name.endswith("_checkpoint")), "")
        if is_same and checkpoint != self._looked[0]:
            self._opened = None  # what it was read from may be gone
        return (checkpoint, 0), is_same

    @property
    def _is_folder(self) -> bool:
        return isinstance(self.place, FolderPlace)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What deltalake could not write, as the error that people are told."""
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (OSError, DeltaError) as error:
            failure = self.place.failure(error, "The event table could not be written")
            raise failure from failure.__cause__

    def _make(self) -> None:
        from deltalake import DeltaTable

        if self.exists():
            if (
                not _CONFIGURATION.items() <= self._open().metadata().configuration.items()
            ):  # made by an earlier version
                self._open().alter.set_table_properties(_CONFIGURATION)
            return
        DeltaTable.create(
            self.place.path(),
            storage_options=self.place.table_options,
            schema=_schema({**COLUMNS, "day": pl.String()}),
            partition_by=["day"],
            configuration=_CONFIGURATION,
        )
        cut("store.created")

    def _widen(self, columns: Mapping[str, str]) -> None:
        """Give the table the columns that it lacks."""
        table = self._open()
        have = {field["name"] for field in json.loads(table.schema().to_json())["fields"]}
        missing = {name: _TYPES[kind] for name, kind in columns.items() if name not in have}
        if missing:
            table.alter.add_columns(_schema(missing).fields)
            cut("store.widened")

    def _commit(
        self, actions: "list[AddAction | RemoveAction]", *, ingest: int | None = None, at: int | None = None
    ) -> None:
        from deltalake import CommitProperties, PostCommitHookProperties, Transaction

        table = self._open()
        last = table.version()
        # Asked of the version behind which it commits: another process may have taken over since this one looked.
        shown = int(table.transaction_version(_APPLICATION) or 0)
        is_late = at != last if at is not None else ingest is not None and shown >= ingest
        if is_late:  # whoever takes back to a lower number names the version
            raise StorageError(
                f"Another process wrote the event table in {self.place.path()} meanwhile.", hint="Do it again."
            )
        transactions = [Transaction(_APPLICATION, ingest)] if ingest is not None else None
        table.create_write_transaction(
            actions,
            "append",
            table.schema(),
            partition_by=["day"],
            commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
        )
        cut("store.committed")
        if self._is_folder:
            # also what a killed writer committed last and did not sync
            for version in range(max(last - 1, 0), last + 2):
                with suppress(FileNotFoundError):  # forgotten since
                    sync_file(self.place.folder / _commit_name(version))
            self._sync_log()
        cut("store.synced")
        if (last + 1) % _CHECKPOINT == 0:
            self._checkpoint()

    def _sync_log(self) -> None:
        for folder in (self.place.folder / _LOG, self.place.folder, self.place.folder.parent):
            sync_folder(folder)

    def _checkpoint(self) -> None:
        """Let what opens the table read one file for many commits; those go only once that file survives."""
        table = self._open()
        table.create_checkpoint()
        if self._is_folder:
            names = [one.name for one in self.place.list(_LOG) if "checkpoint" in one.name]
            self.place.sync(names)
        table.cleanup_metadata()


def _paths(actions: Iterable[Mapping[str, str]]) -> frozenset[str]:
    return frozenset(unquote(one["path"]) for one in actions)


def _commit_name(version: int) -> str:
    return f"{_LOG}/{version:020d}.json"


def _is_whole(commit: bytes) -> bool:
    """Whether a commit was written to its end: it is an action in JSON for each line (Delta protocol, "Actions")."""
    try:
        return bool(commit) and all(isinstance(json.loads(line), dict) for line in commit.splitlines())
    except ValueError:
        return False


def _version_of(name: str) -> int | None:
    """The version that a file of the log belongs to."""
    number = name.rpartition("/")[2].partition(".")[0]
    return int(number) if number.isdecimal() else None


def _schema(columns: Mapping[str, pl.DataType]) -> "Schema":
    from deltalake import Field, Schema
    from deltalake.schema import PrimitiveType

    return Schema([Field(name, PrimitiveType(_NAMES[dtype])) for name, dtype in columns.items()])


def _statistics(frame: pl.DataFrame, extras: Iterable[str]) -> dict[str, object]:
    """Statistics as the Delta protocol writes them (per-file statistics); of extra columns only the count of nulls."""
    columns = [frame[name] for name in _STATISTICS if name in frame.columns]
    filled = [column for column in columns if column.null_count() < frame.height]
    return {
        "numRecords": frame.height,
        "minValues": {column.name: _plain(column.min()) for column in filled},
        "maxValues": {column.name: _plain(column.max()) for column in filled},
        "nullCount": {name: frame[name].null_count() for name in (*(column.name for column in columns), *extras)},
    }


def _of_each(said: Sequence[Mapping[str, Any]], of: str, choose: Callable[[list[Any]], Any]) -> dict[str, Any]:
    names = {name: None for one in said for name in one[of]}
    return {name: choose([one[of][name] for one in said if name in one[of]]) for name in names}


def _plain(value: object) -> object:
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value


def _add(part: EventPart, *, data_change: bool = True) -> "AddAction":
    from deltalake.transaction import AddAction

    day = part.path.split("/", 1)[0].removeprefix("day=")
    return AddAction(part.path, part.size, {"day": day}, part.modified_ms, data_change, json.dumps(part.statistics))


def _remove(path: str, *, data_change: bool) -> "RemoveAction":
    from deltalake.transaction import RemoveAction

    return RemoveAction(path, data_change, int(time.time() * 1000))
