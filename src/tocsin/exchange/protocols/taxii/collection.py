"""A partner's collection as the records are now: what the gate lets go is added, what it no longer does is taken back.

Numbers and times of objects rise strictly, in the order of commits, since a collection is locked while it changes: a
reader that goes on behind the last one that it has misses none, whether it goes by time or by `next`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Delete, Update, delete, func, insert, select, update
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import adopted_agreements
from tocsin.exchange.formats import read_time, stix_time
from tocsin.exchange.ledger import OfferedItem, OfferState, RecallItemRow, RecallRow, counting_consents
from tocsin.exchange.partners import Partner, attested
from tocsin.exchange.protocols.readings import note_incidents_read
from tocsin.exchange.protocols.taxii.contents import ROOTS, IncidentObjects, Json, PartnerReader, withdrawn
from tocsin.exchange.protocols.taxii.models import TaxiiCollection, TaxiiIncident, TaxiiObject
from tocsin.exchange.protocols.taxii.pages import TaxiiFilter, TaxiiPage, read_page
from tocsin.exchange.protocols.tokens import AccessProtocol
from tocsin.exchange.statements import RecallRequest
from tocsin.incidents import Incident, IncidentSearch, IncidentState, list_incidents, merged_root, references_by_number
from tocsin.node.errors import ConflictError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, AuditEntry, node_uuid
from tocsin.node.sentences import say

_LAG: Final = timedelta(minutes=10)  # an act commits so long after the time that its entry has, at most
_MANY: Final = 500  # rows of a statement
_WIDE: Final = frozenset(
    {"rules", "recall", "team", "directory", "partner", "partnerkey", "act", "content", "agreement", "merge", "consent"}
)
"""Beginnings of audit words after which all incidents are asked of the gate anew."""

_WIDE_WORDS: Final = [word.value for word in AuditAction if word.partition(".")[0] in _WIDE]
_TRIES: Final = 5

_Row = TypeVar("_Row")
_Read = TypeVar("_Read")
_STEP: Final = timedelta(microseconds=1)
_TICK: Final = timedelta(milliseconds=1)  # of a version of STIX


def read_objects(
    node: Node, partner: int, asked: TaxiiFilter, now: datetime, *, content: bool = True
) -> TaxiiPage:  # fmt: skip
    """A page of what a partner may read now. That it reads contents is committed before it does, for recalls."""
    page = _as_of_now(node, partner, now, lambda session: read_page(session, partner, asked, content=content))
    new = [one.number for one in page.rows if not one.passed] if content else []
    if not new:
        return page
    us = node_uuid(node.database)
    with node.database.begin() as session:
        session.get_one(TaxiiCollection, partner, with_for_update=True)
        if _note_read(session, us, partner, page.rows, now) < len(new):  # some were taken back meanwhile
            page = read_page(session, partner, asked)
            _note_read(session, us, partner, page.rows, now)
        return page


def refresh(node: Node, partner: int, now: datetime) -> None:
    """Let the collection be as the records are now.

    Raises:
        ConflictError: others write again and again.

    """
    _as_of_now(node, partner, now, lambda _: None)


def _as_of_now(node: Node, partner: int, now: datetime, read: Callable[[Session], _Read]) -> _Read:
    """What is read of a collection in which nothing lacks; where nothing changed, in the look-up that shows it.

    What changed since it was read last is asked of the gate without a lock, and written only if nobody wrote meanwhile.
    """
    us = node_uuid(node.database)  # drawn before a transaction is open
    for _ in range(_TRIES):
        with node.database.reading() as session:
            known, row = session.get(TaxiiCollection, partner), session.get_one(Partner, partner)
            reader = PartnerReader(session, node, us, row, now)
            if known and known.seen_to and _seen(reader, known.seen_to) == known.seen:
                return read(session)
            changes, seen = list(_changes(reader, known)), _seen(reader, now - _LAG)
        if _write(node, partner, known, changes, (now, seen)):
            with node.database.reading() as session:
                return read(session)
    raise ConflictError(say("Others change this collection now."), hint=say("Try again later."))


def _write(
    node: Node, partner: int, known: TaxiiCollection | None, changes: Iterable[tuple[int, IncidentObjects | None]],
    as_of: tuple[datetime, str],
) -> bool:  # fmt: skip
    """Write what changed, unless somebody has written since it was read."""
    now, seen = as_of
    with node.database.begin() as session:
        session.get(Partner, partner, with_for_update=True)  # of two that come first, one makes it
        collection = session.get(TaxiiCollection, partner, with_for_update=True, populate_existing=True)
        if (collection and collection.seen) != (known and known.seen):
            return False
        if collection is None:
            collection = TaxiiCollection(partner_id=partner, number=0, added_at=None, seen_to=None, seen="")
            session.add(collection)
            session.flush()
        writer = CollectionWriter(session, collection, now)
        for number, going in changes:
            writer.write(number, going.objects() if going else [])
            of = TaxiiIncident.partner_id == partner, TaxiiIncident.incident_id == number
            session.execute(delete(TaxiiIncident).where(*of))
            if going:
                row = TaxiiIncident(partner_id=partner, incident_id=number, digest=going.digest)
                row.agreement = going.agreement
                session.add(row)
        collection.seen_to, collection.seen = now - _LAG, seen
        return True


def purge_incident(session: Session, incident: int, now: datetime) -> None:
    """Take back what partners may read of an incident, in the caller's transaction; what still goes comes anew."""
    of = TaxiiIncident.incident_id == incident
    for row in session.scalars(select(TaxiiIncident).where(of).order_by(TaxiiIncident.partner_id)).all():
        collection = session.get_one(TaxiiCollection, row.partner_id, with_for_update=True)
        CollectionWriter(session, collection, now).write(incident, [])
        session.delete(row)


