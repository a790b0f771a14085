"""Help for a child in danger: whom to call now, and what to do. The page asks nothing, takes nothing, keeps nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import HelpLine, in_hours, next_opening
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.public.public_page import show
from tocsin.server.security import address_of
from tocsin.sharing.public_lookup import PublicLookup

_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True)
class HelpLineCard:
    """A help line as it is at the moment: whether somebody is there (None: not known), and when they come next."""

    line: HelpLine
    there: bool | None
    opens: datetime | None


def child_pages(desk: PageContext, helps: PublicLookup) -> APIRouter:
    """The page; it has no form, and what an address asks beside the language is not read."""
    router = PageRouter()

    @router.get("/report/child")
    def child(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)]) -> Response:
        """Whom to call, and what to do now."""
        lines = [_card(line, desk.now) for line in helps.help_lines(helps.country_at(address_of(request)))]
        context: dict[str, Any] = {"cards": lines, "several": len({card.line.country for card in lines}) > 1}
        context["exit_page"] = desk.node.settings.node.exit_page
        response = show(desk, request, "public/child.html", keep=False, **context)
        response.headers.update(_HEADERS)
        return response

    return router


def _card(line: HelpLine, now: datetime) -> HelpLineCard:
    there = in_hours(line.hours, line.timezone, now) if line.hours else None
    return HelpLineCard(line, there, None if there else next_opening(line.hours, line.timezone, now))
