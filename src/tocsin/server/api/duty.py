"""``/duty``: who is on duty, and what a person does with rosters and call-outs."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tocsin.incidents import IncidentReader
from tocsin.incidents.duty import (
    CallChannel,
    CallOutState,
    CallState,
    acts,
    call_outs,
    calls_of,
    live_rosters,
)
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import call_outs as call_out_acts
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging

TAG = "duty"
_NOUN = "call-outs"
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


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


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CallAttempt(_Row):
    """A call of a person by one channel. ``person``: their number."""

    person: int
    channel: CallChannel
    state: CallState
    at: datetime
    error: str


class CallOutLine(_Row):
    """A call-out. ``subject``: the reference of an incident, or a kind of to-do items."""

    number: int = Field(validation_alias=AliasChoices("number", "id"))
    reference: str
    subject: str
    level: str
    state: CallOutState
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    note: str


class CallOutOut(CallOutLine):
    """A call-out with the calls made for it."""

    calls: list[CallAttempt]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/duty", operation_id="listRosters", summary="Who is on duty")
    def list_rosters(_visitor: _Reader) -> list[RosterOut]:
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

    @router.get("/duty/call-outs", operation_id="listCallOuts", summary="Call-outs")
    def list_call_outs(
        *, paging: ListPaging, visitor: _Reader, state: CallOutState | None = None
    ) -> ListPage[CallOutOut]:
        """Those that the visitor may read, the newest first, with who was called by which channel."""
        place, reader = paging.place(_NOUN), IncidentReader(visitor.person, counter.now)
        with counter.node.database.reading() as session:
            found = call_outs(
                session, reader, states=(state,) if state else (), before=int(place[0]) if place else 0,
                limit=paging.limit + 1,
            )  # fmt: skip
            calls = calls_of(session, found)
            return paging.page(
                _NOUN, found, lambda one: (one.id,),
                lambda one: CallOutOut(
                    **CallOutLine.model_validate(one).model_dump(),
                    calls=[CallAttempt.model_validate(of) for of in calls[one.id]],
                ),
            )  # fmt: skip

    add_acts(router, counter, (*acts.ACTS, *call_out_acts.ACTS))
