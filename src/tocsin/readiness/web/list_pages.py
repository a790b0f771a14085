"""The list of assessments, and the form that starts one."""

from collections import Counter
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from tocsin.interface import Form, PageMaker, text_of
from tocsin.readiness.assessment import Assessment, AssessmentAnswer, FrameworkVersion
from tocsin.readiness.web.form import NONE, FormFailure, perform
from tocsin.readiness.web.framework_pages import known_versions
from tocsin.readiness.web.visitors import Assessor, Reader

_START: Final = "startAssessment"


def add_list_pages(router: APIRouter, maker: PageMaker) -> None:
    """The list, and how an assessment begins."""
    database = maker.node.database

    @router.get("")
    def assessments(request: Request, _visitor: Reader) -> Response:
        """Every assessment, by whom it is about and its day."""
        with database.reading() as session:
            query = select(Assessment, FrameworkVersion).join(FrameworkVersion)
            found = session.execute(query.order_by(Assessment.unit, Assessment.as_of)).all()
            pairs = session.execute(select(AssessmentAnswer.assessment_id, AssessmentAnswer.question).distinct())
            answered = Counter(number for number, _ in pairs)
        questions = {version.id: _questions(version.definition) for _, version in found}
        return maker.page(request, "readiness/list.html", found=found, answered=answered, questions=questions)

    @router.get("/start")
    def ask(request: Request, _visitor: Assessor) -> Response:
        """The form."""
        return _start_page(maker, request)

    @router.post("/start")
    def start(request: Request, visitor: Assessor, form: Form) -> Response:
        """Start an assessment, and lead to it."""
        framework, _, version = text_of(form, "of").partition(" ")
        given = {"framework": framework, "version": version, "groups": _groups(text_of(form, "groups"))}
        done = perform(maker, visitor, _START, form, lambda made: f"/readiness/{made.id}", **given)
        return done if isinstance(done, Response) else _start_page(maker, request, done)


def _questions(definition: dict[str, Any]) -> int:
    return sum(len(one["question"]) for pillar in definition["pillar"] for one in pillar["indicator"])


def _groups(text: str) -> dict[str, str]:
    """``income=low, region=Oceania``; what is no pair is left out."""
    pairs = [part.partition("=") for part in text.replace("\n", ",").split(",")]
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() and value.strip()}


def _start_page(maker: PageMaker, request: Request, refused: FormFailure = NONE) -> Response:
    return maker.page(
        request,
        "readiness/start.html",
        status=refused.status,
        failed=refused,
        of=_START,
        versions=known_versions(maker),
        chosen=refused.value(_START, "of", request.query_params.get("of", "")),
        day=str(maker.now.date()),
    )
