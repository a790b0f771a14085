"""What teams had claimed of problems when a digest was made, for its text."""

import numpy as np
import polars as pl
from sqlalchemy import select

from tocsin.delivery import DELIVERY, Delivery
from tocsin.directory import merged_teams
from tocsin.node.records import Database
from tocsin.problems.answers.answer_table import VERDICTS, AnswerTable, UInt64s, microseconds, read_answers
from tocsin.problems.answers.outcome import CLAIMS

_CLAIMS = [VERDICTS.index(verdict) for verdict in CLAIMS]


def answers_before(database: Database, events: pl.DataFrame) -> pl.DataFrame:
    """What the team of each digest last claimed of a problem before the digest was made.

    ``events``: columns ``_delivery`` (the digest's number) and ``problem`` (Int64, as in the event table). Columns:
    these, each pair once and only where something was claimed, ``problem.said`` and ``problem.said_at``. The same
    whenever it is asked, so that a digest that is made again is the same.
    """
    with database.reading() as session:
        merged = merged_teams(session)
        columns = select(Delivery.id, Delivery.team_id, Delivery.created_at)
        rows = session.execute(columns.where(Delivery.id.in_(events[DELIVERY].unique().to_list())))
        made = [(number, merged.get(team, team), microseconds(at)) for number, team, at in rows]
    digests = pl.DataFrame(made, schema=dict.fromkeys((DELIVERY, "team", "before"), pl.Int64), orient="row")
    table, problems = read_answers(database), events["problem"].unique().to_numpy().view(np.uint64)
    claims = [_claims(table, at, problems) for at in {at for *_, at in made}] or [_claims(table, 0, problems)]
    return digests.join(pl.concat(claims), on=["team", "before"]).drop("team", "before")


def _claims(table: AnswerTable, before: int, problems: UInt64s) -> pl.DataFrame:
    """What each team claimed of these problems before a time, in microseconds since 1970 UTC."""
    newest = table.newest(before=before, among=problems)
    newest = newest[np.isin(table.verdicts[table.places[newest]], _CLAIMS)]
    place = table.places[newest]
    return pl.DataFrame(
        {
            "team": table.teams[place],
            "before": pl.repeat(before, len(place), dtype=pl.Int64, eager=True),
            "problem": table.keys[newest].view(np.int64),
            "problem.said": pl.Series(VERDICTS, dtype=pl.String).gather(table.verdicts[place]),
            "problem.said_at": pl.Series(table.at[place]).cast(pl.Datetime("us", "UTC")),
        }
    )
