"""The table of reports that were sent in."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, SentenceRecords, UTCDateTime


class UploadState(StrEnum):
    """Where a report that was sent in is."""

    WAITING = "waiting"  # whole, on this disk; its turn comes
    TAKEN = "taken"  # taken in; `failed` names files of it that could not be
    REFUSED = "refused"  # nothing of it could be taken in; `failed` says why


class Upload(Base):
    """What somebody sent in at once: one report or several.

    ``files``: name, size (bytes) and SHA-256 of each. ``sent_by``: the actor, as in the audit log. ``begun_after``: the
    newest ingest when it was first tried, so that after a kill its own ingests are told from older ones with the same
    content. ``counts``: the sums of `tocsin.pipeline.ingest.Counts`. ``failed``: file, reason and hint of each.
    """

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid, unique=True)
    source: Mapped[str] = mapped_column(Text)
    feed: Mapped[str] = mapped_column(Text)
    files: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(Text, index=True)
    sent_by: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(UTCDateTime)
    begun_after: Mapped[int | None]
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ingests: Mapped[list[int]] = mapped_column(Json)
    counts: Mapped[dict[str, int]] = mapped_column(Json)
    failed: Mapped[list[dict[str, str]]] = mapped_column(SentenceRecords)
