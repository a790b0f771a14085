"""``/audit``: who did what, the newest first."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tocsin.incidents import IncidentReader, subjects_for
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.records import AuditFilter, list_entries
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import Cursor, ListPage, aware, cursor_for, link_next, place_of
from tocsin.server.model import AuditEntryOut

TAG = "audit"
_NOUN = "audit"

Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/audit", operation_id="listAudit", summary="Who did what")
    def list_audit(
        *,
        request: Request,
        response: Response,
        visitor: Annotated[Principal, needs(Permission.AUDIT_READ)],
        word: Text = "",
        actor: Text = "",
        subject: Text = "",
        since: Annotated[datetime | None, Query(description="From then on.")] = None,
        until: Annotated[datetime | None, Query(description="Before then.")] = None,
        limit: Annotated[int, Query(ge=1, le=500, description="At most so many.")] = 100,
        cursor: Cursor = None,
    ) -> ListPage[AuditEntryOut]:
        """Entries with this word, actor and subject (a thing, or a kind of things); docs/audit.md lists the words.

        Those about incidents that the token may not read are left out.
        """
        place = place_of(counter.tokens, _NOUN, cursor)
        with counter.node.database.reading() as session:
            may = subjects_for(session, IncidentReader(visitor.person, counter.now))
            asked = AuditFilter(word, actor, subject, aware(since), aware(until), may)
            found = list_entries(session, asked, before=place[0] if place else None, limit=limit)
        following = None if found.before is None else cursor_for(counter.tokens, _NOUN, [found.before])
        link_next(request, response, following)
        names = AuditEntryOut.model_fields
        return ListPage(
            items=[AuditEntryOut(**{name: getattr(one, name) for name in names}) for one in found.entries],
            next=following,
        )
