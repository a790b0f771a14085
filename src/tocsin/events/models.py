"""Records of the events room: feeds, ingests, and the sets of teams that events point to."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.records import Base, Json, UTCDateTime


class FeedRecord(Base):
    """A feed as this node uses it: who sends it, under which marking and terms, how often it should come.

    ``duplicate_days``: how long a repeated row counts as a duplicate; 0 is the node's setting.
    """

    __tablename__ = "feed"
    __table_args__ = (UniqueConstraint("source", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    pap: Mapped[str] = mapped_column(Text)
    terms: Mapped[str] = mapped_column(Text)
    cadence_hours: Mapped[int]
    duplicate_days: Mapped[int]


class IngestState(StrEnum):
    """Prepared: everything is on disk but invisible. Committed: the table shows it and its deliveries may leave."""

    PREPARED = "prepared"
    COMMITTED = "committed"


class Ingest(Base):
    """One report taken in. ``number`` counts ingests of this node; with a row number it identifies an event."""

    __tablename__ = "ingest"
    __table_args__ = (UniqueConstraint("content_hash", "feed_id"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"), index=True)
    content_hash: Mapped[str] = mapped_column(Text)
    report: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    day: Mapped[date]
    newest_event: Mapped[datetime | None] = mapped_column(UTCDateTime)
    replay_of: Mapped[int | None]
    directory_version: Mapped[str] = mapped_column(Text)
    rows: Mapped[int]
    stored: Mapped[int]
    duplicates: Mapped[int]
    quarantined: Mapped[int]
    problems_new: Mapped[int]
    problems_continuing: Mapped[int]
    routed: Mapped[int]
    unrouted: Mapped[int]
    withheld: Mapped[int]
    deliveries: Mapped[int]
    withheld_by_rule: Mapped[dict[str, int]] = mapped_column(Json)
    parts: Mapped[list[dict[str, object]]] = mapped_column(Json)


class TeamSet(Base):
    """A set of teams that events point to by number; ``members`` are team ids, sorted."""

    __tablename__ = "team_set"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    members: Mapped[list[int]] = mapped_column(Json)
