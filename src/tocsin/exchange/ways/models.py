"""The tables of how dispatches travel: each try of one of ours, how one came, and what shows that ours arrived."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.ledger import OutgoingRow
from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, SentenceText, UTCDateTime


class ExchangeTry(Base):
    """A try to bring a dispatch to its partner: an `ExchangeWay`, the address, a `TryOutcome` and a reason."""

    __tablename__ = "exchange_try"

    id: Mapped[int] = mapped_column(primary_key=True)
    outgoing_id: Mapped[int] = mapped_column(ForeignKey(OutgoingRow.id), index=True)
    way: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(SentenceText)


class ExchangeArrival(Base):
    """A dispatch that came by itself. ``of``: its hash; ``mail``: SHA-256 of the mail that brought it, or empty.

    ``answered_at``: when our receipt for it left, or was given in the answer; None: it is still to go back by mail.
    """

    __tablename__ = "exchange_arrival"
    __table_args__ = (UniqueConstraint("of", "way", "mail"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    of: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    mail: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class ExchangeAddress(Base):
    """That a partner posted from an address, which is kept as a keyed hash, and on which day (UTC) last."""

    __tablename__ = "exchange_address"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    address: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(Date)


class ExchangeEvidence(Base):
    """What shows that a dispatch arrived at a partner without a node: an `EvidenceStrength`, when, and from what."""

    __tablename__ = "exchange_evidence"
    __table_args__ = (UniqueConstraint("outgoing_id", "strength", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    outgoing_id: Mapped[int] = mapped_column(ForeignKey(OutgoingRow.id), index=True)
    strength: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
