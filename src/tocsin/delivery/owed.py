"""What is owed to whom of an ingest: noted in its transaction, released once it is committed, and sent at last."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from tocsin.delivery.models import WAS_SENT, Delivery, DeliveryItem, ItemState
from tocsin.directory import DigestInterval, Team

_MORNING = 6  # local hour of daily and weekly digests: read by nine o'clock


def queue(session: Session, *, ingest: int, counts: Mapping[int, int], teams: Mapping[int, Team], now: datetime) -> int:
    """Note in the caller's transaction what each team is owed of an ingest; returns how many rows that made.

    ``counts``: team id → events. The rows do not count before `release_items`. A repeated call adds nothing.
    """
    known = set(session.scalars(select(DeliveryItem.team_id).where(DeliveryItem.ingest == ingest)))
    due: dict[tuple[DigestInterval, str], datetime] = {}  # of hundreds of teams most have the same
    rows = [
        {
            "ingest": ingest,
            "team_id": team,
            "events": events,
            "due_at": due.get(key := (teams[team].interval, teams[team].timezone))
            or due.setdefault(key, due_at(teams[team], now)),
            "state": ItemState.PREPARED.value,
        }
        for team, events in sorted(counts.items())
        if events and team not in known
    ]
    if rows:
        # into the table and not by the class, which takes twice the time; this is much of what a small report costs
        session.execute(insert(DeliveryItem.metadata.tables[DeliveryItem.__tablename__]), rows)
    return len(rows)


def release_items(session: Session, ingests: Collection[int]) -> None:
    """Let the rows of committed ingests count, in the caller's transaction."""
    session.execute(
        update(DeliveryItem)
        .where(DeliveryItem.ingest.in_(ingests), DeliveryItem.state == ItemState.PREPARED.value)
        .values(state=ItemState.QUEUED.value)
    )


def sent_to(session: Session, ingests: Collection[int]) -> dict[int, set[int]]:
    """For each of the ingests the teams that a mail with its news has left for, and did not come back from."""
    found: dict[int, set[int]] = {ingest: set() for ingest in ingests}
    rows = (
        select(DeliveryItem.ingest, DeliveryItem.team_id)
        .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(WAS_SENT, DeliveryItem.ingest.in_(found))
    )
    for ingest, team in session.execute(rows):
        found[ingest].add(team)
    return found


def due_at(team: Team, now: datetime) -> datetime:
    """When news that came at ``now`` is due to a team: now, the next full hour, or the next morning or Monday.

    A morning is 06:00 where the team is; UTC where its time zone is not known.
    """
    if team.interval is DigestInterval.AT_ONCE:
        return now
    if team.interval is DigestInterval.HOURLY:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    local = now.astimezone(_zone(team.timezone))
    days = int(local.hour >= _MORNING)
    if team.interval is DigestInterval.WEEKLY:
        days = -local.weekday() % 7 or 7 * days
    morning = local.replace(hour=_MORNING, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return morning.astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
