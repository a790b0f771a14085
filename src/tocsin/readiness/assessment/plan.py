"""From score to plan: what an action can gain, whether it moved a measured value, and how far a target is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.interface import N_, fields
from tocsin.node.errors import InputError, NotFoundError, UsageError
from tocsin.node.records import from_row
from tocsin.node.sentences import say
from tocsin.readiness.assessment.assessments import newest, note
from tocsin.readiness.assessment.frameworks import Framework
from tocsin.readiness.assessment.intervals import ScoreInterval, difference
from tocsin.readiness.assessment.measures import find_query
from tocsin.readiness.assessment.models import ImprovementAction, UnitTarget
from tocsin.readiness.assessment.scoring import UNKNOWN, QuestionScore, Score, score
from tocsin.readiness.assessment.snapshot import ActionFacts, Snapshot, read_snapshot

Moved = Literal["better", "worse", "no clear change", "not measured", "method changed"]
TARGETS: Final[Mapping[str, str]] = {
    "relative": N_("Up by so many percent"),
    "points": N_("Up by so many points"),
    "gap": N_("So many percent of the gap closed"),
    "reach": N_("At so many points"),
}
"""Each kind of target, in words."""


@dataclass(frozen=True)
class Task:
    """An action as a person plans it."""

    question: str
    level: str
    title: str
    owner: str
    due: date
    cost: float | None = None
    currency: str = ""


def expected_gain(snapshot: Snapshot, question_id: str, level: int) -> ScoreInterval:
    """Points that the overall score gains when the question reaches ``level``.

    Where the question stands today is as sure as its reading: a measured value has its ends, a verified answer is
    taken as it is, a declared one may be a level too high or too low, and an unanswered one may be anything.
    """
    framework = snapshot.framework
    question = framework.question(question_id)
    levels = framework.scales[question.scale].levels
    goal = levels[level].value
    declared, supported = snapshot.declared(), snapshot.supported()
    now = declared.get(question_id, UNKNOWN)
    if now is None:
        raise InputError(
            say("Question '%(question)s' does not apply; nothing can be gained on it.", question=question_id)
        )
    share = 100 * score(framework, declared | {question_id: now})[question_id].share
    sure = supported.get(question_id)
    today = sure if sure is not None else _a_level_either_way(now, [step.value for step in levels])
    point = today.point if today.point is not None else (today.low + today.high) / 2
    low, value, high = (share * max(0.0, goal - held) for held in (today.high, point, today.low))
    return ScoreInterval(low, value, high)


def add_action(session: Session, assessment_id: int, task: Task, *, by: str, now: datetime) -> ImprovementAction:
    """The action on the list of an assessment, with its expected gain as of now.

    Raises:
        InputError: owner or title is empty, the cost is negative or without a currency, or the level is unknown.
        NotFoundError: no such assessment or question.

    """
    snapshot = read_snapshot(session, assessment_id)
    level = snapshot.framework.level(snapshot.framework.question(task.question), task.level)
    if not task.owner.strip() or not task.title.strip():
        raise InputError(say("An action needs an owner and a title: owner and title cannot be empty."))
    if task.cost is not None and (task.cost < 0 or not task.currency):
        raise InputError(
            say("A cost is 0 or more and has a currency."), hint="For example --cost 12000 --currency USD."
        )
    said = {**vars(task), "level": level, "assessment_id": assessment_id, "by": by}
    if same := newest(session, ImprovementAction, **said):
        return same
    gain = expected_gain(snapshot, task.question, level)
    made = ImprovementAction(
        **said,
        gain=gain.value,
        gain_low=gain.low,
        gain_high=gain.high,
        at=now,
    )
    session.add(made)
    session.flush()
    note(session, f"assessment {assessment_id}", by, now, {"act": "action added", "action": made.id})
    return made


def finish_action(session: Session, action_id: int, done_on: date, *, by: str, now: datetime) -> ImprovementAction:
    """The action, marked done; whether it moved anything is for the next assessment to show.

    Raises:
        NotFoundError: no such action.

    """
    held = session.get(ImprovementAction, action_id)
    if held is None:
        raise NotFoundError(f"There is no action {action_id}.")
    held.done_on = done_on
    note(session, f"assessment {held.assessment_id}", by, now, {"act": "action done", "action": action_id})
    return held


@dataclass(frozen=True)
class ActionOutcome:
    """What became of an action: whether the value that measures its question moved since."""

    action: ActionFacts
    moved: Moved
    query: str
    change: ScoreInterval | None


def outcomes(before: Snapshot, after: Snapshot) -> list[ActionOutcome]:
    """Each action of the earlier assessment against the measured values of both.

    A value moved when the 95 % interval of its change leaves zero out.
    """
    return [_outcome(action, before, after) for action in before.actions]


@dataclass(frozen=True)
class Goal:
    """A target: ``kind`` is relative (%), points, gap (% of what was missing) or reach (a value)."""

    title: str
    subject: str
    kind: str
    goal: float
    baseline: int
    end: int


@dataclass(frozen=True)
class TargetProgress:
    """How far a target is, from the scores of a unit's assessments under one version; ``why`` when not computable.

    ``supported`` is the same when only verified and measured answers count.
    """

    goal: Goal
    wanted: float | None
    series: tuple[tuple[date, Score], ...]
    reached: Literal["yes", "no", "open"] | None
    readings: Mapping[str, float | None]
    why: str = ""
    supported: "TargetProgress | None" = None


def track(goal: Goal, series: Sequence[tuple[date, Mapping[str, Score]]]) -> TargetProgress:
    """A target against a series of scores, oldest first; the last one up to the baseline year is the baseline.

    A target is reached when even the worst that the score may be reaches it from the best that the baseline may have
    been, missed when the opposite holds, and open between. The readings of the same change stand side by side:
    relative in %, in points, and as % of the gap that was left.
    """
    points = tuple((day, scores[goal.subject]) for day, scores in series if goal.subject in scores)
    base = next((held for day, held in reversed(points) if day.year <= goal.baseline and held.point is not None), None)
    if base is None and goal.kind != "reach":
        return TargetProgress(
            goal, None, points, None, {}, f"no assessment of {goal.baseline} or before gives a baseline"
        )
    low, wanted, high = (
        _wanted(goal, end) for end in ((base.low, base.point or 0.0, base.high) if base else (0.0, 0.0, 0.0))
    )
    if not points or points[-1][1].point is None:
        return TargetProgress(goal, wanted, points, None, {}, "no assessment answers it yet")
    last = points[-1][1]
    reached: Literal["yes", "no", "open"] = "yes" if last.low >= high else "no" if last.high < low else "open"
    return TargetProgress(goal, wanted, points, reached, _readings(base.point if base else None, last.point))


def set_target(session: Session, unit: str, framework: Framework, goal: Goal, *, by: str, now: datetime) -> UnitTarget:
    """The target, on record for a unit.

    Raises:
        UsageError: the kind is not known, or it ends before it begins.
        NotFoundError: the framework has no such pillar or indicator.

    """
    if goal.kind not in TARGETS:
        raise UsageError(f"A target is one of {', '.join(TARGETS)}, not '{goal.kind}'.")
    if goal.end <= goal.baseline:
        raise UsageError(
            say("A target that ends in %(end)s cannot begin in %(start)s.", end=str(goal.end), start=str(goal.baseline))
        )
    places = {"overall", *(p.id for p in framework.pillar), *(i.id for _, i in framework.indicators())}
    if goal.subject not in places:
        raise NotFoundError(f"'{framework.id}' {framework.version} has no pillar or indicator '{goal.subject}'.")
    said = {"unit": unit, "framework": framework.id, "by": by, **fields(goal, "subject kind goal baseline end")}
    if same := newest(session, UnitTarget, **said):
        return same
    made = UnitTarget(at=now, **said)
    session.add(made)
    session.flush()
    note(session, f"target {unit}", by, now, {"act": "target set", "subject": goal.subject, "goal": goal.goal})
    return made


def goals(session: Session, unit: str, framework: Framework) -> list[Goal]:
    """The framework's own targets, then those that the unit set itself."""
    own = [Goal(t.title, t.of, t.kind, t.goal, t.baseline, t.end) for t in framework.target]
    rows = session.scalars(
        select(UnitTarget).where(UnitTarget.unit == unit, UnitTarget.framework == framework.id).order_by(UnitTarget.id)
    )
    titles = {"overall": "Overall score", **{p.id: p.title for p in framework.pillar}}
    titles |= {indicator.id: indicator.title for _, indicator in framework.indicators()}
    words = {"relative": "up by {:g} %", "points": "up by {:g} points", "gap": "{:g} % of the gap closed"}
    return own + [
        from_row(Goal, row, title=f"{titles[row.subject]} {words.get(row.kind, 'at {:g}').format(row.goal)}")
        for row in rows
    ]


