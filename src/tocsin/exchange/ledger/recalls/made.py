"""What was made here of an item of a partner, found by the keys that its way in left, and what still stands of it.

Where a key cannot lead (a note that repeats a value, a draft, a comment) the texts of the incident are read for what
the item said.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, column, exists, false, or_, select, table
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import ReceivedMail
from tocsin.events import Ingest, Reread
from tocsin.exchange.dispatches import Limits, digits, unpack
from tocsin.exchange.ledger.cases import ExchangeCase, ExchangeMessage
from tocsin.exchange.ledger.items import reference_of_item
from tocsin.exchange.ledger.misp_records import MISP_TYPE, MispRecord
from tocsin.exchange.ledger.models import IncomingRow, ItemOrigin, OfferedItem, OutgoingRow, PassedItem
from tocsin.exchange.ledger.states import NOT_SOURCE, RECALLED_ITEMS
from tocsin.exchange.sharing import brought_things
from tocsin.exchange.statements import DispatchType, RefusalError
from tocsin.incidents import (
    Incident,
    IncidentEntry,
    IncidentEntryKind,
    IncidentObservable,
    IncidentReader,
    IncidentTask,
    defang,
    extract_observables,
    known_references,
)
from tocsin.incidents.contents import CONTENT
from tocsin.incidents.evidence import IncidentEvidence, held_incidents
from tocsin.incidents.models import ObservableSighting, Party
from tocsin.incidents.takedowns import Takedown, TakedownRecipient, TakedownSighting
from tocsin.incidents.threads import IncidentMail
from tocsin.node.errors import NotFoundError, StorageError
from tocsin.node.node import Node
from tocsin.node.records import Tombstone

LEGAL_HOLD: Final = "legal-hold"
OTHER_SOURCE: Final = "other-source"
"""The codes of what stays without a person's word: the law keeps it, or it was learned elsewhere, too."""

_SHORTEST: Final = 5  # letters of a word that is looked for in texts
_ARRIVALS: Final = table("exchange_arrival", column("of"), column("mail"))  # of a higher room
_OBJECTS: Final = table("exchange_taxii_object", column("incident_id"), column("content"))  # the same
WITHOUT_WORDS: Final = frozenset(
    {IncidentObservable, ObservableSighting, IncidentEvidence, Takedown, TakedownRecipient, TakedownSighting, Party}
)
"""Tables of an incident that are not read for words: keys lead to their rows, or they go with those."""


class MadeKind(StrEnum):
    """What was made of an item."""

    ARCHIVE = "archive"  # the file as it came
    MAIL = "mail"  # that brought it
    RECORDS = "records"  # what a program of the partner wrote
    TITLE = "title"  # of an incident
    ENTRY = "entry"
    OBSERVABLE = "observable"
    EVIDENCE = "evidence"
    TEXT = "text"  # of the incident, that repeats it
    CASE = "case"
    DISPATCH = "dispatch"  # the copy of what went to others with it
    COLLECTION = "collection"  # what partners read of it at TAXII
    EVENTS = "events"  # a report that was taken in, with its events


@dataclass(frozen=True)
class MadeThing:
    """One thing that was made of an item. ``name``: as a purge names it; ``incident``: where it is, or empty.

    ``text``: what it is, for whoever may read that. ``stays``: a code, where it is not ended with the others.
    ``in_use``: it is looked for, or teams are notified of it. ``hidden``: the reader
    may not read its incident, and so it has no name.
    """

    kind: MadeKind
    name: str
    incident: str = ""
    text: str = ""
    stays: str = ""
    in_use: bool = False
    hidden: bool = False


Kept: TypeAlias = Mapping[str, str]
"""By the names of things that are kept, the codes why."""


def made_of(
    node: Node, session: Session, items: Sequence[OfferedItem], now: datetime, *, reader: IncidentReader | None = None,
    kept: Kept | None = None,
) -> list[MadeThing]:  # fmt: skip
    """All that is here of versions of an item, whoever may read it.

    ``reader``: of what this person may not read only that it is there is said. ``kept``: what a person keeps, and why.
    """
    return _Finder(node, session, items, now, reader, kept or {}).found


