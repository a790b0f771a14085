"""``/duty``: who is on duty, and what a person does with rosters and call-outs."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from tocsin.incidents.duty import acts, live_rosters
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import call_outs
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "duty"


class DutyGapOut(BaseModel):
    """A time without anyone; null: further away than is looked."""

    start: datetime | None
    end: datetime | None
    why: str


class RosterOut(BaseModel):
    """A roster. ``on``: the numbers of who is on duty now; ``gaps``: of the next 14 days."""

    number: int
    name: str
    time_zone: str
    on: list[int]
    gaps: list[DutyGapOut]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/duty", operation_id="listRosters", summary="Who is on duty")
    def list_rosters(_visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)]) -> list[RosterOut]:
        """The rosters in use, with who is on duty now and the gaps of the next 14 days."""
        with counter.node.database.reading() as session:
            return [
                RosterOut(
                    number=one.row.id, name=one.row.name, time_zone=str(one.roster.time_zone),
                    on=one.on_duty(counter.now),
                    gaps=[DutyGapOut(start=gap.start, end=gap.end, why=gap.why) for gap in one.gaps(counter.now)],
                )
                for one in live_rosters(session, counter.now)
            ]  # fmt: skip

    add_acts(router, counter, (*acts.ACTS, *call_outs.ACTS))
