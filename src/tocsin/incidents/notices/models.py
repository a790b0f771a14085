"""The table of notices. Only the modules of this part, and the doors of the inbox, may import it.

A notice is a report of the inbox, and has its compartment: every query of it joins that report.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.arrivals.models import PublicReport
from tocsin.node.records import Base, Json, UTCDateTime


class Notice(Base):
    """What an entity notified of an incident.

    ``team_id``: the entity, of the directory. ``law``: the id of the act, ``kind``: a `NoticeKind`. ``chain``: the
    reference of the first notice of the same incident. ``version``: 1, and one more for each correction;
    ``superseded``: by a correction. ``fields``: what was filled in, by id. ``door``: the `ReportDoor` by which it came.
    ``received_at``: when, also where it was typed in later. ``filed_by``: as the audit log names people.
    """

    __tablename__ = "incident_notice"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey(PublicReport.id), unique=True)
    team_id: Mapped[int] = mapped_column(index=True)
    law: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    chain: Mapped[str] = mapped_column(Text, index=True)
    version: Mapped[int]
    superseded: Mapped[bool]
    fields: Mapped[dict[str, Any]] = mapped_column(Json)
    door: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    filed_by: Mapped[str] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
