"""The tables of what partners read at TAXII: a collection for each, with its objects in the order that they came."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.ledger import OfferedItem
from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, Json, UTCDateTime


class TaxiiCollection(Base):
    """How far a partner's collection is: number and time of its newest object.

    ``seen_to``, ``seen``: up to when the audit log was read for it, and which entries came since, in a word.
    """

    __tablename__ = "exchange_taxii_collection"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True, autoincrement=False)
    number: Mapped[int]
    added_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    seen_to: Mapped[datetime | None] = mapped_column(UTCDateTime)
    seen: Mapped[str] = mapped_column(Text)


class TaxiiIncident(Base):
    """An incident of which a partner may read something. ``digest``: of that, so that what is the same stays.

    ``agreement``: the one under which it goes.
    """

    __tablename__ = "exchange_taxii_incident"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True, autoincrement=False)
    incident_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(Text)
    agreement: Mapped[UUID | None] = mapped_column(Uuid)


class TaxiiObject(Base):
    """A version of an object of STIX. ``number`` and ``added_at`` rise together, and no two of a partner are equal.

    ``object``: its id; ``version``: as TAXII 2.1 has it (3.4.1); ``hash``: of its content without the version.
    ``newest``: no later version is here. ``passed``: the partner has read it.
    """

    __tablename__ = "exchange_taxii_object"
    __table_args__ = (
        Index("ix_exchange_taxii_object_object", "partner_id", "object", "number"),
        Index("ix_exchange_taxii_object_type", "partner_id", "type", "number"),
        Index("ix_exchange_taxii_object_added", "partner_id", "added_at"),
        Index("ix_exchange_taxii_object_incident", "incident_id", "partner_id"),
    )

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    incident_id: Mapped[int | None]
    object: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    newest: Mapped[bool]
    revoked: Mapped[bool]
    passed: Mapped[bool]


class TaxiiStatus(Base):
    """What became of a post. ``item_id``: what was made of it; None: nothing could be taken.

    ``good``: id and version of each object that was taken; ``bad``: id, version and why of each that was not.
    """

    __tablename__ = "exchange_taxii_status"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    item_id: Mapped[int | None] = mapped_column(ForeignKey(OfferedItem.id))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    good: Mapped[list[list[str]]] = mapped_column(Json)
    bad: Mapped[list[list[str]]] = mapped_column(Json)
