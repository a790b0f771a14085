"""IDEA (https://idea.cesnet.cz): an alert is an event, its sources and targets are observables with their ports.

Files in it are described and never kept. What IDEA has no word for stands in ``_Tocsin``, an extension as IDEA
allows them. An alert that names ``Abusive.Child`` is refused and nothing of it is said.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

from tocsin.events.redaction import ABUSE, BUILT_IN
from tocsin.events.sources import CATEGORIES, networks_between, type_of_category
from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.json_documents import read_documents, write_json
from tocsin.exchange.formats.markings import Markings, narrowed, read_label, stricter
from tocsin.exchange.formats.model import Collection, Observable, ObservableGroup, Source
from tocsin.exchange.formats.vocabulary import (
    all_markings,
    as_text,
    details_left,
    event_time,
    incident_types,
    marking_words,
    read_marking_words,
    read_time,
    rsit_label,
    uuid_of,
)
from tocsin.networks import parse_network
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Tlp

MOST_FAULTS: Final = 100  # of one alert
MOST_OBSERVABLES: Final = 10_000  # of one alert: ports times addresses

_LABEL: Final = "idea:"
_OWN: Final = "_Tocsin"
_LONGEST: Final = 200  # characters of a reason
_FORMATS: Final = FormatChecker(formats=())

# A key of a source or target, the type of the observable there, and of it with a port.
_SIDES: Final = {
    "Source": {"IP": "ip-src", "Hostname": "hostname", "URL": "url", "Email": "email-src", "ASN": "AS"},
    "Target": {"IP": "ip-dst", "Hostname": "hostname", "URL": "url", "Email": "email-dst", "ASN": "AS"},
}
_FLAGS: Final = ("Spoofed", "Imprecise", "Anonymised")
_HASHES: Final = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}  # hexadecimal digits
_READ: Final = {
    "": {"Format", "ID", "CreateTime", "DetectTime", "EventTime", "CeaseTime", "WinStartTime", "WinEndTime"}
    | {"Category", "Confidence", "Description", "Note", "TLP", "Source", "Target", "Attach", "Node", _OWN},
    "Source": {"IP", "IP4", "IP6", "Hostname", "URL", "Email", "ASN", "MAC", "Port", "Type", *_FLAGS},
    "Target": {"IP", "IP4", "IP6", "Hostname", "URL", "Email", "ASN", "MAC", "Port", "Type", *_FLAGS},
    "Attach": {"FileName", "Hash", "Size", "ContentType"},
    "Node": {"Name"},
}
_BY_TYPE: Final = {
    **{kind: category for category, kind in reversed(CATEGORIES.items())},
    "other": "Other",
    "undetermined": "Other",
    "malware-distribution": "Malware",
    "c2-server": "Intrusion.Botnet",
}
_WRITTEN: Final = {
    "ip-src": ("Source", "IP"),
    "ip-dst": ("Target", "IP"),
    "domain": ("Source", "Hostname"),
    "hostname": ("Source", "Hostname"),
    "url": ("Source", "URL"),
    "uri": ("Source", "URL"),
    "email": ("Source", "Email"),
    "email-src": ("Source", "Email"),
    "email-dst": ("Target", "Email"),
    "AS": ("Source", "ASN"),
    "mac-address": ("Source", "MAC"),
}


def check(data: bytes) -> Iterator[Verdict]:
    """A verdict for each alert, by the definition; ``not_understood``: keys that it does not have, and extensions."""
    for place, alert in read_documents(data):
        if isinstance(alert, InputError):
            yield Verdict("", valid=False, faults=(Fault(place, "", str(alert)),))
        elif isinstance(alert, dict) and BUILT_IN.class_of(alert):
            yield Verdict("", valid=False, faults=(Fault(place, "", ABUSE),))
        else:
            faults = tuple(_faults(alert, place))
            version = str(alert.get("Format") or "")[:20] if isinstance(alert, dict) else ""
            unknown = tuple(_not_in(alert, _known())) if isinstance(alert, dict) else ()
            yield Verdict(version, not faults, faults, int(isinstance(alert, dict)), unknown)


def read(data: bytes) -> Collection:
    """The alerts of a file.

    Raises:
        InputError: one cannot be read, is no alert, or must never be held.

    """
    events = tuple(_event(alert) for _, alert in read_documents(data))
    return events[0] if len(events) == 1 else Collection(parts=events)


def write(collection: Collection) -> tuple[bytes, tuple[str, ...]]:
    """An alert for each event: one by itself, several as an array.

    Raises:
        InputError: IDEA asks for a time, and there is none.

    """
    unsaid: list[str] = []
    alerts = [_alert(event, unsaid) for event in collection.events]
    return write_json(alerts[0] if len(alerts) == 1 else alerts), tuple(dict.fromkeys(unsaid))


@cache
def _validator() -> Draft202012Validator:
    text = (files(__package__) / "schemas" / "idea.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text), format_checker=_FORMATS)


@cache
def _known() -> Mapping[str, set[str]]:
    schema: Any = _validator().schema
    ends = {"Source": "end", "Target": "end", "Attach": "attachment", "Node": "node"}
    return {"": set(schema["properties"])} | {name: set(schema["$defs"][of]["properties"]) for name, of in ends.items()}


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value.upper().replace(" ", "T") and read_time(value) is not None)


def _is_ip4(value: object) -> bool:
    return not isinstance(value, str) or ("." in value and ":" not in value and _is_network(value))


def _is_ip6(value: object) -> bool:
    return not isinstance(value, str) or (":" in value and _is_network(value))


def _is_network(value: str) -> bool:
    """An address, a network, or a range ``a-b``."""
    networks = networks_between(value)
    return networks != [value] or parse_network(value) is not None


for _name, _is_right in (("idea-time", _is_time), ("idea-ip4", _is_ip4), ("idea-ip6", _is_ip6)):
    _FORMATS.checks(_name)(_is_right)


def _faults(alert: Any, place: str) -> Iterator[Fault]:
    if not isinstance(alert, dict):
        yield Fault(place, "", "It is no IDEA alert: no JSON object.")
        return
    for error in islice(_validator().iter_errors(alert), MOST_FAULTS):
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        reason = error.message if len(error.message) <= _LONGEST else error.message[: _LONGEST - 1] + "…"
        path = "".join((place, *steps)).removeprefix(".")
        yield Fault(path, "", reason)


def _not_in(alert: Mapping[str, Any], known: Mapping[str, set[str]]) -> Iterator[str]:
    """The paths of all keys that a table does not have, each once."""
    names = [name for name in alert if name not in known[""]]
    for part in ("Source", "Target", "Attach", "Node"):
        names += [f"{part}[].{name}" for one in _objects(alert.get(part)) for name in one if name not in known[part]]
    yield from dict.fromkeys(names)


def _event(alert: Any) -> Collection:
    if isinstance(alert, InputError):
        raise alert
    if not isinstance(alert, dict) or "Category" not in alert:
        raise InputError("It is no IDEA alert: it has no Category.")
    if BUILT_IN.class_of(alert):
        raise InputError(ABUSE)
    categories = list(_texts(alert.get("Category")))
    types = dict.fromkeys(map(type_of_category, categories))
    first, last = (("EventTime", "CeaseTime"), ("WinStartTime", "WinEndTime"))["EventTime" not in alert]
    nodes = [as_text(one.get("Name")) for one in _objects(alert.get("Node"))]
    kept = {**alert, "Attach": [_without_content(one) for one in _objects(alert.get("Attach"))]}
    confidence = alert.get("Confidence")
    percent = round(confidence * 100) if isinstance(confidence, int | float) and 0 <= confidence <= 1 else None
    return Collection(
        title=as_text(alert.get("Description")) or ", ".join(categories),
        id=uuid_of(as_text(alert.get("ID"))),
        description=as_text(alert.get("Note")),
        time=read_time(alert.get("DetectTime")),
        published=read_time(alert.get("CreateTime")),
        first_seen=read_time(alert.get(first)),
        last_seen=read_time(alert.get(last)),
        source=Source(nodes[0]) if nodes else None,
        markings=_markings(alert),
        labels=(*(_LABEL + one for one in categories), *filter(None, map(rsit_label, types))),
        observables=tuple(
            replace(one, confidence=percent) for side in _SIDES for one in _observables(alert.get(side), side)
        ),
        groups=tuple(filter(None, map(_file, _objects(alert.get("Attach"))))),
        not_understood=tuple(_not_in(alert, _READ)),
        original=("idea", kept if alert.get("Attach") else alert),
    )


def _markings(alert: Mapping[str, Any]) -> Markings:
    own = alert.get(_OWN)
    words = list(_texts(own.get("Markings"))) if isinstance(own, dict) else []
    label = read_label(f"tlp:{as_text(alert['TLP']).lower().removeprefix('tlp:')}") if alert.get("TLP") else None
    return stricter(*filter(None, [label, read_marking_words(words)]))


def _observables(ends: Any, side: str) -> Iterator[Observable]:
    """The observables of the sources or of the targets."""
    for end in _objects(ends):
        labels = tuple(_LABEL + one for one in (*_texts(end.get("Type")), *filter(end.get, _FLAGS)))
        comment = ", ".join((*(["Target"] if side == "Target" else []), *_texts(end.get("Note"))))
        for kind, value in islice(_values(end, _SIDES[side]), MOST_OBSERVABLES):
            yield Observable(kind, value, labels=labels, comment=comment)


def _values(end: Mapping[str, Any], types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Type and value of each observable; each address or host with each port."""
    ports = list(_texts(end.get("Port")))
    addresses = (one for key in ("IP4", "IP6", "IP") for text in _texts(end.get(key)) for one in networks_between(text))
    for kind, found in ((types["IP"], addresses), (types["Hostname"], _texts(end.get("Hostname")))):
        values = list(islice(found, MOST_OBSERVABLES))
        yield from ((f"{kind}|port", f"{one}|{port}") for one in values for port in ports)
        yield from ((kind, one) for one in values if not ports)
    for key in ("URL", "Email", "ASN"):
        yield from ((types[key], one) for one in _texts(end.get(key)))
    yield from (("mac-address", one) for one in _texts(end.get("MAC")))


