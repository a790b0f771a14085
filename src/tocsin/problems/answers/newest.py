"""The newest answer of each team to each problem, in columns: a node of years has many, and looks at all of them."""

import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from tocsin.problems.answers.course import STATE_OF_VERDICT, ProblemState
from tocsin.problems.answers.models import Answer, AnswerVerdict
from tocsin.problems.answers.outcome import CLAIMS, AnswerStanding, stand
from tocsin.problems.answers.reminder_exemptions import answer_entries, without_withdrawn

Bools: TypeAlias = npt.NDArray[np.bool_]
Int64s: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.intp]
States: TypeAlias = npt.NDArray[np.uint8]
UInt64s: TypeAlias = npt.NDArray[np.uint64]

_OVERLAP: Final = 100  # so many entries are looked at again: what others write meanwhile is seen in any order
_FOR_EVER: Final = 2**63 - 1
_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = {state: place for place, state in enumerate(ProblemState)}
_VERDICTS: Final = tuple(AnswerVerdict)
_STATE_OF: Final = np.array([_PLACE[STATE_OF_VERDICT[verdict]] for verdict in _VERDICTS], dtype=np.uint8)
_IS_CLAIM: Final = np.array([verdict in CLAIMS for verdict in _VERDICTS])
_ACCEPTED: Final = _VERDICTS.index(AnswerVerdict.ACCEPTED)


@dataclass(frozen=True)
class NewestAnswers:
    """The newest answer of each team to each problem, without what was withdrawn.

    ``keys``: uint64[n], the problems, sorted; ``places``: intp[n], which of the ``answers``, of a problem the oldest
    first. Of each answer: ``at`` and ``until``, int64[m], in microseconds since 1970 UTC; ``verdicts``, uint8[m].
    """

    answers: tuple[Answer, ...]
    keys: UInt64s
    places: Places
    at: Int64s
    until: Int64s
    verdicts: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, entries: Iterable[tuple[Answer, list[int]]]) -> "NewestAnswers":
        """Of all entries of a node, in any order."""
        said = without_withdrawn(sorted(entries, key=lambda one: (one[0].at, one[0].id)))
        answers = tuple(answer for answer, _ in said)
        sizes = [len(keys) for _, keys in said]
        key = np.array([key for _, keys in said for key in keys], dtype=np.uint64)
        place = np.repeat(np.arange(len(said)), sizes)
        team = np.repeat(np.array([answer.team_id for answer in answers], dtype=np.int64), sizes)
        order = np.lexsort((place, team, key))
        key, place, team = key[order], place[order], team[order]
        is_last = np.append((key[1:] != key[:-1]) | (team[1:] != team[:-1]), True)[: len(key)]
        key, place = key[is_last], place[is_last]
        order = np.lexsort((place, key))
        return cls(
            answers=answers,
            keys=key[order],
            places=place[order],
            at=np.array([_microseconds(answer.at) for answer in answers], dtype=np.int64),
            until=np.array([_microseconds(one.until) if one.until else _FOR_EVER for one in answers], dtype=np.int64),
            verdicts=np.array([_VERDICTS.index(AnswerVerdict(one.verdict)) for one in answers], dtype=np.uint8),
        )

    def standings(self, key: int, last_seen: int, gone_at: int) -> tuple[AnswerStanding, ...]:
        """How those to one problem stand; times as `stand` takes them."""
        first, last = (int(np.searchsorted(self.keys, np.uint64(key), side=side)) for side in ("left", "right"))
        return tuple(stand(self.answers[place], last_seen, gone_at) for place in self.places[first:last].tolist())

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
        verdict, at = self.verdicts[place], self.at[place] // 1_000_000
        contradicted = _IS_CLAIM[verdict] & (last_seen[row] > at)
        holds = (verdict != _ACCEPTED) | (self.until[place] > _microseconds(now))
        first = np.flatnonzero(np.append(True, row[1:] != row[:-1]))  # of each problem
        newest = np.maximum.reduceat(np.where(holds, np.arange(len(row)), -1), first)
        row = row[first]
        state = np.where(newest >= 0, _STATE_OF[verdict[newest]], unanswered[row])
        state = np.where(np.logical_or.reduceat(contradicted, first), _PLACE[ProblemState.CONTRADICTED], state)
        made = unanswered.copy()
        made[row] = np.where(gone[row], _PLACE[ProblemState.GONE], state)
        return made


class NewestAnswersReader:
    """Reads the answers of a node, for many threads; what it read stays, and only newer ones are read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Hashable = None
        self._entries: dict[int, tuple[Answer, list[int]]] = {}
        self._newest = NewestAnswers.of(())

    def read(self, session: Session, of: Hashable) -> NewestAnswers:
        """As they are now. ``of``: what old entries hang on, all of which are read again when it changes."""
        with self._lock:
            if of != self._of:
                self._of, self._entries = of, {}
            known = max(self._entries, default=0)
            read = answer_entries(session, after=known - _OVERLAP)
            found = {entry.id: (entry, keys) for entry, keys in read if entry.id not in self._entries}
            if found or not known:
                self._entries |= found
                self._newest = NewestAnswers.of(self._entries.values())
            return self._newest


def _microseconds(at: datetime) -> int:
    return (at - _BEGAN) // timedelta(microseconds=1)
