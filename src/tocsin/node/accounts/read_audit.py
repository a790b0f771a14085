"""Reading on record: whoever saw personal data, and whatever an auditor looked at."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from tocsin.node.accounts.permissions import OPEN, AccountRole, Permission, Principal
from tocsin.node.records import AuditAction, AuditEntry, Database, audit

AGAIN: Final = timedelta(hours=1)
"""The same reading is noted once within this time."""

_LONGEST = 200


def note_read(database: Database, visitor: Principal, subject: str, *, now: datetime) -> None:
    """Note that a visitor is shown personal data of ``subject``, such as ``team:UUID``; call it before showing them.

    Once in `AGAIN`. Nothing is noted of the public, to whom nothing personal is shown.
    """
    if visitor.person is not None:
        _note(database, AuditAction.PERSONAL_READ, visitor, subject, now)


def note_page(database: Database, visitor: Principal, act: Permission, path: str, *, now: datetime) -> None:
    """Note that an auditor reads a page, by its path without what was asked in it. Once in `AGAIN`."""
    if is_on_record(visitor, act):
        _note(database, AuditAction.PAGE_READ, visitor, f"page:{path}"[:_LONGEST], now)


def is_on_record(visitor: Principal, act: Permission) -> bool:
    """Whether what this visitor reads by this act is noted: all that an auditor reads but the own account."""
    return visitor.role is AccountRole.AUDITOR and act not in OPEN and act is not Permission.ACCOUNT_OWN


def _note(database: Database, word: AuditAction, visitor: Principal, subject: str, now: datetime) -> None:
    same = (AuditEntry.subject == subject) & (AuditEntry.word == word) & (AuditEntry.actor == visitor.actor)
    with database.reading() as session:
        lately = select(AuditEntry.id).where(same, AuditEntry.at > now - AGAIN).limit(1)
        if session.scalar(lately) is not None:
            return
    with database.begin() as session:
        audit(session, word, at=now, actor=visitor.actor, subject=subject)
