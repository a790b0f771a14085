"""One deliverer at a time, and one caller: a lock that ends with its process, however that ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tocsin.node.errors import ConflictError
from tocsin.node.records import Database, held


@contextmanager
def sole_deliverer(database: Database) -> Iterator[Callable[[], bool]]:
    """Hold the lock for a block, for all machines of the node. Gives what says whether it is held yet.

    Its connection may be lost; then another machine may deliver.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    with held(database, "deliver") as ours:
        if not ours:
            raise ConflictError(
                "Another process is delivering at this moment.", hint="Wait for it to end; it takes all that is due."
            )
        yield ours.still


@contextmanager
def sole_caller(database: Database) -> Iterator[None]:
    """As `sole_deliverer`, for whoever calls people out.

    Raises:
        ConflictError: another process holds it.
        StorageError: the database cannot be reached.

    """
    with held(database, "call-out") as ours:
        if not ours:
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
    with held(database, "exchange") as ours:
        if not ours:
            raise ConflictError(
                "Another process brings dispatches to partners at this moment.",
                hint="Wait for it to end; it takes all that is due.",
            )
        yield
