"""One deliverer at a time, and one caller: a lock that ends with its process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError

from tocsin.node.errors import ConflictError
from tocsin.node.records import Database

_KEYS = {
    "deliver": 0x746F6373_64656C76,
    "call-out": 0x746F6373_63616C6C,
    "exchange": 0x746F6373_65786368,
}  # of PostgreSQL's advisory locks


@contextmanager
def sole_deliverer(database: Database) -> Iterator[None]:
    """Hold the lock for a block: of PostgreSQL for all machines, else a file beside the SQLite database.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    with _held(database, "deliver") as held:
        if not held:
            raise ConflictError(
                "Another process is delivering at this moment.", hint="Wait for it to end; it takes all that is due."
            )
        yield


@contextmanager
def sole_caller(database: Database) -> Iterator[None]:
    """As `sole_deliverer`, for whoever calls people out.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    with _held(database, "call-out") as held:
        if not held:
            raise ConflictError(
                "Another process is calling at this moment.", hint="Wait for it to end; it takes all that is due."
            )
        yield


@contextmanager
def sole_exchange(database: Database) -> Iterator[None]:
    """As `sole_deliverer`, for whoever brings dispatches to partners.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    with _held(database, "exchange") as held:
        if not held:
            raise ConflictError(
                "Another process brings dispatches to partners at this moment.",
                hint="Wait for it to end; it takes all that is due.",
            )
        yield


def _held(database: Database, work: str) -> AbstractContextManager[bool]:
    is_postgresql = database.engine.dialect.name == "postgresql"
    return _postgresql(database, _KEYS[work]) if is_postgresql else _sqlite(database, work)


@contextmanager
def _sqlite(database: Database, work: str) -> Iterator[bool]:
    path = database.engine.url.database
    if not path or path == ":memory:":
        yield True
        return
    handle = os.open(f"{path}.{work}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextmanager
def _postgresql(database: Database, key: int) -> Iterator[bool]:
    with database.connection() as connection:
        held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))
        connection.commit()
        try:
            yield held
        finally:
            if held:
                with suppress(OperationalError, InterfaceError):  # with a connection that is gone the lock is gone, too
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
                    connection.commit()
