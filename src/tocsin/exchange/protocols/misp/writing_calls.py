"""Calls by which a partner's program writes: its own events, offered here; all else becomes a proposal."""

from functools import partial
from typing import Final
from uuid import uuid4

from tocsin.exchange.ledger import MispRecord, RecordKind, check_waiting
from tocsin.exchange.protocols.misp.calls import NOT_PERMITTED, CallFunction, CallRoom, EventAnswer, Json, success
from tocsin.exchange.protocols.misp.event_reader import MOST_ATTRIBUTES, EventReader
from tocsin.exchange.protocols.misp.feedback_calls import propose_edit
from tocsin.exchange.protocols.misp.reading_calls import shown_object
from tocsin.exchange.protocols.misp.shapes import (
    digest_of,
    flag,
    read_attribute,
    read_uuid,
    show_attribute,
    tag_number,
    tag_of,
)
from tocsin.exchange.protocols.misp.store import ExistingEventError, RefusedError

_BATCH: Final = 500
_ATTRIBUTE, _OBJECT = RecordKind.ATTRIBUTE, RecordKind.OBJECT


def _add_event(room: CallRoom) -> EventAnswer:
    check_waiting(room.session, room.call.node, room.call.caller.partner)
    row = room.store.add_event(room.call.body)
    for one in room.events.incidents(only=row.uuid):  # an incident that the caller reads here
        raise ExistingEventError(int(one.shown["id"]))
    return _written(room, str(row.uuid))


def _edit_event(room: CallRoom) -> EventAnswer:
    found = room.event()
    if found.row is None:
        parts = list[Json]()
        EventReader(lambda kind, part: parts.append(dict(part)) if kind == "Attribute" else None).read(room.call.body)
        propose_edit(room, found, parts)
        room.events.give(found)
    else:
        room.store.edit_event(found.row, room.call.body)
    return _written(room, found.shown["uuid"])


def _written(room: CallRoom, name: str) -> EventAnswer:
    return EventAnswer(name, whole=not flag(room.call.named.get("metadata")))


def _delete_event(room: CallRoom) -> Json:
    room.store.delete(room.own_event())
    return success(room.call, "Event deleted.")


def _publish(room: CallRoom) -> Json:
    room.store.publish(room.own_event())
    return success(room.call, "Job queued")


def _unpublish(room: CallRoom) -> Json:
    row = room.own_event()
    row.content = {**row.content, "published": False}
    return success(room.call, "Event unpublished.")


def _add_attribute(room: CallRoom) -> Json:
    event, data = room.own_event(), room.call.data
    parts = data if isinstance(data, list) else [room.call.said("Attribute")]
    if not all(isinstance(one, dict) for one in parts):
        raise RefusedError(403, "Could not add Attribute", saved=False)
    again = str(room.call.named.get("breakOnDuplicate", "1")) == "0"
    if len(parts) > MOST_ATTRIBUTES:
        raise RefusedError(403, "Could not add Attribute", saved=False)
    wrong, new = Json(), list[Json]()
    said = [_with_uuid(one) for one in parts]
    here = set[tuple[str, str]]() if again else _values(room, event, said)
    for place, part in enumerate(said):
        value = _value(part)
        if value in here:
            wrong[f"attribute_{place}"] = {"value": ["A similar attribute already exists for this event."]}
            continue
        here |= set() if again else {value}
        new.append(part)
    if new:
        room.store.write_parts(event, "Attribute", new)
    made = [show_attribute(room.record(_ATTRIBUTE, part["uuid"])) for part in new]
    if not made:
        errors = wrong if isinstance(data, list) else next(iter(wrong.values()), {})
        raise RefusedError(403, "Could not add Attribute", saved=False, errors=errors)
    return {"Attribute": made if len(parts) > 1 else made[0], **({"errors": wrong} if wrong else {})}


def _with_uuid(part: Json) -> Json:
    return {**part, "uuid": str(read_uuid(part.get("uuid")) or uuid4())}


def _value(part: Json) -> tuple[str, str]:
    said = read_attribute(part)
    return said.name, said.value


def _values(room: CallRoom, event: MispRecord, parts: list[Json]) -> set[tuple[str, str]]:
    """Of the values of these attributes those that an event has, each with its type."""
    of = MispRecord.event_id == event.id, MispRecord.object_id.is_(None), MispRecord.deleted.is_(False)
    digests, found = [digest_of(_value(one)[1]) for one in parts], set[tuple[str, str]]()
    for at in range(0, len(digests), _BATCH):
        rows = room.store.rows(_ATTRIBUTE, *of, MispRecord.digest.in_(digests[at : at + _BATCH]))
        found |= {(row.name, row.value) for row in rows}
    return found


