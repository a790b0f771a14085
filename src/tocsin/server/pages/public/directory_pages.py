"""The directory of CSIRTs for everybody: by country and kind, and the public profile of each."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import CSIRTS, PublicTeam
from tocsin.directory.profile import OUTLINE, ProfileItem, lines_of
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.public.public_page import card_of, show
from tocsin.server.pages.words import PageTexts
from tocsin.sharing.public_lookup import PublicLookup

_PAGE = 100  # teams


def directory_pages(desk: PageContext, helps: PublicLookup) -> APIRouter:
    """The pages of the public directory."""
    router = PageRouter()

    @router.get("/directory")
    def directory(
        request: Request,
        _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)],
        q: str = "",
        country: str = "",
        kind: str = "",
        page: str = "",
    ) -> Response:
        """The teams that fit, by country."""
        q, place = q[:100], int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
        words = desk.words(request)
        teams = helps.teams()
        found = sorted(
            (team for team in teams if _fits(team, q, country, kind, words)),
            key=lambda team: (words.country(team.country).casefold() if team.country else "", team.name.casefold()),
        )
        shown = found[(place - 1) * _PAGE : place * _PAGE]
        countries = sorted({team.country for team in teams if team.country}, key=words.country)
        context: dict[str, Any] = {
            "q": q,
            "country": country,
            "kind": kind,
            "page": place,
            "countries": countries,
            "csirts": CSIRTS,
        }
        more: dict[str, Any] = {
            "count": len(found),
            "all": len(teams),
            "teams": shown,
            "last": len(found) <= place * _PAGE,
        }
        return show(desk, request, "public/directory.html", **context, **more)

    @router.get("/directory/{key}")
    def profile(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)], key: str) -> Response:
        """One team."""
        team = helps.team(key)
        found = helps.profile(team)
        lines = lines_of(found)
        chapters = [
            (
                section,
                [line for line in lines if line.section == section.number],
                _paragraphs(found.prose(section.topic)),
            )
            for section in OUTLINE
        ]
        said = [part for part in chapters if (part[1] or part[2]) and not _in_card(part[1])]
        return show(desk, request, "public/team.html", team=team, profile=found, card=card_of(found), parts_said=said)

    return router


def _fits(team: PublicTeam, q: str, country: str, kind: str, words: PageTexts) -> bool:
    text = f"{team.name} {team.key} {team.organisation} {team.country} {words.country(team.country)}".casefold()
    return (
        all(word in text for word in q.casefold().split())
        and (not country or team.country == country)
        and (not kind or team.kind == kind)
    )


def _paragraphs(prose: str) -> list[str]:
    return prose.split("\n\n") if prose else []


def _in_card(lines: list[ProfileItem]) -> bool:
    """Whether the head of the page says all of a section already."""
    return all(line.section in _CARD for line in lines) and bool(lines)


_CARD = {"2.1", "2.3", "2.4", "2.6", "2.7", "2.8", "2.11", "6", "1.1"}