def _a_level_either_way(now: QuestionScore, values: Sequence[float]) -> QuestionScore:
    if now.point is None:
        return now
    index = min(range(len(values)), key=lambda place: abs(values[place] - (now.point or 0.0)))
    return QuestionScore(values[max(0, index - 1)], now.point, values[min(len(values) - 1, index + 1)])


def _outcome(action: ActionFacts, before: Snapshot, after: Snapshot) -> ActionOutcome:
    question = before.framework.questions().get(action.question)
    query = question.measured.query if question and question.measured else ""
    first, second = before.measured.get(query), after.measured.get(query)
    if first is None or second is None or first.as_of == second.as_of:
        return ActionOutcome(action, "not measured", query, None)
    if first.method_version != second.method_version:
        return ActionOutcome(action, "method changed", query, None)
    change = difference(first.interval(), second.interval())
    down = find_query(query).lower_is_better
    moved: Moved = "no clear change"
    if change.low > 0:
        moved = "worse" if down else "better"
    elif change.high < 0:
        moved = "better" if down else "worse"
    return ActionOutcome(action, moved, query, change)


def _wanted(goal: Goal, first: float) -> float:
    if goal.kind == "relative":
        return first * (1 + goal.goal / 100)
    if goal.kind == "points":
        return first + goal.goal
    if goal.kind == "gap":
        return first + (100 - first) * goal.goal / 100
    return goal.goal


def _readings(first: float | None, last: float | None) -> dict[str, float | None]:
    if first is None or last is None:
        return {"relative": None, "points": None, "gap": None}
    return {
        "relative": 100 * (last - first) / first if first > 0 else None,
        "points": last - first,
        "gap": 100 * (last - first) / (100 - first) if first < 100 else None,
    }
