"""The structure of a MISP event, as draft-dulaunoy-misp-core-format (section 2) says; tolerant where the field is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.mapping import attribute_paths, tables

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_FAULTS: Final = 200
_CHOICES: Final = {"threat_level_id": "1234", "analysis": "012", "distribution": "012345"}
_KINDS: Final = ("Event", "Object", "Attribute")
_LISTS: Final = {"Attribute", "Object", "Tag", "Galaxy", "EventReport", "Sighting", "ShadowAttribute", "RelatedEvent"}
_FLAGS: Final = ("published", "to_ids", "deleted", "locked", "disable_correlation", "proposal_email_lock")
_KNOWN: Final = frozenset(
    """
    id uuid info date threat_level_id analysis distribution sharing_group_id published timestamp publish_timestamp
    sighting_timestamp org_id orgc_id Org Orgc SharingGroup attribute_count proposal_email_lock locked
    disable_correlation extends_uuid event_creator_email protected CryptographicKey Feed EventReport Attribute Object
    ShadowAttribute RelatedEvent Galaxy Tag Sighting Note Opinion Relationship date_added
    """.split()
)


def things_of(document: object) -> Iterator[tuple[str, str, Any]]:
    """(path, kind, thing): each event, and each attribute or object that is alone; without a kind it is none of them.

    Alone, wrapped in its kind, in a list or in an answer of the API, as the field writes them.
    """
    path = "response" if isinstance(document, dict) and isinstance(document.get("response"), list | dict) else ""
    yield from _things(path, document["response"] if path and isinstance(document, dict) else document)


def _things(path: str, answer: object) -> Iterator[tuple[str, str, Any]]:
    if isinstance(answer, list):
        for number, one in enumerate(answer):
            yield from _things(f"{path}[{number}]", one) if isinstance(one, dict) else [(f"{path}[{number}]", "", one)]
        return
    kind = _kind(answer)
    wrapped = [name for name in _KINDS if isinstance(answer, dict) and isinstance(answer.get(name), dict)]
    if not isinstance(answer, dict):
        yield path, "", answer
    elif answer and set(answer) <= {"Attribute", "Object"}:  # the answer of a search
        for name, found in answer.items():
            for number, one in enumerate(found) if isinstance(found, list) else [(-1, found)]:
                yield (
                    _at(path, name) + (f"[{number}]" if number >= 0 else ""),
                    name if isinstance(one, dict) else "",
                    one,
                )
    elif wrapped and kind in {"", "Event"} and "info" not in answer:
        yield _at(path, wrapped[0]), wrapped[0], answer[wrapped[0]]
    else:
        yield path, kind, answer


def _kind(one: Any) -> str:
    """What a thing is that no name is written around."""
    if not isinstance(one, dict):
        return ""
    if "info" not in one and "type" in one and "value" in one:
        return "Attribute"
    if "info" not in one and "meta-category" in one:
        return "Object"
    return "Event" if any(name in one for name in ("info", "Attribute", "Object")) else ""


def event_around(kind: str, thing: Any) -> Any:
    """The event that a thing is, or one around an attribute or an object that is alone."""
    return thing if kind not in {"Attribute", "Object"} else {"info": f"{kind} without its event", kind: [thing]}


def events_around(things: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Attributes and objects that a search found, in the events that they name; in one where they name none.

    What an event forbids holds for each part of it, so what they say of their event counts.
    """
    events: dict[str, dict[str, Any]] = {}
    for kind, thing in things:
        of = thing["Event"] if isinstance(thing.get("Event"), dict) else {}
        said = {name: value for name, value in of.items() if name not in {"Attribute", "Object"}}
        event = events.setdefault(
            str(of.get("uuid") or of.get("id") or ""),
            {"info": "Attributes and objects without their event", **said, "Attribute": [], "Object": []},
        )
        event[kind].append(thing)
    return [*events.values()]


def check_event(place: str, event: object) -> Verdict:
    """What is wrong with one event."""
    if not isinstance(event, dict):
        return Verdict("", valid=False, faults=(Fault(place, "", "An event is an object."),))
    faults = [fault for _, fault in zip(range(_MOST_FAULTS), _faults(place, event), strict=False)]
    objects = len(_all(event, "Attribute")) + len(_all(event, "Object"))
    return Verdict("", not faults, tuple(faults), objects, tuple(_not_understood(event)))


