"""What is read of the ledger: where each thing is that went to a partner or came from one, and the files of both."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import is_stopped
from tocsin.exchange.bundles import bundle_files
from tocsin.exchange.dispatches import (
    DISPATCH,
    OPEN_STATES,
    SIGNATURE,
    Limits,
    OutgoingState,
    file_name,
    names_in,
    read_named,
    seal,
    unpack,
)
from tocsin.exchange.ledger.answer_models import ConsentRow, RecallSum
from tocsin.exchange.ledger.links import own_party, partner_party
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem, RecallItemRow
from tocsin.exchange.ledger.recalls import holds_recalled
from tocsin.exchange.ledger.spoken_answers import recalled_items
from tocsin.exchange.ledger.states import OPEN_ITEMS, RECEIPT_DAYS, Direction
from tocsin.exchange.ledger.taking import newest_receipt, read_receipt
from tocsin.exchange.partners import Partner, PartnerKey, find_partner, stopped_by
from tocsin.exchange.statements import Dispatch
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.node import Node
from tocsin.node.records import GRACE, node_uuid
from tocsin.node.sentences import say

_REASONS: Final = {
    OutgoingState.HELD: say("The message is sealed, and can be undone for a moment."),
    OutgoingState.SEALED: say("The message is sealed and was not sent yet."),
    OutgoingState.TRYING: say("The message could not be handed over, and is tried again."),
    OutgoingState.HANDED_OVER: say("The message was handed over; there is no receipt yet."),
    OutgoingState.STUCK: say("The message cannot be sent."),
    OutgoingState.RECEIVED: say("The partner has given a receipt."),
    OutgoingState.REFUSED: say("The partner has refused the message."),
}


@dataclass(frozen=True)
class SentDispatch:
    """A dispatch to a partner, what it brought, and where that is. ``recalled``: numbers of what is recalled.

    ``recalls``: of a recall, what an earlier dispatch brought and this one takes back.
    ``sums``: what the partner says of all to whom it passed an item on, by the number of the item here.
    """

    row: OutgoingRow
    partner: str
    items: tuple[PassedItem, ...]
    recalled: frozenset[int] = frozenset()
    recalls: tuple[PassedItem, ...] = ()
    sums: Mapping[int, RecallSum] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why it is in its state, as a sentence."""
        return self.row.reason or _REASONS[OutgoingState(self.row.state)]


@dataclass(frozen=True)
class ReceivedDispatch:
    """A dispatch that came, with the items that it offered, or those of a page."""

    row: IncomingRow
    partner: str
    items: tuple[OfferedItem, ...]


def sent_dispatches(
    session: Session,
    partner: int | None = None,
    *,
    limit: int = 1_000,
    number: int | None = None,
    before: int | None = None,
) -> list[SentDispatch]:
    """What went to a partner, or to all, the newest first. ``number``: only this one; ``before``: older ones alone."""
    query = select(OutgoingRow, Partner.name).join(Partner, Partner.id == OutgoingRow.partner_id)
    if partner is not None:
        query = query.where(OutgoingRow.partner_id == partner)
    if number is not None:
        query = query.where(OutgoingRow.id == number)
    if before is not None:
        query = query.where(OutgoingRow.id < before)
    rows = session.execute(query.order_by(OutgoingRow.id.desc()).limit(limit)).all()
    items, recalls = defaultdict[int | None, list[PassedItem]](list), defaultdict[int | None, list[PassedItem]](list)
    numbers = [row.id for row, _ in rows]
    passed = PassedItem.outgoing_id.in_(numbers) | PassedItem.recall_dispatch.in_(numbers)
    for one in session.scalars(select(PassedItem).where(passed)):
        items[one.outgoing_id].append(one)
        recalls[one.recall_dispatch].append(one)
    recalled = frozenset(one.id for one in recalled_items(session, numbers))
    return [
        SentDispatch(
            row, name, tuple(items[row.id]), recalled, tuple(recalls[row.id]), sums_of(session, items[row.id], recalled)
        )
        for row, name in rows
    ]


