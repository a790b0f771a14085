"""Links that make an account or set a new password: each for one person, for one use, for a time."""

import re
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.mails import News, send, take_back
from tocsin.node.accounts.models import Person, WelcomeLink
from tocsin.node.accounts.permissions import AccountRole
from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.accounts.throttle import Attempt, Limit, network_of, take
from tocsin.node.errors import ConflictError, InputError, UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

PATH: Final = "/welcome/"
"""Where such a link leads; its token follows."""

_PURPOSE: Final = "welcome"
_SENT_TWICE: Final = timedelta(minutes=1)  # the same invitation within it is the first one
_MAILBOX = re.compile(r"[^@\s<>,;:\"\\]{1,64}@[^@\s<>,;:\"\\]{1,255}")


class LinkKind(StrEnum):
    """What a link is for."""

    FIRST = "first"  # makes the first administrator
    INVITED = "invited"  # makes an account with the role and the teams that the link fixes
    RESET = "reset"  # sets a new password


LASTS: Final = {
    LinkKind.FIRST: timedelta(hours=24),
    LinkKind.INVITED: timedelta(days=7),
    LinkKind.RESET: timedelta(hours=4),
}
"""How long a link works."""


def plain_mailbox(mailbox: str) -> str:
    """The mailbox as accounts keep it: without blanks, in lower case.

    Raises:
        InputError: it is none.

    """
    plain = typed_mailbox(mailbox)
    if not _MAILBOX.fullmatch(plain) or plain != mailbox.strip().lower():
        raise InputError(say("This is no email address."), hint=say("Write it as name@example.org."))
    return plain


def typed_mailbox(mailbox: str) -> str:
    """What somebody typed for a mailbox, whatever it is, as accounts would keep it; control characters are left out."""
    return "".join(letter for letter in mailbox.strip().lower()[:320] if letter.isprintable())


def first_link(transaction: Transaction, house: SiteConfig, *, now: datetime) -> str | None:
    """The link by which the first administrator makes an account; None where there is one already.

    The same link for as long as it works, so that a restart takes none away.
    """
    if has_administrator(transaction):
        return None
    open_one = transaction.scalar(_open(now).where(WelcomeLink.kind == LinkKind.FIRST))
    link = open_one or _new(transaction, LinkKind.FIRST, now, role=AccountRole.ADMINISTRATOR)
    if open_one is None:
        _note_invited(transaction, link, actor="start", now=now, mailed=False)
    return _address(house, link)


def invite(
    transaction: Transaction,
    house: SiteConfig,
    mailbox: str,
    role: AccountRole,
    *,
    teams: list[int],
    actor: str,
    now: datetime,
) -> str:
    """Invite somebody by mail to an account in this role; the link, for who passes it on in another way.

    ``teams``: numbers of the teams whose things an operator sees. Former invitations of that mailbox end, but one that
    says the same and is a moment old: that is it.

    Raises:
        InputError: that is no mailbox.
        UsageError: that is no role to have, or an operator without a team.
        ConflictError: there is an account with this mailbox.

    """
    mailbox = plain_mailbox(mailbox)
    check_role(role, teams)
    if transaction.scalar(select(Person.id).where(Person.mailbox == mailbox)) is not None:
        raise ConflictError(
            say("There is already an account with this email address."), hint=say("Change its role instead.")
        )
    same = (WelcomeLink.mailbox == mailbox) & (WelcomeLink.role == role.value)
    for before in transaction.scalars(_open(now).where(same, WelcomeLink.made_at > now - _SENT_TWICE)):
        if before.teams == teams:
            return _address(house, before)
    withdraw_links(transaction, WelcomeLink.mailbox == mailbox, now=now)
    link = _new(transaction, LinkKind.INVITED, now, role=role, mailbox=mailbox, teams=teams)
    _note_invited(transaction, link, actor=actor, now=now, mailed=bool(house.url))
    if house.url:
        send(
            transaction, house, News.INVITED, mailbox, now=now, key=f"link:{link.id}", link=_address(house, link),
            ends_at=link.ends_at,
        )  # fmt: skip
    return _address(house, link)


def reset_link(transaction: Transaction, house: SiteConfig, person: Person, *, actor: str, now: datetime) -> str:
    """A link by which somebody sets a new password, mailed to them as well; former ones end."""
    withdraw_links(transaction, WelcomeLink.person_id == person.id, now=now)
    link = _new(transaction, LinkKind.RESET, now, role=AccountRole(person.role), person=person.id)
    audit(
        transaction, AuditAction.RESET_ASKED, at=now, actor=actor, subject=f"person:{person.id}",
        detail={"link": link.id},
    )  # fmt: skip
    if house.url:
        send(
            transaction, house, News.RESET, person.mailbox, now=now, key=f"link:{link.id}",
            link=_address(house, link), ends_at=link.ends_at,
        )  # fmt: skip
    return _address(house, link)


def ask_reset(transaction: Transaction, house: SiteConfig, mailbox: str, *, address: str, now: datetime) -> None:
    """Mail a link for a new password to who has an account with this mailbox; nobody learns whether there is one.

    A few for a mailbox and for a network in an hour; what is over is not mailed, and not said either.
    """
    mailbox = typed_mailbox(mailbox)
    limits = [Attempt(Limit.MAIL_ADDRESS, network_of(address)), Attempt(Limit.MAIL, mailbox)]
    if take(transaction, house.tokens, limits, now) is not None:
        return
    person = transaction.scalar(select(Person).where(Person.mailbox == mailbox))
    if person is not None and person.blocked_at is None:
        reset_link(transaction, house, person, actor="public", now=now)


