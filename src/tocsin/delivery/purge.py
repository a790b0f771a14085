"""Digests and letters when what they tell of is purged: what waits is made anew, what left is forgotten here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState, SentMail
from tocsin.delivery.outbox import holds_items
from tocsin.node.letters import Letter, LetterState
from tocsin.node.sentences import say

_LEFT: Final = frozenset(
    {DeliveryState.SENT, DeliveryState.SHADOW, DeliveryState.REDIRECTED, DeliveryState.BOUNCED, DeliveryState.DROPPED}
)
_OPEN_LETTER: Final = frozenset({LetterState.QUEUED, LetterState.RETRY, LetterState.HELD})
_NOTHING_LEFT: Final = say("Its content was purged.")


def digests_with(session: Session, ingest: int, events: Mapping[int, int]) -> Sequence[Delivery]:
    """The digests that tell of events of an ingest to teams; ``events``: team id → how many."""
    query = select(Delivery).join(DeliveryItem, holds_items())
    return session.scalars(
        query.where(DeliveryItem.ingest == ingest, DeliveryItem.team_id.in_(events)).order_by(Delivery.id)
    ).all()


def take_events_out(session: Session, ingest: int, events: Mapping[int, int], *, reason: str = _NOTHING_LEFT) -> None:
    """Let teams be owed so many events of an ingest less, in the caller's transaction; ``events``: team id → how many.

    A digest that waits is written anew without them, and dropped where nothing is left of it.
    """
    for digest in digests_with(session, ingest, events):
        digest.events = max(digest.events - events[digest.team_id], 0)
        _forget(digest)
        digest.corrections = None
        if not digest.events and digest.state not in _LEFT:
            digest.state, digest.error, digest.next_try_at = DeliveryState.DROPPED.value, reason, None
    items = select(DeliveryItem).where(DeliveryItem.ingest == ingest, DeliveryItem.team_id.in_(events))
    for item in session.scalars(items):
        item.events = max(item.events - events[item.team_id], 0)
        if not item.events and item.state in {ItemState.QUEUED, ItemState.EXPIRED}:
            session.delete(item)


def purge_digest(digest: Delivery) -> None:
    """Forget what a digest said, in the caller's transaction; one that has not left never does."""
    _forget(digest)
    digest.corrections = None
    digest.error = _NOTHING_LEFT
    if digest.state not in _LEFT:
        digest.state, digest.next_try_at = DeliveryState.DROPPED.value, None


def purge_letter(session: Session, letter: Letter) -> None:
    """Forget what a letter said and to whom, in the caller's transaction; one that has not left never does."""
    for sent in session.scalars(select(SentMail).where(SentMail.reference == letter.reference)):
        sent.mailbox = ""
    letter.subject = letter.body = letter.mailbox = letter.error = letter.path = ""
    if letter.state in _OPEN_LETTER:
        letter.state = LetterState.CANCELLED.value


def mail_files(mails: Path, reference: str) -> list[Path]:
    """The files of a digest or letter: each of its mails, in the folder of whatever day, also half written ones."""
    return [*mails.rglob(f"{reference}.*"), *mails.rglob(f"{reference}-*")]


def _forget(digest: Delivery) -> None:
    digest.counts = digest.counts if digest.state in _LEFT else {}
    digest.subject, digest.path, digest.size, digest.error = "", "", 0, ""