def _changes(
    reader: PartnerReader, collection: TaxiiCollection | None
) -> Iterator[tuple[int, IncidentObjects | None]]:  # fmt: skip
    """The incidents of which something else goes than before, by number, each with that; None: nothing goes now."""
    session = reader.session
    asks = RecallRow.partner_id.is_(None), ~RecallRow.for_some, RecallRow.asks != RecallRequest.NARROW.value
    recalled = set(session.scalars(select(RecallItemRow.item).join(RecallRow).where(*asks)))
    of = TaxiiIncident.partner_id == reader.partner.id
    known = {one.incident_id: one.digest for one in session.scalars(select(TaxiiIncident).where(of))}
    for incident in _changed(reader, _since(reader, collection)):
        going = None if incident.uuid in recalled else reader.objects_of(incident)
        before = known.pop(incident.id, None)
        if before != (going.digest if going else None):
            yield incident.id, going
    for numbers in _parts(sorted(known)):
        readable = references_by_number(session, reader.reader, numbers)
        yield from ((number, None) for number in numbers if number not in readable)  # it was restricted


def _since(reader: PartnerReader, collection: TaxiiCollection | None) -> datetime | None:
    """From when on what changed is asked of the gate anew; None: all is."""
    if collection is None or collection.seen_to is None or collection.seen.partition(" ")[2] != _bounds(reader):
        return None
    wide = AuditEntry.at > collection.seen_to, AuditEntry.word.in_(_WIDE_WORDS)
    none = reader.session.scalar(select(AuditEntry.id).where(*wide).limit(1)) is None
    return collection.seen_to if none else None


def _changed(reader: PartnerReader, since: datetime | None) -> Iterator[Incident]:
    """The incidents that changed since then, and those that they were merged into, each once; without a time, all."""
    search, after, seen = IncidentSearch(states=tuple(IncidentState)), None, set[int]()
    while rows := list_incidents(reader.session, reader.reader, search, after=after, limit=_MANY):
        for row in rows:
            if since is not None and row.changed_at <= since:
                return
            for one in (row, merged_root(reader.session, reader.reader, row)):
                if one.id not in seen:
                    seen.add(one.id)
                    yield one
        after = (rows[-1].changed_at, rows[-1].id)


def _seen(reader: PartnerReader, since: datetime) -> str:
    """What names the entries since then that may change what goes, which never change, and what binds by its date."""
    words = [*_WIDE_WORDS, AuditAction.INCIDENT_ENTRY.value]
    of = AuditEntry.at > since, AuditEntry.word.in_(words)
    count, top = reader.session.execute(select(func.count(), func.max(AuditEntry.id)).where(*of)).one()
    return f"{count}:{top} {_bounds(reader)}"


def _bounds(reader: PartnerReader) -> str:
    """The agreements that bind this node, what sources let go on, and what the partner has shown: all may expire.

    And what sources recalled and nobody has answered, which comes with a dispatch.
    """
    bound = (one.body for one in adopted_agreements(reader.session, reader.us) if one.binds(reader.us, reader.now))
    found = [f"{one.agreement}:{one.edition}" for one in bound] + counting_consents(reader.session, reader.now)
    recalled = select(OfferedItem.id).where(OfferedItem.state == OfferState.RECALLED.value)
    found += [f"recalled:{one}" for one in reader.session.scalars(recalled)]
    return " ".join(sorted([*found, *attested(reader.partner, reader.now)]))


def _note_read(session: Session, us: UUID, partner: int, rows: Sequence[Any], now: datetime) -> int:
    """Note that a partner is passed these objects, and so items of ours; how many of them are new to it, and here."""
    new = [one for one in rows if not one.passed]
    noted = _each(session, partner, new, update(TaxiiObject).values(passed=True))
    read_of = {one.incident_id for one in new if one.incident_id is not None and not one.revoked}
    for some in _parts(sorted(read_of)):
        read = session.scalars(select(Incident).where(Incident.id.in_(some)).order_by(Incident.id))
        if incidents := {(us, one.uuid): one for one in read}:
            of = TaxiiIncident.partner_id == partner, TaxiiIncident.agreement.is_not(None)
            bound = session.scalars(select(TaxiiIncident).where(*of, TaxiiIncident.incident_id.in_(some)))
            under = {one.incident_id: {"ground": "agreement", "agreement": str(one.agreement)} for one in bound}
            grounds = {name: under.get(one.id, {}) for name, one in incidents.items()}
            note_incidents_read(session, partner, AccessProtocol.TAXII, incidents, now, grounds=grounds)
    return noted


