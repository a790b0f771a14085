"""Whether those who answer for problems were notified of them: the one place that says so, for any number at once.

A problem is *notified* once each responsible team was: by a digest that was sent and did not come back, or by a person
(`ManualNotification`). Teams that only want to know, and those that are asked next, change nothing about it. Of several
responsible teams the least advanced gives the problem its state.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy.orm import Session

from tocsin.directory import NAMED_ROLES, ResponsibilityRole, merged_teams
from tocsin.problems.delivery_outcomes import NOTIFICATION_STATES, PLACE, NotificationState

Int64s = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
States = npt.NDArray[np.uint8]

_NOTIFIED: Final = PLACE[NotificationState.NOTIFIED]
_WITHHELD: Final = PLACE[NotificationState.WITHHELD]
_NEVER: Final = 2**40  # seconds: after all times


@dataclass(frozen=True)
class RoutedSet:
    """Who must know: ``teams`` all of them, also those that mute it; ``responsible`` those that answer for it."""

    teams: tuple[int, ...]
    responsible: tuple[int, ...]
    muted: frozenset[int] = frozenset()


@dataclass(frozen=True)
class TeamRoles:
    """In which roles the directory names teams at all: for sets that were noted before roles were."""

    responsible: AbstractSet[int] = frozenset()
    informed: AbstractSet[int] = frozenset()

    def of_old_set(self, members: tuple[int, ...]) -> tuple[int, ...]:
        """Those of a set without roles that most likely answer for it; its next sighting says it for sure.

        Whoever is named only as informed does not. Who is named in both roles does not beside one that is named as
        responsible alone.
        """
        named = [team for team in members if team in self.responsible or team not in self.informed]
        alone = [team for team in named if team not in self.informed]
        return tuple(alone or named)


def read_roles(session: Session) -> TeamRoles:
    """The roles as the directory has them now."""
    merged, named = merged_teams(session), session.execute(NAMED_ROLES).all()
    return TeamRoles(
        *(frozenset(merged.get(team, team) for team, of in named if of == role) for role in ResponsibilityRole)
    )


@dataclass(frozen=True, slots=True)
class TeamNotification:
    """How far one responsible team was notified of a problem, and since when (seconds since 1970 UTC, 0: not)."""

    team: int
    state: NotificationState
    since: int


@dataclass(frozen=True, eq=False)
class NotificationFacts:
    """What is known of some problems, a place for each in each array.

    ``sets``: int64[n], the newest set of teams that must know, 0: none ever; ``lost``: bool[n], nobody must know any
    more. ``at``: intp[m], sorted, the problem of each telling; ``ingests`` and ``told``: by which ingest, and to which
    set of teams. ``by_hand``: three arrays, the problem, team and time of what persons notified. ``quiet``: for each
    team that mutes something the sorted places of what it mutes. ``routed``: what the numbers of sets mean.
    ``outcomes``: codes (ingest << 32 | team), sorted, with the state of each and when its digest was sent. ``names``:
    for each team that was merged the one that it is now.
    """

    sets: Int64s
    lost: npt.NDArray[np.bool_]
    at: Places
    ingests: Int64s
    told: Int64s
    by_hand: tuple[Places, Int64s, Int64s]
    quiet: Mapping[int, Places]
    routed: Mapping[int, RoutedSet]
    names: Mapping[int, int]
    outcomes: tuple[Int64s, States, Int64s] = (
        np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.int64),
    )  # fmt: skip

    @cached_property
    def _triples(self) -> tuple[Int64s, Int64s, Int64s, Places]:
        """The distinct (set that must know, ingest, set that was told), and for each telling which is its own."""
        pairs, pair = np.unique(self.sets[self.at] << 32 | self.told, return_inverse=True)
        codes, of = np.unique(self.ingests << 32 | pair, return_inverse=True)
        pair = codes & 0xFFFFFFFF
        return pairs[pair] >> 32, codes >> 32, pairs[pair] & 0xFFFFFFFF, of.ravel()

    @cached_property
    def _responsible(self) -> dict[int, tuple[int, ...]]:
        """By set those that answer for it, each team once, by the name that it has now."""
        numbers = np.unique(self.sets).tolist()
        of = {number: self.routed[number].responsible for number in numbers if number in self.routed}
        return {
            number: tuple(dict.fromkeys(self.names.get(team, team) for team in teams)) for number, teams in of.items()
        }

    @cached_property
    def _turns(self) -> list[Int64s]:
        """Round by round one responsible team of each of the sets (of their distinct numbers), -1 where it has none."""
        teams = [self._responsible.get(number, ()) for number in np.unique(self.sets).tolist()]
        most = max(map(len, teams), default=0)
        return [np.array([of[turn] if len(of) > turn else -1 for of in teams]) for turn in range(most)]

    @cached_property
    def _told_members(self) -> Int64s:
        """Set << 32 | team of all teams of sets that were told, sorted."""
        numbers = np.unique(self._triples[2]).tolist()
        found = [
            number << 32 | team for number in numbers if number in self.routed for team in self.routed[number].teams
        ]
        return np.array(sorted(found), dtype=np.int64)

    @cached_property
    def _former(self) -> dict[int, tuple[int, ...]]:
        """By team the numbers that it had before teams were merged."""
        found: dict[int, tuple[int, ...]] = {}
        for former, team in self.names.items():
            found[team] = (*found.get(team, ()), former)
        return found

    def _asked(self, of_set: Int64s) -> Iterator[tuple[Places, Int64s]]:
        """The triples that told one of these teams (by set that must know), each with the code of its outcome."""
        must_know, ingests, told, _ = self._triples
        team = of_set[np.searchsorted(np.unique(self.sets), must_know)]
        for turn in range(1 + max(map(len, self._former.values()), default=0)):
            if turn:  # by a number that it had before
                by_team = {of: former[turn - 1] for of, former in self._former.items() if len(former) >= turn}
                named = np.array([by_team.get(of, -1) for of in team.tolist()], dtype=np.int64)
            else:
                named = team
            was_told = (named >= 0) & _in_sorted(told << 32 | np.maximum(named, 0), self._told_members)
            places = np.flatnonzero(was_told)
            yield places, ingests[places] << 32 | named[places]

    def codes(self) -> Int64s:
        """The outcomes that this hangs on: ingest << 32 | team, sorted, each once."""
        found = [codes for of_set in self._turns for _, codes in self._asked(of_set)]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)

    def teams_in_turn(self) -> Iterator[tuple[Places, Int64s]]:
        """Round by round the places of the problems that have one more responsible team, and which."""
        row = np.searchsorted(np.unique(self.sets), self.sets)
        for of_set in self._turns:
            team = of_set[row]
            here = np.flatnonzero(team >= 0)
            yield here, team[here]

    def each_team(self) -> Iterator[tuple[Places, Int64s, States, Int64s]]:
        """Round by round one responsible team of each problem that has one more.

        The places of these problems, the team, its state, and since when it is notified.
        """
        for of_set, (here, team) in zip(self._turns, self.teams_in_turn(), strict=True):
            yield here, team, *self._settled(here, team, *self._told(here, of_set))

    def _told(self, here: Places, of_set: Int64s) -> tuple[States, Int64s]:
        """What tellings came to, of one team of each set, for the problems that have it."""
        of = self._triples[3]
        state, since = np.zeros(len(self.sets), dtype=np.uint8), np.full(len(self.sets), _NEVER, dtype=np.int64)
        if len(of):
            codes, states, times = self.outcomes
            count = len(self._triples[0])
            best, when = np.zeros(count, dtype=np.uint8), np.full(count, _NEVER, dtype=np.int64)
            for places, asked in self._asked(of_set):
                found = np.searchsorted(codes, asked)
                known = np.flatnonzero(_in_sorted(asked, codes))
                mine, found = places[known], found[known]
                best[mine] = np.maximum(best[mine], states[found])
                sent = times[found] > 0
                when[mine[sent]] = np.minimum(when[mine[sent]], times[found[sent]])
            begins = np.flatnonzero(np.append(True, self.at[1:] != self.at[:-1]))
            rows = self.at[begins]
            state[rows] = np.maximum.reduceat(best[of], begins)
            since[rows] = np.minimum.reduceat(when[of], begins)
        return state[here], since[here]

    def _settled(self, here: Places, team: Int64s, state: States, since: Int64s) -> tuple[States, Int64s]:
        """The same with what persons did, and where nothing was owed the reason."""
        rows, teams, times = self.by_hand
        if len(rows):
            mine = np.full(len(self.sets), -1, dtype=np.int64)
            mine[here] = team
            fits = mine[rows] == np.array([self.names.get(of, of) for of in teams.tolist()], dtype=np.int64)
            by_hand = np.full(len(self.sets), _NEVER, dtype=np.int64)
            np.minimum.at(by_hand, rows[fits], times[fits])
            state = np.where(by_hand[here] < _NEVER, np.uint8(_NOTIFIED), state)
            since = np.minimum(since, by_hand[here])
        state = np.where(state == 0, np.uint8(_WITHHELD), state)
        left_out = np.flatnonzero(np.isin(team, self._once_muted) & (state == _WITHHELD))
        for place in left_out.tolist():  # left out for a mute, which may have ended meanwhile
            if int(team[place]) in self.routed[int(self.sets[here[place]])].muted:
                state[place] = PLACE[NotificationState.SCHEDULED]
        for number, places in self.quiet.items():
            mute = (team == self.names.get(number, number)) & np.isin(here, places)
            state = np.where(mute & (state != _NOTIFIED), np.uint8(PLACE[NotificationState.MUTED]), state)
        return state, np.where(state == _NOTIFIED, since, 0)

    @cached_property
    def _once_muted(self) -> Int64s:
        """The teams that a set which must know left out for a mute."""
        numbers = (number for number in np.unique(self.sets).tolist() if number in self.routed)
        return np.array(sorted({team for number in numbers for team in self.routed[number].muted}), dtype=np.int64)

    def of_problems(self) -> "ProblemNotifications":
        """The state of each problem."""
        count = len(self.sets)
        state = np.full(count, _NOTIFIED, dtype=np.uint8)
        asked, notified = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
        since = np.full(count, _NEVER, dtype=np.int64)
        for here, _, of_team, when in self.each_team():
            state[here] = np.minimum(state[here], of_team)
            asked[here] += 1
            done = of_team == _NOTIFIED
            notified[here[done]] += 1
            since[here[done]] = np.minimum(since[here[done]], when[done])
        state[asked == 0] = PLACE[NotificationState.NO_CONTACT]
        pending = self.lost & (state != _NOTIFIED) & (state != PLACE[NotificationState.MUTED])
        state[pending] = PLACE[NotificationState.NO_CONTACT]
        return ProblemNotifications(state, notified, asked, np.where(since < _NEVER, since, 0))

    def by_team(self, places: Places) -> list[tuple[TeamNotification, ...]]:
        """Of some problems the state of each responsible team; in the order of the places."""
        some = self._some(places)
        found: list[list[TeamNotification]] = [[] for _ in range(len(places))]
        for here, teams, states, times in some.each_team():
            rows = zip(here.tolist(), teams.tolist(), states.tolist(), times.tolist(), strict=True)
            for place, team, state, since in rows:
                found[place].append(TeamNotification(team, NOTIFICATION_STATES[state], since))
        return [tuple(of) for of in found]

    def _some(self, places: Places) -> "NotificationFacts":
        first, last = (np.searchsorted(self.at, places, side=side) for side in ("left", "right"))
        sizes = last - first
        picked = np.concatenate([np.zeros(0, dtype=np.int64), *map(np.arange, first.tolist(), last.tolist())])
        picked = picked.astype(np.intp)
        order = {place: number for number, place in enumerate(places.tolist())}
        rows, teams, times = self.by_hand
        by_hand = np.flatnonzero(np.isin(rows, places))
        quiet = {team: np.flatnonzero(np.isin(places, muted)).astype(np.intp) for team, muted in self.quiet.items()}
        return NotificationFacts(
            self.sets[places],
            self.lost[places],
            np.repeat(np.arange(len(places)), sizes),
            self.ingests[picked],
            self.told[picked],
            (np.array([order[row] for row in rows[by_hand].tolist()], dtype=np.intp), teams[by_hand], times[by_hand]),
            quiet,
            self.routed,
            self.names,
            self.outcomes,
        )


@dataclass(frozen=True, eq=False)
class ProblemNotifications:
    """The states of problems, a place for each.

    ``state``: uint8, a place in `NOTIFICATION_STATES`; ``notified`` of ``asked``: int32, how many responsible teams
    were, of how many; ``since``: int64, when the first of them was, seconds, 0: none.
    """

    state: States
    notified: npt.NDArray[np.int32]
    asked: npt.NDArray[np.int32]
    since: Int64s


def tellings_of(frame: pl.DataFrame, keys: npt.NDArray[np.uint64]) -> tuple[Places, Int64s, Int64s]:
    """Tellings of problems as `NotificationFacts` has them.

    ``frame``: columns ``key``, ``ingest``, ``told``, in the order of keys. ``keys``: the problems, sorted; of others
    nothing is taken.
    """
    names = frame["key"].to_numpy()
    at = np.searchsorted(keys, names)
    known = at < len(keys)
    known[known] = keys[at[known]] == names[known]
    ingests, told = (frame[name].to_numpy()[known].astype(np.int64) for name in ("ingest", "told"))
    return at[known].astype(np.intp), ingests, told


def with_noted(at: Places, ingests: Int64s, told: Int64s, notes: Mapping[str, Int64s]) -> tuple[Places, Int64s, Int64s]:
    """Tellings, with those that only the notes of the problems know: their events are deleted, or a run told again.

    ``notes``: their columns.
    """
    known = at.astype(np.int64) << 32 | ingests
    more = []
    for name in ("first_told_by", "told_by"):
        by = notes[name]
        places = np.flatnonzero(by)
        lacking = places[~np.isin(places << 32 | by[places], known)]
        more.append((lacking, by[lacking]))
    if not any(len(places) for places, _ in more):
        return at, ingests, told
    rows = np.concatenate([at, *(places for places, _ in more)])
    order = np.argsort(rows, kind="stable")
    by_ingest = np.concatenate([ingests, *(by for _, by in more)])
    sets = np.concatenate([told, *(notes["told_set"][places] for places, _ in more)])
    return rows[order].astype(np.intp), by_ingest[order], sets[order]


def _in_sorted(values: Int64s, among: Int64s) -> npt.NDArray[np.bool_]:
    """Which of the values are among these, which are sorted."""
    found: npt.NDArray[np.bool_] = np.append(among, -1)[np.searchsorted(among, values)] == values
    return found
