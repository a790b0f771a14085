"""Engine, sessions and column types, the same on SQLite and PostgreSQL."""

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from weakref import finalize

from sqlalchemy import JSON, Connection, DateTime, Dialect, Engine, Text, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    NotSupportedError,
    ProgrammingError,
    TimeoutError,  # noqa: A004 (of the pool: every connection is in use)
)
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.types import TypeDecorator

from tocsin.node.errors import InputError, SettingError, StorageError
from tocsin.node.records.moved import MOVED_WORDS
from tocsin.node.sentences import decode_sentence, encode_sentence, say

_READING = "tocsin_reading"
_IDLE = 8  # connections that are kept for the next that asks, where any are
_BUSY = 60  # connections to PostgreSQL at most

Json = JSON().with_variant(postgresql.JSONB(), "postgresql")


class UTCDateTime(TypeDecorator[datetime]):
    """A UTC-aware datetime; a naive one is refused, since it would be a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102 (the base class documents it)
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102 (the base class documents it)
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SentenceText(TypeDecorator[str]):
    """A text that may be a sentence (`tocsin.node.sentences`), which keeps its values."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102 (the base class documents it)
        return None if value is None else encode_sentence(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102 (the base class documents it)
        return None if value is None else decode_sentence(value)


class SentenceRecords(TypeDecorator[list[dict[str, str]]]):
    """A list of records, whose texts may be sentences."""

    impl = Json
    cache_ok = True

    def process_bind_param(self, value: list[dict[str, str]] | None, dialect: Dialect) -> list[dict[str, str]]:  # noqa: ARG002, D102 (the base class documents it)
        return [{name: encode_sentence(text) for name, text in one.items()} for one in value or []]

    def process_result_value(self, value: list[dict[str, str]] | None, dialect: Dialect) -> list[dict[str, str]]:  # noqa: ARG002, D102 (the base class documents it)
        return [{name: decode_sentence(text) for name, text in one.items()} for one in value or []]


class Base(DeclarativeBase):
    """The declarative base of every room's tables."""


@dataclass(frozen=True)
class Database:
    """An open records database; ``begin()`` gives a session in one transaction."""

    engine: Engine
    _keeping: list[None] = field(default_factory=list, compare=False, repr=False)  # an entry for each open block

    @property
    def is_shared(self) -> bool:
        """Whether machines may share it, as with PostgreSQL; SQLite is for one machine."""
        return self.engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Let go of all connections; it may be used again."""
        _close(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back if the block raises.

        Raises:
            StorageError: the database cannot be reached or is full.
            InputError: it can hold no such value.

        """
        with failures_of_database(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state and can change nothing; waits for no writer and makes none wait.

        Raises:
            StorageError: the database cannot be reached.
            InputError: it can hold no such value.

        """
        reader = self.engine.execution_options(**{_READING: True})
        with failures_of_database(), Session(reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection by itself, for what is no transaction, such as a lock.

        Raises:
            StorageError: the database cannot be reached.

        """
        with failures_of_database(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep connections open for a block of many transactions.

        A new one of SQLite reads first what tables there are, which takes longer than most questions; and SQLite tidies
        up whenever the last one closes.

        Raises:
            StorageError: the database cannot be reached.

        """
        with failures_of_database(), self.engine.connect() as ours:
            self._keeping.append(None)
            try:
                yield
            finally:
                self._keeping.pop()
                ours.close()  # before the pool is emptied, which would count it as one less than none
                if not self._keeping and not self.is_shared:
                    self.engine.pool.dispose()

    def make_tables(self) -> None:
        """Make the tables where there are none; safe to call at every start, and quick.

        Raises:
            StorageError: they are of another version; or the database cannot be reached, is full, or is not one.

        """
        from tocsin.node.records.migrate import make_tables

        with failures_of_database():
            make_tables(self.engine)

    def migrate(self) -> None:
        """Bring the tables to the current version, as `tocsin upgrade` and whatever works on a copy do.

        Raises:
            StorageError: the database cannot be reached, is full, or is not one.

        """
        from tocsin.node.records.migrate import upgrade

        with failures_of_database():
            upgrade(self.engine)


_TOO_LONG = "LIKE or GLOB pattern too complex"  # SQLite: SQLITE_MAX_LIKE_PATTERN_LENGTH, 50,000 bytes


@contextmanager
def failures_of_database() -> Iterator[None]:
    """What is wrong with the database itself, as the error that people are told; not what we asked of it wrongly."""
    try:
        yield
    except DataError as error:  # PostgreSQL takes no NUL in a text, and no number beyond its column
        raise InputError(
            f"The records cannot take this: {_reason(error)}.",
            hint="Leave out signs that nobody can read, and numbers that are too large.",
        ) from error
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        if isinstance(error, IntegrityError | NotSupportedError | ProgrammingError) and MOVED_WORDS not in str(error):
            raise
        if isinstance(error, InterfaceError) and not error.connection_invalidated:
            raise  # asked wrongly; where the connection was lost, psycopg says the same
        reason = _reason(error)
        if _TOO_LONG in reason:
            raise InputError(say("This is too long to search for."), hint=say("Search for less of it.")) from error
        raise StorageError(
            f"The records database failed: {reason}.",
            hint="Check that it is there, that this user may use it, and that its disk has room.",
        ) from error


def _reason(error: DatabaseError | InterfaceError | TimeoutError) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0].rstrip(".")


def open_database(url: str) -> Database:
    """The database at ``url``: ``sqlite:///PATH`` or ``postgresql+psycopg://…``; no tables are made.

    Raises:
        SettingError: it is no such URL.
        StorageError: no driver for that URL is installed.

    """
    try:
        kept = {"poolclass": QueuePool, "pool_size": _IDLE, "max_overflow": -1}
        # Each thread that answers a request needs one, and so does each piece of work and each lock that is held.
        served = {"pool_pre_ping": True, "pool_size": _IDLE, "max_overflow": _BUSY - _IDLE}
        engine = create_engine(url, **(kept if url.startswith("sqlite") else served))
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingError(
            "Setting 'storage.database' is not the URL of a database that can be used.",
            hint="Take postgresql+psycopg://USER@HOST/NAME, or leave it empty for SQLite in the home folder.",
        ) from error
    except ModuleNotFoundError as error:
        raise StorageError(
            f"No driver for the database '{url.split(':', 1)[0]}' is installed.",
            hint="PostgreSQL needs one more package: pip install 'psycopg[binary]'.",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
    keeping: list[None] = []
    database = Database(engine, keeping)
    event.listen(engine, "connect", partial(_note_pool, engine))
    always = engine.dialect.name != "sqlite"
    event.listen(engine, "checkin", partial(_close_unwanted, engine, None if always else keeping))
    finalize(database, _close, engine)  # whoever lets go of the database also lets go of its connections
    return database


def _close(engine: Engine) -> None:
    """Close the connections. One that the frames of an error still hold goes back first, else it would stay open."""
    if isinstance(engine.pool, QueuePool) and engine.pool.checkedout() > 0:
        gc.collect()
    engine.dispose()


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def _tune_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # FULL: a commit survives loss of power, for 0.2 ms.
    cursor = connection.cursor()
    pragmas = "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "secure_delete=ON"
    try:
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
    except Exception:
        connection.close()  # nobody else does, where the file is no database
        raise
    cursor.close()
    connection.isolation_level = None  # we begin transactions ourselves, see below


def _note_pool(engine: Engine, _connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    entry.info["pool"] = engine.pool


def _close_unwanted(
    engine: Engine, keeping: Collection[None] | None, _connection: DBAPIConnection, entry: ConnectionPoolEntry
) -> None:
    """Close a connection that comes back where nobody would use it again.

    As where all were closed while it was in use; and of SQLite whenever nothing is kept open, so that nothing stays
    open behind a command. ``keeping``: None where connections are always kept.
    """
    if entry.info.get("pool") is not engine.pool or (keeping is not None and not keeping):
        entry.invalidate()


def _begin_sqlite(connection: Connection) -> None:
    reading = bool(connection.get_execution_options().get(_READING))
    connection.exec_driver_sql(f"PRAGMA query_only={int(reading)}")
    # Taking the write lock at once avoids the deadlock of two readers that both want to write.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_READING):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def take_turns(session: Session, name: str) -> None:
    """Let no other transaction do what has this name (four letters) until this one ends.

    For what is there once though no row can say so. SQLite lets one transaction write at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(f"tocs{name}".encode())
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def only_where(condition: str) -> dict[str, Any]:
    """What makes an `Index` one of the rows that meet a condition, for either database."""
    return {f"{dialect}_where": text(condition) for dialect in ("sqlite", "postgresql")}


def insert_for(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what happens where the row is there already (``on_conflict_do_update``)."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)
