"""MISP events (draft-dulaunoy-misp-core-format): checked by hand, since no official validator exists; read and written.

Read as the field writes them: numbers as text, an event alone, in a list or in an answer of the API. What is attached
is named with its hash, its bytes are left out. Nothing that an event names is fetched.
"""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.entities import entity_of_cluster, galaxies_of
from tocsin.exchange.formats.json_documents import parse_json, write_json
from tocsin.exchange.formats.mapping import default_category, template
from tocsin.exchange.formats.markings import NOT_MARKED, UNMARKED, Markings, read_iep, read_label, stricter
from tocsin.exchange.formats.misp_check import check_event, event_around, events_around, things_of
from tocsin.exchange.formats.model import (
    Collection,
    Entity,
    Link,
    Observable,
    ObservableGroup,
    Report,
    Sighting,
    Source,
)
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Tlp

Json = Mapping[str, Any]

_DISTRIBUTIONS: Final = {
    "0": Markings(tlp=Tlp.AMBER_STRICT),
    "1": Markings(tlp=Tlp.GREEN),
    "2": Markings(tlp=Tlp.GREEN),
}
"""What a distribution forbids beside a tag; 3 forbids nothing, and 5 is that of the event."""

_MEANINGS: Final = {"0": "seen", "1": "false-positive", "2": "expired"}
_IEP: Final = re.compile(r'(?:iep|iep2-policy):([\w-]+)="(.*)"', re.IGNORECASE)
_FREE_TERMS: Final = ("id", "name", "description", "start_date", "end_date", "external_reference")
_EVENT_PROPERTIES: Final = ("threat_level_id", "analysis", "extends_uuid")


def check(data: bytes) -> Iterator[Verdict]:
    """One verdict for each event of the file."""
    document = parse_json(data)
    things = [*things_of(document)]
    for place, kind, thing in things:
        yield check_event(place, event_around(kind, thing))
    if not things:
        yield Verdict("", valid=False, faults=(Fault("", "", "It has no event of MISP."),))


def read(data: bytes) -> Collection:
    """The events of a file.

    Raises:
        InputError: there is none.

    """
    things = [(kind, thing) for _, kind, thing in things_of(parse_json(data))]
    events = [thing for kind, thing in things if kind == "Event"]
    events += events_around([one for one in things if one[0] in {"Attribute", "Object"}])
    if not events:
        raise InputError(
            "It has no event of MISP.", hint="An event has info, and Attribute or Object; those can be alone too."
        )
    found = tuple(_Reader(event).collection() for event in events)
    other = sum(not kind for kind, _ in things)
    missed = (f"Neither event, object nor attribute: {other}.",) if other else ()
    if len(found) == 1:
        return replace(found[0], not_understood=(*missed, *found[0].not_understood))
    return Collection(parts=found, not_understood=missed)


def write(collection: Collection) -> tuple[bytes, tuple[str, ...]]:
    """The events as MISP exports them: one alone, several as an answer of its API."""
    written = [_Writer(one) for one in collection.events]
    events = [{"Event": one.event()} for one in written]
    lost = tuple(dict.fromkeys(line for one in written for line in one.lost))
    return write_json(events[0] if len(events) == 1 else {"response": events}), lost


def misp_event(collection: Collection) -> tuple[dict[str, Any], tuple[str, ...]]:
    """One event as a MISP takes it, and what it could not say."""
    written = _Writer(collection)
    return written.event(), tuple(dict.fromkeys(written.lost))


