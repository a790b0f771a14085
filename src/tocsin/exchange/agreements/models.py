"""The tables of agreements: each edition with the signatures of its parties, and what was exchanged under which."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, UTCDateTime


class StoredAgreement(Base):
    """An edition of an agreement. ``content``: the bytes that its parties sign. ``partner_id``: who brought it.

    ``adopted_at``: from when on it binds this node; ``ended_at``: until when, since another edition was adopted or this
    node left. ``refused_at``: a person here said no, and why. ``once``: names the form that it came by.
    """

    __tablename__ = "exchange_agreement"

    id: Mapped[int] = mapped_column(primary_key=True)
    agreement: Mapped[UUID] = mapped_column(Uuid, index=True)
    edition: Mapped[int]
    hash: Mapped[str] = mapped_column(Text, unique=True)
    content: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    partner_id: Mapped[int | None] = mapped_column(ForeignKey(Partner.id))
    came_at: Mapped[datetime] = mapped_column(UTCDateTime)
    came_by: Mapped[str] = mapped_column(Text)
    adopted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    adopted_by: Mapped[str] = mapped_column(Text)
    refused_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    refused_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_by: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)


class AgreementSignature(Base):
    """The verified signature of a party over an edition, in ASCII armor, with the fingerprint of its key."""

    __tablename__ = "exchange_agreement_signature"

    agreement_id: Mapped[int] = mapped_column(ForeignKey(StoredAgreement.id), primary_key=True)
    node: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class DispatchGround(Base):
    """Under which agreement a dispatch went or came. ``dispatch``: its number in the table of its `Direction`.

    ``type``: of the agreement, as it was then. A dispatch without a row went under none.
    """

    __tablename__ = "exchange_ground"

    direction: Mapped[str] = mapped_column(Text, primary_key=True)
    dispatch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    agreement: Mapped[UUID] = mapped_column(Uuid, index=True)
    type: Mapped[str] = mapped_column(Text)