def is_number(text: str) -> bool:
    """Whether a text is the number of a row."""
    return text.isascii() and text.isdecimal() and len(text) < 15


def sums_of(session: Session, items: Collection[PassedItem], recalled: Collection[int]) -> dict[int, RecallSum]:
    """By the number of a recalled item, the newest sum of whom its recipient passed it on to, where it did."""
    found = dict[int, RecallSum]()
    for one in (item for item in items if item.id in recalled):
        same = RecallItemRow.node == one.node, RecallItemRow.item == one.item
        query = select(RecallSum).join(RecallItemRow, RecallItemRow.recall_id == RecallSum.recall_id)
        of = query.where(*same, RecallSum.partner_id == one.partner_id, RecallSum.passed_on > 0)
        newest = session.scalar(of.order_by(RecallSum.recall_id.desc()).limit(1))
        if newest is not None:
            found[one.id] = newest
    return found


def passed_by_program(session: Session, partner: int) -> Sequence[PassedItem]:
    """What programs of a partner have read here, the newest first and at most 200."""
    of = PassedItem.partner_id == partner, PassedItem.outgoing_id.is_(None)
    return session.scalars(select(PassedItem).where(*of).order_by(PassedItem.id.desc()).limit(200)).all()


@dataclass(frozen=True)
class ItemHolder:
    """A partner that was passed an item: by which dispatch last, and what became of that, or of its recall."""

    dispatch: OutgoingRow
    partner: str
    recalled: bool
    answer: str


def holders_of(session: Session, items: Collection[UUID]) -> list[ItemHolder]:
    """To whom items went by dispatch, each partner once, by name."""
    query = (
        select(PassedItem, OutgoingRow, Partner.name)
        .join(OutgoingRow, OutgoingRow.id == PassedItem.outgoing_id)
        .join(Partner, Partner.id == PassedItem.partner_id)
        .where(PassedItem.item.in_(items))
        .order_by(PassedItem.id)
    )
    newest = {item.partner_id: (item, row, name) for item, row, name in session.execute(query)}
    recalled = {one.id for one in recalled_items(session, [row.id for _, row, _ in newest.values()])}
    found = [ItemHolder(row, name, item.id in recalled, item.answer) for item, row, name in newest.values()]
    return sorted(found, key=lambda one: one.partner)


def received_rows(
    session: Session, partner: int | None = None, *, limit: int = 1_000, after: str = ""
) -> tuple[list[ReceivedDispatch], str]:
    """What came from a partner, or from all, the newest first, and where the next page begins; empty: this is the last.

    ``limit``: of items, and of dispatches without any. ``after``: what the page before gave; what is no such place
    counts as the beginning.
    """
    query = (
        select(IncomingRow, Partner.name, OfferedItem)
        .join(Partner, Partner.id == IncomingRow.partner_id)
        .join(OfferedItem, OfferedItem.incoming_id == IncomingRow.id, isouter=True)
    )
    if partner is not None:
        query = query.where(IncomingRow.partner_id == partner)
    dispatch, _, item = after.partition("-")
    if is_number(dispatch) and is_number(item):
        same = and_(IncomingRow.id == int(dispatch), OfferedItem.id > int(item))
        query = query.where(or_(IncomingRow.id < int(dispatch), same))
    rows = session.execute(query.order_by(IncomingRow.id.desc(), OfferedItem.id).limit(limit + 1)).all()
    shown = rows[:limit]
    found = [
        ReceivedDispatch(row, name, tuple(one for _, _, one in of if one is not None))
        for (row, name), of in ((key, list(of)) for key, of in groupby(shown, key=lambda one: (one[0], one[1])))
    ]
    last = shown[-1] if len(rows) > limit else None
    return found, f"{last[0].id}-{last[2].id if last[2] else 0}" if last else ""


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
    states = [one.value for one in OPEN_STATES - {OutgoingState.STUCK}]
    late = OutgoingRow.sealed_at <= now - timedelta(days=RECEIPT_DAYS)
    query = select(OutgoingRow).where(OutgoingRow.state.in_(states), late)
    return session.scalars(query.order_by(OutgoingRow.id)).all()


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


