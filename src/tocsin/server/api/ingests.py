"""``/ingests``: reports that were taken in, however they came."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from tocsin.events import IngestFilter, IngestState, find_ingests
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.replay import require_ingest
from tocsin.pipeline.reread import ACTS
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import WHOLE, ListPage, ListPaging, Whole, asked_form
from tocsin.server.list_files import ingest_row, ingests_file
from tocsin.server.model import Ingest
from tocsin.server.security import sent

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
        response: Response,
        paging: ListPaging,
        _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)],
        feed: Annotated[str, Query(max_length=300, description="Source and code.", examples=["csv/mine"])] = "",
        state: IngestState | None = None,
        set_aside: Annotated[bool, Query(description="Only those that set rows aside.")] = False,
        form: Whole = None,
    ) -> Any:
        """The newest first. A page, or all of them as a file (by `format` or `Accept`), streamed."""
        wanted = IngestFilter(feed=feed, state=state.value if state else "", set_aside=set_aside)
        if whole := asked_form(paging.request, form):
            return sent(ingests_file(node.database, wanted, whole, now=counter.now))
        place = paging.place(_NOUN)
        with node.database.reading() as session:
            found = find_ingests(session, wanted, before=place[0] if place else None, limit=paging.limit + 1)
        response.headers["Vary"] = "Accept"
        return paging.page(_NOUN, found, lambda one: one[0].number, lambda one: IngestOut(**ingest_row(*one)))

    @router.get("/ingests/{number}", operation_id="readIngest", summary="One report that was taken in")
    def read_ingest(number: Number, _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)]) -> IngestOut:
        """Its sums; they always balance."""
        return IngestOut(**ingest_row(*require_ingest(node, number)))

    add_acts(router, counter, ACTS)
