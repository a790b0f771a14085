"""API tokens: a program acts for a person, with less than the person's rights, and not for ever."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.mails import News, send
from tocsin.node.accounts.models import ApiToken, Person
from tocsin.node.accounts.permissions import IN_API, NOBODY, AccountRole, Permission, Principal, extent
from tocsin.node.accounts.sessions import visitor_of
from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import AuditAction, Database, audit

PREFIX: Final = "tcs_"
"""How every token begins, so that people and scanners of leaked secrets know one."""

LONGEST_DAYS: Final = 365

_LONGEST_NAME = 100
_NOTED_EVERY = timedelta(minutes=5)  # so that reading by a program does not write records


def scopes_of(role: AccountRole) -> list[Permission]:
    """The acts that a token of somebody in this role can have: those that the API needs for something."""
    return [act for act in Permission if act in IN_API and extent(role, act)]


def make_token(
    transaction: Transaction,
    person: Person,
    *,
    name: str,
    scopes: Collection[Permission],
    days: int,
    now: datetime,
    actor: str,
    house: SiteConfig | None = None,
) -> tuple[ApiToken, str]:
    """A new token of a person, and what a program sends, said only here (``tcs_`` and 256 random bits, base64url).

    ``house``: its person is told by mail, who may not have been the one to make it.

    Raises:
        UsageError: it has no name or no scope, lasts too long, or has a scope that is of no use, or that the person's
            role does not give.

    """
    name = " ".join(name.split())
    _check(name, scopes, days, AccountRole(person.role))
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        person_id=person.id, name=name, secret=_hashed(secret), scopes=sorted(scope.value for scope in scopes),
        made_at=now, expires_at=now + timedelta(days=days), used_at=None, revoked_at=None,
    )  # fmt: skip
    transaction.add(row)
    transaction.flush()
    detail = {"person": person.id, "scopes": row.scopes, "until": row.expires_at.date().isoformat()}
    audit(transaction, AuditAction.TOKEN_MADE, at=now, actor=actor, subject=f"token:{row.id}", detail=detail)
    if house is not None:
        send(transaction, house, News.TOKEN, person.mailbox, now=now)
    return row, secret


def revoke_token(
    transaction: Transaction, number: int, *, now: datetime, actor: str, person: int | None = None
) -> ApiToken:
    """Take a token back, from now on; one that is taken back already stays as it is.

    ``person``: only if it is that person's.

    Raises:
        NotFoundError: there is no such token.

    """
    row = transaction.get(ApiToken, number)
    if row is None or person not in (None, row.person_id):
        raise NotFoundError(f"There is no token {number}.", hint="'tocsin tokens list' lists them.")
    if row.revoked_at is None:
        row.revoked_at = now
        detail: dict[str, object] = {"person": row.person_id}
        audit(transaction, AuditAction.TOKEN_REVOKED, at=now, actor=actor, subject=f"token:{number}", detail=detail)
    return row


def list_tokens(transaction: Transaction, person: int | None = None) -> list[ApiToken]:
    """The tokens of a person, or of all, the newest first; those that ended among them."""
    query = select(ApiToken).order_by(ApiToken.id.desc())
    return list(transaction.scalars(query if person is None else query.where(ApiToken.person_id == person)))


def token_state(row: ApiToken, now: datetime) -> str:
    """``working``, ``revoked`` or ``expired``."""
    return "revoked" if row.revoked_at else "expired" if now >= row.expires_at else "working"


def read_token(database: Database, token: str, *, now: datetime) -> Principal:
    """Who sends a token, limited to its scopes; nobody where there is none, or it ended, or its person is blocked.

    One look-up by the token's hash, whatever was sent: how long it takes says nothing of any token.
    """
    hashed = _hashed(token)
    with database.reading() as transaction:
        found = transaction.execute(
            select(Person, ApiToken).join(ApiToken, ApiToken.person_id == Person.id).where(ApiToken.secret == hashed)
        ).one_or_none()
    if found is None:
        return NOBODY
    person, row = found
    if person.blocked_at is not None or token_state(row, now) != "working":
        return NOBODY
    if row.used_at is None or now - row.used_at >= _NOTED_EVERY:
        with database.begin() as transaction:
            transaction.execute(update(ApiToken).where(ApiToken.id == row.id).values(used_at=now))
    known = frozenset(Permission(scope) for scope in row.scopes if scope in set(Permission))
    return replace(visitor_of(person), scopes=known)


def _check(name: str, scopes: Collection[Permission], days: int, role: AccountRole) -> None:
    if not name or len(name) > _LONGEST_NAME:
        hint = "Name it after the program that will use it."
        raise UsageError(f"A token needs a name of at most {_LONGEST_NAME} letters.", hint=hint)
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"A token lasts 1 to {LONGEST_DAYS} days.", hint="Make a new one when it ends.")
    if not scopes:
        raise UsageError("A token needs at least one scope.", hint="Choose what the program will do.")
    hint = f"Take some of: {', '.join(scopes_of(role))}."
    if unused := sorted(set(scopes) - IN_API):
        raise UsageError(f"No part of the API needs {', '.join(unused)}.", hint=hint)
    if beyond := sorted(set(scopes) - set(scopes_of(role))):
        raise UsageError(f"The role {role} does not give {', '.join(beyond)}.", hint=hint)


def _hashed(token: str) -> str:
    # A random secret of 256 bits needs no slow hash: it cannot be guessed (ASVS 5, 11.4.2).
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).hexdigest()
