"""A bundle of STIX as a collection: observations and indicators become values, domain objects become entities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from tocsin.exchange.formats.entities import CUSTOM, entity_of_object
from tocsin.exchange.formats.mapping import default_category, tables, template
from tocsin.exchange.formats.markings import NOT_MARKED, UNMARKED, Markings, stricter
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
from tocsin.exchange.formats.stix_comparisons import parse_pattern
from tocsin.exchange.formats.stix_contents import (
    Content,
    content_of_objects,
    content_of_pattern,
    is_group,
    merged_values,
    misp_labels,
    rule_group,
    unwarned,
)
from tocsin.exchange.formats.stix_markings import read_markings
from tocsin.exchange.formats.stix_objects import Json, read_time, references_in, referred
from tocsin.exchange.formats.stix_older import in_21
from tocsin.node.confined import confined
from tocsin.node.errors import InputError, TocsinError

_WHOLE: Final = ("report", "grouping")
_ENTITIES: Final = frozenset(tables()["entities"]) | {CUSTOM, "malware-analysis"}
_OBSERVED: Final = frozenset(tables()["alone"]) - {"location", "note"}
_MEANINGS: Final = {"false-positive", "expired"}
_SAID_BY: Final = ("created_by_ref", "where_sighted_refs")
_MARKED_BY: Final = ("object_marking_refs", "marking_ref")  # whose readers say what is not there


@dataclass(frozen=True, slots=True)
class _Bundle:
    """All objects; ``inner``: ids that observed objects refer to; ``sources``: of who says or has seen something."""

    objects: Mapping[str, Json]
    inner: set[str]
    sources: set[str]


def read_document(document: Json) -> Collection:
    """The collection of a bundle or an object; several reports become parts of it."""
    given = document.get("objects") if document.get("type") == "bundle" else [document]
    listed = [one for one in (given if isinstance(given, list) else []) if _is_object(one)]
    objects = {one["id"]: one for one in in_21(listed)}
    wholes = [one for one in objects.values() if one["type"] in _WHOLE]
    inner = referred(objects, (one for one in objects.values() if one["type"] in _OBSERVED))
    bundle = _Bundle(objects, inner, set())
    loose: dict[str, None] = {}
    for one in objects.values():
        for name, id_ in references_in(one):
            if name in _SAID_BY:
                bundle.sources.add(id_)
            elif id_ not in objects and name not in _MARKED_BY:
                loose[f"{one['type']}: {name} to what is not in the file"] = None
    original = ("stix", document)
    if len(wholes) < 2:
        found = _Reader(bundle, wholes[0] if wholes else {}, objects).collection()
        return replace(found, original=original, not_understood=(*found.not_understood, *loose))
    named = [_with_inner(objects, _texts(one.get("object_refs"))) for one in wholes]
    of: dict[str, int] = {id_: place for place, ids in reversed([*enumerate(named)]) for id_ in ids}
    rest = [id_ for id_, one in objects.items() if id_ not in of and one["type"] not in _WHOLE]
    for id_ in rest:  # relations and sightings that no report names belong to the one that has what they are about
        about = objects[id_].get("source_ref") or objects[id_].get("sighting_of_ref")
        if isinstance(about, str) and about in of:
            named[of[about]][id_] = None
    parts = [_Reader(bundle, one, ids).collection() for one, ids in zip(wholes, named, strict=True)]
    left = _Reader(bundle, {}, rest).collection()
    if left.observables or left.groups or left.entities:
        parts.append(left)
    return Collection(parts=tuple(parts), original=original, not_understood=tuple(loose))


@confined(seconds=20, megabytes=1_000)
def read_foreign_document(document: Json) -> Collection:
    """As `read_document`, of what somebody posts.

    Raises:
        InputError: it has another structure than STIX.

    """
    try:
        return read_document(document)
    except (TocsinError, MemoryError):
        raise
    except Exception as error:  # a boundary: what others write has every shape
        raise InputError("Its objects cannot be read as STIX.") from error


def _with_inner(objects: Mapping[str, Json], ids: Iterable[str]) -> dict[str, None]:
    """The ids with those of the objects that observations hold, in their order."""
    found = dict.fromkeys(ids)
    held = (inner for one in found if one in objects for inner in _texts(objects[one].get("object_refs")))
    return found | dict.fromkeys([*held])


class _Reader:
    """One report with what it names, or all objects."""

    def __init__(self, bundle: _Bundle, whole: Json, ids: Iterable[str]) -> None:
        self._objects, self._whole, self._ids = bundle.objects, whole, ids
        self._inner, self._sources = bundle.inner, bundle.sources
        self._observables: dict[str, Observable] = {}
        self._groups: dict[str, ObservableGroup] = {}
        self._entities: list[Entity] = []
        self._links: list[Link] = []
        self._sightings: list[Sighting] = []
        self._reports: list[Report] = []
        self._missed: list[str] = []

    def collection(self) -> Collection:
        """All that was read. Where all is marked alike, the whole is marked so."""
        whole = self._whole
        own = self._markings(whole)
        here = [self._objects[one] for one in self._ids if one in self._objects and self._objects[one] is not whole]
        held = {id_ for one in here if one["type"] == "observed-data" for id_ in _texts(one.get("object_refs"))}
        order = {"observed-data": 0, "indicator": 2}
        for one in sorted(here, key=lambda one: order.get(one["type"], 1)):
            self._read(one, held)
        if not whole:
            marked = {one.markings for one in self._observables.values()}
            marked |= {one.markings for one in self._groups.values()}
            marked |= {one.markings for one in self._entities} | {one.markings for one in self._reports}
            own = marked.pop() if len(marked) == 1 else NOT_MARKED
        return Collection(
            title=_text(whole.get("name")),
            id=_uuid_of(whole),
            description=_text(whole.get("description")),
            time=read_time(whole.get("modified")),
            published=read_time(whole.get("published")),
            first_seen=read_time(whole.get("x_misp_date")),
            source=self._source(whole),
            markings=own,
            labels=tuple(one for one in _texts(whole.get("labels")) if not one.startswith("misp:")),
            observables=tuple(_inherit(one, own) for one in self._observables.values()),
            groups=tuple(_inherit(one, own) for one in self._groups.values()),
            sightings=tuple(self._sightings),
            reports=tuple(_inherit(one, own) for one in self._reports),
            entities=tuple(_inherit(one, own) for one in self._entities),
            links=tuple(self._links),
            properties={
                name.removeprefix("x_misp_"): str(whole[name])
                for name in ("x_misp_threat_level_id", "x_misp_analysis", "x_misp_extends_uuid")
                if name in whole
            },
            not_understood=tuple(dict.fromkeys(self._missed)),
        )

    def _read(self, one: Json, held: set[str]) -> None:
        """One object: by its type where that says all, else by its labels."""
        type_ = one["type"]
        by_type = {
            "observed-data": self._observed,
            "indicator": self._indicator,
            "relationship": self._relationship,
            "sighting": self._sighting,
            **dict.fromkeys(("note", "opinion", "incident"), self._note),
        }
        if type_ in by_type:
            by_type[type_](one)
        elif type_.startswith("x-misp-") and {"x_misp_value", "x_misp_attributes", "x_misp_name"} & set(one):
            self._custom(one)
        elif type_ not in _OBSERVED:
            self._domain_object(one)
        elif one["id"] not in held and (is_group(one) or one["id"] not in self._inner):
            self._keep(one, content_of_objects(self._objects, [one["id"]], {}, _uuid_of(one)))

    def _domain_object(self, one: Json) -> None:
        """An entity, or what MISP has as an object or an attribute."""
        labels, type_ = misp_labels(one), one["type"]
        if labels.get("name") and template(labels["name"]):
            self._described(one)
        elif labels.get("type") in tables()["named"]:
            category = labels.get("category", "")
            value = Observable(labels["type"], _text(one.get("name")), _uuid_of(one), category=category)
            self._keep(one, [Content(observable=value)], indicator=labels.get("to_ids") == "True")
        elif type_ == "location" and not labels.get("galaxy-type"):
            self._described(one, "geolocation")
        elif type_ in _ENTITIES:
            self._entity(one)
        elif type_ not in {"marking-definition", "extension-definition", "language-content", "bundle", *_WHOLE}:
            self._missed.append(f"Objects of type {type_}")

    def _observed(self, one: Json) -> None:
        found = content_of_objects(self._objects, _texts(one.get("object_refs")), misp_labels(one), _uuid_of(one))
        if not found:
            self._missed.append(f"An observation of what is not here or not known: {one['id']}")
        self._keep(one, found)

    def _indicator(self, one: Json) -> None:
        labels, text, kind = misp_labels(one), _text(one.get("pattern")), _text(one.get("pattern_type")) or "stix"
        uuid = _uuid_of(one)
        parsed = parse_pattern(text) if kind == "stix" else None
        found = content_of_pattern(parsed, labels, uuid) if parsed else []
        missed = [path for content in found for path in content.missed]
        if missed and parsed and parsed.whole:  # part of an AND would warn of more than was said
            self._missed.append(
                f"An AND that MISP has no place for, kept as the text of a pattern: {', '.join(missed)}"
            )
            found = []
        if kind != "stix" and labels.get("name"):
            found = [rule_group(labels["name"], one, text, uuid)]
        elif not found:
            types = {name: type_ for type_, name in reversed(tables()["rules"].items())}
            labelled = labels.get("type") if kind != "stix" else ""
            type_ = labelled or types.get(kind, "pattern-in-file")
            there = uuid in self._groups or uuid in self._observables
            own = str(uuid5(UUID(uuid), "pattern")) if there else uuid  # two things of MISP have not one UUID
            found = [Content(observable=Observable(type_, text, own, category=default_category(type_)))]
        if one.get("revoked") is True:
            self._missed.append("Revoked, so it warns of nothing")
            found = [unwarned(content) for content in found]
        self._keep(one, found, indicator=labels.get("to_ids") != "False" and one.get("revoked") is not True)

    def _keep(self, one: Json, found: Iterable[Content], *, indicator: bool | None = None) -> None:
        """What an object says, with what the object says of it: times, markings, who warns."""
        labels = misp_labels(one)
        about = {
            "time": read_time(one.get("modified") or one.get("created")),
            "first_seen": _seen(one, "first_observed", "valid_from"),
            "last_seen": _seen(one, "last_observed", "valid_until"),
            "markings": self._markings(one),
            "labels": tuple(label for label in _texts(one.get("labels")) if not label.startswith("misp:")),
            "confidence": one["confidence"] if isinstance(one.get("confidence"), int) else None,
            "comment": _comment(one, named=not labels),
        }
        for content in found:
            self._missed += content.missed
            self._links += content.links
            if content.observable:
                value = content.observable
                category = labels.get("category") or value.category
                self._merge_value(replace(value, **about, category=category), indicator=indicator)
            if content.group:
                group = replace(content.group, **about, category=labels.get("meta-category") or content.group.category)
                self._merge_group(group, indicator=indicator)
                for entry in content.entries:
                    if entry.id not in self._groups:
                        self._groups[entry.id] = replace(entry, time=about["time"], markings=about["markings"])
                        self._links.append(
                            Link(group.id, "includes" if entry.name == "pe-section" else "contains", entry.id)
                        )

    def _merge_value(self, value: Observable, *, indicator: bool | None) -> None:
        before = self._observables.get(value.id)
        if before is None:
            self._observables[value.id] = replace(value, indicator=bool(indicator))
        elif (before.type, before.value) == (value.type, value.value) or indicator:
            self._observables[value.id] = replace(
                before,
                indicator=before.indicator or bool(indicator),
                comment=before.comment or value.comment,
                markings=_both(before.markings, value.markings),
                confidence=before.confidence if before.confidence is not None else value.confidence,
            )

    def _merge_group(self, group: ObservableGroup, *, indicator: bool | None) -> None:
        """An indicator of the same group says which of its values warn."""
        before = self._groups.get(group.id)
        if before is None:
            self._groups[group.id] = group
            return
        self._groups[group.id] = replace(
            before,
            observables=merged_values(before.observables, group.observables, warn=bool(indicator)),
            comment=before.comment or group.comment,
            markings=_both(before.markings, group.markings),
        )

    def _described(self, one: Json, name: str = "") -> None:
        """A domain object that describes an object of MISP."""
        labels = {"name": name} if name else misp_labels(one)
        said = {key: value for key, value in one.items() if key != "kill_chain_phases"}
        found = content_of_objects({one["id"]: said}, [one["id"]], labels, _uuid_of(one))
        self._keep({**one, "description": ""}, found)
        for target in _texts(one.get("object_refs")) if one["type"] == "note" else []:
            self._links.append(Link(_uuid_of(one), "annotates", _uuid(target)))

    def _custom(self, one: Json) -> None:
        labels, uuid = misp_labels(one), _uuid_of(one)
        if "x_misp_value" in one:
            type_ = labels.get("type") or _text(one.get("x_misp_type")) or one["type"].removeprefix("x-misp-object-")
            value = Observable(
                type_,
                _text(one["x_misp_value"]),
                uuid,
                category=_text(one.get("x_misp_category")) or labels.get("category", ""),
            )
            self._keep(one, [Content(observable=value)], indicator=labels.get("to_ids") == "True")
            return
        given = one.get("x_misp_attributes")
        attributes = given if isinstance(given, list) else []
        values = tuple(
            Observable(
                _text(inner.get("type")),
                _text(inner.get("value")),
                str(uuid5(NAMESPACE_URL, f"{uuid}\n{number}")),
                relation=_text(inner.get("object_relation")),
                indicator=inner.get("to_ids") is True,
                category=_text(inner.get("category")) or default_category(_text(inner.get("type"))),
                comment=_text(inner.get("comment")),
            )
            for number, inner in enumerate(attributes)
            if isinstance(inner, dict)
        )
        name, category = _text(one.get("x_misp_name")), _text(one.get("x_misp_meta_category"))
        self._keep(one, [Content(group=ObservableGroup(name, values, uuid, category))])

    def _entity(self, one: Json) -> None:
        if one["type"] == "identity" and one.get("identity_class") != "class" and not misp_labels(one):
            if one["id"] not in self._sources:  # who says something is no thing that is shared
                self._described(one, "identity")
            return
        labels = misp_labels(one)
        made = entity_of_object(one)
        if not labels:
            times = {
                name: when.isoformat().replace("+00:00", "Z")
                for name in ("created", "modified")
                if (when := read_time(one.get(name)))
            }
            made = replace(made, properties={**made.properties, **times})
        self._entities.append(
            replace(
                made,
                vocabulary=(labels.get("galaxy-type", ""), labels.get("galaxy-name", "")),
                time=read_time(one.get("modified")),
                markings=self._markings(one),
                labels=tuple(label for label in _texts(one.get("labels")) if not label.startswith("misp:")),
            )
        )

    def _relationship(self, one: Json) -> None:
        source, target = _uuid(_text(one.get("source_ref"))), _uuid(_text(one.get("target_ref")))
        if source != target:  # an indicator that is based on its own observation
            kind = _text(one.get("relationship_type"))
            self._links.append(
                Link(source, kind, target, _uuid_of(one), read_time(one.get("modified")), _text(one.get("description")))
            )

    def _sighting(self, one: Json) -> None:
        where = [self._objects[id_] for id_ in _texts(one.get("where_sighted_refs")) if id_ in self._objects]
        self._sightings.append(
            Sighting(
                of=_uuid(_text(one.get("sighting_of_ref"))),
                time=read_time(one.get("modified")),
                id=_uuid_of(one),
                count=one["count"] if isinstance(one.get("count"), int) else 1,
                first_seen=read_time(one.get("first_seen")),
                last_seen=read_time(one.get("last_seen")),
                source=Source(_text(where[0].get("name")), _uuid_of(where[0])) if where else None,
                markings=self._markings(one),
            )
        )

    def _note(self, one: Json) -> None:
        meaning = misp_labels(one).get("sighting", "")
        about = tuple(_uuid(id_) for id_ in _texts(one.get("object_refs")))
        if one["type"] == "note" and misp_labels(one).get("name"):
            self._described(one)
            return
        if one["type"] == "opinion" and meaning in _MEANINGS and about:
            self._sightings.append(
                Sighting(
                    about[0],
                    read_time(one.get("modified")),
                    _uuid_of(one),
                    meaning=meaning,
                    markings=self._markings(one),
                )
            )
            return
        opinion = _text(one.get("opinion"))
        self._reports.append(
            Report(
                title=_text(one.get("name")) or _text(one.get("abstract")) or opinion,
                description=_text(one.get("content")) or _text(one.get("description")) or _text(one.get("explanation")),
                id=_uuid_of(one),
                kind=one["type"],
                time=read_time(one.get("modified")),
                about=about,
                source=self._source(one),
                markings=self._markings(one),
            )
        )

    def _markings(self, one: Json) -> Markings:
        found, missed = read_markings(one, self._objects)
        self._missed += missed
        return found

    def _source(self, one: Json) -> Source | None:
        made = self._objects.get(_text(one.get("created_by_ref")))
        return Source(_text(made.get("name")), _uuid_of(made)) if made and made.get("name") else None


def _comment(one: Json, *, named: bool) -> str:
    """What is said of a thing in words; the name of others' indicators too, as ours is made of what they look for."""
    name = _text(one.get("name")) if named and one["type"] == "indicator" else ""
    said = _text(one.get("description")) or _text(one.get("x_misp_comment"))
    return said if not name or name in said else f"{name}: {said}".removesuffix(": ")


