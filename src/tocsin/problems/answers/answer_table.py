"""All that teams ever said, in columns: a batch, a digest and a page look at all of it, and years of it are much."""

import threading
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from sqlalchemy import Pool, func, select
from sqlalchemy.orm import Session

from tocsin.directory import DIRECTORY_VERSION, merged_teams
from tocsin.node.records import Database, Tombstone
from tocsin.problems.answers.digest_problems import unpacked
from tocsin.problems.answers.models import WITHDRAWN, Answer, AnsweredDigest, AnswerVerdict
from tocsin.problems.problem_names import read_problem

Bools: TypeAlias = npt.NDArray[np.bool_]
Int64s: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.intp]
UInt64s: TypeAlias = npt.NDArray[np.uint64]
EntryNumbers: TypeAlias = tuple[int, int, int, int, int, int]
"""An entry as `AnswerTable` has it: its number, its team, what it withdraws, when it was said, until, its verdict."""

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

    Of each entry: ``ids``, ``teams`` and ``withdraws`` (-1: none), int64[m]; ``at`` and ``until`` (`FOR_EVER`: None),
    int64[m], in microseconds since 1970 UTC; ``verdicts``, int64[m], as in `VERDICTS`. Of each problem: ``keys``,
    uint64[n], and ``places``, intp[n], which entry it is of.
    """

    ids: Int64s
    teams: Int64s
    withdraws: Int64s
    at: Int64s
    until: Int64s
    verdicts: Int64s
    keys: UInt64s
    places: Places

    @classmethod
    def of(cls, entries: Iterable[tuple[EntryNumbers, Sequence[int] | UInt64s]]) -> "AnswerTable":
        """Of entries in any order, each with its problems."""
        said = list(entries)
        columns = np.array([numbers for numbers, _ in said], dtype=np.int64).reshape(-1, 6).T
        keys = [np.asarray(keys, dtype=np.uint64) for _, keys in said]
        places = np.repeat(np.arange(len(said)), [len(of) for of in keys])
        return _by_age(columns, np.concatenate([np.zeros(0, dtype=np.uint64), *keys]), places)

    def joined(self, other: "AnswerTable") -> "AnswerTable":
        """With the entries of another."""
        columns = [
            np.stack((one.ids, one.teams, one.withdraws, one.at, one.until, one.verdicts)) for one in (self, other)
        ]
        keys = np.concatenate((self.keys, other.keys))
        places = np.concatenate((self.places, other.places + len(self.ids)))
        return _by_age(np.concatenate(columns, axis=1), keys, places)

    def counts(self, *, before: int = FOR_EVER) -> Bools:
        """Whether each entry is an answer, and was not withdrawn; of what was said ``before`` a time."""
        said = self.at < before
        return said & (self.withdraws < 0) & ~np.isin(self.ids, self.withdraws[said])

    def newest(self, *, before: int = FOR_EVER, among: UInt64s | None = None) -> Places:
        """Where in ``keys`` the newest entry of each team to each problem is, by problem, of one the oldest first.

        Without what was withdrawn. ``before``: only what was said and withdrawn before it; ``among``: only of these
        problems.
        """
        counts = self.counts(before=before)
        rows = np.flatnonzero(counts[self.places] if among is None else counts[self.places] & np.isin(self.keys, among))
        key, team = self.keys[rows], self.teams[self.places[rows]]
        order = np.lexsort((team, key))  # keeps the order of age
        rows, key, team = rows[order], key[order], team[order]
        is_last = np.append((key[1:] != key[:-1]) | (team[1:] != team[:-1]), True)[: len(key)]
        rows, key = rows[is_last], key[is_last]
        found: Places = rows[np.lexsort((rows, key))]
        return found


def _by_age(columns: Int64s, keys: UInt64s, places: Places) -> AnswerTable:
    """``columns``, int64[6, m]: all that an `AnswerTable` has of each entry, in its order."""
    order = np.lexsort((columns[0], columns[3]))
    places = np.argsort(order)[places]
    rows = np.argsort(places, kind="stable")
    ids, teams, withdraws, at, until, verdicts = columns[:, order]
    return AnswerTable(ids, teams, withdraws, at, until, verdicts, keys[rows], places[rows])


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
                entries = _entries(session, after=min(new) - 1)
                table = table.joined(AnswerTable.of(entry for entry in entries if entry[0][0] not in known))
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


def _entries(session: Session, *, after: int) -> Iterator[tuple[EntryNumbers, Sequence[int] | UInt64s]]:
    """Those that were made after this one. Columns alone: of hundreds of thousands, objects take seconds and memory."""
    merged = merged_teams(session)
    columns = (Answer.id, Answer.team_id, Answer.withdraws, Answer.at, Answer.until, Answer.verdict)
    query = select(*columns, Answer.problems, AnsweredDigest.problems).where(Answer.id > after)
    rows = session.execute(query.join(AnsweredDigest, AnsweredDigest.delivery_id == Answer.delivery_id))
    for *entry, named, told in rows:
        numbers, keys = (
            entry_numbers(entry),
            unpacked(told) if named is None else [read_problem(text) for text in named],
        )
        yield (numbers[0], merged.get(numbers[1], numbers[1]), *numbers[2:]), keys


def entry_numbers(entry: Sequence[Any]) -> EntryNumbers:
    """What an `AnswerTable` has of an entry, given by its columns in the same order."""
    number, team, withdraws, at, until, verdict = entry
    ends = FOR_EVER if until is None else microseconds(until)
    return number, team, -1 if withdraws is None else withdraws, microseconds(at), ends, VERDICTS.index(verdict)
