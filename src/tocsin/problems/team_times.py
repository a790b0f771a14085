"""What one team was told lately, and how fast it answers: for its page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem, DeliveryState
from tocsin.events import EventStore
from tocsin.node.censoring import Median, median
from tocsin.problems.answers import answered, sets_with

LOOKED_AT: Final = 200
"""So many of the latest digests count in the time to an answer."""

_HOUR = 3600


@dataclass(frozen=True)
class TeamFigures:
    """The latest digests, newest first; how many were sent, and how many problems these told and anybody answered.

    ``to_answer``: the median time from the digest that told a problem first to the first answer for it, hours; a
    problem that is not answered yet has a time that is only known to be longer. None where nothing was sent.
    """

    latest: Sequence[Delivery]
    sent: int
    problems: int
    answered: int
    to_answer: Median | None


def team_figures(
    session: Session, store: EventStore, teams: Sequence[int], *, now: datetime, latest: int = 20
) -> TeamFigures:
    """The figures of one team; ``teams``: its number, then those of the teams merged into it."""
    newest = select(Delivery).where(Delivery.team_id.in_(teams)).order_by(Delivery.id.desc())
    was_sent = Delivery.state == DeliveryState.SENT.value
    sent = session.execute(
        select(Delivery.id, Delivery.sent_at)
        .where(Delivery.team_id.in_(teams), was_sent, Delivery.sent_at.is_not(None))
        .order_by(Delivery.id.desc())
        .limit(LOOKED_AT)
    ).all()
    told = _first_told(session, store, teams, {number: at for number, at in sent if at is not None})
    answers: dict[int, datetime] = {}
    for answer, keys in answered(session, teams[0]):
        for key in keys:
            answers.setdefault(key, answer.at)  # the oldest come first
    times = [(at, answers.get(key)) for key, at in told.items()]
    return TeamFigures(
        list(session.scalars(newest.limit(latest))),
        sent=len(sent),
        problems=len(times),
        answered=sum(at is not None for _, at in times),
        to_answer=_to_answer(times, now) if times else None,
    )


def _first_told(
    session: Session, store: EventStore, teams: Collection[int], sent: Mapping[int, datetime]
) -> dict[int, datetime]:
    """When each problem (uint64 key) was first told by one of these digests; ``sent``: when they were, by number."""
    query = (
        select(DeliveryItem.ingest, Delivery.id)
        .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(Delivery.id.in_(sent))
    )
    at: dict[int, datetime] = {}
    for ingest, number in session.execute(query):
        if number is not None:
            at[ingest] = min(sent[number], at.get(ingest, sent[number]))
    if not at:
        return {}
    told = pl.col("told").is_in(sets_with(session, frozenset(teams)))
    found = store.scan(ingests=list(at)).filter(told).select(pl.col("problem").reinterpret(signed=False), "ingest")
    first: dict[int, datetime] = {}
    for key, ingest in store.collect(found.unique()).drop_nulls().iter_rows():
        first[key] = min(at[ingest], first.get(key, at[ingest]))
    return first


def _to_answer(times: Sequence[tuple[datetime, datetime | None]], now: datetime) -> Median:
    left = np.array([max(((answer or now) - told).total_seconds() / _HOUR, 0) for told, answer in times])
    right = np.array([hours if answer else np.inf for hours, (_, answer) in zip(left, times, strict=True)])
    return median(left, right)
