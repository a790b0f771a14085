"""One assessment: how far it is, its scores, what if answers were others, its report, and what closes it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.interface import Form, Number, PageMaker
from tocsin.node.errors import InputError
from tocsin.readiness.assessment import Snapshot, exactly, profiles, read_snapshot, score
from tocsin.readiness.report import Material, assessment_report, gains, gather
from tocsin.readiness.web.form import NONE, FormFailure, perform
from tocsin.readiness.web.report_files import Ending, report_response
from tocsin.readiness.web.scores import DEPTHS, KINDS, changes, intervals, level_of, progress
from tocsin.readiness.web.visitors import Assessor, Reader

_STEPS: Final = 5  # of what gains most


def add_assessment_pages(router: APIRouter, maker: PageMaker) -> None:
    """The pages of one assessment."""

    def snapshot_of(number: int) -> Snapshot:
        with maker.node.database.reading() as session:
            return read_snapshot(session, number)

    def overview(request: Request, number: int, refused: FormFailure = NONE) -> Response:
        return maker.page(
            request, "readiness/one.html", status=refused.status, failed=refused, **_overview(snapshot_of(number))
        )

    @router.get("/{number}")
    def one(request: Request, _visitor: Reader, number: Number) -> Response:
        """How far it is, and the scores with their bounds."""
        return overview(request, number)

    @router.get("/{number}/scores")
    def scores(request: Request, _visitor: Reader, number: Number) -> Response:
        """The scores with their bounds, and the change since the assessment before."""
        with maker.node.database.reading() as session:
            material = gather(session, number)
        return maker.page(request, "readiness/scores.html", **_scores(material))

    @router.post("/{number}/close")
    def close(request: Request, visitor: Assessor, number: Number, form: Form) -> Response:
        """Close it."""
        done = perform(maker, visitor, "closeAssessment", form, f"/readiness/{number}", assessment=number)
        return done if isinstance(done, Response) else overview(request, number, done)

    @router.post("/{number}/rank")
    def rank(request: Request, visitor: Assessor, number: Number, form: Form) -> Response:
        """Agree to be ranked, or no longer."""
        done = perform(maker, visitor, "rankAssessment", form, f"/readiness/{number}", assessment=number)
        return done if isinstance(done, Response) else overview(request, number, done)

    @router.get("/{number}/what-if")
    def what_if(request: Request, _visitor: Reader, number: Number) -> Response:
        """The score if answers were others; nothing is saved."""
        return maker.page(request, "readiness/what_if.html", **_what_if(snapshot_of(number), request.query_params))

    @router.get("/{number}/report")
    def report(request: Request, _visitor: Reader, number: Number) -> Response:
        """The report, to print or as a file."""
        return maker.page(request, "readiness/report.html", snapshot=snapshot_of(number))

    @router.get("/{number}/report.{ending}")
    def report_file(
        _visitor: Reader,
        number: Number,
        ending: Ending,
        peers: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """The report as a file; HTML opens, to be read and printed."""
        with maker.node.database.reading() as session:
            material = gather(session, number, peers=peers)
        return report_response(assessment_report(material, made_on=maker.now.date()), f"readiness-{number}", ending)


def _overview(snapshot: Snapshot) -> dict[str, Any]:
    sections = progress(snapshot)
    return {
        "snapshot": snapshot,
        "sections": sections,
        "answered": sum(one.answered for one in sections),
        "asked": len(snapshot.framework.questions()),
        "held": snapshot.held(),
        "next_open": next((one.open for one in sections if one.open), ""),
        "level_of": level_of,
        "disputed": [question for question, one in snapshot.standings().items() if one.open],
    }


def _scores(material: Material) -> dict[str, Any]:
    snapshot, comparison = material.snapshot, material.comparison
    declared, supported = snapshot.scores()
    held = snapshot.held()
    return {
        "snapshot": snapshot,
        "held": held,
        "answered": sum(one.answered for one in progress(snapshot)),
        "asked": len(snapshot.framework.questions()),
        "comparison": comparison,
        "changes": changes(comparison.first_scores, comparison.second_scores) if comparison else [],
        "rows": [(one, supported.get(one.id), DEPTHS[one.kind]) for one in declared.values() if one.kind in DEPTHS],
        "chart": intervals(declared, supported),
        "kinds": KINDS,
        "profiles": profiles(snapshot.framework, {one: of.answer.level for one, of in held.items()}),
    }


def _what_if(snapshot: Snapshot, asked: Mapping[str, str]) -> dict[str, Any]:
    framework, readings = snapshot.framework, snapshot.declared()
    questions = {one: of for one, of in framework.questions().items() if readings.get(one, 0) is not None}
    chosen = {}
    for ident, question in questions.items():
        try:
            level = framework.level(question, asked.get(ident, ""))
        except InputError:
            continue
        if (value := exactly(framework.scales[question.scale].levels[level].value)) != readings.get(ident):
            chosen[ident] = (level, value)
    before = score(framework, readings)
    after = score(framework, readings | {one: value for one, (_, value) in chosen.items()})
    return {
        "snapshot": snapshot,
        "questions": questions,
        "held": snapshot.held(),
        "chosen": {one: level for one, (level, _) in chosen.items()},
        "before": before.get("overall"),
        "after": after.get("overall"),
        "chart": changes(before, after),
        "steps": gains(snapshot)[:_STEPS],
    }
