"""The list of assessments, and what the form that starts one has besides its request."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from tocsin.interface import N_, FormHooks, FormVisit, PageMaker, text_of
from tocsin.readiness.assessment import Assessment, AssessmentAnswer, FrameworkVersion
from tocsin.readiness.web.framework_pages import known_versions
from tocsin.readiness.web.visitors import Reader


def add_list_pages(router: APIRouter, maker: PageMaker) -> None:
    """The list."""
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


def _questions(definition: dict[str, Any]) -> int:
    return sum(len(one["question"]) for pillar in definition["pillar"] for one in pillar["indicator"])


def _groups(text: str) -> dict[str, str]:
    """``income=low, region=Oceania``; what is no pair is left out."""
    pairs = [part.partition("=") for part in text.replace("\n", ",").split(",")]
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() and value.strip()}


def _versions(visit: FormVisit) -> list[tuple[str, str]]:
    known = [(f"{one.framework} {one.version}", one.title) for one in known_versions(visit.maker)]
    return [(of, f"{title} ({of})") for of, title in known]


def _start(visit: FormVisit) -> Mapping[str, Any]:
    framework, _, version = text_of(visit.form, "framework").partition(" ")
    return {"framework": framework, "version": version, "groups": _groups(text_of(visit.form, "groups"))}


FORMS: Final = FormHooks(
    back=lambda visit: ("/readiness", visit.words.say(N_("Readiness"))),
    after=lambda _visit, made: f"/readiness/{made.id}",
    given=lambda visit: {"as_of": visit.maker.now.date()},
    choices={"versions": _versions},
    takes=_start,
    linked={"framework"},
)
"""What the form that starts an assessment has besides its request."""
