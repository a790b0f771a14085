"""Freeing what a database still holds of rows that were deleted or changed: its log, free pages, old statistics."""

from collections.abc import Iterable

from sqlalchemy import text

from tocsin.node.errors import StorageError
from tocsin.node.records.engine import Database
from tocsin.node.records.full_text import TEXTS, rebuilding


def sweep(database: Database, tables: Iterable[str]) -> None:
    """Write the database anew without what was deleted; on PostgreSQL these tables and the statistics of values.

    SQLite: the file is rebuilt and the write-ahead log emptied (https://sqlite.org/lang_vacuum.html,
    https://sqlite.org/pragma.html#pragma_wal_checkpoint). PostgreSQL: each table is rewritten; its own write-ahead log
    holds the past until the server recycles it.

    Raises:
        StorageError: somebody reads or writes all the time, or the disk is full; it can be tried again.

    """
    if not database.is_shared:
        _sweep_sqlite(database)
    else:
        _sweep_postgresql(database, tables)


def _sweep_sqlite(database: Database) -> None:
    import sqlite3

    try:
        connection = database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA query_only=0")  # the connection may have served a reader
            cursor.execute("PRAGMA secure_delete=ON")
            for table in TEXTS:  # an index keeps words of deleted rows until it is merged
                cursor.execute(rebuilding(table))
            cursor.execute("VACUUM")
            busy, _pages, _done = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            cursor.close()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StorageError(
            f"The records could not be rewritten: {error}.", hint="Make room on that disk, and try it again."
        ) from error
    if busy:
        raise StorageError(
            "The records are read at this moment, so that their log could not be emptied.",
            hint="It is tried again by itself.",
        )


def _sweep_postgresql(database: Database, tables: Iterable[str]) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.execute(text(f'VACUUM (FULL, ANALYZE) "{table}"'))
        connection.execute(text("VACUUM FULL pg_catalog.pg_statistic"))  # most common values; skipped without the right
