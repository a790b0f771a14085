"""One critical asset: what depends on it, whom to call, what touched it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.assets import acts
from tocsin.assets.register import ASSET_KINDS, find_asset, is_stale, neighbours, touches_of
from tocsin.incidents import SEVERITIES, IncidentReader
from tocsin.interface import NotHereError, PageRouter, number_in
from tocsin.node.accounts import Permission, names_of_actors
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.assets.access import ANALYST, KEEPER, PLACE, READER, admitted
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

_ACTS = {act.name: act for act in acts.ACTS}


def one_pages(desk: PageContext) -> APIRouter:
    """The page of an asset, and its buttons."""
    router = PageRouter()

    @router.get(PLACE + "/{asset}")
    def show(request: Request, visitor: READER, asset: str) -> Response:
        """The asset, with all that it depends on and all that depends on it."""
        reach, reader, number = admitted(desk, visitor), IncidentReader(visitor.person, desk.now), number_in(asset)
        if number is None:
            raise NotHereError
        with desk.node.database.reading() as session:
            found = find_asset(session, reach, number)
            near = neighbours(session, reach, found)
            touches = touches_of(session, reader, found) if reach.everything else ()
            by = names_of_actors(session, [found.confirmed_by, *(one.seen_by for one, _ in touches)])
        return desk.page(
            request, "assets/one.html", asset=found, stale=is_stale(found, desk.now), needs=near.needs,
            dependents=near.dependents, kinds_of_need={one["on"]: one for one in found.needs}, touches=touches,
            touched=any(one.seen_at is None for one, _ in touches), by=by, kinds=ASSET_KINDS, severities=SEVERITIES,
            team=desk.teams().get(found.team_id or 0), own=not reach.everything,
            keeps=visitor.reach(Permission.ASSETS_WRITE).everything,
        )  # fmt: skip

    @router.post(PLACE + "/{asset}/acknowledge")
    def acknowledge(visitor: ANALYST, asset: str, form: Form) -> Response:
        """Acknowledge what touched it."""
        admitted(desk, visitor)
        return perform_and_go(desk, visitor, _ACTS["acknowledge"], form, f"{PLACE}/{number_in(asset)}", asset=asset)

    @router.post(PLACE + "/{asset}/remove")
    def remove(visitor: KEEPER, asset: str, form: Form) -> Response:
        """Remove it."""
        admitted(desk, visitor)
        return perform_and_go(desk, visitor, _ACTS["remove"], form, PLACE, asset=asset)

    return router