def words_of(node: Node, session: Session, items: Sequence[OfferedItem], now: datetime) -> list[str]:
    """What an item said that no other source did: values, titles, its reference there, names of its files."""
    return sorted(_Finder(node, session, items, now, None, {}).words)


@dataclass(frozen=True)
class _Place:
    """An incident. ``hidden``: the reader may not read it."""

    incident: Incident
    hidden: bool

    def thing(self, kind: MadeKind, part: str, text: str = "", stays: str = "") -> MadeThing:
        """Something in it."""
        of = self.incident.reference
        return MadeThing(kind, f"incident:{of}:{part}", of, text, stays, hidden=self.hidden)


@dataclass
class _Finder:
    node: Node
    session: Session
    items: Sequence[OfferedItem]
    now: datetime
    reader: IncidentReader | None
    kept: Kept
    words: set[str] = field(default_factory=set)

    @cached_property
    def found(self) -> list[MadeThing]:
        """Everything, with why it stays where it does."""
        made = [*self._came(), *self._events()]
        for incident in self.incidents:
            made += self._in_incident(incident)
        made += [*self._passed_on(), *self._cases()]
        return [self._judged(one) for one in {one.name: one for one in made}.values()]

    @cached_property
    def names(self) -> set[str]:
        """What the ways in call these items."""
        return {f"item:{one.id}" for one in self.items}

    @cached_property
    def incidents(self) -> list[Incident]:
        """Where something of it is: by its keys, also where adopting was cut off, and by what merged them."""
        row = IncidentEntry
        keys = [(f"exchange//item:{one.id}:", f"exchange//item:{one.id};") for one in self.items]
        by_key = or_(*((row.once >= low) & (row.once < high) for low, high in keys))
        numbers = set(self.session.scalars(select(row.incident_id).where(by_key)))
        named = Incident.reference.in_({one.incident for one in self.items} - {""})
        found = self.session.scalars(select(Incident).where(named | Incident.id.in_(numbers))).all()
        family = {one.id: one for one in found}
        newest = list(family.values())
        while newest:
            into = {one.merged_into for one in newest} - {None}
            of = Incident.merged_into.in_([one.id for one in newest]) | Incident.id.in_(into)
            newest = [one for one in self.session.scalars(select(Incident).where(of)) if one.id not in family]
            family |= {one.id: one for one in newest}
        return [family[number] for number in sorted(family)]

    @cached_property
    def _readable(self) -> set[str]:
        names = {one.reference for one in self.incidents}
        return names if self.reader is None else known_references(self.session, self.reader, names)

    @cached_property
    def _erased(self) -> set[str]:
        """The names of parts of which an earlier act left a tombstone."""
        of = or_(*(Tombstone.reference.startswith(f"incident:{one.reference}:") for one in self.incidents))
        return set(self.session.scalars(select(Tombstone.reference).where(of)))

    @cached_property
    def _held(self) -> set[str]:
        return {reference for reference, _ in held_incidents(self.session, self.now)}

    def _judged(self, made: MadeThing) -> MadeThing:
        """Why it stays, if it does; nothing of what the reader may not read, not even how it is called."""
        hold = LEGAL_HOLD if self._held & ({made.incident} - {""}) else ""
        judged = replace(made, stays=self.kept.get(made.name) or hold or made.stays)
        return replace(judged, name="", incident="", text="") if made.hidden else judged

    def _came(self) -> Iterator[MadeThing]:
        """The files as they came."""
        for one in self.items:
            row = self.session.get_one(IncomingRow, one.incoming_id)
            if row.type == MISP_TYPE:
                of = MispRecord.partner_id == one.partner_id, MispRecord.target == one.item, MispRecord.name != ""
                if self.session.scalar(select(exists().where(*of))):
                    yield MadeThing(MadeKind.RECORDS, f"incoming:{row.id}", one.incident, one.title)
            elif row.archive and (one.parts or one.title):
                with_reference = _readable_archive(self.node, self.session, one)
                self.words |= {with_reference} if len(with_reference) >= _SHORTEST else set()
                yield MadeThing(MadeKind.ARCHIVE, f"incoming:{row.id}", one.incident, one.title)
            if one.title:
                self.words.add(one.title)
            mails = self.session.scalars(
                select(_ARRIVALS.c.mail).where(_ARRIVALS.c.of == row.hash, _ARRIVALS.c.mail != "")
            )
            rows = self.session.execute(
                select(ReceivedMail.id, ReceivedMail.sha256).where(ReceivedMail.sha256.in_(mails.all()))
            )
            for number, sha256 in rows:
                if sha256 in self.node.mailroom:
                    yield MadeThing(MadeKind.MAIL, f"mail:{number}", one.incident)

    def _events(self) -> Iterator[MadeThing]:
        """Reports that were taken in: the same bytes as a file of the item, or by a collector under its name."""
        hashes = {digits(part["hash"]) for one in self.items for part in one.parts}
        same: list[ColumnElement[bool]] = [Ingest.content_hash.in_(hashes)]
        # Of a report that was read again, the first reading may have unreadable rows.
        again = select(Ingest.number).where(Ingest.content_hash.in_(hashes))
        same.append(Ingest.number.in_(select(Reread.of).where(Reread.number.in_(again))))
        same += [Ingest.report.startswith(f"{one.item}-", autoescape=True) for one in self.items]
        for row in self.session.scalars(select(Ingest).where(or_(*same)).order_by(Ingest.number)):
            if (row.stored or row.quarantined) and f"ingest:{row.number}" not in self._gone:
                yield MadeThing(MadeKind.EVENTS, f"ingest:{row.number}", text=row.report, in_use=True)
        numbers = {name: int(name.partition(":")[2].partition("-")[0]) for name in self._origins}
        reports = select(Ingest.number, Ingest.report).where(Ingest.number.in_(set(numbers.values())))
        known = dict(self.session.execute(reports).all()) if numbers else {}
        for name in self._origins:
            if name not in self._gone:
                yield MadeThing(MadeKind.EVENTS, name, text=known.get(numbers[name], ""), in_use=True)

    @cached_property
    def _origins(self) -> list[str]:
        """The events that a collector took in and the far end took back."""
        of = select(ItemOrigin.thing).where(ItemOrigin.item_id.in_([one.id for one in self.items]))
        return sorted(self.session.scalars(of))

    @cached_property
    def _gone(self) -> set[str]:
        """Of what was taken in, what was purged already."""
        purged = Tombstone.reference.startswith("ingest:") | Tombstone.reference.in_(self._origins)
        return set(self.session.scalars(select(Tombstone.reference).where(purged)))

    def _in_incident(self, incident: Incident) -> Iterator[MadeThing]:
        of = incident.reference
        entries = self.session.scalars(
            select(IncidentEntry).where(IncidentEntry.incident_id == incident.id).order_by(IncidentEntry.id)
        ).all()
        ours = {thing for thing, name in brought_things(incident, entries).items() if name in self.names}
        place = _Place(incident, of not in self._readable)
        things = [*self._parts(place, ours, _said_elsewhere(entries, ours))]
        yield from things
        kept = [(one.text, self.kept[one.name]) for one in things if one.name in self.kept and one.text]
        ours |= {f"entry {one.id}" for one in entries if self._is_of(one)}
        for entry in entries:
            if f"entry {entry.id}" in ours and f"incident:{of}:entry-{entry.id}" not in self._erased:
                stays = next((code for text, code in kept if text in _whole(entry)), "")  # else nobody knew whose it is
                yield place.thing(MadeKind.ENTRY, f"entry-{entry.id}", _line(entry), stays)
        yield from self._texts(place, ours)
        words = (_has(_OBJECTS.c.content, word) for word in self.words)
        if self.session.scalar(select(exists().where(_OBJECTS.c.incident_id == incident.id, or_(false(), *words)))):
            yield place.thing(MadeKind.COLLECTION, "collection")

    def _parts(self, place: "_Place", ours: Collection[str], elsewhere: Collection[str]) -> Iterator[MadeThing]:
        """The title, the observables and the files of evidence."""
        session, incident = self.session, place.incident
        if "title" in ours and incident.title != incident.reference:
            self.words.add(incident.title)
            yield place.thing(MadeKind.TITLE, "title", incident.title)
        sighted = ObservableSighting.incident_id == incident.id
        seen = set(session.scalars(select(ObservableSighting.observable_id).where(sighted)))
        for row in session.scalars(select(IncidentObservable).where(IncidentObservable.incident_id == incident.id)):
            if f"value {row.value}" in ours:
                own = row.value in elsewhere or (row.id in seen and not self._has_events)
                self.words |= set() if own else {row.value, defang(row.value)}
                stays = OTHER_SOURCE if own else ""
                made = place.thing(MadeKind.OBSERVABLE, f"observable-{row.id}", row.value, stays)
                yield replace(made, in_use=row.withdrawn_at is None)
        for item in session.scalars(select(IncidentEvidence).where(IncidentEvidence.incident_id == incident.id)):
            if f"evidence {item.id}" in ours and (item.name or item.sha256 or item.kept):
                yield place.thing(MadeKind.EVIDENCE, f"evidence-{item.id}", item.name)

    @cached_property
    def _has_events(self) -> bool:
        """Whether events came of it, which then are no other source."""
        return any(True for _ in self._events())

    @cached_property
    def _case_nodes(self) -> set[str]:
        """The nodes that signed the history of a case that an item is: it came with that."""
        same = or_(*((ExchangeCase.node == one.node) & (ExchangeCase.case == one.item) for one in self.items))
        return {str(one) for one in self.session.scalars(select(ExchangeCase.node).where(same))}

    def _is_of(self, entry: IncidentEntry) -> bool:
        """Whether an entry says that the item was adopted, or is of the history of its case."""
        if entry.data.get("node") in self._case_nodes:
            return True
        named = entry.kind == IncidentEntryKind.EXCHANGE and entry.data.get("act") == "adopted"
        return named and bool(entry.data.get("reference")) and entry.data["reference"] in self.words

    def _texts(self, place: "_Place", known: Collection[str]) -> Iterator[MadeThing]:
        """What else in an incident repeats what the item said."""
        for content in (*CONTENT, ExchangeMessage) if self.words else ():
            if content in WITHOUT_WORDS:
                continue
            for row in self.session.scalars(select(content).where(content.incident_id == place.incident.id)):
                part = _PARTS.get(content, content.__tablename__.replace("_", "."))
                if f"{part} {row.id}" not in known and self._repeats(row):
                    kind = MadeKind.ENTRY if part == "entry" else MadeKind.TEXT
                    yield place.thing(kind, f"{part}-{row.id}", _line(row))

    def _repeats(self, row: Any) -> bool:
        return self._is_in(_whole(row))

    def _is_in(self, text: str) -> bool:
        text = text.casefold()
        return any(word.casefold() in text for word in self.words if len(word) >= _SHORTEST)

    def _passed_on(self) -> Iterator[MadeThing]:
        """The copies of dispatches that brought it to others: as its source signed it, or in an incident."""
        uuids = [one.uuid for one in self.incidents]
        same = or_(*((PassedItem.node == one.node) & (PassedItem.item == one.item) for one in self.items))
        direct, all_of = set[int | None](), set[int | None]()
        for one in self.session.scalars(select(PassedItem).where(same | PassedItem.item.in_(uuids))):
            all_of |= {one.outgoing_id, one.recall_dispatch}
            direct |= {one.outgoing_id} if one.item not in uuids else set()
        about = OutgoingRow.incident.in_([one.reference for one in self.incidents])
        rows = select(OutgoingRow).where(about | OutgoingRow.id.in_(all_of - {None})).order_by(OutgoingRow.id)
        for row in self.session.scalars(rows):
            here = bool(row.archive or (row.number < 0 and row.file)) and row.type in _WITH_ITEMS
            if self._is_in(row.title) or (here and (row.id in direct or self._is_in_archive(row))):
                yield MadeThing(MadeKind.DISPATCH, f"dispatch:{row.id}", row.incident, row.title)

    def _is_in_archive(self, row: OutgoingRow) -> bool:
        if not row.archive:  # a mail, which is kept encrypted alone
            return True
        try:
            members = unpack(self.node.exchange.read(row.archive), Limits())
        except (RefusalError, StorageError, NotFoundError):
            return True
        return any(self._is_in(content.decode("utf-8", "replace")) for content in members.values())

    def _cases(self) -> Iterator[MadeThing]:
        same = or_(*((ExchangeCase.node == one.node) & (ExchangeCase.case == one.item) for one in self.items))
        for row in self.session.scalars(select(ExchangeCase).where(same)):
            if row.title:
                yield MadeThing(MadeKind.CASE, f"case:{row.id}", text=row.title)


