"""Rows found by the beginnings of words in them, in any case and without accents: FTS5 of SQLite, GIN of PostgreSQL.

The index of SQLite holds no text of its own (https://sqlite.org/fts5.html, 4.4.3): triggers keep it in the transaction
of each change. That of PostgreSQL is the index of an expression (migration 0032), so it cannot be missing.
"""

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
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
_WORK_MEMORY: Final = "64MB"
"""For what the index finds: with PostgreSQL's 4 MB it forgets which rows of a page, and all of them are read again."""
_PREFIX: Final = 3  # letters, the longest beginning of words that SQLite has an index of
_CANDIDATES: Final = (200, 2_000)
"""So many rows of SQLite whose words begin as what is asked are looked at before all of that beginning are gathered;
of PostgreSQL, the last number of the newest."""

_TOKENS: Final = "tokenize='unicode61 remove_diacritics 2'"
Conditions: TypeAlias = tuple[ColumnElement[bool], ...]
Numbers: TypeAlias = Select[int]


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
    if session.get_bind().dialect.name == "sqlite":
        return _find_in_sqlite(session, _SqliteIndex(number, conditions, most_meet), words, limit)
    return _find_in_postgresql(session, number, words, conditions, limit)


@dataclass(frozen=True)
class _SqliteIndex:
    """The index of the texts of a table, and which of its rows may be found."""

    number: InstrumentedAttribute[int]
    conditions: Conditions
    most_meet: bool

    def rows(self, asked: str) -> Numbers:
        """The rows that match a question in the language of FTS5, the newest first."""
        number, conditions = self.number, self.conditions
        index, rowid = _index(number.class_.__tablename__), column("rowid", Integer)
        matches = table(index, rowid)
        query = select(rowid).select_from(matches).where(literal_column(index).op("MATCH")(asked))
        if self.most_meet:
            query = query.where(exists(select(number).where(number == rowid, *conditions).correlate(matches)))
        elif conditions:  # by the plus the planner leaves the matches as they come: asking for each row is slower
            query = query.where(literal_column("+rowid").in_(select(number).where(*conditions)))
        return query.order_by(rowid.desc())

    def texts(self, numbers: Sequence[int]) -> Select[Any]:
        """The texts of these rows, behind their numbers."""
        return self._texts().where(self.number.in_(numbers))

    def own(self) -> Select[Any]:
        """The texts of all rows that may be found, behind their numbers, the newest first."""
        return self._texts().where(*self.conditions).order_by(self.number.desc())

    def _texts(self) -> Select[Any]:
        columns = self.number.class_.__table__.c
        return select(self.number, *(columns[name] for name in TEXTS[self.number.class_.__tablename__]))


def _find_in_sqlite(session: Session, index: _SqliteIndex, words: Sequence[str], limit: int) -> list[int]:
    """Whole words first, which come one by one; then beginnings, among the newest rows that may have them, then in all.

    Where few rows may be found, each is read. A beginning as long as one that is indexed comes row by row, too. Of a
    longer one FTS5 gathers the rows of all words that go on from it, millions, before it gives the first: so the newest
    rows are looked at before, and what hardly any of them has is in few rows: in those of the longest beginning, or
    where all of them meet.
    """
    beginnings, most = _asked(words, "*"), max(_CANDIDATES)
    if index.conditions and not index.most_meet:
        own = session.execute(index.own().limit(most)).all()
        if len(own) < most:
            return _matching(own, beginnings, limit)
    found = list(session.scalars(index.rows(_asked(words)).limit(limit)))
    if len(found) == limit:
        return found
    for most in _CANDIDATES if any(len(word) > _PREFIX for word in words) else ():
        newest = list(session.scalars(index.rows(_asked([word[:_PREFIX] for word in words], "*")).limit(most)))
        found = _matching(session.execute(index.texts(newest)).all(), beginnings, limit)
        if len(found) == limit or len(newest) < most:
            return found
    if len(words) > 1:
        rare = list(session.scalars(index.rows(_asked([max(words, key=len)], "*")).limit(most)))
        if len(rare) < most:
            return _matching(session.execute(index.texts(rare)).all(), beginnings, limit)
    return list(session.scalars(index.rows(beginnings).limit(limit)))


def _asked(words: Sequence[str], end: str = "") -> str:
    """A question of FTS5: each of the words."""
    return " ".join(f'"{word}"{end}' for word in words)


def _matching(rows: Sequence[Row[Any]], asked: str, limit: int) -> list[int]:
    """Those of some rows that match, the newest first, by an index of their texts alone: its words are cut alike."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"CREATE VIRTUAL TABLE texts USING fts5(text, content='', {_TOKENS}, detail=none, columnsize=0)")
        texts = [(row[0], " ".join(filter(None, row[1:]))) for row in rows]
        memory.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", texts)
        found = memory.execute("SELECT rowid FROM texts(?) ORDER BY rowid DESC LIMIT ?", (asked, limit))
        return [number for (number,) in found]


def _find_in_postgresql(
    session: Session, number: InstrumentedAttribute[int], words: Sequence[str], conditions: Conditions, limit: int
) -> list[int]:
    """The newest rows first: there stands what many rows have. The rest by the index, which the planner would leave."""
    name = number.class_.__tablename__
    folded = func.btrim(func.search_fold(" ".join(words)))
    asked = func.to_tsquery("simple", func.regexp_replace(folded, r"\s+", ":* & ", "g").concat(":*"))
    texts = " || ' ' || ".join(f"{name}.{one}" for one in TEXTS[name])
    vector: ColumnElement[str] = literal_column(f"to_tsvector('simple', search_fold({texts}))")
    matches = vector.op("@@")(asked)

    def newest(most: int) -> list[int]:
        latest = session.scalars(select(number).where(*conditions).order_by(number.desc()).limit(most)).all()
        return list(session.scalars(select(number).where(number.in_(latest), matches).order_by(number.desc())))

    found, most = newest(_NEWEST), _CANDIDATES[-1]
    if _NEWEST * limit <= most * len(found) < most * limit:  # so many of the newest have it that more of them will do
        found = newest(most)
    if len(found) >= limit:
        return found[:limit]
    session.execute(select(func.set_config("work_mem", _WORK_MEMORY, True)))  # of this transaction
    # As it stands the planner would read the newest rows, one after the other.
    rest = select(number).where(matches, *conditions).cte().prefix_with("MATERIALIZED", dialect="postgresql")
    return list(session.scalars(select(rest.c.id).order_by(rest.c.id.desc()).limit(limit)))


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
                f"content_rowid='id', {_TOKENS}, prefix='2 {_PREFIX}', detail=none, columnsize=0)"
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
