"""The events that a partner sees: what it wrote itself, and the incidents that the gate lets it have."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import sends_nothing
from tocsin.exchange.ledger import MispRecord, RecordKind
from tocsin.exchange.partners import Partner
from tocsin.exchange.protocols import AccessProtocol, ProgramCaller, TokenScope
from tocsin.exchange.protocols.misp.incident_events import SharedEvent, event_recipient, ground_detail, shared_events
from tocsin.exchange.protocols.misp.queries import SearchQuery, TermFilter, tag_names
from tocsin.exchange.protocols.misp.shapes import (
    OWN_NUMBERS,
    MispOrg,
    digest_of,
    org_number,
    read_attribute,
    read_event,
    read_uuid,
    show_attribute,
    show_event,
    show_object,
    show_proposal,
    show_sighting,
)
from tocsin.exchange.protocols.misp.store import PartnerStore, partner_uuid
from tocsin.exchange.protocols.readings import note_incidents_read
from tocsin.interface import ActContext
from tocsin.node.node import Node
from tocsin.node.records import node_uuid

Json = dict[str, Any]

_CHUNK: Final = 1_000
_NUMBERS: Final = 2**30 - 1


@dataclass(frozen=True)
class VisibleEvent:
    """An event without its parts, and where they are: ``row`` of a partner's own, ``shared`` of an incident."""

    shown: Json
    row: MispRecord | None = None
    shared: SharedEvent | None = None
    attributes: tuple[Json, ...] = ()


