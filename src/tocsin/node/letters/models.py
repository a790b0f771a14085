"""The table of letters, and how one is asked for."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Index, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records import Base, SentenceText, UTCDateTime
from tocsin.node.trace import trace_id

ACCOUNT: Final = "account"
"""The kind of letters about accounts: their reader asked for them, or they warn; they are never held."""

INCIDENT: Final = "incident"
"""The kind of letters that a person wrote to a party of an incident; they are never held, as a person looked."""

HAND_OVER: Final = "inbox-hand-over"
"""The kind of letters that give a report to another team."""

EXCHANGE: Final = "exchange"
"""The kind of letters that bring something to a partner; they are never held, as they are about what a person sent."""

NOTICE: Final = "notice"
"""The kind of receipts and answers that an entity gets for its notices; they are never held, as it wrote first."""


class LetterState(StrEnum):
    """Where a letter is."""

    QUEUED = "queued"  # to be sent at `due_at`
    RETRY = "retry"  # refused for the moment; tried again at `due_at`
    SENT = "sent"  # written, or accepted by the mail server
    FAILED = "failed"  # given up; `error` says why
    WITHHELD = "withheld"  # the gate lets it out no more, as it was about to leave; `error` says why
    BOUNCED = "bounced"  # accepted, then a delivery report said that it did not arrive
    CANCELLED = "cancelled"  # no longer needed
    HELD = "held"  # the first to its team: waits for a person's look
    DROPPED = "dropped"  # a person looked and said no; `error` says why
    EXPIRED = "expired"  # too old before it could leave; never sent
    SHADOW = "shadow"  # written for us to read; never sent
    REDIRECTED = "redirected"  # sent to the mailbox of `[tell] redirect_to` instead


class Letter(Base):
    """One mail to one mailbox. ``key`` says what it is for, so that nobody is mailed twice for one thing.

    ``channel`` and ``path``: how it left and where its file is, as for digests. ``released_at``: when a person let a
    held one go. ``message_id``: until it is about to leave the id of what asked for it (`tocsin.node.trace`).
    ``approved_by``: as of digests. ``answers``: Message-IDs, the last of which is of the mail it answers.
    ``team_id``: encrypted where this team requires it; ``encrypted_for``: in any case, for its key with this
    fingerprint. ``about``: what the audit log names in place of the letter, such as
    ``incident:INC-4KX7-9M2P``: then only the pages of that show the letter, to whom they show the rest.
    ``file``: SHA-256 of the finished mail in `Node.exchange`, where it was made before; else it is made of ``body``.
    """

    __tablename__ = "letter"
    __table_args__ = (Index("ix_letter_state_due_at", "state", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text, index=True)
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    reply_to: Mapped[str] = mapped_column(Text)
    answers: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(Text, index=True)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int]
    error: Mapped[str] = mapped_column(SentenceText)
    channel: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    released_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)
    team_id: Mapped[int | None] = mapped_column(default=None)
    about: Mapped[str] = mapped_column(Text, default="", server_default="")
    file: Mapped[str] = mapped_column(Text, default="", server_default="")
    encrypted_for: Mapped[str] = mapped_column(Text, default="", server_default="")

    @property
    def reference(self) -> str:
        """``LTR-2026-0000012``, as people name it."""
        return f"LTR-{self.created_at.year}-{self.id:07d}"


def queue_letter(
    session: Session,
    *,
    key: str,
    kind: str,
    mailbox: str,
    subject: str,
    body: str,
    now: datetime,
    due_at: datetime | None = None,
    reply_to: str = "",
    answers: str = "",
    message_id: str = "",
    team_id: int | None = None,
    about: str = "",
    file: str = "",
    encrypted_for: str = "",
) -> bool:
    """Ask for a letter in the caller's transaction; False where one was asked for under this key before.

    ``key``: what it is for, for example ``verify:MAILBOX-ID:2026``. ``mailbox``: a plain address. ``reply_to``: where
    answers go, empty for the node's contact. ``answers``: the Message-ID of the mail it answers, or empty; behind
    those of the mails before it. ``message_id``: else it names the letter. The others: see `Letter`.
    """
    if session.scalar(select(Letter.id).where(Letter.key == key)) is not None:
        return False
    session.add(
        Letter(
            key=key,
            kind=kind,
            mailbox=mailbox,
            subject=subject,
            body=body,
            reply_to=reply_to,
            answers=answers,
            message_id=message_id or trace_id(),
            state=LetterState.QUEUED.value,
            created_at=now,
            due_at=due_at or now,
            sent_at=None,
            attempts=0,
            error="",
            channel="",
            path="",
            released_at=None,
            team_id=team_id,
            about=about,
            file=file,
            encrypted_for=encrypted_for,
        )
    )
    session.flush()
    return True


def empty_letters(session: Session, before: datetime) -> None:
    """Delete the texts of letters asked for before a time that wait for nothing, in the caller's transaction.

    That they were sent, to which mailbox and under which Message-ID stays, so that nobody is asked twice.
    """
    waiting = (LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value)
    old = (Letter.created_at < before) & Letter.state.not_in(waiting)
    session.execute(update(Letter).where(old, Letter.body != "").values(body=""))
