"""A session for reading sees what is there, and can change nothing."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from tocsin.errors import StorageError
from tocsin.records import AuditEntry, AuditWord, Database, audit

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_reading_changes_nothing_and_waits_for_no_writer(database: Database) -> None:
    with database.begin() as writing:
        audit(writing, AuditWord.BACKUP_MADE, at=NOON, actor="test", subject="one")
        writing.flush()
        with database.reading() as session:
            assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0
    with pytest.raises((StorageError, DBAPIError)), database.reading() as session:
        audit(session, AuditWord.BACKUP_MADE, at=NOON, actor="test", subject="two")
    with database.begin() as session:
        audit(session, AuditWord.BACKUP_MADE, at=NOON, actor="test", subject="three")
    with database.reading() as session:
        assert list(session.scalars(select(AuditEntry.subject).order_by(AuditEntry.id))) == ["one", "three"]
