"""A collection as a bundle of STIX 2.1: each value observed, with an indicator where it warns, all of it marked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from tocsin.exchange.formats.entities import CUSTOM, object_of_entity
from tocsin.exchange.formats.mapping import default_category, tables, template
from tocsin.exchange.formats.markings import NOT_MARKED, Markings, stricter
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
from tocsin.exchange.formats.stix_markings import definitions, references
from tocsin.exchange.formats.stix_objects import Json, fits, stix_time
from tocsin.exchange.formats.stix_observables import (
    group_objects,
    group_pattern,
    indicator_name,
    observable_objects,
    observable_pattern,
)
from tocsin.exchange.formats.stix_pattern import is_rule

_OBSERVED: Final = frozenset(name for name, kind in tables()["alone"].items()) - {"location", "note"}
_OPINIONS: Final = {"false-positive": "strongly-disagree", "expired": "disagree"}
_TYPED: Final = re.compile(r"[^a-z0-9]+")


def write_bundle(collection: Collection) -> tuple[Json, tuple[str, ...]]:
    """The bundle, and what it could not say."""
    objects: dict[str, Json] = {}
    lost: list[str] = []
    for event in collection.events:
        writer = _Writer(event)
        for one in writer.objects():
            objects.setdefault(one["id"], one)
        lost += writer.lost
    made = str(uuid5(NAMESPACE_URL, "\n".join(objects)))
    return {"type": "bundle", "id": f"bundle--{made}", **({"objects": [*objects.values()]} if objects else {})}, tuple(
        dict.fromkeys(lost)
    )


class _Writer:
    """One event: its objects in order, and the id under which each thing can be referred to."""

    def __init__(self, collection: Collection) -> None:
        self._all = collection
        self._when = collection.time or collection.published or collection.first_seen or datetime.now(UTC)
        self._made: list[Json] = []
        self._markings: dict[str, Json] = {}
        self._ids: dict[str, list[str]] = {}
        self._entries: dict[str, list[ObservableGroup]] = {}
        self.lost: list[str] = []

    def objects(self) -> Iterable[Json]:
        """All objects, the source and the report first, what they are marked with last."""
        event = self._all
        source = self._source()
        for one in event.observables:
            self._observable(one)
        embedded = self._entries = self._embedded()
        inner_ids = {inner.id for inners in embedded.values() for inner in inners}
        for group in sorted(event.groups, key=lambda one: one.name == "annotation"):  # a note names what it is about
            if group.id not in inner_ids:
                self._group(group, embedded.get(group.id, []))
        for entity in event.entities:
            self._entity(entity)
        for link in event.links:
            self._link(link)
        for sighting in event.sightings:
            self._sighting(sighting)
        whole = self._whole()
        for report in event.reports:
            self._report(report, whole)
        return [*source, *whole, *self._made, *self._markings.values()]

    def _source(self) -> list[Json]:
        source = self._all.source
        if source is None:
            return []
        id_ = _identity(source)
        made = {
            "type": "identity",
            "spec_version": "2.1",
            "id": id_,
            "created": stix_time(self._when),
            "modified": stix_time(self._when),
        }
        return [{**made, "name": source.name, "identity_class": "organization"}]

    def _common(
        self, type_: str, uuid: str, when: datetime | None, markings: Markings, labels: Sequence[str] = ()
    ) -> Json:
        at = stix_time(when or self._when)
        source = self._all.source
        return {
            "type": type_,
            "spec_version": "2.1",
            "id": f"{type_}--{uuid}",
            **({"created_by_ref": _identity(source)} if source else {}),
            "created": at,
            "modified": at,
            **({"labels": [*labels]} if labels else {}),
            **self._marked(markings),
        }

    def _marked(self, markings: Markings) -> Json:
        made = definitions(stricter(self._all.markings, markings))
        self._markings |= {one["id"]: one for one in made}
        return references(made)

    def _whole(self) -> list[Json]:
        """The event itself: a report where it was published, else a grouping; nothing where it says nothing."""
        event = self._all
        ids = [one["id"] for one in self._made]
        if not (event.title or event.id or event.description):
            return []
        if not ids:
            # Both refer to at least one object; a note can stand for an event that has none.
            ids = [_identity(event.source)] if event.source else []
        kind = "report" if event.published else "grouping"
        properties = {f"x_misp_{name}": value for name, value in event.properties.items()}
        made = self._common(
            kind, _uuid(event.id, event.title, stix_time(self._when)), event.time, event.markings, event.labels
        )
        if not ids:
            self.lost.append("An event without any content and source cannot be said in STIX.")
            return []
        return [
            {
                **made,
                "name": event.title or event.description[:200],
                **({"description": event.description} if event.description else {}),
                **(
                    {"published": stix_time(event.published)} if event.published else {"context": "suspicious-activity"}
                ),
                "object_refs": ids,
                **properties,
                **({"x_misp_date": event.first_seen.date().isoformat()} if event.first_seen else {}),
            }
        ]

    def _observable(self, one: Observable) -> None:
        one = self._unique(_with_id(one, self._all.id))
        labels = [
            f'misp:type="{one.type}"',
            *([f'misp:category="{one.category}"'] if one.category else []),
            *one.labels,
        ]
        named = tables()["named"].get(one.type)
        rule = tables()["rules"].get(one.type)
        if named:
            self._named(one, named.split(), labels)
        elif rule and is_rule(rule, one.value):
            self._add(one.id, self._rule(one, one.value, rule, labels, warns=one.indicator))
        else:
            self._observed(one, observable_objects(one), observable_pattern(one), labels)

    def _unique(self, one: Observable) -> Observable:
        """The value with an id of its own, where others have the same."""
        return replace(one, id=_uuid("", one.id, one.type, one.value)) if one.id in self._ids else one

    def _named(self, one: Observable, named: Sequence[str], labels: Sequence[str]) -> None:
        made = self._common(named[0], one.id, one.time, one.markings, [*labels, f'misp:to_ids="{one.indicator}"'])
        known = len(named) > 1 and fits(f"external_id:{named[1]}", one.value)
        outside = [{"source_name": named[1], "external_id": one.value}] if known else []
        self._add(
            one.id,
            {
                **made,
                "name": one.value,
                **({"external_references": outside} if outside else {}),
                **_described(one.comment),
            },
        )

    def _rule(
        self, one: Observable | ObservableGroup, text: str, kind: str, labels: Sequence[str], *, warns: bool
    ) -> Json:
        """An indicator whose pattern is a rule in a language of its own."""
        made = self._indicator(one, text, labels if warns else [*labels, 'misp:to_ids="False"'])
        return made if kind == "stix" else {**_without(made, "pattern_version"), "pattern_type": kind}

    def _indicator(self, one: Observable | ObservableGroup, pattern: str, labels: Sequence[str]) -> Json:
        category = one.category
        valid = one.first_seen or one.time or self._when
        until = one.last_seen if one.last_seen and one.last_seen > valid else None
        return {
            **self._common("indicator", one.id, one.time, one.markings, labels),
            "name": indicator_name(one),
            **_described(one.comment),
            "pattern": pattern,
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": stix_time(valid),
            **({"valid_until": stix_time(until)} if until else {}),
            **(
                {"kill_chain_phases": [{"kill_chain_name": "misp-category", "phase_name": category}]}
                if category
                else {}
            ),
            **({"confidence": one.confidence} if one.confidence is not None else {}),
        }

    def _observed(
        self, one: Observable | ObservableGroup, objects: list[Json], pattern: str, labels: Sequence[str]
    ) -> None:
        """An observation of the objects, an indicator where it warns, and that one is based on the other."""
        warns = one.indicator if isinstance(one, Observable) else any(inner.indicator for inner in one.observables)
        indicator = self._indicator(one, pattern, labels) if warns and pattern else None
        unsaid = isinstance(one, ObservableGroup) and not all(inner.indicator for inner in one.observables)
        if not objects and (indicator is None or unsaid):
            self._custom(one, labels)
        if objects:
            first = one.first_seen or one.time or self._when
            observed = {
                **self._common("observed-data", one.id, one.time, one.markings, labels),
                "first_observed": stix_time(first),
                "last_observed": stix_time(max(first, one.last_seen or first)),
                "number_observed": 1,
                "object_refs": [inner["id"] for inner in objects],
                **({"x_misp_comment": one.comment} if one.comment and indicator is None else {}),
                **({"confidence": one.confidence} if one.confidence is not None else {}),
            }
            self._add(one.id, observed)
            marks = self._marked(one.markings)
            self._made += [{**inner, **marks} for inner in objects]
        if indicator:
            self._add(one.id, indicator)
        if objects and indicator:
            based_on = Link(f"indicator--{one.id}", "based-on", f"observed-data--{one.id}", time=one.time)
            self._relate(based_on, one.markings)

    def _custom(self, one: Observable | ObservableGroup, labels: Sequence[str]) -> None:
        """An object of our own, as MISP's converter names it, for what STIX has no place."""
        if isinstance(one, Observable):
            type_ = f"x-misp-object-{_TYPED.sub('-', one.type.lower()).strip('-')}"
            labels = [*labels, *(['misp:to_ids="True"'] if one.indicator else [])]
            body: Json = {"x_misp_category": one.category, "x_misp_value": one.value}
        else:
            type_ = "x-misp-object"
            values = [_as_attribute(inner) for inner in one.observables]
            body = {
                "x_misp_name": one.name,
                "x_misp_meta_category": one.category,
                **({"x_misp_attributes": values} if values else {}),  # STIX has no empty lists
            }
        comment = {"x_misp_comment": one.comment} if one.comment else {}
        self._add(one.id, {**self._common(type_, one.id, one.time, one.markings, labels), **body, **comment})

    def _embedded(self) -> dict[str, list[ObservableGroup]]:
        """Groups that are entries of a list of another, by the id of that one."""
        by_id = {group.id: group for group in self._all.groups if group.id}
        found: dict[str, list[ObservableGroup]] = {}
        for link in self._all.links:
            inner, outer = by_id.get(link.target), by_id.get(link.source)
            parent = tables()["embedded"].get(inner.name, "") if inner else ""
            if inner and outer and parent.split()[:1] == [outer.name]:
                found.setdefault(outer.id, []).append(inner)
        return found

    def _group(self, group: ObservableGroup, entries: Sequence[ObservableGroup]) -> None:
        group = _group_with_ids(group, self._all.id)
        category = group.category
        labels = [
            f'misp:name="{group.name}"',
            *([f'misp:meta-category="{category}"'] if category else []),
            *dict.fromkeys((*group.labels, *(label for one in group.observables for label in one.labels))),
        ]
        values = {one.relation: one for one in group.observables}
        if any(one.comment for one in group.observables):
            self.lost.append("Comments on single values of an object.")
        rule = tables()["rules"].get(group.name)
        text = values.get(group.name) or values.get("raw-rule")
        known = template(group.name)
        inner = stricter(group.markings, *(one.markings for one in group.observables))
        group = _remarked(group, inner)
        if rule and text and is_rule(rule, text.value):
            self._rule_group(group, rule, text, labels)
        elif known and known.stix and known.stix not in _OBSERVED:
            self._described_entity(group, labels)
        else:
            objects = group_objects(group, entries)
            if not objects:
                for entry in self._entries.pop(group.id, []):
                    self._group(entry, [])
                entries = []
            self._observed(group, objects, group_pattern(group, entries), labels)

    def _rule_group(self, group: ObservableGroup, kind: str, text: Observable, labels: Sequence[str]) -> None:
        made = self._rule(group, text.value, kind, labels, warns=text.indicator)
        self._lose_warnings(group.name, (one for one in group.observables if one is not text))
        for one in group.observables:
            if one is text:
                continue
            if (
                one.relation in {f"{group.name}-name", f"{group.name}-rule-name", "rule-name", "rule-id"}
                and made["name"] == group.name
            ):
                made["name"] = one.value
            elif one.relation == "comment":
                made["description"] = one.value
            elif one.relation == "version":
                made["pattern_version"] = one.value
            elif one.relation in {"reference", "ref"} and fits("url:value", one.value):
                made.setdefault("external_references", []).append({"source_name": "url", "url": one.value})
            else:
                made[f"x_misp_{_TYPED.sub('_', one.relation.lower())}"] = one.value
        self._add(group.id, made)

    def _described_entity(self, group: ObservableGroup, labels: Sequence[str]) -> None:
        """A domain object that a group of MISP describes."""
        said = group_objects(group)
        if not said:
            self._custom(group, labels)
            return
        self._lose_warnings(group.name, group.observables)
        root = {name: value for name, value in said[0].items() if name not in {"type", "id", "spec_version"}}
        type_ = said[0]["type"]
        if root.get("x_misp_state") == "Malicious" and group.name == "script":
            type_, language = "malware", root.pop("x_misp_language", None)
            root |= {"is_family": False, **({"implementation_languages": [language]} if language else {})}
        if type_ in {"malware", "tool", "attack-pattern", "infrastructure"} and group.category:
            root["kill_chain_phases"] = [{"kill_chain_name": "misp-category", "phase_name": group.category}]
        if type_ == "vulnerability" and fits("external_id:cve", root.get("name", "")):
            root["external_references"] = [
                {"source_name": "cve", "external_id": root["name"]},
                *root.get("external_references", []),
            ]
        if type_ == "location":
            _place_exactly(root)
        about = self._about(group) if type_ == "note" else []
        if type_ == "note" and not about:
            self._custom(group, labels)
            return
        made = {**self._common(type_, group.id, group.time, group.markings, labels), **_described(group.comment)}
        needs: dict[str, Json] = {"identity": {"identity_class": "unknown"}, "note": {"object_refs": about}}
        self._add(group.id, {**made, **needs.get(type_, {}), **root})

    def _lose_warnings(self, name: str, values: Iterable[Observable]) -> None:
        if any(one.indicator for one in values):
            self.lost.append(f"Which values warn (to_ids), in objects that no pattern looks for: {name}.")

    def _about(self, group: ObservableGroup) -> list[str]:
        """What a note is about: what it names, else the first thing there is."""
        named = [link.target for link in self._all.links if link.source == group.id]
        found = [target for one in named for target in self._ids.get(one, [])]
        return found or [one["id"] for one in self._made[:1]]

    def _entity(self, one: Entity) -> None:
        type_ = one.type if _TYPED.sub("-", one.type) == one.type else CUSTOM
        labels = [
            *([f'misp:galaxy-name="{one.vocabulary[1]}"'] if one.vocabulary[1] else []),
            *([f'misp:galaxy-type="{one.vocabulary[0]}"'] if one.vocabulary[0] else []),
            *one.labels,
        ]
        said = object_of_entity(one)
        if type_ == "location" and not {"region", "country", "latitude"} & set(said):
            type_ = CUSTOM
        made = self._common(type_, _uuid(one.id, one.type, one.name), one.time, one.markings, labels)
        self._add(one.id, {**made, **said})

    def _link(self, link: Link) -> None:
        """A relation between two things that are here; those that the objects say already are not repeated."""
        kind = _TYPED.sub("-", link.kind.lower()).strip("-") or "related-to"
        sources, targets = self._ids.get(link.source), self._ids.get(link.target)
        if kind == "annotates" or (sources and not targets and self._is_embedded(link)):
            return
        if not sources or not targets:
            self.lost.append(f"A relation to what is not here: {link.kind}.")
            return
        self._relate(replace(link, source=sources[0], kind=kind, target=targets[0]), NOT_MARKED)

    def _is_embedded(self, link: Link) -> bool:
        return any(inner.id == link.target for inners in self._entries.values() for inner in inners)

    def _relate(self, link: Link, markings: Markings) -> None:
        """A relationship between two objects, whose ids the link has."""
        uuid = str(uuid5(NAMESPACE_URL, f"{link.source}\n{link.kind}\n{link.target}"))
        made = {**self._common("relationship", uuid, link.time, markings), "relationship_type": link.kind}
        self._made.append({**made, **_described(link.comment), "source_ref": link.source, "target_ref": link.target})

    def _sighting(self, one: Sighting) -> None:
        of = self._ids.get(one.of) or ([_identity(self._all.source)] if self._all.source and not one.of else [])
        when = one.time or one.last_seen
        if not of:
            self.lost.append("A sighting of what is not here.")
            return
        uuid = _uuid(one.id, one.of, str(one.time))
        where: list[str] = []
        if one.source:
            where = [_identity(one.source)]
            if not self._all.source or one.source.name != self._all.source.name:
                made = self._common("identity", _uuid(one.source.id, one.source.name), None, NOT_MARKED)
                self._made.append({**made, "name": one.source.name, "identity_class": "organization"})
        if one.meaning in _OPINIONS:
            made = self._common("opinion", uuid, when, one.markings, [f'misp:sighting="{one.meaning}"'])
            self._made.append({**made, "opinion": _OPINIONS[one.meaning], "object_refs": of[:1]})
            return
        first, last = one.first_seen or when, one.last_seen or when
        self._made.append(
            {
                **self._common("sighting", uuid, when, one.markings),
                **({"first_seen": stix_time(first)} if first else {}),
                **({"last_seen": stix_time(max(last, first or last))} if last else {}),
                "count": one.count,
                "sighting_of_ref": of[0],
                **({"where_sighted_refs": where} if where else {}),
            }
        )

    def _report(self, report: Report, whole: Sequence[Json]) -> None:
        uuid = _uuid(report.id, report.title, report.description)
        if report.kind == "incident":
            made = self._common("incident", uuid, report.time, report.markings, report.labels)
            self._made.append({**made, "name": report.title or "Incident", **_described(report.description)})
            return
        about = [target for one in report.about for target in self._ids.get(one, [])] or [one["id"] for one in whole]
        if not about:
            self.lost.append(f"A text that belongs to nothing: {report.title}")
            return
        made = self._common("note", uuid, report.time, report.markings, report.labels)
        title = {"abstract": report.title} if report.title else {}
        self._made.append({**made, **title, "content": report.description or report.title, "object_refs": about})

    def _add(self, uuid: str, made: Json) -> None:
        self._made.append(made)
        if uuid:
            self._ids.setdefault(uuid, []).append(made["id"])


