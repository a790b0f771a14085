"""A session for reading sees what is there, and can change nothing."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from tocsin.node.errors import InputError, StorageError
from tocsin.node.records import AuditAction, AuditEntry, Database, audit, open_database, sqlite_url

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_what_no_text_of_the_records_can_be_is_said_to_whoever_gave_it(database: Database, engine_name: str) -> None:
    asked = select(AuditEntry).where(AuditEntry.subject == "a\0b")
    refused = pytest.raises(InputError, match="cannot take this") if engine_name == "postgresql" else nullcontext()
    with refused, database.reading() as session:
        assert session.scalar(asked) is None


def test_reading_changes_nothing_and_waits_for_no_writer(database: Database) -> None:
    with database.begin() as writing:
        audit(writing, AuditAction.BACKUP_MADE, at=NOON, actor="test", subject="one")
        writing.flush()
        with database.reading() as session:
            assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0
    with pytest.raises((StorageError, DBAPIError)), database.reading() as session:
        audit(session, AuditAction.BACKUP_MADE, at=NOON, actor="test", subject="two")
    with database.begin() as session:
        audit(session, AuditAction.BACKUP_MADE, at=NOON, actor="test", subject="three")
    with database.reading() as session:
        assert list(session.scalars(select(AuditEntry.subject).order_by(AuditEntry.id))) == ["one", "three"]


def test_connections_that_are_kept_open_see_what_others_change_and_are_closed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    mine, other = open_database(sqlite_url(path)), open_database(sqlite_url(path))
    mine.migrate()
    count = select(func.count()).select_from(AuditEntry)
    with mine.kept_open():
        for number in range(3):
            with mine.reading() as session:
                assert session.scalar(count) == 2 * number
            for database in (mine, other):
                with database.begin() as session:
                    audit(session, AuditAction.BACKUP_MADE, at=NOON, actor="test", subject="one")
        with pytest.raises(StorageError), mine.reading() as session:
            audit(session, AuditAction.BACKUP_MADE, at=NOON, actor="test", subject="two")
    with mine.reading() as session:
        assert session.scalar(count) == 6
    assert [one.name for one in tmp_path.iterdir()] == ["records.sqlite"]  # SQLite tidied up: the last one was closed
    pool = mine.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0  # anything else makes each end of a database a search through all objects


def test_a_connection_that_is_in_use_when_all_are_closed_is_closed_when_it_comes_back(database: Database) -> None:
    with database.kept_open():
        with database.connection() as used:
            connection = used.connection.dbapi_connection
            database.close()
        assert connection is not None
        with pytest.raises(Exception, match="closed"):
            connection.cursor().execute("SELECT 1")
