"""What was read, for people."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.errors import NotFoundError
from tocsin.mailroom import MailBounce, MailState, ReceivedMail


def received(
    session: Session, *, kind: str | None = None, state: str | None = None, limit: int = 100
) -> Sequence[ReceivedMail]:
    """Mails that were read, newest first."""
    query = select(ReceivedMail).order_by(ReceivedMail.id.desc()).limit(limit)
    if kind is not None:
        query = query.where(ReceivedMail.kind == kind)
    if state is not None:
        query = query.where(ReceivedMail.state == state)
    return session.scalars(query).all()


def find_mail(session: Session, number: int) -> ReceivedMail:
    """One mail.

    Raises:
        NotFoundError: there is none with this number.

    """
    row = session.get(ReceivedMail, number)
    if row is None:
        raise NotFoundError(f"There is no mail {number}.", hint="'tocsin replies list' shows those that were read.")
    return row


def waiting_count(session: Session) -> int:
    """How many mails wait for a person."""
    waiting = select(func.count()).select_from(ReceivedMail).where(ReceivedMail.state == MailState.WAITING.value)
    return session.scalar(waiting) or 0


def bounces_of(session: Session, deliveries: Collection[int]) -> dict[int, list[MailBounce]]:
    """What delivery reports say of digests, oldest first."""
    rows = session.scalars(select(MailBounce).where(MailBounce.delivery_id.in_(deliveries)).order_by(MailBounce.id))
    found: dict[int, list[MailBounce]] = {}
    for row in rows:
        if row.delivery_id is not None:
            found.setdefault(row.delivery_id, []).append(row)
    return found


def bounces_of_mail(session: Session, number: int) -> Sequence[MailBounce]:
    """What one delivery report says, mailbox by mailbox."""
    return session.scalars(select(MailBounce).where(MailBounce.mail_id == number).order_by(MailBounce.id)).all()
