"""The tab *Deadlines* of an incident: each clock with its time left and its days, and what may apply."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.incidents import IncidentReader, parties_of
from tocsin.incidents.clocks import ClockState, parsed, rules_for, stories_of, suggested_rules
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.clock_words import time_left
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.words import CLOCK_STATES

_TAB: Final = "clocks"


def clock_pages(desk: PageContext) -> APIRouter:
    """The tab."""
    router = PageRouter()

    @router.get(f"{PLACE}/{{reference}}/{_TAB}")
    def show(
        request: Request, visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)], reference: str
    ) -> Response:
        """Those that run first, in the order in which they are due."""
        reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
        with desk.node.database.reading() as session:
            frame = part_frame(words, session, reader, reference, _TAB)
            stories = stories_of(session, reader, frame.family)
            holding = {(one.law, rule.id): one.id for one, rule in rules_for(session, reader.now)}
            return desk.page(
                request, "incidents/clocks.html", **frame.shown, stories=stories,
                suggested=suggested_rules(session, reader, frame.family),
                parties={one.id: one.name for one in parties_of(session, reader, frame.family)},
                running=sum(one.clock.state == ClockState.RUNNING for one in stories),
                newer={
                    one.clock.id for one in stories
                    if holding.get((one.clock.act, one.clock.rule), one.adopted.id) > one.adopted.id
                },
                clock_states=CLOCK_STATES, left=lambda length: time_left(words, length), text_of=parsed,
                any_adopted=bool(holding),
            )  # fmt: skip

    return router
