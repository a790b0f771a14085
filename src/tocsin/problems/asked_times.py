"""What the digests asked that told teams of problems, kept for all problems of a node."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import SEVERITIES, DeliveryItem, MailedRequest, deadline, mailed_requests, topic_names

_OVERLAP: Final = 1_000  # so many digests are looked at again: they leave, or come back, after they were made
_WITH_RULES: Final = ("classification.type", "classification.identifier", "rsit.type", "severity")

Int64s = npt.NDArray[np.int64]
TeamRequests = tuple[tuple[int, MailedRequest], ...]
"""What was asked of the teams of a set, by team."""


class AskedTimes:
    """What the digests of an ingest asked of the teams of a set; for many threads.

    A node makes hundreds of digests a day for years, and this is asked after each of them. What was found stays; only
    of ingests that the newest digests tell of it is looked up anew.
    """

    def __init__(self) -> None:
        nothing = np.zeros(0, dtype=np.int64)
        self._known: tuple[Int64s, Int64s, list[TeamRequests], int] = nothing, nothing, [()], 0

    def read(
        self, session: Session, ingests: Int64s, sets: Int64s, members: Mapping[int, tuple[int, ...]], *, up_to: int
    ) -> tuple[Int64s, list[TeamRequests]]:
        """For each pair a place in what was asked; 0 where no digest reached one of the teams.

        ``ingests``, ``sets``: int64[n], the number of an ingest and that of a set of teams; ``members``: of each set.
        ``up_to``: the newest digest.
        """
        pairs, pair = np.unique(ingests << 32 | sets, return_inverse=True)  # many problems share both
        known, its_places, requests, last = self._known
        at = np.searchsorted(known, pairs)
        is_known = np.append(known, -1)[at] == pairs
        places = np.where(is_known, np.append(its_places, 0)[at], 0)
        newer = np.isin(pairs >> 32, _ingests_of(session, after=last - _OVERLAP))
        asked = np.flatnonzero((~is_known | newer) & (pairs >> 32 > 0))
        found = mailed_requests(session, np.unique(pairs[asked] >> 32).tolist())
        requests = [requests[place] for place in places.tolist()]
        for number in asked.tolist():
            ingest, of = divmod(int(pairs[number]), 1 << 32)
            teams = members.get(of, ())
            requests[number] = tuple((team, found[ingest, team]) for team in teams if (ingest, team) in found)
        numbers = {(): 0} | dict.fromkeys(requests, 0)
        numbers = {one: number for number, one in enumerate(numbers)}
        places = np.array([numbers[one] for one in requests], dtype=np.int64)
        self._known = pairs, places, list(numbers), up_to
        return places[pair], list(numbers)


def deadlines(
    frame: pl.DataFrame, first: tuple[Int64s, list[TeamRequests]], last: tuple[Int64s, list[TeamRequests]]
) -> Int64s:
    """Until when a fix is asked for of each problem, see `deadline`; of several teams the first date.

    ``frame``: rows of `ProblemFacts`. ``first``, ``last``: what the first and the newest telling asked, as `AskedTimes`
    has it.
    """
    asked = pl.DataFrame({"first": first[0], "last": last[0]})
    rows = pl.concat([frame.select(pl.col(name).to_physical() for name in _WITH_RULES), asked], how="horizontal")
    of = rows.with_row_index("_at").filter((pl.col("first") > 0) | (pl.col("last") > 0))
    of = of.unique(subset=rows.columns, keep="first", maintain_order=True)
    events = frame[of["_at"]].select(pl.col(name).cast(pl.String) for name in _WITH_RULES[:3])
    dues = [
        _first_due(dict(first[1][one]), dict(last[1][other]), topic, SEVERITIES[rank])
        for one, other, topic, rank in zip(of["first"], of["last"], topic_names(events), of["severity"], strict=True)
    ]
    found = of.drop("_at").with_columns(pl.Series("due", dues, dtype=pl.Int64))
    joined = rows.join(found, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")
    due: Int64s = joined["due"].fill_null(0).to_numpy()
    return due


def with_requests_by_hand(
    due: Int64s,
    frame: pl.DataFrame,
    by_hand: tuple[npt.NDArray[np.intp], Int64s, Int64s],
    mailed: Sequence[tuple[Int64s, list[TeamRequests]]],
) -> Int64s:
    """The same, with the days of teams that were asked by telephone or letter and by no mail.

    ``by_hand``: the places of problems, the teams and the times (seconds), see `NotificationFacts`; the days count from
    then, as `MailedRequest` without days of its own. ``mailed``: what the first and the newest telling asked.
    """
    asked = dict[tuple[int, int], int]()
    for place, team, at in zip(*(of.tolist() for of in by_hand), strict=True):
        if not any(team in dict(requests[of[place]]) for of, requests in mailed):
            asked[place, team] = min(at, asked.get((place, team), at))
    if not asked:
        return due
    found, places = due.copy(), [place for place, _ in asked]
    events = frame[places].select(pl.col(name).cast(pl.String) for name in _WITH_RULES[:3])
    severities = frame["severity"].to_numpy()[places].tolist()
    for place, at, topic, rank in zip(places, asked.values(), topic_names(events), severities, strict=True):
        day = deadline(None, MailedRequest(at, None), topic=topic, severity=SEVERITIES[rank])
        found[place] = min(filter(None, (int(found[place]), day)), default=0)
    return found


def _first_due(first: Mapping[int, MailedRequest], last: Mapping[int, MailedRequest], topic: str, severity: str) -> int:
    dues = (deadline(first.get(team), last.get(team), topic=topic, severity=severity) for team in {**first, **last})
    return min(filter(None, dues), default=0)


def _ingests_of(session: Session, *, after: int) -> Sequence[int]:
    """The ingests that newer digests tell of."""
    return session.scalars(select(DeliveryItem.ingest).where(DeliveryItem.delivery_id > after).distinct()).all()