def _inherit(one: Any, own: Markings) -> Any:
    """What is marked as the whole is needs no marking of its own; what is not marked takes no wider one from it."""
    if one.markings == own:
        return replace(one, markings=NOT_MARKED)
    if one.markings.tlp is None and own.tlp and own.tlp.rank < UNMARKED.rank:
        return replace(one, markings=replace(one.markings, tlp=UNMARKED))
    return one


def _both(first: Markings, second: Markings) -> Markings:
    """The marking of one thing that two objects describe; an unmarked one of them promises nothing."""
    found = stricter(first, second)
    labelled = first.tlp and second.tlp
    return found if labelled or not found.tlp else stricter(found, Markings(tlp=UNMARKED))


def _seen(one: Json, observed: str, valid: str) -> Any:
    """When it was seen, where that is more than when it was written."""
    found = read_time(one.get(observed)) or read_time(one.get(valid))
    return None if found in {read_time(one.get("created")), read_time(one.get("modified"))} else found


def _is_object(one: object) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("type"), str)
        and isinstance(one.get("id"), str)
        and bool(_uuid(one["id"]))
    )


def _uuid(id_: str) -> str:
    """The UUID of an id; a derived one where it has none."""
    text = id_.partition("--")[2]
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, id_)) if id_ else ""


def _uuid_of(one: Mapping[str, Any]) -> str:
    return _uuid(_text(one.get("id")))


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)
