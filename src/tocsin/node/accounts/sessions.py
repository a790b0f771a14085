"""Sessions: a browser stays signed in by a secret that only it holds."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.models import Person, Session
from tocsin.node.accounts.permissions import NOBODY, UNFINISHED, AccountRole, Principal
from tocsin.node.records import AuditAction, Database, audit

LONGEST: Final = timedelta(days=7)
"""After so long a person signs in again, however busy."""

IDLE: Final = timedelta(hours=12)
"""After so long without a request a session has ended."""

PROVED: Final = timedelta(minutes=15)
"""For so long after a credential was given others may be changed; then it is asked for again (ASVS 5, 7.5.1)."""

_NOTED_EVERY = timedelta(minutes=5)  # so that reading pages does not write records


def start_session(
    transaction: Transaction, person: Person, *, now: datetime, agent: str = "", limited: bool = False
) -> str:
    """Sign a browser in; what its cookie must hold, said only here (256 random bits, base64url).

    ``limited``: the session reaches only the own account, until a second factor is set up.
    """
    secret = secrets.token_urlsafe(32)
    transaction.execute(delete(Session).where((Session.ends_at <= now) | (Session.seen_at <= now - IDLE)))
    row = Session(
        person_id=person.id,
        secret=_hashed(secret),
        made_at=now,
        seen_at=now,
        ends_at=now + LONGEST,
        agent=agent[:200],
        proved_at=now,
        limited=limited,
    )
    transaction.add(row)
    return secret


def read_session(database: Database, secret: str, *, now: datetime) -> Principal:
    """Who holds the secret of a session; nobody where there is none, or it has ended, or its person is blocked."""
    if not secret:
        return NOBODY
    hashed = _hashed(secret)
    with database.reading() as transaction:
        found = transaction.execute(
            select(Person, Session.seen_at, Session.ends_at, Session.limited)
            .join(Session, Session.person_id == Person.id)
            .where(Session.secret == hashed)
        ).one_or_none()
    if found is None:
        return NOBODY
    person, seen_at, ends_at, limited = found
    if person.blocked_at is not None or now >= min(ends_at, seen_at + IDLE):
        return NOBODY
    if now - seen_at >= _NOTED_EVERY:
        with database.begin() as transaction:
            transaction.execute(update(Session).where(Session.secret == hashed).values(seen_at=now))
    visitor = visitor_of(person, session=hashed)
    return replace(visitor, scopes=UNFINISHED) if limited else visitor


def living_sessions(database: Database, sessions: Collection[str], *, now: datetime) -> set[str]:
    """Those of these sessions (`Visitor.session`) that have not ended and whose persons are not blocked."""
    with database.reading() as transaction:
        wanted = select(Session.secret).join(Person, Person.id == Session.person_id)
        return set(
            transaction.scalars(
                wanted.where(
                    Session.secret.in_(sessions),
                    Session.ends_at > now,
                    Session.seen_at > now - IDLE,
                    Person.blocked_at.is_(None),
                )
            )
        )


def end_session(transaction: Transaction, secret: str) -> None:
    """Sign a browser out."""
    transaction.execute(delete(Session).where(Session.secret == _hashed(secret)))


def list_sessions(transaction: Transaction, person: int, *, now: datetime) -> list[Session]:
    """The open sessions of a person, the one last seen first."""
    open_ones = (Session.person_id == person) & (Session.ends_at > now) & (Session.seen_at > now - IDLE)
    return list(transaction.scalars(select(Session).where(open_ones).order_by(Session.seen_at.desc(), Session.id)))


def end_sessions(
    transaction: Transaction,
    person: int,
    *,
    why: str,
    actor: str,
    now: datetime,
    only: int | None = None,
    but: str = "",
) -> int:
    """End sessions of a person, and note how many.

    All, ``only`` the one of a number, or all ``but`` one (a `Visitor.session`).
    """
    ended = delete(Session).where(Session.person_id == person, Session.secret != but)
    if only is not None:
        ended = ended.where(Session.id == only)
    count = len(transaction.scalars(ended.returning(Session.id)).all())
    if count:
        detail: dict[str, object] = {"sessions": count, "why": why}
        audit(transaction, AuditAction.SESSION_ENDED, at=now, actor=actor, subject=f"person:{person}", detail=detail)
    return count


def note_session_end(transaction: Transaction, visitor: Principal, *, now: datetime) -> None:
    """Note that a visitor signed out."""
    detail: dict[str, object] = {"sessions": 1, "why": "signed out"}
    subject = visitor.actor
    audit(transaction, AuditAction.SESSION_ENDED, at=now, actor=subject, subject=subject, detail=detail)


def is_proved(transaction: Transaction, session: str, *, now: datetime) -> bool:
    """Whether a credential was given in this session (a `Visitor.session`) so lately that others may be changed."""
    at = transaction.scalar(select(Session.proved_at).where(Session.secret == session))
    return at is not None and now - at <= PROVED


def note_proved(transaction: Transaction, session: str, *, now: datetime, full: bool = False) -> None:
    """A credential was given again in this session; ``full``: a second factor too, so that it reaches everything."""
    values: dict[str, object] = {"proved_at": now, **({"limited": False} if full else {})}
    transaction.execute(update(Session).where(Session.secret == session).values(values))


def visitor_of(person: Person, *, session: str = "") -> Principal:
    """A person as who asks."""
    return Principal(
        role=AccountRole(person.role),
        person=person.id,
        name=person.name,
        teams=frozenset(person.teams),
        session=session,
        language=person.language,
        theme=person.theme,
    )


def _hashed(secret: str) -> str:
    # A random secret of 256 bits needs no slow hash: it cannot be guessed (ASVS 5, 11.4.2).
    return hashlib.sha256(secret.encode("utf-8", "backslashreplace")).hexdigest()
