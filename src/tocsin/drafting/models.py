"""The tables of the drafting room: texts with the file they came from, and the steps of their histories."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, UTCDateTime


class DraftText(Base):
    """A text under negotiation. ``id`` (UUID) is the same on every node that holds a copy; ``name`` is local."""

    __tablename__ = "draft_text"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    source_name: Mapped[str] = mapped_column(Text)
    source_sha256: Mapped[str] = mapped_column(Text, index=True)
    source: Mapped[bytes] = mapped_column(LargeBinary)


class DraftStep(Base):
    """One step of a history; rows are only ever added. ``body`` is the act as canonical JSON, exactly as hashed."""

    __tablename__ = "draft_step"

    text_id: Mapped[str] = mapped_column(ForeignKey("draft_text.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    prev: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    signature: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str | None] = mapped_column(Text)
