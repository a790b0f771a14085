"""Rows found by the beginnings of words in them, in any case and without accents: FTS5 of SQLite, GIN of PostgreSQL.

The index of SQLite holds no text of its own (https://sqlite.org/fts5.html, 4.4.3): triggers keep it in the transaction
of each change. That of PostgreSQL is the index of an expression (migration 0032), so it cannot be missing.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

TEXTS: Final = {
    "team": ("key", "name", "organisation"),
    "delivery": ("reference", "subject"),
    "answer": ("note",),
    "incident": ("reference", "title"),
    "incident_entry": ("text",),
    "inbox_report": ("reference", "subject", "what", "place", "sender"),
}
"""The columns that are indexed, by table; migrations 0032 and 0043 have the same for PostgreSQL."""

INDEX_TABLES: Final = frozenset(
    f"search_{name}{part}" for name in TEXTS for part in ("", "_data", "_idx", "_config", "_docsize", "_content")
)
"""The tables of the indexes in SQLite: they hold nothing of their own and are in no copy."""

_WORD: Final = re.compile(r"[^\W_\u19b0-\u19c9\u1cf2\u1cf3]{2,}")
"""A word as FTS5 has it too: by Unicode 6.1, where these letters were signs. It refuses what it takes for two words."""

_MOST_WORDS: Final = 8
_NEWEST: Final = 200  # rows of PostgreSQL that are read before the index is asked
Conditions: TypeAlias = tuple[ColumnElement[bool], ...]
Numbers: TypeAlias = Select[tuple[int]]


def words_of(typed: str) -> list[str]:
    """The beginnings of words that a text asks for; single letters ask for nothing."""
    return list(dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", typed))))[:_MOST_WORDS]


def rows_with(
    session: Session,
    number: InstrumentedAttribute[int],
    typed: str,
    *conditions: ColumnElement[bool],
    limit: int,
    most_meet: bool = False,
) -> list[int]:
    """The numbers of the rows in which every word of a text begins some word, the newest first.

    ``number``: the primary key of one of the tables of `TEXTS`. ``conditions`` on a row are part of the query.
    ``most_meet``: most rows of the table meet them, so each match is looked at, and not all rows first.
    """
    words = words_of(typed)
    if not words:
        return []
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    asked = (
        _ask_sqlite(number, words, conditions, most_meet) if is_sqlite else _ask_postgresql(number, words, conditions)
    )
    found: list[int] = []
    for query in asked:
        found = list(session.scalars(query.limit(limit)))
        if len(found) == limit:
            break
    return found


def _ask_sqlite(
    number: InstrumentedAttribute[int], words: Sequence[str], conditions: Conditions, most_meet: bool
) -> list[Numbers]:
    """Whole words first: what many rows have then comes one by one, while beginnings of words are gathered before."""
    index, rowid = _index(number.class_.__tablename__), column("rowid", Integer)
    matches = table(index, rowid)
    queries: list[Numbers] = []
    for end in ("", "*"):
        asked = " ".join(f'"{word}"{end}' for word in words)
        query = select(rowid).select_from(matches).where(literal_column(index).op("MATCH")(asked))
        if most_meet:
            query = query.where(exists(select(number).where(number == rowid, *conditions).correlate(matches)))
        elif conditions:  # by the plus the planner leaves the matches as they come: asking for each row is slower
            query = query.where(literal_column("+rowid").in_(select(number).where(*conditions)))
        queries.append(query.order_by(rowid.desc()))  # type: ignore[arg-type]  # a column of no model
    return queries


def _ask_postgresql(number: InstrumentedAttribute[int], words: Sequence[str], conditions: Conditions) -> list[Numbers]:
    """The newest rows first: there stands what many rows have. The rest by the index, which the planner would leave."""
    name = number.class_.__tablename__
    folded = func.btrim(func.search_fold(" ".join(words)))
    asked = func.to_tsquery("simple", func.regexp_replace(folded, r"\s+", ":* & ", "g").concat(":*"))
    indexed = " || ' ' || ".join(f"{name}.{one}" for one in TEXTS[name])
    vector: ColumnElement[str] = literal_column(f"to_tsvector('simple', search_fold({indexed}))")
    newest = select(number).where(*conditions).order_by(number.desc()).limit(_NEWEST)
    rest = (
        select(number)
        .where(vector.op("@@")(asked), *conditions)
        .cte()
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return [
        select(number).where(number.in_(newest), vector.op("@@")(asked)).order_by(number.desc()),
        select(rest.c.id).order_by(rest.c.id.desc()),
    ]


def make_missing(connection: Connection) -> None:
    """Make each index of SQLite that is not whole anew: a migration that makes a table anew loses its triggers."""
    names = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")))
    for of, columns in TEXTS.items():
        triggers = _triggers(of, columns)
        if of not in names or names.issuperset({_index(of), *triggers}):
            continue
        for trigger in triggers:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        connection.execute(text(f"DROP TABLE IF EXISTS {_index(of)}"))
        connection.execute(
            text(
                f"CREATE VIRTUAL TABLE {_index(of)} USING fts5({', '.join(columns)}, content='{of}', "
                "content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3', detail=none, columnsize=0)"
            )
        )
        for trigger in triggers.values():
            connection.execute(text(trigger))
        connection.execute(text(rebuilding(of)))


def rebuilding(name: str) -> str:
    """The statement that fills an index of SQLite from its table; nothing of deleted rows is left in it."""
    return f"INSERT INTO {_index(name)}({_index(name)}) VALUES ('rebuild')"


def _index(name: str) -> str:
    return f"search_{name}"


def _triggers(of: str, columns: Iterable[str]) -> dict[str, str]:
    """The triggers that keep an index of SQLite, by name."""
    index, names = _index(of), ", ".join(columns)
    old, new = (", ".join(f"{row}.{one}" for one in columns) for row in ("old", "new"))
    add = f"INSERT INTO {index}(rowid, {names}) VALUES (new.id, {new});"
    take = f"INSERT INTO {index}({index}, rowid, {names}) VALUES ('delete', old.id, {old});"
    made = {"insert": ("INSERT", add), "update": (f"UPDATE OF {names}", take + add), "delete": ("DELETE", take)}
    return {
        f"{index}_{name}": f"CREATE TRIGGER {index}_{name} AFTER {when} ON {of} BEGIN {body} END"
        for name, (when, body) in made.items()
    }
