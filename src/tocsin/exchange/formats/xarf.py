"""X-ARF 4 (https://xarf.org), checked by the library ``xarf``, which reads version 3 too: a report is an event.

Evidence is never kept. A report of a class that must never be held, also one inside of another, is refused, and
nothing of it is said.
"""

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tocsin.delivery import XarfSender, xarf_reports
from tocsin.events.redaction import ABUSE, reduced
from tocsin.events.sources import xarf_values
from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.json_documents import read_documents, write_json
from tocsin.exchange.formats.markings import Markings, narrowed, read_label, stricter
from tocsin.exchange.formats.model import Collection, Observable, Source
from tocsin.exchange.formats.vocabulary import (
    all_markings,
    as_text,
    details_left,
    event_time,
    incident_types,
    read_marking_words,
    read_time,
    rsit_label,
    uuid_of,
)
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Tlp

NO_CONTACT: Final = "unknown@source.invalid"
"""Stands for the mail address of a source that has none here: X-ARF asks for one."""

_LABEL: Final = "xarf:"
_LONGEST: Final = 200  # characters of a reason
_MOST_TAGS: Final = 20  # X-ARF 4, core schema

_READ: Final = set("category type tags reporter report_id xarf_version confidence first_seen last_seen".split())

# Fields of an event (IntelMQ Data Format), and the observable that each is.
_OBSERVABLES: Final = {
    "source.ip": "ip-src",
    "source.fqdn": "hostname",
    "source.url": "url",
    "source.account": "email-src",
    "source.asn": "AS",
    "destination.ip": "ip-dst",
    "product.vulnerabilities": "vulnerability",
    "malware.name": "malware-type",
}
# The field that an observable of a type is when it is the source of what is reported.
_SOURCES: Final = {
    "ip-src": "source.ip",
    "ip-dst": "source.ip",
    "domain": "source.fqdn",
    "hostname": "source.fqdn",
    "url": "source.url",
    "email": "source.account",
    "email-src": "source.account",
}


def check(data: bytes) -> Iterator[Verdict]:
    """A verdict for each report; ``not_understood``: fields that its type does not have."""
    for place, report in read_documents(data):
        if isinstance(report, InputError):
            yield Verdict("", valid=False, faults=(Fault(place, "", str(report)),))
        elif _is_never_held(report):
            yield Verdict("", valid=False, faults=(Fault(place, "", ABUSE),))
        elif not isinstance(report, dict) or not {"xarf_version", "ReporterInfo"} & report.keys():
            yield Verdict("", valid=False, faults=(Fault(place, "", "It is no X-ARF report: no xarf_version."),))
        else:
            yield _verdict(report, place)


def read(data: bytes) -> Collection:
    """The reports of a file.

    Raises:
        InputError: one cannot be read, is no report, or must never be held.

    """
    events = tuple(_event(report) for _, report in read_documents(data))
    return events[0] if len(events) == 1 else Collection(parts=events)


def write(collection: Collection) -> tuple[bytes, tuple[str, ...]]:
    """A report for each observable that can be a source: one by itself, several as an array.

    An ``ip-dst`` that is no indicator is the end that was attacked, and never reported as a source.

    Raises:
        InputError: nothing in it can be a source, or it has no time.

    """
    unsaid: list[str] = []
    reports = [report for event in collection.events for report in _reports(event, unsaid)]
    if not reports:
        raise InputError("Nothing in it can be the source of an X-ARF report.")
    return write_json(reports[0] if len(reports) == 1 else reports), tuple(dict.fromkeys(unsaid))


def _is_never_held(report: Any) -> bool:
    found: list[str] = []
    reduced(report, found=lambda _, class_name: found.append(class_name))
    return bool(found)


def _verdict(report: dict[str, Any], place: str) -> Verdict:
    from xarf import parse
    from xarf.exceptions import XARFError

    old = "ReporterInfo" in report
    version = "3" if old else as_text(report.get("xarf_version"))[:20]
    try:
        with warnings.catch_warnings(action="ignore"):
            found = parse(report)
    except (XARFError, AttributeError, KeyError, TypeError, ValueError) as error:
        return Verdict(
            version, valid=False, faults=(Fault(place, "", _short(f"It cannot be read: {error}")),), objects=1
        )
    faults = tuple(Fault(".".join(filter(None, (place, one.field))), "", _short(one.message)) for one in found.errors)
    others = tuple(dict.fromkeys(one.field for one in found.warnings if one.field))
    return Verdict(version, not faults, faults, 1, others)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _event(report: Any) -> Collection:
    if isinstance(report, InputError):
        raise report
    if not isinstance(report, dict):
        raise InputError("It is no X-ARF report: no JSON object.")
    if _is_never_held(report):
        raise InputError(ABUSE)
    try:
        with warnings.catch_warnings(action="ignore"):
            values = xarf_values(report)
    except ValueError as error:
        raise InputError(str(error)) from error
    kept = reduced(report)
    name = f"{values.get('extra.category')}/{values.get('extra.type')}"
    label = rsit_label(str(values["classification.type"]))
    return Collection(
        title=as_text(values.get("event_description.text")) or name,
        id=uuid_of(as_text(report.get("report_id"))),
        time=read_time(values.get("time.source")),
        first_seen=read_time(values.get("extra.first_seen")),
        last_seen=read_time(values.get("extra.last_seen")),
        source=Source(as_text(values["feed.provider"])) if values.get("feed.provider") else None,
        markings=_markings(report.get("tags")),
        labels=(_LABEL + name, *([label] if label else []), *_other_tags(report.get("tags"))),
        observables=tuple(_observables(values)),
        not_understood=tuple(sorted(key.removeprefix("extra.") for key in values if _is_left(key))),
        original=("xarf", kept) if "xarf_version" in report else None,
    )