def made_kind(name: str) -> MadeKind:
    """What a thing is that a purge names so."""
    place, _, part = name.rpartition(":")
    kind = part.partition("-")[0] if place.startswith("incident:") else _BY_PLACE.get(place, "")
    return MadeKind(kind) if kind in set(MadeKind) else MadeKind.TEXT


_BY_PLACE: Final = {
    "incoming": "archive",
    "mail": "mail",
    "ingest": "events",
    "event": "events",
    "dispatch": "dispatch",
    "case": "case",
}


def holds_recalled(node: Node, session: Session, row: OutgoingRow, now: datetime) -> bool:
    """Whether a dispatch that was not received yet has something in it that its source recalled since."""
    if row.type not in _WITH_ITEMS:
        return False
    states = [one.value for one in RECALLED_ITEMS]
    passed = select(PassedItem.id).where(
        PassedItem.outgoing_id == row.id, PassedItem.node == OfferedItem.node, PassedItem.item == OfferedItem.item
    )
    inside = (OfferedItem.incident == row.incident) & (OfferedItem.incident != "")
    query = select(OfferedItem).where(OfferedItem.state.in_(states), OfferedItem.code != NOT_SOURCE)
    items = session.scalars(query.where(passed.exists() | inside)).all()
    return f"dispatch:{row.id}" in {one.name for one in made_of(node, session, items, now)} if items else False


