"""Who must know of a batch of events: the router names the teams, the gate lets through what may leave, per batch.

Each distinct decision of the router is asked of the gate once per marking; events then point to sets of teams by
number. All of it is said by the events alone; whether their problems were told before is asked in `notify_decision`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.directory import Directory, Mute, ResponsibilityRole, Team, directory_version
from tocsin.pipeline.escalation import next_asked
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.team_sets import Int32s, TeamSets
from tocsin.pipeline.withheld import WithheldKey
from tocsin.sharing.gate import allowed_teams
from tocsin.sharing.routing import RoutedTeams, Router, current_router
from tocsin.sharing.rules import Rules, muted, numbers_of, rules_in_force

# The host of a URL (RFC 3986, 3.2), without user and port.
_HOST = r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?\[?([^/?#\]:]+)"

_ASKED_NEXT = frozenset({"upstream", "national"})
"""The settings of ``escalate_to`` by which further teams are told."""


@dataclass(frozen=True)
class RoutingTerms:
    """All that says who must know of events, in this process or another: no secret, and no database.

    ``router``: the folder of the compiled directory. ``own``: the keys of the teams in our own organisation.
    """

    router: Path
    version: str
    now: datetime
    rules: Rules
    own: frozenset[str]
    escalate_to: str
    country: str


@dataclass(frozen=True)
class RoutedBatch:
    """For each event the router's decision, the set of teams that must know, that of those which may, and its mark.

    ``marks``: see `Rules.marks`; None where there are no rules. ``kind``: for each event a number, and ``stopped`` by
    that number the teams that the gate kept it from.
    """

    decisions: Int32s
    routed: Int32s
    allowed: Int32s
    marks: pl.Series | None
    kind: npt.NDArray[np.integer]
    stopped: Mapping[int, Sequence[WithheldKey]]

    @property
    def has_contact(self) -> npt.NDArray[np.bool_]:
        """For each event whether some team must know of it, also one that mutes it."""
        return (self.decisions > 0) | (self.routed > 0)

    def withheld(self, kept: npt.NDArray[np.bool_] | None = None) -> Counter[WithheldKey]:
        """How many events the gate kept from each team, of all of them or of those that are ``kept``."""
        found: Counter[WithheldKey] = Counter()
        if self.stopped:
            events = np.bincount(self.kind if kept is None else self.kind[kept], minlength=max(self.stopped) + 1)
            for kind, teams in self.stopped.items():
                if count := int(events[kind]):
                    found.update(dict.fromkeys(teams, count))
        return found


@dataclass(frozen=True)
class _Verdict:
    routed: int
    allowed: int
    withheld: list[WithheldKey]


@dataclass
class RecipientResolver:
    """The directory, compiled, with the gate, the rules of the node, and numbers for sets of teams.

    One thread asks at a time, and others wait: what was decided is remembered.
    """

    terms: RoutingTerms
    router: Router
    sets: TeamSets = field(default_factory=TeamSets)
    _verdicts: dict[tuple[int, str, str, int, tuple[int, ...]], _Verdict] = field(default_factory=dict)
    # By TLP and PAP, for each audience: its set of teams, that of those who may be told, and whether one may not.
    _by_audience: dict[tuple[str, str], Int32s] = field(default_factory=dict)
    _asking: RLock = field(default_factory=RLock)

    @classmethod
    def open(cls, node: NodeWithStores, sets: TeamSets | None = None) -> "RecipientResolver":
        """The directory as it is now; with numbers of its own for sets of teams, or those of ``sets``."""
        with node.database.begin() as session:
            rules = rules_in_force(session)
        version, now = directory_version(node.database), datetime.now(UTC)
        root = node.compiled / "routing"
        router = current_router(root, version, partial(_directory, node), now=now)
        ours, to = node.settings.node, node.settings.tell.escalate_to
        terms = RoutingTerms(root / version, version, now, rules, frozenset(ours.own_teams), to, ours.country)
        return cls(terms, router, TeamSets() if sets is None else sets)

    @classmethod
    def of(cls, terms: RoutingTerms) -> "RecipientResolver":
        """The same in another process.

        Raises:
            StorageError: the compiled directory is not there any more.

        """
        return cls(terms, Router.open(terms.router, now=terms.now))

    @property
    def teams(self) -> Mapping[int, Team]:
        """The teams by number."""
        return self.router.teams

    @property
    def own(self) -> frozenset[str]:
        """The keys of the teams in our own organisation."""
        return self.terms.own

    @property
    def rules(self) -> Rules:
        """The rules of the node."""
        return self.terms.rules

    def allowed(self, frame: pl.DataFrame) -> RoutedBatch:
        """Who must know of each event and may, whatever its problem's history is."""
        with self._asking:
            return self._allowed(frame)

    def _allowed(self, frame: pl.DataFrame) -> RoutedBatch:
        decisions = self.route(frame)
        marks = self.rules.marks(frame) if self.rules.any else None
        audiences = self.router.audiences(decisions)
        tlp, pap = (frame[name].unique().to_list() for name in ("tlp", "pap"))
        if len(tlp) == len(pap) == 1 and marks is None:
            return self._allowed_alike(decisions, audiences, tlp[0] or "", pap[0] or "")
        # The gate is asked once for each kind (audience, TLP, PAP, mark, mutes), of which a batch has few;
        # ``kind`` has for each event the place of its kind, which spreads the verdicts over the events again.
        kinds, kind = _distinct(frame, audiences, marks, self._quiet(frame))
        verdicts = [self._verdict(number, tlp, pap, mark, tuple(quiet)) for number, tlp, pap, mark, quiet in kinds]
        stopped = {place: verdict.withheld for place, verdict in enumerate(verdicts) if verdict.withheld}
        routed, allowed = (_column(verdicts, name)[kind] for name in ("routed", "allowed"))
        return RoutedBatch(decisions, routed, allowed, marks, kind, stopped)

    def _allowed_alike(self, decisions: Int32s, audiences: Int32s, tlp: str, pap: str) -> RoutedBatch:
        """The same for events of one TLP and PAP without marks: the audience alone decides."""
        known = self._by_audience.get((tlp, pap), np.empty((3, 0), dtype=np.int32))
        if (lacking := int(np.max(audiences)) + 1 - known.shape[1]) > 0:
            known = np.pad(known, ((0, 0), (0, 2 * lacking)), constant_values=-1)
            self._by_audience[tlp, pap] = known
        for audience in np.unique(audiences[known[0, audiences] < 0]).tolist():
            verdict = self._verdict(audience, tlp, pap)
            known[:, audience] = verdict.routed, verdict.allowed, bool(verdict.withheld)
        routed, allowed, stops = known[:, audiences]
        some = np.unique(audiences[stops > 0]).tolist()
        stopped = {audience: self._verdict(audience, tlp, pap).withheld for audience in some}
        return RoutedBatch(decisions, routed, allowed, None, audiences, stopped)

    def asked_next(self, frame: pl.DataFrame, known: RoutedBatch) -> Int32s | None:
        """For each event the set of teams that are told where those before them did not answer; None: never any."""
        if self.terms.escalate_to not in _ASKED_NEXT:
            return None
        with self._asking:
            return self._asked_next(frame, known)

    def _asked_next(self, frame: pl.DataFrame, known: RoutedBatch) -> Int32s:
        # Who is asked next hangs on the routing decision and the country, and what the gate says of them on TLP, PAP
        # and mark. Each distinct one of all these is asked once; ``kind`` spreads the answers over the events.
        country = pl.coalesce("network.country", "source.geolocation.cc").fill_null("")
        kinds, kind = _distinct(frame, known.decisions, known.marks, more=country)
        numbers = []
        for decision, tlp, pap, mark, of in kinds:
            where = of or self.terms.country
            teams = next_asked(self.router.decision(decision), self.teams, to=self.terms.escalate_to, country=where)
            allowed, _ = allowed_teams(tlp, pap, teams, own=self.own, local=self.rules.local(mark))
            numbers.append(self.sets.number(allowed))
        return np.array(numbers, dtype=np.int32)[kind]

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
        roles = {match.role for match in matches if match.team_id == team}
        by_rule = not roles and team in self._more
        if roles != {ResponsibilityRole.INFORMED} and not by_rule:
            return None
        return "\n".join(
            self.teams[match.team_id].name for match in matches if match.role is ResponsibilityRole.RESPONSIBLE
        )

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

    def _verdict(self, audience: int, tlp: str, pap: str, mark: int = 0, quiet: tuple[int, ...] = ()) -> _Verdict:
        key = (audience, tlp, pap, mark, quiet)
        if key not in self._verdicts:
            named = self.router.audience(audience)
            more = numbers_of(self.rules.informs(mark), self._numbers) - set(quiet) - set(named.told) if mark else set()
            teams = {*named.told, *more}
            routed = RoutedTeams(tuple(sorted(teams)), tuple(sorted({*named.informed, *more})), named.muted)
            asked = [self.teams[team] for team in sorted(teams)]
            allowed, stopped = allowed_teams(tlp, pap, asked, own=self.own, local=self.rules.local(mark))
            self._verdicts[key] = _Verdict(
                self.sets.number_routed(routed),
                self.sets.number(allowed),
                [WithheldKey(team, verdict.rule, tlp) for team, verdict in stopped],
            )
        return self._verdicts[key]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The numbers of the teams that rules tell more, by key."""
        wanted = self.rules.document.teams
        return {team.key: team.id for team in self.teams.values() if team.key in wanted} if wanted else {}

    def _quiet(self, frame: pl.DataFrame) -> pl.Series | pl.Expr:
        """For each event the teams that rules may tell more and that mute it."""
        if not self._muting:
            return pl.lit([], pl.List(pl.Int64))
        columns = [muted(frame, mutes) for mutes in self._muting.values()]
        rows, row = np.unique(np.stack([column.to_numpy() for column in columns]), axis=1, return_inverse=True)
        sets = [[team for team, quiet in zip(self._muting, of, strict=True) if quiet] for of in rows.T.tolist()]
        return pl.Series("quiet", sets, dtype=pl.List(pl.Int64)).gather(row.ravel())

    @cached_property
    def _muting(self) -> dict[int, list[Mute]]:
        """What the teams that rules tell more mute, by number; those that mute something."""
        now = self.router.now
        every = ((number, [mute for mute in self.teams[number].mutes if mute.holds(now)]) for number in self._more)
        return {number: mutes for number, mutes in sorted(every) if mutes}

    @cached_property
    def _more(self) -> frozenset[int]:
        return frozenset(self._numbers.values())


def _directory(node: NodeWithStores) -> Directory:
    """The directory as it is now; most runs find it compiled, and do not load how it is read."""
    from tocsin.directory import read_directory

    return read_directory(node.database)


def _distinct(
    frame: pl.DataFrame, numbers: Int32s, marks: pl.Series | None, more: pl.Series | pl.Expr
) -> tuple[list[tuple[Any, ...]], npt.NDArray[np.intp]]:
    """The distinct (number, TLP, PAP, mark, ``more``) of the events, and for each event which is its own."""
    labels = frame.select(
        pl.Series("number", numbers),
        pl.col("tlp").fill_null(""),
        pl.col("pap").fill_null(""),
        pl.lit(0, pl.UInt64).alias("mark") if marks is None else marks.alias("mark"),
        more.alias("more"),
    )
    distinct = labels.unique(maintain_order=True).with_row_index("kind")
    kind = labels.join(distinct, on=labels.columns, maintain_order="left")["kind"].to_numpy()
    return distinct.select(labels.columns).rows(), kind


def _column(verdicts: list[_Verdict], name: str) -> Int32s:
    return np.fromiter((getattr(verdict, name) for verdict in verdicts), dtype=np.int32, count=len(verdicts))
