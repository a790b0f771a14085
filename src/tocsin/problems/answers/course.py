"""The course of problems: heard, told, answered, seen again or gone."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem, problem_words, sent_to
from tocsin.events import EventHistory, EventStore, Ingest, TeamSet
from tocsin.node.records import Database
from tocsin.problems.answers.answer_table import read_answers
from tocsin.problems.answers.entries import answered, numbered_answers
from tocsin.problems.answers.models import Answer, AnswerVerdict
from tocsin.problems.answers.outcome import AnswerOutcome, AnswerStanding, stand
from tocsin.problems.current import KnownProblems, known_problems
from tocsin.problems.delivery_outcomes import NotificationState
from tocsin.problems.manual_notifications import ManualNotification, notified_by_hand
from tocsin.problems.notification import TeamNotification, read_roles
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


STATE_OF_VERDICT = {
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
        return STATE_OF_VERDICT[max(holding, key=lambda one: (one.answer.at, one.answer.id or 0)).verdict]
    return ProblemState.TOLD if told else ProblemState.NEW


@dataclass(frozen=True, slots=True)
class ProblemName:
    """Where and what a problem is, in words."""

    where: str
    port: str
    what: str


_UNKNOWN = ProblemName("?", "", "?")
_FACTS = ("first_seen", "last_seen", "sightings")


@dataclass(frozen=True, slots=True)
class CourseStep:
    """One thing that happened to a problem: ``heard``, ``told``, a verdict, ``contradicted`` or ``gone``.

    ``by_hand``: the record of a person who told it without a mail. ``delivery``: the digest that told it or was
    answered. ``team_id``: who was told or said so. ``ingest``: the report that was the first to name it.
    """

    at: datetime
    what: str
    team_id: int | None = None
    delivery: Delivery | None = None
    note: str = ""
    ingest: int | None = None
    by_hand: ManualNotification | None = None


@dataclass(frozen=True)
class Course:
    """A problem and where it is. Times in UTC, ``gone_at`` None while it goes on; ``steps`` only where asked for.

    ``notification``: how far its responsible teams were notified; ``by_team``: each of them, where events say which.
    """

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
    notification: NotificationState = NotificationState.NOTIFIED
    by_team: tuple[TeamNotification, ...] = ()

    def of_team(self, team: int) -> TeamNotification | None:
        """How far one team was notified; None where it does not answer for this problem."""
        return next((one for one in self.by_team if one.team == team), None)


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

    def with_steps(self, course: Course, events: EventHistory) -> Course:
        """The course of a problem with all that happened to it, ``events`` being its own."""
        with self.database.reading() as session:
            return replace(course, steps=_steps(session, course, events))

    def without_events(self, key: int, *, now: datetime) -> Course | None:
        """The same of a problem no event of which is stored; None where it was never seen."""
        asked = np.array([key], dtype=np.uint64)
        with self.database.reading() as session:
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=asked)
            if not len(known.keys):
                return None
            (gone_at,) = known.gone_at.tolist()
            (first, last, count) = (int(known.column(name)[0]) for name in _FACTS)
            told = _was_notified(session, known)
        table = read_answers(self.database)
        numbers = table.ids[table.places[table.newest(among=asked)]].tolist()
        answers = numbered_answers(self.database, numbers)
        said = tuple(stand(answers[number], last, gone_at) for number in numbers if number in answers)
        state = state_of(said, told=told, gone=gone_at > 0, now=now)
        gone = _time(gone_at) if gone_at else None
        how = NotificationState.NOTIFIED if told else NotificationState.NOT_DELIVERED
        course = Course(key, _UNKNOWN, _time(first), _time(last), count, gone, state, (), said, notification=how)
        return self.with_steps(course, EventHistory(np.zeros(0, dtype=np.int64), None, frozenset()))

    def names(self, keys: Collection[int]) -> dict[int, ProblemName]:
        """Where and what each of these problems is; question marks where no event of it is stored any more."""
        with self.database.reading() as session:
            asked = np.array(sorted(keys), dtype=np.uint64)
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=asked)
            seen_by = set(known.column("seen_by").tolist())
        events = self.store.scan(ingests=seen_by).filter(pl.col("problem").is_in(known.keys.view(np.int64).tolist()))
        last = self.store.collect(events).unique("problem", keep="last", maintain_order=True)
        words = problem_words(last).select("where", "port", "what").iter_rows()
        found = last["problem"].to_numpy().view(np.uint64).tolist()
        return dict.fromkeys(keys, _UNKNOWN) | {key: ProblemName(*name) for key, name in zip(found, words, strict=True)}


def _was_notified(session: Session, known: KnownProblems) -> bool:
    """Whether those that were to be told of the one problem were, where no event says any more who answers for it."""
    ingests = {int(known.column(name)[0]) for name in ("first_told_by", "told_by")}
    members = _members(session, {int(known.column("told_set")[0])})
    answering = {team for of in members.values() for team in read_roles(session).of_old_set(of)}
    notified = {row.team_id for row in notified_by_hand(session, int(known.keys[0]))}
    return bool(answering) and answering <= notified.union(*sent_to(session, ingests).values())


def _steps(session: Session, course: Course, events: EventHistory) -> tuple[CourseStep, ...]:
    """All that happened to a problem, in order of time."""
    steps = [*_heard(session, events.first), *_told(session, events.told)]
    by_hand = notified_by_hand(session, course.key)
    steps += [CourseStep(row.at, "told", row.team_id, note=row.note, by_hand=row) for row in by_hand]
    for team in {one.answer.team_id for one in course.said}:
        steps += [_answer_step(session, answer) for answer, keys in answered(session, team) if course.key in keys]
    steps += [
        CourseStep(one.since, "contradicted", one.answer.team_id)
        for one in course.said
        if one.outcome is AnswerOutcome.CONTRADICTED and one.since
    ]
    if course.gone_at:
        steps.append(CourseStep(course.gone_at, "gone"))
    return tuple(sorted(steps, key=lambda step: step.at))


def _heard(session: Session, first: int | None) -> list[CourseStep]:
    began = session.scalar(select(Ingest.started_at).where(Ingest.number == first))
    return [CourseStep(began, "heard", ingest=first)] if began else []


def _told(session: Session, told: Collection[tuple[int, int]]) -> list[CourseStep]:
    members = _members(session, {number for _, number in told})
    teams = {team for of in members.values() for team in of}  # an ingest may owe something to thousands of others
    items = (
        select(DeliveryItem.ingest, DeliveryItem.team_id, Delivery)
        .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(DeliveryItem.ingest.in_({ingest for ingest, _ in told}), DeliveryItem.team_id.in_(teams))
    )
    bound = {(ingest, team): delivery for ingest, team, delivery in session.execute(items)}
    steps: dict[int, CourseStep] = {}
    for ingest, number in told:
        for team in members.get(number, ()):
            delivery = bound.get((ingest, team))
            if delivery is not None and delivery.sent_at is not None:
                steps[delivery.id] = CourseStep(delivery.sent_at, "told", team, delivery)
    return list(steps.values())


def _members(session: Session, numbers: Collection[int]) -> dict[int, tuple[int, ...]]:
    """The teams of these sets, as events name them."""
    rows = session.execute(select(TeamSet.number, TeamSet.members).where(TeamSet.number.in_(numbers)))
    return {number: tuple(members) for number, members in rows}


def _answer_step(session: Session, answer: Answer) -> CourseStep:
    return CourseStep(answer.at, answer.verdict, answer.team_id, session.get(Delivery, answer.delivery_id), answer.note)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
