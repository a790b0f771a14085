"""Proposals and sightings: what a partner says of an event, its own or one of this node; people here read it."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import true

from tocsin.exchange.formats import marking_of
from tocsin.exchange.ledger import MispRecord, RecordKind
from tocsin.exchange.protocols.misp.calls import NOT_PERMITTED, CallFunction, CallRoom, Json, success
from tocsin.exchange.protocols.misp.queries import read_query, read_terms, read_times
from tocsin.exchange.protocols.misp.shapes import (
    NewRecord,
    check_attribute,
    flag,
    read_attribute,
    read_seconds,
    read_uuid,
    show_proposal,
    show_sighting,
)
from tocsin.exchange.protocols.misp.store import RefusedError
from tocsin.exchange.protocols.misp.visible_events import VisibleEvent

_COMPARED: Final = ("value", "type", "comment")
_KEPT: Final = MispRecord.deleted.is_(False)
_PROPOSED: Final = ("ShadowAttribute", "Attribute")


def propose_edit(room: CallRoom, event: VisibleEvent, parts: list[Json]) -> None:
    """What an edit of another's event asks for: attributes that are new, are otherwise, or are to be deleted."""
    known = {one["uuid"]: one for one in event.attributes}
    records = list[NewRecord]()
    for part in parts:
        old = known.get(str(part.get("uuid", "")).lower())
        if old is None:
            records.append(_proposal(room, event, part))
        elif flag(part.get("deleted")) or any(part.get(one, old[one]) != old[one] for one in _COMPARED):
            records.append(_proposal(room, event, part, old=old))
    _offer(room, event, RecordKind.PROPOSAL, records)


def _proposal(room: CallRoom, event: VisibleEvent, part: Json, *, old: Json | None = None) -> NewRecord:
    names = ("type", "value", "category", "to_ids", "comment")
    said = {**({name: old[name] for name in names} if old else {}), **part}
    record = read_attribute({**said, "uuid": str(uuid4()) if old else part.get("uuid"), "deleted": False})
    check_attribute(record)
    record.timestamp = None
    record.content = {
        **record.content, "event_id": event.shown["id"], "old_id": old["id"] if old else "0",
        "org_id": str(room.events.org.number), "proposal_to_delete": bool(old) and flag(part.get("deleted")),
    }  # fmt: skip
    return record


def _offer(room: CallRoom, event: VisibleEvent, kind: RecordKind, records: list[NewRecord]) -> list[MispRecord]:
    about = event.shared.event if event.shared else event.row.content if event.row else {}
    title = event.shown["info"] if event.row else f"Proposals and sightings: {event.shown['info']}"
    marking = marking_of(about)
    return room.store.add_feedback(kind, UUID(event.shown["uuid"]), title, records, marking)


def _add_proposal(room: CallRoom) -> Json:
    event = room.event()
    made = _offer(room, event, RecordKind.PROPOSAL, [_proposal(room, event, room.call.said(*_PROPOSED))])
    if not made:
        raise RefusedError(403, "Could not save the proposal", saved=False)
    return {"ShadowAttribute": show_proposal(made[0])}


def _edit_proposal(room: CallRoom) -> Json:
    return {"ShadowAttribute": show_proposal(_changed(room, room.call.said(*_PROPOSED)))}


def _delete_proposal(room: CallRoom) -> Json:
    _changed(room, {"deleted": True})
    return success(room.call, "Proposal to delete the attribute saved.")


def _changed(room: CallRoom, said: Json) -> MispRecord:
    event, old = room.attribute()
    return _offer(room, event, RecordKind.PROPOSAL, [_proposal(room, event, said, old=old)])[0]


def _proposals(room: CallRoom) -> list[Json]:
    named = room.call.argument()
    about = MispRecord.target == UUID(room.event().shown["uuid"]) if named else true()
    return [{"ShadowAttribute": show_proposal(row)} for row in room.store.rows(RecordKind.PROPOSAL, about, _KEPT)]


def _view_proposal(room: CallRoom) -> Json:
    return {"ShadowAttribute": show_proposal(room.record(RecordKind.PROPOSAL))}


def _not_permitted(_room: CallRoom) -> Json:
    raise RefusedError(403, NOT_PERMITTED)


def _add_sighting(room: CallRoom) -> Json:
    said, made = room.call.said("Sighting"), list[MispRecord]()
    for event, attributes in _sighted(room, said):
        records = [_sighting(event, attribute, said) for attribute in attributes]
        made += _offer(room, event, RecordKind.SIGHTING, records)
    if not made:
        raise RefusedError(403, "Could not add the sighting. Reason: No valid attributes found.", saved=False)
    return {"Sighting": show_sighting(made[-1], room.events.org)}


def _sighted(room: CallRoom, said: Json) -> Iterator[tuple[VisibleEvent, list[Json]]]:
    """The attributes that a sighting is of: one by its name, or all of a value."""
    name = room.call.argument() or str(said.get("uuid") or said.get("id") or "")
    if found := room.events.attribute(name) if name else None:
        yield found[0], [found[1]]
        return
    values = said.get("values") or [said.get("value")]
    wanted = [str(one) for one in values if one] if isinstance(values, list) else [str(values)]
    if not wanted:
        return
    query = read_query({"value": wanted}, room.call.now)
    for event, attributes, _ in room.events.search(query):
        kept = [one for one in attributes if query.allows_attribute(one) and not one["deleted"]]
        if kept:
            yield event, kept


