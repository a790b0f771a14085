"""Signing in with an account elsewhere: it proves who somebody is, and gives no right that nobody gave here.

What is on its way is signed and bound to the browser that began it, and nothing is written before it comes back.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.links import open_invitations
from tocsin.node.accounts.models import AccountElsewhere, Person, WelcomeLink
from tocsin.node.accounts.one_time import use_once
from tocsin.node.accounts.people import join, note_factor
from tocsin.node.accounts.provider import Claims, Provider
from tocsin.node.accounts.second_factor import has_second_factor
from tocsin.node.accounts.signing_in import Caller, HalfWay, SignedIn, enter, half_way
from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.errors import ConflictError
from tocsin.node.records import Database

PATIENCE: Final = timedelta(minutes=10)
"""So long somebody may take to sign in elsewhere."""

_STATE, _BROWSER, _NONCE, _VERIFIER = "sso", "sso-browser", "sso-nonce", "sso-verifier"


class NoEntry(StrEnum):
    """Why somebody who comes back is not let in."""

    LATE = "late"  # too late, twice, or begun in another browser
    UNVERIFIED = "unverified"  # the provider does not vouch for the mailbox
    UNKNOWN = "unknown"  # there is no account, and no invitation


@dataclass(frozen=True)
class SsoRequest:
    """One way out and back: where to, and what the browser keeps in a cookie meanwhile."""

    address: str
    kept: str


def begin_sso(house: SiteConfig, provider: Provider, *, back: str, now: datetime) -> SsoRequest:
    """Send somebody to the provider. ``back``: the address of ours that the provider leads back to.

    Raises:
        RemoteError: the provider does not answer as agreed.

    """
    name = f"{int(now.timestamp())}-{secrets.token_hex(16)}"
    make = house.tokens.make
    address = provider.address(
        back=back, state=make(_STATE, name), nonce=make(_NONCE, name), verifier=make(_VERIFIER, name)
    )
    return SsoRequest(address, make(_BROWSER, name))


def finish_sso(
    house: SiteConfig, provider: Provider, *, code: str, state: str, kept: str, back: str, now: datetime
) -> Claims | NoEntry:
    """Whom the provider says somebody is who comes back with a code.

    Raises:
        RemoteError: the provider does not take the code, or what it says does not hold.

    """
    name = house.tokens.read(_STATE, state)
    if name is None or house.tokens.read(_BROWSER, kept) != name or now >= _until(name):
        return NoEntry.LATE
    make = house.tokens.make
    return provider.claims(code, back=back, nonce=make(_NONCE, name), verifier=make(_VERIFIER, name), now=now)


def sign_in_from_elsewhere(
    database: Database,
    house: SiteConfig,
    issuer: str,
    claims: Claims,
    caller: Caller,
    *,
    state: str,
    domains: Collection[str],
    two_factors: bool,
    now: datetime,
) -> SignedIn | HalfWay | NoEntry:
    """Let somebody in whom a provider vouches for.

    The account is the one that was linked before, else the one with the verified mailbox, else the one that an open
    invitation to that mailbox makes; letting somebody in links it. ``state``: as it came back, taken once.
    ``domains``: those whose mailboxes are taken, none: all. ``two_factors``: the provider always asks for two.
    """
    with database.begin() as transaction:
        name = house.tokens.read(_STATE, state)
        if name is None or not use_once(transaction, state, until=_until(name), now=now):
            return NoEntry.LATE
        person = _linked(transaction, issuer, claims.subject)
        linked = person is not None
        if person is None:
            if not claims.mailbox or not _is_ours(claims.mailbox, domains):
                return NoEntry.UNVERIFIED
            person = _with_mailbox(transaction, claims) or _invited(transaction, claims, now)
        if person is None or person.blocked_at is not None:
            return NoEntry.UNKNOWN
        strong = two_factors or claims.strong
        if not strong and has_second_factor(transaction, person.id):
            return half_way(house, person, now=now)
        if not linked:
            transaction.add(AccountElsewhere(person_id=person.id, issuer=issuer, subject=claims.subject, made_at=now))
            actor = f"person:{person.id}"
            note_factor(transaction, house, person, "single sign-on", "added", actor=actor, now=now)
        return enter(transaction, house, person, caller, now=now, how="single sign-on", strong=strong)


def _linked(transaction: Transaction, issuer: str, subject: str) -> Person | None:
    same = (AccountElsewhere.issuer == issuer) & (AccountElsewhere.subject == subject)
    return transaction.scalar(select(Person).join(AccountElsewhere).where(same))


def _with_mailbox(transaction: Transaction, claims: Claims) -> Person | None:
    return transaction.scalar(select(Person).where(Person.mailbox == claims.mailbox))


def _invited(transaction: Transaction, claims: Claims, now: datetime) -> Person | None:
    """The account that an invitation makes, with the role that the invitation gives."""
    links = [link for link in open_invitations(transaction, now=now) if link.mailbox == claims.mailbox]
    return _join(transaction, links[0], claims, now) if links else None


def _join(transaction: Transaction, link: WelcomeLink, claims: Claims, now: datetime) -> Person | None:
    name = " ".join(claims.name.split()) or claims.mailbox
    try:
        return join(transaction, link, name=name, mailbox="", password="", language="", now=now)
    except ConflictError:
        return None


def _is_ours(mailbox: str, domains: Collection[str]) -> bool:
    return not domains or mailbox.rpartition("@")[2] in {domain.lower() for domain in domains}


def _until(name: str) -> datetime:
    return datetime.fromtimestamp(int(name.partition("-")[0]), UTC) + PATIENCE
