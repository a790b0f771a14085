"""Who is told of a batch of events: the router names the teams, the gate lets through what may leave, per batch.

Each distinct decision of the router is asked of the gate once per marking; events then point to sets of teams by
number.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select

from tocsin.app import Node
from tocsin.directory import Team, read_directory
from tocsin.events.models import TeamSet
from tocsin.release import allowed_teams
from tocsin.routing import Router

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Told:
    """For each event the number of the set of teams that must know (``routed``) and that are told now (``told``).

    ``withheld`` counts (event, team) pairs that the gate stopped, by its rule; ``owed`` counts events by team.
    """

    routed: Int32s
    told: Int32s
    routed_rows: int
    withheld: Counter[str]
    owed: Counter[int]


@dataclass(frozen=True)
class _Verdict:
    routed: int
    allowed: int
    withheld: Counter[str]


@dataclass
class Tellers:
    """The directory, compiled, with the gate; ``sets`` numbers the sets of teams, the empty one is 0."""

    version: str
    teams: dict[int, Team]
    router: Router
    sets: dict[tuple[int, ...], int]
    _verdicts: dict[tuple[int, str, str], _Verdict] = field(default_factory=dict)

    @classmethod
    def open(cls, node: Node) -> "Tellers":
        """The directory as it is now."""
        with node.database.begin() as session:
            stored = {tuple(row.members): row.number for row in session.scalars(select(TeamSet))}
        directory = read_directory(node.database)
        router = Router.of(directory, node.compiled)
        return cls(directory.version, {team.id: team for team in directory.teams}, router, {(): 0, **stored})

    def decide(self, frame: pl.DataFrame, *, due: npt.NDArray[np.bool_]) -> Told:
        """Who must know of each event, and who is told now; ``due``: whether its problem is told at all now."""
        decisions = self.router.route(frame)
        kinds = frame.select(pl.Series("decision", decisions), pl.col("tlp").fill_null(""), pl.col("pap").fill_null(""))
        distinct = kinds.unique(maintain_order=True).with_row_index("kind")
        kind = kinds.join(distinct, on=["decision", "tlp", "pap"], maintain_order="left")["kind"].to_numpy()
        verdicts = [self._verdict(*row) for row in distinct.select("decision", "tlp", "pap").iter_rows()]
        routed = np.array([verdict.routed for verdict in verdicts], dtype=np.int32)[kind]
        told = np.where(due, np.array([verdict.allowed for verdict in verdicts], dtype=np.int32)[kind], 0)
        withheld: Counter[str] = Counter()
        for verdict, events in zip(verdicts, np.bincount(kind, minlength=len(verdicts)), strict=True):
            for rule, teams in verdict.withheld.items():
                withheld[rule] += teams * int(events)
        return Told(routed, told.astype(np.int32), int((routed > 0).sum()), withheld, self._owed(told))

    def _verdict(self, decision: int, tlp: str, pap: str) -> _Verdict:
        key = (decision, tlp, pap)
        if key not in self._verdicts:
            teams = self.router.decision(decision).teams
            routed = [self.teams[team] for team in teams]
            allowed, stopped = allowed_teams(tlp, pap, routed)
            self._verdicts[key] = _Verdict(
                self._number(tuple(sorted(teams))),
                self._number(tuple(sorted(allowed))),
                Counter(verdict.rule for _, verdict in stopped),
            )
        return self._verdicts[key]

    def _number(self, members: tuple[int, ...]) -> int:
        return self.sets.setdefault(members, len(self.sets))

    def _owed(self, told: npt.NDArray[np.integer]) -> Counter[int]:
        owed: Counter[int] = Counter()
        members = {number: teams for teams, number in self.sets.items()}
        for number, events in zip(*np.unique(told, return_counts=True), strict=True):
            for team in members[int(number)]:
                owed[team] += int(events)
        return owed
