"""``/problems``: what is wrong, where each problem is in its course, and what its team says of it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from tocsin.accounts import Act, Visitor
from tocsin.answering import Said, answer_problems, team_sheet
from tocsin.answers import NOTE_LENGTH, Course, Courses, Line, Standing, State, Verdict, problem_text, state_of
from tocsin.api.counter import Counter
from tocsin.directory import Team, read_team, team_names
from tocsin.doors import NotHereError, needs

TAG = "problems"
_MOST = 1_000
_ID = r"^[0-9a-f]{16}$"


class Spoken(BaseModel):
    """What a team said of it, and how that stands."""

    team: str | None
    verdict: Verdict
    at: datetime
    outcome: str
    since: datetime | None


class Problem(BaseModel):
    """One asset with one thing wrong. What an operator may not know, as when others saw it first, is null."""

    problem: str = Field(examples=["00f1c2d3e4a5b6c7"])
    where: str = Field(examples=["192.0.2.1"])
    port: str
    what: str = Field(examples=["open-rdp"])
    state: State
    first_seen: datetime | None
    last_seen: datetime | None
    sightings: int | None
    gone_at: datetime | None
    teams: list[str]
    said: list[Spoken]


class Problems(BaseModel):
    """Problems, those seen last first."""

    items: list[Problem]


class Saying(BaseModel):
    """What a team says of problems that it was told of."""

    team: str = Field("", max_length=200, description="The team's key; needed by those who answer for several.")
    verdict: Verdict
    problems: list[Annotated[str, Field(pattern=_ID)]] = Field(
        min_length=1, max_length=10_000, examples=[["00f1c2d3e4a5b6c7"]]
    )
    note: str = Field("", max_length=NOTE_LENGTH)
    days: int = Field(90, ge=1, le=365, description="So long `accepted` holds.")


class Noted(BaseModel):
    """For how many problems it was noted."""

    noted: int


def add_routes(router: APIRouter, counter: Counter) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/problems", operation_id="listProblems", summary="What is wrong, and where each problem is")
    def list_problems(
        visitor: Annotated[Visitor, needs(Act.EVENTS_READ)],
        team: Annotated[str, Query(max_length=200, description="Key of a team that must know of them.")] = "",
        state: State | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")] = 100,
    ) -> Problems:
        """Those seen last first; operators see what their teams were told of and may still answer."""
        if not visitor.reach(Act.EVENTS_READ).everything:
            return Problems(items=_own(counter, visitor, team, state)[:limit])
        courses = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)
        number = read_team(node.database, team)[0].id if team else None
        found = courses.listed(now=counter.now, team_id=number, state=state, limit=limit)
        with node.database.reading() as session:
            said_by = {said.answer.team_id for one in found for said in one.said}
            names = team_names(session, {number for one in found for number in one.teams} | said_by)
        keys = {number: key for number, (key, _) in names.items()}
        return Problems(items=[_problem(one, keys) for one in found])

    @router.post("/problems/answers", operation_id="answerProblems", summary="Say what a team does about problems")
    def answer(said: Annotated[Saying, Body()], visitor: Annotated[Visitor, needs(Act.PORTAL_WRITE)]) -> Noted:
        """Acknowledged, fixed, false, accepted for a time, or not ours: for the own networks."""
        team = _team(counter, visitor, Act.PORTAL_WRITE, said.team)
        words = Said(said.verdict, frozenset(said.problems), said.note, said.days)
        sheet = team_sheet(node, team, now=counter.now)
        noted = answer_problems(node, sheet, words, actor=visitor.actor, act=f"api:{uuid4()}", now=counter.now)
        return Noted(noted=noted)


def _own(counter: Counter, visitor: Visitor, team: str, state: State | None) -> list[Problem]:
    found = []
    for one in _teams(counter, visitor, Act.EVENTS_READ):
        if team in {"", one.key}:
            sheet = team_sheet(counter.node, one, now=counter.now)
            found += [_line(line, one.key, counter.now) for line in sheet.lines]
    return [one for one in found if state in {None, one.state}]


def _teams(counter: Counter, visitor: Visitor, act: Act) -> list[Team]:
    """The visitor's own teams, each once."""
    with counter.node.database.reading() as session:
        names = team_names(session, visitor.reach(act).teams)
    found = [read_team(counter.node.database, key)[0] for key, _ in sorted(names.values())]
    return list({team.id: team for team in found}.values())


def _team(counter: Counter, visitor: Visitor, act: Act, key: str) -> Team:
    teams = [team for team in _teams(counter, visitor, act) if key in {"", team.key}]
    if not teams:
        raise NotHereError
    return teams[0]


def _line(line: Line, team: str, now: datetime) -> Problem:
    said = [line.standing] if line.standing else []
    return Problem(
        problem=problem_text(line.key),
        where=line.where,
        port=line.port,
        what=line.what,
        state=state_of(said, told=True, gone=line.gone_at is not None, now=now),
        first_seen=None,
        last_seen=line.last_seen,
        sightings=None,
        gone_at=line.gone_at,
        teams=[team],
        said=[Spoken(**_spoken(one, {one.answer.team_id: team})) for one in said],
    )


def _problem(one: Course, keys: dict[int, str]) -> Problem:
    return Problem(
        problem=problem_text(one.key),
        where=one.name.where,
        port=one.name.port,
        what=one.name.what,
        state=one.state,
        first_seen=one.first_seen,
        last_seen=one.last_seen,
        sightings=one.sightings,
        gone_at=one.gone_at,
        teams=[keys[number] for number in one.teams if number in keys],
        said=[Spoken(**_spoken(said, keys)) for said in one.said],
    )


def _spoken(said: Standing, keys: dict[int, str]) -> dict[str, Any]:
    return {
        "team": keys.get(said.answer.team_id),
        "verdict": said.verdict,
        "at": said.answer.at,
        "outcome": said.outcome,
        "since": said.since,
    }