_TO_LEAVE: Final = frozenset({OutgoingState.HELD, OutgoingState.SEALED, OutgoingState.TRYING})
"""The states of a mail that nobody has to carry."""


def check_carried(session: Session, partner: str) -> None:
    """Refuse to seal for a file what leaves as a mail.

    Raises:
        NotFoundError: there is no such partner.
        ConflictError: it has no node.

    """
    found = find_partner(session, partner)
    if found.node is None:
        raise ConflictError(
            say("%(name)s has no node: what it is sent is a mail, which leaves by itself.", name=found.name),
            hint=say("Nothing was sent. Leave --out away; 'tocsin exchange list' says when the mail has left."),
        )


def free_file(node: Node, session: Session, number: int, now: datetime) -> tuple[str, bytes]:
    """As `sealed_file`, for whoever carries it away. Raises ConflictError too: its sending can be undone still."""
    if is_held(node, find_dispatch(session, number), now):
        raise ConflictError(say("Its sending can be undone still."), hint=say("The file is there in a minute."))
    return sealed_file(node, session, number)


def is_held(node: Node, row: OutgoingRow, now: datetime) -> bool:
    """Whether a dispatch stays here for now, since whoever sent it can undo that (`ActContext.not_before`)."""
    over = row.sealed_at + timedelta(seconds=node.settings.tell.undo_seconds) + GRACE
    return row.state == OutgoingState.HELD and now < over


def sealed_file(node: Node, session: Session, number: int) -> tuple[str, bytes]:
    """The file of a dispatch as it is sent, and its name; of a partner without a node the mail.

    Raises:
        NotFoundError: there is none, or it is known by its receipt alone.
        ConflictError: it is a mail that leaves by itself, or has done so in a moment; or as of `outgoing_bytes`.

    """
    row = find_dispatch(session, number)
    partner = session.get_one(Partner, row.partner_id)
    if not row.file:
        raise NotFoundError(say("The file of this dispatch is not kept any more."))
    if row.number < 0:
        if row.state in _TO_LEAVE:
            raise ConflictError(
                say(
                    "Dispatch %(dispatch)s is a mail to %(address)s, which leaves by itself: carried too, it doubles.",
                    dispatch=row.id, address=partner.mailbox,
                ),
                hint=say("'tocsin exchange list' says when it has left, or could not: then there is a file of it."),
            )  # fmt: skip
        return f"dispatch-{row.id}.eml", outgoing_bytes(node, session, row, partner)
    if partner.node is None:
        raise ConflictError(say("%(name)s has no node of its own.", name=partner.name))
    name = file_name(node_uuid(node.database), partner.node, row.number)
    return name, outgoing_bytes(node, session, row, partner)


def outgoing_bytes(node: Node, session: Session, row: OutgoingRow, partner: Partner) -> bytes:
    """What may leave of a dispatch, whatever way it takes: each time the same bytes.

    Once its recipient left the agreement that it went under, or the source of something in it recalled that or withdrew
    its consent, what is signed of its number is all that is in it: the partner refuses it for what is missing, and
    takes the next one. What was sealed for a key that its partner stopped is encrypted for another one, each time anew.

    Raises:
        ConflictError: the recipient left the agreement or stopped that key, and has no key that works. Or it is a mail
            with something that its source recalled.

    """
    if not row.archive:  # a mail; or all that was left of it, once what it brought was recalled
        if row.number < 1 and holds_recalled(node, session, row, datetime.now(UTC)):
            raise ConflictError(say("Its source has recalled what is in it."))
        return node.exchange.read(row.file)
    if row.number < 1 or partner.node is None:
        return node.exchange.read(row.file)
    now, stopped = datetime.now(UTC), stopped_by(session, partner.id)
    left = is_stopped(session, node_uuid(node.database), row.id, partner.node)
    if left or _lost_consent(session, row) or holds_recalled(node, session, row, now):
        return signed_head(node, session, row, now)
    members = unpack(node.exchange.read(row.archive), Limits()) if stopped else {}
    if not stopped or read_named(members, DISPATCH).said(Dispatch).to.key not in stopped:
        return node.exchange.read(row.file)
    return seal(members, partner_party(session, partner, now)[1])


