"""The page of one problem: where it is, all that happened to it, its events, and what can be done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from tocsin.directory import Team
from tocsin.interface import NotHereError, PageRouter
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.records import Database
from tocsin.pipeline.feed_files import listings
from tocsin.problems import (
    FoundProblems,
    ListedProblem,
    NotificationWay,
    acts,
    problem_text,
    read_problem,
    reminders_of,
    status_of,
)
from tocsin.problems.answers import Answer, Course, Courses, CourseStep, Via
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events import by_day, glanced
from tocsin.server.pages.problems.act_pages import effect_of
from tocsin.server.pages.problems.list_pages import Reader, done_in
from tocsin.server.pages.problems.texts import BY_HAND, KINDS, NOTIFICATIONS, SENTENCES, STATUSES, STEPS
from tocsin.server.pages.words import PageTexts

_EVENTS: Final = 50
_TREND: Final = 14  # days
_SAME_PLACE: Final = 10
_COLUMNS: Final = (
    "time.source", "feed.code", "source.ip", "source.port", "classification.identifier", "severity", "tlp",
)  # fmt: skip


@dataclass(frozen=True)
class TimelineStep:
    """One thing that happened, as `parts.timeline` shows it."""

    at: datetime
    said: str
    by: str = ""
    link: str = ""


def problem_pages(desk: PageContext) -> APIRouter:
    """The page of a problem."""
    router = PageRouter()

    @router.get("/problems/{problem}")
    def problem(
        request: Request, visitor: Reader, problem: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
    ) -> Response:
        """Where it is and what happened to it."""
        key = read_problem(problem)
        node = desk.node
        found = node.problems.among([key], now=desk.now)
        listed, there = next(iter(found.rows()), None), found.at_their_addresses()
        courses = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)
        if listed is None:
            course, newest, trend = courses.without_events(key, now=desk.now), [], []
        else:
            wanted = listed.event_filter
            if there.total == 1 and listed.at_address:  # what is there is of this problem: no file has to say so
                wanted = wanted.without("problem")
            seen = node.events.history(wanted, now=desk.now)
            course = courses.with_steps(listed.course(), seen)
            glance = node.events.glance(wanted, now=desk.now, limit=_EVENTS)
            newest = glance.rows if glance else []
            trend = by_day(seen.at, until=desk.now.date(), days=_TREND)
        if course is None:
            raise NotHereError
        return desk.page(
            request,
            "problems/problem.html",
            problem=problem,
            course=course,
            done=done_in(request.query_params.get("done", "")),
            trend=trend,
            events=glanced(newest, _COLUMNS),
            **_about(desk, request, visitor, course, found, listed=listed, there=there),
        )

    return router


def _about(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    course: Course,
    found: FoundProblems,
    *,
    listed: ListedProblem | None,
    there: FoundProblems,
) -> dict[str, Any]:
    """The rest of the page; ``found``: the one problem, as far as it has events, ``there``: all at its address."""
    status = listed.status if listed else status_of(course.state, muted=False, overdue=False)
    teams, words = desk.teams(), desk.words(request)
    same = [row for row in there.rows() if row.key != course.key] if there.total > 1 else []
    same.sort(key=lambda row: row.last_seen, reverse=True)
    may_answer = visitor.may(Permission.DELIVERIES_STEER) and listed is not None
    cves = listed.cves if listed else ()
    return {
        "one": listed,
        "feed_names": desk.feed_names(),
        "is_now": status,
        "statuses": STATUSES,
        "notifications": NOTIFICATIONS,
        "time_of": lambda seconds: datetime.fromtimestamp(seconds, UTC),
        "looks": KINDS,
        "sentence": SENTENCES[status],
        "teams": [teams[number] for number in course.teams if number in teams],
        "steps": sorted(_steps(desk.node.database, words, course, teams), key=lambda step: step.at, reverse=True),
        "columns": _COLUMNS,
        "lists": [one for of in listings(desk.node, [course.name.where, *cves]).values() for one in of],
        "same": same[:_SAME_PLACE],
        "more_same": max(len(same) - _SAME_PLACE, 0),
        "mutes": _mutes(desk, listed, teams),
        "text_of": problem_text,
        "typed": dict.fromkeys(acts.ACTS[0].request.model_fields, ""),
        "deliveries": list(dict.fromkeys(step.delivery.reference for step in reversed(course.steps) if step.delivery)),
        **(effect_of(desk, visitor, acts.ACTS[0], found) if may_answer else {"effects": []}),
    }


def _mutes(
    desk: PageContext, listed: ListedProblem | None, teams: dict[int, Team]
) -> list[tuple[Team, datetime | None]]:
    """The teams that mute it now, where all do, each with when its mute of it ends."""
    if listed is None or not listed.muted:
        return []
    ends = [
        (teams[number], [mute.until for mute in teams[number].mutes if mute.holds(desk.now)])
        for number in listed.teams
        if number in teams
    ]
    return [(team, max((end for end in until if end), default=None)) for team, until in ends]


def _steps(database: Database, words: PageTexts, course: Course, teams: dict[int, Team]) -> Iterator[TimelineStep]:
    with database.reading() as session:
        reminder = reminders_of(session, [course.key]).get(course.key)
        recorded = {one.answer.at: one.answer for one in course.said}
        actors = {answer.said_by for answer in recorded.values()} | ({reminder.asked_by} if reminder else set())
        actors |= {step.by_hand.noted_by for step in course.steps if step.by_hand}
        people = names_of_actors(session, actors)
    if course.sightings > 1 and not course.gone_at:
        said = words.count("Last seen, %(n)s sighting in all", "Last seen, %(n)s sightings in all", course.sightings)
        yield TimelineStep(course.last_seen, said)
    if reminder:
        yield TimelineStep(reminder.at, words.say(STEPS["reminded"]), people.get(reminder.asked_by, reminder.asked_by))
    for step in course.steps:
        yield _step(words, step, teams, people, recorded.get(step.at))


def _step(
    words: PageTexts, step: CourseStep, teams: dict[int, Team], people: dict[str, str], answer: Answer | None
) -> TimelineStep:
    reference = step.delivery.reference if step.delivery else ""
    team = teams[step.team_id].name if step.team_id in teams else ""
    if step.by_hand is not None:
        said = words.say(BY_HAND[NotificationWay(step.by_hand.way)])
        by = people.get(step.by_hand.noted_by, step.by_hand.noted_by)
        team = words.say("%(team)s, recorded by %(name)s", team=team, name=by)
        return TimelineStep(step.at, f"{said} · {step.note}" if step.note else said, team)
    said = words.say(STEPS[step.what], reference=reference)
    if answer is not None and answer.via == Via.ANALYST:
        by = people.get(answer.said_by, "")
        team = words.say("%(team)s, by phone, recorded by %(name)s", team=team, name=by) if by else team
    link = f"/deliveries/{reference}" if reference else f"/reports/{step.ingest}" if step.ingest else ""
    return TimelineStep(step.at, f"{said} · {step.note}" if step.note else said, team, link)
