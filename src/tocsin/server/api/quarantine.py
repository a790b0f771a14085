"""``/quarantine``: rows that were set aside, and their replay after a fix."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter

from tocsin.events import set_aside
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.replay import ACTS, quarantined, require_ingest
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.ingests import Number
from tocsin.server.api.pages import ListPage, ListPaging
from tocsin.server.model import QuarantineOut, SetAsideOut
from tocsin.sharing.visibility import aside_that_leaves

TAG = "quarantine"
_NOUN = "quarantine"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/quarantine", operation_id="listQuarantine", summary="The ingests that set rows aside")
    def list_quarantine(
        paging: ListPaging, _visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)]
    ) -> ListPage[QuarantineOut]:
        """The newest first."""
        place = paging.place(_NOUN)
        found = [one for one in quarantined(node, counter.now) if place is None or one.ingest < place[0]]
        return paging.page(_NOUN, found, lambda one: one.ingest, QuarantineOut.model_validate)

    @router.get("/quarantine/{number}", operation_id="readQuarantine", summary="The unreadable rows of one ingest")
    def read_quarantine(
        number: Number, paging: ListPaging, _visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)]
    ) -> ListPage[SetAsideOut]:
        """With line, reason and raw text, in the order of the report.

        A text that its marking keeps back, such as TLP:RED, is left out, and `withheld` says why.
        """
        require_ingest(node, number)
        noun = f"{_NOUN}.{number}"
        place = paging.place(noun)
        start = place[0] if place else 0
        end = start + paging.limit
        found = aside_that_leaves(node, islice(set_aside(node.quarantine, number), start, end + 1))
        return paging.page(noun, found, lambda _: end, SetAsideOut.model_validate)

    add_acts(router, counter, ACTS)
