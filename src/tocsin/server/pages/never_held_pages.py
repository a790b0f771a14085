"""References to what must never be held, and when to ring the hotline: for the protection officer alone."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.never_held import ReferenceState, acts, list_references, open_hotline, reference_line
from tocsin.interface import FormHooks, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.acts import form_pages
from tocsin.server.pages.context import PageContext, together
from tocsin.server.pages.words import N_

PLACE: Final = "/never-held"
STATES: Final = {
    ReferenceState.NOTED: N_("Not sent"),
    ReferenceState.WAITING: N_("Waiting to be sent"),
    ReferenceState.SENT: N_("Sent, no receipt yet"),
    ReferenceState.RECEIVED: N_("Received by the hotline"),
    ReferenceState.PURGED: N_("Purged"),
}
_Officer = Annotated[Principal, needs(Permission.NEVER_HELD_WORK)]


def _list_pages(desk: PageContext) -> APIRouter:
    router = PageRouter()

    @router.get(PLACE)
    def listed(request: Request, _visitor: _Officer) -> Response:
        """All references, the newest first, and those to ring about."""
        with desk.node.database.reading() as session:
            lines = list_references(session)
        ringing = [line for line in lines if line.rings(desk.now)]
        hotline, settings = open_hotline(desk.node, desk.now), desk.node.settings.never_held
        return desk.page(
            request, "never_held/list.html", lines=lines, ringing=ringing, states=STATES, hotline=hotline,
            settings=settings,
        )  # fmt: skip

    @router.get(PLACE + "/{reference}")
    def show(request: Request, _visitor: _Officer, reference: str) -> Response:
        """One reference, and what became of its message."""
        with desk.node.database.reading() as session:
            line = reference_line(session, reference)
        rings, settings = line.rings(desk.now), desk.node.settings.never_held
        return desk.page(request, "never_held/one.html", line=line, rings=rings, states=STATES, settings=settings)

    return router


def _act_pages(desk: PageContext) -> APIRouter:
    hooks = FormHooks(back=lambda visit: (PLACE, visit.words.say(N_("Hotline"))), named=lambda named: named)
    return form_pages(desk, acts.ACTS, hooks)


never_held_pages = together(_act_pages, _list_pages)
