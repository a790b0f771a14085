"""The closed lists of how dispatches travel, and by which way and when one is tried next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class ExchangeWay(StrEnum):
    """How a dispatch travels."""

    HTTPS = "https"
    MAIL = "mail"


class TryOutcome(StrEnum):
    """What became of a try."""

    BEGUN = "begun"  # nothing is known of it yet; so it stays where the process was killed
    FAILED = "failed"
    ACCEPTED = "accepted"  # the mail server took it
    ANSWERED = "answered"  # the receipt came with the answer


class EvidenceStrength(StrEnum):
    """What shows that a dispatch arrived, the strongest first."""

    RECEIPT = "receipt"  # which the partner's node signed
    SIGNED_REPLY = "signed-reply"
    LINK = "link"  # of the mail, opened and confirmed
    ACCEPTED = "accepted"  # by the first mail server


STUCK_AFTER: Final = timedelta(days=1)
"""So long an address fails before a person is asked, and the other way is tried where there is one."""

_LONGEST: Final = timedelta(hours=6)
_MAIL_AGAIN: Final = timedelta(days=2)


@dataclass(frozen=True)
class PastTry:
    """A try that was made."""

    way: ExchangeWay
    at: datetime
    outcome: TryOutcome


@dataclass(frozen=True)
class NextTry:
    """By which way it is tried next, and from when on."""

    way: ExchangeWay
    at: datetime


def next_try(sealed_at: datetime, tries: Sequence[PastTry], *, inbox: bool, mails: int) -> NextTry | None:
    """The next try of a dispatch that has no receipt; None: a person must act.

    ``tries``: the oldest first. ``inbox``: whether the partner has one; it is tried for as long as it takes. ``mails``:
    how many go at most; the first where there is no inbox, or once that has failed for a day.
    """
    posts = [one for one in tries if one.way is ExchangeWay.HTTPS]
    sent = [one for one in tries if one.way is ExchangeWay.MAIL]
    mail = _next_mail(sealed_at, sent) if len(sent) < mails else None
    if not inbox:
        return mail
    failing = failing_since(tries)
    post = NextTry(ExchangeWay.HTTPS, posts[-1].at + wait_after(len(posts)) if posts else sealed_at)
    if mail is None or failing is None:
        return post
    later = NextTry(ExchangeWay.MAIL, max(mail.at, failing + STUCK_AFTER))
    return post if post.at <= later.at else later


def failing_since(tries: Sequence[PastTry]) -> datetime | None:
    """When the inbox of the partner began to fail; None: it does not."""
    posts = [one for one in tries if one.way is ExchangeWay.HTTPS]
    since = None
    for one in reversed(posts):
        if one.outcome is TryOutcome.ANSWERED:
            break
        since = one.at
    return since


def wait_after(failures: int) -> timedelta:
    """How long after so many failures: a minute at first, then twice as long each time, six hours at most."""
    return min(timedelta(minutes=2 ** min(failures - 1, 20)), _LONGEST)


def _next_mail(sealed_at: datetime, sent: Sequence[PastTry]) -> NextTry:
    """The first at once, the second two days later, and each other later still."""
    return NextTry(ExchangeWay.MAIL, sent[-1].at + (_MAIL_AGAIN * len(sent)) if sent else sealed_at)
