"""The tables of incidents. Only `incidents.read` and `incidents.write`, and those of parts, may import them.

All content carries its compartment, so that what somebody may not read is left out in SQL, in every query.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.arrivals import PublicReport
from tocsin.node.records import Base, Json, UTCDateTime, counted


class Compartment(Base):
    """A restricted compartment: only the persons whom it names may read what is in it."""

    __tablename__ = "compartment"
    __table_args__ = counted("compartment")

    id: Mapped[int] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)


class CompartmentMember(Base):
    """A person in a compartment.

    ``until``: so long; None: for good. ``reason``: why somebody let himself in (break-glass); empty: others let him.
    ``reviewed_by``: who looked at that since.
    """

    __tablename__ = "compartment_member"
    __table_args__ = (Index("ix_compartment_member_person", "person", "compartment_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    compartment_id: Mapped[int] = mapped_column(ForeignKey("compartment.id"), index=True)
    person: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    added_by: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(Text, default="")
    reviewed_by: Mapped[int | None]


class InCompartment:
    """Content that only those read who may read its compartment; 0 is the whole team's and has no row."""

    compartment_id: Mapped[int]


class Incident(InCompartment, Base):
    """One incident.

    ``title``: what people call it. ``rsit_type``: of the Reference Security Incident Taxonomy, or empty. ``severity``:
    a `SeverityLevel`. ``tlp``: its marking. ``waiting_for``: whom, in words; ``waiting_until``: then it is due again.
    ``lead``: number of a person. ``merged_into``: the incident that it was merged into. ``root_cause``: one of the
    node's list, or empty. ``in_figures``: it counts there although it is restricted. ``handed_to``: the partner whose
    case it is now, with its reference there, or empty.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index("ix_incident_queue", "compartment_id", "state", "changed_at"),
        Index("ix_incident_lead", "lead", "state"),
        Index("ix_incident_changed", "changed_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid, unique=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    rsit_type: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    waiting_for: Mapped[str] = mapped_column(Text)
    waiting_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lead: Mapped[int | None]
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    root_cause: Mapped[str] = mapped_column(Text, default="", server_default="", index=True)
    in_figures: Mapped[bool] = mapped_column(default=False, server_default=false())
    handed_to: Mapped[str] = mapped_column(Text, default="", server_default="")


class IncidentEntry(InCompartment, Base):
    """One line of what happened; it is never changed. A correction is another that ``supersedes`` it.

    ``happened_at``: when it happened; ``recorded_at``: when it was written here. ``by``: who, as the audit log names
    people. ``text``: a person's words, empty once erased. ``data``: by kind, see `IncidentEntryKind`. ``tlp``: its
    marking. ``party_id``: with whom. ``sha256``: of all of it, which the audit log holds too. ``once``: names the form
    or mail that it came by, so that the same twice is kept once.
    """

    __tablename__ = "incident_entry"
    __table_args__ = (Index("ix_incident_entry_incident", "incident_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    kind: Mapped[str] = mapped_column(Text)
    happened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    tlp: Mapped[str] = mapped_column(Text)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("incident_party.id"))
    supersedes: Mapped[int | None] = mapped_column(ForeignKey("incident_entry.id"))
    sha256: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)


class IncidentLook(Base):
    """Up to which entry a person has seen an incident with all that was merged into it; so what is new is marked."""

    __tablename__ = "incident_look"
    __table_args__ = (UniqueConstraint("person", "incident_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    person: Mapped[int]
    entry: Mapped[int]


class IncidentAlias(InCompartment, Base):
    """Another name of an incident: its number in the tool that was used before, or at a partner."""

    __tablename__ = "incident_alias"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class IncidentReport(InCompartment, Base):
    """A report of the inbox that is in an incident; one report may be in several."""

    __tablename__ = "incident_report"
    __table_args__ = (UniqueConstraint("report_id", "incident_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    report_id: Mapped[int] = mapped_column(ForeignKey(PublicReport.id))


class Party(InCompartment, Base):
    """Somebody who takes part in an incident: the unit of talk and of secrecy.

    ``role``: a `PartyRole`. ``team_id``: of the directory; None: only ``name``, ``mailbox``, ``phone`` are known.
    ``ceiling``: nothing of a narrower TLP label is sent. ``language`` (BCP 47) of mails. ``left_at``: it left then.
    """

    __tablename__ = "incident_party"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    role: Mapped[str] = mapped_column(Text)
    team_id: Mapped[int | None] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text, index=True)
    phone: Mapped[str] = mapped_column(Text, index=True)
    language: Mapped[str] = mapped_column(Text)
    ceiling: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class IncidentTask(InCompartment, Base):
    """Something to do. ``owner``: number of a person. ``result``: what came of it, or why it was dropped.

    ``lesson``: it is to be done although the incident is over. ``left_open``: so, too, since a person said so when that
    ended.
    """

    __tablename__ = "incident_task"
    __table_args__ = (
        Index("ix_incident_task_owner", "owner", "state"),
        Index("ix_incident_task_due", "state", "due_at"),
        Index("ix_incident_task_lesson", "lesson", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    owner: Mapped[int | None]
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    result: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lesson: Mapped[bool] = mapped_column(default=False, server_default=false())
    left_open: Mapped[bool] = mapped_column(default=False, server_default=false())


class IncidentObservable(InCompartment, Base):
    """A value that was observed, as it is compared: refanged, in small letters where case says nothing.

    ``kind``: an `ObservableKind`; ``role``: an `ObservableRole`. ``withdrawn_at``: it is none any more.
    ``checked_to``: the ingest up to which its sightings were looked up in the past; None: it never was.
    ``unreviewed_since``: an ingest found it then, and nobody has looked at that since. ``noted_on``: the last day with
    an entry that it was seen.
    """

    __tablename__ = "incident_observable"
    __table_args__ = (
        UniqueConstraint("incident_id", "kind", "value"),
        Index("ix_incident_observable_value", "value", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    valid_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    checked_to: Mapped[int | None] = mapped_column(index=True)
    unreviewed_since: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    noted_on: Mapped[date | None]


class ObservableSighting(InCompartment, Base):
    """The events of one day (UTC) in which an observable was found: how many, when, and which sets of teams must know.

    ``sets``: numbers of `events.TeamSet`, 0 where no team is known.
    """

    __tablename__ = "incident_sighting"
    __table_args__ = (UniqueConstraint("observable_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    observable_id: Mapped[int] = mapped_column(ForeignKey("incident_observable.id"))
    day: Mapped[date]
    events: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sets: Mapped[list[int]] = mapped_column(Json)


class IncidentPopulation(InCompartment, Base):
    """The problems of an incident: a filter that is asked anew each time, or a list of them.

    ``query``: conditions of a `problems.ProblemSearch`; none: a person selected them. ``keys``: of the problems, see
    `populations.pack`, so that ten thousand are one row; empty: those that match now. ``frozen_at``: since when it is
    a list.
    """

    __tablename__ = "incident_population"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    query: Mapped[dict[str, str]] = mapped_column(Json)
    keys: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    frozen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class IncidentText(InCompartment, Base):
    """What the notifications of affected teams say of an incident, in one language (BCP 47), until it is withdrawn."""

    __tablename__ = "incident_text"
    __table_args__ = (UniqueConstraint("incident_id", "language"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    language: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
