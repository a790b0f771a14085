"""The tables of what was not held: references, and the messages to the hotline."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, SentenceText, UTCDateTime, counted


class ReferenceState(StrEnum):
    """How far the hotline knows of a report."""

    NOTED = "noted"  # nothing could be sealed: a person rings
    WAITING = "waiting"  # a sealed message waits for its turn
    SENT = "sent"  # the message left, and its receipt is awaited
    RECEIVED = "received"  # the hotline has it
    PURGED = "purged"  # it was held, and was purged


class NeverHeldReference(Base):
    """All that is left of a report of a class that must never be held.

    ``report_id``: as its sender numbers it. ``place``: the way it came in. ``host``: an address or host name, never a
    path. ``url_hmac``: HMAC-SHA-256 of the URL in hexadecimal; ``content_hash``: the same of the bytes of a report that
    could not be read. ``times``: how often it came. ``same``: what is equal in a report that comes again, or None.
    """

    __tablename__ = "never_held_references"
    __table_args__ = counted("never-held")

    id: Mapped[int] = mapped_column(primary_key=True)
    class_name: Mapped[str] = mapped_column("class", Text)
    report_id: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    place: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    url_hmac: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(Text)
    times: Mapped[int]
    state: Mapped[str] = mapped_column(Text, index=True)
    same: Mapped[str | None] = mapped_column(Text, unique=True)

    @property
    def reference(self) -> str:
        """``NHR-2026-0000012``, as people and the hotline name it."""
        return f"NHR-{self.at.year}-{self.id:07d}"


class HotlineMessage(Base):
    """The message of a reference to the hotline. ``sealed``: the OpenPGP message, None once it was received.

    ``path``: its file, where mails are only written. ``due_at``: before then it is not tried.
    """

    __tablename__ = "hotline_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("never_held_references.id"), unique=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    message_id: Mapped[str] = mapped_column(Text)
    sealed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int]
    path: Mapped[str] = mapped_column(Text)
    error: Mapped[str] = mapped_column(SentenceText)

    @classmethod
    def waiting(cls, reference_id: int, sealed: bytes, now: datetime) -> Self:
        """One that waits for its turn."""
        return cls(
            reference_id=reference_id, sealed=sealed, message_id="", sealed_at=now, due_at=now, sent_at=None,
            received_at=None, attempts=0, path="", error="",
        )  # fmt: skip