class VisibleEvents:
    """What one partner sees within a transaction that only reads. What it is given of incidents is in ``given``."""

    def __init__(self, session: Session, node: Node, caller: ProgramCaller, now: datetime, size: int = 0) -> None:
        self.session, self.node, self.caller, self.now = session, node, caller, now
        self.given: dict[UUID, SharedEvent] = {}
        own = node_uuid(node.database)
        self.partner = session.get_one(Partner, caller.partner)
        self.org = MispOrg(
            org_number(caller.partner), caller.name, partner_uuid(caller.partner, self.partner.node, own)
        )
        self.us = MispOrg(1, node.settings.node.name, own)
        self.store = PartnerStore(session, caller.partner, self.org, now, size)

    def incidents(self, *, since: int | None = None, only: UUID | None = None) -> Iterator[VisibleEvent]:
        """The incidents that the gate lets it have; none while this node sends nothing."""
        if TokenScope.READ not in self.caller.scopes or self.stopped:
            return
        context = ActContext(self.node, self.now, "misp")
        to = event_recipient(self.session, context, self.partner)
        at = None if since is None else datetime.fromtimestamp(since, self.now.tzinfo)
        for shared in shared_events(self.session, context, to, since=at, only=only):
            yield self._of_incident(shared)

    @cached_property
    def stopped(self) -> bool:
        """Whether this node sends nothing now: what holds for mails holds here, too."""
        return sends_nothing(self.session, self.node.settings.tell.mode)

    @cached_property
    def _incidents(self) -> list[VisibleEvent]:
        """All incidents, asked of the gate once for a call, however many of its names are looked up."""
        return [*self.incidents()]

    @cached_property
    def _shared(self) -> dict[str, tuple[VisibleEvent, Json]]:
        """The attributes of incidents by number and UUID."""
        parts = [(one, part) for one in self._incidents for part in one.attributes]
        return {part[name]: (one, part) for one, part in reversed(parts) for name in ("id", "uuid")}

    def find(self, name: str) -> VisibleEvent | None:
        """An event by its number or UUID."""
        if (row := self.store.find(RecordKind.EVENT, name)) is not None:
            return self._of_partner(row)
        uuid = read_uuid(name)
        if uuid is None and not (name.isdecimal() and OWN_NUMBERS < int(name) < 2 * OWN_NUMBERS):
            return None
        incidents = self.incidents(only=uuid) if uuid else self._incidents
        return next((one for one in incidents if uuid or one.shown["id"] == name), None)

    def all(self, *, since: int | None = None) -> Iterator[VisibleEvent]:
        """All of them. ``since``: incidents that changed then or later."""
        rows = self.store.events()
        counts = self.store.counts(row.id for row in rows)
        yield from (self._of_partner(row, counts.get(row.id, 0)) for row in rows)
        yield from self.incidents(since=since)

    def attribute(self, name: str) -> tuple[VisibleEvent, Json] | None:
        """An attribute by its number or UUID, with its event."""
        row = self.store.find(RecordKind.ATTRIBUTE, name)
        if row is not None and row.event_id is not None:
            event = self.store.find(RecordKind.EVENT, str(row.event_id))
            return (self._of_partner(event), show_attribute(row)) if event is not None else None
        if not (read_uuid(name) or (name.isdecimal() and OWN_NUMBERS <= int(name) < 2 * OWN_NUMBERS)):
            return None
        return self._shared.get(name.lower())

    def search(self, query: SearchQuery) -> Iterator[tuple[VisibleEvent, list[Json], list[Json]]]:
        """The events that a search may find, with all attributes and all objects."""
        exact = {digest_of(one) for one in query.value.exact}
        found = self._with_digest(exact) if exact else None
        for one in self.all():
            if not query.allows_event(one.shown) or (found is not None and one.row and one.row.id not in found):
                continue
            attributes, objects = self.parts(one)
            yield one, attributes, objects

    def parts(self, one: VisibleEvent) -> tuple[list[Json], list[Json]]:
        """All attributes of an event, also those of its objects, and the objects without them."""
        if one.row is None:
            return list(one.attributes), []
        of = MispRecord.event_id == one.row.id
        return [*self._rows(one)], [show_object(row, ()) for row in self.store.rows(RecordKind.OBJECT, of)]

    def whole(self, one: VisibleEvent, query: SearchQuery, attributes: list[Json], objects: list[Json]) -> Json:
        """An event with its parts, as a search gives it."""
        self.give(one)
        kept = by_object(part for part in attributes if query.shows(part))
        shown = (part for part in objects if part["deleted"] in query.deleted)
        inner = [{**part, "Attribute": kept.get(part["id"], [])} for part in shown]
        return {**one.shown, "Attribute": kept.get("0", []), "Object": inner, "ShadowAttribute": self.proposals(one)}

    def pieces(self, one: VisibleEvent, states: frozenset[bool], *, sightings: bool = True) -> Iterator[str]:
        """An event with its parts as JSON in pieces: however many attributes it has, few are in memory at once."""
        self.give(one)
        head = json.dumps({**one.shown, "ShadowAttribute": self.proposals(one)}, ensure_ascii=False)
        yield f'{{"Event": {head[:-1]}, "Attribute": ['
        seen = self._sightings(one) if sightings else {}
        parts = self._rows(one) if one.row is not None else iter(one.attributes)
        own = (part for part in parts if part["object_id"] == "0" and part["deleted"] in states)
        yield from _joined(_seen(part, seen) for part in own)
        yield '], "Object": ['
        if one.row is not None:
            yield from _joined(self._objects(one.row, states, seen))
        yield "]}}"

    def give(self, one: VisibleEvent) -> None:
        """It is in an answer: `note_given` notes it before that leaves."""
        if one.shared is not None:
            self.given[one.shared.incident.uuid] = one.shared

    def proposals(self, one: VisibleEvent) -> list[Json]:
        """What this partner proposed for an event."""
        of = MispRecord.target == UUID(one.shown["uuid"]), MispRecord.deleted.is_(False)
        return [show_proposal(row) for row in self.store.rows(RecordKind.PROPOSAL, *of)]

    def _rows(self, one: VisibleEvent) -> Iterator[Json]:
        last = 0
        while one.row and (rows := self.store.attributes(one.row.id, after=last, limit=_CHUNK)):
            last = rows[-1].id
            yield from map(show_attribute, rows)

    def _objects(self, event: MispRecord, states: frozenset[bool], seen: dict[str, list[Json]]) -> Iterator[Json]:
        of, last = MispRecord.event_id == event.id, 0
        while rows := self.store.rows(RecordKind.OBJECT, of, after=last, limit=_CHUNK):
            last = rows[-1].id
            found = self.store.rows(RecordKind.ATTRIBUTE, of, MispRecord.object_id.in_([row.id for row in rows]))
            inner = by_object(_seen(show_attribute(one), seen) for one in found if one.deleted in states)
            yield from (show_object(row, inner.get(str(row.id), ())) for row in rows if row.deleted in states)

    def _sightings(self, one: VisibleEvent) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        of = MispRecord.target == UUID(one.shown["uuid"]), MispRecord.deleted.is_(False)
        for row in self.store.rows(RecordKind.SIGHTING, *of):
            found.setdefault(row.content["attribute_uuid"], []).append(show_sighting(row, self.org))
        return found

    def _of_partner(self, row: MispRecord, count: int | None = None) -> VisibleEvent:
        count = self.store.counts([row.id]).get(row.id, 0) if count is None else count
        return VisibleEvent(show_event(row, self.org, count), row=row)

    def _of_incident(self, shared: SharedEvent) -> VisibleEvent:
        """An incident in the shape of MISP: our numbers lie above those of records."""
        said, at = read_event(shared.event), int(shared.event["timestamp"])
        number = OWN_NUMBERS + shared.incident.id
        content = {**said.content, "published": True, "publish_timestamp": at}
        row = MispRecord(
            id=number, uuid=said.uuid, name=said.name, value="", timestamp=at, deleted=False, content=content
        )
        attributes = tuple(_of_observable(one, number, at) for one in shared.event["Attribute"])
        shown = show_event(row, self.us, sum(not one["deleted"] for one in attributes))
        return VisibleEvent({**shown, "locked": True}, shared=shared, attributes=attributes)

    def _with_digest(self, digests: Iterable[str]) -> set[int]:
        """The events that may have such a value: one that is a pair is looked at."""
        of = MispRecord.partner_id == self.caller.partner, MispRecord.kind == RecordKind.ATTRIBUTE.value
        found = MispRecord.digest.in_(list(digests)) | MispRecord.name.contains("|")
        events = self.session.scalars(select(MispRecord.event_id).where(*of, found).distinct())
        return {one for one in events if one is not None}


