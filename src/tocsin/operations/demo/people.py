"""Accounts for looking around in the demonstration: one of each role, with one password that is drawn at each start."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select

from tocsin.node.accounts import AccountRole, Person, hash_password
from tocsin.node.records import AuditAction, Database, audit

ROLES: Final = (
    AccountRole.ADMINISTRATOR,
    AccountRole.MANAGER,
    AccountRole.ANALYST,
    AccountRole.AUDITOR,
    AccountRole.OPERATOR,
    AccountRole.ASSESSOR,
    AccountRole.DELEGATE,
)
_DOMAIN = "demo.example"


def let_in(database: Database, teams: Mapping[int, str], *, now: datetime, password: str = "") -> tuple[str, list[str]]:
    """The password of the demonstration's accounts, a new one where none is given, and their mailboxes.

    ``teams``: number and key of the teams whose networks the operator looks at.
    """
    password = password or secrets.token_urlsafe(12)
    kept = hash_password(password)
    with database.begin() as session:
        for role in ROLES:
            mailbox = f"{role.value}@{_DOMAIN}"
            person = session.scalar(select(Person).where(Person.mailbox == mailbox))
            if person is None:
                own = sorted(teams) if role is AccountRole.OPERATOR else []
                person = Person(
                    mailbox=mailbox, name=f"Demo {role.value}", role=role.value, teams=own, password=kept,
                    language="", theme="", made_at=now, blocked_at=None, removed_at=None,
                )  # fmt: skip
                session.add(person)
                session.flush()
                audit(session, AuditAction.PERSON_JOINED, at=now, actor="demo", subject=f"person:{person.id}")
            person.password = kept
    return password, [f"{role.value}@{_DOMAIN}" for role in ROLES]
