"""The list of critical assets, and the confirmation of several."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.assets import acts
from tocsin.assets.register import (
    ASSET_KINDS,
    AssetSearch,
    changes_to_review,
    is_stale,
    list_assets,
    open_touches,
    sectors,
)
from tocsin.incidents import SEVERITIES, IncidentReader
from tocsin.interface import PageRouter, RequestError, number_in
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.assets.access import OWNER, PLACE, READER, admitted, has_factors
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.server.security import Form

_ROWS: Final = 100
_CONFIRM: Final = next(act for act in acts.ACTS if act.name == "confirm")
NEEDS: Final = {"touched": N_("Touched"), "stale": N_("Not confirmed for a year")}


class AssetsFilter(BaseModel):
    """What narrows the list, as typed."""

    kind: str = ""
    sector: str = ""
    team: str = ""
    need: str = ""
    q: str = ""
    after: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), "after": "", **other}.items() if text}
        return f"{PLACE}?{urlencode(asked)}" if asked else PLACE


def list_pages(desk: PageContext) -> APIRouter:
    """The page of the list."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(request: Request, visitor: READER, asked: Annotated[AssetsFilter, Query()]) -> Response:
        """The assets that match, by name; of an operator, its own."""
        own = not visitor.reach(Permission.ASSETS_READ).everything
        if own and desk.node.settings.assets.enabled and not has_factors(desk, visitor):
            return desk.page(request, "assets/second_factor.html")
        reach, reader = admitted(desk, visitor), IncidentReader(visitor.person, desk.now)
        teams = {number: team for number, team in desk.teams().items() if not own or number in reach.teams}
        team = next((number for number, of in teams.items() if of.key == asked.team and of.id == number), None)
        search = AssetSearch(asked.kind, asked.sector, team, asked.need, asked.q[:100])
        after = number_in(asked.after) or 0
        with desk.node.database.reading() as session:
            rows, found = list_assets(session, reach, search, reader, after=after, limit=_ROWS)
            stale = AssetSearch(need="stale")
            context: dict[str, Any] = {
                "rows": [(one, is_stale(one, desk.now)) for one in rows],
                "found": found,
                "stale": list_assets(session, reach, stale, reader, after=0, limit=0)[1],
                "touched": set() if own else {one.asset_id for one, _ in open_touches(session, reader)},
                "waiting": len(changes_to_review(session, reach)),
                "sectors": sectors(session, reach),
            }
        operators = sorted({(of.key, of.name) for of in teams.values()}, key=lambda pair: pair[1])
        further = asked.path(after=str(after + _ROWS)) if after + _ROWS < found else ""
        return desk.page(
            request, "assets/list.html", asked=asked, kinds=ASSET_KINDS, severities=SEVERITIES, needs=NEEDS, own=own,
            teams=teams, operators=operators, further=further, **context,
        )  # fmt: skip

    @router.post(f"{PLACE}/confirm")
    def confirm(visitor: OWNER, form: Form) -> Response:
        """Confirm the selected ones."""
        admitted(desk, visitor)
        try:
            return perform_and_go(desk, visitor, _CONFIRM, form, PLACE)
        except (RequestError, NotFoundError):  # none is selected, or one was removed meanwhile
            return desk.go(PLACE)

    return router
