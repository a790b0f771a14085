"""The people of a node: who is there, who joins, and what an administrator changes. Each change is audited with it.

All functions work in the caller's transaction; ``actor`` is who does it, as the audit log names them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.links import LinkKind, check_role, plain_mailbox, use_link, withdraw_links
from tocsin.node.accounts.mails import News, send
from tocsin.node.accounts.models import (
    AccountElsewhere,
    ApiToken,
    Passkey,
    Person,
    RecoveryCode,
    Session,
    Totp,
    WelcomeLink,
)
from tocsin.node.accounts.permissions import AccountRole
from tocsin.node.accounts.second_factor import remove_second_factor
from tocsin.node.accounts.sessions import end_sessions
from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import ACCOUNT, Letter, LetterState
from tocsin.node.records import AuditAction, AuditEntry, audit
from tocsin.node.sentences import say

_LONGEST_NAME = 100
_PERSON = re.compile(r"person:[0-9]{1,9}")  # with a command, somebody may be named otherwise


@dataclass(frozen=True)
class PersonSummary:
    """A person as a list shows them. ``seen_at``: the last sign of them; ``second_factor``: has one."""

    number: int
    name: str
    mailbox: str
    role: AccountRole
    teams: tuple[int, ...]
    made_at: datetime
    blocked_at: datetime | None
    seen_at: datetime | None
    second_factor: bool


def list_people(transaction: Transaction) -> list[PersonSummary]:
    """Everybody with an account, by name; those who were removed are not there."""
    seen = _last_seen(transaction)
    strong = {*transaction.scalars(select(Totp.person_id)), *transaction.scalars(select(Passkey.person_id))}
    people = transaction.scalars(select(Person).where(Person.removed_at.is_(None)).order_by(Person.name, Person.id))
    return [
        PersonSummary(
            number=one.id, name=one.name, mailbox=one.mailbox, role=AccountRole(one.role), teams=tuple(one.teams),
            made_at=one.made_at, blocked_at=one.blocked_at, seen_at=seen.get(one.id), second_factor=one.id in strong,
        )
        for one in people
    ]  # fmt: skip


def _last_seen(transaction: Transaction) -> dict[int, datetime]:
    """When each person was last there, by number: a session is forgotten once it ends, the audit log is not."""
    entry = AuditEntry
    signs = entry.word.in_([AuditAction.SESSION_STARTED.value, AuditAction.SESSION_ENDED.value])
    own = select(entry.actor, func.max(entry.at)).where(signs, entry.actor == entry.subject).group_by(entry.actor)
    open_ones = select(Session.person_id, func.max(Session.seen_at)).group_by(Session.person_id)
    seen = {int(actor.partition(":")[2]): at for actor, at in transaction.execute(own) if _PERSON.fullmatch(actor)}
    for person, at in transaction.execute(open_ones):
        seen[person] = max(at, seen.get(person, at))
    return seen


def find_person(transaction: Transaction, named: str | int) -> Person:
    """The person of this number or mailbox.

    Raises:
        NotFoundError: there is none, or they were removed.

    """
    text = str(named).strip().lower()
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    which = Person.id == int(text) if is_number else Person.mailbox == text
    found = transaction.scalar(select(Person).where(which, Person.removed_at.is_(None)))
    if found is None:
        raise NotFoundError(f"There is no account of '{named}'.", hint="'tocsin people list' lists them.")
    return found


def names_of(transaction: Transaction, numbers: Iterable[int | None]) -> dict[int, str]:
    """The names of persons by their numbers, as their accounts say now."""
    wanted = {number for number in numbers if number is not None}
    return dict(transaction.execute(select(Person.id, Person.name).where(Person.id.in_(wanted))).all())


def names_of_actors(transaction: Transaction, actors: Iterable[str]) -> dict[str, str]:
    """The names of those actors that are persons with an account (``person:7``): records name them by number only."""
    numbers = {actor: int(actor[7:]) for actor in actors if _PERSON.fullmatch(actor)}
    names = names_of(transaction, numbers.values())
    return {actor: names[number] for actor, number in numbers.items() if number in names}


def is_name(name: str) -> bool:
    """Whether somebody can be called so: 1 to 100 characters that can be printed."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def join(
    transaction: Transaction, link: WelcomeLink, *, name: str, mailbox: str, password: str, language: str, now: datetime
) -> Person:
    """The account that a link makes, with a password already hashed; the link is used up in the same transaction.

    ``mailbox``: only the first administrator says it; an invitation has its own.

    Raises:
        ConflictError: the link was used meanwhile, or there is an account with this mailbox.
        InputError: that is no mailbox.

    """
    given = mailbox if link.kind == LinkKind.FIRST else link.mailbox
    if not use_link(transaction, link, now=now):
        raise ConflictError(say("This link was used already."), hint=say("Sign in with what was set by it."))
    address = plain_mailbox(given)
    if transaction.scalar(select(Person.id).where(Person.mailbox == address)) is not None:
        raise ConflictError(say("There is already an account with this email address."), hint=say("Sign in with it."))
    person = Person(
        mailbox=address, name=name, role=link.role, teams=link.teams, password=password, language=language,
        theme="", made_at=now, blocked_at=None, removed_at=None,
    )  # fmt: skip
    transaction.add(person)
    transaction.flush()
    detail: dict[str, object] = {"link": link.id, "role": link.role}
    audit(
        transaction, AuditAction.PERSON_JOINED, at=now, actor=f"person:{person.id}", subject=f"person:{person.id}",
        detail=detail,
    )  # fmt: skip
    return person


