"""IODEF 2 (RFC 7970), checked by the schema of the RFC; JSON IODEF (RFC 8727) by its own; IODEF 1 (RFC 5070) is read.

Errata: 5543 and 5544 (Confidence, Node) and 5583 (the action "training") are in the schema, 5351 (bytes, frames and
packets are hexadecimal octets) in the check of values here. XML Signature and the classes of RFC 7203 are allowed
where IODEF names them, and not looked into.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from itertools import islice
from typing import Any, Final

from jsonschema import Draft4Validator
from lxml import etree

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.iodef_read import incident_event
from tocsin.exchange.formats.iodef_write import NAMESPACE, document_of
from tocsin.exchange.formats.json_documents import parse_json
from tocsin.exchange.formats.model import Collection
from tocsin.exchange.formats.xml_documents import Element, Tree, local_name, parse_xml, tree_of
from tocsin.node.errors import InputError

MOST_FAULTS: Final = 1_000

_OLD: Final = "urn:ietf:params:xml:ns:iodef-1.0"
_KNOWN: Final = {
    NAMESPACE,
    "http://www.w3.org/2000/09/xmldsig#",
    "urn:ietf:params:xml:ns:iodef-enum-1.0",
}
_NOT_CHECKED: Final = "Not checked: IODEF 1 (RFC 5070) is read here, and no schema of it is kept."
_LONGEST: Final = 300  # characters of a reason
_HEX: Final = r"(?:[0-9A-Fa-f]{2})+"
_BASE64: Final = r"[A-Za-z0-9+/\s]*+={0,2}\s*+"
_VALUES: Final = {
    "boolean": "true|false|0|1",
    "byte": _BASE64,
    "bytes": _HEX,
    "character": ".",
    "date-time": r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?",
    "file": _BASE64,
    "frame": _HEX,
    "integer": r"[+-]?\d+",
    "ipv4-packet": _HEX,
    "ipv6-packet": _HEX,
    "packet": _HEX,
    "portlist": r"\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*",
    "real": r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d+)?|[+-]?INF|NaN",
    "url": r"\S+",
}
"""The content that each ``dtype`` asks for (RFC 7970, section 2.16, with erratum 5351)."""


def check(data: bytes) -> Iterator[Verdict]:
    """The verdict on a document, in XML or JSON; ``not_understood``: namespaces that are not IODEF's.

    Raises:
        InputError: it is neither, or has a DTD.

    """
    if _is_json(data):
        yield _json_verdict(parse_json(data))
        return
    root = parse_xml(data)
    space, incidents = etree.QName(root).namespace, _count(root)
    if local_name(root.tag) != "IODEF-Document" or space not in {NAMESPACE, _OLD}:
        yield Verdict("", valid=False, faults=(Fault("", "", "It is no IODEF document."),))
    elif space == _OLD:
        yield Verdict(root.get("version") or "1.00", None, (Fault("", "", _NOT_CHECKED),), incidents)
    else:
        faults = (*islice(_schema_faults(root), MOST_FAULTS), *islice(_value_faults(root), MOST_FAULTS))
        spaces = {etree.QName(one).namespace for one in root.iter(tag=etree.Element)} - _KNOWN
        others = tuple(sorted(one or "no namespace" for one in spaces))
        yield Verdict(root.get("version") or "2.00", not faults, faults, incidents, others)


def read(data: bytes) -> Collection:
    """The incidents of a document, of whatever version; what it says against the schema is passed over.

    Raises:
        InputError: it cannot be read, or is no IODEF document.

    """
    if _is_json(data):
        document = parse_json(data)
        incidents = document.get("Incident") if isinstance(document, dict) else None
    else:
        root = parse_xml(data)
        incidents = tree_of(root).get("Incident") if local_name(root.tag) == "IODEF-Document" else None
    found: list[Tree] = [one for one in incidents if isinstance(one, dict)] if isinstance(incidents, list) else []
    if not found:
        raise InputError("It is no IODEF document: it has no Incident.")
    events = tuple(map(incident_event, found))
    return events[0] if len(events) == 1 else Collection(parts=events)


def write(collection: Collection) -> tuple[bytes, tuple[str, ...]]:
    """A document of IODEF 2 with an incident for each event.

    Raises:
        InputError: an event has no time, or it cannot be said so that the schema holds.

    """
    root, unsaid = document_of(collection)
    for fault in _schema_faults(root):
        raise InputError(f"It cannot be written as IODEF: {fault.reason}")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True), unsaid


def _is_json(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}


def _count(root: Element) -> int:
    return sum(local_name(one.tag) == "Incident" for one in root)


@cache
def _schema() -> etree.XMLSchema:
    with as_file(files(__package__) / "schemas") as folder:
        return etree.XMLSchema(file=str(folder / "iodef-2.0.xsd"))


@cache
def _json_schema() -> Draft4Validator:
    return Draft4Validator(json.loads((files(__package__) / "schemas" / "iodef-json.json").read_text(encoding="utf-8")))


def _schema_faults(root: Element) -> Iterator[Fault]:
    schema = _schema()
    if not schema.validate(root):
        for error in schema.error_log:  # type: ignore[attr-defined]  # the stubs make it no sequence
            yield Fault(f"line {error.line}", "", _short(re.sub(r"\{[^{}]*+\}", "", error.message)))


def _value_faults(root: Element) -> Iterator[Fault]:
    """What the schema cannot say: values by their ``dtype``, and ``ext-value`` without the attribute that has it."""
    for one in root.iter(f"{{{NAMESPACE}}}*"):
        place = f"line {one.sourceline}"
        kind, text = one.get("dtype") or "", (one.text or "").strip()
        if kind in _VALUES and len(one) == 0 and not re.fullmatch(_VALUES[kind], text, re.DOTALL):
            yield Fault(place, "2.16", f"{local_name(one.tag)}: {_short(text)!r} is no {kind}.")
        for name in [local_name(key) for key, value in one.attrib.items() if value == "ext-value"]:
            if one.get(f"ext-{name}") is None:
                yield Fault(place, "5.1.1", f"{local_name(one.tag)}: {name} is ext-value, and ext-{name} is missing.")


def _json_verdict(document: Any) -> Verdict:
    if not isinstance(document, dict) or "Incident" not in document:
        return Verdict("", valid=False, faults=(Fault("", "", "It is no IODEF document: it has no Incident."),))
    faults = []
    for error in islice(_json_schema().iter_errors(document), MOST_FAULTS):
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        faults.append(Fault("".join(steps).removeprefix("."), "", _short(error.message)))
    version = str(document.get("version"))[:20]
    incidents = document["Incident"]
    return Verdict(version, not faults, tuple(faults), len(incidents) if isinstance(incidents, list) else 0)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
