"""On what exchanges rest: the share of each type of agreement, and of none."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements.models import DispatchGround
from tocsin.exchange.ledger import Direction, IncomingRow, IncomingState, OutgoingRow
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
    for direction, row, at in (
        (Direction.OUT, OutgoingRow, OutgoingRow.sealed_at),
        (Direction.IN, IncomingRow, IncomingRow.came_at),
    ):
        same = and_(DispatchGround.direction == direction.value, DispatchGround.dispatch == row.id)
        query = select(row.id, DispatchGround.type).outerjoin(DispatchGround, same)
        query = query.where(row.type.in_(EXCHANGES), at >= since, at <= until)
        if row is IncomingRow:
            query = query.where(IncomingRow.state == IncomingState.TAKEN.value)
        for number, type_ in session.execute(query.order_by(row.id)):
            yield direction, number, type_ or NONE


def share_by_type(session: Session, since: datetime, until: datetime) -> list[GroundShare]:
    """The exchanges of a time by what they rest on, what binds most first."""
    counted = Counter((direction, type_) for direction, _, type_ in exchange_grounds(session, since, until))
    total = counted.total()
    return [
        GroundShare(name, sent, received, (sent + received) / total if total else None)
        for name in (*(one.value for one in AgreementType), NONE)
        for sent, received in [(counted[Direction.OUT, name], counted[Direction.IN, name])]
    ]