def set_password(
    transaction: Transaction,
    house: SiteConfig,
    person: Person,
    password: str,
    *,
    how: str,
    now: datetime,
    but: str = "",
) -> None:
    """Give a person a new password, already hashed: all sessions end (``but`` one), open links too, and they are told.

    ``how``: ``link`` or ``account``.
    """
    person.password = password
    withdraw_links(transaction, WelcomeLink.person_id == person.id, now=now)
    actor = f"person:{person.id}"
    audit(
        transaction,
        AuditAction.PASSWORD_CHANGED,
        at=now,
        actor=actor,
        subject=f"person:{person.id}",
        detail={"how": how},
    )
    end_sessions(transaction, person.id, but=but, why="password", actor=actor, now=now)
    send(transaction, house, News.PASSWORD, person.mailbox, now=now)


def note_factor(
    transaction: Transaction, house: SiteConfig, person: Person, what: str, change: str, *, actor: str, now: datetime
) -> None:
    """Note and tell the person that a way to sign in changed: ``what`` (totp, recovery, passkey …) was ``change``."""
    detail: dict[str, object] = {"what": what, "change": change}
    audit(transaction, AuditAction.FACTOR_CHANGED, at=now, actor=actor, subject=f"person:{person.id}", detail=detail)
    send(transaction, house, News.FACTOR, person.mailbox, now=now)


def reset_factor(transaction: Transaction, house: SiteConfig, person: Person, *, actor: str, now: datetime) -> None:
    """Take a person's second factor, recovery codes and passkeys away: for who lost them all. Sessions end."""
    remove_second_factor(transaction, person.id)
    transaction.execute(delete(Passkey).where(Passkey.person_id == person.id))
    note_factor(transaction, house, person, "all", "removed", actor=actor, now=now)
    end_sessions(transaction, person.id, why="factor", actor=actor, now=now)


