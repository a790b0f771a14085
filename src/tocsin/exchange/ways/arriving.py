"""A file of a partner that came by itself: a dispatch, which gets its receipt, or a receipt of one of ours.

What this writes lies in the tables of `TAKING_WRITES`, as with a file that a person takes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tocsin.exchange.dispatches import DISPATCH, RECEIPT, Limits, open_file, open_receipt, read_head
from tocsin.exchange.ledger import (
    Direction,
    DispatchResult,
    IncomingRow,
    OwnParty,
    PartnerFile,
    ReceiptRow,
    TakingResult,
    own_party,
    receipt_file,
    take_opened,
    take_receipt,
)
from tocsin.exchange.partners import Partner
from tocsin.exchange.ways.models import ExchangeArrival
from tocsin.exchange.ways.states import ExchangeWay
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import cut
from tocsin.node.sentences import say


class TooManyDispatchesError(ConflictError):
    """A partner sends more in an hour than is taken, of dispatches or of receipts."""


@dataclass(frozen=True)
class FileArrival:
    """What came: a dispatch, with the file of our receipt (empty: no key of the partner is valid), or a receipt."""

    dispatch: TakingResult | None = None
    receipt: DispatchResult | None = None
    answer: bytes = b""


def take_file(context: ActContext, content: bytes, *, limited: bool = True) -> FileArrival:
    """Take what a file brings. ``limited``: no more of one partner in an hour than the settings say.

    Raises:
        RefusalError: it is not for this node, or of nobody whom it knows; nothing is kept.
        TooManyDispatchesError: it is of a partner who has sent too much in this hour.
        NotFoundError, ConflictError: this node has no key that works.

    """
    us = own_party(context.node, context.now)
    members = open_file(content, us.opening, Limits())
    if RECEIPT in members and DISPATCH not in members:
        if limited:
            _check_receipt(context, us, content)
        return FileArrival(receipt=take_receipt(context, PartnerFile(content=content)))
    _check_sender(context, us, members, limited=limited)
    taken = take_opened(context, us, members)
    with context.database.reading() as session:
        try:
            _, answer = receipt_file(context.node, session, taken.incoming)
        except NotFoundError:
            answer = b""
    return FileArrival(taken, answer=answer)


def note_arrival(context: ActContext, arrival: FileArrival, way: ExchangeWay, mail: str = "") -> None:
    """How a dispatch came. ``mail``: SHA-256 of the mail that brought it, which our receipt is still to answer."""
    if arrival.dispatch is None:
        return
    with context.database.begin() as session:
        of = session.get_one(IncomingRow, arrival.dispatch.incoming).hash
        same = ExchangeArrival.of == of, ExchangeArrival.way == way.value, ExchangeArrival.mail == mail
        if session.scalar(select(ExchangeArrival.id).where(*same)) is None:
            answered = None if way is ExchangeWay.MAIL else context.now
            session.add(
                ExchangeArrival(
                    partner_id=arrival.dispatch.partner, of=of, way=way.value, mail=mail, at=context.now,
                    answered_at=answered,
                )
            )  # fmt: skip
        cut("exchange.arriving")


def _check_sender(context: ActContext, us: OwnParty, members: dict[str, bytes], *, limited: bool) -> None:
    """Refuse strangers before anything inside is looked at, and a partner who sends too much.

    Raises:
        RefusalError, TooManyDispatchesError: so it is.

    """
    with context.database.reading() as session:
        head = read_head(members, us.recipient(session).keys, us.names)
        if limited:
            of = select(func.count()).select_from(IncomingRow).join(Partner, Partner.id == IncomingRow.partner_id)
            _check_hour(context, session, of.where(Partner.node == head.body.by.node), IncomingRow.came_at)


def _check_receipt(context: ActContext, us: OwnParty, content: bytes) -> None:
    """As `_check_sender`, of a receipt; one that is here already is no further one."""
    with context.database.reading() as session:
        receipt, came = open_receipt(content, us.recipient(session)), ReceiptRow.direction == Direction.IN.value
        if session.scalar(select(ReceiptRow.id).where(came, ReceiptRow.hash == receipt.hash)) is None:
            of = select(func.count()).select_from(ReceiptRow).join(Partner, Partner.id == ReceiptRow.partner_id)
            _check_hour(context, session, of.where(came, Partner.node == receipt.body.by.node), ReceiptRow.at)


def _check_hour(context: ActContext, session: Session, count: Select[int], at: InstrumentedAttribute[datetime]) -> None:
    most, since = context.node.settings.exchange.dispatches_an_hour, context.now - timedelta(hours=1)
    if (session.scalar(count.where(at > since)) or 0) >= most:
        raise TooManyDispatchesError(say("More than %(n)s dispatches came in an hour.", n=f"{most:,}"))
