"""The table of sightings. Only this part asks for its rows."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, Json, UTCDateTime


class ObservableSighting(InCompartment, Base):
    """The events of one day (UTC) in which an observable was found: how many, when, and which sets of teams must know.

    ``sets``: numbers of `TeamSet`, 0 where no team is known.
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
