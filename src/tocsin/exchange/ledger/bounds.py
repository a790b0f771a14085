"""How much of one partner waits here for a person, at most: what is beyond that stays at the partner for now."""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.models import OfferedItem
from tocsin.exchange.ledger.states import OPEN_ITEMS
from tocsin.exchange.statements import DispatchType
from tocsin.node.errors import LaterError
from tocsin.node.node import Node
from tocsin.node.sentences import say

BRINGING: Final = frozenset({DispatchType.SHARE, DispatchType.OFFER, DispatchType.ANSWER})
"""Dispatches that may bring items; a recall, a receipt or a report is taken however much waits."""


def check_waiting(session: Session, node: Node, partner: int) -> None:
    """Nothing, where a partner may offer something more. Raises LaterError: too much of it waits for a decision."""
    most = node.settings.exchange.waiting_items
    if waiting_items(session, partner) >= most:
        raise LaterError(say("%(n)s items of this partner wait for a decision.", n=f"{most:,}"))


def waiting_items(session: Session, partner: int) -> int:
    """How many items of a partner wait for a decision."""
    states = [one.value for one in OPEN_ITEMS]
    of = OfferedItem.partner_id == partner, OfferedItem.state.in_(states)
    return session.scalar(select(func.count()).select_from(OfferedItem).where(*of)) or 0
