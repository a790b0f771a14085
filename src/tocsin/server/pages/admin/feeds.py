"""Feeds and their alarms, and the collectors that fetch them."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.events.alarms import acknowledge, feed_states, set_cadence
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say
from tocsin.pipeline.collectors import read_collectors, standings
from tocsin.server.pages.desk import PageContext
from tocsin.server.security import Form, needs, number_in, text_of

_MOST_HOURS = 24 * 366
_Reader = Annotated[Principal, needs(Permission.ADMIN_READ)]
_Writer = Annotated[Principal, needs(Permission.ADMIN_WRITE)]


def feed_pages(desk: PageContext) -> APIRouter:
    """The routes of feeds."""
    router, node = APIRouter(prefix="/admin/feeds"), desk.node

    @router.get("")
    def feeds(request: Request, _visitor: _Reader) -> Response:
        """Every feed, how it is, and what fetches it."""
        states = feed_states(node.database)
        loud = [one for one in states if any(alarm.acknowledged_at is None for alarm in one.alarms)]
        collectors = standings(node.database, read_collectors(node.settings.collect))
        return desk.page(request, "admin/feeds.html", states=states, loud=loud, collectors=collectors)

    @router.post("/cadence")
    def cadence(visitor: _Writer, form: Form) -> Response:
        """Keep how often a feed comes."""
        hours = number_in(text_of(form, "hours").strip())
        if hours is None or hours > _MOST_HOURS:
            raise UsageError(say("How often a feed comes is a number of hours."), hint=say("0: when it likes."))
        set_cadence(node.database, text_of(form, "feed"), hours, by=visitor.actor, now=desk.now)
        return desk.go("/admin/feeds")

    @router.post("/acknowledge")
    def looked(visitor: _Writer, form: Form) -> Response:
        """Note that a person looked at an alarm."""
        number = number_in(text_of(form, "alarm"))
        if number is None:
            raise UsageError(say("There is no such alarm."), hint=say("Load the page again."))
        acknowledge(node.database, number, note=text_of(form, "note"), by=visitor.actor, now=desk.now)
        return desk.go("/admin/feeds")

    return router
