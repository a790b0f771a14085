"""The tables of mails that came in, and of mailboxes that ours did not reach."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ForeignKey, Index, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class MailState(StrEnum):
    """What became of a mail."""

    APPLIED = "applied"  # it counts: an answer was noted, or a mailbox that was not reached
    KEPT = "kept"  # nothing follows from it
    WAITING = "waiting"  # a person must look; `why` says why
    CLOSED = "closed"  # a person looked, and nothing follows from it
    INBOX = "inbox"  # it answers none of ours: it is in a report of the inbox


STILL_NEEDED: Final = (MailState.WAITING.value, MailState.INBOX.value)
"""Mails in these states are kept whole, however old."""


ENDED: Final = "ended:"
"""How ``content`` begins, before the mail's SHA-256, where its reading was ended: it is on its server and not here."""


class ReceivedMail(Base):
    """One mail that was read. Its bytes are kept by `Node.mailroom` under ``sha256``.

    ``content``: SHA-256 of what it says without what servers added on the way, so that a copy is known as one;
    see `ENDED`.
    ``arrived_at``: when our mail server took it. ``why``: the sign by which its kind was told, and what followed.
    ``reasons``: what of it was not read or not applied. ``ticket``: the number that it got in the sender's system.
    ``delivery_id``, ``letter_id``, ``team_id``: what it is about, where that is certain; ``matched_by``: how that was
    told: ``token``, ``thread``, ``report`` or ``person``. ``encrypted``: the format (`KeyFormat`) in which it came
    encrypted, or empty; its bytes here are what was in it. ``signed_by``: the fingerprint of a key that is known here
    and signed what came encrypted, or empty.
    """

    __tablename__ = "received_mail"
    __table_args__ = (Index("ix_received_mail_state_kind", "state", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, unique=True)
    content: Mapped[str] = mapped_column(Text, index=True)
    message_id: Mapped[str] = mapped_column(Text, index=True)
    sender: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    arrived_at: Mapped[datetime] = mapped_column(UTCDateTime)
    read_at: Mapped[datetime] = mapped_column(UTCDateTime)
    size: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(SentenceText)
    reasons: Mapped[list[str]] = mapped_column(Json)
    ticket: Mapped[str] = mapped_column(Text)
    delivery_id: Mapped[int | None] = mapped_column(index=True)
    letter_id: Mapped[int | None]
    team_id: Mapped[int | None] = mapped_column(index=True)
    matched_by: Mapped[str] = mapped_column(Text)
    encrypted: Mapped[str] = mapped_column(Text, default="", server_default="")
    signed_by: Mapped[str] = mapped_column(Text, default="", server_default="")


class MailBounce(Base):
    """What a delivery report says of one mailbox that a mail of ours went to.

    ``failed``: the mail did not arrive; else it is late. ``permanent``: nor would another one. ``status``: RFC 3463,
    or empty.
    """

    __tablename__ = "mail_bounce"

    id: Mapped[int] = mapped_column(primary_key=True)
    mail_id: Mapped[int] = mapped_column(ForeignKey("received_mail.id"), index=True)
    mailbox: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    failed: Mapped[bool]
    permanent: Mapped[bool]
    status: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    delivery_id: Mapped[int | None] = mapped_column(index=True)
    letter_id: Mapped[int | None] = mapped_column(index=True)


def waiting_count(session: Session) -> int:
    """How many mails wait for a person."""
    waiting = select(func.count()).select_from(ReceivedMail).where(ReceivedMail.state == MailState.WAITING.value)
    return session.scalar(waiting) or 0
