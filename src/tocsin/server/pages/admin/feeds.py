"""Feeds and their alarms, and the collectors that fetch them."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.events import acts, feed_states
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.collectors import node_collectors, standings
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

_LOOK, _CADENCE = acts.ACTS
_Reader = Annotated[Principal, needs(Permission.ADMIN_READ)]
_Writer = Annotated[Principal, needs(Permission.ADMIN_WRITE)]


def feed_pages(desk: PageContext) -> APIRouter:
    """The routes of feeds."""
    router, node = PageRouter(prefix="/admin/feeds"), desk.node

    @router.get("")
    def feeds(request: Request, _visitor: _Reader) -> Response:
        """Every feed, how it is, and what fetches it."""
        states = feed_states(node.database)
        loud = [one for one in states if any(alarm.acknowledged_at is None for alarm in one.alarms)]
        collectors = standings(node.database, node_collectors(node))
        return desk.page(request, "admin/feeds.html", states=states, loud=loud, collectors=collectors)

    @router.post("/cadence")
    def cadence(visitor: _Writer, form: Form) -> Response:
        """Keep how often a feed comes."""
        perform(desk, visitor, _CADENCE, form)
        return desk.go("/admin/feeds")

    @router.post("/acknowledge")
    def looked(visitor: _Writer, form: Form) -> Response:
        """Note that a person looked at an alarm."""
        perform(desk, visitor, _LOOK, form)
        return desk.go("/admin/feeds")

    return router
