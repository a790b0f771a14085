"""What is read of the ledger: where each thing is that went to a partner or came from one, and the files of both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.bundles import bundle_files
from tocsin.exchange.dispatches import (
    DISPATCH,
    Limits,
    OutgoingDispatch,
    OutgoingState,
    file_name,
    names_in,
    read_named,
    unpack,
)
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem, ReceiptRow
from tocsin.exchange.ledger.states import OPEN_ITEMS, RECEIPT_DAYS, Direction
from tocsin.exchange.ledger.taking import newest_receipt, read_receipt
from tocsin.exchange.partners import Partner, PartnerKey, own_key
from tocsin.exchange.sharing import SharingExplanation, explain_dispatch
from tocsin.exchange.statements import Dispatch
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.node import Node
from tocsin.node.records import node_uuid
from tocsin.node.sentences import say


@dataclass(frozen=True)
class SentDispatch:
    """A dispatch to a partner, what it brought, and where that is."""

    row: OutgoingRow
    partner: str
    items: tuple[PassedItem, ...]
    explanation: SharingExplanation


@dataclass(frozen=True)
class ReceivedDispatch:
    """A dispatch that came, with the items that it offered."""

    row: IncomingRow
    partner: str
    items: tuple[OfferedItem, ...]


def sent_dispatches(
    session: Session, partner: int | None = None, *, limit: int = 1_000, number: int | None = None
) -> list[SentDispatch]:
    """What went to a partner, or to all, the newest first. ``number``: only this one of the list."""
    query = select(OutgoingRow, Partner.name).join(Partner, Partner.id == OutgoingRow.partner_id)
    if partner is not None:
        query = query.where(OutgoingRow.partner_id == partner)
    if number is not None:
        query = query.where(OutgoingRow.id == number)
    rows = session.execute(query.order_by(OutgoingRow.id.desc()).limit(limit)).all()
    items = defaultdict[int, list[PassedItem]](list)
    for one in session.scalars(select(PassedItem).where(PassedItem.outgoing_id.in_([row.id for row, _ in rows]))):
        items[one.outgoing_id or 0].append(one)
    return [SentDispatch(row, name, tuple(items[row.id]), explanation_of(row)) for row, name in rows]


def received_dispatches(session: Session, partner: int | None = None, *, limit: int = 1_000) -> list[ReceivedDispatch]:
    """What came from a partner, or from all, the newest first."""
    query = select(IncomingRow, Partner.name).join(Partner, Partner.id == IncomingRow.partner_id)
    if partner is not None:
        query = query.where(IncomingRow.partner_id == partner)
    rows = session.execute(query.order_by(IncomingRow.id.desc()).limit(limit)).all()
    items = defaultdict[int, list[OfferedItem]](list)
    for one in session.scalars(select(OfferedItem).where(OfferedItem.incoming_id.in_([row.id for row, _ in rows]))):
        items[one.incoming_id].append(one)
    return [ReceivedDispatch(row, name, tuple(items[row.id])) for row, name in rows]


def explanation_of(row: OutgoingRow) -> SharingExplanation:
    """The state of a dispatch and one reason."""
    return explain_dispatch(OutgoingDispatch(row.number, row.hash, OutgoingState(row.state), row.reason))


def open_items(session: Session) -> Sequence[OfferedItem]:
    """Items of partners that wait for a person, the oldest first."""
    states = [one.value for one in OPEN_ITEMS]
    return session.scalars(select(OfferedItem).where(OfferedItem.state.in_(states)).order_by(OfferedItem.id)).all()


def stuck_dispatches(session: Session) -> Sequence[OutgoingRow]:
    """Dispatches that cannot arrive without a person, the oldest first."""
    query = select(OutgoingRow).where(OutgoingRow.state == OutgoingState.STUCK.value)
    return session.scalars(query.order_by(OutgoingRow.id)).all()


def without_receipt(session: Session, now: datetime) -> Sequence[OutgoingRow]:
    """Dispatches that have no receipt for a week, the oldest first."""
    states = [OutgoingState.SEALED.value, OutgoingState.HANDED_OVER.value]
    late = OutgoingRow.sealed_at <= now - timedelta(days=RECEIPT_DAYS)
    query = select(OutgoingRow).where(OutgoingRow.state.in_(states), late)
    return session.scalars(query.order_by(OutgoingRow.id)).all()


def kept_files(session: Session) -> set[str]:
    """The SHA-256 of all files of dispatches that are kept; others are swept away."""
    rows = session.execute(select(OutgoingRow.archive, OutgoingRow.file)).all()
    came = session.scalars(select(IncomingRow.archive)).all()
    receipts = session.scalars(select(ReceiptRow.file)).all()
    return {*(one for row in rows for one in row), *came, *receipts} - {""}


def find_dispatch(session: Session, number: int) -> OutgoingRow:
    """A dispatch to a partner by its number in the list. Raises NotFoundError."""
    if (row := session.get(OutgoingRow, number)) is None:
        raise NotFoundError(say("There is no such dispatch."), hint="'tocsin exchange list' lists them.")
    return row


def find_incoming(session: Session, number: int) -> IncomingRow:
    """A dispatch that came, by its number in the list. Raises NotFoundError."""
    if (row := session.get(IncomingRow, number)) is None:
        raise NotFoundError(say("There is no such dispatch."), hint="'tocsin exchange list' lists them.")
    return row


def sealed_file(node: Node, session: Session, number: int) -> tuple[str, bytes]:
    """The file of a dispatch as it is sent, each time the same bytes, and its name.

    Raises:
        NotFoundError: there is none, or it is known by its receipt alone.

    """
    row = find_dispatch(session, number)
    partner = session.get_one(Partner, row.partner_id)
    if not row.file or partner.node is None:
        raise NotFoundError(say("The file of this dispatch is not here."))
    return file_name(node_uuid(node.database), partner.node, row.number), node.exchange.read(row.file)


def receipt_file(node: Node, session: Session, number: int) -> tuple[str, bytes]:
    """Our receipt for a dispatch that came, as the file for its sender, each time the same; and a name for it.

    Raises:
        NotFoundError: there is no such dispatch, or its sender had no key that a file could be encrypted for.

    """
    row = find_incoming(session, number)
    partner = session.get_one(Partner, row.partner_id)
    receipt = newest_receipt(session, Direction.OUT, row.hash)
    if receipt is None or not receipt.file or partner.node is None:
        raise NotFoundError(say("There is no file with a receipt: no key of the partner was valid."))
    name = file_name(node_uuid(node.database), partner.node, row.number)
    return name.replace(".pgp", "-receipt.pgp"), node.exchange.read(receipt.file)


def evidence_bundle(node: Node, session: Session, number: int, now: datetime, *, incoming: bool) -> dict[str, bytes]:
    """The files that prove to anyone what was sent and received. ``incoming``: of a dispatch that came.

    Raises:
        NotFoundError: there is no such dispatch, or it is not here any more.
        ConflictError: there is no receipt yet.

    """
    row: IncomingRow | OutgoingRow = find_incoming(session, number) if incoming else find_dispatch(session, number)
    if not row.archive:
        raise NotFoundError(say("What this dispatch brought is not kept here."))
    receipt = newest_receipt(session, Direction.OUT if incoming else Direction.IN, row.hash)
    if receipt is None:
        raise ConflictError(say("There is no receipt yet."), hint=say("Ask the partner for it."))
    members = unpack(node.exchange.read(row.archive), Limits())
    dispatch = read_named(members, DISPATCH).said(Dispatch)
    if names_in(dispatch) - members.keys():  # its source recalled it, and it was erased
        raise NotFoundError(say("What this dispatch brought is not kept here."))
    ours, theirs = own_key(node, now).public.encode(), _key_of(session, row.partner_id, dispatch)
    return bundle_files(members, read_receipt(receipt), *((theirs, ours) if incoming else (ours, theirs)))


def _key_of(session: Session, partner: int, dispatch: Dispatch) -> bytes:
    """The partner's public key that a dispatch names."""
    names = {dispatch.by.key, dispatch.to.key}
    query = select(PartnerKey.content).where(PartnerKey.partner_id == partner, PartnerKey.fingerprint.in_(names))
    if (found := session.scalar(query)) is None:
        raise NotFoundError(say("The key of the partner is not here any more."))
    return found.encode()
