"""Assessments and what is said in them: answers, reviews, disputes, appeals, measurements. Everything is only added.

What the same person says twice in the same words is there once: forms are sent again after a lost answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.interface import fields
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.readiness.assessment.effective import ASSESSORS, STATUSES
from tocsin.readiness.assessment.frameworks import Framework, from_document
from tocsin.readiness.assessment.measures import Measurement, Row, measure
from tocsin.readiness.assessment.models import (
    Assessment,
    AssessmentAnswer,
    Evidence,
    EvidenceUse,
    FrameworkVersion,
    ImprovementAction,
    MeasuredValue,
    QuestionStatement,
    UnitTarget,
)
from tocsin.readiness.assessment.versions import get_version

_OF_STATEMENT: Final = "assessment_id question kind about_id outcome text by"
_Row = TypeVar("_Row", AssessmentAnswer, QuestionStatement, ImprovementAction, UnitTarget)


@dataclass(frozen=True)
class Unit:
    """Whom an assessment is about; ``groups`` are what peers are chosen by, such as income, region, penetration."""

    code: str
    name: str
    groups: dict[str, str]


def start(
    session: Session, unit: Unit, framework: str, version: str, as_of: date, *, by: str, now: datetime
) -> Assessment:
    """A new assessment under a published version.

    Raises:
        ConflictError: the version is not published, or the unit has an assessment of that date under it.
        NotFoundError: the version is not on record.

    """
    held, _ = get_version(session, framework, version)
    if held.published_at is None:
        raise ConflictError(
            say(
                "'%(framework)s' %(version)s is a draft; assessments need a published version.",
                framework=framework,
                version=version,
            ),
            hint=f"tocsin assessment publish {framework} {version}",
        )
    same = session.scalar(
        select(Assessment).where(
            Assessment.unit == unit.code, Assessment.version_id == held.id, Assessment.as_of == as_of
        )
    )
    if same is not None and (same.unit_name, same.groups, same.started_by) == (unit.name, unit.groups, by):
        return same
    if same is not None:
        raise ConflictError(
            say(
                "%(unit)s has an assessment of %(day)s under '%(framework)s' %(version)s already.",
                unit=unit.code,
                day=str(as_of),
                framework=framework,
                version=version,
            ),
            hint=f"It is number {same.id}: tocsin assessment list.",
        )
    made = Assessment(
        unit=unit.code,
        unit_name=unit.name,
        version_id=held.id,
        as_of=as_of,
        groups=unit.groups,
        ranked=False,
        started_at=now,
        started_by=by,
    )
    session.add(made)
    session.flush()
    note(session, f"assessment {made.id}", by, now, {"act": "started", "unit": unit.code, "version": version})
    return made


@dataclass(frozen=True)
class AnswerInput:
    """An answer as a person gives it; ``level`` is an index, a label, or ``na`` for does not apply."""

    question: str
    level: str
    status: str
    assessor_kind: str
    assessor: str
    comment: str = ""


def give_answer(
    session: Session, assessment_id: int, given: AnswerInput, *, by: str, now: datetime
) -> AssessmentAnswer:
    """The answer, on record beside those before it.

    Raises:
        UsageError: status or assessor kind is none of those known, or a measured value was typed in.
        InputError: the level is not on the scale, or ``na`` where the question always applies or no reason is given.
        ConflictError: the assessment is closed; or it claims to be verified by the assessed (also by somebody who
            answered for them as "self"), or without valid evidence.

    """
    assessment, framework = open_assessment(session, assessment_id)
    question = framework.question(given.question)
    _check_words(given)
    level = None if given.level.strip().casefold() == "na" else framework.level(question, given.level)
    if level is None and not (question.may_not_apply and given.comment.strip()):
        if question.may_not_apply:
            reason = say("Question '%(question)s' needs the reason why it does not apply.", question=question.id)
            raise InputError(reason, hint="Give --comment.")
        raise InputError(
            say("Question '%(question)s' applies to everybody.", question=question.id),
            hint=say("Leave it unanswered if it is unknown."),
        )
    if given.status == "verified":
        _check_verified(session, assessment, given)
    values = {**vars(given), "comment": given.comment.strip(), "level": level}
    same = newest(session, AssessmentAnswer, assessment_id=assessment_id, question=question.id)
    if same is not None and all(getattr(same, name) == value for name, value in values.items()):
        return same
    made = AssessmentAnswer(assessment_id=assessment_id, at=now, **values)
    session.add(made)
    detail: dict[str, object] = {"act": "answered", "question": question.id, "level": level, "status": given.status}
    note(session, f"assessment {assessment_id}", by, now, detail)
    return made


def state(
    session: Session,
    assessment_id: int,
    question: str,
    kind: Literal["review", "dispute"],
    text: str,
    *,
    by: str,
    now: datetime,
) -> QuestionStatement:
    """A review of an answer, or a dispute about it, on record.

    Raises:
        NotFoundError: no such assessment or question.
        InputError: it says nothing.

    """
    check_question(session, assessment_id, question)
    said = QuestionStatement(assessment_id=assessment_id, question=question, kind=kind, outcome="")
    return _add_statement(session, said, text, by=by, now=now)


def decide(
    session: Session, statement_id: int, outcome: str, text: str, *, by: str, now: datetime
) -> QuestionStatement:
    """A decision on a dispute or an appeal: ``upheld`` or ``rejected``, with the reason.

    Raises:
        NotFoundError: no such dispute or appeal.
        UsageError: the outcome is neither upheld nor rejected.
        ConflictError: it is decided already, or whoever decides raised it, or made the decision under appeal.

    """
    about = _statement(session, statement_id, ("dispute", "appeal"))
    if outcome not in {"upheld", "rejected"}:
        raise UsageError(say("An outcome is 'upheld' or 'rejected', not '%(outcome)s'.", outcome=outcome))
    _check_open(session, about, "decision")
    if by == about.by:
        raise ConflictError(say("Another person has to decide: the same person raised it."))
    if about.about_id is not None and by == session.get_one(QuestionStatement, about.about_id).by:
        raise ConflictError(say("Another person has to decide: the same person made the decision under appeal."))
    return _add_statement(session, _on(about, "decision", outcome), text, by=by, now=now)


def appeal(session: Session, decision_id: int, text: str, *, by: str, now: datetime) -> QuestionStatement:
    """An appeal against a decision on a dispute; one decision can be appealed once.

    Raises:
        NotFoundError: no such decision.
        ConflictError: it was appealed before, or it is itself the decision on an appeal.

    """
    about = _statement(session, decision_id, ("decision",))
    first = session.get_one(QuestionStatement, about.about_id)
    if first.kind == "appeal":
        raise ConflictError(say("This decision was made on an appeal and is the last word."))
    _check_open(session, about, "appeal")
    return _add_statement(session, _on(about, "appeal"), text, by=by, now=now)


def add_measurement(
    session: Session, assessment_id: int, query: str, facts: Sequence[Row], as_of: datetime, *, by: str, now: datetime
) -> Measurement:
    """What the query finds in the facts, on record with the hash of the facts.

    Raises:
        ConflictError: the assessment is closed, or no question of its framework uses that query.
        InputError: the facts cannot be read; row and column are named.

    """
    _, framework = open_assessment(session, assessment_id)
    if query not in {q.measured.query for q in framework.questions().values() if q.measured}:
        raise ConflictError(f"No question of '{framework.id}' {framework.version} is measured by '{query}'.")
    made = measure(query, facts, as_of)
    held = {**vars(made), "facts_digest": made.facts_sha256}
    del held["facts_sha256"]
    row = MeasuredValue(assessment_id=assessment_id, at=now, by=by, **held)
    session.add(row)
    session.flush()
    session.refresh(row)  # its numbers as they are kept: an undo compares them
    note(session, f"assessment {assessment_id}", by, now, {"act": "measured", "query": query})
    return made


def set_ranked(session: Session, assessment_id: int, ranked: bool, *, by: str, now: datetime) -> Assessment:
    """The assessment, whose unit agreed to be ranked, or no longer does."""
    held = find_assessment(session, assessment_id)
    held.ranked = ranked
    note(session, f"assessment {assessment_id}", by, now, {"act": "opted in" if ranked else "opted out"})
    return held


def close(session: Session, assessment_id: int, *, by: str, now: datetime) -> Assessment:
    """The assessment, closed: no more answers and measurements; disputes about it go on."""
    held, _ = open_assessment(session, assessment_id)
    held.closed_at = now
    note(session, f"assessment {assessment_id}", by, now, {"act": "closed"})
    return held


def find_assessment(session: Session, assessment_id: int) -> Assessment:
    """The assessment of that number.

    Raises:
        NotFoundError: there is none.

    """
    held = session.get(Assessment, assessment_id)
    if held is None:
        raise NotFoundError(
            f"There is no assessment {assessment_id}.", hint="'tocsin assessment list' shows their numbers."
        )
    return held


def framework_of(session: Session, assessment: Assessment) -> Framework:
    """The framework that an assessment is made under."""
    return from_document(session.get_one(FrameworkVersion, assessment.version_id).definition)


def open_assessment(session: Session, assessment_id: int) -> tuple[Assessment, Framework]:
    """An assessment that still takes answers, and its framework.

    Raises:
        NotFoundError: there is none of that number.
        ConflictError: it is closed.

    """
    held = find_assessment(session, assessment_id)
    if held.closed_at is not None:
        raise ConflictError(
            say("The assessment was closed on %(day)s.", day=f"{held.closed_at:%Y-%m-%d}"),
            hint=say("Start a new one."),
        )
    return held, framework_of(session, held)


def newest(session: Session, kind: type[_Row], /, **values: object) -> _Row | None:
    """The newest row of a table with these values."""
    return session.scalar(select(kind).filter_by(**values).order_by(kind.id.desc()).limit(1))


def check_question(session: Session, assessment_id: int, question: str) -> None:
    """Nothing, if the assessment has that question.

    Raises:
        NotFoundError: no such assessment or question.

    """
    framework_of(session, find_assessment(session, assessment_id)).question(question)


def note(session: Session, subject: str, by: str, now: datetime, detail: dict[str, object]) -> None:
    """An entry in the audit log, in the same transaction as the change."""
    audit(session, AuditAction.ASSESSMENT_CHANGED, at=now, actor=by, subject=subject, detail=detail)


def _check_words(given: AnswerInput) -> None:
    if given.status == "measured":
        raise UsageError("A measured value cannot be typed in.", hint="Use 'tocsin assessment measure' with the facts.")
    for word, known in ((given.status, STATUSES), (given.assessor_kind, ASSESSORS)):
        if word not in known:
            raise UsageError(f"'{word}' is none of {', '.join(known)}.")


def _check_verified(session: Session, assessment: Assessment, given: AnswerInput) -> None:
    if given.assessor_kind == "self":
        raise ConflictError(
            say("The assessed cannot verify their own answer to '%(question)s'.", question=given.question),
            hint=say("A peer, an independent assessor or a system can."),
        )
    own = select(AssessmentAnswer.assessor).where(
        AssessmentAnswer.assessment_id == assessment.id, AssessmentAnswer.assessor_kind == "self"
    )
    if given.assessor.strip().casefold() in {name.strip().casefold() for name in session.scalars(own)}:
        raise ConflictError(
            say("Who answered for the assessed cannot verify '%(question)s'.", question=given.question),
            hint=say("Another person has to."),
        )
    pieces = session.scalars(
        select(Evidence)
        .join(EvidenceUse, EvidenceUse.evidence_id == Evidence.id)
        .where(EvidenceUse.assessment_id == assessment.id, EvidenceUse.question == given.question)
    )
    day = assessment.as_of
    if not any((piece.valid_from or day) <= day <= (piece.valid_until or day) for piece in pieces):
        raise ConflictError(
            say(
                "The answer to '%(question)s' has no evidence that is valid on %(day)s, so it cannot be verified.",
                question=given.question,
                day=str(day),
            ),
            hint="Add it with 'tocsin assessment evidence add', then 'evidence use'.",
        )


def _statement(session: Session, statement_id: int, kinds: tuple[str, ...]) -> QuestionStatement:
    held = session.get(QuestionStatement, statement_id)
    if held is None or held.kind not in kinds:
        raise NotFoundError(f"There is no {' or '.join(kinds)} {statement_id}.")
    return held


def _check_open(session: Session, about: QuestionStatement, kind: str) -> None:
    same = session.scalar(
        select(QuestionStatement).where(QuestionStatement.about_id == about.id, QuestionStatement.kind == kind)
    )
    if same is not None:
        raise ConflictError(
            say("This has its decision already.") if kind == "decision" else say("This has its appeal already.")
        )


def _on(about: QuestionStatement, kind: str, outcome: str = "") -> QuestionStatement:
    return QuestionStatement(
        assessment_id=about.assessment_id, question=about.question, kind=kind, about_id=about.id, outcome=outcome
    )


def _add_statement(
    session: Session, said: QuestionStatement, text: str, *, by: str, now: datetime
) -> QuestionStatement:
    if not text.strip():
        raise InputError(say("Write the reason in words."))
    said.text, said.by, said.at = text.strip(), by, now
    if same := newest(session, QuestionStatement, **fields(said, _OF_STATEMENT)):
        return same
    session.add(said)
    session.flush()
    detail = {"act": said.kind, **fields(said, "question outcome"), "statement": said.id}
    note(session, f"assessment {said.assessment_id}", by, now, detail)
    return said
