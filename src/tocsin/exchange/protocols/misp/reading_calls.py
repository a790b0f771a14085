"""Calls by which a partner's program reads: who and what this server is, events, attributes, organisations."""

from typing import Any, Final

from tocsin.exchange.formats import categories
from tocsin.exchange.ledger import MispRecord, RecordKind
from tocsin.exchange.protocols import TokenScope
from tocsin.exchange.protocols.misp.calls import CallFunction, CallRoom, EventAnswer, Json
from tocsin.exchange.protocols.misp.queries import read_deleted, read_query, sorted_events, tag_names
from tocsin.exchange.protocols.misp.shapes import flag, read_seconds, read_uuid, show_attribute, show_object
from tocsin.exchange.protocols.misp.store import RefusedError
from tocsin.exchange.protocols.misp.visible_events import VisibleEvent, by_object, finds_attribute, finds_event

VERSION: Final = "2.5.34"
"""The version of MISP whose calls these are: by its number clients switch what they send on and off."""

_TYPES_OF_INDICATORS: Final = {"Network activity", "Payload delivery", "Artifacts dropped", "Persistence mechanism"}
_TEXT_TYPES: Final = ("comment", "other", "text")


def _version(room: CallRoom) -> Json:
    writes = TokenScope.POST in room.call.caller.scopes
    return {
        "version": VERSION, "pymisp_recommended_version": VERSION, "perm_sync": writes, "perm_sighting": writes,
        "perm_galaxy_editor": False, "perm_analyst_data": False, "request_encoding": [], "filter_sightings": True,
        "uuid": str(room.events.us.uuid),
    }  # fmt: skip


def _post_test(room: CallRoom) -> Json:
    data = room.call.data
    return {"body": data if isinstance(data, dict) else {}, "headers": {"Content-type": "application/json"}}


def _user(room: CallRoom) -> Json:
    """The caller. Raises RefusedError where another is asked for."""
    if room.call.argument() not in {"me", "", str(room.events.org.number)}:
        raise RefusedError(403, "You do not have permission to use this functionality.")
    writes, org = TokenScope.POST in room.call.caller.scopes, room.events.org
    user = {
        "id": str(org.number), "org_id": str(org.number), "email": room.call.caller.name, "role_id": "1",
        "autoalert": False, "disabled": False, "termsaccepted": True, "change_pw": False, "authkey": "",
    }  # fmt: skip
    can = ("perm_add", "perm_modify", "perm_sync", "perm_sighting", "perm_tagger", "perm_auth")
    cannot = (
        "perm_admin", "perm_site_admin", "perm_publish", "perm_publish_zmq", "perm_galaxy_editor", "perm_sharing_group",
        "perm_analyst_data", "perm_audit", "perm_delegate", "perm_tag_editor", "perm_template", "perm_decaying",
        "perm_regexp_access", "perm_object_template", "perm_warninglist", "perm_view_feed_correlations",
        "perm_modify_org",
    )  # fmt: skip
    role = {**dict.fromkeys(can, writes), **dict.fromkeys(cannot, False), "perm_auth": True}
    return {
        "User": user, "Role": {"id": "1", "name": "partner", **role}, "UserSetting": [], "Organisation": org.shown
    }  # fmt: skip


def _describe_types(_room: CallRoom) -> Json:
    known = categories()
    sane = {
        one: {"default_category": name, "to_ids": int(name in _TYPES_OF_INDICATORS)}
        for name, some in known.items()
        for one in some
    }
    sane |= {one: {"default_category": "Other", "to_ids": 0} for one in _TEXT_TYPES}
    mappings = {name: [*some, *_TEXT_TYPES] for name, some in known.items()}
    return {
        "result": {
            "sane_defaults": sane, "types": sorted(sane), "categories": [*known], "category_type_mappings": mappings
        }
    }  # fmt: skip


def _view_event(room: CallRoom) -> EventAnswer:
    found = room.event()
    room.events.give(found)
    asked = room.call.asked
    return EventAnswer(
        found.shown["uuid"], read_deleted(asked.get("deleted"), also=True), not flag(asked.get("noSightings"))
    )


def _index(room: CallRoom) -> Any:
    """Events without their parts, in the order and page that is asked for.

    Raises RefusedError while this node sends nothing: a list without incidents would say that they are gone.
    """
    if room.events.stopped and TokenScope.READ in room.call.caller.scopes:
        raise RefusedError(503, "This node sends nothing now.")
    asked = room.call.asked
    query = read_query({**asked, "from": asked.get("datefrom"), "to": asked.get("dateuntil")}, room.call.now)
    since = query.timestamp.first if query.timestamp else None
    found: dict[str, VisibleEvent] = {}
    for one in room.events.all(since=since):
        shown = one.shown
        in_time = query.timestamp is None or query.timestamp.allows(shown["timestamp"])
        if in_time and query.allows_event(shown) and query.tags.allows(tag_names(shown)):
            found[shown["uuid"]] = one
    rows = query.paged(sorted_events([one.shown for one in found.values()], asked))
    for row in rows:
        room.events.give(found[row["uuid"]])
    if flag(asked.get("minimal")):
        names = ("id", "uuid", "timestamp", "published")
        return [
            {**{name: row[name] for name in names}, "sighting_timestamp": "0", "orgc_uuid": row["Orgc"]["uuid"]}
            for row in rows
        ]
    hidden = {"EventReport", "RelatedEvent", "CryptographicKey", "Galaxy", "Tag"}
    return [
        {**{name: one for name, one in row.items() if name not in hidden}, "GalaxyCluster": [],
         "EventTag": [{"event_id": row["id"], "tag_id": tag["id"], "Tag": tag} for tag in row["Tag"]]}
        for row in rows
    ]  # fmt: skip


