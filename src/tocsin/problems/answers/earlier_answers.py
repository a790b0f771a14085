"""What teams had claimed of problems when a digest was made, for its text."""

from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import DELIVERY, Delivery
from tocsin.directory import merged_teams
from tocsin.problems.answers.models import Answer
from tocsin.problems.answers.outcome import CLAIMS, latest
from tocsin.problems.answers.reminder_exemptions import answer_entries, without_withdrawn


def answers_before(session: Session, deliveries: pl.Series) -> pl.DataFrame:
    """What the team of each of these digests (ids) last claimed of a problem before the digest was made.

    Columns ``_delivery``, ``problem`` (Int64, as in the event table), ``problem.said``, ``problem.said_at``. The same
    whenever it is asked, so that a digest that is made again is the same.
    """
    rows: list[tuple[int, int, str, datetime]] = []
    made = session.execute(
        select(Delivery.id, Delivery.team_id, Delivery.created_at).where(Delivery.id.in_(deliveries.to_list()))
    )
    merged = merged_teams(session)
    of_team: dict[int, list[tuple[Answer, list[int]]]] = {}
    for answer, keys in answer_entries(session):
        of_team.setdefault(answer.team_id, []).append((answer, keys))
    for number, team, created_at in made:
        known = [pair for pair in of_team.get(merged.get(team, team), ()) if pair[0].at < created_at]
        newest = latest(without_withdrawn(known))
        rows += [
            (number, key, answer.verdict, answer.at) for (_, key), answer in newest.items() if answer.verdict in CLAIMS
        ]
    problems = np.array([key for _, key, _, _ in rows], dtype=np.uint64).view(np.int64)
    return pl.DataFrame(
        {
            DELIVERY: pl.Series([number for number, *_ in rows], dtype=pl.Int64),
            "problem": pl.Series(problems, dtype=pl.Int64),
            "problem.said": pl.Series([verdict for *_, verdict, _ in rows], dtype=pl.String),
            "problem.said_at": pl.Series([at for *_, at in rows], dtype=pl.Datetime("us", "UTC")),
        }
    )
