"""What a dispatch brings, written down for people: items, recalls, and reports on ours. Nothing follows by itself."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import note_agreement, note_ground
from tocsin.exchange.dispatches import (
    DISPATCH,
    SIGNATURE,
    TEXT,
    DispatchContents,
    Limits,
    digits,
    pack,
    statements_in,
    unpack,
)
from tocsin.exchange.ledger.answer_models import RecallSum
from tocsin.exchange.ledger.links import OpenPartner, OwnParty
from tocsin.exchange.ledger.models import (
    IncomingRow,
    OfferedItem,
    OutgoingRow,
    PassedItem,
    RecallItemRow,
    RecallRow,
)
from tocsin.exchange.ledger.recalls import journal_recall
from tocsin.exchange.ledger.states import Direction, OfferState
from tocsin.exchange.partners import note_key_notice
from tocsin.exchange.recalls import Name, due_items, name_of
from tocsin.exchange.statements import (
    CaseEntry,
    KeyNotice,
    Recall,
    RecallItem,
    RecallReport,
    RecallRequest,
    RecallState,
    SharedItem,
    SharingAgreement,
    Statement,
    sign_statement,
    utc,
)
from tocsin.node.node import Node

_HELD: Final = frozenset(OfferState) - {OfferState.ERASED}  # also what was declined lies in an archive


def write_items(opened: OpenPartner, row: IncomingRow, contents: DispatchContents) -> None:
    """The items that a dispatch offers wait for a person; one that was offered before in this version is known."""
    items = [(one, one.body) for one in contents.statements if isinstance(one.body, SharedItem)]
    of = OfferedItem.partner_id == opened.partner.id, OfferedItem.item.in_([item.item.id for _, item in items])
    known: dict[Name, list[OfferedItem]] = {}
    for one in opened.session.scalars(select(OfferedItem).where(*of)):
        known.setdefault((one.node, one.item), []).append(one)
    new = list[OfferedItem]()
    for statement, item in items:
        here = known.setdefault(name_of(item.item), [])
        if any(one.version >= item.version for one in here):
            continue
        for one in here:
            if one.state == OfferState.OFFERED:
                one.state = OfferState.REPLACED.value
        here.append(_offered(opened, row, item, contents, verified=statement.hash not in contents.unverified))
        new.append(here[-1])
    if new:  # one statement for all of them: the records are locked meanwhile
        opened.session.flush()
        columns = [one.key for one in OfferedItem.__table__.columns]
        said = [{name: value for name in columns if (value := getattr(one, name)) is not None} for one in new]
        opened.session.execute(insert(OfferedItem), said)


def write_statement(opened: OpenPartner, row: IncomingRow, statement: Statement, contents: DispatchContents) -> None:
    """What a statement says beside its item; one of another kind stays in the archive of its dispatch."""
    verified = statement.hash not in contents.unverified
    match statement.body:
        case SharedItem() as item:
            if item.agreement is not None:
                note_ground(opened.session, Direction.IN, row.id, item.agreement, opened.partner.node)
        case SharingAgreement():
            note_agreement(opened.session, opened.context, opened.partner.id, statement, contents)
        case Recall() as recall if verified:
            _take_recall(opened, recall, statement)
        case RecallReport() as report if report.by.node == opened.partner.node:
            _note_report(opened, report)
        case KeyNotice() as notice if verified and notice.by.node == opened.partner.node:
            note_key_notice(opened.session, opened.context, opened.partner, statement)
        case _:
            pass


def tombstones(session: Session, names: set[Name], *, for_all: bool = False) -> dict[Name, int]:
    """Of each item that was recalled, the highest version that may not come in again, whatever way it comes.

    ``for_all``: only recalls by which nobody may have it any more.
    """
    row = RecallItemRow
    asked = select(row.node, row.item, func.max(row.version)).join(RecallRow, RecallRow.id == row.recall_id)
    gone = [row.item.in_([item for _, item in names]), RecallRow.asks != RecallRequest.NARROW.value]
    gone += [RecallRow.for_some.is_(False)] if for_all else []
    return {
        (node, item): version
        for node, item, version in session.execute(asked.where(*gone).group_by(row.node, row.item))
    }


def held_items(session: Session, names: set[Name]) -> dict[Name, list[OfferedItem]]:
    """What is here of these items, whatever was decided on it."""
    states = [one.value for one in _HELD]
    of = OfferedItem.item.in_([item for _, item in names]), OfferedItem.state.in_(states)
    found: dict[Name, list[OfferedItem]] = {}
    for row in session.scalars(select(OfferedItem).where(*of)):
        if (row.node, row.item) in names:
            found.setdefault((row.node, row.item), []).append(row)
    return found


def _offered(
    opened: OpenPartner, row: IncomingRow, item: SharedItem, contents: DispatchContents, *, verified: bool
) -> OfferedItem:
    parts = [
        {"hash": part.hash, "name": part.name, "type": part.type, "class": part.class_, "bytes": part.bytes}
        for part in item.parts
        if part.hash in contents.parts
    ]
    return OfferedItem(
        partner_id=opened.partner.id, incoming_id=row.id, node=item.item.node, item=item.item.id,
        version=item.version, title=item.title, tlp=item.tlp.value, pap=item.pap.value if item.pap else "",
        verified=verified, parts=parts, state=OfferState.OFFERED.value, came_at=opened.context.now,
    )  # fmt: skip


def _take_recall(opened: OpenPartner, recall: Recall, statement: Statement) -> None:
    made = note_recall(opened.session, recall, statement, opened.context.now, opened.partner.id)
    if made is not None:
        journal_recall(opened.context.node, opened.session, made)


def note_recall(
    session: Session, recall: Recall, statement: Statement, now: datetime, partner: int | None
) -> RecallRow | None:
    """A recall with its tombstones; what is here of its items waits for a person. None: it was known."""
    if session.scalar(select(RecallRow.id).where(RecallRow.hash == statement.hash)) is not None:
        return None
    row = keep_recall(session, recall, statement, now, partner)
    if partner is None:  # ours
        return row
    versions = {name_of(one): one.version for one in recall.items}
    found = held_items(session, set(versions))
    here = {name: [one for one in rows if one.version <= versions[name]] for name, rows in found.items()}
    held = {name: max(one.version for one in rows) for name, rows in here.items() if rows}
    due, settled = due_items(recall, held)
    for result in settled:
        if (item := session.get(RecallItemRow, (row.id, result.node, result.id))) is not None:
            item.state = result.state.value
    if not due:
        row.answered_at = now  # by the receipt
    for one in (row for asked in due for row in here[name_of(asked)]):
        one.state, one.code = OfferState.RECALLED.value, recall.code
    return row


def drop_parts(node: Node, session: Session, item: OfferedItem) -> None:
    """The archive of the dispatch without what came for an item, its statement too; none where nothing else is in it.

    The old one is deleted by the caller, once this is true.
    """
    row = session.get_one(IncomingRow, item.incoming_id)
    if row.archive and row.archive in node.exchange:
        of = OfferedItem.incoming_id == row.id, OfferedItem.id != item.id
        rest = session.scalars(select(OfferedItem).where(*of, OfferedItem.parts != [])).all()
        others = {part["hash"] for one in rest for part in one.parts}
        gone = {digits(part["hash"]) for part in item.parts if part["hash"] not in others} | {TEXT}
        members = unpack(node.exchange.read(row.archive), Limits())
        said = [one for one in statements_in(members) if _is_said_of(one, item)]
        gone |= {f"{digits(one.hash)}.json{ending}" for one in said for ending in ("", SIGNATURE)}
        left = {name: content for name, content in members.items() if name not in gone}
        row.archive = node.exchange.put(pack(left)) if left.keys() - {DISPATCH, DISPATCH + SIGNATURE} else ""
    row.text, item.parts, item.title = "", [], ""


def _is_said_of(one: Statement, item: OfferedItem) -> bool:
    """Whether a statement is an item, or of the history of the case that it is."""
    match one.body:
        case SharedItem() as said:
            return (said.item.id, said.version) == (item.item, item.version)
        case CaseEntry() as said:
            return (said.case.node, said.case.id) == (item.node, item.item)
        case _:
            return False


def sign_recall(
    us: OwnParty, now: datetime, versions: Mapping[UUID, int], code: str, asks: RecallRequest,
    *, parties: tuple[UUID, ...] | None = None,
) -> Statement:  # fmt: skip
    """Our recall of items of ours, each up to a version. ``parties``: who may have them still; None: nobody."""
    items = tuple(RecallItem(node=us.name.node, id=one, version=version) for one, version in versions.items())
    body = Recall(id=uuid4(), by=us.name, at=utc(now), items=items, code=code, asks=asks, parties=parties)
    return sign_statement(body, us.key.signer)


def keep_recall(
    session: Session, recall: Recall, statement: Statement, now: datetime, partner: int | None = None
) -> RecallRow:
    """A recall as it goes on, with its tombstones. ``partner``: who brought it; None: it is ours."""
    row = RecallRow(
        partner_id=partner, hash=statement.hash, content=statement.content.decode(),
        signature=statement.signature.decode(), code=recall.code, asks=recall.asks.value, at=now, answered_at=None,
        for_some=recall.parties is not None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    versions: dict[Name, int] = {}
    for one in recall.items:
        versions[name_of(one)] = max(one.version, versions.get(name_of(one), 0))
    session.add_all(
        RecallItemRow(recall_id=row.id, node=node, item=item, version=version)
        for (node, item), version in versions.items()
    )
    session.flush()
    return row


def nothing_held(session: Session, recalls: Collection[str]) -> bool:
    """Whether of none of these recalls, by hash, anything was here: then the receipt is the answer."""
    of = select(RecallItemRow.state).join(RecallRow, RecallRow.id == RecallItemRow.recall_id)
    states = session.scalars(of.where(RecallRow.hash.in_(recalls))).all()
    return bool(states) and set(states) == {RecallState.NOT_HELD.value}


def answer_recall(session: Session, row: OutgoingRow, at: datetime) -> None:
    """Our recall in this dispatch found nothing at the partner, as its receipt says."""
    of = PassedItem.recall_dispatch == row.id, PassedItem.answer == ""
    for one in session.scalars(select(PassedItem).where(*of)):
        one.answer, one.answered_at = RecallState.NOT_HELD.value, at


def _note_report(opened: OpenPartner, report: RecallReport) -> None:
    """What a partner says became of what we passed it and took back."""
    session = opened.session
    if (recall := session.scalar(select(RecallRow).where(RecallRow.hash == report.on))) is None:
        return
    figures = {"passed_on": report.passed_on, "done": report.done, "kept": report.kept, "silent": report.silent}
    session.merge(RecallSum(recall_id=recall.id, partner_id=opened.partner.id, at=opened.context.now, **figures))
    for result in report.results:
        if (row := session.get(RecallItemRow, (recall.id, result.node, result.id))) is None:
            continue
        of = PassedItem.partner_id == opened.partner.id, PassedItem.node == row.node, PassedItem.item == row.item
        for one in session.scalars(select(PassedItem).where(*of, PassedItem.version <= row.version)):
            one.answer, one.answer_code = result.state.value, result.code or ""
            one.answer_kept = [[part.what, part.code, part.count] for part in result.parts]
            one.answered_at = opened.context.now
