"""Word of what others write to the records, at once: PostgreSQL sends it (manual, LISTEN and NOTIFY)."""

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import text

from tocsin.node.records.engine import Database, failures_of_database

_LOOKS = 0.5  # seconds between looks whether anybody still listens


def hear_changes(database: Database, changed: Callable[[], None], ended: Callable[[], bool]) -> None:
    """Call ``changed`` when something was written that the page of today shows, by whichever machine, until ``ended``.

    Over SQLite nothing is heard: whoever waits looks from time to time.

    Raises:
        StorageError: the connection is lost; what was written meanwhile is not told of.

    """
    if not database.is_shared:
        return
    with failures_of_database(), database.engine.connect() as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("LISTEN tocsin_changed"))
        changed()  # what was written before is seen now
        while not ended():
            for _ in cast("Any", connection.connection.driver_connection).notifies(timeout=_LOOKS, stop_after=1):
                changed()
        connection.execute(text("UNLISTEN tocsin_changed"))
