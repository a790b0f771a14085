"""Who is told of a batch of events: the router names the teams, the gate lets through what may leave, per batch.

Each distinct decision of the router is asked of the gate once per marking; events then point to sets of teams by
number. A team that joined those that were told of a problem hears at the next sighting, one that answered is spared,
and a problem that nobody answered goes to who is asked next.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select

from tocsin.delivery import sent_to
from tocsin.directory import Mute, ResponsibilityRole, Team, directory_version, read_directory
from tocsin.events import TeamSet
from tocsin.node.records import Database
from tocsin.node.settings import Settings
from tocsin.pipeline.escalation import next_asked
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import WithheldKey
from tocsin.pipeline.team_sets import Int32s, TeamSets
from tocsin.problems import NotificationFlags, SightingResult
from tocsin.problems.answers import AnswerSnapshot, read_said
from tocsin.sharing.gate import allowed_teams
from tocsin.sharing.routing import Router, current_router
from tocsin.sharing.rules import NO_RULES, Rules, muted, numbers_of, rules_in_force

# The host of a URL (RFC 3986, 3.2), without user and port.
_HOST = r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?\[?([^/?#\]:]+)"


@dataclass(frozen=True)
class BatchRecipients:
    """For each event the number of the set of teams that must know (``routed``) and that are told now (``told``).

    ``telling`` is what the notes of problems keep of that. ``withheld`` counts (event, team) pairs that the gate
    stopped; ``owed`` counts events by team.
    """

    routed: Int32s
    told: Int32s
    telling: NotificationFlags
    routed_rows: int
    withheld: Counter[WithheldKey]
    owed: Counter[int]


@dataclass(frozen=True)
class RoutedBatch:
    """For each event the router's decision, the set of teams that must know, that of those which may, and its mark.

    ``marks``: see `Rules.marks`; None where there are no rules. ``withheld``: events that the gate stopped.
    """

    decisions: Int32s
    routed: Int32s
    allowed: Int32s
    marks: pl.Series | None
    withheld: Counter[WithheldKey]

    @property
    def has_contact(self) -> npt.NDArray[np.bool_]:
        """For each event whether some team must know of it, also one that mutes it."""
        return (self.decisions > 0) | (self.routed > 0)


@dataclass(frozen=True)
class _Verdict:
    routed: int
    allowed: int
    withheld: list[WithheldKey]


@dataclass
class RecipientResolver:
    """The directory, compiled, with the gate, the rules of the node, and the numbers of all sets of teams."""

    version: str
    teams: Mapping[int, Team]
    router: Router
    sets: TeamSets
    settings: Settings
    database: Database
    rules: Rules = NO_RULES
    _verdicts: dict[tuple[int, str, str, int, tuple[int, ...]], _Verdict] = field(default_factory=dict)
    # By TLP and PAP, for each audience: its set of teams, that of those who may be told, and whether one may not.
    _by_audience: dict[tuple[str, str], Int32s] = field(default_factory=dict)
    _said: AnswerSnapshot | None = None

    @classmethod
    def open(cls, node: NodeWithStores) -> "RecipientResolver":
        """The directory as it is now."""
        with node.database.begin() as session:
            stored = [tuple(row.members) for row in session.scalars(select(TeamSet).order_by(TeamSet.number))]
            rules = rules_in_force(session)
        version = directory_version(node.database)
        router = current_router(
            node.compiled / "routing", version, lambda: read_directory(node.database), now=datetime.now(UTC)
        )
        return cls(version, router.teams, router, TeamSets([(), *stored]), node.settings, node.database, rules)

    def said(self, node: NodeWithStores, now: datetime) -> AnswerSnapshot:
        """What teams have answered, read again only where there is something new."""
        self._said = read_said(node.database, now, self._said)
        return self._said

    def decide(self, frame: pl.DataFrame, seen: SightingResult, said: AnswerSnapshot) -> BatchRecipients:
        """Who must know of each event, and who is told now of it, as its problem's history has it."""
        known = self.allowed(frame)
        # The order matters: who is due, less those who answered, then those whose answer this sighting contradicts,
        # whom the line before took out. Those who are asked next come last, so that no answer of others takes them out.
        told = self._without_quiet(self._due_or_joined(known.allowed, seen), seen, said)
        told = self._with_contradicted(told, known.allowed, seen, said)
        escalated = self._escalated(frame, known, seen, said)
        if escalated.any():
            told = self.sets.union(told, escalated)
        # From events back to problems: who was told of a problem, up to now and by this batch.
        told_set = self.sets.of_problems(seen.told_set, told, seen.sightings.of_event)
        return self._batch(known, told, escalated > 0, told_set)

    def decide_again(
        self, frame: pl.DataFrame, seen: SightingResult, said: AnswerSnapshot, is_open: npt.NDArray[np.bool_]
    ) -> BatchRecipients:
        """Who must know of stored events, and who is told now of those whose problem is open (``is_open``: by problem).

        As `decide`, but a sighting of long ago contradicts no answer and leads to nobody who is asked next.
        """
        known = self.allowed(frame)
        told = self._without_quiet(self._due_or_joined(known.allowed, seen), seen, said)
        told[~is_open[seen.sightings.of_event]] = 0
        told_set = self.sets.of_problems(seen.told_set, told, seen.sightings.of_event)
        return self._batch(known, told, np.zeros(len(told), dtype=bool), told_set)

    def _batch(
        self, known: RoutedBatch, told: Int32s, escalated: npt.NDArray[np.bool_], told_set: Int32s
    ) -> BatchRecipients:
        return BatchRecipients(
            routed=known.routed,
            told=told,
            telling=NotificationFlags(told > 0, escalated, told_set, live=self.settings.tell.mode == "live"),
            routed_rows=int(known.has_contact.sum()),
            withheld=known.withheld,
            owed=self.owed(told),
        )

    def allowed(self, frame: pl.DataFrame) -> RoutedBatch:
        """Who must know of each event and may, whatever its problem's history is."""
        decisions = self.route(frame)
        marks = self.rules.marks(frame) if self.rules.any else None
        audiences = self.router.audiences(decisions)
        tlp, pap = (frame[name].unique().to_list() for name in ("tlp", "pap"))
        if len(tlp) == len(pap) == 1 and marks is None:
            return self._allowed_alike(decisions, audiences, tlp[0] or "", pap[0] or "")
        # The gate is asked once for each kind (audience, TLP, PAP, mark, mutes), of which a batch has few;
        # ``kind`` has for each event the place of its kind, which spreads the verdicts over the events again.
        kinds, kind = _distinct(frame, audiences, marks, self._quiet(frame))
        verdicts = [self._verdict(*labels) for labels in kinds]
        withheld: Counter[WithheldKey] = Counter()
        for verdict, events in zip(verdicts, np.bincount(kind, minlength=len(verdicts)).tolist(), strict=True):
            for one in verdict.withheld:
                withheld[one] += events
        return RoutedBatch(
            decisions, _column(verdicts, "routed")[kind], _column(verdicts, "allowed")[kind], marks, withheld
        )

    def _allowed_alike(self, decisions: Int32s, audiences: Int32s, tlp: str, pap: str) -> RoutedBatch:
        """The same for events of one TLP and PAP without marks: the audience alone decides."""
        known = self._by_audience.get((tlp, pap), np.empty((3, 0), dtype=np.int32))
        if (lacking := int(np.max(audiences)) + 1 - known.shape[1]) > 0:
            known = np.pad(known, ((0, 0), (0, 2 * lacking)), constant_values=-1)
            self._by_audience[tlp, pap] = known
        for audience in np.unique(audiences[known[0, audiences] < 0]).tolist():
            verdict = self._verdict(audience, tlp, pap, 0, ())
            known[:, audience] = verdict.routed, verdict.allowed, bool(verdict.withheld)
        routed, allowed, stops = known[:, audiences]
        withheld: Counter[WithheldKey] = Counter()
        for audience, events in Counter(audiences[stops > 0].tolist()).items():
            withheld.update(dict.fromkeys(self._verdict(audience, tlp, pap, 0, ()).withheld, events))
        return RoutedBatch(decisions, routed, allowed, None, withheld)

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

    def _without_quiet(self, told: Int32s, seen: SightingResult, said: AnswerSnapshot) -> Int32s:
        quiet = said.quiet_teams(seen.sightings.keys, seen.sightings.last)
        if not quiet:
            return told
        quiet_sets = self._per_event(quiet, seen)
        rows = np.flatnonzero((quiet_sets > 0) & (told > 0))
        if len(rows):
            told[rows] = self.sets.minus(told[rows], quiet_sets[rows])
        return told

    def _with_contradicted(self, told: Int32s, allowed: Int32s, seen: SightingResult, said: AnswerSnapshot) -> Int32s:
        """Who said that it is fixed hears at once that it is not; nobody else does."""
        wrong = said.contradicted_teams(seen.sightings.keys, seen.sightings.last, seen.seen_before)
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

    def _escalated(self, frame: pl.DataFrame, known: RoutedBatch, seen: SightingResult, said: AnswerSnapshot) -> Int32s:
        """Per event the set of teams that hear of it since those before them did not answer; mostly none."""
        found = np.zeros(frame.height, dtype=np.int32)
        to = self.settings.tell.escalate_to
        if to in {"none", "person"} or not seen.overdue.any():
            return found
        # By problem: overdue, nobody answered, and the first mail really left, for nobody can answer what never came.
        silent = seen.overdue & ~said.is_answered(seen.sightings.keys)
        if silent.any():
            silent &= self._reached(seen, silent)
        # From here on by event, those of silent problems alone: ``rows`` are their places in the batch, and every
        # array below is as long as ``rows``.
        rows = np.flatnonzero(silent[seen.sightings.of_event])
        if not len(rows):
            return found
        some = frame[rows]
        country = some.select(pl.coalesce("network.country", "source.geolocation.cc").fill_null("")).to_series()
        # Who is asked next hangs on two things, the routing decision and the country: the rows of ``pairs`` are the
        # distinct (decision, place in ``countries``), and ``pair`` says for each event which of them is its own.
        countries, country_of = np.unique(country.to_numpy().astype(str), return_inverse=True)
        pairs, pair = np.unique(np.stack([known.decisions[rows], country_of], axis=1), axis=0, return_inverse=True)
        marks = None if known.marks is None else known.marks.gather(rows)
        # Then the gate, as in `allowed`, once for each distinct (pair, TLP, PAP, mark); ``which`` is its pair.
        kinds, kind = _distinct(some, pair.ravel().astype(np.int32), marks)
        numbers = []
        for which, tlp, pap, mark, _ in kinds:
            decision, at = pairs[which].tolist()
            teams = next_asked(
                self.router.decision(decision),
                self.teams,
                to=to,
                country=str(countries[at]) or self.settings.node.country,
            )
            allowed, _ = allowed_teams(tlp, pap, teams, own=self.own, local=self.rules.local(mark))
            numbers.append(self.sets.number(allowed))
        # kind → set of teams, spread over the events, put where they stand in the batch; all others stay 0.
        found[rows] = np.array(numbers, dtype=np.int32)[kind]
        return found

    def _reached(self, seen: SightingResult, asked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Per problem that is asked for, whether the mail that first told of it has left for a team."""
        with self.database.begin() as session:
            sent = sent_to(session, np.unique(seen.first_told_by[asked]).tolist())
        found = np.zeros(len(asked), dtype=bool)
        places = np.flatnonzero(asked)
        # A digest of that ingest went to a team of this problem's set; a team of another problem does not count.
        told = zip(seen.first_told_by[places].tolist(), seen.told_set[places].tolist(), strict=True)
        found[places] = [not sent[ingest].isdisjoint(self.sets.members[of]) for ingest, of in told]
        return found

    @property
    def own(self) -> frozenset[str]:
        """The keys of the teams in our own organisation."""
        return frozenset(self.settings.node.own_teams)

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

    def _verdict(self, audience: int, tlp: str, pap: str, mark: int, quiet: tuple[int, ...]) -> _Verdict:
        key = (audience, tlp, pap, mark, quiet)
        if key not in self._verdicts:
            teams = set(self.router.audience(audience))
            if mark:
                teams |= numbers_of(self.rules.informs(mark), self._numbers) - set(quiet)
            asked = [self.teams[team] for team in sorted(teams)]
            allowed, stopped = allowed_teams(tlp, pap, asked, own=self.own, local=self.rules.local(mark))
            self._verdicts[key] = _Verdict(
                self.sets.number(teams),
                self.sets.number(allowed),
                [WithheldKey(team, verdict.rule, tlp) for team, verdict in stopped],
            )
        return self._verdicts[key]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The numbers of the teams that rules tell more, by key."""
        wanted = self.rules.document.teams
        return {team.key: team.id for team in self.teams.values() if team.key in wanted} if wanted else {}

    def _quiet(self, frame: pl.DataFrame) -> pl.Series | None:
        """For each event the teams that rules may tell more and that mute it; None where none mutes anything."""
        if not self._muting:
            return None
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

    def owed(self, told: npt.NDArray[np.integer]) -> Counter[int]:
        """How many events each team is told, by the numbers of the sets that events are told to."""
        owed: Counter[int] = Counter()
        for number, events in zip(*(part.tolist() for part in np.unique(told, return_counts=True)), strict=True):
            for team in self.sets.members[number]:
                owed[team] += events
        return owed


def _distinct(
    frame: pl.DataFrame, audiences: Int32s, marks: pl.Series | None, quiet: pl.Series | None = None
) -> tuple[list[tuple[int, str, str, int, tuple[int, ...]]], npt.NDArray[np.intp]]:
    """The distinct (audience, TLP, PAP, mark, quiet teams) of the events, and for each event which is its own."""
    labels = frame.select(
        pl.Series("audience", audiences),
        pl.col("tlp").fill_null(""),
        pl.col("pap").fill_null(""),
        pl.lit(0, pl.UInt64).alias("mark") if marks is None else marks.alias("mark"),
        pl.lit([], pl.List(pl.Int64)).alias("quiet") if quiet is None else quiet.alias("quiet"),
    )
    distinct = labels.unique(maintain_order=True).with_row_index("kind")
    kind = labels.join(distinct, on=labels.columns, maintain_order="left")["kind"].to_numpy()
    return [(*row[:-1], tuple(row[-1])) for row in distinct.select(labels.columns).iter_rows()], kind


def _column(verdicts: list[_Verdict], name: str) -> Int32s:
    return np.fromiter((getattr(verdict, name) for verdict in verdicts), dtype=np.int32, count=len(verdicts))
