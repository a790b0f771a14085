"""What became of digests and letters, for people to read; and a second chance for those given up."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.held_mails import check_not_final, may_leave
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, Halt, ItemState
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say

_TOLD = {
    DeliveryState.SENT.value: "was sent",
    DeliveryState.SHADOW.value: "counts as notified: it was written in shadow mode",
    DeliveryState.REDIRECTED.value: "counts as notified: it was redirected",
}
_GIVEN_UP = {DeliveryState.EXPIRED.value, DeliveryState.BOUNCED.value}
_REFUSED = {DeliveryState.RETRY.value, DeliveryState.FAILED.value}


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


def retry(
    session: Session, reference: str, now: datetime, *, actor: str, not_before: datetime | None = None
) -> Delivery:
    """Let the next run try a digest again that was given up, came back, or waits, in the caller's transaction.

    ``not_before``: the first run after that.

    Raises:
        NotFoundError: there is none.
        ConflictError: it was sent, or counts as told, or waits for a person, or was dropped.

    """
    found = delivery(session, reference)
    check_not_final(found)
    if found.state == DeliveryState.HELD:
        raise ConflictError(
            say("%(reference)s is held for review.", reference=found.reference),
            hint=f"Run: tocsin deliveries release {found.reference}",
        )
    if found.state in _TOLD:
        how = _TOLD[found.state]
        raise ConflictError(
            say(
                "%(reference)s %(how)s at %(sent_at)s UTC.",
                reference=found.reference,
                how=how,
                sent_at=f"{found.sent_at:%Y-%m-%d %H:%M}",
            )
        )
    detail: dict[str, object] = {"state": found.state}
    subject = f"delivery:{found.reference}"
    audit(session, AuditAction.DELIVERY_RETRIED, at=now, actor=actor, subject=subject, detail=detail)
    if found.state in _GIVEN_UP:
        found.released_at = now  # its age counts from this person's word
    if found.state not in _REFUSED:
        found.error = ""  # why it did not leave until now is no refusal
    if found.state == DeliveryState.BOUNCED:
        found.mails_sent, found.waiting = 0, []  # all of it again, to the mailboxes that the team has now
    found.state, found.next_try_at, found.attempts = DeliveryState.RETRY.value, not_before or now, 0
    return found


def letters(session: Session, *, state: str | None = None, limit: int = 100) -> Sequence[Letter]:
    """The newest letters first; without those that are shown with what they are about."""
    query = select(Letter).where(Letter.about == "").order_by(Letter.id.desc()).limit(limit)
    return session.scalars(query if state is None else query.where(Letter.state == state)).all()


@dataclass(frozen=True, slots=True)
class DueNews:
    """What one team is owed that is bound to no digest: how many events, since or from when."""

    team_id: int
    events: int
    due_at: datetime


def due_news(
    session: Session, state: ItemState = ItemState.QUEUED, teams: Collection[int] | None = None
) -> list[DueNews]:
    """By team (None: all), what waits for its time or its digest, or has expired; the first due first."""
    first = func.min(DeliveryItem.due_at)
    rows = (
        select(DeliveryItem.team_id, func.sum(DeliveryItem.events), first)
        .where(DeliveryItem.state == state.value)
        .group_by(DeliveryItem.team_id)
        .order_by(first, DeliveryItem.team_id)
    )
    if teams is not None:
        rows = rows.where(DeliveryItem.team_id.in_(teams))
    return [DueNews(team, int(events), due) for team, events, due in session.execute(rows)]


def due_state(session: Session, now: datetime) -> tuple[tuple[int, int], ...]:
    """What is due, as numbers that differ when something came or went: for news, digests, letters and a stop each."""
    news = (DeliveryItem.id, (DeliveryItem.state == ItemState.QUEUED.value) & (DeliveryItem.due_at <= now))
    digests, due_letters = (Delivery.id, may_leave(Delivery, now)), (Letter.id, may_leave(Letter, now))
    counts = []
    for column, due in (news, digests, due_letters):
        count, highest = session.execute(select(func.count(), func.max(column)).where(due)).one()
        counts.append((int(count), int(highest or 0)))
    ended = select(func.count()).where(Halt.until <= now)
    return (*counts, (session.scalar(ended) or 0, 0))


def count_by_state(database: Database, *states: DeliveryState) -> dict[DeliveryState, int]:
    """How many digests are in each of these states; those with none are left out."""
    wanted = [state.value for state in states]
    counted = select(Delivery.state, func.count()).where(Delivery.state.in_(wanted)).group_by(Delivery.state)
    with database.reading() as session:
        found = dict(session.execute(counted).all())
    return {state: found[state.value] for state in states if state.value in found}
