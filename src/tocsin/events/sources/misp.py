"""Events of MISP as its interface, its feeds and its exports write them (MISP core format): one for each attribute.

An attribute gives an event where it names an address, a domain or a URL; others, such as hashes and texts, are passed
over, and files that are attached are never kept.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from tocsin.events.encoding import as_text
from tocsin.events.sources import Chunk, Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT
from tocsin.events.sources.json_records import JsonRecords, Record, Row
from tocsin.node.sentences import say

NAME: Final = "misp"

_FIELDS: Final = {
    "ip-src": ("source.ip",),
    "ip-dst": ("source.ip",),
    "ip-src|port": ("source.ip", "source.port"),
    "ip-dst|port": ("source.ip", "source.port"),
    "domain": ("source.fqdn",),
    "hostname": ("source.fqdn",),
    "domain|ip": ("source.fqdn", "source.ip"),
    "hostname|port": ("source.fqdn", "source.port"),
    "url": ("source.url",),
    "uri": ("source.url",),
}
"""The fields of an attribute's value by its type; parts stand between ``|``."""

_TAGS: Final = {
    r"(?:ecsirt|rsit):.*(?:c&c|c2-server)": "c2-server",
    r"(?:ecsirt|rsit):.*(?:ransomware|botnet-drone|infected-system)": "infected-system",
    r"(?:ecsirt|rsit):.*(?:worm|trojan|spyware|virus|dialer)": "infected-system",
    r"(?:ecsirt|rsit):.*malware-distribution": "malware-distribution",
    r"[^:=]*+[:=].*phishing": "phishing",
    r"(?:ecsirt|rsit):.*(?:brute-force|login)": "brute-force",
    r"(?:ecsirt|rsit):.*scanner": "scanner",
    r"(?:ecsirt|rsit):.*ddos": "ddos",
    r"(?:ecsirt|rsit):.*spam": "spam",
    r"(?:ecsirt|rsit):.*exploit": "exploit",
    r"(?:ecsirt|rsit):.*defacement": "unauthorised-information-modification",
    r"(?:ecsirt|rsit):.*compromise": "system-compromise",
}
"""Patterns of tags, first to last: the type that they say."""

_ABOVE: Final = ("id", "uuid", "info", "date", "threat_level_id", "distribution", "Tag", "Orgc")
_LABELS: Final = ("clear", "white", "green", "amber", "amber+strict", "red")
_LIMITS: Final = {"0": "amber+strict", "1": "green", "2": "green", "4": "amber"}
"""What a distribution allows at most: your organisation, this community, connected communities, a sharing group."""

_PORT: Final = re.compile(r"\bport(?: number)?:? (\d{1,5})\b", re.IGNORECASE)


class Misp:
    """The source (`tocsin.events.sources.FeedSource`); any name is one of its feeds."""

    name = NAME

    def recognise(self, filename: str, head: bytes) -> str | None:
        """``misp`` when it looks like an event: attributes, and who made it."""
        del filename
        text = as_text(head)[0]
        marks = ('"Attribute"', '"orgc_id"', '"Orgc"', '"threat_level_id"', '"attribute_count"', '"to_ids"')
        return NAME if text.lstrip()[:1] in {"{", "["} and sum(mark in text for mark in marks) > 1 else None

    def feed(self, code: str) -> Feed:
        """A feed of that name."""
        return Feed(source=NAME, code=code, name=code)

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        del code
        return _Attributes(stream, chunk_bytes, _row, field_limit, several=True)


def source(_: Sequence[Path] = ()) -> Misp:
    """The source, as the registry asks for it."""
    return Misp()


class _Attributes(JsonRecords):
    """Each attribute with what is said of its event, so that it can be read again by itself."""

    def _records(self, chunk: Chunk) -> Iterator[Record]:
        for record in super()._records(chunk):
            events = list(_events(record.value))
            if record.reason or not events:
                yield Record(record.line, record.raw, None, record.reason or say("This is no event of MISP."))
            for event in events:
                above = {name: event[name] for name in _ABOVE if name in event}
                malware = _malware(event)
                for attribute in _attributes(event):
                    alone = {**above, **({"malware": malware} if malware else {}), "Attribute": [attribute]}
                    yield Record(record.line, json.dumps({"Event": alone}, ensure_ascii=False), alone)


