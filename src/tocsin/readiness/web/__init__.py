"""Readiness on pages: the assessments, and the scores of one, as declared and as supported by evidence."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from tocsin.interface import N_, Number, PageMaker, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.readiness.assessment import Assessment, FrameworkVersion, Score, profiles, read_snapshot

_Reader = Annotated[Principal, needs(Permission.READINESS_READ)]
_DEPTHS: Final = {"overall": 0, "pillar": 1, "indicator": 2}
KINDS: Final = {"overall": N_("Overall"), "pillar": N_("Pillar"), "indicator": N_("Indicator")}


def readiness_pages(maker: PageMaker) -> APIRouter:
    """The routes of readiness."""
    router, database = PageRouter(prefix="/readiness"), maker.node.database

    @router.get("")
    def assessments(request: Request, _visitor: _Reader) -> Response:
        """Every assessment, by whom it is about and its day."""
        query = select(Assessment, FrameworkVersion).join(FrameworkVersion)
        with database.reading() as session:
            found = session.execute(query.order_by(Assessment.unit, Assessment.as_of)).all()
        return maker.page(request, "readiness/list.html", found=found)

    @router.get("/{number}")
    def assessment(request: Request, _visitor: _Reader, number: Number) -> Response:
        """The scores of one, with their bounds: what is not known is a range, never a zero."""
        with database.reading() as session:
            snapshot = read_snapshot(session, number)
        declared, supported = snapshot.scores()
        rows = [(one, supported.get(one.id), _DEPTHS[one.kind]) for one in declared.values() if one.kind in _DEPTHS]
        levels = {question: held.answer.level for question, held in snapshot.held().items()}
        return maker.page(
            request,
            "readiness/one.html",
            snapshot=snapshot,
            overall=next((one for one, _, depth in rows if depth == 0), None),
            rows=rows,
            kinds=KINDS,
            shown=lambda one: "" if one is None else _shown(one),
            profiles=profiles(snapshot.framework, levels),
        )

    return router


def _shown(score: Score) -> str:
    """A score (0 to 100) with its bounds; empty where nothing is known."""
    if score.point is None and (score.low, score.high) == (0, 100):
        return ""
    point = "?" if score.point is None else f"{score.point:.1f}"
    return f"{point} [{score.low:.1f}, {score.high:.1f}]"
