"""Calls by which a partner's program writes: its own events, offered here; all else becomes a proposal."""

from typing import Any, Final
from uuid import UUID, uuid4

from tocsin.exchange.faces.misp.calls import NOT_PERMITTED, CallFunction, CallRoom, EventAnswer, Json, success
from tocsin.exchange.faces.misp.feedback_calls import propose_edit
from tocsin.exchange.faces.misp.reading import EventReader
from tocsin.exchange.faces.misp.reading_calls import shown_object
from tocsin.exchange.faces.misp.shapes import (
    flag,
    read_attribute,
    read_uuid,
    show_attribute,
    tag_number,
    tag_of,
)
from tocsin.exchange.faces.misp.store import ExistingEventError, RefusedError
from tocsin.exchange.ledger import MispRecord, RecordKind


def _add_event(room: CallRoom) -> EventAnswer:
    row = room.sees.store.add_event(room.call.body)
    if room.sees.store.find(RecordKind.EVENT, str(row.uuid)) is not None:
        _check_not_ours(room, row.uuid)
    return EventAnswer(str(row.uuid), whole=not flag(room.call.named.get("metadata")))


def _check_not_ours(room: CallRoom, uuid: UUID) -> None:
    """Raises ExistingEventError where it is an incident that the caller reads here."""
    for one in room.sees.incidents(only=uuid):
        raise ExistingEventError(int(one.shown["id"]))


def _edit_event(room: CallRoom) -> EventAnswer:
    found = room.event(room.call.argument())
    if found.row is None:
        parts = list[Json]()
        EventReader(lambda kind, part: parts.append(dict(part)) if kind == "Attribute" else None).read(room.call.body)
        propose_edit(room, found, parts)
        room.sees.give(found)
    else:
        room.sees.store.edit_event(found.row, room.call.body)
    return EventAnswer(found.shown["uuid"], whole=not flag(room.call.named.get("metadata")))


def _delete_event(room: CallRoom) -> Json:
    room.sees.store.delete(_row(room.own_event(room.call.argument()).row))
    return success(room, "Event deleted.")


def _publish(room: CallRoom) -> Json:
    room.sees.store.publish(_row(room.own_event(room.call.argument()).row))
    return success(room, "Job queued")


def _unpublish(room: CallRoom) -> Json:
    row = _row(room.own_event(room.call.argument()).row)
    row.content = {**row.content, "published": False}
    return success(room, "Event unpublished.")


def _add_attribute(room: CallRoom) -> Json:
    event = _row(room.own_event(room.call.argument()).row)
    data = room.call.data
    parts = data if isinstance(data, list) else [data.get("Attribute", data) if isinstance(data, dict) else {}]
    if len(parts) > 1 and not all(isinstance(one, dict) for one in parts):
        raise RefusedError(403, "Could not add Attribute", saved=False)
    again = str(room.call.named.get("breakOnDuplicate", "1")) == "0"
    wrong: Json = {}
    uuids = list[str]()
    for place, one in enumerate(parts):
        part = {**one, "uuid": str(read_uuid(one.get("uuid")) or uuid4())}
        if not again and _is_here(room, event, part):
            wrong[f"attribute_{place}"] = {"value": ["A similar attribute already exists for this event."]}
            continue
        room.sees.store.write_parts(event, "Attribute", [part])
        uuids.append(part["uuid"])
    made = [_attribute(room, uuid) for uuid in uuids]
    if not made:
        errors = wrong if isinstance(data, list) else next(iter(wrong.values()), {})
        raise RefusedError(403, "Could not add Attribute", saved=False, errors=errors)
    return {"Attribute": made if len(parts) > 1 else made[0], **({"errors": wrong} if wrong else {})}


def _is_here(room: CallRoom, event: MispRecord, part: Json) -> bool:
    said = read_attribute(part)
    of = MispRecord.event_id == event.id, MispRecord.object_id.is_(None), MispRecord.deleted.is_(False)
    same = MispRecord.name == said.name, MispRecord.value == said.value
    return bool(room.sees.store.rows(RecordKind.ATTRIBUTE, *of, *same, limit=1))


def _edit_attribute(room: CallRoom) -> Json:
    row, event = _own_attribute(room)
    data = room.call.data.get("Attribute", room.call.data) if isinstance(room.call.data, dict) else {}
    part = {name: one for name, one in data.items() if name != "timestamp"}
    room.sees.store.write_parts(event, "Attribute", [{**part, "uuid": str(row.uuid)}], object_id=row.object_id)
    return {"Attribute": _attribute(room, str(row.uuid))}


def _delete_attribute(room: CallRoom) -> Json:
    row, _ = _own_attribute(room)
    room.sees.store.delete(row)
    return success(room, "Attribute deleted.")