def _file(attached: Mapping[str, Any]) -> ObservableGroup | None:
    """What describes a file."""
    hashes = (text.partition(":") for text in _texts(attached.get("Hash")))
    found = [Observable("filename", one, relation="filename") for one in _texts(attached.get("FileName"))]
    for kind, _, value in hashes:
        right = _HASHES.get(kind.lower()) == len(value)
        name = kind.lower() if right else "text"
        found.append(Observable(name, value.lower() if right else f"{kind}:{value}", relation=name))
    for key, kind, relation in (("Size", "size-in-bytes", "size-in-bytes"), ("ContentType", "mime-type", "mimetype")):
        found += [Observable(kind, one, relation=relation) for one in _texts(attached.get(key))]
    return ObservableGroup("file", tuple(found), category="file") if found else None


def _without_content(attached: Mapping[str, Any]) -> dict[str, Any]:
    """Only what describes it, by the keys of the definition: a file hides under any other name."""
    known = _known()["Attach"] - {"Content", "Note"}
    return {name: value for name, value in attached.items() if name in known}


def _alert(event: Collection, unsaid: list[str]) -> dict[str, Any]:
    markings = all_markings(event)
    if event.original and event.original[0] == "idea":
        return (
            {**event.original[1], **_said(markings)} if markings != _markings(event.original[1]) else event.original[1]
        )
    time = event_time(event)
    if time is None:
        raise InputError("IDEA asks for the time of detection, and nothing here has a time.")
    if not event.all_observables() and not event.description:
        raise InputError("Nothing in it can be said in IDEA.")
    markings, lost = narrowed(markings, Tlp)
    unsaid += lost
    unsaid += [f"{word} is said in {_OWN} only." for word in marking_words(markings) if not word.startswith("TLP:")]
    unsaid += [f"The label {one} has no place in IDEA." for one in event.labels if not list(_categories([one]))]
    categories = list(dict.fromkeys(_categories(event.labels)))
    if not categories:
        unsaid.append("No label names a category of IDEA: it is Other.")
    rest = {"reports": event.reports, "entities": event.entities, "links": event.links, "sightings": event.sightings}
    unsaid += [f"{len(found)} {name} have no place in IDEA." for name, found in rest.items() if found]
    percents = {one.confidence for one in event.all_observables()}
    percent = percents.pop() if len(percents) == 1 else None
    unsaid += details_left(event, "IDEA", *(["confidence"] if percent is not None else []))
    times = {"CreateTime": event.published, "EventTime": event.first_seen, "CeaseTime": event.last_seen}
    alert: dict[str, Any] = {
        "Format": "IDEA0",
        "ID": event.id or uuid_of(f"{event.title}|{time.isoformat()}"),
        "DetectTime": time.isoformat(),
        **{name: at.isoformat() for name, at in times.items() if at},
        "Category": categories or ["Other"],
        **({"Description": event.title} if event.title else {}),
        **({"Note": event.description} if event.description else {}),
        **({"Node": [{"Name": _node_name(event.source.name)}]} if event.source else {}),
    }
    if percent is not None:
        alert["Confidence"] = percent / 100
    return {**alert, **_ends(event.all_observables(), unsaid), **_said(markings)}