def set_role(
    transaction: Transaction, person: Person, role: AccountRole, teams: Iterable[int], *, actor: str, now: datetime
) -> bool:
    """Give a person another role, or other teams; their sessions end, since they were opened for less or more.

    False where nothing changed.

    Raises:
        UsageError: that role does not go with these teams.
        ConflictError: there would be no administrator left.

    """
    wanted = sorted(set(teams))
    check_role(role, wanted)
    before: Mapping[str, object] = {"role": person.role, "teams": sorted(person.teams)}
    after: Mapping[str, object] = {"role": role.value, "teams": wanted}
    if before == after:
        return False
    if role is not AccountRole.ADMINISTRATOR:
        _keep_an_administrator(transaction, person)
    person.role, person.teams = role.value, wanted
    detail: dict[str, object] = {"changed": "role", "before": before, "after": after}
    audit(transaction, AuditAction.PERSON_CHANGED, at=now, actor=actor, subject=f"person:{person.id}", detail=detail)
    end_sessions(transaction, person.id, why="role", actor=actor, now=now)
    return True


def set_profile(
    transaction: Transaction, person: Person, *, name: str, language: str, theme: str, actor: str, now: datetime
) -> None:
    """Change how somebody is called, and how pages look to them."""
    if (person.name, person.language, person.theme) == (name, language, theme):
        return
    person.name, person.language, person.theme = name, language, theme
    audit(
        transaction, AuditAction.PERSON_CHANGED, at=now, actor=actor, subject=f"person:{person.id}",
        detail={"changed": "profile"},
    )  # fmt: skip


def block(transaction: Transaction, person: Person, *, actor: str, now: datetime) -> None:
    """Let an account let nobody in: its sessions and open links end.

    Raises:
        ConflictError: there would be no administrator left.

    """
    if person.blocked_at is not None:
        return
    _keep_an_administrator(transaction, person)
    person.blocked_at = now
    withdraw_links(transaction, WelcomeLink.person_id == person.id, now=now)
    audit(transaction, AuditAction.PERSON_BLOCKED, at=now, actor=actor, subject=f"person:{person.id}")
    end_sessions(transaction, person.id, why="blocked", actor=actor, now=now)


def unblock(transaction: Transaction, person: Person, *, actor: str, now: datetime) -> None:
    """Let an account let its person in again."""
    if person.blocked_at is not None:
        person.blocked_at = None
        audit(transaction, AuditAction.PERSON_UNBLOCKED, at=now, actor=actor, subject=f"person:{person.id}")


def remove(transaction: Transaction, person: Person, *, actor: str, now: datetime) -> None:
    """Remove an account: name, mailbox and all credentials go, the number stays for what the audit log says of it.

    Raises:
        ConflictError: there would be no administrator left.

    """
    block(transaction, person, actor=actor, now=now)
    for kept in (Totp, RecoveryCode, Passkey, ApiToken, AccountElsewhere, WelcomeLink):
        transaction.execute(delete(kept).where(kept.person_id == person.id))
    waiting = [state.value for state in (LetterState.QUEUED, LetterState.RETRY, LetterState.HELD)]
    about = (Letter.kind == ACCOUNT) & (Letter.mailbox == person.mailbox)
    transaction.execute(
        update(Letter).where(about, Letter.state.in_(waiting)).values(state=LetterState.CANCELLED.value)
    )
    transaction.execute(update(Letter).where(about).values(mailbox="", body=""))
    person.mailbox, person.name, person.password = f"removed:{person.id}", "", ""
    person.language, person.theme, person.teams, person.removed_at = "", "", [], now
    audit(transaction, AuditAction.PERSON_REMOVED, at=now, actor=actor, subject=f"person:{person.id}")


def _keep_an_administrator(transaction: Transaction, but: Person) -> None:
    """Two administrators who block each other at once: the rows are held, so that the second one sees the first."""
    if but.role != AccountRole.ADMINISTRATOR or but.blocked_at is not None:
        return
    wanted = (Person.role == AccountRole.ADMINISTRATOR.value) & Person.blocked_at.is_(None)
    left = transaction.scalars(select(Person.id).where(wanted).order_by(Person.id).with_for_update()).all()
    if not set(left) - {but.id}:
        raise ConflictError(
            say("This is the last administrator: nobody could set up this node any more."),
            hint=say("Make another person administrator first."),
        )