def _own_attribute(room: CallRoom) -> tuple[MispRecord, MispRecord]:
    name = room.call.argument()
    row = room.sees.store.find(RecordKind.ATTRIBUTE, name)
    if row is None:
        raise RefusedError(*((403, NOT_PERMITTED) if room.sees.attribute(name) else (404, "Invalid attribute")))
    return row, room.session.get_one(MispRecord, row.event_id)


def _attribute(room: CallRoom, uuid: str) -> Json:
    row = room.sees.store.find(RecordKind.ATTRIBUTE, uuid)
    return show_attribute(_row(row))


def _add_object(room: CallRoom) -> Json:
    event = _row(room.own_event(room.call.argument()).row)
    part = _object_of(room)
    part["uuid"] = str(read_uuid(part.get("uuid")) or uuid4())
    room.sees.store.write_parts(event, "Object", [part])
    return {"Object": shown_object(room, _row(room.sees.store.find(RecordKind.OBJECT, part["uuid"])))}


def _edit_object(room: CallRoom) -> Json:
    row, event = _own_object(room)
    part = {name: one for name, one in _object_of(room).items() if name != "timestamp"}
    room.sees.store.write_parts(event, "Object", [{**part, "uuid": str(row.uuid)}])
    return {"Object": shown_object(room, row)}


def _delete_object(room: CallRoom) -> Json:
    row, _ = _own_object(room)
    room.sees.store.delete(row)
    return success(room, "Object deleted")


def _own_object(room: CallRoom) -> tuple[MispRecord, MispRecord]:
    row = room.sees.store.find(RecordKind.OBJECT, room.call.argument())
    if row is None:
        raise RefusedError(404, "Invalid object.")
    return row, room.session.get_one(MispRecord, row.event_id)


def _object_of(room: CallRoom) -> Json:
    data = room.call.data.get("Object", room.call.data) if isinstance(room.call.data, dict) else {}
    if not isinstance(data, dict):
        raise RefusedError(403, "Could not save object", saved=False)
    outer = room.call.data.get("Attribute") if data is not room.call.data else None
    return {**data, **({"Attribute": outer} if outer else {})}


def _add_reference(room: CallRoom) -> Json:
    said = room.call.data.get("ObjectReference", room.call.data) if isinstance(room.call.data, dict) else {}
    row = room.sees.store.find(RecordKind.OBJECT, str(said.get("object_uuid") or said.get("object_id") or ""))
    if row is None:
        raise RefusedError(404, "Invalid object.")
    uuid = str(read_uuid(said.get("uuid")) or uuid4())
    made = {
        "uuid": uuid, "object_uuid": str(row.uuid), "object_id": str(row.id), "event_id": str(row.event_id),
        "referenced_uuid": str(said.get("referenced_uuid") or ""), "comment": str(said.get("comment") or ""),
        "relationship_type": str(said.get("relationship_type") or ""), "deleted": False,
    }  # fmt: skip
    kept = [one for one in row.content.get("ObjectReference") or () if one.get("uuid") != uuid]
    room.sees.store.write_parts(
        room.session.get_one(MispRecord, row.event_id), "Object",
        [{"uuid": str(row.uuid), "ObjectReference": [*kept, made]}],
    )  # fmt: skip
    return {"ObjectReference": made}


def _attach_tag(room: CallRoom) -> Json:
    return _tag(room, remove=False)


def _remove_tag(room: CallRoom) -> Json:
    return _tag(room, remove=True)


def _tag(room: CallRoom, *, remove: bool) -> Json:
    asked = room.call.asked
    name = str(asked.get("uuid") or room.call.argument())
    tag = tag_of({"name": str(asked.get("tag") or room.call.argument(1)), "local": asked.get("local")})
    store = room.sees.store
    row = store.find(RecordKind.EVENT, name) or store.find(RecordKind.ATTRIBUTE, name)
    if row is None:
        known = room.sees.find(name) or room.sees.attribute(name)
        raise RefusedError(*((403, NOT_PERMITTED) if known else (404, "Invalid Target.")))
    if tag["name"].isdecimal():
        tag["name"] = _tag_name(row, int(tag["name"]))
    if not tag["name"].strip():
        raise RefusedError(404, "Invalid Tag.")
    store.set_tag(row, tag, remove=remove)
    kind = "Event" if row.kind == RecordKind.EVENT else "Attribute"
    words = "removed from" if remove else "attached to"
    return success(room, f"Tag {tag['name']}({tag_number(tag['name'])}) successfully {words} {kind}({row.id}).")


def _tag_name(row: MispRecord, number: int) -> str:
    names = (tag["name"] for tag in row.content.get("Tag") or ())
    return next((name for name in names if tag_number(name) == number), "")


def _row(row: Any) -> MispRecord:
    if not isinstance(row, MispRecord):
        raise LookupError("a record")  # noqa: TRY004  # it is not there
    return row


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
    "tags/attachtagtoobject": _attach_tag,
    "tags/removetagfromobject": _remove_tag,
}
