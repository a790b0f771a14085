"""Decisions on what partners offered: an item becomes local objects by the acts that make them, or is declined."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import Limits, digits, statements_in, unpack
from tocsin.exchange.ledger.misp_records import MISP_TYPE, record_parts
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem
from tocsin.exchange.ledger.states import OfferState
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import DispatchType, RefusalError, SharedItem, Statement
from tocsin.incidents import IncidentEntryKind, ObservableRole, add_entry, extract_observables, find_incident
from tocsin.incidents.act_parts import LINE, kept, reader_of
from tocsin.incidents.course_acts import NewIncident, open_
from tocsin.incidents.evidence import EvidenceSource, NewFile, add_files
from tocsin.incidents.observables import MOST
from tocsin.incidents.part_acts import NewObservables, observe
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, NotFoundError, StorageError, UsageError
from tocsin.node.file_locks import patiently
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit, cut, held
from tocsin.node.sentences import say
from tocsin.node.spreadsheet import unescape_formula
from tocsin.sharing.gate import Marking, Tlp, highest, read_marking

OBSERVABLES: Final = "observables.csv"
"""The part that `exchange.sharing` writes of observables."""

_PREVIEWED: Final = 5_000_000  # bytes of an item that are read for a look at it


ItemNumber = Annotated[
    int, Field(ge=1, le=2**31, title=N_("Shared item"), description="The number of the offered item.")
]


class OfferNamed(BaseModel):
    """Which offered item."""

    item: ItemNumber


class AdoptedItem(OfferNamed):
    """An offered item, and where it is adopted into."""

    incident: Annotated[
        str, Wording(hint=N_("Empty: a new incident with this title and marking."), proposed="incidents")
    ] = Field(
        "",
        max_length=60,
        title=N_("Reference of the incident"),
        description="The reference of an incident; without it, that of an earlier version, or a new one.",
    )


class DeclinedItem(OfferNamed):
    """An offered item, and why it is declined."""

    reason: Annotated[str, Wording(lacking=N_("Say why."))] = Field(
        min_length=1, max_length=500, pattern=LINE, title=N_("Reason"), description="Why, for the people here."
    )


class OfferResult(BaseModel):
    """An offered item after an act."""

    item: int
    partner: int
    title: str
    state: OfferState
    incident: str = ""


def adopt(context: ActContext, request: AdoptedItem) -> OfferResult:
    """Its observables are added to an incident, its files become evidence there; each step once, also after a kill.

    Two people at once open one incident: the second finds what the first has done.

    Raises:
        ConflictError: it was decided, its source is not verified, or the incident is marked less strictly.

    """
    with _one_adoption(context.node):
        return _adopt(for_anyone(context), request)


def for_anyone(context: ActContext) -> ActContext:
    """As who does what several people do once, by whichever act: one goes on where another was killed."""
    return replace(context, keyed_by="exchange", act=None)


@contextmanager
def _one_adoption(node: Node) -> Iterator[None]:
    """Adopt one item at a time on this node: it takes several transactions."""
    node.spool.mkdir(parents=True, exist_ok=True)
    with held(node.database, "adoption", patiently, file=node.spool / "adoption.lock"):
        yield


def _adopt(context: ActContext, request: AdoptedItem) -> OfferResult:
    with context.database.reading() as session:
        row = find_item(session, request.item)
        if row.state == OfferState.ADOPTED:
            return _result(row)
        _check_open(row)
        if not (row.verified or row.way):
            raise ConflictError(say("No confirmed key of its source has signed it."))
        into = request.incident or earlier_incident(session, row)
        if into:
            _check_marking(session, context, row, into)
        partner = session.get_one(Partner, row.partner_id).name
        parts, theirs = _brought(context.node, session, row)
    reference = into or open_marked(context, row.title or str(row.item), row.tlp, f"item:{row.id}:incident")
    cut("exchange.opening")
    once = f"item:{row.id}"
    for number, (role, text) in enumerate(_observables(parts)):
        observe(context, NewObservables(reference=reference, text=text, role=role, once=f"{once}:{number}"))
    cut("exchange.observing")
    if parts:
        files = [NewFile(name, io.BytesIO(content)) for name, content in parts.items()]
        source = {"reference": reference, "received_from": partner, "how": "exchange", "tlp": row.tlp}
        source["tlp_reason"] = "As its source marked it"
        add_files(context, EvidenceSource.model_validate(source | {"once": f"{once}:files"}), files)
    cut("exchange.adopting")
    with context.database.begin() as session:
        row = find_item(session, request.item, lock=True)
        if row.state == OfferState.OFFERED:  # else its source recalled it meanwhile, which somebody answers
            decide(session, context, row, OfferState.ADOPTED)
            if theirs:
                incident = find_incident(session, reader_of(context), reference, lock=True)
                data = {"act": "adopted", "name": partner, "reference": theirs}
                once = f"exchange//item:{row.id}:adopted"
                add_entry(session, incident, IncidentEntryKind.EXCHANGE, data=data, once=once, **context.by)
        row.incident = reference
        return _result(row)


def decline(context: ActContext, request: DeclinedItem) -> OfferResult:
    """It stays in the list of what came, and nothing is made of it.

    Raises:
        ConflictError: it was decided.

    """
    reason = kept(context, request.reason)
    with context.undoable() as session:
        row = find_item(session, request.item, lock=True)
        _check_open(row)
        decide(session, context, row, OfferState.DECLINED)
        row.reason = reason
        return _result(row)


def find_item(session: Session, number: int, *, lock: bool = False) -> OfferedItem:
    """An offered item by its number here. Raises NotFoundError."""
    if (row := session.get(OfferedItem, number, with_for_update=lock, populate_existing=lock)) is None:
        raise NotFoundError(say("There is no such item."), hint="'tocsin exchange list' lists them.")
    return row


def earlier_incident(session: Session, row: OfferedItem) -> str:
    """The incident that an earlier version of an item was adopted into, or empty."""
    same = OfferedItem.partner_id == row.partner_id, OfferedItem.node == row.node, OfferedItem.item == row.item
    of = select(OfferedItem.incident).where(*same, OfferedItem.incident != "", OfferedItem.id != row.id)
    return session.scalar(of.order_by(OfferedItem.version.desc()).limit(1)) or ""


def offered_observables(node: Node, session: Session, row: OfferedItem) -> list[tuple[ObservableRole, str]]:
    """What adopting an item would add to an incident; nothing where that is large, or its archive purged or damaged."""
    if sum(part["bytes"] for part in row.parts) > _PREVIEWED:
        return []
    try:
        parts, _ = _brought(node, session, row)
    except (RefusalError, StorageError, NotFoundError, KeyError):
        return []
    return [(role, value) for role, values in _values(parts).items() for value in values]


def copy_offered_file(context: ActContext, item: int, part: int) -> bytes:
    """A file of an item that nobody has decided yet, so that one sees what one would adopt; that it was taken is noted.

    ``part``: which of its files, counted from 1.

    Raises:
        NotFoundError: there is no such file, or it is not here any more.
        ConflictError: the item was decided or recalled, or is TLP:RED, which only a restricted incident holds.

    """
    with context.database.begin() as session:
        row = find_item(session, item)
        _check_open(row)
        if row.tlp == Tlp.RED:
            raise ConflictError(say("What is marked TLP:RED is read in the incident that it is adopted into."))
        try:
            content = dict(enumerate(_brought(context.node, session, row)[0].values(), 1))[part]
        except (KeyError, RefusalError):
            raise NotFoundError(say("This file is not here any more.")) from None
        detail = {"item": str(row.item), "version": row.version, "sha256": sha256(content).hexdigest()}
        subject = f"partner:{row.partner_id}"
        audit(session, AuditAction.OFFER_COPIED, at=context.now, actor=context.actor, subject=subject, detail=detail)
        return content


def signed_item(members: Mapping[str, bytes], row: OfferedItem) -> Statement | None:
    """The statement of an item among the files of its dispatch."""
    for one in statements_in(members):
        if isinstance(one.body, SharedItem) and (one.body.item.id, one.body.version) == (row.item, row.version):
            return one
    return None


def _brought(node: Node, session: Session, row: OfferedItem) -> tuple[dict[str, bytes], str]:
    """The contents of an item by their names for people, and what its source calls it, unless that is a case.

    Two contents of one name get a number.
    """
    if not row.parts:
        return {}, ""
    incoming = session.get_one(IncomingRow, row.incoming_id)
    if incoming.type == MISP_TYPE:
        return record_parts(session, row.partner_id, row.item), ""
    members = unpack(node.exchange.read(incoming.archive), Limits())
    statement = signed_item(members, row) if incoming.type == DispatchType.SHARE else None
    found: dict[str, bytes] = {}
    for part in row.parts:
        name = part["name"].replace("/", "_") or digits(part["hash"])[:16]
        found[f"{len(found)}-{name}" if name in found else name] = members[digits(part["hash"])]
    return found, statement.said(SharedItem).reference if statement else ""


def reference_of_item(node: Node, session: Session, row: OfferedItem) -> str:
    """What its source calls an item, where the dispatch that brought it is kept; else empty."""
    archive = session.get_one(IncomingRow, row.incoming_id).archive
    statement = signed_item(unpack(node.exchange.read(archive), Limits()), row) if archive else None
    return statement.said(SharedItem).reference if statement else ""


def _observables(parts: dict[str, bytes]) -> Iterator[tuple[ObservableRole, str]]:
    """The values in the table of observables, by role, so many as are taken at once; the table is taken out."""
    found = _values(parts)
    if found:
        del parts[OBSERVABLES]
    for role, values in found.items():
        for at in range(0, len(values), MOST - 1):
            yield role, "\n".join(values[at : at + MOST - 1])


def _values(parts: Mapping[str, bytes]) -> dict[ObservableRole, list[str]]:
    table = parts.get(OBSERVABLES, b"").decode("utf-8", "replace")
    found: dict[ObservableRole, list[str]] = {}
    for line in csv.DictReader(io.StringIO(table)):
        value, role = unescape_formula(line.get("value") or ""), line.get("role") or ""
        if extract_observables(value).found:
            known = ObservableRole(role) if role in set(ObservableRole) else ObservableRole.CONTEXT
            found.setdefault(known, []).append(value)
    return dict(sorted(found.items()))


def open_marked(context: ActContext, title: str, tlp: str, once: str) -> str:
    """A new incident with the marking of what came; TLP:RED only for whoever opens it."""
    if tlp == Tlp.RED and context.person is None:
        raise UsageError(say("What is marked TLP:RED is adopted on a page, by the person who may read it."))
    only = (str(context.person),) if tlp == Tlp.RED else ()
    new = {"title": " ".join(title.split())[:200], "tlp": tlp, "only": only, "once": once}
    return open_(context, NewIncident.model_validate(new)).reference


def _check_marking(session: Session, context: ActContext, row: OfferedItem, reference: str) -> None:
    here = read_marking(find_incident(session, reader_of(context), reference).tlp, None)
    wanted = Marking(Tlp(row.tlp))
    if highest([here, wanted]) != here or row.tlp == Tlp.RED:
        raise ConflictError(
            say("%(reference)s is marked less strictly than the item.", reference=reference),
            hint=say("Adopt it into a new incident, or change the marking of this one."),
        )


def _check_open(row: OfferedItem) -> None:
    if row.state != OfferState.OFFERED:
        raise ConflictError(say("This item is not open for a decision."))


def decide(session: Session, context: ActContext, row: OfferedItem, state: OfferState) -> None:
    """What became of an item, by a person here."""
    row.state, row.decided_at, row.decided_by = state.value, context.now, context.actor
    detail = {"item": str(row.item), "version": row.version, "state": row.state}
    subject = f"partner:{row.partner_id}"
    audit(session, AuditAction.OFFER_DECIDED, at=context.now, actor=context.actor, subject=subject, detail=detail)


def _result(row: OfferedItem) -> OfferResult:
    return OfferResult(
        item=row.id, partner=row.partner_id, title=row.title, state=OfferState(row.state), incident=row.incident
    )
