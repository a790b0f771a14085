"""What teams have answered, as a batch of events needs it: who is spared which problem, and which were answered."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select

from tocsin.node.records import Database
from tocsin.problems.answers.models import Answer, AnswerVerdict

_FRESH = timedelta(minutes=10)  # an answer ends to spare its team by its date alone; that may be noticed a bit later


@dataclass(frozen=True)
class AnswerSnapshot:
    """All answers as they stood at ``at``, up to number ``last``.

    ``quiet_keys``, uint64[n], sorted: problems of which a team (``quiet_teams``, int64[n]) need not be told; after
    ``quiet_up_to`` (int64[n], seconds since 1970 UTC) a sighting contradicts what it said. ``answered_keys``: uint64,
    the problems that some team answered, sorted, each once.
    """

    last: int
    at: datetime
    quiet_keys: npt.NDArray[np.uint64]
    quiet_teams: npt.NDArray[np.int64]
    quiet_up_to: npt.NDArray[np.int64]
    answered_keys: npt.NDArray[np.uint64]

    def spared_teams(self, keys: npt.NDArray[np.uint64], seen: npt.NDArray[np.uint32]) -> dict[int, list[int]]:
        """By place in ``keys`` the teams that are not told of that problem, last seen at ``seen``; mostly none."""
        place, quiet = self._quiet(keys)
        return self._by_place(place, quiet, seen[place] <= self.quiet_up_to[quiet])

    def contradicted_teams(
        self, keys: npt.NDArray[np.uint64], seen: npt.NDArray[np.uint32], before: npt.NDArray[np.uint32]
    ) -> dict[int, list[int]]:
        """By place in ``keys`` the teams whose word the sighting at ``seen`` is the first to contradict; mostly none.

        ``before``: when each problem was last seen up to now.
        """
        place, quiet = self._quiet(keys)
        up_to = self.quiet_up_to[quiet]
        return self._by_place(place, quiet, (before[place] <= up_to) & (up_to < seen[place]))

    def is_answered(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether some team answered, per problem."""
        return _among(keys, self.answered_keys)

    def _quiet(self, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The places in ``keys`` and in ``quiet_keys`` that are of the same problem, in pairs."""
        places = np.flatnonzero(_among(keys, self.quiet_keys))
        first, last = (np.searchsorted(self.quiet_keys, keys[places], side=side) for side in ("left", "right"))
        # A run for each problem, one after the other: where it begins among the quiet ones, and how far in it we are.
        sizes = last - first
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(places, sizes), np.repeat(first, sizes) + within

    def _by_place(
        self, place: npt.NDArray[np.intp], quiet: npt.NDArray[np.intp], wanted: npt.NDArray[np.bool_]
    ) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for one, team in zip(place[wanted].tolist(), self.quiet_teams[quiet[wanted]].tolist(), strict=True):
            found.setdefault(one, []).append(team)
        return found


NOTHING_SAID: Final = AnswerSnapshot(
    last=0,
    at=datetime.min.replace(tzinfo=UTC),
    quiet_keys=np.zeros(0, dtype=np.uint64),
    quiet_teams=np.zeros(0, dtype=np.int64),
    quiet_up_to=np.zeros(0, dtype=np.int64),
    answered_keys=np.zeros(0, dtype=np.uint64),
)


def read_said(database: Database, now: datetime, before: AnswerSnapshot | None = None) -> AnswerSnapshot:
    """The answers of a node; ``before`` where there is nothing newer."""
    with database.reading() as session:
        last = session.scalar(select(func.max(Answer.id))) or 0
    if before is not None and before.last == last and (not last or before.at <= now < before.at + _FRESH):
        return before
    if not last:
        return replace(NOTHING_SAID, at=now)
    from tocsin.problems.answers.answer_table import FOR_EVER, VERDICTS, microseconds, read_answers  # mostly nobody did

    table = read_answers(database)
    newest = table.newest()
    place = table.places[newest]
    until = table.until[place]
    holds = (until > microseconds(now)) & (until < FOR_EVER)
    is_fixed = table.verdicts[place] == VERDICTS.index(AnswerVerdict.FIXED)
    return AnswerSnapshot(
        last=last,
        at=now,
        quiet_keys=table.keys[newest[holds]],
        quiet_teams=table.teams[place[holds]],
        quiet_up_to=np.where(is_fixed, table.at[place] // 1_000_000, FOR_EVER)[holds],
        answered_keys=np.unique(table.keys[newest]),
    )


def _among(keys: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    at = np.searchsorted(known, keys)
    at[at == len(known)] = 0
    found: npt.NDArray[np.bool_] = known[at] == keys
    return found
