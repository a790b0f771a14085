"""News that is too old to be news is not sent any more: it is kept, counted and shown as expired."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.orm import Session

from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.node.tell_settings import TellSettings

_OPEN = (DeliveryState.QUEUED.value, DeliveryState.RETRY.value, DeliveryState.HELD.value)
_OPEN_LETTERS = (LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value)


def expire(session: Session, tell: TellSettings, now: datetime) -> int:
    """Give up what was due ``max_age_days`` ago or longer, in the caller's transaction; returns how much that was.

    What a person let go counts from then. A digest is as old as its binding, other news as its day of being due.
    """
    before = now - timedelta(days=tell.max_age_days)
    words = say("It was due more than %(max_age_days)s days ago ([tell] max_age_days).", max_age_days=tell.max_age_days)
    items = (
        update(DeliveryItem)
        .where(DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at < before)
        .values(state=ItemState.EXPIRED.value)
    )
    digests = (
        update(Delivery)
        .where(Delivery.state.in_(_OPEN), Delivery.created_at < before, _not_let_go(Delivery, before))
        .values(state=DeliveryState.EXPIRED.value, error=words, next_try_at=None)
    )
    letters = (
        update(Letter)
        .where(Letter.state.in_(_OPEN_LETTERS), Letter.created_at < before, _not_let_go(Letter, before))
        .where(Letter.due_at < before)
        .values(state=LetterState.EXPIRED.value, error=words)
    )
    counts = {
        name: session.execute(statement).rowcount  # type: ignore[attr-defined]  # an update has a row count
        for name, statement in (("news", items), ("digests", digests), ("letters", letters))
    }
    if expired := sum(counts.values()):
        audit(session, AuditAction.DELIVERY_EXPIRED, at=now, actor="deliver", subject="node", detail=dict(counts))
    return int(expired)


def _not_let_go(of: type[Delivery] | type[Letter], before: datetime) -> ColumnElement[bool]:
    return or_(of.released_at.is_(None), of.released_at < before)
