"""The tables of clocks. Only modules of this part ask for their rows."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, Json, UTCDateTime


class AdoptedClockText(Base):
    """A clock text that a person here adopted, kept as it was then.

    ``law``: the id of the text. ``checked_by``: who compared it with the act. ``withdrawn_at``: it starts no clock any
    more since then.
    """

    __tablename__ = "clock_text"

    id: Mapped[int] = mapped_column(primary_key=True)
    law: Mapped[str] = mapped_column(Text, index=True)
    edition: Mapped[str] = mapped_column(Text)
    in_force: Mapped[date | None] = mapped_column(Date)
    content: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)
    checked_by: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    adopted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    adopted_by: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class NodeCalendar(Base):
    """The calendar by which this node counts working days, as `CalendarText`; the newest row holds."""

    __tablename__ = "clock_calendar"

    id: Mapped[int] = mapped_column(primary_key=True)
    calendar: Mapped[dict[str, Any]] = mapped_column(Json)
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)
    set_by: Mapped[str] = mapped_column(Text)


class IncidentClock(InCompartment, Base):
    """A period of an act that runs on an incident.

    ``act``: the id of its text; ``text_id``: the edition; ``rule``, ``title``, ``due_notice``, ``ours``: of the rule.
    ``party_id``: the entity, where it is known. ``start``: a `ClockStart`; ``entry_id``: of the milestone.
    ``limit_start``: when the second period of the rule began. ``due_at``: None where the act gives no number;
    ``half_at`` and ``most_at``: when so much of the time is over. ``state``: a `ClockState`. What people typed (source,
    reason) and each former due time stand in entries.
    """

    __tablename__ = "incident_clock"
    __table_args__ = (
        Index("ix_incident_clock_incident", "incident_id"),
        Index("ix_incident_clock_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    text_id: Mapped[int] = mapped_column(ForeignKey(AdoptedClockText.id))
    act: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    due_notice: Mapped[str] = mapped_column(Text)
    ours: Mapped[bool]
    party_id: Mapped[int | None] = mapped_column(ForeignKey("incident_party.id"))
    start: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("incident_entry.id"))
    limit_start: Mapped[datetime | None] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    half_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    most_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
