"""All answers with how they stand now."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.problems.answers.entries import answered
from tocsin.problems.answers.models import Answer
from tocsin.problems.answers.outcome import AnswerOutcome, AnswerStanding, latest, stand
from tocsin.problems.current import known_problems
from tocsin.problems.track import Tracker


@dataclass(frozen=True)
class AnswerInList:
    """An answer, the digest that it answers, and how it stands.

    ``standings``: for each problem that it is about; None where a later answer of the team took its place.
    """

    answer: Answer
    delivery: Delivery
    standings: Mapping[int, AnswerStanding | None]

    @property
    def replaced(self) -> int:
        """For how many problems a later answer took its place."""
        return sum(standing is None for standing in self.standings.values())

    def count(self, outcome: AnswerOutcome) -> int:
        """For how many problems it stands so."""
        return sum(standing is not None and standing.outcome is outcome for standing in self.standings.values())


def list_answers(
    session: Session, tracker: Tracker, *, gone_after_days: int, team_id: int | None = None
) -> list[AnswerInList]:
    """The answers, newest first; of one team where asked for."""
    said = list(answered(session, team_id))
    newest = latest(said)
    keys = np.array(sorted({key for _, keys in said for key in keys}), dtype=np.uint64)
    known = known_problems(session, tracker, gone_after_days=gone_after_days, keys=keys)
    seen = dict(zip(known.keys.tolist(), known.column("last_seen").tolist(), strict=True))
    gone = dict(zip(known.keys.tolist(), known.gone_at.tolist(), strict=True))
    deliveries = {
        row.id: row for row in session.scalars(select(Delivery).where(Delivery.id.in_(select(Answer.delivery_id))))
    }
    return [
        AnswerInList(
            answer,
            deliveries[answer.delivery_id],
            {
                key: stand(answer, seen.get(key, 0), gone.get(key, 0))
                if newest[answer.team_id, key] is answer
                else None
                for key in of
            },
        )
        for answer, of in reversed(said)
    ]
