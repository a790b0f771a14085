"""Tables of what keeps a node running: its machines, and the work that they do by themselves."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class MachineRow(Base):
    """One server of several over the same PostgreSQL. Times are of the database's clock.

    ``worker``: what its process is known by (`tocsin.server.api.ApiContext`). ``ahead``: seconds by which its clock is
    ahead. ``tables``: which compiled tables it works with; ``files``: fingerprints of what all must have alike.
    """

    __tablename__ = "machine"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    worker: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ahead: Mapped[float]
    tables: Mapped[dict[str, Any]] = mapped_column(Json)
    files: Mapped[dict[str, Any]] = mapped_column(Json)


class ChoreRow(Base):
    """When a piece of work was done or tried last (None: never), what went wrong then, and which machine does it."""

    __tablename__ = "chore"

    name: Mapped[str] = mapped_column(primary_key=True)
    machine: Mapped[str]
    at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str] = mapped_column(SentenceText)
    hint: Mapped[str] = mapped_column(SentenceText)
