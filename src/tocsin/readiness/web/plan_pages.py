"""The plan of an assessment: actions with what each may gain, and the targets of its unit."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.interface import N_, Form, Number, PageMaker
from tocsin.readiness.assessment import TARGETS, read_snapshot
from tocsin.readiness.report import tracked_targets
from tocsin.readiness.web.form import NONE, FormFailure, perform
from tocsin.readiness.web.scores import level_of
from tocsin.readiness.web.visitors import Assessor, Reader

REACHED: Final = {"yes": N_("Reached"), "no": N_("Not reached"), "open": N_("Within what it may be")}
"""Whether a target is reached, as pages say it."""


def add_plan_pages(router: APIRouter, maker: PageMaker) -> None:
    """The page of the plan, and what its forms do."""

    def page(request: Request, number: int, question: str, refused: FormFailure = NONE) -> Response:
        with maker.node.database.reading() as session:
            snapshot = read_snapshot(session, number)
            tracked = tracked_targets(session, number)
        questions = snapshot.framework.questions()
        return maker.page(
            request,
            "readiness/plan.html",
            status=refused.status,
            failed=refused,
            snapshot=snapshot,
            question=questions.get(question),
            questions=questions,
            tracked=tracked,
            kinds=TARGETS,
            reached=REACHED,
            level_of=level_of,
            year=maker.now.year,
        )

    @router.get("/{number}/plan")
    def plan(
        request: Request, _visitor: Reader, number: Number, question: Annotated[str, Query(max_length=60)] = ""
    ) -> Response:
        """The actions and the targets; ``question``: what an action is to be planned for."""
        return page(request, number, question)

    @router.post("/{number}/plan")
    def add(request: Request, visitor: Assessor, number: Number, form: Form) -> Response:
        """Add an action."""
        done = perform(maker, visitor, "addAction", form, f"/readiness/{number}/plan", assessment=number)
        return done if isinstance(done, Response) else page(request, number, done.value("addAction", "question"), done)

    @router.post("/{number}/plan/done")
    def finish(request: Request, visitor: Assessor, number: Number, form: Form) -> Response:
        """Mark an action as done today."""
        path = f"/readiness/{number}/plan"
        done = perform(maker, visitor, "finishAction", form, path, on=maker.now.date())
        return done if isinstance(done, Response) else page(request, number, "", done)

    @router.post("/{number}/targets")
    def target(request: Request, visitor: Assessor, number: Number, form: Form) -> Response:
        """Set a target of the unit."""
        with maker.node.database.reading() as session:
            snapshot = read_snapshot(session, number)
        of = {"unit": snapshot.unit, "framework": snapshot.framework.id, "version": snapshot.framework.version}
        done = perform(maker, visitor, "targetScore", form, f"/readiness/{number}/plan#targets", **of)
        return done if isinstance(done, Response) else page(request, number, "", done)
