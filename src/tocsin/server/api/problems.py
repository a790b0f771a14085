"""``/problems``: what is wrong, where each problem is in its course, and what its team says of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Path, Query
from pydantic import BaseModel, Field

from tocsin.directory import Team, read_team, team_names
from tocsin.events import Label
from tocsin.interface import NotHereError, needs
from tocsin.networks import parse_address, parse_network
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.pipeline import inbox_problems
from tocsin.problems import (
    ListedProblem,
    NotificationState,
    ProblemSearch,
    ProblemSort,
    ProblemStatus,
    acts,
    has_status,
    is_overdue,
    problem_text,
    read_problem,
    status_of,
)
from tocsin.problems.answers import (
    NOTE_LENGTH,
    AnswerOutcome,
    AnswerStanding,
    AnswerVerdict,
    Courses,
    ProblemRow,
    ProblemState,
    TeamAnswer,
    answer_problems,
    sheets_of,
    state_of,
)
from tocsin.server import model
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging
from tocsin.server.model import ProblemAnswer
from tocsin.sharing.visibility import labels_that_leave

TAG = "problems"
_NOUN = "problems"
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID = r"^[0-9a-f]{16}$"


class ProblemAnswerOut(ProblemAnswer):
    """What a team said of it, and how that stands; ``outcome`` is null where nothing that is seen can test it."""

    verdict: AnswerVerdict
    outcome: AnswerOutcome | None


class Problem(model.Problem):
    """One asset with one thing wrong. What an operator may not know, as when others saw it first, is null."""

    state: ProblemState
    status: ProblemStatus
    notification: NotificationState
    said: Sequence[ProblemAnswerOut]


class ProblemStep(BaseModel):
    """One thing that happened to a problem: ``heard``, ``told``, a verdict, ``contradicted`` or ``gone``."""

    at: datetime
    what: str
    team: str | None
    delivery: str | None


class ProblemCourse(Problem):
    """The same with all that happened to it, in order."""

    steps: Sequence[ProblemStep]


class AskedProblems:
    """The conditions of a list of problems, as they stand in the address."""

    def __init__(
        self,
        *,
        state: Annotated[str, Query(max_length=20, description=f"One of: {', '.join(ProblemStatus)}.")] = "",
        team: Annotated[str, Query(max_length=200, description="Key or name of a responsible team; `-`: none.")] = "",
        kind: Annotated[str, Query(max_length=200, description="Identifier, malware or type.")] = "",
        address: Annotated[str, Query(max_length=100, description="An address or a prefix.")] = "",
        severity: Annotated[str, Query(max_length=20)] = "",
        feed: Annotated[str, Query(max_length=200, description="The feed that saw it last.")] = "",
        listed: Annotated[
            str, Query(max_length=200, description="Context list that one of its CVEs is on, by code.")
        ] = "",
        age: Annotated[str, Query(max_length=4, description="First seen so many days ago or longer.")] = "",
        seen: Annotated[str, Query(max_length=4, description="Seen within so many days.")] = "",
        due: Annotated[str, Query(max_length=4, description="Due within so many days, or overdue.")] = "",
    ) -> None:
        self.given = {
            "state": state, "team": team, "kind": kind, "address": address, "severity": severity, "feed": feed,
            "listed": listed, "age": age, "seen": seen, "due": due,
        }  # fmt: skip


class AnswerIn(BaseModel):
    """What a team says of problems that it was told of."""

    team: str = Field("", max_length=200, description="The team's key; needed by those who answer for several.")
    verdict: AnswerVerdict
    problems: list[Annotated[str, Field(pattern=_ID)]] = Field(
        min_length=1, max_length=10_000, examples=[["00f1c2d3e4a5b6c7"]]
    )
    note: str = Field("", max_length=NOTE_LENGTH)
    days: int = Field(90, ge=1, le=365, description="So long `accepted` holds.")


class AnswerOut(BaseModel):
    """For how many problems it was noted."""

    noted: int


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/problems", operation_id="listProblems", summary="What is wrong, and where each problem is")
    def list_problems(
        *,
        paging: ListPaging,
        visitor: Annotated[Principal, needs(Permission.EVENTS_READ)],
        asked: Annotated[AskedProblems, Depends()],
        sort: ProblemSort = ProblemSort.SEEN,
    ) -> ListPage[Problem]:
        """Those seen last first, or as asked; operators see what their teams were told of and may still answer.

        A problem with an event whose marking keeps it here, such as TLP:RED, is left out. One that is seen again
        meanwhile moves to the front.
        """
        search, reach = ProblemSearch.read(asked.given), visitor.reach(Permission.EVENTS_READ)
        noun = f"{_NOUN}.{sort if reach.everything else 'own'}"
        place = paging.place(noun)
        if reach.everything:
            node.problems.check_listed(search)
            labels = labels_that_leave(node, node.events, reach)
            found = _all(counter, search, sort, place, paging.limit + 1, labels=labels)
        else:
            found = _own(counter, visitor, search, place)
        return paging.page(noun, found, lambda one: one[0], lambda one: one[1])

    @router.get("/problems/{problem}", operation_id="readProblem", summary="One problem, and all that happened to it")
    def read_problem_whole(
        problem: Annotated[str, Path(pattern=_ID)],
        visitor: Annotated[Principal, needs(Permission.EVENTS_READ, everything=True)],
    ) -> ProblemCourse:
        """Seen, notified, answered, gone: each with its time."""
        labels = labels_that_leave(node, node.events, visitor.reach(Permission.EVENTS_READ))
        key = read_problem(problem)
        listed = node.problems.at(key, now=counter.now)
        if listed is None or (labels is not None and not node.problems.carries_only(key, labels, now=counter.now)):
            raise NotHereError
        courses = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)
        course = courses.with_steps(listed.course(), node.events.history(listed.event_filter, now=counter.now))
        with node.database.reading() as session:
            wanted = {team for one in course.steps if (team := one.team_id)}
            wanted |= {*listed.teams, *(said.answer.team_id for said in listed.said)}
            keys = {number: name for number, (name, _) in team_names(session, wanted).items()}
        steps = [
            ProblemStep(
                at=step.at,
                what=step.what,
                team=keys.get(step.team_id or 0),
                delivery=step.delivery.reference if step.delivery else None,
            )
            for step in course.steps
        ]
        return ProblemCourse(**_listed(listed, keys), steps=steps)

    @router.post("/problems/answers", operation_id="answerProblems", summary="Say what a team does about problems")
    def answer(
        said: Annotated[AnswerIn, Body()], visitor: Annotated[Principal, needs(Permission.PORTAL_WRITE)]
    ) -> AnswerOut:
        """Acknowledged, fixed, false, accepted for a time, or not ours: for the own networks."""
        team = _team(counter, visitor, Permission.PORTAL_WRITE, said.team)
        words = TeamAnswer(said.verdict, frozenset(said.problems), said.note, said.days)
        sheet = sheets_of(node, node.store, node.tracker).of_team(team, now=counter.now)
        answers = answer_problems(
            node, node.store, sheet, words, actor=visitor.actor, act=f"api:{uuid4()}", now=counter.now
        )
        return AnswerOut(noted=sum(len(one.problems or ()) for one in answers))

    add_acts(router, counter, (*acts.ACTS, *inbox_problems.ACTS))


_Found = list[tuple[tuple[Any, ...], Problem]]  # with the place of each in the list, for cursors


def _all(
    counter: ApiContext,
    search: ProblemSearch,
    sort: ProblemSort,
    place: list[Any] | None,
    most: int,
    *,
    labels: frozenset[Label] | None,
) -> _Found:
    found = counter.node.problems.find(search, now=counter.now, sort=sort, labels=labels)
    rows = found.rows(found.first_after(place) if place else 0, most)
    with counter.node.database.reading() as session:
        wanted = {team for one in rows for team in (*one.teams, *(said.answer.team_id for said in one.said))}
        keys = {number: key for number, (key, _) in team_names(session, wanted).items()}
    return [(found.place_of(one), Problem(**_listed(one, keys))) for one in rows]


def _own(counter: ApiContext, visitor: Principal, search: ProblemSearch, place: list[Any] | None) -> _Found:
    if search.listed:
        raise UsageError("Context lists are for people who see all problems.", hint="Leave 'listed' out.")
    if search.feed or search.age is not None:
        raise UsageError("Which feed saw a problem first, and when, is not for its team.", hint="Leave these out.")
    node, found = counter.node, _Found()
    for one in _teams(counter, visitor, Permission.EVENTS_READ):
        if search.team in {"", one.key}:
            sheet = sheets_of(node, node.store, node.tracker).of_team(one, now=counter.now)
            states = node.problems.states_for(one.id, [line.key for line in sheet.lines], now=counter.now)
            for line in sheet.lines:
                how = states.get(line.key)
                if _fits(search, line, how, counter.now):
                    found.append((_place(line, one.key), _line(line, how, one.key, counter.now)))
    after = tuple(place) if place else ()
    found.sort(key=lambda pair: pair[0])
    return [(at, one) for at, one in found if at > after]


def _fits(search: ProblemSearch, line: ProblemRow, how: NotificationState | None, now: datetime) -> bool:
    state = _state(line, how, now)
    overdue = is_overdue(state, line.due, now, muted=False)
    network, address = (parse_network(search.address), parse_address(line.where)) if search.address else (None, None)
    return (
        (search.state is None or has_status(search.state, state, muted=False, overdue=overdue))
        and search.kind in {"", line.what.lower()}
        and search.severity in {"", line.severity}
        and (network is None or (address is not None and network.holds(*address)))
        and (search.seen is None or (line.last_seen is not None and line.last_seen >= now - timedelta(search.seen)))
        and (search.due is None or (line.due is not None and line.due <= now + timedelta(search.due)))
    )


def _state(line: ProblemRow, how: NotificationState | None, now: datetime) -> ProblemState:
    """Where a problem is for its team; ``how``: how far it was notified, None of one that is only informed."""
    said = [line.standing] if line.standing else []
    return state_of(said, told=how in {None, NotificationState.NOTIFIED}, gone=line.gone_at is not None, now=now)


def _place(line: ProblemRow, team: str) -> tuple[Any, ...]:
    """Those seen last first; microseconds tell the same times apart as the records do."""
    seen = (line.last_seen - _BEGINNING) // timedelta(microseconds=1) if line.last_seen else 0
    return -seen, problem_text(line.key), team


def _teams(counter: ApiContext, visitor: Principal, act: Permission) -> list[Team]:
    """The visitor's own teams, each once."""
    with counter.node.database.reading() as session:
        names = team_names(session, visitor.reach(act).teams)
    found = [read_team(counter.node.database, key)[0] for key, _ in sorted(names.values())]
    return list({team.id: team for team in found}.values())


