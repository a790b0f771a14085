"""Where reports come from: feeds and how they are, and the collectors that fetch them."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from tocsin.events import acts, feed_states
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.collectors import read_collectors, refusals, standings
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

_REFUSED: Final = 30  # rows

_Reader = Annotated[Principal, needs(Permission.REPORTS_READ)]


def feed_pages(desk: PageContext) -> APIRouter:
    """The two lists."""
    router = PageRouter()

    @router.get("/reports/feeds")
    def feeds(request: Request, _visitor: _Reader) -> Response:
        """All feeds; those that are not as usual first."""
        found = feed_states(desk.node.database)
        found.sort(key=lambda feed: (not _is_loud(feed.alarms), feed.record.name))
        loud = sum(_is_loud(feed.alarms) for feed in found)
        return desk.page(request, "reports/feeds.html", feeds=found, loud=loud, now=desk.now)

    @router.post("/reports/feeds/alarms/{alarm}")
    def look(
        alarm: Annotated[int, Path(ge=1, le=2**31 - 1)],
        visitor: Annotated[Principal, needs(Permission.REPORTS_WRITE)],
        form: Form,
    ) -> Response:
        """Note that a person looked at what is not as usual."""
        perform(desk, visitor, acts.ACTS[0], form, alarm=alarm)
        return desk.go("/reports/feeds")

    @router.get("/reports/collectors")
    def collectors(request: Request, _visitor: _Reader) -> Response:
        """The collectors of the settings, how they fared, and what they refused."""
        found = standings(desk.node.database, read_collectors(desk.node.settings.collect))
        failing = sum(one.failures > 0 for one in found)
        refused = refusals(desk.node.database)
        return desk.page(
            request,
            "reports/collectors.html",
            collectors=found,
            failing=failing,
            refused=refused[:_REFUSED],
            now=desk.now,
        )

    return router


def _is_loud(alarms: object) -> bool:
    return any(alarm.acknowledged_at is None for alarm in alarms)  # type: ignore[attr-defined]
