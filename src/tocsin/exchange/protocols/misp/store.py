"""What a partner's program wrote is kept for it as it wrote it, and offered to people here; nothing else changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.orm import Session

from tocsin.exchange.formats import Markings, marking_of, stricter
from tocsin.exchange.ledger import (
    MISP_TYPE,
    RECORDS,
    IncomingRow,
    IncomingState,
    MispRecord,
    OfferedItem,
    OfferState,
    RecordKind,
    ask_about_recalls,
    recalled_names,
    take_back,
)
from tocsin.exchange.protocols.misp.event_reader import EventReader
from tocsin.exchange.protocols.misp.shapes import (
    MispOrg,
    NewRecord,
    ShapeError,
    check_attribute,
    digest_of,
    read_attribute,
    read_event,
    read_object,
    read_uuid,
)
from tocsin.node.records import AuditAction, audit
from tocsin.sharing.gate import Tlp

_BATCH: Final = 1_000
_UNMARKED: Final = Tlp.AMBER_STRICT
_LABELLED: Final = Markings(Tlp.CLEAR)  # what stands above a part: then its distribution alone counts, too
_RECALLED: Final = "Event blocked by event blocklist: its source has recalled it."
_BULK: Final = {"synchronize_session": False}

Json = Mapping[str, Any]


class RefusedError(Exception):
    """What a program asks is not done: ``status`` of HTTP, ``message``, and ``errors`` by field."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.status, self.message, self.more = status, message, dict[str, Any](more)