def by_object(attributes: Iterable[Json]) -> dict[str, list[Json]]:
    """Attributes by the number of the object that they are in; ``0``: they are in none."""
    found: dict[str, list[Json]] = {}
    for one in attributes:
        found.setdefault(one["object_id"], []).append(one)
    return found


def note_given(node: Node, caller: ProgramCaller, given: Iterable[SharedEvent], now: datetime) -> None:
    """Note what a partner is about to read of incidents, so that a recall reaches it."""
    us = node_uuid(node.database)
    events = {(us, one.incident.uuid): one for one in given if not one.withdrawn}
    if events:
        with node.database.begin() as session:
            incidents = {name: one.incident for name, one in events.items()}
            grounds = {name: ground_detail(session, one.package) for name, one in events.items()}
            note_incidents_read(session, caller.partner, AccessProtocol.MISP, incidents, now, grounds=grounds)


def finds_event(query: SearchQuery, event: Json, attributes: list[Json]) -> bool:
    """Whether a search for events finds this one."""
    kept = [one for one in attributes if one["deleted"] in query.deleted]
    names = [*tag_names(event), *(name for one in kept for name in tag_names(one))]
    wanted = TermFilter(query.tags.some, query.tags.every)
    return (
        query.uuid.allows([event["uuid"]])
        and (query.timestamp is None or query.timestamp.allows(event["timestamp"]))
        and wanted.allows(names)
        and not query.tags.forbids(tag_names(event))
        and (not query.of_attributes or any(map(query.allows_attribute, kept)))
    )


def finds_attribute(query: SearchQuery, event: Json, attribute: Json) -> bool:
    """Whether a search for attributes finds this one."""
    return (
        attribute["deleted"] in query.deleted
        and query.allows_attribute(attribute)
        and query.uuid.allows([attribute["uuid"], event["uuid"]])
        and (query.timestamp is None or query.timestamp.allows(attribute["timestamp"]))
        and query.tags.allows([*tag_names(attribute), *tag_names(event)])
    )


def _of_observable(attribute: Json, event: int, at: int) -> Json:
    said = read_attribute(attribute)
    row = MispRecord(
        id=OWN_NUMBERS + (said.uuid.int & _NUMBERS), uuid=said.uuid, event_id=event, object_id=None, name=said.name,
        value=said.value, timestamp=said.timestamp or at, deleted=said.deleted, content=said.content,
    )  # fmt: skip
    return show_attribute(row)


def _seen(attribute: Json, seen: dict[str, list[Json]]) -> Json:
    return {**attribute, "Sighting": seen[attribute["uuid"]]} if attribute["uuid"] in seen else attribute


def _joined(parts: Iterable[Json]) -> Iterator[str]:
    first = True
    for part in parts:
        yield f"{'' if first else ','}{json.dumps(part, ensure_ascii=False)}"
        first = False
