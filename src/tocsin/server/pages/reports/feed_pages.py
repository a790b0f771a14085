"""Where reports come from: feeds and how they are, and the collectors that fetch them."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from tocsin.events import acts, feed_states
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.collectors import CollectorStatus, node_collectors, refusals, standings
from tocsin.pipeline.feed_files import feed_mistakes, lists_of
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import TextFilter
from tocsin.server.security import Form

_REFUSED: Final = 30  # rows

_Reader = Annotated[Principal, needs(Permission.REPORTS_READ)]


class Filters(TextFilter):
    """What a person asked for; ``state``: that of a feed or collector, or empty."""

    state: str = ""


def feed_pages(desk: PageContext) -> APIRouter:
    """The two lists."""
    router = PageRouter()

    @router.get("/reports/feeds")
    def feeds(request: Request, _visitor: _Reader, filters: Annotated[Filters, Query()]) -> Response:
        """The feeds; those that are not as usual first."""
        all_ = feed_states(desk.node.database)
        all_.sort(key=lambda feed: (not _is_loud(feed.alarms), feed.record.name))
        loud = sum(_is_loud(feed.alarms) for feed in all_)
        chosen = [one for one in all_ if not filters.state or _is_loud(one.alarms)]
        found = [one for one in chosen if filters.fits(one.record.name, one.record.code, one.record.provider)]
        return desk.page(
            request, "reports/feeds.html", feeds=found, all=len(all_), loud=loud, filters=filters,
            mistakes=feed_mistakes(desk.node.home), lists=lists_of(desk.node),
        )  # fmt: skip

    @router.post("/reports/feeds/alarms/{alarm}")
    def look(
        alarm: Annotated[int, Path(ge=1, le=2**31 - 1)],
        visitor: Annotated[Principal, needs(Permission.REPORTS_WRITE)],
        form: Form,
    ) -> Response:
        """Mark what is unusual in a feed as checked."""
        perform(desk, visitor, acts.ACTS[0], form, alarm=alarm)
        return desk.go("/reports/feeds")

    @router.get("/reports/collectors")
    def collectors(request: Request, _visitor: _Reader, filters: Annotated[Filters, Query()]) -> Response:
        """The collectors of the settings, their state, and what they refused."""
        all_ = standings(desk.node.database, node_collectors(desk.node))
        stated = [(one, _state(one, desk.now)) for one in all_]
        found = [(one, of) for one, of in stated if filters.state in {"", of} and filters.fits(one.name)]
        return desk.page(
            request,
            "reports/collectors.html",
            collectors=found,
            all=len(all_),
            failing=sum(one.failures > 0 for one in all_),
            refused=refusals(desk.node.database)[:_REFUSED],
            filters=filters,
        )

    return router


def _state(one: CollectorStatus, now: datetime) -> str:
    if one.failures:
        return "failing"
    if one.last_try_at is None:
        return "new"
    return "overdue" if one.is_overdue(now) else "working"


def _is_loud(alarms: object) -> bool:
    return any(alarm.acknowledged_at is None for alarm in alarms)  # type: ignore[attr-defined]
