"""Records that were moved to another database, or are only just coming: nobody works on them.

The mark stands where Alembic keeps the version, so that versions of Tocsin that know nothing of moves refuse them, too.
Triggers keep out whoever had opened them before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args
from uuid import UUID

from sqlalchemy import Connection, Table, inspect, text

from tocsin.node.errors import StorageError

MOVED_WORDS: Final = "These records were moved to another database"

State = Literal["moved", "moving"]
_WRITES: Final = ("insert", "update", "delete")


@dataclass(frozen=True)
class RecordsMark:
    """Of which version records are, and what keeps everybody from working on them; no ``state``: nothing does."""

    version: str
    state: State | None = None
    node: str = ""

    @property
    def text(self) -> str:
        """As it stands in the database; it has room for 32 characters."""
        return f"{self.state} {self.version} {self.node}" if self.state else self.version

    def is_of(self, node: UUID) -> bool:
        """Whether it was made for a node."""
        return self.node == short_of(node)


def short_of(node: UUID) -> str:
    """How a mark names a node."""
    return node.hex[:12]


def read_mark(connection: Connection) -> RecordsMark | None:
    """The mark of records; None where there are no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return _parsed(str(found)) if found else None


def check_open(version: str) -> None:
    """Records with a mark are for nobody. ``version``: as it stands in the database.

    Raises:
        StorageError: they were moved away, or are being moved here.

    """
    mark = _parsed(version)
    if mark.state == "moved":
        raise StorageError(
            f"{MOVED_WORDS} by 'tocsin move'; what is here is as it was then.",
            hint="Name the other database in tocsin.toml. Where that move was cut off: give the same command again.",
        )
    if mark.state == "moving":
        raise StorageError(
            "Records are being moved into this database, and that is not finished.",
            hint="Give the same 'tocsin move' again: it goes on where it was.",
        )


def set_mark(connection: Connection, mark: RecordsMark) -> None:
    """Put a mark on records, or take it off."""
    connection.execute(text("UPDATE alembic_version SET version_num = :text"), {"text": mark.text})


def refuse_changes(connection: Connection, tables: Iterable[Table]) -> None:
    """Let every change of the tables fail from the end of this transaction on, also of those who work on them now."""
    quote = connection.dialect.identifier_preparer
    if connection.dialect.name == "postgresql":
        body = f"BEGIN RAISE EXCEPTION '{MOVED_WORDS}'; END"
        connection.execute(
            text(f"CREATE OR REPLACE FUNCTION tocsin_moved() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
        )
    for table in tables:
        name = quote.format_table(table)
        if connection.dialect.name == "postgresql":
            when = " OR ".join(_WRITES)
            connection.execute(
                text(f"CREATE TRIGGER tocsin_moved BEFORE {when} ON {name} EXECUTE FUNCTION tocsin_moved()")
            )
            continue
        for write in _WRITES:
            made = f"moved_{table.name}_{write}"
            connection.execute(
                text(f"CREATE TRIGGER {made} BEFORE {write} ON {name} BEGIN SELECT RAISE(ABORT, '{MOVED_WORDS}'); END")
            )


def _parsed(found: str) -> RecordsMark:
    state, _, rest = found.partition(" ")
    version, _, node = rest.partition(" ")
    for known in get_args(State):
        if state == known:
            return RecordsMark(version, known, node)
    return RecordsMark(found)
