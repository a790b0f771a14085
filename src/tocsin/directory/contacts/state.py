"""The state of a contact, from dated facts alone: registered is not responsive.

Nothing here is stored: who asks again with the same facts and the same time gets the same state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

SETTLED: Final = timedelta(days=5)
"""A mail that was accepted, and of which no failure came within this time, has arrived: so long a mail server may try
before it gives up (RFC 5321, section 4.5.4.1)."""

IN_A_ROW: Final = 3
"""So many failures for the moment, with nothing that arrived between them, are one for good."""


class ContactState(StrEnum):
    """How a contact stands, from nothing known to what a person proved; then what proves it gone."""

    UNKNOWN = "unknown"  # no email address is registered
    REGISTERED = "registered"  # somebody says so; nothing proves that a person reads it
    VERIFIED = "verified"  # a person confirmed it
    ANSWERING = "answering"  # a person acknowledged a real notification in time
    STALE = "stale"  # verified or answering once, too long ago
    BOUNCING = "bouncing"  # mails come back


class Sign(StrEnum):
    """What was seen of a mailbox."""

    VERIFIED = "verified"  # a person confirmed that it is the team's
    ANSWERED = "answered"  # a person answered a notification
    BOUNCED = "bounced"  # a mail came back
    DELIVERED = "delivered"  # the mail server took a mail for it


@dataclass(frozen=True, slots=True)
class ContactFact:
    """One thing seen. ``own``: of the mailbox itself; else of its team, who knows through which mailbox.

    ``permanent``: of bounces, that no other mail will arrive. ``told_at``: of answers, when the notification left.
    """

    sign: Sign
    at: datetime
    via: str = ""
    permanent: bool = False
    told_at: datetime | None = None
    own: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a word counts, and how quick an answer must be; in days."""

    verify_days: int = 365
    answer_days: int = 14


@dataclass(frozen=True, slots=True)
class ContactStanding:
    """A state, since when (None: not known), why in words, and until when it lasts without a new sign (None: open)."""

    state: ContactState
    since: date | None
    reason: str
    until: datetime | None = None


def state_of(
    facts: Iterable[ContactFact], *, registered: bool, now: datetime, terms: Terms, as_of: date | None = None
) -> ContactStanding:
    """The state of one contact.

    ``facts`` in any order; those after ``now`` do not count. ``registered``: whether somebody says that the mailbox is
    the team's; ``as_of`` since when, where known.
    """
    known = sorted((fact for fact in facts if fact.at <= now), key=lambda fact: fact.at)
    if failing := _failing(known, now):
        return failing
    verified = [fact for fact in known if fact.sign is Sign.VERIFIED]
    answered = [fact for fact in known if fact.sign is Sign.ANSWERED and is_in_time(fact, terms)]
    for state, found in ((ContactState.ANSWERING, answered), (ContactState.VERIFIED, verified)):
        if found and now < (until := found[-1].at + timedelta(days=terms.verify_days)):
            return ContactStanding(state, found[-1].at.date(), _words(found[-1]), until)
    if verified or answered:
        last = max((*verified[-1:], *answered[-1:]), key=lambda fact: fact.at)
        ended = (last.at + timedelta(days=terms.verify_days)).date()
        return ContactStanding(ContactState.STALE, ended, f"{_words(last)}; stale since {ended}")
    if registered:
        return ContactStanding(
            ContactState.REGISTERED, as_of, f"registered{f', as of {as_of}' if as_of else ''}; never confirmed"
        )
    return ContactStanding(ContactState.UNKNOWN, None, "no email address is registered")


def _failing(known: Sequence[ContactFact], now: datetime) -> ContactStanding | None:
    """Whether mails come back: one for good, or several in a row for the moment, after the last sign of life."""
    own = [fact for fact in known if fact.own]
    bounces = [fact for fact in own if fact.sign is Sign.BOUNCED]
    if not bounces:
        return None
    lives = [fact.at for fact in own if fact.sign in {Sign.VERIFIED, Sign.ANSWERED} or _arrived(fact, bounces, now)]
    later = [fact for fact in bounces if not lives or fact.at > lives[-1]]
    for_good = next((fact for fact in later if fact.permanent), None)
    if for_good is not None:
        day = for_good.at.date()
        return ContactStanding(ContactState.BOUNCING, day, f"mails come back for good since {day}{_by(for_good)}")
    if len(later) >= IN_A_ROW:
        day = later[IN_A_ROW - 1].at.date()
        return ContactStanding(
            ContactState.BOUNCING, day, f"{len(later)} mails in a row came back by {later[-1].at.date()}"
        )
    return None


def _arrived(fact: ContactFact, bounces: Sequence[ContactFact], now: datetime) -> bool:
    end = fact.at + SETTLED
    return fact.sign is Sign.DELIVERED and end <= now and not any(fact.at <= bounce.at <= end for bounce in bounces)


def is_in_time(fact: ContactFact, terms: Terms) -> bool:
    """Whether an answer came soon enough after the mail that it answers to say that somebody reads it."""
    if fact.told_at is None:
        return False
    return timedelta() <= fact.at - fact.told_at <= timedelta(days=terms.answer_days)


def _words(fact: ContactFact) -> str:
    if fact.sign is Sign.VERIFIED or fact.told_at is None:
        return f"verified {fact.at.date()}{_by(fact)}"
    whose = "" if fact.own else " by its team"
    return f"acknowledged {fact.at.date()}{whose}{_by(fact)}, {(fact.at - fact.told_at).days} days after the mail"


def _by(fact: ContactFact) -> str:
    return f" by {fact.via}" if fact.via and fact.sign is not Sign.BOUNCED else f" ({fact.via})" if fact.via else ""
