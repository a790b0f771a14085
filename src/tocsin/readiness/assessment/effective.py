"""Which of the answers, evidence, statements and measurements count: decisions, from plain rows.

Two readings of one assessment stand side by side. *As declared* takes every answer at its word. *Supported* counts only
what was verified with valid evidence or measured, and leaves the rest unknown. Measuring or verifying more can only
narrow the second; it never touches the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from tocsin.interface import N_
from tocsin.readiness.assessment.frameworks import Framework
from tocsin.readiness.assessment.measures import Measurement, as_reading
from tocsin.readiness.assessment.scoring import QuestionScore, exactly

Status = Literal["declared", "verified"]
AssessorKind = Literal["self", "peer", "independent", "system"]
STATUSES: Final[Mapping[Status, str]] = {"declared": N_("Declared"), "verified": N_("Verified with evidence")}
"""How sure an answer is, in words, the least sure first."""

ASSESSORS: Final[Mapping[AssessorKind, str]] = {
    "self": N_("The assessed"),
    "system": N_("A system"),
    "peer": N_("A peer"),
    "independent": N_("An independent assessor"),
}
"""Who says so, in words, the least independent first."""


@dataclass(frozen=True)
class AnswerFacts:
    """One answer as given; ``level`` is None where the question does not apply."""

    question: str
    level: int | None
    status: str
    assessor_kind: str
    assessor: str
    comment: str
    at: datetime


@dataclass(frozen=True)
class EvidenceFacts:
    """One piece of evidence as used for a question."""

    question: str
    digest: str
    title: str
    file_name: str
    link: str
    language: str
    size: int
    valid_from: date | None
    valid_until: date | None

    def valid_on(self, day: date) -> bool:
        """Whether it holds on that day; an open end always holds."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)


@dataclass(frozen=True)
class StatementFacts:
    """One review, dispute, appeal or decision."""

    id: int
    question: str
    kind: str
    about: int | None
    outcome: str
    by: str
    text: str
    at: datetime


@dataclass(frozen=True)
class DisputeState:
    """Where the disputes about a question stand; answers given before ``void_before`` no longer count."""

    open: bool
    void_before: datetime | None


@dataclass(frozen=True)
class EffectiveAnswer:
    """The answer that counts for a question, and whether it is supported."""

    answer: AnswerFacts
    supported: bool
    why: str


def standing(statements: Sequence[StatementFacts]) -> DisputeState:
    """Where the disputes in ``statements`` (all about one question) stand.

    A dispute is open until decided. An upheld one voids the answers before it. An appeal against a decision opens it
    again, and an upheld appeal turns the decision round.
    """
    opened = False
    void: datetime | None = None
    for dispute in (s for s in statements if s.kind == "dispute"):
        outcome, at = _outcome(dispute, statements)
        opened |= outcome == "open"
        if outcome == "upheld" and at is not None:
            void = max(void or at, at)
    return DisputeState(opened, void)


def held_answers(
    answers: Iterable[AnswerFacts],
    evidence: Mapping[str, Sequence[EvidenceFacts]],
    standings: Mapping[str, DisputeState],
    as_of: date,
) -> dict[str, EffectiveAnswer]:
    """Question → the answer that counts: verified before declared, then by assessor kind, then the newest."""
    best: dict[str, AnswerFacts] = {}
    for answer in answers:
        void = standings[answer.question].void_before if answer.question in standings else None
        if void is not None and answer.at < void:
            continue
        if answer.question not in best or _strength(answer) >= _strength(best[answer.question]):
            best[answer.question] = answer
    held = {}
    for question, answer in best.items():
        why = _unsupported(answer, evidence.get(question, ()), standings.get(question), as_of)
        held[question] = EffectiveAnswer(answer, not why, why or "verified with valid evidence")
    return held


def declared_readings(framework: Framework, held: Mapping[str, EffectiveAnswer]) -> dict[str, QuestionScore | None]:
    """Every answer at its word, by question."""
    return {question: _reading(framework, item.answer) for question, item in held.items()}


def supported_readings(
    framework: Framework, held: Mapping[str, EffectiveAnswer], measured: Mapping[str, Measurement]
) -> dict[str, QuestionScore | None]:
    """Only what is verified or measured, by question; a measurement goes before a verified answer."""
    readings = {question: _reading(framework, item.answer) for question, item in held.items() if item.supported}
    for ident, question in framework.questions().items():
        if question.measured is not None and question.measured.query in measured:
            readings[ident] = as_reading(question.measured, measured[question.measured.query])
    return readings


def _reading(framework: Framework, answer: AnswerFacts) -> QuestionScore | None:
    if answer.level is None:
        return None
    return exactly(framework.scales[framework.question(answer.question).scale].levels[answer.level].value)


def _strength(answer: AnswerFacts) -> tuple[int, int, datetime]:
    kinds: tuple[str, ...] = tuple(ASSESSORS)
    return (
        list(STATUSES).index("verified" if answer.status == "verified" else "declared"),
        kinds.index(answer.assessor_kind),
        answer.at,
    )


def _unsupported(
    answer: AnswerFacts, evidence: Sequence[EvidenceFacts], disputes: DisputeState | None, as_of: date
) -> str:
    if disputes is not None and disputes.open:
        return "disputed, not yet decided"
    if answer.status != "verified":
        return "declared only"
    if not any(piece.valid_on(as_of) for piece in evidence):
        return "its evidence is no longer valid"
    return ""


def _outcome(dispute: StatementFacts, statements: Sequence[StatementFacts]) -> tuple[str, datetime | None]:
    decision = _about(dispute, "decision", statements)
    if decision is None:
        return "open", None
    appeal = _about(decision, "appeal", statements)
    if appeal is None:
        return decision.outcome, decision.at
    second = _about(appeal, "decision", statements)
    if second is None:
        return "open", None
    if second.outcome != "upheld":
        return decision.outcome, decision.at
    return {"upheld": "rejected", "rejected": "upheld"}[decision.outcome], second.at


def _about(what: StatementFacts, kind: str, statements: Sequence[StatementFacts]) -> StatementFacts | None:
    return next((s for s in statements if s.kind == kind and s.about == what.id), None)
