"""Builds a node once with its stores: event table, memory of problems and of rows, all in one home folder."""

import fcntl
import os
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tocsin.events import EventStore
from tocsin.node.admission import admission_of_process
from tocsin.node.home import open_home
from tocsin.node.node import Node
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import Database, KeyFiles, KeyPlace, none_passed
from tocsin.node.settings import Settings
from tocsin.pipeline.term import PassedNumbers, term
from tocsin.problems import NOTES, Tracker

if TYPE_CHECKING:
    from tocsin.events import Events
    from tocsin.problems import ProblemList

PREVIEWS: Final = "previews"
"""The folder of tables in which what may become true is tried."""


@dataclass(frozen=True)
class NodeWithStores(Node):
    """One Tocsin with its stores: everything that front doors and the pipeline work with."""

    store: EventStore
    tracker: Tracker
    _rows: dict[date, KeyFiles] = field(default_factory=dict)
    writer_notes: set[str] = field(default_factory=set)  # what the last of our own blocks of `writer` left in its file

    @cached_property
    def events(self) -> "Events":
        """The events to look at; who only takes reports in does not load what that needs."""
        from tocsin.directory import team_numbers
        from tocsin.events import Events

        folder = self.home / HomeFolder.COMPILED / "events"
        return Events(self.store, self.database, folder, partial(team_numbers, self.database))

    @cached_property
    def problems(self) -> "ProblemList":
        """The problems to look at."""
        from tocsin.problems import ProblemList

        file, days = self.home / HomeFolder.COMPILED / "problems.parquet", self.settings.tell.gone_after_days
        return ProblemList(self.database, self.store, self.tracker, file, days, self.home)

    def rows_of(self, day: date) -> KeyFiles:
        """The keys of the rows that came on one day."""
        if day not in self._rows:
            self._rows[day] = _key_files(self, HomeFolder.ROWS, day.isoformat(), passed=self.tracker.files.passed)
        return self._rows[day]

    def row_days(self) -> list[date]:
        """The days whose rows' keys are kept."""
        if not self.settings.storage.address:
            return sorted(date.fromisoformat(path.name) for path in (self.home / HomeFolder.ROWS).glob("????-??-??"))
        names = (file.name.partition("/")[0] for file in self.place(HomeFolder.ROWS).list())
        return sorted({date.fromisoformat(name) for name in names})

    def forget_rows_of(self, day: date) -> None:
        """Delete the keys of the rows that came on one day."""
        self.rows_of(day).delete()
        del self._rows[day]

    def rows_since(self, day: date, days: int) -> list[KeyFiles]:
        """The keys of the rows of ``days`` days up to ``day``."""
        return [self.rows_of(day - timedelta(days=back)) for back in range(days)]

    def end_merges(self) -> None:
        """Wait for the merges of keys that go on beside, and forget the days whose keys are gone."""
        for files in (self.tracker.files, *self._rows.values()):
            files.end_merge()
        for day in [day for day, files in self._rows.items() if not files.folder.is_dir()]:
            del self._rows[day]


def open_node(home: Path) -> NodeWithStores:
    """The node in ``home``, its folder and tables made where there are none.

    Raises:
        SettingError: a setting does not work.
        StorageError: the folder or the database cannot be used.

    """
    return with_stores(home, *open_home(home))


def with_stores(home: Path, settings: Settings, database: Database) -> NodeWithStores:
    """The node in ``home`` whose settings and records are open."""
    node = Node(home, settings, database)
    store = EventStore(node.place(HomeFolder.EVENTS), admission_of_process(settings.server.memory_mb))
    passed = PassedNumbers(database) if database.is_shared else none_passed
    tracker = Tracker(_key_files(node, HomeFolder.PROBLEMS, columns=len(NOTES), passed=passed))
    return NodeWithStores(
        home=home,
        settings=settings,
        database=database,
        store=store,
        tracker=tracker,
    )


def _key_files(
    node: Node, name: HomeFolder, below: str = "", *, columns: int = 0, passed: Callable[[int], AbstractSet[int]]
) -> KeyFiles:
    """Key files of the home; with storage elsewhere they are there, and copies here, which are mapped."""
    keep = timedelta(days=node.settings.storage.recover_days if node.database.is_shared else 0)
    if not node.settings.storage.address:
        return KeyFiles(node.home / name / below, columns, passed=passed, keep=keep)
    kept = KeyPlace(node.place(name), below)
    return KeyFiles(node.compiled / "keys" / name / below, columns, passed=passed, kept=kept, keep=keep)


@contextmanager
def writer(node: NodeWithStores, waiting: Callable[[], None] = lambda: None, *, fenced: bool = False) -> Iterator[bool]:
    """Be the one process that writes events; waits for another to finish, after saying so by ``waiting``.

    Gives whether this node wrote last, and nothing was cut off or raised: then there is nothing to recover. Over
    PostgreSQL that holds for all machines, see `tocsin.pipeline.term`.

    Raises:
        ConflictError: another machine took over, so that nothing is written here but a backup (``fenced``).

    """
    if not fenced and (standby := node.standby) is not None:
        standby.check_is_node()
    if node.database.is_shared:
        with term(node.database, node.writer_notes, waiting, node.settings.work.term_seconds) as ours:
            yield ours
        return
    with (node.home / HomeFile.WRITER_LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        ours = lock.read() in node.writer_notes
        lock.truncate(0)  # whoever is killed leaves it so
        node.writer_notes.clear()
        yield ours
        with suppress(OSError):  # the disk is full: the next one recovers for nothing
            note = uuid4().hex
            os.write(lock.fileno(), note.encode())
            node.writer_notes.add(note)
