"""What is to go to partners and has no receipt: each with its next try; and what became of a try, written down."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import OPEN_STATES, OutgoingState, may_become
from tocsin.exchange.ledger import Direction, OutgoingRow, newest_receipt, read_receipt
from tocsin.exchange.partners import Partner, why_keyless
from tocsin.exchange.statements import Receipt, ReceiptVerdict
from tocsin.exchange.ways.models import ExchangeTry
from tocsin.exchange.ways.states import ExchangeWay, NextTry, PastTry, TryOutcome, next_try

_MAILS: Final = 3  # of one dispatch to a node; a person gets it once


@dataclass(frozen=True)
class DueDispatch:
    """A dispatch without a receipt, its partner, and the next try; None: there is none, as ``held`` may say."""

    row: OutgoingRow
    partner: Partner
    tries: tuple[PastTry, ...]
    next: NextTry | None
    held: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it is tried now."""
        return self.next is not None and self.next.at <= now


def due_dispatches(session: Session, now: datetime, *, mails: bool) -> Iterator[list[DueDispatch]]:
    """For each partner what has no receipt, by number. ``mails``: whether mails leave this node."""
    query = select(OutgoingRow, Partner).join(Partner, Partner.id == OutgoingRow.partner_id)
    rows = session.execute(
        query.where(OutgoingRow.state.in_([one.value for one in OPEN_STATES]), OutgoingRow.file != "").order_by(
            OutgoingRow.partner_id, OutgoingRow.number
        )
    ).all()
    tries = tries_of(session, [row.id for row, _ in rows])
    found = defaultdict[int, list[DueDispatch]](list)
    held_for = {one.id: why_keyless(session, one, now) for one in {partner for _, partner in rows} if one.node}
    for row, partner in rows:
        past = tuple(PastTry(ExchangeWay(one.way), one.at, TryOutcome(one.outcome)) for one in tries.get(row.id, ()))
        most = 0 if not (mails and partner.mailbox) else _MAILS if partner.node else 1
        inbox = bool(partner.inbox and partner.node)
        held = held_for.get(partner.id, "")
        following = None if held else next_try(row.sealed_at, past, inbox=inbox, mails=most)
        found[partner.id].append(DueDispatch(row, partner, past, following, held))
    yield from found.values()


def missing_at(session: Session, row: OutgoingRow) -> Sequence[OutgoingRow]:
    """What the partner's newest receipt for a dispatch says that it has not got, up to that dispatch, by number."""
    found = newest_receipt(session, Direction.IN, row.hash)
    if found is None or found.verdict != ReceiptVerdict.GAP:
        return ()
    first = read_receipt(found).said(Receipt).had + 1
    of = OutgoingRow.partner_id == row.partner_id, OutgoingRow.number.between(first, row.number)
    return session.scalars(select(OutgoingRow).where(*of, OutgoingRow.file != "").order_by(OutgoingRow.number)).all()


def tries_of(session: Session, dispatches: Sequence[int]) -> dict[int, list[ExchangeTry]]:
    """The tries of dispatches by their numbers in the list, the oldest first."""
    found = defaultdict[int, list[ExchangeTry]](list)
    for one in session.scalars(
        select(ExchangeTry).where(ExchangeTry.outgoing_id.in_(dispatches)).order_by(ExchangeTry.id)
    ):
        found[one.outgoing_id].append(one)
    return found


def begin_try(session: Session, row: OutgoingRow, way: ExchangeWay, address: str, now: datetime) -> ExchangeTry:
    """A try, written down before anything leaves."""
    made = ExchangeTry(
        outgoing_id=row.id, way=way.value, address=address, at=now, outcome=TryOutcome.BEGUN.value, reason=""
    )
    session.add(made)
    session.flush()
    return made


def end_try(session: Session, number: int, outcome: TryOutcome, reason: str = "") -> None:
    """What became of a try."""
    row = session.get_one(ExchangeTry, number)
    row.outcome, row.reason = outcome.value, reason


def note_sending(session: Session, dispatch: int, state: OutgoingState, reason: str = "") -> None:
    """The state of a dispatch by what its transport says, unless its receipt came meanwhile."""
    row = session.get_one(OutgoingRow, dispatch, with_for_update=True, populate_existing=True)
    if may_become(OutgoingState(row.state), state):
        row.state, row.reason = state.value, reason