def _said(markings: Markings) -> dict[str, Any]:
    """The keys that say a marking."""
    others = [word for word in marking_words(markings) if not word.startswith("TLP:")]
    label = {"TLP": str(markings.tlp)} if markings.tlp else {}
    return label | ({_OWN: {"Markings": others}} if others else {})


def _categories(labels: Iterable[str]) -> Iterator[str]:
    """IDEA's own words where a label has one, else the first category of the type that a label names."""
    said = list(labels)
    own = [label.removeprefix(_LABEL) for label in said if label.startswith(_LABEL)]
    yield from own or (_BY_TYPE[kind] for kind in incident_types(said) if kind in _BY_TYPE)


def _ends(observables: Iterable[Observable], unsaid: list[str]) -> dict[str, Any]:
    """A source or target for each observable, and the files; the rest is counted."""
    found: dict[str, list[dict[str, Any]]] = {"Source": [], "Target": [], "Attach": []}
    left: Counter[str] = Counter()
    for one in dict.fromkeys(observables):
        kind, _, with_port = one.type.partition("|")
        value, _, port = one.value.rpartition("|") if with_port == "port" else (one.value, "", "")
        side, key = _WRITTEN.get(kind if with_port in {"", "port"} else one.type, ("", ""))
        side = "Target" if side and one.comment.startswith("Target") else side
        if kind in _HASHES and not with_port:
            found["Attach"].append({"Hash": [f"{kind}:{one.value}"]})
        elif one.type == "filename":
            found["Attach"].append({"FileName": [one.value]})
        elif side and (end := _end(key, value, port)):
            found[side].append(end)
        else:
            left[one.type] += 1
    unsaid += [f"{count} observables of type {kind} have no place in IDEA." for kind, count in sorted(left.items())]
    return {name: ends for name, ends in found.items() if ends}


def _end(key: str, value: str, port: str) -> dict[str, Any]:
    """A source or target of one value, or nothing where IDEA has no place for it."""
    if key == "IP":
        if parse_network(value) is None:
            return {}
        key = "IP6" if ":" in value else "IP4"
    number = value.upper().removeprefix("AS")
    if key == "ASN" and not number.isdecimal():
        return {}
    values: list[Any] = [int(number)] if key == "ASN" else [value]
    return {key: values} | ({"Port": [int(port)]} if port.isdecimal() else {})


def _node_name(name: str) -> str:
    """A name as IDEA wants it, with dots for what else is between words."""
    return (
        ".".join("".join(one if (one.isascii() and one.isalnum()) or one in "_-" else " " for one in name).split())
        or "x"
    )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    """The texts and numbers of a list, or of a single value."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str | int) and not isinstance(one, bool) and (text := as_text(one)):
            yield text
