"""The tables of evidence and of legal holds. Only `read` and `write` of this part ask for their rows."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, UTCDateTime


class IncidentEvidence(InCompartment, Base):
    """One item of evidence. Its chain of custody are the entries of the incident whose data has its number.

    ``kind``: an `EvidenceKind`. ``sha256``: of its bytes, in hexadecimal; empty of a thing. ``size``: how many bytes.
    ``kept``: `Node.incident_evidence` has them. ``seal``: the number of the seal; ``place``: where it is.
    ``destroy_by``: who asked for it to be destroyed, and waits for a second person.
    """

    __tablename__ = "incident_evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text, index=True)
    size: Mapped[int | None] = mapped_column(BigInteger)
    kept: Mapped[bool]
    seal: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    destroy_by: Mapped[str] = mapped_column(Text)


class LegalHold(InCompartment, Base):
    """An order that nothing of an incident may be deleted.

    ``ordered_by``: who, as a court or a prosecutor; ``order_reference``: their number of it. ``until``: so long; None:
    until it is lifted.
    """

    __tablename__ = "legal_hold"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    ordered_by: Mapped[str] = mapped_column(Text)
    order_reference: Mapped[str] = mapped_column(Text)
    begun_at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
