"""The tables of playbooks. Only `read` and `write` of this part ask for their rows."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, UTCDateTime


class PlaybookEdition(Base):
    """A playbook as it once was.

    ``playbook``: its id in CACAO, the same in all editions; ``key``: its name in addresses.
    ``content``: the file. ``listed``: it is offered; else incidents that were begun with it still hold it.
    """

    __tablename__ = "playbook"

    id: Mapped[int] = mapped_column(primary_key=True)
    playbook: Mapped[str] = mapped_column(Text, index=True)
    key: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text, unique=True)
    content: Mapped[str] = mapped_column(Text)
    listed: Mapped[bool]
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    added_by: Mapped[str] = mapped_column(Text)


class IncidentPlaybook(InCompartment, Base):
    """A playbook on an incident, in the edition that it was started with. ``stopped``: a person ended it early."""

    __tablename__ = "incident_playbook"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("playbook.id"))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    stopped: Mapped[bool]


class IncidentPlaybookStep(InCompartment, Base):
    """One time that a step was reached; see `course.StepVisit`. ``task_id``: its task, where it is one."""

    __tablename__ = "incident_playbook_step"
    __table_args__ = (UniqueConstraint("run_id", "number"), Index("ix_incident_playbook_step_task", "task_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("incident_playbook.id"))
    number: Mapped[int]
    step: Mapped[str] = mapped_column(Text)
    within: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(Text)
    ended: Mapped[bool]
    task_id: Mapped[int | None] = mapped_column(ForeignKey("incident_task.id"))
