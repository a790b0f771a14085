"""The table of what partners' programs wrote in the shapes of MISP: as they wrote it, offered, and no more."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.exchange.partners import Partner
from tocsin.incidents import ObservableRole
from tocsin.node.records import Base, Json
from tocsin.node.spreadsheet import csv_text

MISP_TYPE: Final = "misp"
"""The type of an `IncomingRow` that is no dispatch: a program of the partner offered something by the API of MISP."""


RECORDS: Final = "misp-records.jsonl"
"""The file of all that a partner wrote of an event."""


class RecordKind(StrEnum):
    """What a record is."""

    EVENT = "event"
    ATTRIBUTE = "attribute"
    OBJECT = "object"
    PROPOSAL = "proposal"
    SIGHTING = "sighting"


class MispRecord(Base):
    """An event of a partner, or a part of one. ``kind``: a `RecordKind`; ``uuid``: its own, one of a kind a partner.

    ``event_id``, ``object_id``: the records that it belongs to. ``target``: the UUID of the event that it is about,
    also where that is an incident of this node. ``name``: the title of an event, the type of an attribute, the name of
    an object. ``digest``: of the value in small letters, for exact searches. ``timestamp``: Unix seconds.
    ``content``: what else it says.
    """

    __tablename__ = "misp_record"
    __table_args__ = (
        UniqueConstraint("partner_id", "kind", "uuid"),
        Index("ix_misp_record_event", "event_id", "kind", "id"),
        Index("ix_misp_record_digest", "partner_id", "digest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    kind: Mapped[str] = mapped_column(Text)
    uuid: Mapped[UUID] = mapped_column(Uuid)
    target: Mapped[UUID] = mapped_column(Uuid, index=True)
    event_id: Mapped[int | None]
    object_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    timestamp: Mapped[int]
    deleted: Mapped[bool]
    content: Mapped[dict[str, Any]] = mapped_column(Json)


def record_parts(session: Session, partner: int, target: UUID) -> dict[str, bytes]:
    """The files of an item that was offered so: all that the partner wrote of an event, and its observables."""
    of = MispRecord.partner_id == partner, MispRecord.target == target
    rows = session.scalars(select(MispRecord).where(*of).order_by(MispRecord.id))
    written, lines = list[str](), dict[tuple[str, str], None]()
    for row in rows:
        written.append(json.dumps(_as_written(row), ensure_ascii=False))
        lines |= dict.fromkeys(_observables(row))
    return {
        RECORDS: "\n".join(written).encode("utf-8", "replace"),
        "observables.csv": csv_text([("value", "role"), *lines], end="\n").encode("utf-8", "replace"),
    }


def _as_written(row: MispRecord) -> dict[str, Any]:
    """What its partner wrote; of what it deleted since only that it did."""
    if row.deleted:
        return {"kind": row.kind, "uuid": str(row.uuid), "deleted": True, "timestamp": row.timestamp}
    own = {"kind": row.kind, "uuid": str(row.uuid), "name": row.name, "value": row.value, "deleted": row.deleted}
    return {**own, "timestamp": row.timestamp, **row.content}


def _observables(row: MispRecord) -> Iterator[tuple[str, str]]:
    """What may be added to an incident: the values of attributes that are not deleted, and of proposals."""
    proposed = row.kind == RecordKind.PROPOSAL and not row.content.get("proposal_to_delete")
    if row.deleted or not (row.kind == RecordKind.ATTRIBUTE or proposed):
        return
    role = ObservableRole.INDICATOR if row.content.get("to_ids") else ObservableRole.CONTEXT
    for part in row.value.split("|") if "|" in row.name else [row.value]:
        yield part, role.value