def marking_of(thing: Json, above: Markings | None = None) -> Markings:
    """What its tags, its distribution and its sharing group say together: the stricter holds.

    ``above``: what the event says of a part of it. A distribution alone promises nothing: no label is AMBER+STRICT.
    """
    labels = [read_label(one) for one in _tags(thing)]
    policy = {found[1].replace("-", "_").lower(): found[2] for one in _tags(thing) if (found := _IEP.fullmatch(one))}
    terms = {
        name.replace("traffic_light_protocol", "tlp"): value if name in _FREE_TERMS else _iep_word(value)
        for name, value in policy.items()
    }
    tags = stricter(*(one for one in labels if one), read_iep(terms))
    group = _object(thing.get("SharingGroup")).get("uuid")
    if str(thing.get("distribution", "")) != "4":
        shared = _DISTRIBUTIONS.get(str(thing.get("distribution", "")), NOT_MARKED)
    else:
        shared = Markings(tlp=Tlp.AMBER if group and tags.tlp else UNMARKED, group=str(group or ""))
    labelled = tags.tlp or (above and (above.tlp or shared.tlp is Tlp.AMBER_STRICT)) or shared.group
    return stricter(tags, shared) if labelled else tags


def _iep_word(value: str) -> str:
    return value.lower().replace(" ", "-")


class _Reader:
    """One event, and what was passed over on the way, by its kind."""

    def __init__(self, event: Json) -> None:
        self._event, self._own = event, marking_of(event)
        self._missed: Counter[str] = Counter()
        self._entities: dict[str, Entity] = {}
        self._links: list[Link] = []
        self._sightings: list[Sighting] = []

    def collection(self) -> Collection:
        """The event with all that is in it."""
        event = self._event
        observables = tuple(self._observable(one) for one in self._kept(event, "Attribute"))
        groups = tuple(self._group(one) for one in self._kept(event, "Object"))
        reports = tuple(self._report(one) for one in self._kept(event, "EventReport"))
        self._galaxies(event, "")
        self._sightings += [self._sighting(one, "") for one in _list(event, "Sighting")]
        for name, why in _PASSED_OVER.items():
            self._missed[why] += len(_list(event, name))
        return Collection(
            title=_text(event.get("info")),
            id=_text(event.get("uuid")),
            time=_time(event.get("timestamp")) or _time(event.get("date")),
            published=_published(event),
            first_seen=_time(event.get("date")),
            source=_source(event.get("Orgc")),
            markings=self._own,
            labels=tuple(one for one in _tags(event) if not _says_marking(one)),
            observables=observables,
            groups=groups,
            sightings=tuple(self._sightings),
            reports=reports,
            entities=tuple(self._entities.values()),
            links=tuple(self._links),
            properties={name: str(event[name]) for name in _EVENT_PROPERTIES if event.get(name) not in (None, "")},
            not_understood=tuple(f"{why}: {count}." for why, count in self._missed.items() if count),
        )

    def _kept(self, thing: Json, name: str) -> Iterator[Json]:
        """The members that were not deleted."""
        given = thing.get(name) or []
        self._missed[f"What is no object of JSON ({name})"] += len(given if isinstance(given, list) else [given])
        for one in _list(thing, name):
            self._missed[f"What is no object of JSON ({name})"] -= 1
            if one.get("deleted") in (True, "1", 1):
                self._missed[f"Deleted, left out ({name})"] += 1
            else:
                yield one

    def _observable(self, attribute: Json) -> Observable:
        type_, value = _text(attribute.get("type")), _text(attribute.get("value"))
        uuid = _text(attribute.get("uuid"))
        comment = _text(attribute.get("comment"))
        if attribute.get("data"):
            self._missed["Files that are attached are named, their bytes left out"] += 1
            comment = f"{comment} (sha256 {_sha256(_text(attribute['data']))})".strip()
        self._missed["Proposals are not taken over"] += len(_list(attribute, "ShadowAttribute"))
        self._galaxies(attribute, uuid)
        self._sightings += [self._sighting(one, uuid) for one in _list(attribute, "Sighting")]
        return Observable(
            type=type_,
            value=value,
            id=uuid,
            relation=_text(attribute.get("object_relation")),
            indicator=attribute.get("to_ids") in (True, 1, "1", "true"),
            category=_text(attribute.get("category")) or default_category(type_),
            comment=comment,
            time=_time(attribute.get("timestamp")),
            first_seen=_time(attribute.get("first_seen")),
            last_seen=_time(attribute.get("last_seen")),
            markings=marking_of(attribute, self._own),
            labels=tuple(one for one in _tags(attribute) if not _says_marking(one)),
        )

    def _group(self, thing: Json) -> ObservableGroup:
        uuid = _text(thing.get("uuid"))
        for one in self._kept(thing, "ObjectReference"):
            target = _text(one.get("referenced_uuid"))
            kind, comment = _text(one.get("relationship_type")), _text(one.get("comment"))
            self._links.append(Link(uuid, kind, target, _text(one.get("uuid")), _time(one.get("timestamp")), comment))
        return ObservableGroup(
            name=_text(thing.get("name")),
            observables=tuple(self._observable(one) for one in self._kept(thing, "Attribute")),
            id=uuid,
            category=_text(thing.get("meta-category")),
            comment=_text(thing.get("comment")),
            time=_time(thing.get("timestamp")),
            first_seen=_time(thing.get("first_seen")),
            last_seen=_time(thing.get("last_seen")),
            markings=marking_of(thing, self._own),
        )

    def _report(self, report: Json) -> Report:
        return Report(
            title=_text(report.get("name")),
            description=_text(report.get("content")),
            id=_text(report.get("uuid")),
            time=_time(report.get("timestamp")),
            markings=marking_of(report, self._own),
        )

    def _sighting(self, sighting: Json, of: str) -> Sighting:
        return Sighting(
            of=_text(sighting.get("attribute_uuid")) or of,
            time=_time(sighting.get("date_sighting")),
            id=_text(sighting.get("uuid")),
            meaning=_MEANINGS.get(str(sighting.get("type", "0")), "seen"),
            source=_source(sighting.get("Organisation")),
        )

    def _galaxies(self, thing: Json, of: str) -> None:
        for galaxy in _list(thing, "Galaxy"):
            for cluster in _list(galaxy, "GalaxyCluster"):
                found = entity_of_cluster(galaxy, cluster)
                self._entities.setdefault(found.id, found)
                if of:
                    self._links.append(Link(of, "related-to", found.id))


