"""The tables of what is owed to whom and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.letters import LetterState
from tocsin.node.records import Base, Json, SentenceText, UTCDateTime, only_where
from tocsin.node.sentences import say


class ItemState(StrEnum):
    """Where an owed piece of news is."""

    PREPARED = "prepared"  # its ingest is not committed yet: it does not count
    QUEUED = "queued"  # waits for its time
    CLAIMED = "claimed"  # part of a delivery
    EXPIRED = "expired"  # too old to be news; shown, never sent


class DeliveryState(StrEnum):
    """Where a digest is."""

    QUEUED = "queued"  # to be rendered and sent now
    RETRY = "retry"  # refused for the moment; tried again at `next_try_at`
    SENT = "sent"  # written, or accepted by the mail server
    FAILED = "failed"  # given up; `error` says why
    WITHHELD = "withheld"  # the gate lets nothing of it out any more; `error` names the rule
    HELD = "held"  # the first to its team by this way: waits for a person's look
    DROPPED = "dropped"  # a person looked and said no; `error` says why
    EXPIRED = "expired"  # too old to be news before it could leave; never sent
    SHADOW = "shadow"  # written for us to read; never sent
    STUCK = "stuck"  # must be encrypted and cannot be; `error` says why; leaves once there is a good key
    BOUNCED = "bounced"  # sent, and then every mailbox of its team sent it back: it told nobody
    REDIRECTED = "redirected"  # sent to the mailbox of `[tell] redirect_to` instead


FINAL: Final = frozenset({DeliveryState.DROPPED.value, LetterState.CANCELLED.value})
"""The end states of digests and letters: whoever is in one of them never leaves it, whatever a person or a run does."""


class DeliveryItem(Base):
    """What is owed: the events of one ingest that one team is told of. A digest is made of these."""

    __tablename__ = "delivery_item"
    __table_args__ = (
        UniqueConstraint("ingest", "team_id"),
        Index("ix_delivery_item_state_due_at", "state", "due_at"),
        # What is owed is counted from the index alone, however many rows there are.
        Index("ix_delivery_item_owed", "state", "team_id", "due_at", "events"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ingest: Mapped[int]
    team_id: Mapped[int] = mapped_column(index=True)
    events: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(Text)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"), index=True)


class Delivery(Base):
    """One digest to one team: one reference, one or more mails.

    ``uuid`` makes its Message-IDs unique over nodes and fresh installations. ``mails_sent`` mails of it have left, and
    ``waiting`` are the mailboxes that the next one still goes to after a refusal for the moment (empty: all).
    ``channel``: the way it left or is to leave, see `sending_policy.way_of`.
    ``released_at``: when a person let a held one go. ``next_try_at``: before that it does not leave.
    ``approved_by``: the first of two persons who release a held one, where that takes two.
    ``protection``: how it was signed and for which keys it was encrypted, in words, or empty.
    ``repeats``: the id of the digest whose events it tells again, for a person asked for that.
    ``counts``: ``events``, ``problems``, ``new``, ``continuing``, ``gone``, ``mails``, ``withheld``.
    ``asked_days``: see `MailedRequest.days`.
    ``corrections``: what it takes back of earlier digests, see `tocsin.delivery.corrections`.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_team_id_created_at", "team_id", "created_at"),
        Index("ix_delivery_team_id_state_channel", "team_id", "state", "channel"),
        Index("ix_delivery_created_at", "created_at"),
        Index("ix_delivery_repeats", "repeats", **only_where("repeats IS NOT NULL")),
        Index("ix_delivery_released", "team_id", **only_where("released_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid, unique=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    message_id: Mapped[str] = mapped_column(Text)
    team_id: Mapped[int]
    events: Mapped[int]
    state: Mapped[str] = mapped_column(Text, index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    next_try_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int]
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    channel: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    mails_sent: Mapped[int]
    waiting: Mapped[list[str]] = mapped_column(Json)
    path: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    counts: Mapped[dict[str, int]] = mapped_column(Json)
    asked_days: Mapped[dict[str, int] | None] = mapped_column(Json, default=None)
    corrections: Mapped[list[dict[str, object]] | None] = mapped_column(Json, default=None)
    error: Mapped[str] = mapped_column(SentenceText)
    protection: Mapped[str] = mapped_column(SentenceText, default="")
    released_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    repeats: Mapped[int | None]
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)

    def unmake(self) -> None:
        """Undo that it was made: its reference may have been read, so it is dropped and stays."""
        self.state, self.error = DeliveryState.DROPPED.value, say("Undone before it left.")
        self.released_at = self.next_try_at = None


WAS_SENT: Final = Delivery.state.concat("") == DeliveryState.SENT.value
"""Whether a digest was sent, where it is found by something else: nearly all were, and the index of states would lead
to all of them."""


class SentMail(Base):
    """One mail that left for one mailbox: what limits and the brake count. ``way``: see `sending_policy.way_of`."""

    __tablename__ = "posted"
    __table_args__ = (Index("ix_posted_way_at", "way", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    way: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)


class Halt(Base):
    """Why nothing is sent at present; there are two kinds, ``stop`` and ``brake``, each at most once.

    ``mails``: how many mails made the brake pull; 0 for a stop. ``until``: when a stop ends that a person ended, while
    that can be undone.
    """

    __tablename__ = "halt"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(SentenceText)
    mails: Mapped[int]
    until: Mapped[datetime | None] = mapped_column(UTCDateTime, default=None)


class BrakePass(Base):
    """A person's leave to send more than the brake allows: so many mails within a day, until a time."""

    __tablename__ = "brake_pass"

    id: Mapped[int] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(UTCDateTime)
    mails: Mapped[int]
