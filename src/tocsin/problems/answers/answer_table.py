"""All that teams ever said, in columns: a batch, a digest and a page look at all of it, and years of it are much."""

import threading
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from sqlalchemy import Pool, func, select

from tocsin.directory import DIRECTORY_VERSION
from tocsin.node.records import Database, Tombstone
from tocsin.problems.answers.entries import answer_entries
from tocsin.problems.answers.models import WITHDRAWN, Answer, AnswerVerdict

Int64s: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.intp]
UInt64s: TypeAlias = npt.NDArray[np.uint64]

FOR_EVER: Final = 2**63 - 1
VERDICTS: Final = (*AnswerVerdict, WITHDRAWN)
"""The verdicts in columns are places in these."""

_OVERLAP: Final = 100  # so many entries are looked at again: what others write meanwhile is seen in any order
_OLD_ONES_HANG_ON: Final = select(DIRECTORY_VERSION, select(func.max(Tombstone.id)).scalar_subquery())
"""Teams that were merged answer as one, and of what was purged nothing is left."""

_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """The m entries of a node, oldest first, and the n problems that they are about, of one after the other.

    Of each entry: ``answers``; ``ids``, ``teams`` and ``withdraws`` (-1: none), int64[m]; ``at`` and ``until``
    (`FOR_EVER`: None), int64[m], in microseconds since 1970 UTC; ``verdicts``, int64[m], as in `VERDICTS`. Of each
    problem: ``keys``, uint64[n], and ``places``, intp[n], which entry it is of.
    """

    answers: tuple[Answer, ...]
    ids: Int64s
    teams: Int64s
    withdraws: Int64s
    at: Int64s
    until: Int64s
    verdicts: Int64s
    keys: UInt64s
    places: Places

    @classmethod
    def of(cls, entries: Iterable[tuple[Answer, list[int]]]) -> "AnswerTable":
        """Of entries in any order."""
        said = list(entries)
        columns = np.array([_numbers(answer) for answer, _ in said], dtype=np.int64).reshape(-1, 6).T
        keys = np.array([key for _, keys in said for key in keys], dtype=np.uint64)
        places = np.repeat(np.arange(len(said)), [len(keys) for _, keys in said])
        return _by_age([answer for answer, _ in said], columns, keys, places)

    def joined(self, other: "AnswerTable") -> "AnswerTable":
        """With the entries of another."""
        columns = [
            np.stack((one.ids, one.teams, one.withdraws, one.at, one.until, one.verdicts)) for one in (self, other)
        ]
        keys = np.concatenate((self.keys, other.keys))
        places = np.concatenate((self.places, other.places + len(self.answers)))
        return _by_age((*self.answers, *other.answers), np.concatenate(columns, axis=1), keys, places)

    def newest(self, *, before: int = FOR_EVER, among: UInt64s | None = None) -> Places:
        """Where in ``keys`` the newest entry of each team to each problem is, by problem, of one the oldest first.

        Without what was withdrawn. ``before``: only what was said and withdrawn before it; ``among``: only of these
        problems.
        """
        said = self.at < before
        counts = said & (self.withdraws < 0) & ~np.isin(self.ids, self.withdraws[said])
        rows = np.flatnonzero(counts[self.places] if among is None else counts[self.places] & np.isin(self.keys, among))
        key, team = self.keys[rows], self.teams[self.places[rows]]
        order = np.lexsort((team, key))  # keeps the order of age
        rows, key, team = rows[order], key[order], team[order]
        is_last = np.append((key[1:] != key[:-1]) | (team[1:] != team[:-1]), True)[: len(key)]
        rows, key = rows[is_last], key[is_last]
        found: Places = rows[np.lexsort((rows, key))]
        return found


def _by_age(answers: Sequence[Answer], columns: Int64s, keys: UInt64s, places: Places) -> AnswerTable:
    """``columns``, int64[6, m]: all that an `AnswerTable` has of each of these ``answers``, in its order."""
    order = np.lexsort((columns[0], columns[3]))
    places = np.argsort(order)[places]
    rows = np.argsort(places, kind="stable")
    ids, teams, withdraws, at, until, verdicts = columns[:, order]
    ordered = tuple(answers[place] for place in order.tolist())
    return AnswerTable(ordered, ids, teams, withdraws, at, until, verdicts, keys[rows], places[rows])


class _Reader:
    """Reads the entries of a node, for many threads; what it read stays, and only newer ones are read again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Hashable = None
        self._table = AnswerTable.of(())

    def read(self, database: Database) -> AnswerTable:
        with self._lock, database.reading() as session:
            of = session.execute(_OLD_ONES_HANG_ON).one()
            table = self._table if of == self._of else AnswerTable.of(())
            after = max(table.ids.tolist(), default=0) - _OVERLAP
            known = set(table.ids[table.ids > after].tolist())
            if new := set(session.scalars(select(Answer.id).where(Answer.id > after))) - known:
                entries = [one for one in answer_entries(session, after=min(new) - 1) if one[0].id not in known]
                table = table.joined(AnswerTable.of(entries))
            self._of, self._table = of, table
            return table


_READERS: Final[WeakKeyDictionary[Pool, _Reader]] = WeakKeyDictionary()
"""Of each database, by its pool of connections."""


def read_answers(database: Database) -> AnswerTable:
    """All that teams have said until now; the same table where nobody said anything since."""
    return _READERS.setdefault(database.engine.pool, _Reader()).read(database)


def microseconds(at: datetime) -> int:
    """Since 1970 UTC."""
    return (at - _BEGAN) // timedelta(microseconds=1)


def _numbers(answer: Answer) -> tuple[int, ...]:
    withdraws = -1 if answer.withdraws is None else answer.withdraws
    until = FOR_EVER if answer.until is None else microseconds(answer.until)
    verdict = VERDICTS.index(answer.verdict)
    return answer.id, answer.team_id, withdraws, microseconds(answer.at), until, verdict
