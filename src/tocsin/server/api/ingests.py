"""``/ingests``: reports that were taken in, however they came."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from tocsin.events.ingests import IngestFilter, find_ingests
from tocsin.events.models import IngestState
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.replay import require_ingest
from tocsin.server.api.counter import ApiContext
from tocsin.server.api.pages import WHOLE, Cursor, Limit, ListPage, Whole, asked_form, cursor_for, link_next, place_of
from tocsin.server.list_files import ingest_row, ingests_file
from tocsin.server.model import Ingest
from tocsin.server.security import needs, sent

TAG = "reports"
_NOUN = "ingests"

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of an ingest.", examples=[1])]


class IngestOut(Ingest):
    """One report taken in: ``rows`` = ``stored`` + ``duplicates`` + ``quarantined``."""

    state: IngestState


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get(
        "/ingests",
        operation_id="listIngests",
        summary="Reports that were taken in, with their sums",
        response_model=ListPage[IngestOut] | list[IngestOut],
        responses=WHOLE,
    )
    def list_ingests(
        *,
        request: Request,
        response: Response,
        _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)],
        feed: Annotated[str, Query(max_length=300, description="Source and code.", examples=["csv/mine"])] = "",
        state: IngestState | None = None,
        set_aside: Annotated[bool, Query(description="Only those that set rows aside.")] = False,
        form: Whole = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """The newest first. A page, or all of them as a file (by `format` or `Accept`), streamed."""
        wanted = IngestFilter(feed=feed, state=state.value if state else "", set_aside=set_aside)
        if whole := asked_form(request, form):
            return sent(ingests_file(node.database, wanted, whole, now=counter.now))
        place = place_of(counter.tokens, _NOUN, cursor)
        with node.database.reading() as session:
            found = find_ingests(session, wanted, before=place[0] if place else None, limit=limit + 1)
        last = found[limit - 1][0].number if len(found) > limit else None
        following = None if last is None else cursor_for(counter.tokens, _NOUN, [last])
        link_next(request, response, following)
        response.headers["Vary"] = "Accept"
        return ListPage(items=[IngestOut(**ingest_row(*one)) for one in found[:limit]], next=following)

    @router.get("/ingests/{number}", operation_id="readIngest", summary="One report that was taken in")
    def read_ingest(number: Number, _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)]) -> IngestOut:
        """Its sums; they always balance."""
        return IngestOut(**ingest_row(*require_ingest(node, number)))
