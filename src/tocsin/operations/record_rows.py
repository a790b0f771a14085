"""The rows of records as both databases hold them alike: read in the order of their keys, written, and hashed.

JSON and sentences are read and written as the text that they are, so that nothing is lost which Python would not tell
apart, such as ``NULL`` and JSON's ``null``.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Float,
    Select,
    Table,
    Text,
    Uuid,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy import table as light_table

from tocsin.node.errors import StorageError
from tocsin.node.records import SentenceRecords, SentenceText, cut

if TYPE_CHECKING:
    from hashlib import _Hash

BATCH: Final = 20_000
"""Rows that are in memory at once, and that one transaction adds."""

Values: TypeAlias = Sequence[Any]


@dataclass(frozen=True)
class TableDigest:
    """How many rows a table has, and a SHA-256 over all their columns in the order of the primary key."""

    rows: int = 0
    sha256: str = hashlib.sha256().hexdigest()


@dataclass
class RowHasher:
    """Adds rows of one table to a digest; equal on both databases where the rows say the same."""

    table: Table
    rows: int = 0
    _hash: "_Hash" = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self._plain = [(at, make) for at, one in enumerate(self.table.columns) if (make := _plain_form(one))]

    def add(self, rows: Sequence[Values]) -> None:
        """Add these rows, which follow those that were added before."""
        for row in rows:
            values = [*row]
            for at, make in self._plain:
                if values[at] is not None:
                    values[at] = make(values[at])
            self._hash.update(repr(values).encode("utf-8", "surrogatepass"))
        self.rows += len(rows)

    @property
    def digest(self) -> TableDigest:
        """Of all rows so far."""
        return TableDigest(self.rows, self._hash.hexdigest())


def count_rows(connection: Connection, table: Table) -> int:
    """How many rows a table has."""
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def digest_of(connection: Connection, table: Table, told: Callable[[int], None] = lambda _: None) -> TableDigest:
    """The digest of a whole table; ``told`` is called with the rows that were read, some at a time."""
    hasher = RowHasher(table)
    for rows in read_rows(connection, table):
        hasher.add(rows)
        told(len(rows))
    return hasher.digest


def read_rows(connection: Connection, table: Table, *wanted: ColumnElement[bool]) -> Iterator[Sequence[Values]]:
    """The rows that are wanted, in the order of the primary key, `BATCH` at a time."""
    query = _query(table, connection).where(*wanted)
    found = connection.execute(query, execution_options={"yield_per": BATCH})
    for rows in found.partitions(BATCH):
        yield [tuple(row) for row in rows]


def add_rows(engine: Engine, table: Table, batches: Iterable[Sequence[Values]]) -> None:
    """Add rows, each batch in a transaction; all in one where rows of the table refer to others that may come later."""
    if refers_to_itself(table):
        batches = [chain.from_iterable(batches)]  # type: ignore[list-item]  # as a stream
    for rows in batches:
        with engine.begin() as connection:
            put_rows(connection, table, rows)
        cut("move.batch")


def put_rows(connection: Connection, table: Table, rows: Iterable[Values]) -> None:
    """Add rows, as `read_rows` gives them, in the caller's transaction.

    Raises:
        StorageError: PostgreSQL does not take one.

    """
    if connection.dialect.name == "postgresql":
        _copy_in(connection, table, rows)
    else:
        _insert(connection, table, rows)


def empty_tables(engine: Engine, first: Table, tables: Sequence[Table]) -> None:
    """Take all rows out of a table and of those that refer to it. ``tables``: all, each after those it refers to."""
    gone = {first}
    for table in tables:
        if any(key.column.table in gone for key in table.foreign_keys):
            gone.add(table)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            quote = connection.dialect.identifier_preparer.format_table
            connection.execute(text(f"TRUNCATE {', '.join(quote(table) for table in gone)}"))
        else:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for table in gone:
                connection.execute(delete(table))


def refers_to_itself(table: Table) -> bool:
    """Whether rows of a table name other rows of it."""
    return any(key.column.table is table for key in table.foreign_keys)


def is_text_inside(one: Column[Any]) -> bool:
    """Whether a column is JSON, which is read as its text."""
    return isinstance(one.type, JSON | SentenceRecords)


def _query(table: Table, connection: Connection) -> Select[Any]:
    postgresql = connection.dialect.name == "postgresql"

    def read(one: Column[Any]) -> ColumnElement[Any]:
        return cast(one, Text()) if is_text_inside(one) or isinstance(one.type, SentenceText) else one

    def place(one: Column[Any]) -> ColumnElement[Any]:  # in the order of bytes, as SQLite has it
        return one.collate("C") if postgresql and isinstance(one.type, Text) else one

    return select(*(read(one) for one in table.columns)).order_by(*(place(one) for one in table.primary_key))


def _written_type(one: Column[Any]) -> Any:
    return Text() if is_text_inside(one) or isinstance(one.type, SentenceText) else one.type


def _copy_in(connection: Connection, table: Table, rows: Iterable[Values]) -> None:
    """Add rows by COPY, a third of the time of INSERT."""
    quote = connection.dialect.identifier_preparer
    names = ", ".join(quote.quote(one.name) for one in table.columns)
    makers = [
        _written_type(one).dialect_impl(connection.dialect).bind_processor(connection.dialect) for one in table.columns
    ]
    changed = [(at, make) for at, make in enumerate(makers) if make is not None]
    raw: Any = connection.connection.driver_connection
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {quote.format_table(table)} ({names}) FROM STDIN") as copy:
            for row in rows:
                values = [*row]
                for at, make in changed:
                    values[at] = make(values[at])
                copy.write_row(values)
    except connection.dialect.loaded_dbapi.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise StorageError(
            f"PostgreSQL does not take rows of {table.name}: {reason}.", hint="Correct the cause, and begin again."
        ) from error


def _insert(connection: Connection, table: Table, rows: Iterable[Values]) -> None:
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    columns = [column(one.name, _written_type(one)) for one in table.columns]
    adding = insert(light_table(table.name, *columns))
    names = [one.name for one in table.columns]
    block: list[dict[str, Any]] = []
    for row in rows:
        block.append(dict(zip(names, row, strict=True)))
        if len(block) == BATCH:
            connection.execute(adding, block)
            block = []
    if block:
        connection.execute(adding, block)


def _plain_form(one: Column[Any]) -> Callable[[Any], object] | None:
    """What makes values that are the same equal, where the databases may write them differently."""
    if is_text_inside(one):
        return lambda value: json.dumps(_number_plain(json.loads(value)), sort_keys=True)
    if isinstance(one.type, Float):
        return float
    return str if isinstance(one.type, Uuid) else None


def _number_plain(value: Any) -> Any:
    """JSON whose whole numbers are integers: PostgreSQL keeps decimals, and writes 1e2 as 100."""
    if isinstance(value, dict):
        return {name: _number_plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_number_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
