"""What teams have answered, as a batch of events needs it: who is spared which problem, and which were answered."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select

from tocsin.node.records import Database
from tocsin.problems.answers.models import Answer

_FRESH = timedelta(minutes=10)  # an answer ends to spare its team by its date alone; that may be noticed a bit later


@dataclass(frozen=True)
class AnswerSnapshot:
    """All answers as they stood at ``at``, up to number ``last``. Keys of problems: uint64, sorted, each once.

    ``spared``: for each of ``quiet_keys`` the teams that need not be told, each with the time (seconds since 1970 UTC)
    after which a sighting contradicts what it said.
    """

    last: int
    at: datetime
    quiet_keys: npt.NDArray[np.uint64]
    spared: tuple[dict[int, int], ...]
    answered_keys: npt.NDArray[np.uint64]

    def quiet_teams(self, keys: npt.NDArray[np.uint64], seen: npt.NDArray[np.uint32]) -> dict[int, list[int]]:
        """By place in ``keys`` the teams that are not told of that problem, last seen at ``seen``; mostly none."""
        places = np.flatnonzero(_among(keys, self.quiet_keys))
        at = np.searchsorted(self.quiet_keys, keys[places])
        found = {
            place: [team for team, up_to in self.spared[spared].items() if seen[place] <= up_to]
            for place, spared in zip(places.tolist(), at.tolist(), strict=True)
        }
        return {place: teams for place, teams in found.items() if teams}

    def contradicted_teams(
        self, keys: npt.NDArray[np.uint64], seen: npt.NDArray[np.uint32], before: npt.NDArray[np.uint32]
    ) -> dict[int, list[int]]:
        """By place in ``keys`` the teams whose word the sighting at ``seen`` is the first to contradict; mostly none.

        ``before``: when each problem was last seen up to now.
        """
        places = np.flatnonzero(_among(keys, self.quiet_keys))
        at = np.searchsorted(self.quiet_keys, keys[places])
        found = {
            place: [team for team, up_to in self.spared[spared].items() if before[place] <= up_to < seen[place]]
            for place, spared in zip(places.tolist(), at.tolist(), strict=True)
        }
        return {place: teams for place, teams in found.items() if teams}

    def is_answered(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether some team answered, per problem."""
        return _among(keys, self.answered_keys)


def read_said(database: Database, now: datetime, before: AnswerSnapshot | None = None) -> AnswerSnapshot:
    """The answers of a node; ``before`` where there is nothing newer."""
    with database.begin() as session:
        last = session.scalar(select(func.max(Answer.id))) or 0
        if before is not None and before.last == last and (not last or before.at <= now < before.at + _FRESH):
            return before
        from tocsin.problems.answers.reminder_exemptions import answered, exempt_teams  # in most nodes nobody answered

        said = list(answered(session))
        spared = sorted(exempt_teams(said, now).items())
        every = {key for _, keys in said for key in keys}
    return AnswerSnapshot(
        last=last,
        at=now,
        quiet_keys=np.array([key for key, _ in spared], dtype=np.uint64),
        spared=tuple(teams for _, teams in spared),
        answered_keys=np.array(sorted(every), dtype=np.uint64),
    )


def _among(keys: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    at = np.searchsorted(known, keys)
    at[at == len(known)] = 0
    found: npt.NDArray[np.bool_] = known[at] == keys
    return found
