"""What a link reaches without an account: the form that acknowledges a call-out, and the calendar of a person.

Opening the link of a call acknowledges nothing, however often and by whomever: mail scanners open each link.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from tocsin.incidents.duty import PATH, acknowledge, calendar_of, call_of_link, live_rosters, owner_of_calendar
from tocsin.interface import NotHereError, PageRouter, needs
from tocsin.node.accounts import Permission
from tocsin.server.pages.answer_forms import Fields, from_own_page, read_fields
from tocsin.server.pages.answer_pages import LinkPages
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import SEVERITIES

_LIVE = ["GET", "HEAD"]


def duty_link_pages(desk: PageContext) -> APIRouter:
    """The pages behind links."""
    router = PageRouter(default_response_class=HTMLResponse, dependencies=[needs(Permission.LINK_USE)])
    pages = LinkPages(desk, PATH)

    @router.api_route(PATH + "{token}", methods=_LIVE)
    def show(request: Request, token: str) -> Response:
        """What is called for, and the form; a link that was used, or is too old, leads nowhere."""
        with desk.node.database.begin() as session:
            found = call_of_link(session, desk.node, token, desk.now)
            shown = {"call_out": found[0]} if found else {}
            session.expunge_all()
        return _page(pages, request, token, shown) if shown else pages.neutral(request)

    @router.post(PATH + "{token}")
    def take(request: Request, token: str, fields: Annotated[Fields | None, Depends(read_fields)]) -> Response:
        """Acknowledge it, for the person who was called."""
        if fields is None or not from_own_page(request, desk.node.settings.server.url):
            return pages.refused(request, "")
        with desk.node.database.begin() as session:
            found = call_of_link(session, desk.node, token, desk.now)
            if found is not None:
                acknowledge(session, found[0], by=f"person:{found[1].person}", note="", now=desk.now)
            shown = {"call_out": found[0]} if found else {}
            session.flush()
            session.expunge_all()
        return _page(pages, request, token, shown, taken=True) if shown else pages.neutral(request)

    @router.api_route("/duty/calendar/{secret}.ics", methods=_LIVE)
    def calendar(secret: str) -> Response:
        """The shifts of the person whose address it is, as iCalendar."""
        with desk.node.database.reading() as session:
            person = owner_of_calendar(session, secret)
            if person is None:
                raise NotHereError
            content = calendar_of(
                live_rosters(session, desk.now), person, now=desk.now, node=desk.node.settings.node.name
            )
        return Response(content, media_type="text/calendar", headers={"Cache-Control": "no-store"})

    return router


def _page(pages: LinkPages, request: Request, token: str, shown: dict[str, Any], *, taken: bool = False) -> Response:
    duty = pages.desk.node.settings.duty
    return pages.render(
        request, "public/call_out.html", "", token=token, taken=taken, ring=duty.phone, severities=SEVERITIES, **shown
    )
