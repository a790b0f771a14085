"""What left for whom: a row for each mail and mailbox, which the limits and the brake count; and when to try again."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from tocsin.delivery.models import SentMail
from tocsin.delivery.sending_policy import REDIRECT, leaves, same_mailbox
from tocsin.directory.contacts import note_delivered
from tocsin.node.records import Base

DAY = timedelta(days=1)
_POSTED = Base.metadata.tables[SentMail.__tablename__]
_USUAL_DAYS = 28
_KEPT_DAYS = 60
FULL_WAIT = timedelta(hours=1)
"""How long a mail waits for a mailbox that has had its mails for a day."""
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=6)
_GIVE_UP = timedelta(days=5)  # RFC 5321, 4.5.4.1: at least four to five days


def note_posted(session: Session, rows: Iterable[tuple[str, Iterable[str]]], *, way: str, now: datetime) -> None:
    """Note mails that left, in the caller's transaction: the reference of each with its mailboxes."""
    made = [
        {"at": now, "way": way, "mailbox": same_mailbox(mailbox), "reference": reference}
        for reference, mailboxes in rows
        for mailbox in mailboxes
    ]
    if made:
        session.connection().execute(insert(_POSTED), made)  # past the mapper, which costs more than the row
    if leaves(way) and way != REDIRECT:
        note_delivered(session, (str(row["mailbox"]) for row in made), at=now)


def posted_to(session: Session, *, way: str, since: datetime) -> Counter[str]:
    """How many mails each mailbox got by this way after ``since``."""
    rows = (
        select(SentMail.mailbox, func.count())
        .where(SentMail.way == way, SentMail.at > since)
        .group_by(SentMail.mailbox)
    )
    return Counter(dict(session.execute(rows).all()))


def mails_between(session: Session, *, way: str, after: datetime, until: datetime) -> int:
    """How many mails left by this way."""
    mails = select(func.count(SentMail.reference.distinct()))
    return session.scalar(mails.where(SentMail.way == way, SentMail.at > after, SentMail.at <= until)) or 0


def former_days(session: Session, *, way: str, now: datetime) -> list[int]:
    """The mails of each of the last 28 days before the last 24 hours, of those days that had any."""
    ends = [now - DAY * back for back in range(1, _USUAL_DAYS + 1)]
    counts = [mails_between(session, way=way, after=end - DAY, until=end) for end in ends]
    return [count for count in counts if count]


def forget_posted(session: Session, now: datetime) -> None:
    """Delete what nobody counts any more."""
    session.execute(delete(SentMail).where(SentMail.at < now - DAY * _KEPT_DAYS))


def next_try(attempts: int, created: datetime, now: datetime) -> datetime | None:
    """When to try again after so many refusals: 5 minutes, doubled each time up to 6 hours; None after 5 days."""
    if now - created >= _GIVE_UP:
        return None
    return now + min(_FIRST_WAIT * int(2 ** min(attempts - 1, 16)), _LONGEST_WAIT)
