"""Observables as STIX objects: values put at their paths and taken from them, along references and lists."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from math import isfinite
from typing import Any, Final
from uuid import UUID, uuid5

from tocsin.exchange.formats.mapping import hash_types, listed, tables

Json = dict[str, Any]

_DEEPEST: Final = 8  # references from an object to the last one that is followed
_MOST_REFERENCES: Final = 500  # that are followed from one object
_OWN: Final = frozenset(
    "type id spec_version created modified created_by_ref object_marking_refs granular_markings labels defanged "
    "extension_type revoked confidence lang external_references kill_chain_phases is_multipart content_type "
    "content_disposition object_refs".split()
)
"""Properties that say nothing of what was observed."""

_FRAME: Final = frozenset({"type", "spec_version", "id"})
_MAC: Final = re.compile(r"(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")


def stix_time(when: datetime) -> str:
    """The time in UTC with milliseconds and Z."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def read_time(value: object) -> datetime | None:
    """The time of a text in RFC 3339; None: it is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if found is None else (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def referred_type(kind: str, value: str) -> str:
    """The type of the object that a reference leads to; that of an address or a name by its value."""
    if kind != "ip":
        return kind
    try:
        return f"ipv{ipaddress.ip_interface(value).version}-addr"
    except ValueError:
        return "mac-addr" if _MAC.fullmatch(value) else "domain-name"


def fits(path: str, value: str) -> bool:
    """Whether a value at a path ("email-message:from_ref.value") is one that STIX allows there."""
    type_, _, rest = path.partition(":")
    *way, last = rest.split(".")
    for part in way:
        if part.endswith(("_ref", "_refs")):
            type_ = referred_type(tables()["references"].get(part, ""), value if last == "value" else "")
    return _fits(type_, last, canonical(type_, last, value))


def canonical(type_: str, name: str, value: str) -> str:
    """The one way in which STIX writes a value: hives of registry keys in full, MAC addresses in small letters."""
    if type_ == "windows-registry-key" and name == "key":
        hive, slash, rest = value.partition("\\")
        return f"{tables()['hives'].get(hive, hive)}{slash}{rest}"
    if type_ == "mac-addr":
        return value.lower().replace("-", ":")
    return value


@cache
def _form(type_: str, name: str) -> re.Pattern[str] | None:
    forms = tables()["forms"]
    found = forms.get(f"{type_}:{name}", forms.get(name))
    return re.compile(found) if found else None


def _fits(type_: str, name: str, value: str) -> bool:
    form = _form(type_, name)
    text = value.upper().removeprefix("AS") if name == "number" else value
    return (form is None or form.fullmatch(text) is not None) and _typed(name, value) is not None


@dataclass(frozen=True, slots=True)
class _Step:
    """What a path leads to: the property, where this part is the last but one, its value, and ids for what is new."""

    last: str
    value: str
    seed: str
    uuid: str


class ObjectBuilder:
    """Objects made of values at paths; the first is the root. ``uuid``: that of the observable or group."""

    def __init__(self, type_: str, uuid: str) -> None:
        self._uuid = UUID(uuid)
        self.objects: list[Json] = []
        self._by_id: dict[str, Json] = {}
        self.root = self._object(type_, uuid)

    def put(self, path: str, value: str, uuid: str = "") -> bool:
        """Whether the value could be said at that path; ``uuid``: that of the attribute, for a new object."""
        *way, last = path.split(".")
        node = self.root
        if path == "value" and "value" in node:
            node = self._sibling(uuid)
        for place, part in enumerate(way):
            named = last if place == len(way) - 1 else ""
            reached = self._step(node, part, _Step(named, value, f"{path}\n{value}", uuid))
            if reached is None:
                return False
            node = reached
        return _set(node, way[-1] if way else "", last, value)

    def add_entry(self, path: str, values: Iterable[tuple[str, str]]) -> None:
        """An entry of a list at a path, as a section of a program; what it cannot say is said in a property of ours."""
        *way, last = path.split(".")
        node = self.root
        for part in way:
            node = node.setdefault(part, {})
        entry: Json = {}
        node.setdefault(last, []).append(entry)
        for name, value in values:
            *above, key = name.split(".")
            inner = entry.setdefault(above[0], {}) if above else entry
            if not _set(inner, above[0] if above else "", key, value):
                entry[f"x_misp_{key}"] = value

    def add_own(self, path: str, value: object) -> None:
        """A property of our own at a path; several values become a list."""
        *way, name = path.split(".")
        node = self.root
        for part in way:
            node = node.setdefault(part, {})
        if name in node:
            before = node[name] if isinstance(node[name], list) else [node[name]]
            node[name] = [*before, value]
        else:
            node[name] = value

    def finished(self) -> list[Json]:
        """The objects with what STIX asks of them; empty: it cannot be said in STIX."""
        for one in [*self.objects[1:], self.root]:
            _prune(one)
        empty = {one["id"] for one in self.objects[1:] if set(one) <= _FRAME}
        objects = [_without_references(one, empty) for one in self.objects if one["id"] not in empty]
        for one in objects:
            _complete(one)
        return objects if all(_is_whole(one) for one in objects) else []

    def _sibling(self, uuid: str) -> Json:
        """Another root with the same references: two names of the same addresses."""
        found = self._object(self.root["type"], uuid or str(uuid5(self._uuid, str(len(self.objects)))))
        found |= {name: ids for name, ids in self.root.items() if name.endswith("_refs")}
        return found

    def _step(self, node: Json, part: str, to: "_Step") -> Json | None:
        """The object or part that a part of a path leads to, made where it is not there yet."""
        if part.endswith("_ref"):
            if part not in node:
                node[part] = self._child(part, to)
            return self._by_id[node[part]]
        if part.endswith("_refs"):
            ids = node.setdefault(part, [])
            if to.last == "display_name":
                return next((self._by_id[one] for one in ids if _is_name_of(to.value, self._by_id[one])), None)
            ids.append(self._child(part, to))
            self._share(part, ids)
            return self._by_id[ids[-1]]
        if part in {"values", "body_multipart"}:
            members = node.setdefault(part, [])
            if not members or to.last in members[-1] or part == "body_multipart":
                members.append({})
            found: Json = members[-1]
            return found
        inner: Json = node.setdefault(part, {})
        return inner

    def _share(self, part: str, ids: list[str]) -> None:
        for one in self.objects:
            if one["type"] == self.root["type"] and part == "resolves_to_refs":
                one[part] = ids

    def _child(self, part: str, to: "_Step") -> str:
        type_ = referred_type(tables()["references"].get(part, ""), to.value if to.last == "value" else "")
        free = to.uuid and f"{type_}--{_version_4(to.uuid)}" not in self._by_id
        made = to.uuid if free else str(uuid5(self._uuid, to.seed))
        return str(self._object(type_, made)["id"])

    def _object(self, type_: str, uuid: str) -> Json:
        made: Json = {"type": type_, "spec_version": "2.1", "id": f"{type_}--{_version_4(uuid)}"}
        self.objects.append(made)
        self._by_id[made["id"]] = made
        return made


def flattened(objects: Mapping[str, Json], root: Json) -> Iterator[tuple[str, str]]:
    """(path, value) of all that an object says, along its references; each object at most once on a way."""
    yield from _walk(_Way(objects, iter(range(_MOST_REFERENCES))), root, "", (str(root.get("id", "")),))


@dataclass(frozen=True, slots=True)
class _Way:
    """The objects that references lead to, and the turns that are left: each of them may refer to all others."""

    objects: Mapping[str, Json]
    left: Iterator[int]

    def leads_to(self, id_: object, seen: tuple[str, ...]) -> bool:
        """Whether a reference is followed."""
        there = isinstance(id_, str) and id_ in self.objects and id_ not in seen and len(seen) < _DEEPEST
        return there and next(self.left, None) is not None


def _walk(on: _Way, node: Json, path: str, seen: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        here = f"{path}.{name}".lstrip(".")
        if name in _OWN:
            continue
        if name == "payload_bin":  # bytes are left out
            yield here, str(node.get("id", "")).partition("--")[2]
            continue
        if name == "hashes" and isinstance(value, dict):
            for key, digest in value.items():
                yield f"{here}.{hash_types().get(key.replace('-', '').upper(), key)}", str(digest)
        elif name == "content_ref" and on.leads_to(value, seen):
            yield from _content(on.objects[value], node, here)
        elif name.endswith(("_ref", "_refs")):
            for one in value if isinstance(value, list) else [value]:
                if on.leads_to(one, seen):
                    yield from _walk(on, on.objects[one], here, (*seen, one))
        else:
            yield from _values(on, value, here, seen)


def _values(on: _Way, value: Any, here: str, seen: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and "value" in value and set(value) <= {"value", "data"}:  # an attachment of MISP
        yield here, str(value["value"])
    elif isinstance(value, dict):
        yield from _walk(on, value, here, seen)
    elif isinstance(value, list):
        for one in value:
            yield from _values(on, one, here, seen)
    elif value is not None:
        yield here, str(value)


def _content(artifact: Json, file: Json, here: str) -> Iterator[tuple[str, str]]:
    """The name of a sample, and its MD5 where one is said, or where what is attached was; its bytes are left out."""
    name = str(artifact.get("x_misp_filename") or file.get("name") or "")
    md5 = artifact.get("hashes", {}).get("MD5") if isinstance(artifact.get("hashes"), dict) else None
    if name and artifact.get("encryption_algorithm") and md5:
        yield here, f"{name}|{md5}"
    elif artifact.get("url"):
        yield f"{here}.url", str(artifact["url"])
    elif artifact.get("x_misp_filename") and not artifact.get("encryption_algorithm"):
        yield "x_misp_attachment", name


def reached(objects: Mapping[str, Json], there: Sequence[Json]) -> dict[str, Json]:
    """The objects, with those that they refer to, and so on."""
    found = {one["id"]: one for one in there}
    waiting = [*there]
    while waiting:
        for _, target in references_in(waiting.pop()):
            if target in objects and target not in found:
                found[target] = objects[target]
                waiting.append(objects[target])
    return found


def referred(objects: Mapping[str, Json], there: Iterable[Json]) -> set[str]:
    """The ids that others of these objects refer to; of a circle the first stays."""
    found: set[str] = set()
    for one in there:
        if one["id"] not in found:
            found |= {target for _, target in references_in(one) if target in objects and target != one["id"]}
    return found


def references_in(node: object) -> Iterator[tuple[str, str]]:
    """(property, id) of all references in an object."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name.endswith(("_ref", "_refs")):
                ids = value if isinstance(value, list) else [value]
                yield from ((name, one) for one in ids if isinstance(one, str))
            else:
                yield from references_in(value)
    elif isinstance(node, list):
        for one in node:
            yield from references_in(one)


