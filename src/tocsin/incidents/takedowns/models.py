"""The tables of take-downs. Only modules of this part ask for their rows, and `incidents.write` moves them along."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, SentenceText, UTCDateTime


class Takedown(InCompartment, Base):
    """One observable that shall be taken down.

    ``ground``: a `TakedownGround`; ``basis``: the law or terms, ``necessity``: why it is needed, as letters say them.
    ``pap``: what may be done with it. ``address``: where it is hosted, as far as known; ``host``: whose that is.
    ``due_at``: then it is a to-do item. ``objected_at``: somebody objected, and got no answer until ``answered_at``.
    """

    __tablename__ = "incident_takedown"
    __table_args__ = (
        UniqueConstraint("incident_id", "observable_id"),
        Index("ix_incident_takedown_state", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    observable_id: Mapped[int] = mapped_column(ForeignKey("incident_observable.id"), index=True)
    ground: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(Text)
    necessity: Mapped[str] = mapped_column(Text)
    pap: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text, index=True)
    state: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    gone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    objected_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class TakedownRecipient(InCompartment, Base):
    """Somebody who can take it down. ``role``: a `TakedownRole`; ``reason``: why it is proposed.

    ``team_id``: of the directory. ``party_id``: who takes part in the incident since ``asked_at``.
    """

    __tablename__ = "incident_takedown_recipient"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    takedown_id: Mapped[int] = mapped_column(ForeignKey("incident_takedown.id"), index=True)
    role: Mapped[str] = mapped_column(Text)
    team_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(SentenceText)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("incident_party.id"))
    asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class TakedownSighting(InCompartment, Base):
    """What was seen of it. ``seen``: a `SightingResult`; ``how``, and from where (``place``); ``by``: as in audits."""

    __tablename__ = "incident_takedown_sighting"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    takedown_id: Mapped[int] = mapped_column(ForeignKey("incident_takedown.id"), index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen: Mapped[str] = mapped_column(Text)
    how: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
