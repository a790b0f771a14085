"""The course of problems: heard, told, answered, seen again or gone."""

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
from tocsin.events import COLUMNS, TOLD_IN, EventHistory, EventQuery, EventStore, Ingest, TeamSet, repeats_of
from tocsin.node.records import Database
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
        signed = key - 2**64 if key >= 2**63 else key
        events = self.store.scan(EventQuery(ranges=ranges)).filter(pl.col("problem") == signed).collect()
        return self._of_key(key, events, now)

    def without_events(self, key: int, *, now: datetime) -> Course | None:
        """The same of a problem no event of which is stored."""
        return self._of_key(key, pl.DataFrame(schema=COLUMNS), now)

    def with_steps(self, course: Course, events: EventHistory) -> Course:
        """The course of a problem with all that happened to it, ``events`` being its own."""
        heard = {} if events.first is None else {course.key: events.first}
        told = [(course.key, *one) for one in events.told]
        with self.database.reading() as session:
            steps = _steps(session, heard, told, {course.key: course.gone_at}, {course.key: course.said})
        return replace(course, steps=tuple(steps[course.key]))

    def _of_key(self, key: int, events: pl.DataFrame, now: datetime) -> Course | None:
        courses = self._whole(events, np.array([key], dtype=np.uint64), now)
        return courses[0] if courses else None

    def _whole(self, events: pl.DataFrame, keys: npt.NDArray[np.uint64], now: datetime) -> list[Course]:
        with self.database.reading() as session:
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=keys)
            said = _said(session, known)
            gone = {
                key: _time(at) if at else None
                for key, at in zip(known.keys.tolist(), known.gone_at.tolist(), strict=True)
            }
            steps = _steps(session, *_of_events(session, events), gone, said)
        states = _states(known, said, now)
        last = events.drop_nulls("problem").sort("ingest", "row").unique("problem", keep="last", maintain_order=True)
        courses = self._described(known, np.arange(len(known.keys)), self._named(last), states, said)
        return [replace(course, steps=tuple(steps.get(course.key, ()))) for course in courses]

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

    def _names(self, known: KnownProblems, chosen: npt.NDArray[np.intp]) -> _Named:
        """Where and what problems are, and who must know of them, by the ingest that saw each last."""
        keys, seen_by = known.keys[chosen].view(np.int64), set(known.column("seen_by")[chosen].tolist())
        events = self.store.scan(ingests=seen_by).filter(pl.col("problem").is_in(keys.tolist()))
        return self._named(events.collect().unique("problem", keep="last", maintain_order=True))

    def _named(self, last: pl.DataFrame) -> _Named:
        """The same from an event of each."""
        with self.database.reading() as session:
            members = _members(session, last["routed"].drop_nulls().unique().to_list())
        found = last["problem"].to_numpy().view(np.uint64).tolist()
        words = problem_words(last).select("where", "port", "what").iter_rows()
        names = {key: ProblemName(*name) for key, name in zip(found, words, strict=True)}
        return names, {key: members.get(number, ()) for key, number in zip(found, last["routed"], strict=True)}


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


def _of_events(session: Session, events: pl.DataFrame) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """The ingest that was the first to name each problem, and all that told one, as `_steps` takes them."""
    heard = events.group_by("problem").agg(pl.col("ingest").min()).iter_rows()
    first = events.filter(pl.col("told") > 0).select("problem", TOLD_IN.alias("ingest"), "told")
    again = events.select("ingest", "row", "problem").join(repeats_of(session), on=["ingest", "row"])
    told = pl.concat([first, again.select("problem", pl.col("notified_in").alias("ingest"), "told")]).unique()
    return {_unsigned(key): ingest for key, ingest in heard}, [(_unsigned(key), *one) for key, *one in told.iter_rows()]


def _steps(
    session: Session,
    heard: Mapping[int, int],
    told: Sequence[tuple[int, int, int]],
    gone: Mapping[int, datetime | None],
    said: Mapping[int, Sequence[AnswerStanding]],
) -> dict[int, list[CourseStep]]:
    """All that happened to each of the problems of ``gone``, in order of time.

    ``heard``: the ingest that was the first to name each; ``told``: problem, ingest or run, and set of teams; ``gone``:
    since when each is.
    """
    steps: dict[int, list[CourseStep]] = {key: [] for key in gone}
    for key, step in [*_heard(session, heard), *_told(session, told)]:
        if key in steps:
            steps[key].append(step)
    for answer, keys in answered(session):
        for key in steps.keys() & set(keys):
            steps[key].append(_answer_step(session, answer))
    for key, standing in ((key, one) for key, of in said.items() if key in steps for one in of):
        if standing.outcome is AnswerOutcome.CONTRADICTED and standing.since:
            steps[key].append(CourseStep(standing.since, "contradicted", standing.answer.team_id))
    for key, gone_at in gone.items():
        if gone_at:
            steps[key].append(CourseStep(gone_at, "gone"))
    return {key: sorted(of, key=lambda step: step.at) for key, of in steps.items()}


def _heard(session: Session, firsts: Mapping[int, int]) -> list[tuple[int, CourseStep]]:
    began = select(Ingest.number, Ingest.started_at).where(Ingest.number.in_(set(firsts.values())))
    started = dict(session.execute(began).all())
    return [
        (key, CourseStep(started[ingest], "heard", ingest=ingest))
        for key, ingest in firsts.items()
        if ingest in started
    ]


def _told(session: Session, told: Sequence[tuple[int, int, int]]) -> list[tuple[int, CourseStep]]:
    members = _members(session, {number for *_, number in told})
    teams = {team for of in members.values() for team in of}  # an ingest may owe something to thousands of others
    items = (
        select(DeliveryItem.ingest, DeliveryItem.team_id, Delivery)
        .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(DeliveryItem.ingest.in_({ingest for _, ingest, _ in told}), DeliveryItem.team_id.in_(teams))
    )
    bound = {(ingest, team): delivery for ingest, team, delivery in session.execute(items)}
    steps: dict[tuple[int, int], CourseStep] = {}
    for key, ingest, number in told:
        for team in members.get(number, ()):
            delivery = bound.get((ingest, team))
            if delivery is not None and delivery.sent_at is not None:
                steps[key, delivery.id] = CourseStep(delivery.sent_at, "told", team, delivery)
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
