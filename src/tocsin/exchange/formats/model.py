"""What stands between the formats: observables, sightings, reports and entities, with markings, sources and times.

A format fills what it can say. Kinds of observables have the names of MISP's attribute types
(draft-dulaunoy-misp-core-format, 2.4.2.3), kinds of entities those of STIX 2.1's domain objects: each is the longest
list of its kind. Times are UTC-aware; an id is a UUID as text, or empty where the source has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tocsin.exchange.formats.markings import NOT_MARKED, Markings


@dataclass(frozen=True, slots=True)
class Source:
    """Who says it: a name, and an id where there is one."""

    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Observable:
    """One value that can be seen: ``type`` as "ip-src", "domain|ip", "sha256"; parts of a pair stand between ``|``.

    ``indicator``: whoever sees it should be warned (MISP's ``to_ids``). ``relation``: its place in a group.
    ``attachment``: the bytes of a file in base64; only where somebody asked for them. ``time``: last changed.
    ``confidence``: 0 to 100.
    """

    type: str
    value: str
    id: str = ""
    relation: str = ""
    indicator: bool = False
    category: str = ""
    comment: str = ""
    time: datetime | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    markings: Markings = NOT_MARKED
    labels: tuple[str, ...] = ()
    confidence: int | None = None
    attachment: str = ""


@dataclass(frozen=True, slots=True)
class ObservableGroup:
    """Observables that describe one thing, each with its ``relation``: a file, an email, a network flow.

    ``name``: that of MISP's object template ("file", "domain-ip"); ``category``: its meta-category.
    """

    name: str
    observables: tuple[Observable, ...]
    id: str = ""
    category: str = ""
    comment: str = ""
    time: datetime | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    markings: Markings = NOT_MARKED
    labels: tuple[str, ...] = ()
    confidence: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """That something was seen: ``of`` is the id of an observable, a group or an entity.

    ``meaning``: "seen", "false-positive" or "expired".
    """

    of: str
    time: datetime | None = None
    id: str = ""
    count: int = 1
    meaning: str = "seen"
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    source: Source | None = None
    markings: Markings = NOT_MARKED


@dataclass(frozen=True, slots=True)
class Report:
    """A text on something: ``kind`` is "incident", "report", "note" or "opinion"; ``about``: the ids that it names."""

    title: str
    description: str = ""
    id: str = ""
    kind: str = "report"
    time: datetime | None = None
    about: tuple[str, ...] = ()
    source: Source | None = None
    markings: Markings = NOT_MARKED
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """An actor, malware, a technique, a weakness, a place: ``type`` as in STIX ("threat-actor", "vulnerability").

    ``properties``: what else is said, by STIX's names where it has one. ``vocabulary``: the list that it is from, as
    ("mitre-attack-pattern", "Attack Pattern").
    """

    type: str
    name: str
    id: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    references: tuple[Mapping[str, str], ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: tuple[str, str] = ("", "")
    time: datetime | None = None
    markings: Markings = NOT_MARKED
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """``source`` and ``target`` are ids; ``kind`` as in STIX's relationships ("indicates", "resolves-to")."""

    source: str
    kind: str
    target: str
    id: str = ""
    time: datetime | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """One event, bundle or incident. ``parts``: those of a file that has several, and then nothing else is in it.

    ``markings``: those of the whole; what is in it holds its own, and the stricter of both counts.
    ``properties``: what else is said of the whole, by MISP's names ("threat_level_id").
    ``not_understood``: what the file said and this cannot. ``original``: format and parsed document, for a format that
    can give back what it read.
    """

    title: str = ""
    id: str = ""
    description: str = ""
    time: datetime | None = None
    published: datetime | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    source: Source | None = None
    markings: Markings = NOT_MARKED
    labels: tuple[str, ...] = ()
    observables: tuple[Observable, ...] = ()
    groups: tuple[ObservableGroup, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    reports: tuple[Report, ...] = ()
    entities: tuple[Entity, ...] = ()
    links: tuple[Link, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    not_understood: tuple[str, ...] = ()
    parts: tuple["Collection", ...] = ()
    original: tuple[str, Any] | None = None

    @property
    def events(self) -> tuple["Collection", ...]:
        """Its parts, or itself where it has none."""
        return self.parts or (self,)

    def all_observables(self) -> tuple[Observable, ...]:
        """Those of its groups too."""
        return (*self.observables, *(one for group in self.groups for one in group.observables))
