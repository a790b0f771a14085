"""STIX 2.1 bundles (2.0 is read too): checked by the validator of OASIS (extra ``formats``), read and written."""

import re
from collections.abc import Iterator
from typing import Any, Final

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.json_documents import parse_json, write_json
from tocsin.exchange.formats.model import Collection
from tocsin.exchange.formats.stix_markings import EXTENSIONS
from tocsin.exchange.formats.stix_pattern import NOT_INSTALLED
from tocsin.node.errors import InputError

_VERSIONS: Final = ("2.0", "2.1")
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,249}")
_LONGEST_PATTERN: Final = 100_000
_MESSAGE: Final = re.compile(
    r"(?:(?P<id>[a-z0-9-]+--[0-9a-fA-F-]{36}): )?(?:(?P<path>[\w.\[\]*-]+): )?(?P<reason>.*)", re.DOTALL
)
_KNOWN: Final = frozenset(
    """
    bundle attack-pattern campaign course-of-action grouping identity incident indicator infrastructure intrusion-set
    location malware malware-analysis note observed-data opinion report threat-actor tool vulnerability relationship
    sighting artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr mac-addr
    mutex network-traffic process software url user-account windows-registry-key x509-certificate marking-definition
    language-content extension-definition
    """.split()
)


def check(data: bytes) -> Iterator[Verdict]:
    """One verdict for the bundle or object of the file, or for each member of a list."""
    document = parse_json(data)
    for one in document if isinstance(document, list) else [document]:
        yield _check(one)


def read(data: bytes) -> Collection:
    """The bundle, or the object alone.

    Raises:
        InputError: it is no STIX.

    """
    from tocsin.exchange.formats.stix_read import read_document

    document = parse_json(data)
    if isinstance(document, list):
        document = {"type": "bundle", "objects": document}
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise InputError("It is no STIX: it has no type.", hint="Give a bundle, or one object.")
    return read_document(document)


def write(collection: Collection) -> tuple[bytes, tuple[str, ...]]:
    """A bundle of STIX 2.1; what was read as STIX comes back as it was."""
    from tocsin.exchange.formats.stix_write import write_bundle

    if collection.original and collection.original[0] == "stix":
        return write_json(collection.original[1]), ()
    bundle, lost = write_bundle(collection)
    return write_json(bundle), lost


def _check(document: object) -> Verdict:
    """The validator's verdict, after the limits that it does not have."""
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("type"), str)
        or not isinstance(document.get("id"), str)
    ):
        return Verdict("", valid=False, faults=(Fault("", "", "A bundle or an object of STIX has a type and an id."),))
    objects = document.get("objects") if document["type"] == "bundle" else [document]
    objects = objects if isinstance(objects, list) else []
    version = _version(document, objects)
    faults = tuple(_structure_faults(document, objects))
    if not faults:
        try:
            faults = tuple(_place(objects, one) for one in _complaints(document))
        except ImportError:
            return Verdict(version, valid=None, faults=(Fault("", "", NOT_INSTALLED),), objects=len(objects))
    return Verdict(version, not faults, faults, len(objects), tuple(_not_understood(objects)))


def _version(document: dict[str, Any], objects: list[Any]) -> str:
    if document["type"] == "bundle" and "spec_version" in document:
        return str(document["spec_version"])
    said = {str(one["spec_version"]) for one in objects if isinstance(one, dict) and "spec_version" in one}
    return max(said, default="2.1")


def _structure_faults(document: dict[str, Any], objects: list[Any]) -> Iterator[Fault]:
    """What must hold before the validator is asked, which looks for a schema by these names."""
    bundled = document["type"] == "bundle"
    for number, one in [(-1, document), *enumerate(objects)] if bundled else [(-1, document)]:
        place = f"objects[{number}]" if number >= 0 else ""
        if not isinstance(one, dict) or not isinstance(one.get("type"), str) or not isinstance(one.get("id"), str):
            yield Fault(place, "", "An object of STIX has a type and an id.")
        elif not _TYPE.fullmatch(one["type"]):
            yield Fault(place, "", f"{one['type'][:60]!r} is no name of a type.")
        elif one.get("spec_version", "2.1") not in _VERSIONS:
            yield Fault(
                f"{place}.spec_version".lstrip("."), "", f"{str(one['spec_version'])[:60]!r} is no known version."
            )
        elif len(str(one.get("pattern", ""))) > _LONGEST_PATTERN:
            yield Fault(f"{place}.pattern".lstrip("."), "", f"A pattern has more than {_LONGEST_PATTERN:,} characters.")


def _complaints(document: dict[str, Any]) -> list[str]:
    """What the validator of OASIS has against it.

    Raises:
        ImportError: it is not installed.

    """
    import colorama
    from stix2validator import ValidationError, ValidationOptions, validate_parsed_json

    colorama.deinit()  # the validator wraps standard output when it is imported
    try:
        result = validate_parsed_json(document, ValidationOptions(silent=True))
    except ValidationError as error:
        return [str(error)]
    return [] if result.is_valid else [str(one) for one in result.errors]


def _place(objects: list[Any], message: str) -> Fault:
    """A complaint with its path: the number of the object that it names, and the property."""
    found = _MESSAGE.fullmatch(message)
    if found is None:
        return Fault("", "", message)
    number = next(
        (place for place, one in enumerate(objects) if isinstance(one, dict) and one.get("id") == found["id"]), None
    )
    parts = [f"objects[{number}]" if number is not None and len(objects) > 1 else "", found["path"] or ""]
    return Fault(".".join(part for part in parts if part), "", found["reason"])


def _not_understood(objects: list[Any]) -> list[str]:
    found: dict[str, None] = {}
    for one in objects:
        if not (isinstance(one, dict) and isinstance(one.get("type"), str)):
            continue  # a fault, which is said
        if one["type"] not in _KNOWN:
            found[one["type"]] = None
        found |= dict.fromkeys(f"{one['type']}.{name}" for name in one if name.startswith("x_"))
        extensions = one.get("extensions")
        for name in extensions if isinstance(extensions, dict) else ():
            if name.startswith("extension-definition--") and name not in EXTENSIONS:
                found[name] = None
    return list(found)