def _is_left(key: str) -> bool:
    """Whether a field of an event says something that has no place in the model."""
    return key.startswith("extra.") and key.removeprefix("extra.") not in _READ


def _observables(values: Mapping[str, Any]) -> Iterator[Observable]:
    confidence = values.get("extra.confidence")
    percent = round(confidence * 100) if isinstance(confidence, int | float) and 0 <= confidence <= 1 else None
    for field, kind in _OBSERVABLES.items():
        value, port = as_text(values.get(field)), as_text(values.get(field.replace(".ip", ".port")))
        if value and field.endswith(".ip") and port:
            yield Observable(f"{kind}|port", f"{value}|{port}", confidence=percent)
        elif value:
            yield Observable(kind, value, confidence=percent)


def _tags(tags: Any) -> Iterator[str]:
    yield from (one for one in (tags if isinstance(tags, list) else []) if isinstance(one, str))


def _markings(tags: Any) -> Markings:
    """What tags say; ``iep-NAME:VALUE`` and ``group:UUID`` are ours, since X-ARF has no word for them."""
    found = list(filter(None, map(read_label, _tags(tags))))
    own = [one.partition(":") for one in _tags(tags)]
    words = [f"IEP:{name.removeprefix('iep-')}={value}" for name, _, value in own if name.startswith("iep-")]
    words += [f"GROUP:{value}" for name, _, value in own if name == "group"]
    return stricter(*found, read_marking_words(words))


def _is_marking(tag: str) -> bool:
    return tag.startswith(("iep-", "group:")) or read_label(tag) is not None


def _other_tags(tags: Any) -> Iterator[str]:
    yield from (one for one in _tags(tags) if not _is_marking(one))


def _marking_tags(markings: Markings) -> list[str]:
    iep = [f"iep-{name}:{value}" for name, value in markings.iep]
    labels = [*([f"tlp:{markings.tlp}"] if markings.tlp else []), *([f"pap:{markings.pap}"] if markings.pap else [])]
    return [*(one.lower() for one in labels), *iep, *([f"group:{markings.group}"] if markings.group else [])]


def _reports(event: Collection, unsaid: list[str]) -> Iterator[dict[str, Any]]:
    if event.original and event.original[0] == "xarf":
        report, markings = event.original[1], all_markings(event)
        same = markings == _markings(report.get("tags"))
        yield report if same else {**report, "tags": [*_marking_tags(markings), *_other_tags(report.get("tags"))]}
        return
    contact = event.source.name if event.source and "@" in event.source.name else NO_CONTACT
    sender = XarfSender(event.source.name if event.source else "unknown", contact)
    if contact == NO_CONTACT:
        unsaid.append(f"The source has no mail address here: {NO_CONTACT} stands for it.")
    unsaid += [f"Terms without a place in X-ARF: {one}" for one in all_markings(event).statements]
    rest = {"reports": event.reports, "entities": event.entities, "links": event.links, "sightings": event.sightings}
    unsaid += [f"{len(found)} {name} have no place in X-ARF." for name, found in rest.items() if found]
    unsaid += details_left(event, "X-ARF")
    sources = list(_sources(event, unsaid))
    for (markings, _), report in zip(sources, xarf_reports([row for _, row in sources], sender), strict=True):
        narrow, lost = narrowed(markings, Tlp)
        unsaid += lost
        document = json.loads(report)
        yield {**document, "tags": [*_marking_tags(narrow), *_labels(event)][:_MOST_TAGS]}


def _labels(event: Collection) -> Iterator[str]:
    """The labels that are tags as X-ARF wants them."""
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_+-")
    for label in dict.fromkeys(event.labels):
        parts = label.split(":")
        if len(parts) == 2 and all(part and part[0].isalnum() and set(part) <= allowed for part in parts):
            yield label


def _sources(event: Collection, unsaid: list[str]) -> Iterator[tuple[Markings, dict[str, Any]]]:
    """An event of the IntelMQ Data Format for each observable that can be a source, with its marking."""
    time = event_time(event)
    common = {
        "classification.type": next(incident_types(event.labels), "other"),
        "event_description.text": event.title,
        "feed.provider": event.source.name if event.source else "",
    }
    found = event.all_observables()
    attacked = [one for one in found if one.type.startswith("ip-dst") and not one.indicator]
    more = {"destination.ip": attacked[0].value.partition("|")[0]} if len(attacked) == 1 else {}
    left: Counter[str] = Counter(one.type for one in (attacked if not more else []))
    within = {id(one): group.markings for group in event.groups for one in group.observables}
    for one in found:
        kind, _, second = one.type.partition("|")
        if any(one is other for other in attacked):
            continue
        if kind not in _SOURCES or second not in {"", "port"}:
            left[one.type] += 1
            continue
        value, _, port = one.value.rpartition("|") if second else (one.value, "", "")
        when = one.time or time
        if when is None:
            raise InputError("X-ARF asks for a time, and nothing here has one.")
        row: dict[str, Any] = {**common, **more, _SOURCES[kind]: value, "time.source": when.isoformat(), "event": ""}
        row["event"] = uuid_of(f"{event.id}|{one.type}|{one.value}|{when.isoformat()}")
        row |= {"source.port": int(port)} if port.isdecimal() else {}
        yield stricter(event.markings, within.get(id(one), Markings()), one.markings), row
    unsaid += [f"{count} observables of type {kind} have no place in X-ARF." for kind, count in sorted(left.items())]