_PASSED_OVER: Final = {
    "ShadowAttribute": "Proposals are not taken over",
    "Note": "Notes, opinions and relations of analysts are not taken over",
    "Opinion": "Notes, opinions and relations of analysts are not taken over",
    "Relationship": "Notes, opinions and relations of analysts are not taken over",
    "RelatedEvent": "Correlations belong to the server that made them",
}


class _Writer:
    """One event, and what it could not say."""

    def __init__(self, collection: Collection) -> None:
        self._all = collection
        self._id = collection.id or _derived(collection.title, str(collection.time or collection.first_seen))
        self.lost: list[str] = []
        self._by_id = {one.id: one for one in collection.entities if one.id}
        self._sightings: defaultdict[str, list[Sighting]] = defaultdict(list)
        self._entities: defaultdict[str, list[Entity]] = defaultdict(list)
        self._references: defaultdict[str, list[Link]] = defaultdict(list)
        for sighting in collection.sightings:
            self._sightings[sighting.of].append(sighting)
        for link in collection.links:
            if link.target in self._by_id:
                self._entities[link.source].append(self._by_id[link.target])
            else:
                self._references[link.source].append(link)

    def event(self) -> dict[str, Any]:
        """The event as MISP exports it."""
        all_ = self._all
        when = all_.time or all_.published or all_.first_seen
        groups = {one.id for one in all_.groups}
        values = {one.id for one in all_.all_observables()}
        unlinked = [one for one in all_.links if one.source not in (values if one.target in self._by_id else groups)]
        if unlinked:
            self.lost.append(f"Relations between things that are no objects of MISP: {len(unlinked)}.")
        if all_.markings.statements:
            self.lost.append(f"Terms of use in words: {'; '.join(all_.markings.statements)}")
        notes = [one for one in all_.reports if one.kind == "opinion"]
        if notes:
            self.lost.append(f"Opinions became reports of the event: {len(notes)}.")
        return {
            "uuid": self._id,
            "info": all_.title or all_.description or "No title",
            **({"date": day.date().isoformat()} if (day := all_.first_seen or when) else {}),
            **({"timestamp": _seconds(all_.time)} if all_.time else {}),
            "published": all_.published is not None,
            **({"publish_timestamp": _seconds(all_.published)} if all_.published else {}),
            "threat_level_id": all_.properties.get("threat_level_id", "4"),
            "analysis": all_.properties.get("analysis", "0"),
            **({"extends_uuid": all_.properties["extends_uuid"]} if all_.properties.get("extends_uuid") else {}),
            **(
                {"Orgc": {"name": all_.source.name, "uuid": all_.source.id or _derived(all_.source.name)}}
                if all_.source
                else {}
            ),
            **_shared(all_.markings, event=True),
            "Tag": [*_marking_tags(all_.markings), *({"name": one} for one in all_.labels)],
            "Attribute": [self._attribute(one) for one in all_.observables],
            "Object": [self._object(one) for one in all_.groups],
            "Galaxy": galaxies_of(all_.entities),
            "EventReport": [self._report(one) for one in self._reports()],
            **self._free_sightings(),
        }

    def _reports(self) -> list[Report]:
        given = [Report("Description", self._all.description)] if self._all.description and self._all.title else []
        return [*given, *self._all.reports]

    def _attribute(self, one: Observable) -> dict[str, Any]:
        seen = self._sightings.get(one.id, []) if one.id else []
        entities = self._entities.get(one.id, []) if one.id else []
        return {
            "uuid": one.id or _derived(self._id, one.type, one.relation, one.value),
            "type": one.type,
            "value": one.value,
            "category": one.category or default_category(one.type),
            "to_ids": one.indicator,
            **({"object_relation": one.relation} if one.relation else {}),
            "comment": one.comment,
            "disable_correlation": False,
            **_times(one),
            **_shared(one.markings),
            **(
                {"Tag": tags}
                if (tags := [*_marking_tags(one.markings), *({"name": name} for name in one.labels)])
                else {}
            ),
            **({"Sighting": [self._sighting(sighting) for sighting in seen]} if seen else {}),
            **({"Galaxy": galaxies_of(entities)} if entities else {}),
            **({"data": one.attachment} if one.attachment else {}),
        }

    def _object(self, group: ObservableGroup) -> dict[str, Any]:
        known = template(group.name)
        uuid = group.id or _derived(self._id, group.name, *(one.value for one in group.observables))
        # An object of MISP has no tags: each of its attributes has its markings and labels.
        inner = [
            replace(
                one,
                markings=stricter(group.markings, one.markings),
                labels=tuple(dict.fromkeys((*group.labels, *one.labels))),
            )
            for one in group.observables
        ]
        links = self._references.get(group.id, []) if group.id else []
        return {
            "uuid": uuid,
            "name": group.name,
            "meta-category": group.category or (known.category if known else "misc"),
            "comment": group.comment,
            **_times(group),
            **_shared(group.markings),
            "Attribute": [self._attribute(one) for one in inner],
            "ObjectReference": [
                {
                    "uuid": link.id or _derived(link.source, link.kind, link.target),
                    "object_uuid": uuid,
                    "referenced_uuid": link.target,
                    "relationship_type": link.kind,
                    "comment": link.comment,
                }
                for link in links
            ],
        }

    def _report(self, report: Report) -> dict[str, Any]:
        return {
            "uuid": report.id or _derived(self._id, report.title, report.description),
            "name": report.title or report.kind,
            "content": report.description,
            **({"timestamp": _seconds(report.time)} if report.time else {}),
            **_shared(report.markings),
            "Tag": _marking_tags(report.markings),
        }

    def _sighting(self, one: Sighting) -> dict[str, Any]:
        types = {meaning: number for number, meaning in _MEANINGS.items()}
        if one.count > 1:
            self.lost.append("How often a thing was seen: MISP counts a sighting once.")
        return {
            "uuid": one.id or _derived(one.of, str(one.time)),
            "type": types[one.meaning],
            **({"attribute_uuid": one.of} if one.of else {}),
            **({"date_sighting": _seconds(when)} if (when := one.time or one.last_seen) else {}),
            **({"Organisation": {"name": one.source.name, "uuid": one.source.id}} if one.source else {}),
        }

    def _free_sightings(self) -> dict[str, Any]:
        known = {one.id for one in self._all.all_observables()}
        free = [one for one in self._all.sightings if one.of not in known]
        return {"Sighting": [self._sighting(one) for one in free]} if free else {}


