"""What became of the digests, for people to read; and a second chance for those given up."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.models import Delivery, DeliveryState
from tocsin.errors import ConflictError, NotFoundError
from tocsin.records import Database


def deliveries(
    session: Session, *, state: str | None = None, team_id: int | None = None, limit: int = 100
) -> Sequence[Delivery]:
    """The newest digests first."""
    query = select(Delivery).order_by(Delivery.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Delivery.state == state)
    if team_id is not None:
        query = query.where(Delivery.team_id == team_id)
    return session.scalars(query).all()


def delivery(session: Session, reference: str) -> Delivery:
    """One digest by its reference, in any case.

    Raises:
        NotFoundError: there is none.

    """
    found = session.scalar(select(Delivery).where(Delivery.reference == reference.strip().upper()))
    if found is None:
        raise NotFoundError(
            f"There is no digest '{reference}'.", hint="'tocsin deliveries list' shows the references of all."
        )
    return found


def retry(session: Session, reference: str, now: datetime) -> Delivery:
    """Let the next run try a digest again that was given up or waits.

    Raises:
        NotFoundError: there is none.
        ConflictError: it was sent.

    """
    found = delivery(session, reference)
    if found.state == DeliveryState.SENT:
        raise ConflictError(f"{found.reference} was sent at {found.sent_at:%Y-%m-%d %H:%M} UTC.")
    found.state, found.next_try_at, found.attempts = DeliveryState.RETRY.value, now, 0
    return found


def failed_deliveries(database: Database) -> int:
    """How many digests were given up."""
    with database.begin() as session:
        failed = select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.FAILED.value)
        return session.scalar(failed) or 0
