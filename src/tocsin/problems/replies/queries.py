"""What was read, for people."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.delivery.mailbox import MailBounce, ReceivedMail
from tocsin.node.errors import NotFoundError
from tocsin.problems.answers import Answer
from tocsin.problems.replies.apply import answer_key


def list_received(
    session: Session,
    *,
    kind: str | None = None,
    state: str | None = None,
    limit: int = 100,
    but: Select[int] | None = None,
) -> Sequence[ReceivedMail]:
    """Mails that were read, newest first; ``but``: the numbers of those that are not for whoever asks."""
    query = select(ReceivedMail).order_by(ReceivedMail.id.desc()).limit(limit)
    if but is not None:
        query = query.where(ReceivedMail.id.not_in(but))
    if kind is not None:
        query = query.where(ReceivedMail.kind == kind)
    if state is not None:
        query = query.where(ReceivedMail.state == state)
    return session.scalars(query).all()


def find_mail(session: Session, number: int, but: Select[int] | None = None) -> ReceivedMail:
    """One mail; ``but``: as of `list_received`.

    Raises:
        NotFoundError: there is none with this number.

    """
    query = select(ReceivedMail).where(ReceivedMail.id == number)
    row = session.scalar(query if but is None else query.where(ReceivedMail.id.not_in(but)))
    if row is None:
        raise NotFoundError(f"There is no mail {number}.", hint="'tocsin replies list' shows those that were read.")
    return row


def mails_about(session: Session, delivery: Delivery) -> dict[str, object]:
    """What came in about one digest: which mailboxes it did not reach, tickets, and the numbers of all mails."""
    mails = session.scalars(
        select(ReceivedMail)
        .where(ReceivedMail.delivery_id == delivery.id, ReceivedMail.matched_by != "")
        .order_by(ReceivedMail.id)
    ).all()
    bounces = session.scalars(select(MailBounce).where(MailBounce.delivery_id == delivery.id).order_by(MailBounce.id))
    return {
        "not_reached": {row.mailbox: bounce_words(row) for row in bounces},
        "tickets": list(dict.fromkeys(row.ticket for row in mails if row.ticket)),
        "mails": [row.id for row in mails],
    }


def bounce_words(row: MailBounce) -> str:
    """``gone for good (5.1.1): 550 no such user``."""
    how = "gone for good" if row.permanent else "sent back" if row.failed else "late"
    return f"{how} ({row.status})".replace(" ()", "") + (f": {row.detail}" if row.detail else "")


def answers_of_mail(session: Session, row: ReceivedMail) -> Sequence[Answer]:
    """What was noted of a mail, in its order."""
    key = answer_key(row, 0).rpartition(":")[0]
    return session.scalars(select(Answer).where(Answer.key.startswith(f"{key}:")).order_by(Answer.id)).all()


def bounces_of_mail(session: Session, number: int) -> Sequence[MailBounce]:
    """What one delivery report says, mailbox by mailbox."""
    return session.scalars(select(MailBounce).where(MailBounce.mail_id == number).order_by(MailBounce.id)).all()
