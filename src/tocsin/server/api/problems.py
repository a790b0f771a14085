"""``/problems``: what is wrong, where each problem is in its course, and what its team says of it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from tocsin.directory import Team, read_team, team_names
from tocsin.events import Label
from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.problems.answers import (
    NOTE_LENGTH,
    AnswerOutcome,
    AnswerStanding,
    AnswerVerdict,
    Course,
    Courses,
    ProblemRow,
    ProblemState,
    TeamAnswer,
    answer_problems,
    problem_text,
    sheets_of,
    state_of,
)
from tocsin.server import model
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
    said: Sequence[ProblemAnswerOut]


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
        team: Annotated[str, Query(max_length=200, description="Key of a team that must know of them.")] = "",
        state: ProblemState | None = None,
    ) -> ListPage[Problem]:
        """Those seen last first; operators see what their teams were told of and may still answer.

        A problem with an event whose marking keeps it here, such as TLP:RED, is left out.

        One that is seen again meanwhile moves to the front.
        """
        inside = visitor.reach(Permission.EVENTS_READ).everything
        noun = f"{_NOUN}.{'all' if inside else 'own'}"
        place = paging.place(noun)
        if inside:
            labels = labels_that_leave(node, node.events, visitor.reach(Permission.EVENTS_READ))
            found = _all(counter, team, state, place, paging.limit + 1, labels=labels)
        else:
            found = _own(counter, visitor, team, state, place)
        return paging.page(noun, found, lambda one: one[0], lambda one: one[1])

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


_Found = list[tuple[tuple[Any, ...], Problem]]  # with the place of each in the list, for cursors


def _all(
    counter: ApiContext,
    team: str,
    state: ProblemState | None,
    place: list[Any] | None,
    most: int,
    *,
    labels: Collection[Label] | None,
) -> _Found:
    node = counter.node
    courses = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)
    number = read_team(node.database, team)[0].id if team else None
    after = (place[0], place[1]) if place else None
    found = courses.listed(now=counter.now, team_id=number, state=state, after=after, limit=most, labels=labels)
    with node.database.reading() as session:
        said_by = {said.answer.team_id for one in found for said in one.said}
        names = team_names(session, {number for one in found for number in one.teams} | said_by)
    keys = {number: key for number, (key, _) in names.items()}
    return [((int(one.last_seen.timestamp()), one.key), _problem(one, keys)) for one in found]


def _own(
    counter: ApiContext, visitor: Principal, team: str, state: ProblemState | None, place: list[Any] | None
) -> _Found:
    node, found = counter.node, _Found()
    for one in _teams(counter, visitor, Permission.EVENTS_READ):
        if team in {"", one.key}:
            sheet = sheets_of(node, node.store, node.tracker).of_team(one, now=counter.now)
            found += [(_place(line, one.key), _line(line, one.key, counter.now)) for line in sheet.lines]
    after = tuple(place) if place else ()
    found.sort(key=lambda pair: pair[0])
    return [(at, one) for at, one in found if at > after and state in {None, one.state}]


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


def _line(line: ProblemRow, team: str, now: datetime) -> Problem:
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
        said=[ProblemAnswerOut(**_spoken(one, {one.answer.team_id: team})) for one in said],
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
        said=[ProblemAnswerOut(**_spoken(said, keys)) for said in one.said],
    )


def _spoken(said: AnswerStanding, keys: dict[int, str]) -> dict[str, Any]:
    return {
        "team": keys.get(said.answer.team_id),
        "verdict": said.verdict,
        "at": said.answer.at,
        "outcome": said.outcome,
        "since": said.since,
    }
