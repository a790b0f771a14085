"""Events of the model as incidents of IODEF 2 (RFC 7970, section 3).

What IODEF has no class for stands in ``AdditionalData`` under its name, with the meaning ``tocsin``: types of MISP,
labels, and the markings that no ``restriction`` says.
"""

import base64
from ipaddress import ip_network
from typing import Any, Final

from lxml import etree

from tocsin.exchange.formats.iodef_read import OWN
from tocsin.exchange.formats.markings import UNMARKED, Markings, stricter
from tocsin.exchange.formats.model import Collection, Entity, Observable
from tocsin.exchange.formats.vocabulary import all_markings, as_text, details_left, event_time, marking_words, uuid_of
from tocsin.exchange.formats.xml_documents import Element
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Tlp

NAMESPACE: Final = "urn:ietf:params:xml:ns:iodef-2.0"

_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_RESTRICTIONS: Final = {
    Tlp.CLEAR: "white",
    Tlp.GREEN: "green",
    Tlp.AMBER: "amber",
    Tlp.AMBER_STRICT: "private",
    Tlp.RED: "red",
}
_SIDES: Final = {"ip-src": "source", "ip-dst": "target", "email-src": "source", "email-dst": "target"}
_CATEGORIES: Final = {"email": "e-mail", "email-src": "e-mail", "email-dst": "e-mail", "url": "site-uri", "AS": "asn"}
_DIGESTS: Final = {
    "md5": "http://www.w3.org/2001/04/xmldsig-more#md5",
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "sha224": "http://www.w3.org/2001/04/xmldsig-more#sha224",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}


def document_of(collection: Collection) -> tuple[Element, tuple[str, ...]]:
    """The document, and what it does not say.

    Raises:
        InputError: an event has no time.

    """
    spaces: Any = {None: NAMESPACE, "ds": _DS}  # the stubs know no default namespace
    root = etree.Element(f"{{{NAMESPACE}}}IODEF-Document", nsmap=spaces)
    root.set("version", "2.00")
    unsaid: list[str] = []
    for number, event in enumerate(collection.events, 1):
        _add_incident(root, event, number, unsaid)
    return root, tuple(dict.fromkeys(unsaid))


def _add_incident(root: Element, event: Collection, number: int, unsaid: list[str]) -> None:
    time = event_time(event)
    if time is None:
        raise InputError("IODEF asks for the time of an incident, and nothing here has one.")
    name = as_text(event.source.name).strip() if event.source else ""
    incident = _add(root, "Incident", purpose="reporting", restriction=_restriction(event.markings, unsaid))
    _add(incident, "IncidentID", event.id or uuid_of(f"{event.title}|{time.isoformat()}"), name=name or "unknown")
    activity = [one for one in event.entities if one.type in {"threat-actor", "campaign"}]
    if activity:
        _add_activity(_add(incident, "RelatedActivity"), activity, event.markings, unsaid)
    times = {"StartTime": event.first_seen, "EndTime": event.last_seen, "ReportTime": event.published}
    for key, at in (*times.items(), ("GenerationTime", time)):
        if at:
            _add(incident, key, at.isoformat())
    for text in (event.title, event.description):
        if as_text(text).strip():
            _add(incident, "Description", text)
    weak = [one for one in event.entities if one.type == "vulnerability"]
    method = _add(incident, "Method") if weak else incident
    for one in weak:
        _add(_add(method, "Reference"), "Description", one.name)
    _add(_add(incident, "Contact", role="creator", type="organization"), "ContactName", name or "unknown")
    _add_observables(incident, event, name or "unknown", number, unsaid)
    _add_words(incident, event, unsaid)
    unsaid += details_left(event, "IODEF", "comment", "first_seen", "last_seen", "confidence")
    others = len(event.entities) - len(activity) - len(weak)
    rest = {"reports": len(event.reports), "sightings": len(event.sightings), "links": len(event.links)}
    rest |= {"entities of other types": others, "groups (their observables stand alone)": len(event.groups)}
    unsaid += [f"IODEF has no place for {count} {kind}." for kind, count in rest.items() if count]


def _add_words(incident: Element, event: Collection, unsaid: list[str]) -> None:
    """The markings that no restriction says, and the labels."""
    words = [one for one in marking_words(all_markings(event)) if not one.startswith("TLP:")]
    unsaid += [f"{word} is said in AdditionalData only." for word in words]
    for kind, texts in (("marking", words), ("label", event.labels)):
        for text in texts:
            _add(incident, "AdditionalData", text, dtype="string", name=kind, meaning=OWN)


