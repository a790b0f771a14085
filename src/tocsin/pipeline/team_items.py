"""What cannot go on with one team until a person acts: events wait for it, and it has no email address."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import DeliveryItem, DueNews, ItemState, due_news
from tocsin.directory import teams_without_mailbox


def unreachable_teams(session: Session) -> list[DueNews]:
    """What teams without an email address are owed, the most events first."""
    waiting = select(DeliveryItem.team_id).where(DeliveryItem.state == ItemState.QUEUED.value).distinct()
    owed = due_news(session, teams=teams_without_mailbox(session, waiting))
    return sorted(owed, key=lambda one: (-one.events, one.team_id))
