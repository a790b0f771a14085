"""``/audit``: who did what, the newest first."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from tocsin.node.accounts import Act, Visitor
from tocsin.node.records.audit_list import Asked, list_entries
from tocsin.server.api.counter import Counter
from tocsin.server.api.pages import Cursor, Page, aware, cursor_for, link_next, place_of
from tocsin.server.security import needs

TAG = "audit"
_NOUN = "audit"

Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Entry(BaseModel):
    """One act. ``subject`` names the thing by id, never by personal data."""

    id: int
    at: datetime
    actor: str = Field(examples=["person:1"])
    word: str = Field(examples=["report.ingested"])
    subject: str = Field(examples=["ingest:12"])
    detail: dict[str, Any]


def add_routes(router: APIRouter, counter: Counter) -> None:
    """Add the routes."""

    @router.get("/audit", operation_id="listAudit", summary="Who did what")
    def list_audit(
        *,
        request: Request,
        response: Response,
        _visitor: Annotated[Visitor, needs(Act.AUDIT_READ)],
        word: Text = "",
        actor: Text = "",
        subject: Text = "",
        since: Annotated[datetime | None, Query(description="From then on.")] = None,
        until: Annotated[datetime | None, Query(description="Before then.")] = None,
        limit: Annotated[int, Query(ge=1, le=500, description="At most so many.")] = 100,
        cursor: Cursor = None,
    ) -> Page[Entry]:
        """Entries with this word, actor and subject (a thing, or a kind of things); docs/audit.md lists the words."""
        place = place_of(counter.tokens, _NOUN, cursor)
        asked = Asked(word, actor, subject, aware(since), aware(until))
        with counter.node.database.reading() as session:
            found = list_entries(session, asked, before=place[0] if place else None, limit=limit)
        following = None if found.before is None else cursor_for(counter.tokens, _NOUN, [found.before])
        link_next(request, response, following)
        names = Entry.model_fields
        return Page(
            items=[Entry(**{name: getattr(one, name) for name in names}) for one in found.entries], next=following
        )
