"""Teams and networks: who is in the directory, what each answers for, and what a person says of it."""

from fastapi import APIRouter

from tocsin.web.desk import Desk
from tocsin.web.teams.change_pages import change_pages
from tocsin.web.teams.list_pages import list_pages
from tocsin.web.teams.team_pages import team_pages

__all__ = ["teams_pages"]


def teams_pages(desk: Desk) -> APIRouter:
    """All pages of the place Teams and networks."""
    router = APIRouter()
    for make in (list_pages, change_pages, team_pages):
        router.include_router(make(desk))
    return router
