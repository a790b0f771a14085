"""The routes of the portal."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.answer_forms import AnswerForm
from tocsin.server.pages.context import PageContext, join_routers
from tocsin.server.pages.portal.contact_pages import contact_pages
from tocsin.server.pages.portal.context import PortalContext
from tocsin.server.pages.portal.fix_page import FixPage
from tocsin.server.pages.portal.notice_pages import notice_pages
from tocsin.server.pages.portal.report_page import report_pages
from tocsin.server.security import Form, texts_of

_Reader = Annotated[Principal, needs(Permission.PORTAL_READ)]
_Writer = Annotated[Principal, needs(Permission.PORTAL_WRITE)]


def portal_pages(desk: PageContext) -> APIRouter:
    """The pages of the portal."""
    router, portal = PageRouter(), PortalContext(desk)

    @router.get("/portal")
    def problems(request: Request, visitor: _Reader) -> Response:
        """The problems of the own networks."""
        if not portal.teams(request, visitor):
            return desk.page(request, "portal/no_team.html")
        return _fix_page(portal, request, visitor).show(request)

    @router.post("/portal")
    def record(request: Request, visitor: _Writer, form: Form) -> Response:
        """Record a status of problems, and show what is left."""
        typed = AnswerForm.of({name: texts_of(form, name) for name in form})
        return _fix_page(portal, request, visitor).record(request, typed)

    @router.post("/portal/undo/{answer}")
    def undo(request: Request, visitor: _Writer, answer: str) -> Response:
        """Undo what was recorded just now."""
        return _fix_page(portal, request, visitor).undo(request, answer)

    return join_routers(router, contact_pages(portal), report_pages(portal), notice_pages(portal))


def _fix_page(portal: PortalContext, request: Request, visitor: Principal) -> FixPage:
    team = portal.team(request, visitor)
    return FixPage(
        portal.desk,
        portal.sheet(team),
        "/portal",
        "portal",
        of={"team": team.key},
        person=visitor.person,
        actor=visitor.actor,
        writes=visitor.may(Permission.PORTAL_WRITE),
        shown={"base": "layout.html", "teams": portal.teams(request, visitor)},
    )
