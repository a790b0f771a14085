"""``/teams``: the directory."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from tocsin.directory import (
    TeamKind,
    TeamSearch,
    acts,
    merged_teams,
    read_about,
    search_teams,
)
from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import accept_item, ask_limit
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import WHOLE, ListPage, ListPaging, Whole, asked_form
from tocsin.server.list_files import teams_file
from tocsin.server.model import RuleOut, TeamInList, TeamOut
from tocsin.server.security import sent

TAG = "directory"
_NOUN = "teams"
_MOST_RULES = 1_000

Key = Annotated[
    str, Path(max_length=200, pattern=r"^[A-Za-z0-9._-]+$", description="Key or UUID of a team.", examples=["operator"])
]


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
        response: Response,
        paging: ListPaging,
        visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)],
        text: Annotated[
            str,
            Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="A part of key, name or organisation."),
        ] = "",
        kind: TeamKind | None = None,
        country: Annotated[str, Query(pattern=r"^([A-Z]{2})?$", description="Two letters.", examples=["MU"])] = "",
        form: Whole = None,
    ) -> Any:
        """By key; operators see their own. A page, or all of them as a file (by `format` or `Accept`), streamed."""
        reach = visitor.reach(Permission.DIRECTORY_READ)
        wanted = TeamSearch(text=text, kind=kind, country=country, only=None if reach.everything else reach.teams)
        if whole := asked_form(paging.request, form):
            return sent(teams_file(database, wanted, whole, now=counter.now))
        place = paging.place(_NOUN)
        with database.reading() as session:
            found = search_teams(session, wanted, after=place[0] if place else "", limit=paging.limit + 1)
        response.headers["Vary"] = "Accept"
        return paging.page(_NOUN, found, lambda one: one.key, TeamInList.model_validate)

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
        rules = [RuleOut.model_validate(rule) for rule in about.rules[:_MOST_RULES]]
        return TeamOut(**plain, rules=rules, rules_total=len(about.rules))

    add_acts(router, counter, (*acts.ACTS, *accept_item.ACTS, *ask_limit.ACTS))