def _edit_attribute(room: CallRoom) -> Json:
    row = _own_attribute(room)
    _edit(room, row, "Attribute", room.call.said("Attribute"))
    return {"Attribute": show_attribute(row)}


def _edit(room: CallRoom, row: MispRecord, kind: str, said: Json) -> None:
    """Change a part of an event now, whatever time the program says."""
    part = {**said, "timestamp": None, "uuid": str(row.uuid)}
    event = room.session.get_one(MispRecord, row.event_id)
    room.store.write_parts(event, kind, [part], object_id=row.object_id)


def _delete_attribute(room: CallRoom) -> Json:
    room.store.delete(_own_attribute(room))
    return success(room.call, "Attribute deleted.")


def _own_attribute(room: CallRoom) -> MispRecord:
    row = room.store.find(_ATTRIBUTE, room.call.argument())
    if row is None:
        room.attribute()
        raise RefusedError(403, NOT_PERMITTED)
    return row


def _add_object(room: CallRoom) -> Json:
    event, part = room.own_event(), _with_uuid(_object_of(room))
    room.store.write_parts(event, "Object", [part])
    return {"Object": shown_object(room, room.record(_OBJECT, part["uuid"]))}


def _edit_object(room: CallRoom) -> Json:
    row = room.record(_OBJECT)
    _edit(room, row, "Object", _object_of(room))
    return {"Object": shown_object(room, row)}


def _delete_object(room: CallRoom) -> Json:
    room.store.delete(room.record(_OBJECT))
    return success(room.call, "Object deleted")


def _object_of(room: CallRoom) -> Json:
    said, whole = room.call.said("Object"), room.call.said()
    return {**said, "Attribute": whole["Attribute"]} if whole.get("Attribute") else said


def _add_reference(room: CallRoom) -> Json:
    said = room.call.said("ObjectReference")
    row = room.record(_OBJECT, str(said.get("object_uuid") or said.get("object_id") or ""))
    made = {
        "uuid": _with_uuid(said)["uuid"], "object_uuid": str(row.uuid), "object_id": str(row.id),
        "event_id": str(row.event_id), "referenced_uuid": str(said.get("referenced_uuid") or ""),
        "comment": str(said.get("comment") or ""), "relationship_type": str(said.get("relationship_type") or ""),
        "deleted": False,
    }  # fmt: skip
    kept = [one for one in row.content.get("ObjectReference") or () if one.get("uuid") != made["uuid"]]
    _edit(room, row, "Object", {"ObjectReference": [*kept, made]})
    return {"ObjectReference": made}


def _tag(room: CallRoom, *, remove: bool) -> Json:
    asked, store = room.call.asked, room.store
    name = str(asked.get("uuid") or room.call.argument())
    tag = tag_of({"name": str(asked.get("tag") or room.call.argument(1)), "local": asked.get("local")})
    row = store.find(RecordKind.EVENT, name) or store.find(_ATTRIBUTE, name)
    if row is None:
        known = room.events.find(name) or room.events.attribute(name)
        raise RefusedError(*((403, NOT_PERMITTED) if known else (404, "Invalid Target.")))
    number = tag["name"]
    if number.isdecimal():
        names = (one["name"] for one in row.content.get("Tag") or ())
        tag["name"] = next((one for one in names if str(tag_number(one)) == number), "")
    if not tag["name"].strip():
        raise RefusedError(404, "Invalid Tag.")
    store.set_tag(row, tag, remove=remove)
    words = "removed from" if remove else "attached to"
    of = f"{row.kind.title()}({row.id})"
    return success(room.call, f"Tag {tag['name']}({tag_number(tag['name'])}) successfully {words} {of}.")


WRITES: Final[dict[str, CallFunction]] = {
    "events/add": _add_event,
    "events/edit": _edit_event,
    "events/delete": _delete_event,
    "events/publish": _publish,
    "events/alert": _publish,
    "events/unpublish": _unpublish,
    "attributes/add": _add_attribute,
    "attributes/edit": _edit_attribute,
    "attributes/delete": _delete_attribute,
    "objects/add": _add_object,
    "objects/edit": _edit_object,
    "objects/delete": _delete_object,
    "objectreferences/add": _add_reference,
    "tags/attachtagtoobject": partial(_tag, remove=False),
    "tags/removetagfromobject": partial(_tag, remove=True),
}
