"""Sets of teams by number, and what is done with many of them at once."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tocsin.sharing.routing import RoutedTeams

Int32s = npt.NDArray[np.int32]
NumberedTeams = tuple[int, ...] | RoutedTeams
"""Teams that have a number together: ids, sorted; with roles where they are who must know of events."""


@dataclass
class TeamSets:
    """Numbers of sets of teams; the empty set is 0. A number never changes once it is given."""

    members: list[NumberedTeams] = field(default_factory=lambda: [()])
    numbers: dict[NumberedTeams, int] = field(init=False)

    def __post_init__(self) -> None:
        """Number the sets that are known."""
        self.numbers = {of: number for number, of in enumerate(self.members)}

    def number(self, teams: Iterable[int]) -> int:
        """The number of a set, a new one where it was not met before."""
        return self._number(tuple(sorted(set(teams))))

    def number_routed(self, teams: RoutedTeams) -> int:
        """The number of who must know; never that of the same teams without roles."""
        return self._number(teams) if any(teams) else 0

    def number_again(self, teams: NumberedTeams) -> int:
        """The number here of what has one elsewhere."""
        return self.number_routed(teams) if isinstance(teams, RoutedTeams) else self.number(teams)

    def _number(self, of: NumberedTeams) -> int:
        if of not in self.numbers:
            self.numbers[of] = len(self.members)
            self.members.append(of)
        return self.numbers[of]

    def plain(self, number: int) -> tuple[int, ...]:
        """The teams of a set, whatever their roles; those that mute it left out."""
        of = self.members[number]
        return of.told if isinstance(of, RoutedTeams) else of

    def forget(self, since: int) -> None:
        """Give back the numbers from this one on, of which nobody was told."""
        for of in self.members[since:]:
            del self.numbers[of]
        del self.members[since:]

    def union(self, one: Int32s, other: Int32s) -> Int32s:
        """Element by element, the number of the set that holds the teams of both."""
        return self._each(one, other, lambda left, right: {*left, *right})

    def minus(self, one: Int32s, other: Int32s) -> Int32s:
        """Element by element, the number of the set of the teams of ``one`` that are not in ``other``."""
        return self._each(one, other, lambda left, right: set(left) - set(right))

    def of_problems(self, before: Int32s, told: Int32s, of_event: npt.NDArray[np.intp]) -> Int32s:
        """Per problem the union of the set ``before`` and of the sets ``told`` of its events."""
        after = before.copy()
        rows = np.flatnonzero(told)
        while len(rows):
            some = np.zeros(len(before), dtype=np.int32)
            some[of_event[rows]] = told[rows]  # one of each problem's events; the others come in the next round
            both = np.flatnonzero((after > 0) & (some > 0) & (after != some))  # mostly none
            joined = self.union(after[both], some[both])
            after = np.where(after > 0, after, some)
            after[both] = joined
            rows = rows[told[rows] != some[of_event[rows]]]
        return after

    def owed(self, told: Int32s) -> Counter[int]:
        """How many events each team is told, by the numbers of the sets that events are told to."""
        owed: Counter[int] = Counter()
        for number, events in zip(*(part.tolist() for part in np.unique(told, return_counts=True)), strict=True):
            for team in self.plain(number):
                owed[team] += events
        return owed

    def _each(
        self, one: Int32s, other: Int32s, combine: Callable[[tuple[int, ...], tuple[int, ...]], Iterable[int]]
    ) -> Int32s:
        pairs, place = np.unique(one.astype(np.int64) << 32 | other.astype(np.int64), return_inverse=True)
        found = [
            self.number(combine(self.plain(left), self.plain(right)))
            for left, right in zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True)
        ]
        return np.array(found, dtype=np.int32)[place]
