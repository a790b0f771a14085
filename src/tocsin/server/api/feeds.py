"""``/feeds``: what is said of feeds and their alarms."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from tocsin.events import acts, feed_states
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import feed_setup
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "feeds"


class Alarm(BaseModel):
    """Why a feed is not as usual; ``acknowledged_at`` is null where nobody looked at it."""

    alarm: int
    kind: str
    words: str
    opened_at: datetime
    acknowledged_at: datetime | None


class FeedOut(BaseModel):
    """A feed: how often it should come (0: when it likes), when it came last, how it is."""

    feed: str
    name: str
    provider: str
    cadence_hours: int
    reports: int
    rows: int
    last_at: datetime
    state: str
    alarms: list[Alarm]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/feeds", operation_id="listFeeds", summary="All feeds, and what is not as usual")
    def list_feeds(_visitor: Annotated[Principal, needs(Permission.REPORTS_READ)]) -> list[FeedOut]:
        """With the alarms that are open."""
        return [
            FeedOut(
                feed=one.name,
                name=one.record.name,
                provider=one.record.provider,
                cadence_hours=one.record.cadence_hours,
                reports=one.reports,
                rows=one.rows,
                last_at=one.last,
                state=one.state,
                alarms=[
                    Alarm(
                        alarm=alarm.id, **{name: getattr(alarm, name) for name in Alarm.model_fields if name != "alarm"}
                    )
                    for alarm in one.alarms
                ],
            )
            for one in feed_states(counter.node.database)
        ]

    add_acts(router, counter, (*acts.ACTS, *feed_setup.ACTS))
