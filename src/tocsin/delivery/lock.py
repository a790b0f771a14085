"""One deliverer at a time: a lock that ends with its process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError

from tocsin.node.errors import ConflictError
from tocsin.node.records import Database

_KEY = 0x746F6373_64656C76  # "tocsdelv": the number of the PostgreSQL advisory lock


@contextmanager
def sole_deliverer(database: Database) -> Iterator[None]:
    """Hold the lock for a block: of PostgreSQL for all machines, else a file beside the SQLite database.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    holder = _postgresql(database) if database.engine.dialect.name == "postgresql" else _sqlite(database)
    with holder as held:
        if not held:
            raise ConflictError(
                "Another process is delivering at this moment.", hint="Wait for it to end; it takes all that is due."
            )
        yield


@contextmanager
def _sqlite(database: Database) -> Iterator[bool]:
    path = database.engine.url.database
    if not path or path == ":memory:":
        yield True
        return
    handle = os.open(f"{path}.deliver", os.O_RDWR | os.O_CREAT, 0o600)
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
def _postgresql(database: Database) -> Iterator[bool]:
    with database.connection() as connection:
        held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}))
        connection.commit()
        try:
            yield held
        finally:
            if held:
                with suppress(OperationalError, InterfaceError):  # with a connection that is gone the lock is gone, too
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
                    connection.commit()