_WITH_ITEMS: Final = frozenset({DispatchType.SHARE.value, DispatchType.OFFER.value})
_PARTS: Final[Mapping[Any, str]] = {IncidentEntry: "entry", IncidentTask: "task", IncidentMail: "mail"}
"""The tables of which a purge erases a row by the name of its part; in others the words go out of the texts."""


def _readable_archive(node: Node, session: Session, item: OfferedItem) -> str:
    try:
        return reference_of_item(node, session, item)
    except (RefusalError, StorageError, NotFoundError):
        return ""


def _said_elsewhere(entries: Iterable[IncidentEntry], ours: Collection[str]) -> set[str]:
    """The values that somebody else said in an incident: a person, another partner, another item."""
    added = (
        one for one in entries
        if one.kind == IncidentEntryKind.OBSERVABLE and one.data.get("act") == "added" and f"entry {one.id}" not in ours
    )  # fmt: skip
    return {said.value for one in added for said in extract_observables(one.text).found}


def _has(text: Any, word: str) -> Any:
    return text.contains(json.dumps(word)[1:-1], autoescape=True)


def _whole(row: Any) -> str:
    """All texts of a row."""
    values = (getattr(row, name.key) for name in row.__mapper__.column_attrs)
    return "\n".join(
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for one in values
        if isinstance(one, str | list | dict)
    )


def _line(row: Any) -> str:
    return next(
        (" ".join(str(text).split())[:200] for text in (getattr(row, "text", ""), getattr(row, "subject", "")) if text),
        "",
    )
