"""The list of deadlines: the clocks that run on incidents which the visitor may read, first due first."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.incidents import IncidentReader
from tocsin.incidents.clocks import ClockStage, running_clocks
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import time_left
from tocsin.server.pages.words import N_

_MOST: Final = 200
STAGES: Final = {
    ClockStage.OVER: N_("Overdue"),
    ClockStage.MOST: N_("80 percent of the time is over"),
    ClockStage.HALF: N_("50 percent of the time is over"),
    ClockStage.ENDED: N_("The incident is closed"),
}


class _DeadlinesQuery(BaseModel):
    """How much of the time is over."""

    stage: str = ""


def deadline_pages(desk: PageContext) -> APIRouter:
    """The list."""
    router = PageRouter()

    @router.get("/clocks")
    def listed(
        request: Request,
        visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)],
        asked: Annotated[_DeadlinesQuery, Query()],
    ) -> Response:
        """What is due first comes first."""
        reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
        stage = ClockStage(asked.stage) if asked.stage in set(ClockStage) else None
        with desk.node.database.reading() as session:
            rows = running_clocks(session, reader, stage=stage, limit=_MOST)
            overdue = len(running_clocks(session, reader, stage=ClockStage.OVER, limit=_MOST))
        return desk.page(
            request, "clocks/deadlines.html", rows=rows, overdue=overdue, stage=stage or "", stages=STAGES,
            left=lambda length: time_left(words, length),
        )  # fmt: skip

    return router
