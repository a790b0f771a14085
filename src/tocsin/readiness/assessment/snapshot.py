"""One assessment, read from the records into plain frozen data that everything else computes with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tocsin.node.accounts import names_of_actors
from tocsin.node.records import from_row
from tocsin.readiness.assessment.assessments import find_assessment, framework_of
from tocsin.readiness.assessment.effective import (
    AnswerFacts,
    DisputeState,
    EffectiveAnswer,
    EvidenceFacts,
    StatementFacts,
    declared_readings,
    held_answers,
    standing,
    supported_readings,
)
from tocsin.readiness.assessment.frameworks import Framework
from tocsin.readiness.assessment.measures import Measurement
from tocsin.readiness.assessment.models import (
    Assessment,
    AssessmentAnswer,
    Evidence,
    EvidenceUse,
    FrameworkVersion,
    ImprovementAction,
    MeasuredValue,
    QuestionStatement,
)
from tocsin.readiness.assessment.scoring import QuestionScore, Score, score
from tocsin.readiness.assessment.versions import responsible

_Row = TypeVar("_Row", AssessmentAnswer, QuestionStatement, MeasuredValue, ImprovementAction)


@dataclass(frozen=True)
class ActionFacts:
    """One action of a plan; gains are in points of the overall score."""

    id: int
    question: str
    level: int
    title: str
    owner: str
    due: date
    cost: float | None
    currency: str
    gain: float
    gain_low: float
    gain_high: float
    done_on: date | None


@dataclass(frozen=True)
class Snapshot:
    """An assessment with all that is on record about it, people by name. ``measured``: the latest of each query."""

    id: int
    unit: str
    unit_name: str
    groups: Mapping[str, str]
    as_of: date
    ranked: bool
    closed_at: datetime | None
    started_by: str
    framework: Framework
    responsible: Mapping[str, str]
    answers: tuple[AnswerFacts, ...]
    evidence: Mapping[str, tuple[EvidenceFacts, ...]]
    statements: Mapping[str, tuple[StatementFacts, ...]]
    measured: Mapping[str, Measurement]
    actions: tuple[ActionFacts, ...]

    def standings(self) -> dict[str, DisputeState]:
        """Question → where the disputes about it stand."""
        return {question: standing(said) for question, said in self.statements.items()}

    def held(self) -> dict[str, EffectiveAnswer]:
        """Question → the answer that counts."""
        return held_answers(self.answers, self.evidence, self.standings(), self.as_of)

    def declared(self) -> dict[str, QuestionScore | None]:
        """Readings with every answer at its word."""
        return declared_readings(self.framework, self.held())

    def supported(self) -> dict[str, QuestionScore | None]:
        """Readings of what is verified or measured only."""
        return supported_readings(self.framework, self.held(), self.measured)

    def scores(self) -> tuple[dict[str, Score], dict[str, Score]]:
        """Scores as declared, and supported."""
        return score(self.framework, self.declared()), score(self.framework, self.supported())


def read_snapshot(session: Session, assessment_id: int) -> Snapshot:
    """The assessment of that number.

    Raises:
        NotFoundError: there is none.

    """
    held = find_assessment(session, assessment_id)
    answers = list(_rows(session, AssessmentAnswer, held.id, AssessmentAnswer.at))
    statements = list(_rows(session, QuestionStatement, held.id, QuestionStatement.question))
    actions = _rows(session, ImprovementAction, held.id, ImprovementAction.due)
    who = {held.started_by, *(one.assessor for one in answers), *(one.by for one in statements)}
    names = {one: one for one in who} | names_of_actors(session, who)
    return from_row(
        Snapshot,
        held,
        framework=framework_of(session, held),
        responsible=responsible(session, held.version_id),
        started_by=names[held.started_by],
        answers=tuple(from_row(AnswerFacts, one, assessor=names[one.assessor]) for one in answers),
        evidence=_evidence(session, held.id),
        statements=_statements(statements, names),
        measured=_measured(session, held.id),
        actions=tuple(from_row(ActionFacts, one) for one in actions),
    )


def same_version(session: Session, snapshot: Snapshot) -> list[Snapshot]:
    """The latest assessment of each other unit under the same version."""
    version = select(Assessment.version_id).where(Assessment.id == snapshot.id).scalar_subquery()
    rows = session.execute(
        select(Assessment.unit, Assessment.id)
        .where(Assessment.version_id == version, Assessment.unit != snapshot.unit)
        .order_by(Assessment.unit, Assessment.as_of)
    ).all()
    latest = dict(rows)
    return [read_snapshot(session, ident) for ident in latest.values()]


def history(session: Session, unit: str, framework: str) -> list[Snapshot]:
    """Every assessment of a unit under any version of a framework, oldest first."""
    rows = session.scalars(
        select(Assessment.id)
        .join(FrameworkVersion, FrameworkVersion.id == Assessment.version_id)
        .where(Assessment.unit == unit, FrameworkVersion.framework == framework)
        .order_by(Assessment.as_of, Assessment.id)
    )
    return [read_snapshot(session, ident) for ident in rows]


def _evidence(session: Session, ident: int) -> dict[str, tuple[EvidenceFacts, ...]]:
    rows = session.execute(
        select(EvidenceUse, Evidence)
        .join(Evidence, Evidence.id == EvidenceUse.evidence_id)
        .where(EvidenceUse.assessment_id == ident)
        .order_by(EvidenceUse.question, EvidenceUse.id)
    ).all()
    facts = [from_row(EvidenceFacts, piece, question=use.question) for use, piece in rows]
    return {question: tuple(group) for question, group in groupby(facts, key=lambda fact: fact.question)}


def _statements(rows: Iterable[QuestionStatement], names: Mapping[str, str]) -> dict[str, tuple[StatementFacts, ...]]:
    facts = [from_row(StatementFacts, row, about=row.about_id, by=names[row.by]) for row in rows]
    return {question: tuple(group) for question, group in groupby(facts, key=lambda fact: fact.question)}


def _measured(session: Session, ident: int) -> dict[str, Measurement]:
    rows = _rows(session, MeasuredValue, ident, MeasuredValue.as_of)
    return {row.query: from_row(Measurement, row, facts_sha256=row.facts_digest) for row in rows}


def _rows(session: Session, kind: type[_Row], ident: int, first: InstrumentedAttribute[Any]) -> Iterable[_Row]:
    """What is on record of an assessment, by one column and then in the order in which it came."""
    return session.scalars(select(kind).where(kind.assessment_id == ident).order_by(first, kind.id))
