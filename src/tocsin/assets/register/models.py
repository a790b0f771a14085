"""The tables of the register of critical assets: only this room may import them. They have no way out."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime, counted


class Asset(Base):
    """A service, a system, a site or a connection that must not fail.

    ``team_id``: its operator, in the directory. ``identifiers``, ``needs``, ``contacts``: as `fields` reads them; what
    it needs is named by number. ``impact``: a `SeverityLevel`, if it is lost. ``once``: names the form that it came by.
    """

    __tablename__ = "asset"
    __table_args__ = counted("asset")

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    team_id: Mapped[int | None] = mapped_column(index=True)
    sector: Mapped[str] = mapped_column(Text)
    site: Mapped[str] = mapped_column(Text)
    product: Mapped[str] = mapped_column(Text)
    identifiers: Mapped[list[dict[str, str]]] = mapped_column(Json)
    needs: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    contacts: Mapped[list[dict[str, str]]] = mapped_column(Json)
    impact: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    confirmed_by: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)


class AssetChange(Base):
    """What an operator says of an asset of its own, until a person of the CSIRT decides; a `ChangeState`.

    ``asset_id``: None, a new one. ``said``: the fields as they were typed.
    """

    __tablename__ = "asset_change"
    __table_args__ = counted("asset-change")

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int | None] = mapped_column(index=True)
    team_id: Mapped[int] = mapped_column(index=True)
    said: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(Text, index=True)
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    made_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decided_by: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)


class AssetTouch(Base):
    """An asset that new events or an incident name, until a person acknowledges it.

    ``incident_id``: None, events; ``count`` of these, or 1. Who may not read the incident does not see it.
    """

    __tablename__ = "asset_touch"
    __table_args__ = (Index("ix_asset_touch_asset", "asset_id", "incident_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey(Asset.id))
    incident_id: Mapped[int | None] = mapped_column(index=True)
    count: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    seen_by: Mapped[str] = mapped_column(Text)


class AssetMatch(Base):
    """How far observables of incidents were compared: up to which number, with which identifiers (their SHA-256)."""

    __tablename__ = "asset_match"

    id: Mapped[int] = mapped_column(primary_key=True)
    observable: Mapped[int]
    identifiers: Mapped[str] = mapped_column(Text)


class CallSheet(Base):
    """A numbered sheet of paper with whom to call for some assets: the one way out of the register.

    ``assets``: their numbers. ``holder``: who keeps the paper. ``asked_by``, ``approved_by``: numbers of two persons.
    """

    __tablename__ = "call_sheet"
    __table_args__ = counted("call-sheet")

    id: Mapped[int] = mapped_column(primary_key=True)
    assets: Mapped[list[int]] = mapped_column(Json)
    holder: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    asked_by: Mapped[int]
    approved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    approved_by: Mapped[int | None]
    printed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    destroyed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    destroyed_by: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)