@dataclass
class CollectionWriter:
    """Writes into a collection that is locked."""

    session: Session
    collection: TaxiiCollection
    now: datetime
    _rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def partner(self) -> int:
        """Whose it is."""
        return self.collection.partner_id

    def write(self, incident: int, objects: Sequence[Json]) -> None:
        """Let these be what is to be read of an incident: what is the same stays, what is gone is taken back."""
        before = self._newest(TaxiiObject.incident_id == incident)
        objects = _renamed(objects, {name for name, one in before.items() if one.revoked})
        roots = [one["id"] for one in objects if one["type"] in ROOTS]
        before |= self._newest(TaxiiObject.object.in_(roots)) if roots else {}
        old = list[Any]()
        for one in objects:
            known = before.pop(one["id"], None)
            if known is None or known.hash != _hash(one):
                old += [known] if known is not None else []
                self._add(one, None if one["type"] in ROOTS else incident, known)
        _each(self.session, self.partner, old, update(TaxiiObject).values(newest=False))
        _each(self.session, self.partner, [one for one in old if not one.passed], delete(TaxiiObject))
        self._take_back(incident, [one for one in before.values() if not one.revoked])
        for some in _parts(self._rows):
            self.session.execute(insert(TaxiiObject), some)
        self._rows.clear()

    def _take_back(self, incident: int, gone: Sequence[Any]) -> None:
        """What was read gets a last version that is revoked, with nothing of it; the rest was never there."""
        row = TaxiiObject
        for some in _parts(gone):
            of = row.partner_id == self.partner, row.object.in_([one.object for one in some])
            read = set(self.session.scalars(select(row.object).where(*of, row.passed.is_(True)).distinct()))
            contents = self.session.execute(select(row.object, row.content).where(*of, row.newest.is_(True)))
            texts = {name: text for name, text in contents if name in read}
            self.session.execute(delete(row).where(*of), execution_options={"synchronize_session": False})
            for one in some:
                if one.object in read:
                    self._add(withdrawn(json.loads(texts[one.object])), incident, one)

    def _newest(self, condition: Any) -> dict[str, Any]:
        row = TaxiiObject
        columns = row.number, row.object, row.version, row.hash, row.revoked, row.passed
        query = select(*columns).where(row.partner_id == self.partner, row.newest.is_(True), condition)
        return {one.object: one for one in self.session.execute(query)}

    def _add(self, one: Json, incident: int | None, before: Any | None) -> None:
        """A version that is later than the one before, with the next number and time."""
        collection = self.collection
        collection.number += 1
        collection.added_at = max(self.now, (collection.added_at or datetime(1970, 1, 1, tzinfo=UTC)) + _STEP)
        if before is not None and "modified" in one:
            last = read_time(before.version) or self.now
            one = {**one, "modified": stix_time(max(self.now, last + _TICK))}
        version = one.get("modified") or one.get("created") or stix_time(collection.added_at)
        self._rows.append({
            "partner_id": self.partner, "number": collection.number, "added_at": collection.added_at,
            "incident_id": incident, "object": one["id"], "type": one["type"], "version": version, "hash": _hash(one),
            "content": json.dumps(one, ensure_ascii=False, separators=(",", ":")), "newest": True,
            "revoked": bool(one.get("revoked")), "passed": False,
        })  # fmt: skip


def _parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """As many at once as one statement names."""
    return (rows[start : start + _MANY] for start in range(0, len(rows), _MANY))


def _each(session: Session, partner: int, rows: Sequence[Any], change: Update | Delete) -> int:
    """Change some rows of a partner, or delete them; how many were there."""
    found, row = 0, TaxiiObject
    for some in _parts([one.number for one in rows]):
        of = row.partner_id == partner, row.number.in_(some)
        done = session.connection().execute(change.where(*of))
        found += done.rowcount
    return found


def _renamed(objects: Sequence[Json], revoked: set[str]) -> list[Json]:
    """The objects under other ids where theirs were taken back: such an id has no later version (STIX 2.1, 3.6)."""
    names: dict[str, str] = {}
    for one in objects:
        name = one["id"]
        while name in revoked:
            name = f"{one['type']}--{uuid5(NAMESPACE_URL, name)}"
        if name != one["id"]:
            names[one["id"]] = name
    return [_with_names(one, names) for one in objects] if names else list(objects)


def _with_names(one: Json, names: Mapping[str, str]) -> Json:
    refs = {"object_refs": [names.get(ref, ref) for ref in one["object_refs"]]} if "object_refs" in one else {}
    return {**one, "id": names.get(one["id"], one["id"]), **refs}


def _hash(one: Json) -> str:
    """Of its content; when it was made and changed says nothing, and of who we are that is no content either."""
    content = {name: value for name, value in one.items() if name not in {"modified", "created"}}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