def _events(value: object) -> Iterator[Mapping[str, object]]:
    """The events of a document: one, a list, or what the interface answers."""
    answer = value.get("response", value) if isinstance(value, dict) else value
    for one in answer if isinstance(answer, list) else [answer]:
        event = one.get("Event", one) if isinstance(one, dict) else None
        if isinstance(event, dict) and ("Attribute" in event or "Object" in event):
            yield event


def _attributes(event: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Those of the event and of its objects that name an asset."""
    objects = event.get("Object")
    holders = [event, *(objects if isinstance(objects, list) else [])]
    for holder in holders:
        found = holder.get("Attribute") if isinstance(holder, dict) and not _is(holder.get("deleted")) else None
        for one in found if isinstance(found, list) else []:
            if (
                isinstance(one, dict)
                and one.get("type") in _FIELDS
                and one.get("value")
                and not _is(one.get("deleted"))
            ):
                yield {**_around(holder, event), **{name: value for name, value in one.items() if name != "data"}}


def _around(holder: Mapping[str, object], event: Mapping[str, object]) -> dict[str, object]:
    """What the object of an attribute says of whom it is for."""
    inside = holder is not event and "distribution" in holder
    return {"object_distribution": holder["distribution"]} if inside else {}


def _malware(event: Mapping[str, object]) -> str:
    """The malware that an attribute of the event names."""
    if isinstance(event.get("malware"), str):
        return str(event["malware"])
    found = event.get("Attribute")
    texts = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    named = [one for one in texts if one.get("category") == "Payload type" and one.get("type") == "text"]
    return str(named[0].get("value", "")) if named else ""


def _row(alone: Mapping[str, object]) -> Row:
    listed: list[dict[str, object]] = alone["Attribute"]  # type: ignore[assignment]  # as `_records` made it
    attribute = listed[0]
    names = _FIELDS[str(attribute["type"])]
    comment = str(attribute.get("comment") or "")
    port = _PORT.search(comment)
    return {
        **({"source.port": port[1]} if port else {}),
        **dict(zip(names, str(attribute["value"]).split("|"), strict=False)),
        "classification.type": _type([*_tags(alone), *_tags(attribute)], attribute),
        "time.source": attribute.get("last_seen") or attribute.get("timestamp"),
        "event_description.text": attribute.get("category"),
        "malware.name": alone.get("malware"),
        "comment": comment,
        "tlp": _label(alone, attribute),
        "extra.misp.event": alone.get("info"),
        "extra.misp.event_uuid": alone.get("uuid"),
        "extra.misp.attribute_uuid": attribute.get("uuid"),
        "extra.misp.tags": [*_tags(alone), *_tags(attribute)],
    }


def _tags(value: Mapping[str, object]) -> list[str]:
    found = value.get("Tag")
    return [str(one.get("name")) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _label(alone: Mapping[str, object], attribute: Mapping[str, object]) -> str | None:
    """The strictest of all labels and distributions; None where there is no label and nothing narrower than a feed's.

    A label that is none of TLP 2.0's is the strictest of all: the reader of labels knows what it makes of it.
    """
    tags = [tag.lower() for tag in (*_tags(attribute), *_tags(alone))]
    said = [tag[4:] for tag in tags if tag.startswith("tlp:") and not tag.startswith("tlp:ex:")]
    given = (alone.get("distribution"), attribute.get("object_distribution"), attribute.get("distribution"))
    limits = [_LIMITS[str(one)] for one in given if str(one) in _LIMITS]
    if not said and _LIMITS["0"] not in limits:
        return None
    return max([*said, *limits], key=lambda one: _LABELS.index(one) if one in _LABELS else len(_LABELS))


def _type(tags: Sequence[str], attribute: Mapping[str, object]) -> str:
    """By the tags, else by what the category says of the end that the attribute names."""
    for pattern, kind in _TAGS.items():
        if any(re.match(pattern, tag, re.IGNORECASE) for tag in tags):
            return kind
    if attribute.get("category") == "Payload delivery" or attribute.get("type") == "domain|ip":
        return "malware-distribution"
    if attribute.get("category") == "Network activity" and attribute.get("type") == "ip-src":
        return "infected-system"
    return "c2-server" if attribute.get("category") == "Network activity" and _is(attribute.get("to_ids")) else "other"


def _is(value: object) -> bool:
    """A flag as MISP writes it: also as a number or a text."""
    return value in (True, 1, "1", "true")
