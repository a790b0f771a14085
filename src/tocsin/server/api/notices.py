"""``/notices``: what entities filed, and what a person does with it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from tocsin.directory import Team, teams_by_id
from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import ReportBasis, ReportDoor
from tocsin.incidents.notices import (
    FiledNotice,
    NoticeFilter,
    NoticeKind,
    NoticeState,
    acts,
    find_notice,
    list_notices,
)
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging

TAG = "notices"
_NOUN = "notices"

_Reference = Annotated[str, Path(max_length=40, description="The reference of a notice.", examples=["0000-0000"])]
_Reader = Annotated[Principal, needs(Permission.INBOX_READ)]


class NoticeLine(BaseModel):
    """A notice. ``team``: key of the entity; ``chain``: the reference of the first of the same incident."""

    reference: str
    team: str
    entity: str
    law: str
    kind: NoticeKind
    version: int
    state: NoticeState
    chain: str
    door: ReportDoor
    received_at: datetime
    answered_at: datetime | None
    basis: ReportBasis


class WholeNotice(NoticeLine):
    """A notice with what it says."""

    fields: dict[str, Any] = Field(description="By the id of the field.")


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/notices", operation_id="listNotices", summary="Notices of entities")
    def list_(
        *, paging: ListPaging, visitor: _Reader, state: NoticeState | None = None, kind: NoticeKind | None = None
    ) -> ListPage[NoticeLine]:
        """The newest first."""
        place = paging.place(_NOUN)
        wanted = NoticeFilter(state, kind=kind.value if kind else "", before=int(place[0]) if place else 0)
        teams = teams_by_id(database)
        with database.reading() as session:
            found = list_notices(session, IncidentReader(visitor.person, counter.now), wanted, limit=paging.limit + 1)
        return paging.page(_NOUN, found, lambda one: (one.notice.id,), lambda one: NoticeLine(**_line(one, teams)))

    @router.get("/notices/{reference}", operation_id="readNotice", summary="One notice")
    def read_one(reference: _Reference, visitor: _Reader) -> WholeNotice:
        """With what it says."""
        with database.reading() as session:
            found = find_notice(session, IncidentReader(visitor.person, counter.now), reference)
        return WholeNotice(**_line(found, teams_by_id(database)), fields=found.notice.fields)

    add_acts(router, counter, acts.ACTS)


def _line(one: FiledNotice, teams: dict[int, Team]) -> dict[str, Any]:
    notice, team = one.notice, teams[one.notice.team_id]
    names = ("law", "kind", "version", "chain", "door", "received_at", "answered_at")
    return {
        "reference": one.report.reference, "team": team.key, "entity": team.name, "state": one.state,
        "basis": one.report.basis, **{name: getattr(notice, name) for name in names},
    }  # fmt: skip
