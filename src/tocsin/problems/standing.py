"""Where each problem with stored events is now: facts, notes, what teams answered, mutes, and when it is due."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, usable_mailboxes
from tocsin.directory import DIRECTORY_VERSION, Mute, merged_teams, teams_by_id
from tocsin.events import EventStore, TeamSet
from tocsin.node.cache import Cache, PacedValue
from tocsin.node.records import Database, Tombstone
from tocsin.problems.answers import Answer, AnswerStanding, NewestAnswers, ProblemState, numbered_answers, read_answers
from tocsin.problems.asked_times import AskedTimes, deadlines, with_requests_by_hand
from tocsin.problems.current import NEWEST_COMMITTED
from tocsin.problems.delivery_outcomes import OUTCOMES_VERSION, PLACE, DeliveryOutcomes, NotificationState
from tocsin.problems.manual_notifications import ManualNotification, manual_notifications
from tocsin.problems.notification import NotificationFacts, RoutedSet, TeamRoles, read_roles, tellings_of, with_noted
from tocsin.problems.table import ProblemFacts, ProblemFactsReader
from tocsin.problems.track import NOTES, Tracker, gone_since
from tocsin.sharing.rules import muted

Int64s = npt.NDArray[np.int64]

STATES: Final = tuple(ProblemState)
"""A problem's ``state`` is a place in these."""

_PLACE: Final = {state: place for place, state in enumerate(STATES)}
_FRESH: Final = timedelta(minutes=10)  # answers and mutes end by their date; that may be noticed a bit later
_MANY: Final = 10_000  # problems; where there are fewer, all of them are looked at after each change
_FEW: Final = 20  # less than one in so many is few
_SECONDS: Final = 2**31 - 1  # times are below it until 2038
_NOTED: Final = (
    *("first_seen", "last_seen", "sightings", "met_by"),
    *("told_at", "told_by", "first_told_at", "first_told_by", "told_set", "tellings", "escalated_by"),
)
_NEWEST: Final = select(
    DIRECTORY_VERSION,
    *NEWEST_COMMITTED,
    *(select(func.max(of)).scalar_subquery() for of in (Answer.id, Delivery.id, Tombstone.id)),
    select(func.max(ManualNotification.id)).scalar_subquery(),
    select(func.count(ManualNotification.id)).scalar_subquery(),
    *OUTCOMES_VERSION,
    select(func.max(Delivery.sent_at)).scalar_subquery(),
)
"""All that `StandingKey` has of the records, in one question: most pages of problems ask it several times."""


@dataclass(frozen=True)
class StandingKey:
    """What a standing hangs on; while it is the same, the standing is."""

    events: int
    ingest: int
    answer: int
    delivery: int
    purged: int
    sent: int
    directory: str
    outcomes: tuple[int, ...] = ()


