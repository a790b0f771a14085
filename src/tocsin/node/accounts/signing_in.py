"""Signing in: a password, then the second factor where there is one; what a stranger learns is the same for everybody.

A wrong mailbox, a wrong password and a blocked account give the same answer after the same work. Attempts are limited
as `tocsin.node.accounts.throttle` says.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.links import typed_mailbox
from tocsin.node.accounts.mails import News, send
from tocsin.node.accounts.models import Person, Session
from tocsin.node.accounts.passwords import fits, hash_password, is_outdated
from tocsin.node.accounts.permissions import AccountRole
from tocsin.node.accounts.second_factor import has_second_factor, use_code, use_recovery_code
from tocsin.node.accounts.sessions import end_session, note_proved, start_session
from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.accounts.throttle import Attempt, Limit, forget_old, give_back, network_of, take
from tocsin.node.records import AuditAction, Database, audit

_HALF, _DEVICE = "half-signed-in", "device"
_HALF_LASTS = timedelta(minutes=10)
_BROWSERS = 5  # accounts that one browser is known to
_APART = "~"


@dataclass(frozen=True)
class Caller:
    """The browser of an attempt.

    The address it comes from, what it calls itself, its cookie of known accounts, and that of the session it has.
    """

    address: str
    agent: str = ""
    known: str = ""
    session: str = ""


@dataclass(frozen=True)
class SignInRefusal:
    """Not signed in. ``wait``: how long to wait before the next attempt; None: what was given is wrong."""

    wait: timedelta | None = None


@dataclass(frozen=True)
class HalfWay:
    """The password is right, and the second factor must be given with this ``token`` within ten minutes."""

    token: str


@dataclass(frozen=True)
class SignedIn:
    """Signed in. ``secret``: what the session's cookie must hold; ``known``: what the cookie of known accounts holds.

    ``limited``: a second factor must be set up before anything else.
    """

    secret: str
    known: str
    limited: bool


def sign_in(
    database: Database, house: SiteConfig, mailbox: str, password: str, caller: Caller, *, now: datetime
) -> SignedIn | HalfWay | SignInRefusal:
    """Sign in by mailbox and password. Takes some 60 ms whatever is given."""
    mailbox = typed_mailbox(mailbox)
    with database.begin() as transaction:
        forget_old(transaction, now)
        person = _person(transaction, mailbox)
        limits = _limits(transaction, house, person, mailbox, caller, now=now)
    if isinstance(limits, SignInRefusal):
        return limits
    kept = person.password if person is not None else ""
    if not fits(password, kept) or person is None:
        with database.begin() as transaction:
            _note_refused(transaction, None if person is None else person.id, "password", now)
        return SignInRefusal()
    renewed = hash_password(password) if is_outdated(kept) else kept
    with database.begin() as transaction:
        current = _person(transaction, mailbox)
        if current is None or current.password != kept:  # changed while it was being checked
            return SignInRefusal()
        current.password = renewed
        give_back(transaction, house.tokens, limits, now)
        if has_second_factor(transaction, current.id):
            return HalfWay(_half(house, current, now))
        return enter(transaction, house, current, caller, now=now, how="password", strong=False)


def give_second_factor(
    database: Database, house: SiteConfig, token: str, code: str, caller: Caller, *, now: datetime
) -> SignedIn | SignInRefusal | None:
    """Sign in with the second factor: a code of the device or a recovery code. None: begin anew, it took too long."""
    with database.begin() as transaction:
        person = _half_person(transaction, house, token, now)
        if person is None:
            return None
        known = _is_known(house, person.id, caller)
        limits = [Attempt(Limit.DEVICE_CODE if known else Limit.CODE, str(person.id))]
        if (wait := take(transaction, house.tokens, limits, now)) is not None:
            send(transaction, house, News.GUESSED, person.mailbox, now=now, key=f"guessed:{person.id}:{now:%Y-%m-%d}")
            return SignInRefusal(wait)
        how = _factor(transaction, house, person, code, now)
        if how is None:
            _note_refused(transaction, person.id, "code", now)
            return SignInRefusal()
        give_back(transaction, house.tokens, limits, now)
        return enter(transaction, house, person, caller, now=now, how=how, strong=True)


def half_way(house: SiteConfig, person: Person, *, now: datetime) -> HalfWay:
    """Somebody who gave one factor, in whatever way, and must give the second one now."""
    return HalfWay(_half(house, person, now))


def enter(
    transaction: Transaction,
    house: SiteConfig,
    person: Person,
    caller: Caller,
    *,
    now: datetime,
    how: str,
    strong: bool,
) -> SignedIn:
    """Sign in somebody who proved who they are, in the caller's transaction: by whatever way, this is the door.

    ``how``: the way, for the audit log. ``strong``: two factors were given, or one that counts as both.
    """
    known = _is_known(house, person.id, caller)
    limited = AccountRole(person.role) in house.strict and not strong
    end_session(transaction, caller.session)  # a session is never taken over into another (ASVS 5, 7.2.4)
    secret = start_session(transaction, person, now=now, agent=caller.agent, limited=limited)
    detail: dict[str, object] = {"how": how, "known": known}
    actor = f"person:{person.id}"
    audit(transaction, AuditAction.SESSION_STARTED, at=now, actor=actor, subject=actor, detail=detail)
    if not known and how != "link":
        send(transaction, house, News.BROWSER, person.mailbox, now=now, agent=caller.agent)
    return SignedIn(secret, known_accounts(house, person.id, caller), limited)


def known_accounts(house: SiteConfig, person: int, caller: Caller) -> str:
    """What the cookie of known accounts holds once this browser signed in to one, or came by its mailed link."""
    if _is_known(house, person, caller):
        return caller.known
    fresh = house.tokens.make(_DEVICE, f"{person}-{secrets.token_hex(8)}")
    return _APART.join([fresh, *_known(house, caller)][:_BROWSERS])


def confirm(database: Database, house: SiteConfig, session: str, password: str, *, now: datetime) -> bool | timedelta:
    """Whether this is the password of who holds a session (`Visitor.session`); then it counts as lately proved.

    A time: so long one must wait before the next attempt.
    """
    limits = [Attempt(Limit.CONFIRM, session)]
    with database.begin() as transaction:
        person = transaction.scalar(select(Person).join(Session).where(Session.secret == session))
        if (wait := take(transaction, house.tokens, limits, now)) is not None:
            return wait
    right = person is not None and fits(password, person.password)
    with database.begin() as transaction:
        if right:
            give_back(transaction, house.tokens, limits, now)
            note_proved(transaction, session, now=now)
        else:
            _note_refused(transaction, None if person is None else person.id, "confirm", now)
    return right


def _person(transaction: Transaction, mailbox: str) -> Person | None:
    """Whoever may sign in with this mailbox."""
    return transaction.scalar(select(Person).where(Person.mailbox == mailbox, Person.blocked_at.is_(None)))


def _limits(
    transaction: Transaction, house: SiteConfig, person: Person | None, mailbox: str, caller: Caller, *, now: datetime
) -> list[Attempt] | SignInRefusal:
    """What this attempt was counted against. A known browser that guessed too often is one like any other."""
    name = "" if person is None else _device(house, person.id, caller)
    ways = [[Attempt(Limit.ADDRESS, network_of(caller.address)), Attempt(Limit.ACCOUNT, mailbox)]]
    if name:
        ways.insert(0, [Attempt(Limit.DEVICE, name)])
    wait: timedelta | None = None
    for limits in ways:
        if (wait := take(transaction, house.tokens, limits, now)) is None:
            return limits
    return SignInRefusal(wait)


def _factor(transaction: Transaction, house: SiteConfig, person: Person, code: str, now: datetime) -> str | None:
    if use_code(transaction, house.tokens, person=person.id, code=code, now=now):
        return "password and code"
    if not use_recovery_code(transaction, person=person.id, code=code, now=now):
        return None
    subject = f"person:{person.id}"
    detail: dict[str, object] = {"what": "recovery", "change": "used"}
    audit(transaction, AuditAction.FACTOR_CHANGED, at=now, actor=subject, subject=subject, detail=detail)
    send(transaction, house, News.FACTOR, person.mailbox, now=now)
    return "password and recovery code"


def _note_refused(transaction: Transaction, person: int | None, step: str, now: datetime) -> None:
    subject = f"person:{person or 'unknown'}"
    audit(transaction, AuditAction.SESSION_REFUSED, at=now, actor="public", subject=subject, detail={"step": step})


def _half(house: SiteConfig, person: Person, now: datetime) -> str:
    return house.tokens.make(_HALF, f"{person.id}-{int(now.timestamp())}-{_fingerprint(person)}")


def _half_person(transaction: Transaction, house: SiteConfig, token: str, now: datetime) -> Person | None:
    name = house.tokens.read(_HALF, token)
    if name is None:
        return None
    number, at, fingerprint = name.split("-")
    person = transaction.get(Person, int(number))
    fresh = now.timestamp() - int(at) <= _HALF_LASTS.total_seconds()
    right = person is not None and person.blocked_at is None and _fingerprint(person) == fingerprint
    return person if fresh and right else None


def _fingerprint(person: Person) -> str:
    """Changes with the password, so that what was half done with the old one cannot be finished."""
    return hashlib.sha256(person.password.encode()).hexdigest()[:16]


def _known(house: SiteConfig, caller: Caller) -> list[str]:
    """The tokens of a browser's cookie that this node made."""
    given = caller.known.split(_APART)[:_BROWSERS]
    return [token for token in given if house.tokens.read(_DEVICE, token) is not None]


def _device(house: SiteConfig, person: int, caller: Caller) -> str:
    """By which name this browser is known to a person's account; empty where it is not."""
    names = (house.tokens.read(_DEVICE, token) or "" for token in _known(house, caller))
    return next((name for name in names if name.startswith(f"{person}-")), "")


def _is_known(house: SiteConfig, person: int, caller: Caller) -> bool:
    return bool(_device(house, person, caller))
