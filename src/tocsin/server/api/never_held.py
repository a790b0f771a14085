"""``/never-held``: references to what must never be held, for the protection officer alone."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from tocsin.delivery.never_held import ReferenceState, acts, list_references, reference_line
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "never held"

_Reference = Annotated[str, Path(max_length=40, description="A reference.", examples=["NHR-2026-0000001"])]
_Officer = Annotated[Principal, needs(Permission.NEVER_HELD_WORK)]


class NeverHeldLine(BaseModel):
    """All that is kept of a report. ``report_id``: as its sender numbers it, or empty; ``host``: never a path."""

    reference: str
    class_name: str = Field(alias="class", examples=["csam"])
    report_id: str
    at: datetime
    place: str = Field(examples=["upload"])
    host: str
    times: int
    state: ReferenceState
    sent_at: datetime | None
    received_at: datetime | None
    error: str


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/never-held", operation_id="listNeverHeld", summary="References to what must never be held")
    def list_never_held(_visitor: _Officer) -> list[NeverHeldLine]:
        """The newest first."""
        with database.reading() as session:
            return [NeverHeldLine(**line.document) for line in list_references(session)]

    @router.get("/never-held/{reference}", operation_id="readNeverHeld", summary="One reference")
    def read_never_held(reference: _Reference, _visitor: _Officer) -> NeverHeldLine:
        """With what became of its message."""
        with database.reading() as session:
            return NeverHeldLine(**reference_line(session, reference).document)

    add_acts(router, counter, acts.ACTS)