def _version_4(uuid: str) -> str:
    """The UUID, as version 4 where we derived it: version 5 is for ids made of STIX's own properties (section 2.9)."""
    made = UUID(uuid)
    return str(UUID(bytes=made.bytes, version=4)) if made.version == 5 else str(made)


def _set(node: Json, above: str, name: str, value: str) -> bool:
    type_ = str(node.get("type", ""))
    value = canonical(type_, name, value)
    if not _fits(type_, name, value):
        return False
    if above == "request_header":
        node.setdefault(name, []).append(value)
        return True
    if above == "hashes":
        node[tables()["hashes"].get(name, name).split()[-1]] = value
        return True
    said = _typed(name, value)
    if said is None:
        return False
    if name in listed("names"):
        members = node.setdefault(name, [])
        members.append(said)
    elif name in node:
        return False
    else:
        node[name] = said
    return True


def _typed(name: str, value: str) -> object:
    """The value as STIX has it; None: it is none of that kind."""
    if name in listed("numbers"):
        digits = value.upper().removeprefix("AS").strip()
        return int(digits) if digits.isdecimal() and len(digits) < 20 else None
    if name in listed("floats"):
        return _float(value)
    if name in listed("flags"):
        return value.lower() in {"true", "1", "listening"}
    if name == "protocols":
        return value.lower()
    if name in listed("times"):
        when = read_time(value)
        return stix_time(when).replace(".000Z", "Z") if when else None
    return value