def _add_activity(related: Element, entities: list[Entity], above: Markings, unsaid: list[str]) -> None:
    """Actors, then campaigns, as the schema orders them."""
    for kind, name in (("threat-actor", "ThreatActor"), ("campaign", "Campaign")):
        for one in entities:
            if one.type == kind:
                made = _add(related, name, restriction=_restriction(stricter(above, one.markings), unsaid))
                for text in (one.name, *one.aliases):
                    _add(made, f"{name}ID", text)
                if one.description:
                    _add(made, "Description", one.description)


def _add_observables(incident: Element, event: Collection, name: str, number: int, unsaid: list[str]) -> None:
    """Event data for each observable that was seen; an indicator for each that should be looked for."""
    marked = [(one, event.markings) for one in event.observables]
    marked += [(one, stricter(event.markings, group.markings)) for group in event.groups for one in group.observables]
    for one, above in marked:
        if not one.indicator:
            said = _add(incident, "EventData", restriction=_restriction(stricter(above, one.markings), unsaid))
            _add_times(said, one)
            part = _element_of(one)
            wrap = {"System": ["Flow"], "FileData": ["Record", "RecordData"]}.get(etree.QName(part).localname, [])
            for step in wrap:
                said = _add(said, step)
            said.append(part)
    indicators = [pair for pair in marked if pair[0].indicator]
    data = _add(incident, "IndicatorData") if indicators else incident
    for place, (one, above) in enumerate(indicators, 1):
        made = _add(data, "Indicator", restriction=_restriction(stricter(above, one.markings), unsaid))
        _add(made, "IndicatorID", f"indicator-{number}-{place}", name=name, version="1")
        _add_times(made, one)
        if one.confidence is not None:
            _add(made, "Confidence", str(one.confidence), rating="numeric")
        _add(made, "Observable").append(_element_of(one))


def _add_times(parent: Element, one: Observable) -> None:
    if as_text(one.comment).strip():
        _add(parent, "Description", one.comment)
    for key, at in (("StartTime", one.first_seen), ("EndTime", one.last_seen)):
        if at:
            _add(parent, key, at.isoformat())


def _element_of(one: Observable) -> Element:
    """The class that an observable is: a system, a file, or additional data under its type."""
    kind, _, second = one.type.partition("|")
    value, _, port = one.value.rpartition("|") if second == "port" else (one.value, "", "")
    node = _node(kind, as_text(value).strip()) if second in {"", "port"} else None
    if node is not None and (not second or port.isdecimal()):
        system = _new("System", **({"category": _SIDES[kind]} if kind in _SIDES else {}))
        system.append(node)
        if port:
            _add(_add(system, "Service"), "Port", port)
        return system
    if one.type in _DIGESTS and (digest := _digest(one.value)):
        data = _new("FileData")
        made = _add(_add(_add(data, "File"), "HashData", scope="file-contents"), "Hash")
        etree.SubElement(made, f"{{{_DS}}}DigestMethod", Algorithm=_DIGESTS[one.type])
        etree.SubElement(made, f"{{{_DS}}}DigestValue").text = digest
        return data
    if one.type == "filename" and as_text(one.value).strip():
        data = _new("FileData")
        _add(_add(data, "File"), "FileName", one.value)
        return data
    made = _new("AdditionalData", dtype="string", name=one.type, meaning=OWN)
    made.text = as_text(one.value)
    return made


def _node(kind: str, value: str) -> Element | None:
    """A node of one address or domain; None where it is neither."""
    node = _new("Node")
    if kind in {"domain", "hostname"} and value:
        _add(_add(node, "DomainData"), "Name", value)
    elif kind in {"ip-src", "ip-dst"} and (category := _network_category(value)):
        _add(node, "Address", value, category=category)
    elif kind in _CATEGORIES and value:
        _add(node, "Address", value, category=_CATEGORIES[kind])
    else:
        return None
    return node


def _network_category(value: str) -> str:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return ""
    return f"ipv{network.version}-{'net' if '/' in value else 'addr'}"


def _digest(value: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(value.strip())).decode()
    except ValueError:
        return ""


def _restriction(markings: Markings, unsaid: list[str]) -> str:
    if markings.tlp is None:
        unsaid.append(f"No TLP label became TLP:{UNMARKED}.")
    return _RESTRICTIONS[markings.tlp or UNMARKED]


def _new(tag: str, **attributes: str) -> Element:
    return etree.Element(f"{{{NAMESPACE}}}{tag}", {name: as_text(value) for name, value in attributes.items()})


def _add(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    made = _new(tag, **attributes)
    made.text = as_text(text) or None
    parent.append(made)
    return made