@dataclass(frozen=True)
class PartnerStore:
    """What one partner wrote, within a transaction. ``org``: whose things these are; ``size``: bytes of the request."""

    session: Session
    partner: int
    org: MispOrg
    now: datetime
    size: int = 0

    @property
    def seconds(self) -> int:
        """The time in Unix seconds."""
        return int(self.now.timestamp())

    def find(self, kind: RecordKind, name: str) -> MispRecord | None:
        """A record by its number or UUID. Of events only those that were not deleted, and what is in them."""
        uuid = read_uuid(name)
        if uuid is None and not (name.isdecimal() and len(name) < 10):
            return None
        named = MispRecord.uuid == uuid if uuid else MispRecord.id == int(name)
        row = self.session.scalar(select(MispRecord).where(*self._own(kind), named))
        if row is None or (kind is RecordKind.EVENT and row.deleted):
            return None
        above = self.session.get(MispRecord, row.event_id) if row.event_id else None
        return None if above is not None and above.deleted else row

    def rows(
        self, kind: RecordKind, *of: ColumnElement[bool], after: int = 0, limit: int | None = None
    ) -> Sequence[MispRecord]:
        """Records in order, from a number on."""
        query = select(MispRecord).where(*self._own(kind), *of, MispRecord.id > after)
        return self.session.scalars(query.order_by(MispRecord.id).limit(limit)).all()

    def attributes(self, event: int, *, after: int, limit: int) -> Sequence[Row[Any]]:
        """Attributes of an event as plain rows, since there may be many; from a number on."""
        of = *self._own(RecordKind.ATTRIBUTE), MispRecord.event_id == event, MispRecord.id > after
        query = select(*MispRecord.__table__.columns).where(*of)
        return self.session.execute(query.order_by(MispRecord.id).limit(limit)).all()

    def events(self) -> Sequence[MispRecord]:
        """The events that were not deleted."""
        return self.rows(RecordKind.EVENT, MispRecord.deleted.is_(False))

    def counts(self, events: Iterable[int]) -> dict[int, int]:
        """How many attributes events have that are not deleted."""
        of = *self._own(RecordKind.ATTRIBUTE), MispRecord.deleted.is_(False), MispRecord.event_id.in_(list(events))
        found = select(MispRecord.event_id, func.count()).where(*of).group_by(MispRecord.event_id)
        return {event or 0: count for event, count in self.session.execute(found)}

    def add_event(self, body: bytes) -> MispRecord:
        """A new event with all that is in it.

        Raises:
            RefusedError: it is here already, was recalled, or has no title.
            ShapeError, InputError: it is no event.

        """
        unnamed = uuid4()
        unread = NewRecord(unnamed, "", "", None, deleted=False, content={})
        row = MispRecord(**self.values(RecordKind.EVENT, unread, unnamed))
        parts = _PartWriter(self, row)
        self.session.add(row)
        self.session.flush()
        record = read_event(EventReader(parts.take).read(body))
        if not record.name.strip():
            raise ShapeError("info", "Info cannot be empty.")
        self._check_new(record.uuid)
        row.uuid = row.target = record.uuid
        row.name, row.timestamp = record.name, record.timestamp or self.seconds
        row.content = self._with_publishing(record.content, {})
        parts.done()
        of = MispRecord.event_id == row.id, MispRecord.target == unnamed  # what came before its name
        self.session.execute(update(MispRecord).where(*of).values(target=row.uuid), execution_options=_BULK)
        self._offer(row, parts.markings)
        return row

    def edit_event(self, row: MispRecord, body: bytes) -> None:
        """Change an event: what is not named stays.

        Raises:
            RefusedError: what is here is newer.

        """
        parts = _PartWriter(self, row)
        record = read_event(EventReader(parts.take).read(body))
        if record.timestamp is not None and record.timestamp < row.timestamp:
            raise RefusedError(
                403, "Event could not be saved: Event in the request not newer than the local copy.", saved=False
            )
        row.content = self._with_publishing({**row.content, **record.content}, row.content)
        row.name = record.name if "info" in record.given and record.name.strip() else row.name
        row.timestamp = record.timestamp or self.seconds
        parts.done()
        self._offer(row, parts.markings)

    def write_parts(self, event: MispRecord, kind: str, parts: Iterable[Json], *, object_id: int | None = None) -> None:
        """Add or change attributes or objects of an event, and so the event."""
        writer = _PartWriter(self, event, object_id=object_id)
        for part in parts:
            writer.take(kind, part)
        writer.done()
        event.timestamp = self.seconds
        event.content = {**event.content, "published": False}
        self._offer(event, writer.markings)

    def delete(self, row: MispRecord) -> None:
        """Mark something as deleted, with what is in it; that the event was deleted is said to the people here."""
        event = row if row.kind == RecordKind.EVENT else self.session.get_one(MispRecord, row.event_id)
        if row.kind == RecordKind.OBJECT:
            for one in self.rows(RecordKind.ATTRIBUTE, MispRecord.object_id == row.id):
                one.deleted, one.timestamp = True, self.seconds
        row.deleted, row.timestamp, event.timestamp = True, self.seconds, self.seconds
        self._offer(event, Markings())

    def set_tag(self, row: MispRecord, tag: dict[str, Any], *, remove: bool = False) -> None:
        """Add a tag to an event or attribute, or remove it. One for its own server alone changes no time."""
        tags = [one for one in row.content.get("Tag") or () if one["name"] != tag["name"]]
        row.content = {**row.content, "Tag": tags if remove else [*tags, tag]}
        event = row if row.kind == RecordKind.EVENT else self.session.get_one(MispRecord, row.event_id)
        if not tag["local"]:
            row.timestamp = event.timestamp = max(self.seconds, event.timestamp)
        self._offer(event, marking_of(row.content, _LABELLED))

    def publish(self, row: MispRecord) -> None:
        """The partner asks that others get its event: people here read that, and nothing follows by itself."""
        row.content = {**row.content, "published": True, "publish_timestamp": self.seconds}
        self._offer(row, Markings(), code="publish")

    def add_feedback(
        self, kind: RecordKind, target: UUID, title: str, records: Iterable[NewRecord], marking: Markings
    ) -> list[MispRecord]:
        """Proposals or sightings on an event, its own or one of this node: offered as one item with others on it."""
        made = [MispRecord(**self.values(kind, one, target)) for one in records]
        known = {one.uuid for one in self.rows(kind, MispRecord.uuid.in_([one.uuid for one in made]))}
        made = [one for one in made if one.uuid not in known]
        self.session.add_all(made)
        self.session.flush()
        if made:
            self._offer_item(target, title, marking, {"change": f"{kind.value}s", "count": len(made)})
        return made

    def values(
        self, kind: RecordKind, one: NewRecord, target: UUID, event: int | None = None, object_id: int | None = None
    ) -> dict[str, Any]:
        """The columns of a new record."""
        return {
            "partner_id": self.partner, "kind": kind.value, "uuid": one.uuid, "target": target, "event_id": event,
            "object_id": object_id, "name": one.name, "value": one.value,
            "digest": digest_of(one.value) if one.value else "", "timestamp": one.timestamp or self.seconds,
            "deleted": one.deleted, "content": one.content,
        }  # fmt: skip

    def _own(self, kind: RecordKind) -> tuple[ColumnElement[bool], ...]:
        return MispRecord.partner_id == self.partner, MispRecord.kind == kind.value

    def _check_new(self, uuid: UUID) -> None:
        known = next(iter(self.rows(RecordKind.EVENT, MispRecord.uuid == uuid)), None)
        if known is not None and not known.deleted:
            raise ExistingEventError(known.id)
        if known is not None:
            raise RefusedError(403, "Event blocked by event blocklist: it was deleted.", saved=False)
        recalled = recalled_names(self.session, [uuid], giver=self.partner)
        if recalled.gone:
            raise RefusedError(403, _RECALLED, saved=False)
        ask_about_recalls(self.session, recalled.claimed, self.now, came_by=self.org.name)

    def _with_publishing(self, content: dict[str, Any], before: Json) -> dict[str, Any]:
        if content.get("published") and not before.get("published"):
            return {**content, "publish_timestamp": self.seconds}
        return content

    def _offer(self, event: MispRecord, marking: Markings, *, code: str = "") -> None:
        """The event as an item for the people here; ``code``: what its partner asks, or that it took it back."""
        if not event.deleted and recalled_names(self.session, [event.target], giver=self.partner).gone:
            raise RefusedError(403, _RECALLED, saved=False)
        event.content = {**event.content, "marking": self._marking(event, marking)}
        code = "deleted" if event.deleted else code
        label = Markings(Tlp(event.content["marking"]))
        self._offer_item(event.target, event.name, label, {"change": code or "event"}, code=code)

    def _marking(self, event: MispRecord, marking: Markings) -> str:
        """The strictest that was ever said of the event and of what is in it: no edit makes it wider."""
        before = Markings(Tlp(event.content["marking"])) if "marking" in event.content else Markings()
        own = marking_of(event.content)
        return (stricter(Markings(own.tlp or _UNMARKED), marking, before).tlp or _UNMARKED).value

    def _offer_item(
        self, target: UUID, title: str, marking: Markings, detail: dict[str, object], *, code: str = ""
    ) -> None:
        session = self.session
        part = {"hash": f"misp:{target}", "name": RECORDS, "type": "application/json", "class": "technical"}
        named = IncomingRow.partner_id == self.partner, IncomingRow.hash == part["hash"]
        row = session.scalar(select(IncomingRow).where(*named))
        tlp = (marking.tlp or _UNMARKED).value
        if row is None:
            row = IncomingRow(
                partner_id=self.partner, number=0, hash=part["hash"], counts=False, type=MISP_TYPE, tlp=tlp,
                state=IncomingState.TAKEN.value, code="", reason="", text="", archive="", came_at=self.now,
                taken_by=MISP_TYPE,
            )  # fmt: skip
            session.add(row)
            session.flush()
        of = OfferedItem.incoming_id == row.id
        if code == "deleted" and take_back(session.scalars(select(OfferedItem).where(of)), code):
            return
        item = session.scalar(select(OfferedItem).where(of).order_by(OfferedItem.version.desc()).limit(1))
        version = max(self.seconds, item.version + 1 if item else 0)
        if item is None or item.state != OfferState.OFFERED:
            item = OfferedItem(
                partner_id=self.partner, incoming_id=row.id, node=self.org.uuid, item=target, verified=False,
                way=MISP_TYPE,
                state=OfferState.OFFERED.value, code="", reason="", incident="", decided_at=None, decided_by="",
                version=version, title="", tlp=tlp, pap="", parts=[], came_at=self.now,
            )  # fmt: skip
            session.add(item)
        else:
            tlp = max((Tlp(item.tlp), Tlp(tlp)), key=lambda one: one.rank).value
        row.tlp = item.tlp = tlp
        largest = max([self.size, *(one["bytes"] for one in item.parts)])
        item.version, item.title, item.code = version, title[:500], code or item.code
        item.parts = [{**part, "bytes": largest}]
        session.flush()
        audit(
            session, AuditAction.OFFER_CAME, at=self.now, actor=MISP_TYPE,
            subject=f"partner:{self.partner}", detail={"item": str(target), "way": MISP_TYPE, **detail},
        )  # fmt: skip


