"""The problems of a node, found by what is asked: counted, sorted, a page at a time, for a selection.

All of it comes from one table in memory (`tocsin.problems.standing`); no event is read for a list.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.delivery import SEVERITIES, problem_words
from tocsin.directory import teams_called
from tocsin.events import (
    EventFilter,
    EventQuery,
    EventStore,
    Label,
    find_listings,
    is_cve,
    list_changed,
    named_cves,
    within,
)
from tocsin.node.cache import Cache
from tocsin.node.errors import UsageError
from tocsin.node.records import Database
from tocsin.node.sentences import say
from tocsin.problems.answers import AnswerStanding, Course, OpenProblems, ProblemName, ProblemState, same_team
from tocsin.problems.delivery_outcomes import NOTIFICATION_STATES, NotificationState
from tocsin.problems.notification import TeamNotification
from tocsin.problems.problem_names import problem_text
from tocsin.problems.search import NO_TEAM, ProblemSearch, ProblemSort, ProblemStatus, is_overdue, status_of
from tocsin.problems.standing import STATES, ProblemStandings, ProblemStandingsReader, StandingKey, rank
from tocsin.problems.table import CVES, FEED, KIND
from tocsin.problems.track import Tracker

_LISTS: Final = 64 << 20  # bytes of lists that are kept
_SUGGESTED: Final = 600  # seconds that the teams are suggested that had most open problems
_OTHERS: Final = ("source.fqdn", "source.url", "source.account")  # of what problems are named by, if not by these
_OPEN: Final = ProblemSearch(state=ProblemStatus.OPEN)
_SORTED_BY: Final = {
    ProblemSort.SEEN: ("last_seen", True),
    ProblemSort.DUE: ("due", False),
    ProblemSort.AGE: ("first_seen", False),
    ProblemSort.SEVERITY: ("severity", True),
}
"""The column of each order, and whether the greatest comes first."""

_NAMING: Final = (KIND[0], CVES)
"""The columns that name CVEs."""


@dataclass(frozen=True, slots=True)
class ListedProblem:
    """One problem as lists show it; times in UTC.

    ``state``: as its course has it; ``status``: the one word that a list names it by. ``due``: until when a fix is
    asked for, None where no responsible team was notified or it is gone. ``teams``: those that must know.
    ``notification``: how far the responsible teams were notified, ``notified`` of ``responsible`` of them;
    ``by_team``: each of them. ``cves``: the CVEs that its identifier and its lists of vulnerabilities name.
    """

    key: int
    where: str
    port: str
    what: str
    type: str
    identifier: str
    feed: str
    severity: str
    state: ProblemState
    status: ProblemStatus
    muted: bool
    overdue: bool
    first_seen: datetime
    last_seen: datetime
    sightings: int
    notification: NotificationState
    notified: int
    responsible: int
    by_team: tuple[TeamNotification, ...]
    gone_at: datetime | None
    due: datetime | None
    teams: tuple[int, ...]
    said: tuple[AnswerStanding, ...]
    at_address: bool
    cves: tuple[str, ...] = ()

    @property
    def event_filter(self) -> EventFilter:
        """What finds its events."""
        return EventFilter(problem=problem_text(self.key), address=self.where if self.at_address else "")

    def course(self) -> Course:
        """The same as a course, without its steps."""
        return Course(
            key=self.key, name=ProblemName(self.where, self.port, self.what), first_seen=self.first_seen,
            last_seen=self.last_seen, sightings=self.sightings, gone_at=self.gone_at, state=self.state,
            teams=self.teams, said=self.said, notification=self.notification, by_team=self.by_team,
        )  # fmt: skip


@dataclass(frozen=True)
class FoundProblems:
    """The problems that match, in order, as they were at ``now``."""

    standings: ProblemStandings
    places: npt.NDArray[np.intp]
    now: datetime
    sort: ProblemSort = ProblemSort.SEEN

    @property
    def total(self) -> int:
        """How many match."""
        return len(self.places)

    @property
    def up_to(self) -> int:
        """The newest ingest that these were found in; see `ProblemList.find`."""
        return self.standings.key.ingest

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        """All of them by key, in order."""
        found: npt.NDArray[np.uint64] = self.standings.frame["key"].to_numpy()[self.places]
        return found

    def some(self, first: int, limit: int) -> "FoundProblems":
        """A part of them."""
        return replace(self, places=self.places[first : first + limit])

    def place_of(self, row: ListedProblem) -> tuple[int, int, int]:
        """Where one of them stands, as `first_after` takes it: it stays the same while the problem does."""
        column, _ = _SORTED_BY[self.sort]
        at = int(np.searchsorted(self.standings.frame["key"].to_numpy(), np.uint64(row.key)))
        return int(self.standings.frame[column][at]), int(row.last_seen.timestamp()), row.key

    def first_after(self, place: Sequence[int]) -> int:
        """How many of them stand at this place or before it."""
        column, last_first = _SORTED_BY[self.sort]
        values, seen = (self.standings.frame[name].to_numpy()[self.places] for name in (column, "last_seen"))
        ranks = rank(values.astype(np.int64), seen, last_first=last_first)
        value, last, key = place
        (wanted,) = rank(np.array([value]), np.array([last]), last_first=last_first)
        low, high = (int(np.searchsorted(ranks, wanted, side=side)) for side in ("left", "right"))
        return low + int(np.searchsorted(self.keys[low:high], np.uint64(key), side="right"))

    def counted(self, limit: int) -> OpenProblems:
        """How many there are, of which kinds, and the first of them."""
        return OpenProblems(self.total, tuple(self.kinds()), tuple(row.course() for row in self.rows(0, limit)))

    def teams(self) -> Counter[int]:
        """How many of them each team must know of."""
        numbers, counts = np.unique(self.standings.frame["teams"].to_numpy()[self.places], return_counts=True)
        found: Counter[int] = Counter()
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            for team in self.standings.members.get(number, ()):
                found[team] += count
        return found

    def kinds(self) -> list[tuple[str, int]]:
        """How many of them there are of each type, most first."""
        types = self.standings.frame["classification.type"].gather(self.places).cast(pl.String)
        return [(kind or "", count) for kind, count in types.value_counts(sort=True).iter_rows()]

    def names(self) -> list[str]:
        """What they are: identifiers, else malware, else types, each once."""
        kinds = self.standings.frame.select(*KIND)[self.places].unique()
        return sorted(filter(None, {next(filter(None, row), "") for row in kinds.iter_rows()}))

    def at_their_addresses(self) -> "FoundProblems":
        """All problems at the addresses of these, gone ones and these among them, in the order of their keys."""
        halves = self.standings.frame.select("source.ip.hi", "source.ip.lo")[self.places].unique().rows()
        same = [(pl.col("source.ip.hi") == hi) & (pl.col("source.ip.lo") == lo) for hi, lo in halves if hi is not None]
        fits = self.standings.frame.select(pl.any_horizontal(pl.lit(value=False), *same).alias("fits")).to_series()
        places = fits.arg_true().to_numpy().astype(np.intp) if same else self.places
        return FoundProblems(self.standings, places, self.now)

    def rows(self, first: int = 0, limit: int | None = None) -> list[ListedProblem]:
        """Some of them, in order."""
        places = self.places[first : None if limit is None else first + limit]
        frame = self.standings.frame[places]
        asn = pl.lit(None, dtype=pl.Int64).alias("source.asn")  # where it names the asset, it is in ``source.network``
        texts = [pl.col(name).cast(pl.String) for name, of in frame.schema.items() if of == pl.Categorical]
        events = frame.with_columns(*texts, asn, *(pl.lit(None, dtype=pl.String).alias(name) for name in _OTHERS))
        words = problem_words(events).select("where", "port", "what").iter_rows()
        said = self.standings.said_at(places)
        rows = zip(words, events.iter_rows(named=True), self.standings.told.by_team(places), strict=True)
        return [self._row(names, row, said.get(row["key"], ()), by_team) for names, row, by_team in rows]

    def _row(
        self,
        names: tuple[str, str, str],
        row: dict[str, Any],
        said: tuple[AnswerStanding, ...],
        by_team: tuple[TeamNotification, ...],
    ) -> ListedProblem:
        where, port, what = names
        state, gone_at = STATES[row["state"]], _time(row["gone_at"])
        due = None if gone_at else _time(row["due"])
        overdue = is_overdue(state, due, self.now, muted=row["muted"])
        return ListedProblem(
            key=row["key"],
            where=where,
            port=port,
            what=what,
            type=row["classification.type"] or "",
            identifier=row["classification.identifier"] or "",
            feed=row["feed.code"] or "",
            severity=SEVERITIES[row["severity"]],
            state=state,
            status=status_of(state, muted=row["muted"], overdue=overdue),
            muted=row["muted"],
            overdue=overdue,
            first_seen=datetime.fromtimestamp(row["first_seen"], UTC),
            last_seen=datetime.fromtimestamp(row["last_seen"], UTC),
            sightings=row["sightings"],
            notification=NOTIFICATION_STATES[row["notification"]],
            notified=row["notified"],
            responsible=row["asked"],
            by_team=by_team,
            gone_at=gone_at,
            due=due,
            teams=self.standings.members.get(row["teams"], ()),
            said=said,
            at_address=row["source.ip.hi"] is not None,
            cves=tuple(named_cves(row[name] for name in _NAMING)),
        )


@dataclass(frozen=True, slots=True)
class _ListRequest:
    search: ProblemSearch
    now: datetime
    sort: ProblemSort
    labels: frozenset[Label] | None
    up_to: int | None
    list_changed: int


@dataclass(frozen=True)
class ProblemList:
    """Finds the problems of a node, for any number of threads.

    ``file``: see `ProblemFactsReader`; ``home``: where the context lists are.
    """

    database: Database
    store: EventStore
    tracker: Tracker
    file: Path
    gone_after_days: int
    home: Path
    _reader: ProblemStandingsReader = field(init=False)
    _found: Cache[npt.NDArray[np.intp]] = field(
        default_factory=lambda: Cache(_LISTS, lambda places: places.nbytes + 1_000)
    )

    _teams: Cache[list[int]] = field(default_factory=lambda: Cache(2))

    def __post_init__(self) -> None:
        reader = ProblemStandingsReader(
            self.database, self.store, self.tracker, file=self.file, gone_after_days=self.gone_after_days
        )
        object.__setattr__(self, "_reader", reader)

    def version(self) -> StandingKey:
        """What changes with anything that is known of problems."""
        return self._reader.version()

    def standings(self, now: datetime) -> ProblemStandings:
        """Where all problems with stored events are."""
        return self._reader.read(now)

    def find(
        self,
        search: ProblemSearch,
        *,
        now: datetime,
        sort: ProblemSort = ProblemSort.SEEN,
        labels: frozenset[Label] | None = None,
        up_to: int | None = None,
    ) -> FoundProblems:
        """The problems that match.

        ``labels``: only those of which every stored event carries one of these; None: all. ``up_to``: only those that
        were known when this ingest was the newest.
        """
        standings = self._reader.read(now)
        # To the minute, so that the pages of a list are one list.
        changed = list_changed(self.home, search.listed)
        asked = _ListRequest(search, now.replace(second=0, microsecond=0), sort, labels, up_to, changed)
        key = (standings.key, standings.at, asked)
        places = self._found.get(key, lambda: self._places(standings, asked))
        return FoundProblems(standings, places, now, sort)

    def check_listed(self, search: ProblemSearch) -> None:
        """Refuse a search by a context list that is not here.

        Raises:
            UsageError: there is none of that code.

        """
        if search.listed and not list_changed(self.home, search.listed):
            raise UsageError(
                say("There is no context list %(code)s.", code=search.listed),
                hint=say("The page Feeds has the lists that came in. KEV is called cisa_kev, EPSS first_epss."),
            )

    def among(self, keys: Collection[int], *, now: datetime) -> FoundProblems:
        """The problems with these keys, as far as events of them are stored; in the order of their keys."""
        standings = self._reader.read(now)
        wanted = np.array(sorted(keys), dtype=np.uint64)
        known = standings.frame["key"].to_numpy()
        at = np.searchsorted(known, wanted)
        inside = at < len(known)
        at, wanted = at[inside], wanted[inside]
        return FoundProblems(standings, at[known[at] == wanted].astype(np.intp), now)

    def states_for(self, team: int, keys: Collection[int], *, now: datetime) -> dict[int, NotificationState]:
        """How far a team was notified of each of these problems, of those that it answers for."""
        standings = self._reader.read(now)
        places, known = standings.frame["key"].to_numpy(), np.array(sorted(keys), dtype=np.uint64)
        at = np.flatnonzero(np.isin(places, known))
        found = zip(places[at].tolist(), standings.told.by_team(at), strict=True)
        return {key: one.state for key, of in found for one in of if one.team == team}

    def going_on(self, query: EventQuery, *, now: datetime, team_id: int | None = None) -> FoundProblems:
        """The problems that go on where a query asks, and were seen in its time, seen last first.

        ``team_id``: only those that this team must know of. Of a query, the addresses, the AS, the country, the domain
        and since when count; a country or a domain is looked for among the events, the rest in the table in memory.
        """
        standings = self._reader.read(now)
        conditions = [pl.col("gone_at") == 0]
        if query.country or query.domain:
            keys = self.store.collect(self.store.scan(query).select("problem").drop_nulls().unique())["problem"]
            conditions.append(pl.col("key").is_in(keys.reinterpret(signed=False).implode()))
        else:
            conditions += _places_of(query)
        places = _where(standings.frame, conditions)
        if team_id is not None:
            with self.database.reading() as session:
                numbers = same_team(session, team_id)
            sets = [number for number, of in standings.members.items() if not numbers.isdisjoint(of)]
            places = np.intersect1d(places, standings.with_set("teams", sets), assume_unique=True)
        return FoundProblems(standings, standings.ordered(places, "last_seen", last_first=True), now)

    def keep(self) -> None:
        """Keep on disk what events say of them, as they are now; for whoever writes the event table."""
        self._reader.facts.keep()

    def at(self, key: int, *, now: datetime) -> ListedProblem | None:
        """One problem; None where no event of it is stored."""
        return next(iter(self.among([key], now=now).rows()), None)

    def carries_only(self, key: int, labels: frozenset[Label], *, now: datetime) -> bool:
        """Whether every stored event of a problem carries one of these labels."""
        found = self.among([key], now=now)
        bits = found.standings.frame["labels"].gather(found.places).to_list()
        others = found.standings.facts.others(labels)
        return bool(bits) and not bits[0] & others

    def open_of(self, team: str, *, now: datetime, limit: int) -> OpenProblems:
        """The open problems of a team, by its key, as its list has them."""
        found = self.find(ProblemSearch(state=ProblemStatus.OPEN, team=team), now=now)
        return found.counted(limit)

    def told_to(self, teams: frozenset[int], *, now: datetime) -> FoundProblems:
        """The problems that one of these teams was notified of last, whatever became of them."""
        standings = self._reader.read(now)
        sets = [number for number, members in standings.members.items() if not teams.isdisjoint(members)]
        told = standings.with_set("told_set", sets)
        return FoundProblems(standings, told[standings.frame["told_by"].to_numpy()[told] > 0], now)

    def teams(self, now: datetime, most: int) -> list[int]:
        """The teams that have most open problems, most first, as it was at most ten minutes ago: a form suggests them.

        What was not so then is found all the same; and pages of events do not wait until all problems are looked at.
        """
        found = self._teams.get(now.timestamp() // _SUGGESTED, lambda: self._most(now)) or self._most(now)
        return found[:most]

    def _most(self, now: datetime) -> list[int]:
        return [team for team, _ in self.find(_OPEN, now=now).teams().most_common()]

    def kinds(self, now: datetime) -> Sequence[str]:
        """The identifiers, malware and types that there are."""
        texts = self._reader.read(now).facts.texts
        return sorted({text for name in KIND for text in texts[name]})

    def feeds(self, now: datetime) -> Sequence[str]:
        """The feeds that saw them last."""
        return self._reader.read(now).facts.texts[FEED]

    def _places(self, standings: ProblemStandings, asked: _ListRequest) -> npt.NDArray[np.intp]:
        conditions = [asked.search.condition(asked.now), *self._by_text(standings, asked.search)]
        if asked.labels is not None:
            others = pl.lit(standings.facts.others(asked.labels), dtype=pl.UInt64)
            conditions.append((pl.col("labels") & others) == 0)
        if asked.up_to is not None:
            conditions.append(pl.col("met_by") <= asked.up_to)
        column, last_first = _SORTED_BY[asked.sort]
        if asked.search.team:
            of_team = self._of_team(standings, asked.search.team)
            rest = standings.frame[of_team] if standings.are_few(of_team) else standings.frame
            places = _where(rest, conditions)
            places = (
                of_team[places] if rest is not standings.frame else np.intersect1d(of_team, places, assume_unique=True)
            )
        else:
            places = _where(standings.frame, conditions)
        return standings.ordered(places, column, last_first=last_first)

    def _by_text(self, standings: ProblemStandings, search: ProblemSearch) -> Iterator[pl.Expr]:
        texts = standings.facts.texts
        if search.kind:
            same = {name: [text for text in texts[name] if text.lower() == search.kind] for name in KIND}
            if is_cve(search.kind):
                same[CVES] = [text for text in texts[CVES] if search.kind.upper() in named_cves([text])]
            yield _says(same)
        if search.listed:
            named = {name: {text: named_cves([text]) for text in texts[name]} for name in _NAMING}
            every = {cve for of in named.values() for cves in of.values() for cve in cves}
            found = find_listings(self.home, every, code=search.listed)
            yield _says(
                {name: [text for text in of if not found.keys().isdisjoint(of[text])] for name, of in named.items()}
            )

    def _of_team(self, standings: ProblemStandings, team: str) -> npt.NDArray[np.intp]:
        """The places of the problems that a team must know of, by its key or name; `NO_TEAM`: that none must."""
        if team == NO_TEAM:
            return standings.with_set("teams", [0])
        with self.database.reading() as session:
            wanted = teams_called(session, team)
        sets = [number for number, members in standings.members.items() if not wanted.isdisjoint(members)]
        return standings.with_set("teams", sets)


def _says(texts: Mapping[str, Sequence[str]]) -> pl.Expr:
    """A condition that holds where one of these columns has one of its texts."""
    among = {name: pl.Series(of, dtype=pl.Categorical()).implode() for name, of in texts.items() if of}
    found = [pl.col(name).is_in(of).fill_null(value=False) for name, of in among.items()]
    return pl.any_horizontal(found) if found else pl.lit(value=False)


def _places_of(query: EventQuery) -> Iterator[pl.Expr]:
    """The conditions of a query on where problems are and when they were seen last."""
    if query.ranges:
        yield within(query.ranges).fill_null(value=False)
    if query.asn is not None:
        yield (pl.col("asn") == query.asn).fill_null(value=False)
    if query.since is not None:
        yield pl.col("last_seen") >= int(query.since.timestamp())


def _where(frame: pl.DataFrame, conditions: Sequence[pl.Expr]) -> npt.NDArray[np.intp]:
    """The places of the rows for which all conditions hold, ascending."""
    fits = frame.select(pl.all_horizontal(conditions).alias("fits")).to_series()
    if len(fits) != frame.height:  # nothing but a literal was asked
        return np.arange(frame.height if fits.all() else 0)
    return fits.arg_true().to_numpy().astype(np.intp)


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