@dataclass(frozen=True)
class ProblemStandings:
    """The problems at a moment.

    ``frame``: the rows of `ProblemFacts`, with their notes (`NOTES`; times in seconds since 1970 UTC), and besides:
    ``gone_at`` (0: it goes on), ``state`` (a place in `STATES`), ``muted`` (each responsible team mutes it),
    ``notification`` (a place in `NOTIFICATION_STATES`), ``notified`` (so many of the ``asked`` responsible teams were),
    ``notified_at`` (the first of them, 0: none), ``due`` (until when a fix is asked for, see `deadlines`; 0: no
    responsible team was notified, or it is gone), and ``teams`` (the set of teams that must know, 0: none).
    ``members``: the teams of each set, those that mute it too. ``said``: the newest answer of each team to each
    problem. ``told``: what the notifications hang on.
    """

    key: StandingKey
    at: datetime
    frame: pl.DataFrame
    facts: ProblemFacts
    members: Mapping[int, tuple[int, ...]]
    said: NewestAnswers
    told: NotificationFacts
    _orders: dict[str, npt.NDArray[np.intp]] = field(default_factory=dict)

    @cached_property
    def breadth(self) -> Mapping[int, int]:
        """In how many of the sets each team is."""
        return Counter(chain.from_iterable(self.members.values()))

    def said_at(self, places: npt.NDArray[np.intp]) -> dict[int, tuple[AnswerStanding, ...]]:
        """How the newest answer of each team stands, by problem, of those at these places that somebody answered."""
        answered = places[np.isin(self.frame["key"].to_numpy()[places], self.said.keys)]
        return self.said.standings(self.frame.select("key", "last_seen", "gone_at")[answered].iter_rows())

    def order(self, first: str, *, last_first: bool = False) -> npt.NDArray[np.intp]:
        """The places of all rows by a column, the least first, or the greatest; of the same, those seen last first.

        What has 0 in the column comes at the end.
        """
        if first not in self._orders:
            values, seen = (self.frame[name].to_numpy().astype(np.int64) for name in (first, "last_seen"))
            self._orders[first] = np.argsort(rank(values, seen, last_first=last_first), kind="stable")
        return self._orders[first]

    def ordered(self, places: npt.NDArray[np.intp], first: str, *, last_first: bool = False) -> npt.NDArray[np.intp]:
        """These places (ascending) as `order` has them."""
        if self.are_few(places):
            values, seen = (self.frame[name].to_numpy()[places].astype(np.int64) for name in (first, "last_seen"))
            return places[np.argsort(rank(values, seen, last_first=last_first), kind="stable")]
        order = self.order(first, last_first=last_first)
        if len(places) == len(order):
            return order
        wanted = np.zeros(len(order), dtype=np.bool_)
        wanted[places] = True
        return order[wanted[order]]

    def are_few(self, places: npt.NDArray[np.intp]) -> bool:
        """Whether rows at so many places are sooner looked at by themselves than all rows."""
        return len(places) < self.frame.height // _FEW

    def with_set(self, column: str, sets: Collection[int]) -> npt.NDArray[np.intp]:
        """The places of the problems that have one of these sets of teams in a column, ascending."""
        numbers = self.frame[column].to_numpy()
        wanted = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.bool_)
        wanted[[number for number in sets if number < len(wanted)]] = True
        return np.flatnonzero(wanted[numbers])


def rank(values: npt.NDArray[np.int64], seen: npt.NDArray[np.int64], *, last_first: bool) -> npt.NDArray[np.int64]:
    """One number of 63 bits for each pair, in the order of `ProblemStandings.order`: it sorts far sooner than two."""
    values = _SECONDS - values if last_first else np.where(values == 0, _SECONDS, values)
    return values << 32 | _SECONDS - seen


