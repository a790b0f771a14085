"""One question: its answer, how sure it is, the evidence, what reviewers say; and the copies of evidence."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from tocsin.interface import N_, Form, NotHereError, Number, PageMaker, number_in, text_of
from tocsin.node.accounts import Principal
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.sentences import say
from tocsin.readiness.acts import evidence_copies
from tocsin.readiness.assessment import (
    ASSESSORS,
    STATUSES,
    AssessmentAnswer,
    Evidence,
    QuestionStatement,
    Snapshot,
    as_reading,
    find_query,
    read_csv,
    read_snapshot,
)
from tocsin.readiness.web.form import NONE, FormFailure, changed, perform
from tocsin.readiness.web.scores import level_of
from tocsin.readiness.web.visitors import Assessor, Reader

_LARGEST: Final = 32_000_000  # bytes of a form with a file
_OTHERS: Final = 100  # pieces of evidence that are offered
_WAYS: Final = {"review": "reviewAnswer", "decide": "decideDispute", "appeal": "appealDecision", "use": "useEvidence"}


def add_question_pages(router: APIRouter, maker: PageMaker) -> None:
    """The page of a question, what its forms do, and the copies of evidence."""

    @router.get("/evidence/{digest}")
    def copy(_visitor: Reader, digest: str) -> Response:
        """The archived copy of a piece of evidence."""
        with maker.node.database.reading() as session:
            piece = session.scalar(select(Evidence).where(Evidence.digest == digest))
        if piece is None:
            raise NotHereError
        headers = {
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(piece.file_name, safe='')}",  # RFC 6266
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        content = evidence_copies(maker.node.home).read(piece.digest)
        return Response(content, media_type="application/octet-stream", headers=headers)

    @router.get("/{number}/questions/{question}")
    def one(request: Request, _visitor: Reader, number: Number, question: str) -> Response:
        """The question."""
        return _page(maker, request, number, question)

    @router.post("/{number}/questions/{question}")
    def answer(request: Request, visitor: Assessor, number: Number, question: str, form: Form) -> Response:
        """Answer it, and go to the next where that was pressed."""
        snapshot = _snapshot(maker, number)
        _, later = _neighbours(snapshot, question)
        path = _path(number, later if text_of(form, "next") and later else question)
        return _do(maker, request, visitor, form, operation="answerQuestion", at=(snapshot, question), path=path)

    @router.post("/{number}/questions/{question}/evidence", max_body_size=_LARGEST)
    def add(request: Request, visitor: Assessor, number: Number, question: str, form: Form) -> Response:
        """Add a piece of evidence: a file, or a text."""
        file, text = form.get("file"), text_of(form, "excerpt").strip()
        content = file.file.read() if isinstance(file, UploadFile) and file.filename else text.encode()
        if not content:
            wrong = FormFailure("addEvidence", form, [("excerpt", N_("Choose a file, or write a text."))])
            return _page(maker, request, number, question, wrong)
        name = file.filename if isinstance(file, UploadFile) and file.filename else "text.txt"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (Path(name).name or "file")
            path.write_bytes(maker.kept(content, "evidence"))
            done = perform(
                maker, visitor, "addEvidence", form, f"{_path(number, question)}#evidence-list", file=path,
                assessment=number, question=question,
            )  # fmt: skip
        return done if isinstance(done, Response) else _page(maker, request, number, question, done)

    _add_measure(router, maker)
    for way, operation in _WAYS.items():
        _add_way(router, maker, way, operation)


def _add_measure(router: APIRouter, maker: PageMaker) -> None:
    """The form that measures."""

    @router.post("/{number}/questions/{question}/measure")
    def measure(request: Request, visitor: Assessor, number: Number, question: str, form: Form) -> Response:
        """Measure it, from a file of facts or from the records of this node."""
        snapshot, file = _snapshot(maker, number), form.get("facts")
        goal = snapshot.framework.question(question).measured
        if goal is None:
            raise NotHereError
        try:
            facts = _rows(file) if isinstance(file, UploadFile) and file.filename else None
            facts = maker.own_facts(goal.query, unit=snapshot.unit, at=maker.now) if facts is None else facts
        except (InputError, NotFoundError) as error:
            return _page(maker, request, number, question, FormFailure("measureQuestion", form, error=error))
        given = {"assessment": number, "query": goal.query, "facts": facts, "as_of": maker.now}
        done = perform(maker, visitor, "measureQuestion", form, _path(number, question), **given)
        return done if isinstance(done, Response) else _page(maker, request, number, question, done)


def _add_way(router: APIRouter, maker: PageMaker, way: str, operation: str) -> None:
    """A form of the question's page besides the answer."""

    @router.post(f"/{{number}}/questions/{{question}}/{way}")
    def do(request: Request, visitor: Assessor, number: Number, question: str, form: Form) -> Response:
        """Do it, and back to the question."""
        place = "evidence-list" if way == "use" else "review"
        path = f"{_path(number, question)}#{place}"
        return _do(
            maker, request, visitor, form, operation=operation, at=(_snapshot(maker, number), question), path=path
        )