def _identity(source: Source) -> str:
    return f"identity--{_uuid(source.id, source.name)}"


def _place_exactly(root: Json) -> None:
    """How exact a place is, in metres; it says nothing without a place (STIX 2.1, section 4.8)."""
    radius = root.pop("precision", None)
    if radius is not None and "latitude" in root:
        root["precision"] = radius * tables()["factors"]["location:precision"]
    elif radius is not None:
        root["x_misp_accuracy_radius"] = radius


def _without(made: Json, name: str) -> Json:
    return {key: value for key, value in made.items() if key != name}


def _described(text: str) -> Mapping[str, str]:
    return {"description": text} if text else {}


def _uuid(given: str, *parts: str) -> str:
    """The id, where it is a UUID; else one that is the same for the same things."""
    try:
        return str(UUID(given))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, "\n".join((given, *parts))))


def _with_id(one: Observable, event: str) -> Observable:
    return replace(one, id=_uuid(one.id, event, one.type, one.relation, one.value))


def _group_with_ids(group: ObservableGroup, event: str) -> ObservableGroup:
    id_ = _uuid(group.id, event, group.name, *(one.value for one in group.observables))
    return replace(group, id=id_, observables=tuple(_with_id(one, id_) for one in group.observables))


def _remarked(group: ObservableGroup, markings: Markings) -> ObservableGroup:
    return replace(group, markings=markings)


def _as_attribute(one: Observable) -> Json:
    """An attribute of an object of our own, as MISP's converter writes it."""
    return {
        "type": one.type,
        "value": one.value,
        "object_relation": one.relation,
        **({"to_ids": True} if one.indicator else {}),
        **({"category": one.category} if one.category != default_category(one.type) else {}),
        **({"comment": one.comment} if one.comment else {}),
    }
