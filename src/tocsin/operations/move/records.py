"""All records copied into another database, going on where a killed move was, and compared."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import OperationalError

from tocsin.node.errors import ConflictError, StorageError
from tocsin.node.records import continue_numbering, cut
from tocsin.operations.record_rows import (
    RowHasher,
    TableDigest,
    Values,
    add_rows,
    count_rows,
    digest_of,
    empty_tables,
    read_rows,
)

_PATIENCE = "10s"  # that others may take to finish what they are writing


@contextmanager
def held_still(engine: Engine, tables: Sequence[Table]) -> Iterator[Connection]:
    """A connection that reads while nobody can write, until the block ends; what it writes itself counts then.

    Raises:
        ConflictError: somebody writes and does not end.

    """
    with engine.begin() as connection:  # of SQLite this is the one transaction that may write
        if engine.dialect.name == "postgresql":
            quote = connection.dialect.identifier_preparer.format_table
            connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
            try:
                names = ", ".join(quote(table) for table in tables)
                connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
            except OperationalError as error:
                raise ConflictError(
                    "Somebody works with the records at this moment.", hint="Stop every server of this node first."
                ) from error
        yield connection


@dataclass
class RecordsCopy:
    """Copies what ``source`` shows into ``target``; ``tables``: all, each after those that it refers to.

    ``told`` is called with rows copied, and rows compared. What is in the target already and is the beginning of a
    table stays; else the table is emptied, and those that refer to it.
    """

    source: Connection
    target: Engine
    tables: Sequence[Table]
    told: Callable[[int], None]
    digests: dict[str, TableDigest] = field(default_factory=dict)

    def rows(self) -> int:
        """How many there are to copy."""
        return sum(count_rows(self.source, table) for table in self.tables)

    def copy(self) -> None:
        """Copy all that is not there."""
        for table in self.tables:
            with self.target.connect() as connection:
                there = digest_of(connection, table)
            if not self._goes_on(table, there):
                empty_tables(self.target, table, self.tables)
                self._goes_on(table, TableDigest())
            cut("move.table")
        with self.target.begin() as connection:
            for table in self.tables:
                continue_numbering(connection, table)
            if self.target.dialect.name == "postgresql":
                connection.execute(text("ANALYZE"))

    def compare(self) -> None:
        """Hold every row of the target against those that were copied.

        Raises:
            StorageError: one differs.

        """
        with self.target.connect() as connection:
            found = {table.name: digest_of(connection, table, self.told) for table in self.tables}
        different = [name for name, digest in found.items() if digest != self.digests[name]]
        if different:
            raise StorageError(
                f"Rows differ after they were copied, in {', '.join(different)}; the node stays where it was.",
                hint="Empty the new database and begin again; if they differ again, this is a fault: please report it.",
            )

    def _goes_on(self, table: Table, there: TableDigest) -> bool:
        """Copy what follows the rows that are there; whether these are the first of the table."""
        hasher = RowHasher(table)
        following = self._following(table, hasher, there)
        if (first := next(following, None)) is None:
            return False

        def rest() -> Iterator[Sequence[Values]]:
            yield first
            yield from following

        add_rows(self.target, table, (rows for rows in rest() if rows))
        self.digests[table.name] = hasher.digest
        return True

    def _following(self, table: Table, hasher: RowHasher, there: TableDigest) -> Iterator[Sequence[Values]]:
        """The rows behind those that are there, first none; nothing at all where these are not the first ones."""
        same = False
        for rows in read_rows(self.source, table):
            here = rows[: max(there.rows - hasher.rows, 0)]
            if here:
                hasher.add(here)
                self.told(len(here))
            if not same and hasher.rows == there.rows:
                if hasher.digest != there:
                    return
                same = True
                yield []
            if same and (new := rows[len(here) :]):
                hasher.add(new)
                yield new
                self.told(len(new))
        if not same and hasher.digest == there:  # both are empty, or all is there
            yield []