class ExistingEventError(Exception):
    """An event is here already, under this number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def partner_uuid(number: int, node: UUID | None, own: UUID) -> UUID:
    """What a partner's organisation is called: its node, or a name of ours for it."""
    return node or uuid5(own, f"partner:{number}")


@dataclass
class _PartWriter:
    """Writes attributes and objects of an event in batches. ``markings``: the strictest of them.

    ``foreign``: something belongs to another event; whether that is the same event, its UUID says at the end.
    """

    store: PartnerStore
    event: MispRecord
    object_id: int | None = None
    markings: Markings = field(default_factory=Markings)
    foreign: bool = False
    _waiting: list[tuple[NewRecord, int | None]] = field(default_factory=list)
    _known: dict[str, Markings] = field(default_factory=dict)

    def take(self, kind: str, part: Json) -> None:
        """One attribute, or one object with its attributes."""
        if kind == "Object":
            self._take_object(part)
        else:
            self._take_attribute(part, self.object_id)

    def done(self) -> None:
        """Write what waits.

        Raises:
            ShapeError: something belongs to another event.

        """
        self._write()
        if self.foreign:
            raise ShapeError("uuid", "It belongs to another event.")

    def _take_attribute(self, part: Json, object_id: int | None, *, deleted: bool = False) -> None:
        record = read_attribute(part)
        record.deleted = record.deleted or deleted
        self._mark(record.content)
        self._waiting.append((record, object_id))
        if len(self._waiting) >= _BATCH:
            self._write()

    def _take_object(self, part: Json) -> None:
        record, store = read_object(part), self.store
        self._mark(record.content)
        row = next(iter(store.rows(RecordKind.OBJECT, MispRecord.uuid == record.uuid)), None)
        if row is None:
            row = MispRecord(**store.values(RecordKind.OBJECT, record, self.event.target, self.event.id))
            store.session.add(row)
            store.session.flush()
        elif row.event_id != self.event.id:
            self.foreign = True
            return
        else:
            _change(row, record, store.seconds)
        for one in part.get("Attribute") or ():
            if isinstance(one, dict):
                self._take_attribute(one, row.id, deleted=record.deleted)
        if record.deleted:
            self._write()
            for one in store.rows(RecordKind.ATTRIBUTE, MispRecord.object_id == row.id):
                one.deleted = True

    def _mark(self, content: Json) -> None:
        """The marking of a part, with what is said of its event where that says nothing."""
        if not content.get("Tag") and content.get("distribution", "5") in {"", "5"}:
            return
        tags = [one["name"] for one in content.get("Tag") or ()]
        key = str((content.get("distribution"), content.get("SharingGroup"), tags))
        if key not in self._known:
            self._known[key] = marking_of(content, _LABELLED)
            self.markings = stricter(self.markings, self._known[key])

    def _write(self) -> None:
        store, waiting = self.store, self._waiting
        if not waiting:
            return
        self._waiting = []
        uuids = [record.uuid for record, _ in waiting]
        known = {one.uuid: one for one in store.rows(RecordKind.ATTRIBUTE, MispRecord.uuid.in_(uuids))}
        new: dict[UUID, dict[str, Any]] = {}
        for record, object_id in waiting:
            row = known.get(record.uuid)
            if row is None:
                check_attribute(record)
                new[record.uuid] = store.values(
                    RecordKind.ATTRIBUTE, record, self.event.target, self.event.id, object_id
                )
            elif row.event_id != self.event.id:
                self.foreign = True
            else:
                _change(row, record, store.seconds)
        store.session.flush()
        if new:
            store.session.connection().execute(insert(MispRecord), list(new.values()))


def _change(row: MispRecord, record: NewRecord, now: int) -> None:
    """Take over what is newer: what a program sends back with the time that it was given is what it got."""
    if record.timestamp is not None and record.timestamp <= row.timestamp:
        return
    row.content = {**row.content, **record.content}
    row.name, row.value = record.name or row.name, record.value if "value" in record.given else row.value
    row.digest = digest_of(row.value) if row.value else ""
    row.deleted = record.deleted if "deleted" in record.given else row.deleted
    row.timestamp = record.timestamp or now
