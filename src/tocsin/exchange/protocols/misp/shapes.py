"""The shapes of MISP 2.5: numbers and times are texts, flags are booleans; and what is kept of what a program sent."""

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Row

from tocsin.exchange.formats import default_category
from tocsin.exchange.ledger import MispRecord

Json = Mapping[str, Any]

MOST_SECONDS: Final = 2**31 - 1
OWN_NUMBERS: Final = 2**30
"""Numbers from here on are of incidents of this node, and of what is in them."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class MispOrg:
    """An organisation: this node is number 1, a partner has its own number after it."""

    number: int
    name: str
    uuid: UUID

    @property
    def shown(self) -> dict[str, Any]:
        """As it stands in an event."""
        return {"id": str(self.number), "name": self.name, "uuid": str(self.uuid), "local": self.number == 1}


def org_number(partner: int) -> int:
    """The number of a partner's organisation."""
    return partner + 1


class ShapeError(ValueError):
    """A field is not as MISP has it: ``field`` and what is wrong with it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.errors = {name: [reason]}


@dataclass
class NewRecord:
    """What is kept of something that a program sent. ``given``: the names of the fields that it sent."""

    uuid: UUID
    name: str
    value: str
    timestamp: int | None
    deleted: bool
    content: dict[str, Any]
    given: set[str] = field(default_factory=set)


_ATTRIBUTE: Final = (
    "category", "comment", "distribution", "sharing_group_id", "SharingGroup", "to_ids", "disable_correlation",
    "first_seen", "last_seen", "object_relation", "data", "Tag", "Galaxy",
)  # fmt: skip
_OBJECT: Final = (
    "meta-category", "description", "template_uuid", "template_version", "comment", "distribution",
    "sharing_group_id", "SharingGroup", "first_seen", "last_seen", "ObjectReference",
)  # fmt: skip
_EVENT: Final = (
    "date", "threat_level_id", "analysis", "distribution", "sharing_group_id", "SharingGroup", "extends_uuid",
    "Orgc", "Tag", "Galaxy", "EventReport", "disable_correlation", "published",
)  # fmt: skip
_FLAGS: Final = {"to_ids", "disable_correlation", "published"}


def read_event(event: Json) -> NewRecord:
    """An event without its parts. Raises ShapeError."""
    return _read(event, _text(event.get("info")), "", _EVENT)


def read_attribute(attribute: Json) -> NewRecord:
    """An attribute. Raises ShapeError."""
    return _read(attribute, _text(attribute.get("type")), _text(attribute.get("value")), _ATTRIBUTE)


def read_object(object_: Json) -> NewRecord:
    """An object without its attributes. Raises ShapeError."""
    return _read(object_, _text(object_.get("name")), "", _OBJECT)


def check_attribute(record: NewRecord) -> None:
    """Raises ShapeError where a new attribute lacks its type or value."""
    for name, value in (("type", record.name), ("value", record.value)):
        if not value.strip():
            raise ShapeError(name, f"The {name} is empty.")


def _read(thing: Json, name: str, value: str, names: Iterable[str]) -> NewRecord:
    content: dict[str, Any] = {}
    for one in names:
        if thing.get(one) is None:
            continue
        found = thing[one]
        if one == "Tag":
            tags = [tag for tag in found or () if isinstance(tag, dict) and tag.get("name")]
            content[one] = [tag_of(tag) for tag in tags if not flag(tag.get("deleted"))]
        elif one in _FLAGS:
            content[one] = flag(found)
        elif isinstance(found, dict | list):
            content[one] = found
        else:
            content[one] = _text(found)
    uuid = read_uuid(thing.get("uuid"))
    return NewRecord(
        uuid or uuid4(), name, value, read_seconds(thing.get("timestamp")), flag(thing.get("deleted")), content,
        {one for one, found in thing.items() if found is not None},
    )  # fmt: skip


def tag_of(tag: Json) -> dict[str, Any]:
    """A tag as it is kept: its name, its colour, and whether it is for its own server alone."""
    colour = _text(tag.get("colour"))
    return {
        "name": _text(tag["name"]), "colour": colour if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) else "#ffffff",
        "local": flag(tag.get("local")),
    }  # fmt: skip


def shown_tags(content: Json) -> list[dict[str, Any]]:
    """The tags of a thing; the number of a tag follows from its name."""
    return [{**tag, "id": str(tag_number(tag["name"])), "exportable": True} for tag in content.get("Tag") or ()]


def tag_number(name: str) -> int:
    """A number for a tag, always the same."""
    return zlib.crc32(name.encode()) & 0x3FFFFFFF


def _shown(row: MispRecord | Row[Any]) -> dict[str, Any]:
    """What every part of an event has."""
    content = row.content
    return {
        "id": str(row.id), "event_id": str(row.event_id), "uuid": str(row.uuid), "timestamp": str(row.timestamp),
        "deleted": row.deleted, "comment": content.get("comment", ""),
        "distribution": content.get("distribution") or "5",
        "sharing_group_id": content.get("sharing_group_id") or "0",
        "first_seen": content.get("first_seen"), "last_seen": content.get("last_seen"),
    }  # fmt: skip


def _shown_value(row: MispRecord | Row[Any]) -> dict[str, Any]:
    content = row.content
    return {
        **_shown(row), "type": row.name, "value": row.value, "to_ids": bool(content.get("to_ids")),
        "category": content.get("category") or default_category(row.name),
        "disable_correlation": bool(content.get("disable_correlation")),
    }  # fmt: skip


def show_attribute(row: MispRecord | Row[Any]) -> dict[str, Any]:
    """An attribute as MISP gives it."""
    content = row.content
    shown = {
        **_shown_value(row), "object_id": str(row.object_id or 0), "object_relation": content.get("object_relation"),
        "Galaxy": content.get("Galaxy") or [], "ShadowAttribute": [], "Tag": shown_tags(content),
    }  # fmt: skip
    return {**shown, "data": content["data"]} if content.get("data") else shown


def show_object(row: MispRecord, attributes: Iterable[Json]) -> dict[str, Any]:
    """An object as MISP gives it, with these attributes."""
    content = row.content
    return {
        **_shown(row), "name": row.name, "meta-category": content.get("meta-category", "misc"),
        "description": content.get("description", ""), "template_uuid": content.get("template_uuid"),
        "template_version": content.get("template_version"),
        "ObjectReference": content.get("ObjectReference") or [], "Attribute": list(attributes),
    }  # fmt: skip


def show_event(row: MispRecord, org: MispOrg, count: int) -> dict[str, Any]:
    """An event of a partner as MISP gives it, without its parts."""
    content, said = row.content, row.content.get("Orgc")
    creator = org.shown
    if isinstance(said, dict) and read_uuid(said.get("uuid")) not in {None, org.uuid}:
        creator = {"id": "0", "name": _text(said.get("name")), "uuid": str(read_uuid(said["uuid"])), "local": False}
    published = bool(content.get("published"))
    return {
        "id": str(row.id), "orgc_id": creator["id"], "org_id": str(org.number), "date": event_date(content, row),
        "threat_level_id": content.get("threat_level_id") or "4", "info": row.name, "published": published,
        "uuid": str(row.uuid), "attribute_count": str(count), "analysis": content.get("analysis") or "0",
        "timestamp": str(row.timestamp), "distribution": content.get("distribution") or "0",
        "proposal_email_lock": False, "locked": False,
        "publish_timestamp": str(content.get("publish_timestamp") or 0) if published else "0",
        "sharing_group_id": content.get("sharing_group_id") or "0",
        "disable_correlation": bool(content.get("disable_correlation")),
        "extends_uuid": content.get("extends_uuid", ""), "protected": None, "Org": org.shown, "Orgc": creator,
        "Tag": shown_tags(content), "Galaxy": content.get("Galaxy") or [],
        "EventReport": content.get("EventReport") or [], "RelatedEvent": [], "CryptographicKey": [],
    }  # fmt: skip


def event_date(content: Json, row: MispRecord) -> str:
    """The day of an event."""
    try:
        return date.fromisoformat(str(content.get("date"))[:10]).isoformat()
    except ValueError:
        return datetime.fromtimestamp(row.timestamp, UTC).date().isoformat()


def show_proposal(row: MispRecord) -> dict[str, Any]:
    """A proposal as MISP gives it; ``old_id`` is the attribute that it would change."""
    content = row.content
    return {
        **_shown_value(row), "old_id": content.get("old_id", "0"), "event_id": content.get("event_id", "0"),
        "org_id": content.get("org_id", "0"), "event_uuid": str(row.target),
        "proposal_to_delete": bool(content.get("proposal_to_delete")),
    }  # fmt: skip


def show_sighting(row: MispRecord, org: MispOrg) -> dict[str, Any]:
    """A sighting as MISP gives it."""
    content = row.content
    return {
        "id": str(row.id), "attribute_id": content.get("attribute_id", "0"), "event_id": content.get("event_id", "0"),
        "org_id": str(org.number), "date_sighting": str(row.timestamp), "uuid": str(row.uuid),
        "source": content.get("source", ""), "type": content.get("type", "0"),
        "attribute_uuid": content.get("attribute_uuid", ""), "Organisation": org.shown,
    }  # fmt: skip


def digest_of(value: str) -> str:
    """What a value is found by, whatever its case."""
    return hashlib.sha256(value.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]


def flag(value: object) -> bool:
    """A flag, as a boolean, a number or a text."""
    return value in (True, 1) or str(value).lower() in {"1", "true"}


def read_uuid(value: object) -> UUID | None:
    """A UUID; None: it is none."""
    text = str(value or "")
    return UUID(text) if _UUID.fullmatch(text) else None


def read_seconds(value: object) -> int | None:
    """Unix seconds of a number or text; None: nothing was said, or zero."""
    try:
        found = int(float(str(value)))
    except (ValueError, OverflowError):
        return None
    return found if 0 < found <= MOST_SECONDS else None


def _text(value: object) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)
