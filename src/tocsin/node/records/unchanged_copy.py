"""Records copied as they are into an SQLite file, with the tables of their own revision, whatever that is.

Nothing here knows the tables of this version: whoever made the records can use the copy.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from tocsin.node.records.engine import Database, failures_of_database, open_database, sqlite_url

_BATCH: Final = 20_000  # rows that are in memory at once

_AS_SQLITE: Final = {
    "boolean": "{}::int",
    "date": "{}::text",
    "jsonb": "{}::text",
    "timestamp with time zone": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    "uuid": "replace({}::text, '-', '')",
}
"""How SQLAlchemy writes a type of PostgreSQL into SQLite; all others are alike on both."""

_COLUMNS: Final = text(
    "SELECT column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = :name ORDER BY ordinal_position"
)


def copy_unchanged(source: Database, revision: str, target: Path) -> None:
    """Copy all records, as they are at one moment, into a new file; who works on them is not disturbed.

    ``revision``: that of the records.

    Raises:
        StorageError: a database failed.

    """
    from tocsin.node.records.migrate import make_older_tables

    with failures_of_database(), source.connection() as connection:
        if not source.is_shared:
            with closing(sqlite3.connect(target)) as copy:
                connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
            return
        made = open_database(sqlite_url(target))
        try:
            with made.engine.begin() as writing:
                make_older_tables(writing, revision)
        finally:
            made.close()
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        with closing(sqlite3.connect(target)) as copy:  # which asks for no order of tables
            for name in _tables(connection):
                _copy_rows(connection, copy, name)
            copy.commit()


def counts_of(database: Database) -> Mapping[str, int]:
    """How many rows each table has, by its name."""
    with database.connection() as connection:
        return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in _tables(connection)}


def _tables(connection: Connection) -> list[str]:
    """Those that hold something of their own: neither the revision nor indexes of words."""
    names = inspect(connection).get_table_names()
    return sorted(name for name in names if name != "alembic_version" and not name.startswith("search_"))


def _copy_rows(connection: Connection, copy: sqlite3.Connection, name: str) -> None:
    columns = connection.execute(_COLUMNS, {"name": name}).all()
    wanted = ", ".join(_AS_SQLITE.get(kind, "{}").format(f'"{column}"') for column, kind in columns)
    names = ", ".join(f'"{column}"' for column, _ in columns)
    insert = f'INSERT INTO "{name}" ({names}) VALUES ({", ".join("?" * len(columns))})'
    copy.execute(f'DELETE FROM "{name}"')  # some rows are made with the table
    rows = connection.execution_options(yield_per=_BATCH).execute(text(f'SELECT {wanted} FROM "{name}"'))
    for batch in rows.partitions(_BATCH):
        copy.executemany(insert, [tuple(row) for row in batch])
