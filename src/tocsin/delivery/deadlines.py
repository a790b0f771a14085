"""Until when a fix is asked for: one function for mails, portal, lists and programs, from what the mails said.

A date that was mailed stands. What later comes of the problem, or of the rules, moves it for nobody who was told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import Session

from tocsin.delivery.digest_summary import days_to_fix, topics
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState

_AT_ONCE: Final = 10_000  # parameters of one statement
_DAY: Final = 86_400

HAS_REACHED: Final[ColumnElement[bool]] = (Delivery.state == DeliveryState.SENT.value) | (
    (Delivery.mails_sent > 0)
    & Delivery.state.in_([DeliveryState.QUEUED.value, DeliveryState.RETRY.value, DeliveryState.FAILED.value])
)
"""Whether a digest reached its team, or a part of it did; not what was written for us, or came back."""


@dataclass(frozen=True, slots=True)
class MailedRequest:
    """What a digest asked of its team. ``at``: from when its days count, in seconds since 1970 UTC.

    ``days``: by topic, of the problems that it told of for the first time; None of one that was sent before these were
    kept: it asked the same of all its problems, new or not.
    """

    at: int
    days: tuple[tuple[str, int], ...] | None


def last_second(at: int, days: int) -> int:
    """The end of the day (UTC) that is named to a team: who fixes it on that day is in time."""
    return (at + days * _DAY) // _DAY * _DAY + _DAY - 1


def deadline(first: MailedRequest | None, last: MailedRequest | None, *, topic: str, severity: str) -> int:
    """Until when a team is asked to fix a problem, in seconds since 1970 UTC; 0 where it is asked nothing. Pure.

    ``first``, ``last``: the first and the last digest that told it; None where none did. The first one decides, but for
    one of which it is not known what it said: then each digest named a date of its own, and the last one stands.
    ``severity``: decides where it is not known what was asked.
    """
    asked = last or first if first is None or first.days is None else first
    if asked is None:
        return 0
    days = days_to_fix(topics()[topic], severity) if asked.days is None else dict(asked.days).get(topic)
    return 0 if days is None else last_second(asked.at, days)


def day_of(due: int) -> str:
    """The day of a deadline as mails name it."""
    return datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d")


def mailed_requests(session: Session, ingests: Iterable[int]) -> dict[tuple[int, int], MailedRequest]:
    """What the digests asked that reached a team, by ingest and team: the first one that told of both."""
    wanted, found = sorted({*ingests}), dict[tuple[int, int], MailedRequest]()
    for start in range(0, len(wanted), _AT_ONCE):
        some = DeliveryItem.ingest.in_(wanted[start : start + _AT_ONCE])
        bound = _requests().join(Delivery, Delivery.id == DeliveryItem.delivery_id).where(some, HAS_REACHED)
        again = _requests().join(Delivery, Delivery.repeats == DeliveryItem.delivery_id).where(some, HAS_REACHED)
        _add(found, session.execute(bound).all())
        _add(found, session.execute(again.where(Delivery.repeats.is_not(None))).all())
    return found


def mailed_by(session: Session, digests: Collection[int]) -> dict[int, MailedRequest]:
    """What these digests asked, by number, of those that reached their team."""
    wanted, found = sorted(digests), dict[int, MailedRequest]()
    for start in range(0, len(wanted), _AT_ONCE):
        some = Delivery.id.in_(wanted[start : start + _AT_ONCE]), HAS_REACHED
        rows = select(Delivery.id, Delivery.created_at, Delivery.released_at, Delivery.asked_days).where(*some)
        found |= {number: _request(made, released, days) for number, made, released, days in session.execute(rows)}
    return found


def mailed_dues(mailed: Mapping[tuple[int, int], MailedRequest]) -> pl.DataFrame:
    """The dates that mails named, where it is known: columns ``ingest``, ``team``, ``topic`` and ``due`` (seconds)."""
    rows = [
        (ingest, team, topic, last_second(one.at, days))
        for (ingest, team), one in mailed.items()
        for topic, days in one.days or ()
    ]
    names = {"ingest": pl.Int64, "team": pl.Int64, "topic": pl.String, "due": pl.Int64}
    return pl.DataFrame(rows, schema=names, orient="row")


def _request(made: datetime, released: datetime | None, days: Mapping[str, int] | None) -> MailedRequest:
    return MailedRequest(int((released or made).timestamp()), None if days is None else tuple(sorted(days.items())))


def _requests() -> Select[int, int, datetime, datetime | None, dict[str, int] | None]:
    return select(
        DeliveryItem.ingest, DeliveryItem.team_id, Delivery.created_at, Delivery.released_at, Delivery.asked_days
    ).select_from(DeliveryItem)


def _add(
    found: dict[tuple[int, int], MailedRequest],
    rows: Sequence[Row[int, int, datetime, datetime | None, dict[str, int] | None]],
) -> None:
    for ingest, team, made, released, days in rows:
        one = _request(made, released, days)
        if (before := found.get((ingest, team))) is None or one.at < before.at:
            found[ingest, team] = one
