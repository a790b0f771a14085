"""Numbers that never come again: what the audit log names by number stays that thing, also when its row is gone.

PostgreSQL counts so by itself; SQLite does in tables with AUTOINCREMENT, which models ask for by `counted`.
"""

from typing import Any

from sqlalchemy import Connection, Integer, Table, func, select, text

_NOUN = "noun"


def counted(noun: str) -> dict[str, Any]:
    """Arguments of a table whose rows may be deleted and that the audit log names as ``noun:NUMBER``."""
    return {"sqlite_autoincrement": True, "info": {_NOUN: noun}}


def continue_numbering(connection: Connection, table: Table) -> None:
    """Let the next number follow all that were ever given, as far as the rows and the audit log say."""
    column = table.columns.get("id")
    if column is None or not isinstance(column.type, Integer):  # others are drawn
        return
    noun = table.info.get(_NOUN)
    highest = max(connection.scalar(select(func.max(column))) or 0, _named(connection, noun))
    if not highest:
        return
    if connection.dialect.name == "postgresql":
        # it counts apart from the rows
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, "id")))
        if sequence:
            connection.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})
    elif noun is not None:
        _count_from(connection, table.name, highest)


def _count_from(connection: Connection, table: str, highest: int) -> None:
    values = {"table": table, "highest": highest}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :highest)"), values)


def _named(connection: Connection, noun: str | None) -> int:
    """The highest number of such a thing that the audit log names."""
    if noun is None:
        return 0
    found = text("SELECT DISTINCT subject FROM audit_entry WHERE subject LIKE :like")
    numbers = (subject.partition(":")[2] for (subject,) in connection.execute(found, {"like": f"{noun}:%"}))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