def _float(value: str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return found if isfinite(found) else None


def _is_whole(one: Json) -> bool:
    """Whether an object has one of the things that STIX asks of its type."""
    choices = tables()["required"].get(one["type"], "type").split()
    return any(set(choice.split("+")) <= set(one) for choice in choices)


def _prune(node: Any) -> None:
    """Takes out the parts in which nothing could be said."""
    if isinstance(node, list):
        for one in node:
            _prune(one)
        node[:] = [one for one in node if one not in ({}, [])]
    elif isinstance(node, dict):
        for name, value in [*node.items()]:
            _prune(value)
            if value in ({}, []):
                del node[name]


def _without_references(one: Json, ids: set[str]) -> Json:
    """The object without references to others that say nothing."""
    made = {
        name: [id_ for id_ in value if id_ not in ids] if name.endswith("_refs") else value
        for name, value in one.items()
        if not (name.endswith("_ref") and value in ids)
    }
    return {name: value for name, value in made.items() if value != []}


def _complete(one: Json) -> None:
    """What STIX asks for beside the values."""
    for name, part in one.get("extensions", {}).items():
        if text := tables()["defaults"].get(name):
            key, _, value = text.partition("=")
            part.setdefault(key, value)
        for section in part.get("sections", []):
            section.setdefault("name", "")
    if one["type"] == "network-traffic":
        # MISP names no protocol where STIX asks for one; its own converter says tcp.
        protocols = one.setdefault("protocols", ["tcp"])
        if "tcp-ext" in one.get("extensions", {}) and "tcp" not in protocols:
            protocols.insert(0, "tcp")
    elif one["type"] == "email-message":
        parts = one.get("body_multipart")
        if parts and "body" in one:
            parts.insert(0, {"body": one.pop("body"), "content_type": "text/plain"})
        for part in parts or []:
            part.setdefault("content_disposition", "attachment") if "body_raw_ref" in part else None
        one["is_multipart"] = bool(parts)


def _is_name_of(name: str, address: Json) -> bool:
    """Whether an address has a word of the name in it, or its initials; MISP does not say which name is whose."""
    text = str(address.get("value", "")).lower()
    words = name.lower().split()
    initials = "".join(word[0] for word in words)
    return "display_name" not in address and (
        any(word in text for word in words if len(word) > 1) or text.startswith(initials)
    )
