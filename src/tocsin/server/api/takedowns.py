"""``/takedowns``: content that is asked to be taken down, of whom, and what was seen; and what is done with it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from tocsin.incidents import IncidentReader
from tocsin.incidents.takedowns import (
    SightingResult,
    TakedownGround,
    TakedownRole,
    TakedownSearch,
    TakedownState,
    acts,
    host_figures,
    list_takedowns,
    recipients_of,
    sightings_of,
)
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging

TAG = "incidents"
_NOUN = "takedowns"

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class TakedownRecipientOut(_Row):
    """Who can take it down, and why it is proposed; ``asked_at``: the last letter, or null."""

    role: TakedownRole
    name: str
    mailbox: str
    reason: str
    party_id: int | None
    asked_at: datetime | None


class TakedownSightingOut(_Row):
    """What was seen, how and from where."""

    at: datetime
    seen: SightingResult
    how: str
    place: str
    by: str


class TakedownLine(_Row):
    """A take-down without what it is of."""

    id: int
    state: TakedownState
    ground: TakedownGround
    basis: str
    necessity: str
    pap: str
    address: str
    host: str
    proposed_at: datetime
    asked_at: datetime | None
    gone_at: datetime | None
    due_at: datetime | None
    objected_at: datetime | None
    answered_at: datetime | None


class TakedownOut(TakedownLine):
    """A take-down. ``due_at``: then it waits for a person; ``gone_at``: as a sighting says."""

    incident: str
    kind: str
    value: str
    recipients: list[TakedownRecipientOut]
    sightings: list[TakedownSightingOut]


class HostFiguresOut(BaseModel):
    """How fast a host was in the last year; ``median_seconds``: null where half or more is still there."""

    host: str
    asked: int
    gone: int
    still: int
    median_seconds: float | None


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/takedowns", operation_id="listTakedowns", summary="Take-downs")
    def list_(
        *,
        paging: ListPaging,
        visitor: _Reader,
        state: TakedownState | None = None,
        incident: Annotated[str, Query(max_length=60, description="The reference of an incident.")] = "",
        host: Annotated[str, Query(max_length=200, description="The name of a host.")] = "",
        due: Annotated[bool, Query(description="Only those that wait for a person.")] = False,
    ) -> ListPage[TakedownOut]:
        """The newest first, with who can take each down and what was seen of it."""
        search = TakedownSearch((state,) if state else (), incident, host, need=due)
        place = paging.place(_NOUN)
        with database.reading() as session:
            reader = IncidentReader(visitor.person, counter.now)
            found = list_takedowns(
                session, reader, search, before=int(place[0]) if place else 0, limit=paging.limit + 1
            )
            there, seen = recipients_of(session, reader, found), sightings_of(session, reader, found)
            return paging.page(
                _NOUN, found, lambda one: (one.takedown.id,),
                lambda one: TakedownOut(
                    **TakedownLine.model_validate(one.takedown).model_dump(), incident=one.incident.reference,
                    kind=one.observable.kind, value=one.observable.value,
                    recipients=[TakedownRecipientOut.model_validate(of) for of in there.get(one.takedown.id, ())],
                    sightings=[TakedownSightingOut.model_validate(of) for of in seen.get(one.takedown.id, ())],
                ),
            )  # fmt: skip

    @router.get("/takedowns/hosts", operation_id="readTakedownHosts", summary="How fast hosts take content down")
    def hosts(visitor: _Reader) -> list[HostFiguresOut]:
        """Those that were asked in the last year, the most asked first."""
        with database.reading() as session:
            found = host_figures(session, IncidentReader(visitor.person, counter.now))
        return [
            HostFiguresOut(
                host=one.host, asked=one.asked, gone=one.gone, still=one.still,
                median_seconds=None if one.median is None else one.median.total_seconds(),
            )
            for one in found
        ]  # fmt: skip

    add_acts(router, counter, acts.ACTS)
