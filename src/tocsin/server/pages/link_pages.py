"""The links to partners abroad, measured: a map and a table of countries."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.exchange.partners import CHECK_DAYS, by_country, measured_links
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.map_countries import numeric_codes

PLACE: Final = "/exchange/links"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]


def link_pages(desk: PageContext) -> APIRouter:
    """The page."""
    router = PageRouter()

    @router.get(PLACE)
    def links(request: Request, _visitor: _READER) -> Response:
        """Links that were shown to work lately, by country; the others beside them."""
        own = desk.node.settings.node.country
        with desk.node.database.reading() as session:
            found = measured_links(session, desk.now)
        abroad = [one for one in found if one.abroad(own)]
        return desk.page(
            request, "exchange/links.html", countries=by_country(found, own), abroad=abroad, numeric=numeric_codes(),
            live=sum(one.live for one in abroad), nowhere=[one for one in found if not one.countries], days=CHECK_DAYS,
        )  # fmt: skip

    return router
