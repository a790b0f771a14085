"""Incidents of IODEF as the model has them: one reader for versions 1 and 2, in XML and in JSON.

An element is a `Tree`. JSON says some classes as plain values or texts; these count as an element with that text.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_network
from itertools import islice
from typing import Any, Final

from tocsin.exchange.formats.markings import NOT_MARKED, Markings, read_label, stricter
from tocsin.exchange.formats.model import Collection, Entity, Observable, Source
from tocsin.exchange.formats.vocabulary import as_text, read_marking_words, read_time, uuid_of
from tocsin.exchange.formats.xml_documents import Tree
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Tlp

OWN: Final = "tocsin"
"""The ``meaning`` of additional data that says by name what IODEF has no word for."""

MOST_OBSERVABLES: Final = 1_000_000

_TLP: Final = {
    "public": Tlp.CLEAR,
    "white": Tlp.CLEAR,
    "green": Tlp.GREEN,
    "amber": Tlp.AMBER,
    "partner": Tlp.AMBER,
    "need-to-know": Tlp.AMBER,
    "private": Tlp.AMBER_STRICT,
    "default": Tlp.AMBER_STRICT,
    "red": Tlp.RED,
}
_ADDRESSES: Final = {"asn": "AS", "mac": "mac-address", "site-uri": "url", "e-mail": "email-src"}
_BULK: Final = {
    "asn": "AS",
    "e-mail": "email",
    "mac": "mac-address",
    "site-uri": "url",
    "domain-name": "domain",
    "fqdn": "domain",
    "windows-reg-key": "regkey",
    "email-x-mailer": "email-x-mailer",
    "email-subject": "email-subject",
    "http-user-agent": "user-agent",
    "http-request-uri": "uri",
    "http-request-url": "uri",
    "mutex": "mutex",
    "file-path": "filename",
}
_HASHES: Final = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_TEXTS: Final = {
    "NodeName": "hostname",
    "EmailFrom": "email-src",
    "EmailTo": "email-dst",
    "EmailSubject": "email-subject",
    "EmailX-Mailer": "email-x-mailer",
    "FileName": "filename",
    "FileSize": "size-in-bytes",
    "KeyName": "regkey",
}
_UNDERSTOOD: Final = {
    *("EventData", "Flow", "System", "Node", "Service", "Port", "Description", "IndicatorData", "Indicator"),
    *("Observable", "BulkObservable", "BulkObservableList", "DomainData", "Name", "Address", "IndicatorID"),
    *("EmailData", "File", "FileData", "HashData", "Hash", "DigestMethod", "DigestValue", "RecordData", "Record"),
    *("StartTime", "EndTime", "DetectTime", "ReportTime", "GenerationTime", "IncidentID", "RelatedActivity"),
    *("ThreatActor", "ThreatActorID", "Campaign", "CampaignID", "IndicatorExpression", "Method", "Reference"),
    *("WindowsRegistryKeysModified", "Key", "URL", "ReferenceName", "ID", "Confidence", *_TEXTS),
}


@dataclass(frozen=True)
class _Place:
    """What holds where one is in the document."""

    markings: Markings = NOT_MARKED
    side: str = ""
    indicator: bool = False
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    comment: str = ""
    confidence: int | None = None
    ports: tuple[str, ...] = ()


@dataclass
class _IncidentContents:
    observables: list[Observable] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)


def incident_event(incident: Tree) -> Collection:
    """An incident; ``not_understood``: the classes that were passed over."""
    found = _IncidentContents()
    texts = list(_texts(incident, "Description"))
    title = texts[0].strip().partition("\n")[0][:200] if texts else ""
    _walk(incident, _Place(), found, incident=True)
    number = next(iter(_children(incident, "IncidentID")), {})
    name = as_text(number.get("name"))
    value = as_text(number.get("value") or number.get("id")).strip()
    contact = next((one for one in _children(incident, "Contact") if one.get("role") == "creator"), {})
    source = next(iter(_texts(contact, "ContactName")), "") or name
    times = {key: read_time(next(iter(_texts(incident, key)), None)) for key in ("StartTime", "EndTime", "ReportTime")}
    made = read_time(next(iter(_texts(incident, "GenerationTime")), None))
    markings = stricter(_markings(incident, default=True), read_marking_words(found.words))
    return Collection(
        title=title or f"Incident {value}",
        id=uuid_of(value) if uuid_of(value) == value.lower() else uuid_of(f"iodef/{name}/{value}" if value else ""),
        description="\n\n".join(texts[1:] if texts and texts[0].strip() == title else texts),
        time=made or times["ReportTime"],
        published=times["ReportTime"],
        first_seen=times["StartTime"],
        last_seen=times["EndTime"],
        source=Source(source) if source else None,
        markings=markings,
        labels=tuple(dict.fromkeys(found.labels)),
        observables=tuple(found.observables),
        entities=tuple(found.entities),
        not_understood=tuple(sorted(found.passed_over)),
    )


def _walk(node: Tree, above: _Place, found: _IncidentContents, *, incident: bool = False) -> None:
    """Takes what is in an element and below it."""
    if len(found.observables) > MOST_OBSERVABLES:
        raise InputError(f"It has more than {MOST_OBSERVABLES:,} observables.")
    place = above if incident else _within(node, above)
    for name, value in node.items():
        for child in _elements(value):
            if name == "AdditionalData":
                _take_additional(child, place, found)
            elif name in {"ThreatActor", "Campaign", "Reference"}:
                found.entities += _entities(name, child, place)
            elif name in _UNDERSTOOD:
                inner = replace(place, indicator=True) if name in {"Indicator", "IndicatorData"} else place
                inner = replace(inner, comment="") if name == "Indicator" else inner
                found.observables += _observables(name, child, inner)
                _walk(child, inner, found)
            elif isinstance(value, list):
                found.passed_over.add(name)


def _within(node: Tree, above: _Place) -> _Place:
    """What holds in an element: narrower where it says so, never wider."""
    start, end = (read_time(next(iter(_texts(node, key)), None)) for key in ("StartTime", "EndTime"))
    rating = next(iter(_children(node, "Confidence")), {})
    text = as_text(rating.get("value"))
    ports = tuple(one for service in _children(node, "Service") for one in _texts(service, "Port"))
    side = as_text(node.get("category")) if "Node" in node else ""
    return replace(
        above,
        markings=stricter(above.markings, _markings(node)),
        side=side or above.side,
        ports=ports or above.ports,
        first_seen=start or above.first_seen,
        last_seen=end or above.last_seen,
        comment="; ".join(filter(None, (above.comment, *_texts(node, "Description")))),
        confidence=round(float(text)) if rating.get("rating") == "numeric" and _is_percent(text) else above.confidence,
    )


def _markings(node: Tree, *, default: bool = False) -> Markings:
    """The marking of a ``restriction``; an extension is a TLP label or RED."""
    said = as_text(node.get("restriction")) or ("default" if default else "")
    if not said:
        return NOT_MARKED
    if said == "ext-value":
        return read_label(as_text(node.get("ext-restriction"))) or Markings(tlp=Tlp.RED)
    return Markings(tlp=_TLP.get(said, Tlp.RED))


def _observables(name: str, node: Tree, place: _Place) -> Iterator[Observable]:
    """The observables that an element says by itself."""
    value = as_text(node.get("value")).strip()
    pairs: Iterator[tuple[str, str]] | list[tuple[str, str]] = []
    if name == "Address" and value:
        pairs = _addresses(as_text(node.get("category")), value, place)
    elif name == "DomainData":
        pairs = [("domain", one) for one in _texts(node, "Name")]
    elif name == "BulkObservable":
        pairs = _bulk(node, place)
    elif name == "Hash":
        pairs = list(_hashes(next(iter(_texts(node, "DigestValue")), "")))
    elif name in _TEXTS and value:
        pairs = [(_TEXTS[name], value)]
    elif name == "Key":
        pairs = [
            ("regkey|value", f"{key}|{one}") for key in _texts(node, "KeyName") for one in _texts(node, "KeyValue")
        ]
    for kind, text in islice(pairs, MOST_OBSERVABLES):
        yield Observable(
            kind,
            text,
            indicator=place.indicator,
            comment=place.comment,
            first_seen=place.first_seen,
            last_seen=place.last_seen,
            markings=place.markings,
            confidence=place.confidence,
        )


def _addresses(category: str, value: str, place: _Place) -> Iterator[tuple[str, str]]:
    if category in _ADDRESSES:
        kind = "email-dst" if category == "e-mail" and place.side == "target" else _ADDRESSES[category]
        yield kind, value
    elif network := _network(value):
        kind = "ip-dst" if place.side == "target" or (place.indicator and place.side != "source") else "ip-src"
        yield from ((f"{kind}|port", f"{network}|{port}") for port in place.ports)
        if not place.ports:
            yield kind, network


def _bulk(node: Tree, place: _Place) -> Iterator[tuple[str, str]]:
    """The values of a list, one a line."""
    kind = as_text(node.get("type"))
    kind = as_text(node.get("ext-type")) if kind == "ext-value" else kind
    for line in (one.strip() for text in _texts(node, "BulkObservableList") for one in text.splitlines()):
        if kind.startswith(("ipv4", "ipv6")) and not kind.endswith("port"):
            yield from _addresses("", line, replace(place, ports=()))
        elif kind == "file-hash":
            yield from _hashes(line)
        elif line:
            yield _BULK.get(kind, "text"), line


def _hashes(text: str) -> Iterator[tuple[str, str]]:
    """A digest, in hexadecimal digits or (as XML Signature has it) in base64, by its length."""
    plain = "".join(text.split())
    if len(plain) not in _HASHES or not set(plain.lower()) <= set("0123456789abcdef"):
        try:
            plain = base64.b64decode(plain, validate=True).hex()
        except (binascii.Error, ValueError):
            return
    if len(plain) in _HASHES:
        yield _HASHES[len(plain)], plain.lower()


def _take_additional(node: Tree, place: _Place, found: _IncidentContents) -> None:
    """Additional data: ours by its name, else passed over."""
    name, value = as_text(node.get("name")), as_text(node.get("value"))
    if node.get("meaning") != OWN or not name:
        found.passed_over.add("AdditionalData")
    elif name == "marking":
        found.words.append(value)
    elif name == "label":
        found.labels.append(value)
    else:
        found.observables += [replace(one, type=name) for one in _observables("NodeName", {"value": value}, place)]


def _entities(name: str, node: Tree, place: _Place) -> Iterator[Entity]:
    """An actor or campaign; a vulnerability where a reference names a CVE."""
    inner = _within(node, place).markings
    description = "\n".join(_texts(node, "Description"))
    links = tuple({"source_name": one, "url": one} for one in _texts(node, "URL"))
    if name != "Reference":
        kind = {"ThreatActor": "threat-actor", "Campaign": "campaign"}[name]
        ids = [*_texts(node, f"{name}ID"), description or "unnamed"]
        yield Entity(kind, ids[0], "", description, tuple(ids[1:-1]), links, markings=inner)
        return
    names = [
        *_texts(node, "ReferenceName"),
        *(one for ref in _children(node, "ReferenceName") for one in _texts(ref, "ID")),
    ]
    for one in (*names, description):
        if one.strip().upper().startswith("CVE-"):
            yield Entity("vulnerability", one.strip().upper(), "", "", (), links, markings=inner)
            return


def _is_percent(text: str) -> bool:
    try:
        return 0 <= float(text) <= 100
    except ValueError:
        return False


def _network(text: str) -> str:
    """An address or network; empty where it is none."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return ""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _elements(value: Any) -> Iterator[Tree]:
    """The elements below a name; a plain text or number is one with that text."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one
        elif isinstance(one, str | int | float) and not isinstance(one, bool):
            yield {"value": str(one)}


def _children(node: Tree, name: str) -> Iterator[Tree]:
    yield from _elements(node.get(name))


def _texts(node: Tree, name: str) -> Iterator[str]:
    yield from filter(None, (as_text(one.get("value")) for one in _children(node, name)))
