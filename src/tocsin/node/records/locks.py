"""One at a time: locks that end with their process, however that ends, on one machine or on several.

Over PostgreSQL a lock is an advisory one of a session (PostgreSQL manual, 13.3.5), so that it holds for all machines.
Over SQLite, and for folders that one machine has for itself, it is a file that flock(2) holds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from tocsin.node.file_locks import held_file
from tocsin.node.records.engine import Database, failures_of_database

_GONE_AFTER: Final = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""Seconds, seconds, times: so soon the server sees that a machine has lost its power, and gives its locks away."""

_LOOKED_AT: Final = 1.0  # seconds for which a connection that answered is believed to be there


@dataclass(frozen=True)
class Hold:
    """Whether a lock is held (it is true then). ``still()``: whether it is held yet, asked where it matters."""

    ours: bool
    still: Callable[[], bool] = lambda: True

    def __bool__(self) -> bool:
        """Whether it was had."""
        return self.ours


@contextmanager
def held(
    database: Database, name: str, waiting: Callable[[], None] | None = None, *, file: Path | None = None
) -> Iterator[Hold]:
    """Hold the lock of this name for a block, on all machines of the node; gives whether it is held.

    ``waiting``: called once where another has it; then it is waited for. None: it is not waited for.
    ``file``: what is held where the records are no server's; else a file beside them. Its folder must be there.

    Raises:
        StorageError: the database cannot be reached.

    """
    if database.is_shared:
        with database.connection() as connection:
            ours = take_lock(connection, name, waiting)
            try:
                yield Hold(ours, partial(_is_there, connection))
            finally:
                if ours:
                    give_lock(connection, name)
        return
    path = database.engine.url.database
    if file is None and (not path or path == ":memory:"):  # nobody else can open it
        yield Hold(ours=True)
        return
    with held_file(file or Path(f"{path}.{name}"), waiting) as found:
        yield Hold(found is not None)


def take_lock(connection: Connection, name: str, waiting: Callable[[], None] | None = None) -> bool:
    """Whether a connection to PostgreSQL holds the lock of this name now, until it is given or the connection ends.

    The same connection may take it several times, and gives it as often.
    """
    values = {"key": lock_key(name)}
    for setting, value in _GONE_AFTER.items():
        connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": setting, "value": value})
    ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), values))
    connection.commit()  # a lock of a session needs no transaction, and an open one keeps old rows from being cleared
    if not ours and waiting is not None:
        waiting()
        connection.execute(text("SELECT pg_advisory_lock(:key)"), values)
        connection.commit()
        ours = True
    return ours


def give_lock(connection: Connection, name: str) -> None:
    """Let another have the lock; with a connection that is gone it is gone, too."""
    with suppress(OperationalError, InterfaceError):
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": lock_key(name)})
        connection.commit()


def is_free(database: Database, name: str) -> bool:
    """Whether no machine holds the lock of this name; False over SQLite, where files say who is at work.

    Raises:
        StorageError: the database cannot be reached.

    """
    if not database.is_shared:
        return False
    with held(database, name) as found:
        return found.ours


def _is_there(connection: Connection) -> bool:
    """Whether a connection, and so each lock that it holds, is there yet."""
    try:
        connection.execute(text("SELECT 1"))
        connection.commit()
    except DBAPIError:
        return False
    return True


def lock_key(name: str) -> int:
    """The number of the advisory lock of this name, 64 bits with a sign; `pg_locks` shows its halves."""
    return int.from_bytes(blake2b(f"tocsin {name}".encode(), digest_size=8).digest(), signed=True)


class KeptLocks:
    """Locks that a process keeps until it ends, over one connection to PostgreSQL; for all of its threads.

    Over SQLite there is one machine, and all of them are had at once.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._turn = database, Lock()
        self._connection: Connection | None = None
        self._names: set[str] = set()
        self._seen = 0.0

    def keep(self, name: str, taken: Callable[[], None] = lambda: None) -> bool:
        """Whether this process has the lock of this name. ``taken``: called when it gets it.

        Raises:
            StorageError: the database cannot be reached; all locks are lost then.

        """
        if not self._database.is_shared:
            return True
        with self._turn, failures_of_database():
            try:
                connection = self._open()
                if name in self._names:
                    return True
                if not take_lock(connection, name):
                    return False
            except DBAPIError:
                self._lose()
                raise
            self._names.add(name)
        taken()
        return True

    def close(self) -> None:
        """Give all of them."""
        with self._turn:
            self._lose()

    def _open(self) -> Connection:
        """The connection, which was there a moment ago."""
        if self._connection is None:
            self._connection = self._database.engine.connect()
        elif monotonic() - self._seen > _LOOKED_AT:
            self._connection.execute(text("SELECT 1"))
            self._connection.commit()
        else:
            return self._connection
        self._seen = monotonic()
        return self._connection

    def _lose(self) -> None:
        self._names.clear()
        if self._connection is not None:
            with suppress(DBAPIError):
                self._connection.invalidate()  # closed, not given back with its locks
                self._connection.close()
            self._connection = None
