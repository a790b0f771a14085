"""What a document said and the other that was made of it does not: every value is looked for, whoever left it out."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from tocsin.exchange.formats.mapping import default_category, tables
from tocsin.exchange.formats.stix_comparisons import literals
from tocsin.exchange.formats.stix_objects import canonical, read_time

Json = Mapping[str, Any]

_FLAGS: Final = frozenset(
    """
    distribution to_ids published disable_correlation deleted locked default attribute_count proposal_email_lock
    exportable hide_tag is_galaxy is_custom_galaxy local local_only protected is_multipart ShadowAttribute RelatedEvent
    SharingGroup Org
    """.split()
)
_FRAME: Final = _FLAGS | frozenset(
    """
    type id spec_version created modified extension_type object_marking_refs granular_markings created_by_ref
    uuid timestamp publish_timestamp sighting_timestamp date_sighting sharing_group_id data meta-category
    event_creator_email template_uuid template_version icon version namespace tag_name collection_uuid colour
    numerical_value Feed attribute_uuid object_uuid referenced_uuid referenced_type
    relationship_type object_relation GalaxyElement
    """.split()
)
"""What frames a thing and is no content of it: ids, times of writing, rows of a server, what a template says of itself.

Markings and relations are here too, of which their readers and writers say what is lost."""

_ROW: Final = re.compile(r"(?:event|object|org|orgc|attribute|galaxy|galaxy_cluster|tag|user|referenced|source)_id")
_IMPLIED: Final = {
    "pattern_type": ("stix",),
    "pattern_version": ("2.1",),
    "number_observed": ("1",),
    "count": ("1",),
    "revoked": ("False",),
    "labels": ('misp:to_ids="True"', 'misp:to_ids="False"'),
    "identity_class": ("organization", "unknown"),
    "context": ("suspicious-activity",),
    "kill_chain_name": ("misp-category",),
    "protocols": ("ipv4", "ipv6", "tcp"),
    "source_name": ("url", "capec", "cve", "mitre-attack"),
    "threat_level_id": ("4",),
    "analysis": ("0",),
}
"""Values that are said by saying nothing."""

_MARKINGS: Final = ("tlp:", "pap:", "iep:", "iep2-policy:")
_LABEL: Final = re.compile(r'misp:[\w-]+="(.*)"', re.DOTALL)
_NAME: Final = re.compile(r": |\.")
_SPLIT: Final = re.compile(r" / |; |: | - |\|")
_PREFIX: Final = re.compile(r"(?:as|capec-)(?=\d)")
_WORDS: Final = {"listening": "true", "closed": "false"}  # of a socket's state
_FLAGS_AS_NUMBERS: Final = {"true": "number 1.0", "false": "number 0.0"}
_MOST: Final = 50  # lines


def losses(before: Any, after: Any) -> tuple[str, ...]:
    """A line for each property whose value is nowhere in what was made: ``indicator: name``, with how often.

    Both are documents of STIX or of MISP. A value is the same in another notation: a number, a time, a hive, a part of
    a pair, of a pattern or of a label.
    """
    # The template of an object says whose account it is.
    there = {
        text.removeprefix("account_type=")
        for one in tables()["objects"].values()
        for text in one.get("always", "").split()
    }
    for path, value in _leaves(after, "", _in_target):
        there.update(_notations(value))
        there.update(text for part in _parts(path, value) for text in _notations(part))
    missed: Counter[str] = Counter()
    for path, value in _leaves(before, "", _is_frame):
        implied = value in _IMPLIED.get(_NAME.split(path)[-1], ())
        if not implied and there.isdisjoint(_notations(value)) and not _is_in_parts(path, value, there):
            missed[path] += 1
    lines = [f"{path}{f' ({count} times)' if count > 1 else ''}" for path, count in missed.items()]
    return (*lines[:_MOST], *([f"{len(lines) - _MOST} further properties"] if len(lines) > _MOST else []))


def _is_in_parts(path: str, value: str, there: set[str]) -> bool:
    """Whether the parts of a pair or of a pattern are there, each by itself."""
    found = _parts(path, value)
    return bool(found) and not any(there.isdisjoint(_notations(one)) for one in found)


def _parts(path: str, value: str) -> list[str]:
    """What is said in one text, as patterns, pairs, contacts and names of people are written."""
    if path.endswith(": pattern"):
        return literals(value)
    if path.endswith("kill_chain"):
        return value.split(":")
    if path.endswith("identity: name"):
        return value.split()
    found = _SPLIT.split(value)
    return [*found, *(value.split("|") if "|" in value else ())] if len(found) > 1 else []


def _leaves(thing: Any, path: str, passed: Callable[[Json, str, Any], bool]) -> Iterator[tuple[str, str]]:
    """(property, value) of all that a document says; a member of a list by the property that has the list."""
    if isinstance(thing, list):
        for one in thing:
            yield from _leaves(one, path, passed)
    elif not isinstance(thing, dict):
        if thing not in (None, "") and path:
            yield path, str(thing)
    elif thing.get("type") != "marking-definition" and thing.get("deleted") not in (True, "1", 1):
        kind = thing.get("type") if "--" in str(thing.get("id")) else "" if path else _top(thing)
        above = f"{kind}: " if kind else f"{path}." if ": " in path else f"{path}: " if path else ""
        for name, value in thing.items():
            if not passed(thing, name, value):
                yield from _leaves(value, f"{above}{name}".removeprefix("response"), passed)


def _top(thing: Json) -> str:
    return "Event" if "info" in thing else ""


def _is_frame(thing: Json, name: str, value: Any) -> bool:
    """Whether a property says nothing of its own."""
    if name in _FRAME or _ROW.fullmatch(name) or name.endswith(("_ref", "_refs")):
        return True
    if not isinstance(value, dict | list):
        given = str(value)
        return (
            (name == "category" and given == default_category(str(thing.get("type"))))
            or (name == "name" and given.lower().startswith(_MARKINGS))
            or (name == "value" and thing.get("object_relation") == "accuracy-radius")  # in another unit
            or (name == "precision" and "longitude" in thing)
            or (
                name in {"name", "description"} and not set(thing).isdisjoint({"meta-category", "GalaxyCluster"})
            )  # of the template
        )
    return name == "Event" and ("meta-category" in thing or "value" in thing)  # the one that a search names


def _in_target(_: Json, name: str, value: Any) -> bool:  # noqa: ARG001 (as `_is_frame`)
    return name in _FLAGS


def _notations(value: str) -> Iterator[str]:
    """What is equal for a value in another notation."""
    text = canonical("windows-registry-key", "key", value.strip()).casefold()
    label = _LABEL.fullmatch(value)
    text = _WORDS.get(text, label[1].casefold() if label else text)
    yield from {text, _FLAGS_AS_NUMBERS.get(text, text)}
    plain = _PREFIX.sub("", text, count=1)
    if plain[:1].isdigit() or plain[:1] in "+-":
        with suppress(ValueError):
            yield f"number {float(plain)!r}"
        if when := read_time(value.strip()):
            yield f"time {int(when.timestamp())}"
        elif len(plain) in {9, 10} and plain.isdecimal():
            yield f"time {plain}"
        elif plain[2:3] == "-":
            yield canonical("mac-addr", "value", text)
