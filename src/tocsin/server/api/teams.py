"""``/teams``: the directory."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from tocsin.directory import (
    DigestInterval,
    ResponsibilityRole,
    RuleKind,
    TeamKind,
    TeamSearch,
    acts,
    merged_teams,
    read_about,
    search_teams,
)
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.acts import add_acts
from tocsin.server.api.counter import ApiContext
from tocsin.server.api.pages import WHOLE, Cursor, Limit, ListPage, Whole, asked_form, cursor_for, link_next, place_of
from tocsin.server.list_files import teams_file
from tocsin.server.security import NotHereError, needs, sent

TAG = "directory"
_NOUN = "teams"
_MOST_RULES = 1_000

Key = Annotated[
    str, Path(max_length=200, pattern=r"^[A-Za-z0-9._-]+$", description="Key or UUID of a team.", examples=["operator"])
]


class TeamInList(BaseModel):
    """A team. ``answers_for``: how many values of each kind anybody says that it answers for."""

    key: str
    name: str
    organisation: str
    kind: TeamKind
    country: str = Field(examples=["MU"])
    answers_for: dict[RuleKind, int]


class RuleOut(BaseModel):
    """What the team answers for, or wants to know of, and who says so."""

    kind: RuleKind
    value: str = Field(examples=["192.0.2.0/24"])
    role: ResponsibilityRole
    source: str
    as_of: date | None
    confidence: int | None


class TeamOut(BaseModel):
    """A team, how it wants to be told, and what it answers for (`rules`: the first thousand of `rules_total`)."""

    uuid: UUID
    key: str
    name: str
    organisation: str
    kind: TeamKind
    country: str
    language: str
    timezone: str
    mailboxes: list[str]
    interval: DigestInterval
    formats: list[str]
    ceiling: str
    encrypt: bool
    rules: list[RuleOut]
    rules_total: int


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get(
        "/teams",
        operation_id="listTeams",
        summary="Teams of the directory",
        response_model=ListPage[TeamInList] | list[TeamInList],
        responses=WHOLE,
    )
    def list_teams(
        *,
        request: Request,
        response: Response,
        visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)],
        text: Annotated[
            str,
            Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="A part of key, name or organisation."),
        ] = "",
        kind: TeamKind | None = None,
        country: Annotated[str, Query(pattern=r"^([A-Z]{2})?$", description="Two letters.", examples=["MU"])] = "",
        form: Whole = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """By key; operators see their own. A page, or all of them as a file (by `format` or `Accept`), streamed."""
        reach = visitor.reach(Permission.DIRECTORY_READ)
        wanted = TeamSearch(text=text, kind=kind, country=country, only=None if reach.everything else reach.teams)
        if whole := asked_form(request, form):
            return sent(teams_file(database, wanted, whole, now=counter.now))
        place = place_of(counter.tokens, _NOUN, cursor)
        with database.reading() as session:
            found = search_teams(session, wanted, after=place[0] if place else "", limit=limit + 1)
        following = cursor_for(counter.tokens, _NOUN, [found[limit - 1].key]) if len(found) > limit else None
        link_next(request, response, following)
        names = TeamInList.model_fields
        items = [TeamInList(**{name: getattr(one, name) for name in names}) for one in found[:limit]]
        response.headers["Vary"] = "Accept"
        return ListPage(items=items, next=following)

    @router.get("/teams/{key}", operation_id="readTeam", summary="One team")
    def read_team(key: Key, visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)]) -> TeamOut:
        """With its contacts, its preferences and what it answers for."""
        about, reach = read_about(database, key), visitor.reach(Permission.DIRECTORY_READ)
        if not reach.everything:
            with database.reading() as session:
                merged = merged_teams(session)
            if about.team.id not in {merged.get(team, team) for team in reach.teams}:
                raise NotHereError
        plain: dict[str, Any] = {
            name: getattr(about.team, name) for name in TeamOut.model_fields if hasattr(about.team, name)
        }
        rules = [
            RuleOut(**{name: getattr(rule, name) for name in RuleOut.model_fields})
            for rule in about.rules[:_MOST_RULES]
        ]
        return TeamOut(**plain, rules=rules, rules_total=len(about.rules))

    add_acts(router, counter, acts.ACTS)
