"""The tables of what is said about teams themselves, and of the profiles that were issued.

A fact is never changed in place, as in ``tables.py``: current is ``withdrawn IS NULL``.
"""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime


class FactRow(Base):
    """An assertion about a team; ``kind``, ``value`` and ``detail`` as in ``facts.Fact``."""

    __tablename__ = "team_fact"
    __table_args__ = (Index("ix_team_fact_source", "source", "withdrawn"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
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
