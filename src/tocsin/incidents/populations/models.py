"""The tables of affected systems. Only this part asks for their rows."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, Json, UTCDateTime


class IncidentPopulation(InCompartment, Base):
    """The problems of an incident: a filter that is asked anew each time, or a list of them.

    ``query``: conditions of a `ProblemSearch`; none: a person selected them. ``keys``: of the problems, see
    `keys.pack`, so that ten thousand are one row; empty: those that match now. ``frozen_at``: since when it is a list.
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
