"""Help for a child in danger: whom to call now, and what to do. The page asks nothing, takes nothing, keeps nothing."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.public.help_cards import line_cards
from tocsin.server.pages.public.public_page import show_personal
from tocsin.server.security import address_of
from tocsin.sharing.public_lookup import PublicLookup


def child_pages(desk: PageContext, helps: PublicLookup) -> APIRouter:
    """The page; it has no form, and what an address asks beside the language is not read."""
    router = PageRouter()

    @router.get("/report/child")
    def child(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)]) -> Response:
        """Whom to call, and what to do now."""
        context = line_cards(desk, helps, helps.country_at(address_of(request)))
        return show_personal(desk, request, "public/child.html", **context)

    return router
