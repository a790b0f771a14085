"""What one team was told lately, and how fast it answers: for its page."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryState
from tocsin.node.censoring import Median, median
from tocsin.problems.answers import Answer

LOOKED_AT: Final = 200
"""So many of the latest digests count in the time to an answer."""

_HOUR = 3600


@dataclass(frozen=True)
class TeamFigures:
    """The latest digests, newest first; how many were sent and how many of those were answered by anybody.

    ``to_answer``: the median time from a digest to the first answer to it, hours; a digest that is not answered yet
    has a time that is only known to be longer. None where nothing was sent.
    """

    latest: Sequence[Delivery]
    sent: int
    answered: int
    to_answer: Median | None


def team_figures(session: Session, teams: Collection[int], *, now: datetime, latest: int = 20) -> TeamFigures:
    """The figures of one team; ``teams``: its number, and those of the teams merged into it."""
    newest = select(Delivery).where(Delivery.team_id.in_(teams)).order_by(Delivery.id.desc())
    was_sent = Delivery.state == DeliveryState.SENT.value
    sent = session.execute(
        select(Delivery.id, Delivery.sent_at)
        .where(Delivery.team_id.in_(teams), was_sent, Delivery.sent_at.is_not(None))
        .order_by(Delivery.id.desc())
        .limit(LOOKED_AT)
    ).all()
    first = (
        select(Answer.delivery_id, func.min(Answer.at)).where(Answer.team_id.in_(teams)).group_by(Answer.delivery_id)
    )
    answers = dict(session.execute(first).all())
    times = [(at, answers.get(number)) for number, at in sent if at is not None]
    return TeamFigures(
        list(session.scalars(newest.limit(latest))),
        sent=len(times),
        answered=sum(at is not None for _, at in times),
        to_answer=_to_answer(times, now) if times else None,
    )


def _to_answer(times: Sequence[tuple[datetime, datetime | None]], now: datetime) -> Median:
    left = np.array([max(((answer or now) - told).total_seconds() / _HOUR, 0) for told, answer in times])
    right = np.array([hours if answer else np.inf for hours, (_, answer) in zip(left, times, strict=True)])
    return median(left, right)