class ProblemStandingsReader:
    """Reads where the problems of a node are; what it read stays until something changes."""

    def __init__(
        self, database: Database, store: EventStore, tracker: Tracker, *, file: Path, gone_after_days: int
    ) -> None:
        self._database, self._store, self._tracker = database, store, tracker
        self._gone_after_days = gone_after_days
        self.facts = ProblemFactsReader(store, file)
        self._asked = AskedTimes(), AskedTimes()  # by whom problems were told first, and last
        self._outcomes = DeliveryOutcomes()
        self._directory = ("", _DirectoryFacts())
        self._paced: Cache[PacedValue[ProblemStandings]] = Cache(1, turn=threading.Lock())
        self._answered: Cache[ProblemStandings] = Cache(1)

    def read(self, now: datetime) -> ProblemStandings:
        """Where they are now; where they are many, a moment ago, but for what teams answered and what was purged."""
        key = self.version()
        must = (key.purged, key.directory, now.timestamp() // _FRESH.total_seconds())
        may = replace(key, answer=0)
        make = partial(self._renewed, key, now)
        known = self._paced.get("", lambda: PacedValue(must, may, make, _is_large)).get(must, may, make)
        if known.key.answer >= key.answer:
            return known
        return self._answered.get((known.key, known.at, key.answer), lambda: self._with_answers(known, key, now))

    def version(self) -> StandingKey:
        """What they hang on now."""
        with self._database.reading() as session:
            version, *numbers, sent_at = session.execute(_NEWEST).one()
        ingest, run, answer, delivery, purged, *outcomes = (number or 0 for number in numbers)
        sent = int(sent_at.timestamp() * 1_000_000) if sent_at else 0
        return StandingKey(
            self._store.table.version(), max(ingest, run), answer, delivery, purged, sent, version, tuple(outcomes)
        )

    def _renewed(self, key: StandingKey, now: datetime) -> ProblemStandings:
        facts = self.facts.read()
        found, notes = self._tracker.files.lookup(facts.frame["key"].to_numpy(), up_to=key.ingest)
        found &= notes[:, NOTES.index("sightings")] > 0
        frame = facts.frame
        if not found.all():  # stored meanwhile, and committed in a moment
            frame, notes = frame.filter(pl.Series(found)), notes[found]
        columns = {name: notes[:, NOTES.index(name)].astype(np.int64) for name in _NOTED}
        directory = self._directory_now(key.directory)
        keys, routed, before = (frame[name].to_numpy() for name in ("key", "routed", "before"))
        with self._database.reading() as session:
            runs = self._tracker.runs.read(session, up_to=key.ingest)
            gone_at = gone_since(notes, runs, after_days=self._gone_after_days)
            sets = _sets(session, directory.roles)
            members = {number: of.teams for number, of in sets.items()}
            answering, of = {number: one.responsible for number, one in sets.items()}, before.astype(np.int64)
            quiet = _quiet(frame, directory.mutes, members, now)
            first, last = (
                asked.read(session, np.where(gone_at == 0, columns[name], 0), of, answering, up_to=key.delivery)
                for asked, name in zip(self._asked, ("first_told_by", "told_by"), strict=True)
            )
            by_hand = _by_hand(session, keys)
            lost = routed == 0
            must_know = np.where(lost, before, routed).astype(np.int64)
            tellings = with_noted(*tellings_of(facts.tellings, keys), columns)
            told = NotificationFacts(must_know, lost, *tellings, by_hand, quiet, sets, directory.merged)
            codes = told.codes()
            told = replace(told, outcomes=(codes, *self._outcomes.read(session, codes, directory.reachable)))
        notified = told.of_problems()
        is_asked = (notified.notified > 0) & (gone_at == 0)
        due = with_requests_by_hand(deadlines(frame, first, last), frame, by_hand, (first, last))
        said = NewestAnswers.of(read_answers(self._database), partial(numbered_answers, self._database))
        gone = gone_at > 0
        is_muted = _all_muted(told)
        state = said.states(_unanswered(notified.state, gone), keys, columns["last_seen"], gone, now)
        made = frame.with_columns(
            *(pl.Series(name, columns[name]) for name in _NOTED),
            pl.Series("gone_at", gone_at),
            pl.Series("state", state),
            pl.Series("muted", is_muted & (gone_at == 0)),
            pl.Series("notification", notified.state),
            pl.Series("notified", notified.notified),
            pl.Series("asked", notified.asked),
            pl.Series("notified_at", notified.since),
            pl.Series("due", np.where(is_asked, due, 0)),
            # Routing leaves out who mutes it, and the others are not asked in their place.
            pl.Series("teams", np.where((routed == 0) & is_muted, before, routed)),
        )
        return ProblemStandings(key, now, made, facts, members, said, told)

    def _with_answers(self, known: ProblemStandings, key: StandingKey, now: datetime) -> ProblemStandings:
        """The same with what teams said since, or withdrew."""
        said = NewestAnswers.of(read_answers(self._database), partial(numbered_answers, self._database))
        names = ("key", "last_seen", "gone_at", "notification")
        keys, last_seen, gone_at, notification = (known.frame[name].to_numpy() for name in names)
        gone = gone_at > 0
        states = said.states(_unanswered(notification, gone), keys, last_seen, gone, now)
        frame = known.frame.with_columns(pl.Series("state", states))
        return replace(known, key=replace(known.key, answer=key.answer), frame=frame, said=said)

    def _directory_now(self, version: str) -> "_DirectoryFacts":
        if self._directory[0] != version:
            teams = teams_by_id(self._database)
            with self._database.reading() as session:
                merged, roles = merged_teams(session), read_roles(session)
            mutes = {number: team.mutes for number, team in teams.items() if team.mutes}
            reachable = frozenset(number for number, team in teams.items() if usable_mailboxes(team.mailboxes))
            self._directory = (version, _DirectoryFacts(mutes, reachable, merged, roles))
        return self._directory[1]


@dataclass(frozen=True)
class _DirectoryFacts:
    """What the directory says of teams, by number; ``merged``: the team that one is now."""

    mutes: Mapping[int, tuple[Mute, ...]] = field(default_factory=dict)
    reachable: frozenset[int] = frozenset()
    merged: Mapping[int, int] = field(default_factory=dict)
    roles: TeamRoles = field(default_factory=TeamRoles)


def _is_large(standings: ProblemStandings) -> bool:
    return standings.frame.height > _MANY


def _unanswered(notification: npt.NDArray[np.uint8], gone: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The place in `STATES` of each problem, were it that nobody said anything."""
    told = notification == PLACE[NotificationState.NOTIFIED]
    unanswered = np.where(told, _PLACE[ProblemState.TOLD], _PLACE[ProblemState.NEW])
    return np.where(gone, _PLACE[ProblemState.GONE], unanswered).astype(np.uint8)


def _sets(session: Session, roles: TeamRoles) -> dict[int, RoutedSet]:
    """The sets of teams that events point to; of those that were noted without roles, by what the directory says."""
    found = {}
    rows = select(TeamSet.number, TeamSet.members, TeamSet.informed, TeamSet.muted)
    for number, members, informed, quiet in session.execute(rows):
        if informed is None:
            found[number] = RoutedSet(tuple(members), roles.of_old_set(tuple(members)))
        else:
            only = set(informed)
            answering = tuple(sorted({*(team for team in members if team not in only), *quiet}))
            found[number] = RoutedSet(tuple(sorted({*members, *quiet})), answering, frozenset(quiet))
    return found


def _by_hand(session: Session, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.intp], Int64s, Int64s]:
    """The places of the problems that persons notified teams of, the teams and the times."""
    of, teams, times = manual_notifications(session)
    at = np.searchsorted(keys, of)
    known = np.flatnonzero(np.append(keys, np.uint64(0))[at] == of)
    known = known[at[known] < len(keys)]
    return at[known].astype(np.intp), teams[known], times[known]


def _quiet(
    frame: pl.DataFrame, mutes: Mapping[int, tuple[Mute, ...]], members: Mapping[int, tuple[int, ...]], now: datetime
) -> dict[int, npt.NDArray[np.intp]]:
    """For each team that mutes something now the sorted places of the problems that it must know of and mutes."""
    routed, before = frame["routed"].to_numpy(), frame["before"].to_numpy()
    sets = np.where(routed > 0, routed, before)
    quiet = {}
    for team, of in mutes.items():
        held = [mute for mute in of if mute.holds(now)]
        mine = np.array([number for number, teams in members.items() if team in teams], dtype=np.int32)
        rows = np.flatnonzero(np.isin(sets, mine)) if held else np.zeros(0, dtype=np.intp)
        if len(rows):
            quiet[team] = rows[muted(frame[rows], held).to_numpy()]
    return quiet


def _all_muted(told: NotificationFacts) -> npt.NDArray[np.bool_]:
    """Whether each responsible team of a problem mutes it now; not where there is none."""
    asked, silent = (np.zeros(len(told.sets), dtype=np.int32) for _ in range(2))
    quiet = {told.names.get(team, team): places for team, places in told.quiet.items()}
    for here, team in told.teams_in_turn() if quiet else ():
        asked[here] += 1
        for number, places in quiet.items():
            silent[here[(team == number) & np.isin(here, places)]] += 1
    found: npt.NDArray[np.bool_] = (asked > 0) & (silent == asked)
    return found