def _faults(place: str, event: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(event.get("info"), str) or not event["info"].strip():
        yield Fault(_at(place, "info"), "2.2.1.2", "An event has a title, as text.")
    if not any(name in event for name in ("date", "timestamp", "uuid", "Attribute", "Object")):
        yield Fault(place, "2.2.1", "It is no event: it has neither date, time, uuid, attributes nor objects.")
    if "date" in event and not (isinstance(event["date"], str) and _DATE.fullmatch(event["date"])):
        yield Fault(_at(place, "date"), "2.2.1.6", "A date is written as 2026-11-28.")
    yield from _common(place, event)
    for number, attribute in enumerate(_all(event, "Attribute")):
        yield from _attribute(_at(place, f"Attribute[{number}]"), attribute)
    for number, thing in enumerate(_all(event, "Object")):
        yield from _object(_at(place, f"Object[{number}]"), thing)


def _common(place: str, thing: Mapping[str, Any]) -> Iterator[Fault]:
    """What holds for events, attributes and objects alike."""
    yield from _values(place, thing)
    if (
        str(thing.get("distribution")) == "4"
        and str(thing.get("sharing_group_id") or "0") == "0"
        and not thing.get("SharingGroup")
    ):
        yield Fault(_at(place, "sharing_group_id"), "2.2.1.15", "Distribution 4 names a sharing group.")
    for name in _LISTS & set(thing):
        found = thing[name]
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            yield Fault(_at(place, name), "2.2", f"{name} is a list of objects.")
    for number, tag in enumerate(_all(thing, "Tag")):
        if not isinstance(tag.get("name"), str) or not tag["name"]:
            yield Fault(_at(place, f"Tag[{number}].name"), "2.7.1", "A tag has a name.")


def _values(place: str, thing: Mapping[str, Any]) -> Iterator[Fault]:
    if thing.get("uuid") not in (None, "") and not _is_uuid(thing["uuid"]):
        yield Fault(_at(place, "uuid"), "2.2.1.1", f"{str(thing['uuid'])[:60]!r} is no UUID.")
    for name, allowed in _CHOICES.items():
        if thing.get(name) is not None and str(thing[name]) not in tuple(allowed):
            yield Fault(_at(place, name), "2.2.1", f"{name} is one of {', '.join(allowed)}.")
    for name in ("timestamp", "publish_timestamp"):
        if thing.get(name) not in (None, "") and not re.fullmatch(r"\d{1,12}", str(thing[name])):
            yield Fault(_at(place, name), "2.2.1.7", "A time is a number of seconds since 1970.")
    for name in _FLAGS:
        if name in thing and thing[name] not in (True, False, 0, 1, "0", "1", None):
            yield Fault(_at(place, name), "2.2.1", f"{name} is true or false.")


def _attribute(place: str, attribute: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _common(place, attribute)
    type_, value = attribute.get("type"), attribute.get("value")
    if not isinstance(type_, str) or not type_:
        yield Fault(_at(place, "type"), "2.4.2.3", "An attribute has a type, as text.")
        return
    if value is None or isinstance(value, dict | list | bool) or not str(value).strip():
        if not attribute.get("data"):
            yield Fault(_at(place, "value"), "2.4.2.14", "An attribute has a value.")
        return
    category = attribute.get("category")
    if category is not None and not (isinstance(category, str) and category in tables()["categories"]):
        yield Fault(_at(place, "category"), "2.4.2.4", f"{str(category)[:60]!r} is no category of MISP.")
    parts = len(attribute_paths(type_))
    if "|" in type_ and parts > 1 and "|" not in str(value):
        yield Fault(_at(place, "value"), "2.4.2.14", f"The value of a {type_} has two parts, with | between them.")


def _object(place: str, thing: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _common(place, thing)
    if not isinstance(thing.get("name"), str) or not thing["name"]:
        yield Fault(_at(place, "name"), "2.5.2.3", "An object has a name, that of its template.")
    for number, attribute in enumerate(_all(thing, "Attribute")):
        inner = _at(place, f"Attribute[{number}]")
        yield from _attribute(inner, attribute)
        if not isinstance(attribute.get("object_relation"), str) or not attribute["object_relation"]:
            yield Fault(_at(inner, "object_relation"), "2.4.2.15", "An attribute of an object has a relation.")
    for number, reference in enumerate(_all(thing, "ObjectReference")):
        if not _is_uuid(reference.get("referenced_uuid")):
            yield Fault(_at(place, f"ObjectReference[{number}]"), "2.6.2", "A reference names a UUID.")


def _not_understood(event: Mapping[str, Any]) -> Iterator[str]:
    yield from sorted(str(name) for name in set(event) - _KNOWN)
    if event.get("ShadowAttribute") or any(one.get("ShadowAttribute") for one in _all(event, "Attribute")):
        yield "ShadowAttribute"
    if event.get("RelatedEvent"):
        yield "RelatedEvent"


def _all(thing: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = thing.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _at(place: str, name: str) -> str:
    return f"{place}.{name}".lstrip(".")
