"""What SQLite holds and PostgreSQL refuses: found before anything is moved, and named row by row.

PostgreSQL keeps no NUL in a text or a JSON document, no half of a surrogate pair and no NaN in JSON
(PostgreSQL manual, 8.14), and no number beyond 32 bits in a column of that size.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy import literal_column as sql

from tocsin.node.records import SentenceText
from tocsin.operations.record_rows import is_text_inside

_LARGEST = 2**31


@dataclass(frozen=True)
class RefusedValue:
    """A value that PostgreSQL does not take. ``key``: the primary key of its row."""

    table: str
    key: tuple[Any, ...]
    column: str
    why: str

    def __str__(self) -> str:
        return f"{self.table} {', '.join(map(str, self.key))}, column {self.column}: {self.why}"


def find_refused(connection: Connection, tables: Sequence[Table]) -> Iterator[RefusedValue]:
    """All of them in records on SQLite."""
    for table in tables:
        suspects = {one: _suspicion(one) for one in table.columns}
        wanted = [(one, suspicion) for one, suspicion in suspects.items() if suspicion is not None]
        if not wanted:
            continue
        texts = [cast(one, Text()) for one, _ in wanted]
        query = select(*table.primary_key, *texts).where(or_(*(suspicion for _, suspicion in wanted)))
        keys = len(table.primary_key)
        for row in connection.execute(query, execution_options={"yield_per": 1_000}):
            for (one, _), value in zip(wanted, row[keys:], strict=True):
                if value is not None and (why := _refusal(one, value)):
                    yield RefusedValue(table.name, tuple(row[:keys]), one.name, why)


def _suspicion(one: Column[Any]) -> ColumnElement[bool] | None:
    """A condition that every such value meets, and that SQLite answers without asking us row by row."""
    if is_text_inside(one):
        words = ("\\u0000", "\\ud", "NaN", "Infinity")
        folded = func.lower(cast(one, Text()))
        return or_(*(func.instr(folded, word.lower()) > 0 for word in words))
    if isinstance(one.type, Text | SentenceText):
        return func.instr(cast(one, LargeBinary()), sql("x'00'")) > 0
    if isinstance(one.type, Integer) and not isinstance(one.type, BigInteger):
        return (one >= _LARGEST) | (one < -_LARGEST)
    return None


def _refusal(one: Column[Any], value: str) -> str:
    """Why PostgreSQL refuses a value, or nothing; ``value``: as a text."""
    if is_text_inside(one):
        return _json_refusal(value)
    if isinstance(one.type, Integer):
        return "the number is too large" if not -_LARGEST <= int(value) < _LARGEST else ""
    return "it holds a NUL character" if "\0" in value else ""


def _json_refusal(document: str) -> str:
    try:
        words = json.dumps(json.loads(document), ensure_ascii=False, allow_nan=False)
    except ValueError:
        return "its JSON holds a number that is none (NaN, Infinity), or is damaged"
    if any("\0" in one for one in _texts(json.loads(document))):
        return "its JSON holds a NUL character"
    try:
        words.encode()
    except UnicodeEncodeError:
        return "its JSON holds half of a character (a lone surrogate)"
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
