"""One at a time of each that sends: locks that end with their process, however that ends.

Each gives a check, to be asked directly before anything leaves: the connection that holds the lock may be lost, and
then another machine sends.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tocsin.node.errors import ConflictError
from tocsin.node.file_locks import patiently
from tocsin.node.records import Database, held

Sole = AbstractContextManager[Callable[[], None]]
"""A lock for a block. It gives what raises ConflictError once it is lost."""


def sole_deliverer(database: Database) -> Sole:
    """Hold the lock of whoever sends mails, for all machines of the node.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    return _sole(database, "deliver", "Another process is delivering at this moment.")


def sole_caller(database: Database) -> Sole:
    """As `sole_deliverer`, for whoever calls people out."""
    return _sole(database, "call-out", "Another process is calling at this moment.")


def sole_exchange(database: Database) -> Sole:
    """As `sole_deliverer`, for whoever brings dispatches to partners."""
    return _sole(database, "exchange", "Another process brings dispatches to partners at this moment.")


def sole_pusher(database: Database) -> Sole:
    """As `sole_deliverer`, for whoever pushes to the server of a partner; another one is waited for."""
    return _sole(database, "push")


@contextmanager
def _sole(database: Database, name: str, busy: str = "") -> Iterator[Callable[[], None]]:
    with held(database, name, None if busy else patiently) as ours:
        if not ours:
            raise ConflictError(busy, hint="Wait for it to end; it takes all that is due.")

        def check() -> None:
            if not ours.still():
                raise ConflictError(
                    "The connection to the records was lost: another machine may send by now.",
                    hint="What is due is tried again by itself.",
                )

        yield check
