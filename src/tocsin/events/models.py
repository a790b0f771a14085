"""Records of the events room: feeds, ingests, and the sets of teams that events point to."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, SentenceText, UTCDateTime, only_where

_Places = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


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
    """Prepared: everything is on disk but invisible. Committed: the table shows it and its deliveries may leave.

    Withdrawn: its report was read again by a later one, and nothing of it is stored any more.
    """

    PREPARED = "prepared"
    COMMITTED = "committed"
    WITHDRAWN = "withdrawn"


class Ingest(Base):
    """One report taken in. ``number`` counts ingests of this node; with a row number it identifies an event.

    ``replay_of``: the ingest whose set-aside rows it read again; ``replay_places``: which, by their places in its
    quarantine (from 0), or None for all that were open. ``shown_as``: the number under which the event table shows it,
    that of the last ingest that was committed with it; None where it was committed by itself, before there were groups.
    """

    __tablename__ = "ingest"
    __table_args__ = (
        UniqueConstraint("content_hash", "feed_id"),
        # With what is summed up of all reports of a feed: no report itself is looked at.
        Index("ix_ingest_of_feed", "feed_id", "started_at", "state", "replay_of", "rows"),
        # Of nearly all it is empty: an index that held them would lead to all where those are looked for.
        Index("ix_ingest_replay_of", "replay_of", **only_where("replay_of IS NOT NULL")),
        Index("ix_ingest_prepared", "number", **only_where("state = 'prepared'")),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    content_hash: Mapped[str] = mapped_column(Text)
    report: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    day: Mapped[date]
    newest_event: Mapped[datetime | None] = mapped_column(UTCDateTime)
    replay_of: Mapped[int | None] = mapped_column()
    replay_places: Mapped[list[int] | None] = mapped_column(_Places)
    directory_version: Mapped[str] = mapped_column(Text)
    rows: Mapped[int]
    stored: Mapped[int]
    duplicates: Mapped[int]
    quarantined: Mapped[int] = mapped_column(index=True)
    problems_new: Mapped[int]
    problems_continuing: Mapped[int]
    routed: Mapped[int]
    unrouted: Mapped[int]
    withheld: Mapped[int]
    deliveries: Mapped[int]
    withheld_by_rule: Mapped[dict[str, int]] = mapped_column(Json)
    parts: Mapped[list[dict[str, object]]] = mapped_column(Json)
    column_set: Mapped[int | None]
    shown_as: Mapped[int | None]

    @property
    def sha256(self) -> str:
        """That of its report, also where the hash belongs to a later reading of it."""
        return self.content_hash.partition(" ")[0]


IS_PREPARED: Final = Ingest.state == literal_column(f"'{IngestState.PREPARED}'")
"""Written out as their index has it: for a value that comes apart from the statement it need not be taken."""


class NotificationRun(Base):
    """Stored events were routed again. ``number`` is counted with those of ingests.

    ``replaced``: the files of the event table whose rows ``parts`` hold anew. ``events`` have a contact now.
    ``repeats``: what teams were told again, see `tocsin.events.repeats`.
    """

    __tablename__ = "notification_run"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(Text)
    events: Mapped[int]
    parts: Mapped[list[dict[str, object]]] = mapped_column(Json)
    replaced: Mapped[list[str]] = mapped_column(Json)
    repeats: Mapped[str] = mapped_column(Text, default="", server_default="")


class Reread(Base):
    """An ingest (``number``) that read the report of an earlier one (``of``) again and took its place.

    ``rows``: the rows of the report that it and those before it had stored, see `tocsin.pipeline.first_reading`.
    Until it is committed: ``parts``, the files of the event table that are written anew without the first reading in
    place of ``replaced``, and by team id the ``corrections`` of what was told, see `tocsin.delivery.corrections`.
    """

    __tablename__ = "reread"
    __table_args__ = (UniqueConstraint("of"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    of: Mapped[int]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(Text)
    rows: Mapped[bytes] = mapped_column(LargeBinary)
    parts: Mapped[list[dict[str, object]]] = mapped_column(Json)
    replaced: Mapped[list[str]] = mapped_column(Json)
    corrections: Mapped[dict[str, list[dict[str, object]]]] = mapped_column(Json)


class WithheldEvents(Base):
    """Events of one ingest that the gate kept from one team, by the rule that said so and the label (TLP) of them."""

    __tablename__ = "withheld_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    ingest: Mapped[int] = mapped_column(index=True)
    team_id: Mapped[int]
    rule: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    events: Mapped[int]


class LeftAside(Base):
    """A person's word that what an ingest set aside stays so: it is kept, and asks nobody any more."""

    __tablename__ = "left_aside"

    ingest: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    said_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class ColumnSet(Base):
    """The columns that reports came with, once for all ingests with the same; ``digest`` tells them apart.

    Where a report does not name its columns, ``names`` are those of the mapping that its records filled
    (`tocsin.events.health.filled_columns`).
    """

    __tablename__ = "column_set"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    names: Mapped[list[str]] = mapped_column(Json)


class AlarmKind(StrEnum):
    """What may be wrong with a feed."""

    LATE = "late"  # it missed its cadence
    UNREADABLE = "unreadable"  # most of its rows are set aside
    SHRUNK = "shrunk"  # far fewer rows than is usual
    GROWN = "grown"  # far more
    COLUMNS = "columns"  # columns that it never had, or that are missing


class FeedAlarm(Base):
    """Something was wrong with a feed, from when this node saw it until it was over.

    ``ingest``: the report that showed it. ``alarm_key`` is set while the alarm is open: a feed has one of a kind.
    """

    __tablename__ = "feed_alarm"

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    alarm_key: Mapped[str | None] = mapped_column(Text, unique=True)
    words: Mapped[str] = mapped_column(SentenceText)
    ingest: Mapped[int | None]
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    acknowledged_by: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)


class TeamSet(Base):
    """A set of teams that events point to by number; ``members`` are team ids, sorted.

    Of those who must know, ``informed`` are the members that answer for nothing and only want to know, and ``muted``
    the responsible teams that are left out since they mute it. ``informed`` is None where roles say nothing (teams that
    were told), and of sets that were noted before roles were.
    """

    __tablename__ = "team_set"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    members: Mapped[list[int]] = mapped_column(Json)
    informed: Mapped[list[int] | None] = mapped_column(Json)
    muted: Mapped[list[int]] = mapped_column(Json, server_default="[]", default=list)