def _sighting(event: VisibleEvent, attribute: Json, said: Json) -> NewRecord:
    type_ = str(said.get("type") or "0")
    content = {
        "attribute_id": attribute["id"], "attribute_uuid": attribute["uuid"], "event_id": event.shown["id"],
        "source": str(said.get("source") or "")[:200], "type": type_ if type_ in {"0", "1", "2"} else "0",
    }  # fmt: skip
    at = read_seconds(said.get("date_sighting") or said.get("timestamp"))
    return NewRecord(uuid4(), attribute["type"], attribute["value"], at, deleted=False, content=content)


def _save_sightings(room: CallRoom) -> Json:
    """The sightings of one event that a MISP pushes."""
    event = room.event()
    attributes, _ = room.events.parts(event)
    known = {one["uuid"]: one for one in attributes}
    records = list[NewRecord]()
    for one in room.call.data if isinstance(room.call.data, list) else []:
        said = one.get("Sighting", one) if isinstance(one, dict) else {}
        attribute = known.get(str(said.get("attribute_uuid", "")).lower())
        if attribute is not None:
            record = _sighting(event, attribute, said)
            record.uuid = read_uuid(said.get("uuid")) or record.uuid
            records.append(record)
    made = _offer(room, event, RecordKind.SIGHTING, records)
    return success(room.call, f"{len(made)} sightings added.")


def _sightings_to_push(room: CallRoom) -> list[str]:
    """Those that are not here."""
    data = room.call.data
    asked = [uuid for one in data if (uuid := read_uuid(one))] if isinstance(data, list) else []
    rows = room.store.rows(RecordKind.SIGHTING, MispRecord.uuid.in_(asked))
    here = {row.uuid for row in rows}
    return [str(uuid) for uuid in asked if uuid not in here]


def _sightings(room: CallRoom) -> list[Json]:
    asked = room.call.asked
    context = str(asked.get("context") or "")
    return [{"Sighting": one} for one in _found(room, context, str(asked.get("id") or room.call.argument()))]


def _search_sightings(room: CallRoom) -> Json:
    asked = room.call.asked
    found = _found(room, room.call.argument() or str(asked.get("context") or ""), str(asked.get("id") or ""))
    response = list[Json]()
    for one in found:
        more: Json = {}
        event = room.events.find(one["event_id"])
        if event is not None and flag(asked.get("includeEvent")):
            room.events.give(event)
            more["Event"] = event.shown
        attribute = room.events.attribute(one["attribute_id"]) if flag(asked.get("includeAttribute")) else None
        if attribute is not None:
            room.events.give(attribute[0])
            more["Attribute"] = attribute[1]
        response.append({"Sighting": {**one, **more}})
    return {"response": response}


def _found(room: CallRoom, context: str, name: str) -> list[Json]:
    asked, rows = room.call.asked, room.store.rows(RecordKind.SIGHTING, _KEPT)
    shown = [show_sighting(row, room.events.org) for row in rows]
    if name and context == "event":
        event = room.events.find(name)
        shown = [one for one in shown if event is not None and one["event_id"] == event.shown["id"]]
    elif name:
        shown = [one for one in shown if name.lower() in {one["attribute_id"], one["attribute_uuid"]}]
    for key in ("source", "type"):
        if asked.get(key) not in (None, ""):
            terms = read_terms(asked[key])
            shown = [one for one in shown if terms.allows([one[key]])]
    if asked.get("org_id") not in (
        None,
        "",
        str(room.events.org.number),
        room.events.org.number,
        str(room.events.org.uuid),
    ):
        return []
    if asked.get("last") not in (None, ""):
        times = read_times(asked["last"], room.call.now)
        shown = [one for one in shown if times.allows(one["date_sighting"])]
    return shown


def _delete_sighting(room: CallRoom) -> Json:
    row = room.record(RecordKind.SIGHTING)
    if row.deleted:
        raise RefusedError(404, "Invalid sighting.")
    row.deleted = True
    return success(room.call, "Sighting successfully deleted.")


WRITES: Final[dict[str, CallFunction]] = {
    "shadowattributes/add": _add_proposal,
    "shadowattributes/edit": _edit_proposal,
    "shadowattributes/delete": _delete_proposal,
    "shadowattributes/accept": _not_permitted,
    "shadowattributes/discard": _not_permitted,
    "sightings/add": _add_sighting,
    "sightings/bulksavesightings": _save_sightings,
    "sightings/delete": _delete_sighting,
}
READS: Final[dict[str, CallFunction]] = {
    "shadowattributes/index": _proposals,
    "shadowattributes/view": _view_proposal,
    "sightings/index": _sightings,
    "sightings/listsightings": _sightings,
    "sightings/restsearch": _search_sightings,
    "sightings/filtersightinguuidsforpush": _sightings_to_push,
}
