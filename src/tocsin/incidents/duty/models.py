"""The tables of duty. Only `read`, `write` and `acts` of this part import them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.accounts import Person
from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class DutyRoster(Base):
    """A roster by its name. ``keeper``: the person who edits it, beside managers.

    ``always``: someone must be on duty at each moment; else only shifts that nobody takes are gaps.
    """

    __tablename__ = "duty_roster"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    keeper: Mapped[int | None]
    always: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RosterVersion(Base):
    """A text of a roster, TOML, JSON or iCalendar; the newest counts.

    ``people``: the accounts of its names when it was saved, so that one that is removed later is still known.
    """

    __tablename__ = "duty_roster_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    roster_id: Mapped[int] = mapped_column(ForeignKey("duty_roster.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    people: Mapped[dict[str, int]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)


class RosterChange(Base):
    """A change of a roster for a time, by accounts. ``state``: a `RosterChangeState`; ``kind``: a `ChangeKind`.

    ``add``, ``remove``: of a swap, who is asked and who asks. ``only``: a temporary plan, in which nobody else is on
    duty.
    """

    __tablename__ = "duty_change"
    __table_args__ = (Index("ix_duty_change_roster", "roster_id", "ends_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    roster_id: Mapped[int] = mapped_column(ForeignKey("duty_roster.id"))
    kind: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    add: Mapped[int | None]
    remove: Mapped[int | None]
    only: Mapped[bool]
    why: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)


class HandOverNote(Base):
    """What the person going off duty leaves to the one coming on. ``read_by``: who acknowledged it."""

    __tablename__ = "duty_hand_over"

    id: Mapped[int] = mapped_column(primary_key=True)
    roster_id: Mapped[int] = mapped_column(ForeignKey("duty_roster.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[int]
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    read_by: Mapped[int | None]


class DutyContact(Base):
    """How a person is reached on duty. ``phone``: as E.164 writes it, or empty.

    ``calendar``: what the secret address of the person's calendar names; empty: there is none.
    """

    __tablename__ = "duty_contact"

    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True, autoincrement=False)
    phone: Mapped[str] = mapped_column(Text)
    calendar: Mapped[str] = mapped_column(Text, index=True)


class CallOutRule(Base):
    """When who is called. ``kinds``: of to-do items; ``severity``: of incidents, from this level on, or empty.

    The chain: who is on duty by the roster, then by ``second_id``, then ``people``; the next one after ``minutes``.
    ``channels``: values of `CallChannel`. ``quiet_from``, ``quiet_to``: local hours of the roster (HH:MM, or empty) in
    which only incidents of the level ``quiet_below`` or above open a call-out.
    """

    __tablename__ = "call_out_rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    roster_id: Mapped[int] = mapped_column(ForeignKey("duty_roster.id"))
    second_id: Mapped[int | None] = mapped_column(ForeignKey("duty_roster.id"))
    people: Mapped[list[int]] = mapped_column(Json)
    kinds: Mapped[list[str]] = mapped_column(Json)
    severity: Mapped[str] = mapped_column(Text)
    minutes: Mapped[int]
    channels: Mapped[list[str]] = mapped_column(Json)
    quiet_from: Mapped[str] = mapped_column(Text)
    quiet_to: Mapped[str] = mapped_column(Text)
    quiet_below: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class CallOut(InCompartment, Base):
    """One call-out, in the compartment of its incident. ``subject``: the incident's reference, or a kind of items.

    ``live_key``: what it is about, while that is so; unique, so that nobody is called twice for one thing. ``next_at``:
    when the next in the chain is called, None: nobody more. ``acknowledged_by``: as the audit log names people, or
    ``number +230…``: whoever has that phone.
    """

    __tablename__ = "call_out"
    __table_args__ = (Index("ix_call_out_state", "state", "next_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("call_out_rule.id"))
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), index=True)
    subject: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    live_key: Mapped[str | None] = mapped_column(Text, unique=True)
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    acknowledged_by: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)

    @property
    def reference(self) -> str:
        """``CALL-0000012``, as people name it."""
        return f"CALL-{self.id:07d}"


class CallOutCall(Base):
    """One call of a person by one channel. ``state``: a `CallState`; ``attempts``: how often it was begun to send it.

    ``secret``: what the link in it names; ``code``: the word that an SMS answers with. ``error``: why it failed.
    """

    __tablename__ = "call_out_call"
    __table_args__ = (UniqueConstraint("call_out_id", "person", "channel"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_out_id: Mapped[int] = mapped_column(ForeignKey("call_out.id"), index=True)
    person: Mapped[int]
    channel: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    attempts: Mapped[int]
    secret: Mapped[str] = mapped_column(Text, unique=True)
    code: Mapped[str] = mapped_column(Text, index=True)
    error: Mapped[str] = mapped_column(SentenceText)
