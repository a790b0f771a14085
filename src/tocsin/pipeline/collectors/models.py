"""What is remembered of each collector, and of what it found."""

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class CollectorState(Base):
    """How a collector of the settings fared. ``cursor`` is its own; ``error`` says why it fails, or is empty."""

    __tablename__ = "collector"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    last_try_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_report_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    next_try_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failures: Mapped[int]
    error: Mapped[str] = mapped_column(SentenceText)
    cursor: Mapped[dict[str, str]] = mapped_column(Json)


class CollectedReport(Base):
    """One thing that a collector found and is done with; ``refused`` says why it could not be taken in, or is empty.

    ``key`` tells it apart from everything else that this collector finds.
    """

    __tablename__ = "collected"
    __table_args__ = (UniqueConstraint("collector", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    collector: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    refused: Mapped[str] = mapped_column(SentenceText)
