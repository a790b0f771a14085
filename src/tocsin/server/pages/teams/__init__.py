"""Teams and networks: who is in the directory, what each answers for, and what a person says of it."""

from tocsin.server.pages.context import together
from tocsin.server.pages.teams.change_pages import change_pages
from tocsin.server.pages.teams.claim_pages import claim_pages
from tocsin.server.pages.teams.conflict_pages import conflict_pages
from tocsin.server.pages.teams.coverage_pages import coverage_pages
from tocsin.server.pages.teams.list_pages import list_pages
from tocsin.server.pages.teams.merge_pages import merge_pages
from tocsin.server.pages.teams.network_pages import network_pages
from tocsin.server.pages.teams.team_pages import team_pages

__all__ = ["teams_pages"]

teams_pages = together(
    list_pages, change_pages, team_pages, conflict_pages, merge_pages, network_pages, coverage_pages, claim_pages
)
