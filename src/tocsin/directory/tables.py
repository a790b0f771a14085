"""The tables of the directory, of what is said about teams, and of the profiles that were issued.

What a source asserts (mailboxes, constituency, facts) is never changed in place: a row is recorded, and withdrawn when
its source no longer says it, so that "who was responsible on that day" has an answer. Current is ``withdrawn IS NULL``.

What a person said by command has a ``word``: ``over`` (it overrules imports) or ``beside`` (imports stand beside it),
and a ``reason``; an import has neither.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime


class TeamRow(Base):
    """A team and its preferences."""

    __tablename__ = "team"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    organisation: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    interval: Mapped[str] = mapped_column(Text)
    formats: Mapped[list[str]] = mapped_column(Json)
    ceiling: Mapped[str] = mapped_column(Text)
    encrypt: Mapped[bool]
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)


class _AssertionColumns:
    """What a source says of a team, and from when to when."""

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    source: Mapped[str] = mapped_column(Text)
    as_of: Mapped[date | None]
    confidence: Mapped[int | None]
    said_by: Mapped[str] = mapped_column(Text)
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn: Mapped[datetime | None] = mapped_column(UTCDateTime)


class _WordedAssertionColumns(_AssertionColumns):
    """The same where also a person may say it; of an import both are null."""

    word: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)


class _StatementColumns:
    """What a person says by command: who, why, and from when to when."""

    id: Mapped[int] = mapped_column(primary_key=True)
    said_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn: Mapped[datetime | None] = mapped_column(UTCDateTime)


class MailboxRow(_WordedAssertionColumns, Base):
    """An assertion: this mailbox is that team's."""

    __tablename__ = "mailbox"
    __table_args__ = (
        Index("ix_mailbox_source", "source", "withdrawn"),
        Index("ix_mailbox_value", "address"),
        Index("ix_mailbox_word", "word"),
    )

    address: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str | None] = mapped_column(Text)


class ConstituencyRow(_WordedAssertionColumns, Base):
    """An assertion: this team answers for, or wants to know of, that part of the network."""

    __tablename__ = "constituency"
    __table_args__ = (
        Index("ix_constituency_source", "source", "withdrawn"),
        Index("ix_constituency_value", "kind", "value"),
        Index("ix_constituency_word", "word"),
    )

    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)


class MuteRow(Base):
    """Something a team does not want to be told."""

    __tablename__ = "mute"

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)


class DenialRow(_StatementColumns, Base):
    """A person's word that something is not that team's; ``kind`` is a rule's, or ``mailbox``."""

    __tablename__ = "denial"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)


class DecisionRow(_StatementColumns, Base):
    """A recorded decision of a conflict: these teams hold that value, those do not (numbers of teams).

    A later decision of the same value withdraws it.
    """

    __tablename__ = "directory_decision"
    __table_args__ = (Index("ix_directory_decision_value", "kind", "value"),)

    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    teams: Mapped[list[int]] = mapped_column(Json)
    against: Mapped[list[int]] = mapped_column(Json)


class MergeRow(_StatementColumns, Base):
    """One team is another: what is said of ``team_id`` holds for ``into_id``. Withdrawn when it was undone."""

    __tablename__ = "team_merge"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    into_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)


class MergeRefusalRow(Base):
    """Two teams that a person said are not one, the lower number first: they are not offered again."""

    __tablename__ = "merge_refusal"
    __table_args__ = (UniqueConstraint("one_id", "other_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    one_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    said_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)


class FactRow(_AssertionColumns, Base):
    """An assertion about a team; ``kind``, ``value`` and ``detail`` as in ``facts.Fact``."""

    __tablename__ = "team_fact"
    __table_args__ = (Index("ix_team_fact_source", "source", "withdrawn"),)

    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, str]] = mapped_column(Json)
    source: Mapped[str] = mapped_column(Text)
    as_of: Mapped[date | None]
    confidence: Mapped[int | None]
    said_by: Mapped[str] = mapped_column(Text)
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ProfileRow(Base):
    """A version of a team's RFC 2350 profile that was issued; ``digest`` is the SHA-256 (hex) of what it said."""

    __tablename__ = "team_profile"

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    version: Mapped[int]
    dated: Mapped[date]
    digest: Mapped[str] = mapped_column(Text)
    issued_by: Mapped[str] = mapped_column(Text)
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)