def _rows(file: UploadFile) -> Sequence[Mapping[str, str]]:
    """The rows of a CSV file that was sent."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (Path(file.filename or "").name or "facts.csv")
        path.write_bytes(file.file.read())
        return read_csv(path, ())


def _do(
    maker: PageMaker,
    request: Request,
    visitor: Principal,
    form: FormData,
    *,
    operation: str,
    at: tuple[Snapshot, str],
    path: str,
) -> Response:
    snapshot, question = at
    done: Response | FormFailure = changed(operation, form)
    with maker.node.database.reading() as session:
        said = _said(session, snapshot.id, question)
    seen = number_in(text_of(form, "seen"))
    if seen is None or all(by == visitor.actor for by in said[seen:]):
        done = perform(maker, visitor, operation, form, path, assessment=snapshot.id, question=question)
    return done if isinstance(done, Response) else _page(maker, request, snapshot.id, question, done)


def _said(session: Session, number: int, question: str) -> list[str]:
    """Who answered or stated something of a question, as records name them, in the order in which it was said.

    A form carries how many these were when its page was made.
    """
    of = {"assessment_id": number, "question": question}
    answers = session.execute(select(AssessmentAnswer.at, AssessmentAnswer.assessor).filter_by(**of))
    statements = session.execute(select(QuestionStatement.at, QuestionStatement.by).filter_by(**of))
    return [by for _, by in sorted((*answers, *statements))]


def _snapshot(maker: PageMaker, number: int) -> Snapshot:
    with maker.node.database.reading() as session:
        return read_snapshot(session, number)


def _path(number: int, question: str) -> str:
    return f"/readiness/{number}/questions/{question}"


def _neighbours(snapshot: Snapshot, question: str) -> tuple[str, str]:
    """The questions before and after one; empty where there is none."""
    every = ["", *snapshot.framework.questions(), ""]
    place = every.index(question) if question and question in every else 0
    if not place:
        raise NotFoundError(say("This assessment has no question %(question)s.", question=question[:60]))
    return every[place - 1], every[place + 1]


def _page(maker: PageMaker, request: Request, number: int, question: str, refused: FormFailure = NONE) -> Response:
    with maker.node.database.reading() as session:
        snapshot = read_snapshot(session, number)
        said = _said(session, number, question)
        pieces = session.scalars(select(Evidence).order_by(Evidence.id.desc()).limit(_OTHERS)).all()
    earlier, later = _neighbours(snapshot, question)
    used = {one.digest for one in snapshot.evidence.get(question, ())}
    return maker.page(
        request,
        "readiness/question.html",
        status=refused.status,
        failed=refused,
        earlier=earlier,
        later=later,
        seen=len(said),
        others=[one for one in pieces if one.digest not in used],
        **_shown(snapshot, question),
    )


def _shown(snapshot: Snapshot, question: str) -> dict[str, Any]:
    framework = snapshot.framework
    pillar, indicator, asked = next(
        (pillar, indicator, one)
        for pillar, indicator in framework.indicators()
        for one in indicator.question
        if one.id == question
    )
    measured = snapshot.measured.get(asked.measured.query) if asked.measured else None
    statements = snapshot.statements.get(question, ())
    closed_by = {one.about for one in statements if one.about is not None}
    return {
        "snapshot": snapshot,
        "pillar": pillar,
        "indicator": indicator,
        "question": asked,
        "place": list(framework.questions()).index(question) + 1,
        "asked": len(framework.questions()),
        "levels": framework.scales[asked.scale].levels,
        "held": snapshot.held().get(question),
        "measured": measured,
        "columns": [name for name, _ in find_query(asked.measured.query).columns] if asked.measured else [],
        "reading": as_reading(asked.measured, measured) if asked.measured and measured else None,
        "answers": [one for one in reversed(snapshot.answers) if one.question == question],
        "statements": sorted(statements, key=lambda one: one.id),
        "undecided": [one for one in statements if one.kind in {"dispute", "appeal"} and one.id not in closed_by],
        "appealable": [one for one in statements if _is_appealable(one, statements) and one.id not in closed_by],
        "level_of": level_of,
        "statuses": STATUSES,
        "assessors": ASSESSORS,
        "path": _path(snapshot.id, question),
    }


def _is_appealable(statement: Any, statements: Any) -> bool:
    """Whether it is a decision on a dispute: one on an appeal is the last word."""
    about = next((one for one in statements if one.id == statement.about), None)
    return statement.kind == "decision" and about is not None and about.kind == "dispute"
