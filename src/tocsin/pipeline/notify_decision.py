"""Who is notified now of a batch of events, by what was told of their problems before; the events are not needed.

A team that joined those that were told of a problem hears at the next sighting, one that answered is spared,
and a problem that nobody answered goes to who is asked next.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from tocsin.delivery import sent_to
from tocsin.events import TeamSet
from tocsin.node.records import Database
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.team_sets import Int32s, NumberedTeams, TeamSets
from tocsin.problems import NotificationFlags, SightingResult
from tocsin.problems.answers import NOTHING_SAID, AnswerSnapshot, read_said
from tocsin.sharing.routing import RoutedTeams


@dataclass(frozen=True)
class NotifiedBatch:
    """For each event the number of the set of teams that are ``told`` now; ``owed`` counts events by team.

    ``telling`` is what the notes of problems keep of that.
    """

    told: Int32s
    telling: NotificationFlags
    owed: Counter[int]


@dataclass
class NotificationDecider:
    """The numbers of all sets of teams, and what teams have answered (``said``).

    ``sent``: for each of some ingests the teams that a mail of it has left to. ``live``: whether mails leave.
    """

    sets: TeamSets
    sent: Callable[[Sequence[int]], Mapping[int, AbstractSet[int]]]
    live: bool
    said: AnswerSnapshot = NOTHING_SAID

    @classmethod
    def open(cls, node: NodeWithStores) -> "NotificationDecider":
        """What is known now, of answers nothing."""

        def sent(ingests: Sequence[int]) -> Mapping[int, AbstractSet[int]]:
            with node.database.begin() as session:
                return sent_to(session, ingests)

        with node.database.begin() as session:
            stored = [_numbered(row) for row in session.scalars(select(TeamSet).order_by(TeamSet.number))]
        return cls(TeamSets([(), *stored]), sent, node.settings.tell.mode == "live")

    def hear(self, database: Database, now: datetime) -> None:
        """Know what teams have answered; it is read again only where there is something new."""
        self.said = read_said(database, now, self.said)

    def decide(
        self, allowed: Int32s, asked_next: Int32s | None, seen: SightingResult, routed: Int32s | None = None
    ) -> NotifiedBatch:
        """Who is told now of each event, as its problem's history has it.

        ``allowed``, ``asked_next``, ``routed``: see `RecipientResolver`; the last says who answers for each event,
        where somebody may be asked next.
        """
        # The order matters: who is due, less those who answered, then those whose answer this sighting contradicts,
        # whom the line before took out. Those who are asked next come last, so that no answer of others takes them out.
        told = self._without_quiet(self._due_or_joined(allowed, seen), seen)
        told = self._with_contradicted(told, allowed, seen)
        escalated = self._escalated(asked_next, seen, routed)
        if escalated.any():
            told = self.sets.union(told, escalated)
        return self._batch(told, escalated > 0, seen)

    def decide_again(
        self, allowed: Int32s, seen: SightingResult, is_open: npt.NDArray[np.bool_], only: Collection[int] = ()
    ) -> NotifiedBatch:
        """Who is told now of stored events whose problem is open (``is_open``: by problem).

        ``only``: nobody but these teams. As `decide`, but a sighting of long ago contradicts no answer and leads to
        nobody who is asked next.
        """
        told = self._without_quiet(self._due_or_joined(allowed, seen), seen)
        told[~is_open[seen.sightings.of_event]] = 0
        if only:
            others = self.sets.minus(told, np.full(len(told), self.sets.number(only), dtype=np.int32))
            told = self.sets.minus(told, others)
        return self._batch(told, np.zeros(len(told), dtype=bool), seen)

    def _batch(self, told: Int32s, escalated: npt.NDArray[np.bool_], seen: SightingResult) -> NotifiedBatch:
        # From events back to problems: who was told of a problem, up to now and by this batch.
        told_set = self.sets.of_problems(seen.told_set, told, seen.sightings.of_event)
        flags = NotificationFlags(told > 0, escalated, told_set, live=self.live)
        return NotifiedBatch(told, flags, self.sets.owed(told))

    def _due_or_joined(self, allowed: Int32s, seen: SightingResult) -> Int32s:
        """All who may be told where the problem is due, else those who were not told of it before."""
        # ``seen`` has a row for each problem, ``allowed`` one for each event: ``[of_event]`` repeats the first for the
        # second. All numbers are of sets of teams, 0 the empty one.
        of_event = seen.sightings.of_event
        told = np.where(seen.due[of_event], allowed, np.int32(0))
        before = seen.told_set[of_event]
        # Not due, told before, and to another set than now: whoever of this set is not in that one has joined.
        rows = np.flatnonzero((told == 0) & (before > 0) & (allowed > 0) & (allowed != before))
        if len(rows):
            told[rows] = self.sets.minus(allowed[rows], before[rows])
        return told

    def _without_quiet(self, told: Int32s, seen: SightingResult) -> Int32s:
        quiet = self.said.spared_teams(seen.sightings.keys, seen.sightings.last)
        if not quiet:
            return told
        quiet_sets = self._per_event(quiet, seen)
        rows = np.flatnonzero((quiet_sets > 0) & (told > 0))
        if len(rows):
            told[rows] = self.sets.minus(told[rows], quiet_sets[rows])
        return told

    def _with_contradicted(self, told: Int32s, allowed: Int32s, seen: SightingResult) -> Int32s:
        """Who said that it is fixed hears at once that it is not; nobody else does."""
        wrong = self.said.contradicted_teams(seen.sightings.keys, seen.sightings.last, seen.seen_before)
        if not wrong:
            return told
        sets = self._per_event(wrong, seen)
        rows = np.flatnonzero((sets > 0) & (allowed > 0))
        if len(rows):
            # Allowed less (allowed less contradicted) is what both share, so none hears that the gate kept out.
            others = self.sets.minus(allowed[rows], sets[rows])
            told[rows] = self.sets.union(told[rows], self.sets.minus(allowed[rows], others))
        return told

    def _per_event(self, teams: Mapping[int, Iterable[int]], seen: SightingResult) -> Int32s:
        """For each event the number of the set of its problem's teams; ``teams`` by place of the problem."""
        of_problem = np.zeros(len(seen.due), dtype=np.int32)
        for problem, some in teams.items():
            of_problem[problem] = self.sets.number(some)
        return of_problem[seen.sightings.of_event]

    def _escalated(self, asked_next: Int32s | None, seen: SightingResult, routed: Int32s | None) -> Int32s:
        """Per event the set of teams that hear of it since those before them did not answer; mostly none."""
        found = np.zeros(len(seen.sightings.of_event), dtype=np.int32)
        if asked_next is None or not seen.overdue.any():
            return found
        # By problem: overdue, nobody answered, and the first mail really left for a team that answers for it: nobody
        # can answer what never came, and who only wants to know is not asked.
        silent = seen.overdue & ~self.said.is_answered(seen.sightings.keys)
        if silent.any():
            silent &= self._reached(seen, silent, routed)
        rows = silent[seen.sightings.of_event]
        found[rows] = asked_next[rows]
        return found

    def _reached(
        self, seen: SightingResult, asked: npt.NDArray[np.bool_], routed: Int32s | None
    ) -> npt.NDArray[np.bool_]:
        """Per problem that is asked for, whether the mail that first told of it has left for a responsible team."""
        sent = self.sent(np.unique(seen.first_told_by[asked]).tolist())
        found = np.zeros(len(asked), dtype=bool)
        places = np.flatnonzero(asked)
        answering = np.zeros(len(asked), dtype=np.int32)
        if routed is not None:
            answering[seen.sightings.of_event] = routed
        # A digest of that ingest went to a team of this problem's set; a team of another problem does not count.
        told = (seen.first_told_by[places], seen.told_set[places], answering[places])
        found[places] = [
            not sent[ingest].isdisjoint(self._asked(of, who))
            for ingest, of, who in zip(*map(np.ndarray.tolist, told), strict=True)
        ]
        return found

    def _asked(self, told: int, routed: int) -> AbstractSet[int]:
        """The teams of a set that was told which answer for it, as far as that is known."""
        teams, named = frozenset(self.sets.plain(told)), self.sets.members[routed]
        return teams - frozenset(named.informed) if isinstance(named, RoutedTeams) else teams


def _numbered(row: TeamSet) -> NumberedTeams:
    if row.informed is None:
        return tuple(row.members)
    return RoutedTeams(tuple(row.members), tuple(row.informed), tuple(row.muted))
