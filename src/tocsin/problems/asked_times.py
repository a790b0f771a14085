"""When teams were first asked to mend what they were told of."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem

_AT_ONCE: Final = 10_000  # parameters of one statement
_OVERLAP: Final = 1_000  # so many digests are looked at again: what others write meanwhile is seen in any order

Int64s = npt.NDArray[np.int64]


class AskedTimes:
    """When the first digest of an ingest to one of a set of teams was made; for many threads.

    A node makes hundreds of digests a day for years, and this is asked after each of them. What was found stays, since
    an event is bound to a digest once; the others are looked up anew only where a newer digest is of their ingest.
    """

    def __init__(self) -> None:
        nothing = np.zeros(0, dtype=np.int64)
        self._known: tuple[Int64s, Int64s, int] = nothing, nothing, 0  # pairs, their times, the newest digest then

    def read(
        self, session: Session, ingests: Int64s, sets: Int64s, members: Mapping[int, tuple[int, ...]], *, up_to: int
    ) -> Int64s:
        """In seconds since 1970 UTC, 0 where no digest is made yet.

        ``ingests``, ``sets``: int64[n], the number of an ingest and that of a set of teams; ``members``: of each set.
        ``up_to``: the newest digest.
        """
        pairs, pair = np.unique(ingests << 32 | sets, return_inverse=True)  # many problems share both
        known, its_times, last = self._known
        at = np.searchsorted(known, pairs)
        is_known = np.append(known, -1)[at] == pairs
        times = np.where(is_known, np.append(its_times, 0)[at], 0)
        waits = is_known & (times == 0)
        newer = _ingests_of(session, after=last - _OVERLAP) if waits.any() else ()
        places = np.flatnonzero(~is_known | (waits & np.isin(pairs >> 32, newer)))
        made = _made(session, np.unique(pairs[places] >> 32).tolist())
        for place in places.tolist():
            ingest, number = divmod(int(pairs[place]), 1 << 32)
            digests = (made.get((ingest, team), 0) for team in members.get(number, ()))
            times[place] = min((time for time in digests if time), default=0)
        self._known = pairs, times, up_to
        return times[pair]


def _ingests_of(session: Session, *, after: int) -> Sequence[int]:
    """The ingests that newer digests tell of."""
    return session.scalars(select(DeliveryItem.ingest).where(DeliveryItem.delivery_id > after).distinct()).all()


def _made(session: Session, ingests: Sequence[int]) -> dict[tuple[int, int], int]:
    """When the digest was made that tells a team of an ingest, by both."""
    made: dict[tuple[int, int], int] = {}
    for start in range(0, len(ingests), _AT_ONCE):
        query = (
            select(DeliveryItem.ingest, DeliveryItem.team_id, Delivery.created_at)
            .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
            .where(DeliveryItem.ingest.in_(ingests[start : start + _AT_ONCE]))
        )
        made |= {(ingest, team): int(when.timestamp()) for ingest, team, when in session.execute(query)}
    return made