def _team(counter: ApiContext, visitor: Principal, act: Permission, key: str) -> Team:
    teams = [team for team in _teams(counter, visitor, act) if key in {"", team.key}]
    if not teams:
        raise NotHereError
    return teams[0]


def _line(line: ProblemRow, how: NotificationState | None, team: str, now: datetime) -> Problem:
    state, said = _state(line, how, now), [line.standing] if line.standing else []
    return Problem(
        problem=problem_text(line.key),
        where=line.where,
        port=line.port,
        what=line.what,
        state=state,
        status=status_of(state, muted=False, overdue=is_overdue(state, line.due, now, muted=False)),
        notification=how or NotificationState.NOTIFIED,
        notified=int(how is NotificationState.NOTIFIED),
        responsible=int(how is not None),
        severity=line.severity,
        due=line.due,
        first_seen=None,
        last_seen=line.last_seen,
        sightings=None,
        gone_at=line.gone_at,
        teams=[team],
        said=[ProblemAnswerOut(**_spoken(one, {one.answer.team_id: team})) for one in said],
    )


def _listed(one: ListedProblem, keys: dict[int, str]) -> dict[str, Any]:
    same = (
        *("where", "port", "what", "state", "status", "notification", "notified", "responsible", "severity", "due"),
        *("first_seen", "last_seen", "sightings"),
    )
    return {
        "problem": problem_text(one.key),
        **{name: getattr(one, name) for name in (*same, "gone_at", "cves")},
        "teams": [keys[number] for number in one.teams if number in keys],
        "said": [ProblemAnswerOut(**_spoken(said, keys)) for said in one.said],
    }


def _spoken(said: AnswerStanding, keys: dict[int, str]) -> dict[str, Any]:
    return {
        "team": keys.get(said.answer.team_id),
        "verdict": said.verdict,
        "at": said.answer.at,
        "outcome": said.outcome,
        "since": said.since,
    }
