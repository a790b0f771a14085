"""The course of problems: heard, told, answered, seen again or gone."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem, problem_words
from tocsin.events import TOLD_IN, EventQuery, EventStore, Ingest, TeamSet, repeats_of
from tocsin.node.records import Database
from tocsin.problems.answers.digest_problems import same_team, sets_with
from tocsin.problems.answers.models import Answer, AnswerVerdict
from tocsin.problems.answers.outcome import AnswerOutcome, AnswerStanding, latest, standings
from tocsin.problems.answers.reminder_exemptions import answered
from tocsin.problems.current import KnownProblems, known_problems
from tocsin.problems.track import Tracker


class ProblemState(StrEnum):
    """Where a problem is in its course."""

    NEW = "new"  # heard; nobody was told yet
    TOLD = "told"  # somebody was told; nobody answered
    ACKNOWLEDGED = "acknowledged"
    SAID_FIXED = "said-fixed"
    SAID_FALSE = "said-false"
    ACCEPTED = "accepted"
    NOT_OURS = "not-ours"
    CONTRADICTED = "contradicted"  # seen again after a team said that it is fixed or not there
    GONE = "gone"  # its feed ran and no longer finds it


_OF_VERDICT = {
    AnswerVerdict.ACKNOWLEDGED: ProblemState.ACKNOWLEDGED,
    AnswerVerdict.FIXED: ProblemState.SAID_FIXED,
    AnswerVerdict.FALSE: ProblemState.SAID_FALSE,
    AnswerVerdict.ACCEPTED: ProblemState.ACCEPTED,
    AnswerVerdict.NOT_OURS: ProblemState.NOT_OURS,
}


def state_of(said: Collection[AnswerStanding], *, told: bool, gone: bool, now: datetime) -> ProblemState:
    """Where a problem is; ``said``: how the newest answer of each team stands.

    Of several teams the newest answer counts, but one that was contradicted counts before all. *Accepted* counts until
    its date.
    """
    if gone:
        return ProblemState.GONE
    if any(one.outcome is AnswerOutcome.CONTRADICTED for one in said):
        return ProblemState.CONTRADICTED
    holding = [
        one
        for one in said
        if one.verdict is not AnswerVerdict.ACCEPTED or one.answer.until is None or one.answer.until > now
    ]
    if holding:
        return _OF_VERDICT[max(holding, key=lambda one: (one.answer.at, one.answer.id or 0)).verdict]
    return ProblemState.TOLD if told else ProblemState.NEW


@dataclass(frozen=True, slots=True)
class ProblemName:
    """Where and what a problem is, in words."""

    where: str
    port: str
    what: str


_UNKNOWN = ProblemName("?", "", "?")
_Named: TypeAlias = tuple[
    dict[int, ProblemName], dict[int, tuple[int, ...]]
]  # by problem: its name, and the teams concerned


@dataclass(frozen=True, slots=True)
class CourseStep:
    """One thing that happened to a problem: ``heard``, ``told``, a verdict, ``contradicted`` or ``gone``.

    ``delivery``: the digest that told it or was answered. ``team_id``: who was told or said so. ``ingest``: the report
    that was the first to name it.
    """

    at: datetime
    what: str
    team_id: int | None = None
    delivery: Delivery | None = None
    note: str = ""
    ingest: int | None = None


@dataclass(frozen=True)
class Course:
    """A problem and where it is. Times in UTC, ``gone_at`` None while it goes on; ``steps`` only where asked for."""

    key: int
    name: ProblemName
    first_seen: datetime
    last_seen: datetime
    sightings: int
    gone_at: datetime | None
    state: ProblemState
    teams: tuple[int, ...]
    said: tuple[AnswerStanding, ...]
    steps: tuple[CourseStep, ...] = field(default=())


@dataclass(frozen=True)
class OpenProblems:
    """Problems that go on: how many, how many of each ``classification.type``, and those seen last, newest first."""

    total: int
    kinds: tuple[tuple[str, int], ...]
    newest: tuple[Course, ...]


_NEEDED = (
    "ingest", "row", "problem", "routed", "told", "notified_in", "source.ip.hi", "source.ip.lo", "source.port",
    "source.network", "source.fqdn", "source.url", "source.asn", "source.account", "protocol.transport",
    "classification.identifier", "classification.type", "malware.name",
)  # fmt: skip
"""What the course of a problem takes of its events."""


@dataclass(frozen=True)
class Courses:
    """Tells the courses of the problems of a node."""

    database: Database
    store: EventStore
    tracker: Tracker
    gone_after_days: int

    def at(self, ranges: Sequence[tuple[int, int, int, int]], *, now: datetime) -> list[Course]:
        """The problems of some addresses, with all their steps. ``ranges``: as in `EventQuery`."""
        events = self.store.find(EventQuery(ranges=ranges))
        keys = np.unique(events["problem"].drop_nulls().to_numpy().view(np.uint64))
        return self._whole(events, keys, now)

    def of(self, key: int, ranges: Sequence[tuple[int, int, int, int]], *, now: datetime) -> Course | None:
        """One problem with all its steps, also where no event of it is stored; None where it was never seen.

        ``ranges``: where its events are, as in `EventQuery`; none: anywhere, which takes longer.
        """
        return self.told_by(key, self.events_of(key, ranges), now=now)

    def told_by(self, key: int, events: pl.DataFrame, *, now: datetime) -> Course | None:
        """The same from all its events, as `events_of` gives them."""
        courses = self._whole(events, np.array([key], dtype=np.uint64), now)
        return courses[0] if courses else None

    def events_of(
        self, key: int, ranges: Sequence[tuple[int, int, int, int]], also: Collection[str] = ()
    ) -> pl.DataFrame:
        """The events of one problem, in no order, with what its course takes of them and some columns besides."""
        signed = key - 2**64 if key >= 2**63 else key
        found = self.store.scan(EventQuery(ranges=ranges)).filter(pl.col("problem") == signed)
        return found.select(*dict.fromkeys((*_NEEDED, *also))).collect()

    def _whole(self, events: pl.DataFrame, keys: npt.NDArray[np.uint64], now: datetime) -> list[Course]:
        with self.database.reading() as session:
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=keys)
            said = _said(session, known)
            steps = _steps(session, events, known, said)
        states = _states(known, said, now)
        last = events.drop_nulls("problem").sort("ingest", "row").unique("problem", keep="last", maintain_order=True)
        courses = self._described(known, np.arange(len(known.keys)), self._named(last), states, said)
        return [replace(course, steps=tuple(steps.get(course.key, ()))) for course in courses]

    def open_in(
        self,
        query: EventQuery,
        *,
        now: datetime,
        team_id: int | None = None,
        files: Collection[str] | None = None,
        limit: int = 50,
    ) -> "OpenProblems":
        """The problems of the events that match, and that a team must know of where asked for, as far as they go on.

        ``files``: those of the event table that events are looked for in; None for all.
        """
        if files is not None and not files:
            return OpenProblems(0, (), ())
        events = self.store.scan(query, files=files)
        with self.database.reading() as session:
            if team_id is not None:
                events = events.filter(pl.col("routed").is_in(sets_with(session, same_team(session, team_id))))
            types = events.select("problem", "classification.type").drop_nulls("problem").unique("problem").collect()
            keys = types["problem"].to_numpy().view(np.uint64)
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=keys)
            said = _said(session, known)
        going_on = np.flatnonzero(known.gone_at == 0)
        kind_of = dict(zip(keys.tolist(), types["classification.type"].to_list(), strict=True))
        kinds = Counter(kind_of.get(key) or "" for key in known.keys[going_on].tolist())
        newest = going_on[np.argsort(-known.column("last_seen")[going_on], kind="stable")][:limit]
        names = self._names(known, newest, query)
        courses = self._described(known, newest, names, _states(known, said, now), said)
        return OpenProblems(len(going_on), tuple(kinds.most_common()), tuple(courses))

    def names(self, keys: Collection[int]) -> dict[int, ProblemName]:
        """Where and what each of these problems is; question marks where no event of it is stored any more."""
        with self.database.reading() as session:
            asked = np.array(sorted(keys), dtype=np.uint64)
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=asked)
        names, _ = self._names(known, np.arange(len(known.keys)))
        return {key: names.get(key, _UNKNOWN) for key in keys}

    @staticmethod
    def _described(
        known: KnownProblems,
        chosen: npt.NDArray[np.intp],
        named: _Named,
        states: Sequence[ProblemState],
        said: Mapping[int, Sequence[AnswerStanding]],
    ) -> list[Course]:
        names, teams = named
        columns = [known.column(name)[chosen].tolist() for name in ("first_seen", "last_seen", "sightings")]
        made = []
        for place, key, first, last, count in zip(chosen.tolist(), known.keys[chosen].tolist(), *columns, strict=True):
            gone_at = int(known.gone_at[place])
            course = Course(
                key=key,
                name=names.get(key, _UNKNOWN),
                first_seen=_time(first),
                last_seen=_time(last),
                sightings=count,
                gone_at=_time(gone_at) if gone_at else None,
                state=states[place],
                teams=teams.get(key, ()),
                said=tuple(said.get(key, ())),
            )
            made.append(course)
        return made

    def _names(self, known: KnownProblems, chosen: npt.NDArray[np.intp], within: EventQuery | None = None) -> _Named:
        """Where and what problems are, and who must know of them, by the ingest that saw each last.

        ``within``: they are looked for first among these events, which is sooner.
        """
        keys = known.keys[chosen].view(np.int64)
        last = self._last_events(keys, known.column("seen_by")[chosen], within)
        if within is not None:
            others = ~np.isin(keys, last["problem"].to_numpy())
            if others.any():
                rest = self._last_events(keys[others], known.column("seen_by")[chosen[others]])
                last = pl.concat([last, rest], how="diagonal")
        return self._named(last)

    def _named(self, last: pl.DataFrame) -> _Named:
        """The same from an event of each."""
        with self.database.reading() as session:
            members = _members(session, last["routed"].drop_nulls().unique().to_list())
        found = last["problem"].to_numpy().view(np.uint64).tolist()
        words = problem_words(last).select("where", "port", "what").iter_rows()
        names = {key: ProblemName(*name) for key, name in zip(found, words, strict=True)}
        return names, {key: members.get(number, ()) for key, number in zip(found, last["routed"], strict=True)}

    def _last_events(
        self, keys: npt.NDArray[np.int64], seen_by: npt.NDArray[np.int64], within: EventQuery | None = None
    ) -> pl.DataFrame:
        """An event of each of these problems, of the ingest that saw it last; none where it is not among these."""
        events = self.store.scan(within, ingests=set(seen_by.tolist())).filter(pl.col("problem").is_in(keys.tolist()))
        return events.collect().unique("problem", keep="last", maintain_order=True)


def _states(known: KnownProblems, said: Mapping[int, Sequence[AnswerStanding]], now: datetime) -> list[ProblemState]:
    told, gone = known.column("told_by") > 0, known.gone_at > 0
    return [
        state_of(said.get(key, ()), told=was_told, gone=is_gone, now=now)
        for key, was_told, is_gone in zip(known.keys.tolist(), told.tolist(), gone.tolist(), strict=True)
    ]


def _said(session: Session, known: KnownProblems) -> dict[int, list[AnswerStanding]]:
    """How the newest answer of each team stands, by problem; of known problems only."""
    facts = dict(
        zip(
            known.keys.tolist(),
            zip(known.column("last_seen").tolist(), known.gone_at.tolist(), strict=True),
            strict=True,
        )
    )
    said: dict[int, list[AnswerStanding]] = {}
    newest = {pair: answer for pair, answer in latest(answered(session)).items() if pair[1] in facts}
    for (_, key), standing in standings(newest, facts).items():
        said.setdefault(key, []).append(standing)
    return said


def _steps(
    session: Session, events: pl.DataFrame, known: KnownProblems, said: Mapping[int, Sequence[AnswerStanding]]
) -> dict[int, list[CourseStep]]:
    """All that happened to each of the known problems, in order of time."""
    steps: dict[int, list[CourseStep]] = {key: [] for key in known.keys.tolist()}
    for key, step in [*_heard(session, events), *_told(session, events)]:
        if key in steps:
            steps[key].append(step)
    for answer, keys in answered(session):
        for key in steps.keys() & set(keys):
            steps[key].append(_answer_step(session, answer))
    for key, standing in ((key, one) for key, of in said.items() if key in steps for one in of):
        if standing.outcome is AnswerOutcome.CONTRADICTED and standing.since:
            steps[key].append(CourseStep(standing.since, "contradicted", standing.answer.team_id))
    for key, gone_at in zip(known.keys.tolist(), known.gone_at.tolist(), strict=True):
        if gone_at:
            steps[key].append(CourseStep(_time(gone_at), "gone"))
    return {key: sorted(of, key=lambda step: step.at) for key, of in steps.items()}


def _heard(session: Session, events: pl.DataFrame) -> list[tuple[int, CourseStep]]:
    firsts = events.group_by("problem").agg(pl.col("ingest").min())
    started = dict(
        session.execute(
            select(Ingest.number, Ingest.started_at).where(Ingest.number.in_(firsts["ingest"].to_list()))
        ).all()
    )
    return [
        (_unsigned(key), CourseStep(started[ingest], "heard", ingest=ingest))
        for key, ingest in firsts.iter_rows()
        if ingest in started
    ]


def _told(session: Session, events: pl.DataFrame) -> list[tuple[int, CourseStep]]:
    first = events.filter(pl.col("told") > 0).select("problem", TOLD_IN.alias("ingest"), "told")
    again = events.select("ingest", "row", "problem").join(repeats_of(session), on=["ingest", "row"])
    told = pl.concat([first, again.select("problem", pl.col("notified_in").alias("ingest"), "told")]).unique()
    members = _members(session, told["told"].unique().to_list())
    teams = {team for of in members.values() for team in of}  # an ingest may owe something to thousands of others
    items = (
        select(DeliveryItem.ingest, DeliveryItem.team_id, Delivery)
        .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(DeliveryItem.ingest.in_(told["ingest"].unique().to_list()), DeliveryItem.team_id.in_(teams))
    )
    bound = {(ingest, team): delivery for ingest, team, delivery in session.execute(items)}
    steps: dict[tuple[int, int], CourseStep] = {}
    for key, ingest, number in told.iter_rows():
        for team in members.get(number, ()):
            delivery = bound.get((ingest, team))
            if delivery is not None and delivery.sent_at is not None:
                steps[_unsigned(key), delivery.id] = CourseStep(delivery.sent_at, "told", team, delivery)
    return [(key, step) for (key, _), step in steps.items()]


def _members(session: Session, numbers: Collection[int]) -> dict[int, tuple[int, ...]]:
    """The teams of these sets, as events name them."""
    rows = session.execute(select(TeamSet.number, TeamSet.members).where(TeamSet.number.in_(numbers)))
    return {number: tuple(members) for number, members in rows}


def _answer_step(session: Session, answer: Answer) -> CourseStep:
    return CourseStep(answer.at, answer.verdict, answer.team_id, session.get(Delivery, answer.delivery_id), answer.note)


def _unsigned(key: int) -> int:
    return key % 2**64


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
