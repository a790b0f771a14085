"""On what exchanges rest: the share of each type of agreement, and of none."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import DispatchGround
from tocsin.exchange.ledger.models import IncomingRow, OutgoingRow
from tocsin.exchange.ledger.states import Direction, IncomingState
from tocsin.exchange.statements import AgreementType, DispatchType

EXCHANGES: Final = tuple(
    one.value for one in (DispatchType.SHARE, DispatchType.OFFER, DispatchType.REQUEST, DispatchType.ANSWER)
)
"""The dispatches that are counted as exchanges: recalls, reports and talk of agreements are not."""

NONE: Final = "none"
"""What went under no agreement."""


@dataclass(frozen=True)
class GroundShare:
    """How many exchanges rest on a type of agreement, or on `NONE`. ``share``: of all; None where there are none."""

    type: str
    sent: int
    received: int
    share: float | None


def exchange_grounds(session: Session, since: datetime, until: datetime) -> Iterator[tuple[Direction, int, str]]:
    """Each exchange in a time: its direction, its number in the list, and the type of its agreement, or `NONE`."""
    sent = select(OutgoingRow.id, DispatchGround.type).outerjoin(
        DispatchGround, _same(Direction.OUT, DispatchGround.dispatch == OutgoingRow.id)
    )
    sent = sent.where(OutgoingRow.type.in_(EXCHANGES), OutgoingRow.sealed_at.between(since, until))
    came = select(IncomingRow.id, DispatchGround.type).outerjoin(
        DispatchGround, _same(Direction.IN, DispatchGround.dispatch == IncomingRow.id)
    )
    came = came.where(IncomingRow.type.in_(EXCHANGES), IncomingRow.came_at.between(since, until))
    came = came.where(IncomingRow.state == IncomingState.TAKEN.value)
    for direction, query in (
        (Direction.OUT, sent.order_by(OutgoingRow.id)), (Direction.IN, came.order_by(IncomingRow.id)),
    ):  # fmt: skip
        for number, type_ in session.execute(query):
            yield direction, number, type_ or NONE


def _same(direction: Direction, number: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(DispatchGround.direction == direction.value, number)


def share_by_type(session: Session, since: datetime, until: datetime) -> list[GroundShare]:
    """The exchanges of a time by what they rest on, what binds most first."""
    counted = Counter((direction, type_) for direction, _, type_ in exchange_grounds(session, since, until))
    total = counted.total()
    return [
        GroundShare(name, sent, received, (sent + received) / total if total else None)
        for name in (*(one.value for one in AgreementType), NONE)
        for sent, received in [(counted[Direction.OUT, name], counted[Direction.IN, name])]
    ]
