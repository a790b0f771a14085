"""Who is told of a batch of events: the router names the teams, the gate lets through what may leave, per batch.

Each distinct decision of the router is asked of the gate once per marking; events then point to sets of teams by
number.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select

from tocsin.app import Node
from tocsin.directory import Role, Team, directory_version, read_directory
from tocsin.events.models import TeamSet
from tocsin.release import allowed_teams
from tocsin.routing import Router, current_router

Int32s = npt.NDArray[np.int32]

# The host of a URL (RFC 3986, 3.2), without user and port.
_HOST = r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?\[?([^/?#\]:]+)"


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
    _members: list[tuple[int, ...]]
    _own: frozenset[str] = frozenset()
    _verdicts: dict[tuple[int, str, str], _Verdict] = field(default_factory=dict)

    @classmethod
    def open(cls, node: Node) -> "Tellers":
        """The directory as it is now."""
        with node.database.begin() as session:
            stored = [tuple(row.members) for row in session.scalars(select(TeamSet).order_by(TeamSet.number))]
        version = directory_version(node.database)
        router = current_router(
            node.compiled / "routing", version, lambda: read_directory(node.database), now=datetime.now(UTC)
        )
        members = [(), *stored]
        numbers = {of: number for number, of in enumerate(members)}
        return cls(version, router.teams, router, numbers, members, frozenset(node.settings.node.own_teams))

    def decide(self, frame: pl.DataFrame, *, due: npt.NDArray[np.bool_]) -> Told:
        """Who must know of each event, and who is told now; ``due``: whether its problem is told at all now."""
        decisions = self.route(frame)
        kinds, kind = _distinct(frame, self.router.audiences(decisions))
        verdicts = [self._verdict(*labels) for labels in kinds]
        told = np.where(due, _column(verdicts, "allowed")[kind], 0)
        withheld: Counter[str] = Counter()
        for verdict, events in zip(verdicts, np.bincount(kind, minlength=len(verdicts)).tolist(), strict=True):
            for rule, teams in verdict.withheld.items():
                withheld[rule] += teams * events
        return Told(
            routed=_column(verdicts, "routed")[kind],
            told=told.astype(np.int32),
            routed_rows=int((decisions > 0).sum()),
            withheld=withheld,
            owed=self._owed(told),
        )

    def others(self, frame: pl.DataFrame, teams: npt.NDArray[np.int64]) -> pl.Series:
        """Who answers for each event, ``teams`` aside that it was told to: names, a line each.

        Null where that team itself answers for it, or nothing is known of it any more.
        """
        told = np.stack([self.route(frame).astype(np.int64), teams], axis=1)
        pairs, pair = np.unique(told, axis=0, return_inverse=True)
        names = [self._others(decision, team) for decision, team in pairs.tolist()]
        return pl.Series(names, dtype=pl.String).gather(pair.ravel())

    def _others(self, decision: int, team: int) -> str | None:
        matches = self.router.decision(decision).matches
        if {match.role for match in matches if match.team_id == team} != {Role.INFORMED}:
            return None
        return "\n".join(self.teams[match.team_id].name for match in matches if match.role is Role.RESPONSIBLE)

    def route(self, frame: pl.DataFrame) -> Int32s:
        """The number of the router's decision on each event of a batch."""
        has_address = frame["source.ip.hi"].is_not_null()
        hi, lo = (frame[f"source.ip.{half}"].fill_null(0).to_numpy().view(np.uint64) for half in ("hi", "lo"))
        host = pl.col("source.url").str.extract(_HOST)
        given = frame.select(
            pl.coalesce("network.asn", "source.asn").fill_null(-1).alias("asn"),
            pl.coalesce("network.country", "source.geolocation.cc").alias("country"),
            pl.coalesce("source.fqdn", host).alias("domain"),
        )
        return self.router.route(
            hi,
            lo,
            has_address.to_numpy(),
            given["asn"].to_numpy(),
            country=given["country"],
            domain=given["domain"] if given["domain"].null_count() < frame.height else None,
            network=frame["source.network"] if not has_address.all() else None,
            identifier=frame["classification.identifier"],
            type_=frame["classification.type"],
        )

    def _verdict(self, audience: int, tlp: str, pap: str) -> _Verdict:
        key = (audience, tlp, pap)
        if key not in self._verdicts:
            teams = self.router.audience(audience)
            allowed, stopped = allowed_teams(tlp, pap, [self.teams[team] for team in teams], own=self._own)
            self._verdicts[key] = _Verdict(
                self._number(teams),
                self._number(tuple(sorted(allowed))),
                Counter(verdict.rule for _, verdict in stopped),
            )
        return self._verdicts[key]

    def _number(self, members: tuple[int, ...]) -> int:
        if members not in self.sets:
            self.sets[members] = len(self.sets)
            self._members.append(members)
        return self.sets[members]

    def _owed(self, told: npt.NDArray[np.integer]) -> Counter[int]:
        owed: Counter[int] = Counter()
        for number, events in zip(*(part.tolist() for part in np.unique(told, return_counts=True)), strict=True):
            for team in self._members[number]:
                owed[team] += events
        return owed


def _distinct(frame: pl.DataFrame, audiences: Int32s) -> tuple[list[tuple[int, str, str]], npt.NDArray[np.intp]]:
    """The distinct (audience, TLP, PAP) of the events, and for each event which of them is its own."""
    tlp, pap = ((frame[name].unique().to_list()) for name in ("tlp", "pap"))
    if len(tlp) == len(pap) == 1:
        unique, kind = np.unique(audiences, return_inverse=True)
        return [(audience, tlp[0] or "", pap[0] or "") for audience in unique.tolist()], kind
    labels = frame.select(pl.Series("audience", audiences), pl.col("tlp").fill_null(""), pl.col("pap").fill_null(""))
    distinct = labels.unique(maintain_order=True).with_row_index("kind")
    kind = labels.join(distinct, on=labels.columns, maintain_order="left")["kind"].to_numpy()
    return list(distinct.select(labels.columns).iter_rows()), kind


def _column(verdicts: list[_Verdict], name: str) -> Int32s:
    return np.fromiter((getattr(verdict, name) for verdict in verdicts), dtype=np.int32, count=len(verdicts))
