"""The newest answer of each team to each problem, as the list of problems looks at all of them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.problems.answers.answer_table import VERDICTS, AnswerTable, Int64s, Places, UInt64s, microseconds
from tocsin.problems.answers.course import STATE_OF_VERDICT, ProblemState
from tocsin.problems.answers.models import Answer, AnswerVerdict
from tocsin.problems.answers.outcome import CLAIMS, AnswerStanding, stand

Bools: TypeAlias = npt.NDArray[np.bool_]
States: TypeAlias = npt.NDArray[np.uint8]

_PLACE: Final = {state: place for place, state in enumerate(ProblemState)}
_STATE_OF: Final = np.array([_PLACE[STATE_OF_VERDICT[verdict]] for verdict in AnswerVerdict], dtype=np.uint8)
_IS_CLAIM: Final = np.array([verdict in CLAIMS for verdict in AnswerVerdict])
_ACCEPTED: Final = VERDICTS.index(AnswerVerdict.ACCEPTED)


@dataclass(frozen=True, eq=False)
class NewestAnswers:
    """The newest answer of each team to each problem, without what was withdrawn.

    ``keys``: uint64[n], the problems, sorted; ``places``: intp[n], which entry of the table, of a problem the oldest
    first. ``numbered``: the answers themselves by their numbers, as `numbered_answers` finds them.
    """

    table: AnswerTable
    keys: UInt64s
    places: Places
    numbered: Callable[[Collection[int]], Mapping[int, Answer]]

    @classmethod
    def of(cls, table: AnswerTable, numbered: Callable[[Collection[int]], Mapping[int, Answer]]) -> "NewestAnswers":
        """Of all that was said."""
        newest = table.newest()
        return cls(table, table.keys[newest], table.places[newest], numbered)

    def standings(self, problems: Iterable[tuple[int, int, int]]) -> dict[int, tuple[AnswerStanding, ...]]:
        """How those to each of some problems stand; of each its key and its times as `stand` takes them."""
        known = {key: times for key, *times in problems}
        keys = np.fromiter(known, dtype=np.uint64)
        runs = zip(*(np.searchsorted(self.keys, keys, side=side).tolist() for side in ("left", "right")), strict=True)
        said = [self.table.ids[self.places[first:last]].tolist() for first, last in runs]
        answers = self.numbered({number for numbers in said for number in numbers})
        return {
            key: tuple(stand(answers[number], *times) for number in numbers if number in answers)
            for (key, times), numbers in zip(known.items(), said, strict=True)
        }

    def states(self, unanswered: States, keys: UInt64s, last_seen: Int64s, gone: Bools, now: datetime) -> States:
        """Where each problem is, as `state_of` has it; states are their places in `ProblemState`.

        ``keys``: all problems, sorted; ``last_seen``: in seconds; ``unanswered``: where they are if nobody answered.
        """
        row = np.searchsorted(keys, self.keys)
        is_here = np.append(keys, np.uint64(0))[row] == self.keys
        is_here &= row < len(keys)
        row, place = row[is_here], self.places[is_here]
        if not len(row):
            return unanswered
        verdict, at = self.table.verdicts[place], self.table.at[place] // 1_000_000
        contradicted = _IS_CLAIM[verdict] & (last_seen[row] > at)
        holds = (verdict != _ACCEPTED) | (self.table.until[place] > microseconds(now))
        first = np.flatnonzero(np.append(True, row[1:] != row[:-1]))  # of each problem
        newest = np.maximum.reduceat(np.where(holds, np.arange(len(row)), -1), first)
        row = row[first]
        state = np.where(newest >= 0, _STATE_OF[verdict[newest]], unanswered[row])
        state = np.where(np.logical_or.reduceat(contradicted, first), _PLACE[ProblemState.CONTRADICTED], state)
        made = unanswered.copy()
        made[row] = np.where(gone[row], _PLACE[ProblemState.GONE], state)
        return made