def _check_format(room: CallRoom) -> None:
    if str(room.call.asked.get("returnFormat", "json")).lower() != "json":
        raise RefusedError(403, "Only JSON is returned here.")


def _search_events(room: CallRoom) -> Json:
    _check_format(room)
    query, found = read_query(room.call.asked, room.call.now), list[Json]()
    bare, last = flag(room.call.asked.get("metadata")), query.page * query.limit
    for one, attributes, objects in room.events.search(query):
        if finds_event(query, one.shown, attributes):
            kept = ([], []) if bare else (attributes, objects)
            wanted = last - query.limit <= len(found)
            found.append({"Event": room.events.whole(one, query, *kept) if wanted else {}})
            if len(found) >= last:
                break
    return {"response": query.paged(found)}


def _search_attributes(room: CallRoom) -> Json:
    _check_format(room)
    query, asked, found = read_query(room.call.asked, room.call.now), room.call.asked, list[Json]()
    for one, attributes, _ in room.events.search(query):
        kept = [part for part in attributes if finds_attribute(query, one.shown, part)]
        if not kept:
            continue
        room.events.give(one)
        names = ("id", "org_id", "orgc_id", "info", "uuid", "distribution", "date", "published", "timestamp")
        of = {name: one.shown[name] for name in names}
        tags = one.shown["Tag"] if flag(asked.get("includeEventTags")) else []
        found += [{**part, "event_uuid": one.shown["uuid"], "Tag": [*part["Tag"], *tags], "Event": of} for part in kept]
        if len(found) >= query.page * query.limit:
            break
    return {"response": {"Attribute": query.paged(found)}}


def _search_objects(room: CallRoom) -> Json:
    _check_format(room)
    query, found = read_query(room.call.asked, room.call.now), list[Json]()
    for _, attributes, objects in room.events.search(query):
        kept = by_object(each for each in attributes if query.shows(each))
        for part in objects:
            inner = kept.get(part["id"], [])
            named = query.object_name.allows([part["name"]]) and part["deleted"] in query.deleted
            if named and (not query.of_attributes or any(map(query.allows_attribute, inner))):
                found.append({"Object": {**part, "Attribute": inner}})
    return {"response": query.paged(found)}


def _view_attribute(room: CallRoom) -> Json:
    event, found = room.attribute()
    room.events.give(event)
    return {"Attribute": {**found, "event_uuid": event.shown["uuid"]}}


def _attributes(room: CallRoom) -> list[Json]:
    """All attributes of all events."""
    query = read_query({}, room.call.now)
    found = list[Json]()
    for one, attributes, _ in room.events.search(query):
        room.events.give(one)
        found += [part for part in attributes if not part["deleted"]]
    return found


def _view_object(room: CallRoom) -> Json:
    return {"Object": shown_object(room, room.record(RecordKind.OBJECT))}


def shown_object(room: CallRoom, row: MispRecord) -> Json:
    """An object with its attributes; those that were deleted only where it was, too."""
    inner = room.store.rows(RecordKind.ATTRIBUTE, MispRecord.object_id == row.id)
    return show_object(row, (show_attribute(one) for one in inner if row.deleted or not one.deleted))


def _ids_to_push(room: CallRoom) -> list[str]:
    """Of the events that a MISP would push, those that it should: they are new, or newer than what is here."""
    data, found = room.call.data, list[str]()
    for one in data if isinstance(data, list) else []:
        event = one.get("Event", one) if isinstance(one, dict) else None
        uuid = read_uuid(event.get("uuid")) if isinstance(event, dict) else None
        if uuid is None or event is None:
            continue
        here = room.store.find(RecordKind.EVENT, str(uuid))
        if here is None or here.timestamp < (read_seconds(event.get("timestamp")) or 0):
            found.append(str(uuid))
    return found


def _organisations(room: CallRoom) -> list[Json]:
    return [{"Organisation": one.shown} for one in (room.events.us, room.events.org)]


def _organisation(room: CallRoom) -> Json:
    name = room.call.argument().lower()
    for one in (room.events.us, room.events.org):
        if name in {str(one.number), str(one.uuid), one.name.lower()}:
            return {"Organisation": one.shown}
    raise RefusedError(404, "Invalid organisation")


def _nothing(_room: CallRoom) -> Json:
    return {"response": []}


READS: Final[dict[str, CallFunction]] = {
    "servers/getversion": _version,
    "servers/getpymispversion": lambda _: {"version": VERSION},
    "servers/posttest": _post_test,
    "users/view": _user,
    "attributes/describetypes": _describe_types,
    "events/view": _view_event,
    "events/index": _index,
    "events/restsearch": _search_events,
    "events/filtereventidsforpush": _ids_to_push,
    "attributes/restsearch": _search_attributes,
    "attributes/view": _view_attribute,
    "attributes/index": _attributes,
    "objects/restsearch": _search_objects,
    "objects/view": _view_object,
    "organisations/index": _organisations,
    "organisations/view": _organisation,
    "galaxyclusters/restsearch": _nothing,
    "tags/index": lambda _: {"Tag": []},
}
