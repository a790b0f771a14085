"""``/quarantine``: rows that were set aside, and their replay after a fix."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Request, Response

from tocsin.events.quarantine import set_aside
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.replay import quarantined, replay, require_ingest
from tocsin.server.api.counter import ApiContext
from tocsin.server.api.ingests import Number
from tocsin.server.api.pages import Cursor, Limit, ListPage, cursor_for, link_next, place_of
from tocsin.server.model import QuarantineOut, SetAsideOut, Sums
from tocsin.server.security import needs
from tocsin.sharing.visibility import aside_that_leaves

TAG = "quarantine"
_NOUN = "quarantine"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/quarantine", operation_id="listQuarantine", summary="The ingests that set rows aside")
    def list_quarantine(
        *,
        request: Request,
        response: Response,
        _visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)],
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ListPage[QuarantineOut]:
        """The newest first."""
        place = place_of(counter.tokens, _NOUN, cursor)
        found = [one for one in quarantined(node) if place is None or one.ingest < place[0]]
        shown = found[:limit]
        following = cursor_for(counter.tokens, _NOUN, [shown[-1].ingest]) if len(found) > limit else None
        link_next(request, response, following)
        return ListPage(
            items=[QuarantineOut(**{name: getattr(one, name) for name in QuarantineOut.model_fields}) for one in shown],
            next=following,
        )

    @router.get("/quarantine/{number}", operation_id="readQuarantine", summary="The rows that one ingest set aside")
    def read_quarantine(
        *,
        request: Request,
        response: Response,
        number: Number,
        _visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)],
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ListPage[SetAsideOut]:
        """With line, reason and raw text, in the order of the report.

        A text that its marking keeps back, such as TLP:RED, is left out, and `withheld` says why.
        """
        require_ingest(node, number)
        noun = f"{_NOUN}.{number}"
        place = place_of(counter.tokens, noun, cursor)
        start = place[0] if place else 0
        found = aside_that_leaves(node, islice(set_aside(node.quarantine, number), start, start + limit + 1))
        following = cursor_for(counter.tokens, noun, [start + limit]) if len(found) > limit else None
        link_next(request, response, following)
        return ListPage(items=[SetAsideOut(**vars(row)) for row in found[:limit]], next=following)

    @router.post(
        "/quarantine/{number}/replay", operation_id="replayQuarantine", summary="Read the rows of an ingest again"
    )
    def replay_rows(number: Number, visitor: Annotated[Principal, needs(Permission.QUARANTINE_MEND)]) -> Sums:
        """After its feed or mapping was mended. What still cannot be read stays aside with the new ingest."""
        return Sums(**vars(replay(node, number, actor=visitor.actor, now=counter.now)))