def _shared(markings: Markings, *, event: bool = False) -> dict[str, Any]:
    """A distribution that is never wider than the label; 5 is that of the event.

    AMBER is for the recipient and its clients, which MISP cannot say: all organisations of a server see distribution 1.
    """
    if markings.group:
        group = {"uuid": markings.group, "name": f"Agreement {markings.group}"}
        return {"distribution": "4", "sharing_group_id": "0", "SharingGroup": group}
    if not event and markings.tlp is None:
        return {"distribution": "5", "sharing_group_id": "0"}
    wide = {Tlp.CLEAR: "3", Tlp.GREEN: "1"}
    return {"distribution": wide.get(markings.tlp, "0") if markings.tlp else "0", "sharing_group_id": "0"}


def _marking_tags(markings: Markings) -> list[dict[str, str]]:
    return [
        *([{"name": f"tlp:{markings.tlp.lower()}"}] if markings.tlp else []),
        *([{"name": f"PAP:{markings.pap}"}] if markings.pap else []),
        *({"name": f'iep2-policy:{name}="{value}"'} for name, value in markings.iep),
    ]


def _says_marking(tag: str) -> bool:
    return read_label(tag) is not None or _IEP.fullmatch(tag) is not None


def _times(one: Observable | ObservableGroup) -> dict[str, Any]:
    return {
        **({"timestamp": _seconds(one.time)} if one.time else {}),
        **({"first_seen": one.first_seen.isoformat()} if one.first_seen else {}),
        **({"last_seen": one.last_seen.isoformat()} if one.last_seen else {}),
    }


def _seconds(when: datetime) -> str:
    return str(int(when.timestamp()))


def _published(event: Json) -> datetime | None:
    if event.get("published") not in (True, "1", 1):
        return None
    return _time(event.get("publish_timestamp")) or _time(event.get("timestamp")) or _time(event.get("date"))


def _time(value: object) -> datetime | None:
    """A time as Unix seconds or in ISO 8601; None: nothing, zero, or no time."""
    text = _text(value).strip()
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC) if int(text) else None
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _tags(thing: Json) -> list[str]:
    return [_text(one.get("name")) for one in _list(thing, "Tag") if one.get("name")]


def _source(value: object) -> Source | None:
    found = _object(value)
    return Source(_text(found.get("name")), _text(found.get("uuid"))) if found.get("name") else None


def _sha256(data: str) -> str:
    try:
        return hashlib.sha256(b64decode(data)).hexdigest()
    except (Base64Error, ValueError):
        return "of its base64 " + hashlib.sha256(data.encode()).hexdigest()


def _derived(*parts: str) -> str:
    """A UUID that is the same for the same things."""
    return str(uuid5(NAMESPACE_URL, "\n".join(parts)))


def _list(thing: Json, name: str) -> list[Json]:
    found = thing.get(name)
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)