def _lost_consent(session: Session, row: OutgoingRow) -> bool:
    """Whether a source withdrew, after this was sealed, that something in it goes to this partner."""
    passed = select(PassedItem.item).where(PassedItem.outgoing_id == row.id)
    inside = select(OfferedItem.item).where(OfferedItem.incident == row.incident, OfferedItem.incident != "")
    of = ConsentRow.item.in_(passed) | ConsentRow.item.in_(inside), ConsentRow.partner_id == row.partner_id
    rows = session.scalars(select(ConsentRow).where(*of)).all()
    ended = any(one.ended_at is not None and one.ended_at >= row.sealed_at for one in rows)
    return ended and all(one.ended_at is not None for one in rows)


def signed_head(node: Node, session: Session, row: OutgoingRow, now: datetime) -> bytes:
    """The file of a dispatch with what is signed of its number alone. Raises ConflictError: no key works."""
    members = unpack(node.exchange.read(row.archive), Limits())
    _, cert = partner_party(session, session.get_one(Partner, row.partner_id), now)
    return seal({name: members[name] for name in (DISPATCH, DISPATCH + SIGNATURE)}, cert)


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
        ConflictError: there is no receipt yet; or it is a mail, to which no node answers.

    """
    row: IncomingRow | OutgoingRow = find_incoming(session, number) if incoming else find_dispatch(session, number)
    if row.number < 0:
        name = session.get_one(Partner, row.partner_id).name
        raise ConflictError(
            say(
                "Dispatch %(dispatch)s is a mail to %(name)s, which has no node: a bundle needs a node's receipt.",
                dispatch=row.id, name=name,
            ),
            hint=say("Its page says what proves that it came; 'tocsin exchange file' writes the mail."),
        )  # fmt: skip
    if not row.archive:
        raise NotFoundError(say("What this dispatch brought is not kept any more."))
    receipt = newest_receipt(session, Direction.OUT if incoming else Direction.IN, row.hash)
    if receipt is None:
        raise ConflictError(say("There is no receipt yet."), hint=say("Ask the partner for it."))
    members = unpack(node.exchange.read(row.archive), Limits())
    dispatch = read_named(members, DISPATCH).said(Dispatch)
    if names_in(dispatch) - members.keys():  # its source recalled it, and it was erased
        raise NotFoundError(say("What this dispatch brought is not kept any more."))
    signed = read_receipt(receipt)
    us = own_party(node, now)
    keys = {key: one.content for key, one in us.keys.items()} | _keys_of(session, row.partner_id)
    names = (dispatch.by.key, dispatch.to.key, signed.body.by.key)
    if set(names) - keys.keys():
        raise NotFoundError(say("A key that this dispatch names is not here any more."))
    sender, recipient, signer = (keys[name] for name in names)
    return bundle_files(
        members, signed, sender, recipient, signer=us.key.signer, writer=us.key.public.encode(),
        successor=signer if signer != recipient else b"",
    )  # fmt: skip


def _keys_of(session: Session, partner: int) -> dict[str, bytes]:
    """The public keys of a partner, by fingerprint."""
    query = select(PartnerKey.fingerprint, PartnerKey.content).where(PartnerKey.partner_id == partner)
    return {fingerprint: content.encode() for fingerprint, content in session.execute(query)}