def open_link(transaction: Transaction, house: SiteConfig, token: str, *, now: datetime) -> WelcomeLink | None:
    """The link of this token, while it works; None for every other token."""
    name = house.tokens.read(_PURPOSE, token)
    link = None if name is None else transaction.scalar(_open(now).where(WelcomeLink.name == name))
    if link is None or (link.kind == LinkKind.FIRST and has_administrator(transaction)):
        return None
    person = None if link.person_id is None else transaction.get(Person, link.person_id)
    return None if person is not None and person.blocked_at is not None else link


def use_link(transaction: Transaction, link: WelcomeLink, *, now: datetime) -> bool:
    """Take the link, in the transaction of what it is for; False where another was faster."""
    unused = (WelcomeLink.id == link.id) & WelcomeLink.used_at.is_(None)
    taken = update(WelcomeLink).where(unused).values(used_at=now, mailbox="")
    return transaction.scalar(taken.returning(WelcomeLink.id)) is not None


def withdraw_links(transaction: Transaction, which: ColumnElement[bool], *, now: datetime) -> None:
    """End open links, by a condition on `WelcomeLink`."""
    change = update(WelcomeLink).where(which, WelcomeLink.used_at.is_(None))
    transaction.execute(change.values(used_at=now, mailbox=""))


def withdraw_invitation(transaction: Transaction, number: int, *, actor: str, now: datetime) -> None:
    """End an open invitation, by the number of its link; its mail does not leave, if it has not yet.

    Raises:
        ConflictError: it is not open, or not any more.

    """
    ended = _open_ones(now) & (WelcomeLink.id == number) & (WelcomeLink.kind == LinkKind.INVITED)
    change = update(WelcomeLink).where(ended).values(used_at=now, mailbox="")
    if transaction.scalar(change.returning(WelcomeLink.id)) is None:
        raise ConflictError(
            say("This invitation is not open any more."),
            hint=say("See whether there is an account by now, and block that."),
        )
    take_back(transaction, f"link:{number}")
    audit(transaction, AuditAction.INVITATION_WITHDRAWN, at=now, actor=actor, subject=f"link:{number}")


def forget_ended_links(transaction: Transaction, now: datetime) -> None:
    """Delete the mailboxes of people who did not follow their invitation in time."""
    ended = update(WelcomeLink).where(WelcomeLink.ends_at <= now, WelcomeLink.mailbox != "")
    transaction.execute(ended.values(mailbox=""))


def open_invitations(transaction: Transaction, *, now: datetime) -> list[WelcomeLink]:
    """Invitations that were not used yet, the newest first."""
    query = _open(now).where(WelcomeLink.kind == LinkKind.INVITED).order_by(WelcomeLink.id.desc())
    return list(transaction.scalars(query))


def has_administrator(transaction: Transaction) -> bool:
    """Whether anybody can administrate this node."""
    wanted = (Person.role == AccountRole.ADMINISTRATOR.value) & Person.blocked_at.is_(None)
    return transaction.scalar(select(Person.id).where(wanted).limit(1)) is not None


def check_role(role: AccountRole, teams: list[int]) -> None:
    """Whether somebody can have this role with these teams.

    Raises:
        UsageError: not so.

    """
    if role is AccountRole.NOBODY:
        raise UsageError(say("Nobody has the role of nobody."), hint=say("Choose another role."))
    if (role is AccountRole.OPERATOR) != bool(teams):
        raise UsageError(
            say("An operator belongs to at least one team, and nobody else belongs to one."),
            hint=say("Name the teams of an operator, and none for other roles."),
        )


def _open(now: datetime) -> Select[WelcomeLink]:
    return select(WelcomeLink).where(_open_ones(now))


def _open_ones(now: datetime) -> ColumnElement[bool]:
    return WelcomeLink.used_at.is_(None) & (WelcomeLink.ends_at > now)


def _new(
    transaction: Transaction,
    kind: LinkKind,
    now: datetime,
    *,
    role: AccountRole,
    mailbox: str = "",
    teams: list[int] | None = None,
    person: int | None = None,
) -> WelcomeLink:
    link = WelcomeLink(
        kind=kind.value,
        name=secrets.token_urlsafe(16),
        person_id=person,
        mailbox=mailbox,
        role=role.value,
        teams=teams or [],
        made_at=now,
        ends_at=now + LASTS[kind],
        used_at=None,
    )
    transaction.add(link)
    transaction.flush()
    return link


def _note_invited(transaction: Transaction, link: WelcomeLink, *, actor: str, now: datetime, mailed: bool) -> None:
    detail: dict[str, object] = {"role": link.role, "teams": link.teams, "mailed": mailed}
    audit(transaction, AuditAction.PERSON_INVITED, at=now, actor=actor, subject=f"link:{link.id}", detail=detail)


def _address(house: SiteConfig, link: WelcomeLink) -> str:
    return house.link(PATH + house.tokens.make(_PURPOSE, link.name))
