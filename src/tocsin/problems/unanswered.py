"""Problems that go on although their responsible teams were notified and none has answered: what a person looks at."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from tocsin.problems.listing import FoundProblems, ProblemList
from tocsin.problems.search import ProblemSearch, ProblemStatus

_NOTIFIED: Final = ProblemSearch(state=ProblemStatus.NOTIFIED)


@dataclass(frozen=True, slots=True)
class UnansweredProblem:
    """One such problem; times in UTC. ``teams`` answer for it, ``tellings`` times somebody was notified of it.

    ``escalated``: those who are asked next were, too.
    """

    key: int
    where: str
    port: str
    what: str
    first_told_at: datetime
    last_told_at: datetime
    last_seen: datetime
    tellings: int
    teams: tuple[int, ...]
    escalated: bool


def unanswered(problems: ProblemList, *, days: int, now: datetime, limit: int = 100) -> list[UnansweredProblem]:
    """Those notified of ``days`` ago or longer that are not gone, muted or answered, silent for longest first."""
    found = _silent(problems, days, now).some(0, limit)
    columns = found.standings.frame.select("notified_at", "told_at", "tellings", "escalated_by")[found.places]
    return [
        UnansweredProblem(
            key=row.key,
            where=row.where,
            port=row.port,
            what=row.what,
            first_told_at=datetime.fromtimestamp(first, UTC),
            last_told_at=datetime.fromtimestamp(max(first, last), UTC),
            last_seen=row.last_seen,
            tellings=tellings,
            teams=tuple(one.team for one in row.by_team),
            escalated=escalated > 0,
        )
        for row, (first, last, tellings, escalated) in zip(found.rows(), columns.iter_rows(), strict=True)
    ]


def count_unanswered(problems: ProblemList, *, days: int, now: datetime) -> tuple[int, datetime | None]:
    """How many there are, and when the first team was notified of the one that is silent for longest."""
    found = _silent(problems, days, now)
    oldest = found.standings.frame["notified_at"].to_numpy()[found.places[:1]].tolist()
    return found.total, datetime.fromtimestamp(oldest[0], UTC) if oldest else None


def _silent(problems: ProblemList, days: int, now: datetime) -> FoundProblems:
    found = problems.find(_NOTIFIED, now=now)
    since = found.standings.frame["notified_at"].to_numpy()
    before = int((now - timedelta(days=days)).timestamp())
    places = found.places[since[found.places] <= before]
    return FoundProblems(found.standings, places[np.argsort(since[places], kind="stable")], now)
