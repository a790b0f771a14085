"""What can be changed of frameworks and assessments: acts for commands and pages alike."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.interface import N_, Absence, Act, ActContext, Number, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.blobs import Blobs
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction
from tocsin.node.sentences import Sentence, say
from tocsin.node.settings import load_settings
from tocsin.node.storage import place_of
from tocsin.readiness import assessment as room
from tocsin.readiness import build_run
from tocsin.readiness.assessment import (
    UNASSIGNED,
    Assessment,
    AssessmentAnswer,
    Evidence,
    Framework,
    FrameworkVersion,
    ImprovementAction,
    Measurement,
    QuestionStatement,
    UnitTarget,
)

_LINE, _TEXT = 200, 10_000  # letters

Line = Annotated[str, Field(min_length=1, max_length=_LINE)]
Lines = Annotated[str, Wording(lines=True), Field(max_length=_TEXT)]
_Day = Annotated[date, Wording(lacking=N_("Give a day."))]


class FrameworkRequest(BaseModel):
    """A framework, as it was read."""

    framework: Framework


class AssignRequest(BaseModel):
    """Who answers for which criteria of a version."""

    framework: Line
    version: Line
    criterion: Line = UNASSIGNED
    name: Line


class VersionRequest(BaseModel):
    """A version of a framework."""

    framework: Line
    version: Line


class StartRequest(VersionRequest):
    """Whom an assessment is about; ``responsible``: who answers for the criteria, where the version is a draft."""

    unit: Line
    name: Annotated[str, Field(max_length=_LINE)] = ""
    as_of: _Day
    groups: dict[str, str] = Field(default_factory=dict)
    responsible: Annotated[str, Field(max_length=_LINE)] = ""


class AssessmentRequest(BaseModel):
    """An assessment by its number."""

    assessment: Number


class RankRequest(AssessmentRequest):
    """Whether its unit agrees to be ranked."""

    ranked: bool


class AnswerRequest(AssessmentRequest):
    """An answer; ``level``: its index or label, or ``na``."""

    question: Line
    level: Annotated[str, Wording(lacking=N_("Choose a level.")), Field(min_length=1, max_length=_LINE)]
    status: str = "declared"
    assessor_kind: str = "self"
    comment: Lines = ""


class StatementRequest(AssessmentRequest):
    """A comment of a reviewer, or a dispute: the answer is sent back."""

    question: Line
    kind: Literal["review", "dispute"]
    text: Annotated[Lines, Wording(lacking=N_("Write the reason."), lines=True), Field(min_length=1)]


class DecisionRequest(BaseModel):
    """A decision on a dispute or an appeal."""

    statement: Number
    outcome: Annotated[str, Wording(lacking=N_("Uphold or reject it.")), Field(min_length=1)]
    text: Annotated[Lines, Wording(lacking=N_("Write the reason."), lines=True), Field(min_length=1)]


class AppealRequest(BaseModel):
    """An appeal against a decision."""

    decision: Number
    text: Annotated[Lines, Wording(lacking=N_("Write the reason."), lines=True), Field(min_length=1)]


class EvidenceRequest(BaseModel):
    """A piece of evidence, with its file; for a question, where one is named."""

    file: Path
    name: Line
    language: Annotated[str, Field(min_length=2, max_length=20)]
    link: Annotated[str, Field(max_length=2_000)] = ""
    valid_from: date | None = None
    valid_until: date | None = None
    assessment: Number | None = None
    question: str = ""


class UseRequest(AssessmentRequest):
    """A piece of evidence, by the start of its hash, for a question."""

    evidence: Annotated[str, Wording(lacking=N_("Choose a piece of evidence.")), Field(min_length=1, max_length=64)]
    question: Line


class MeasureRequest(AssessmentRequest):
    """What a query finds in facts, as they were at a time."""

    query: Line
    facts: Sequence[Mapping[str, str]]
    as_of: datetime


class IndexRequest(BaseModel):
    """The tables of an index, the choices of method (else the default recipe), and denominators of their own."""

    name: Annotated[
        str,
        Wording(lacking=N_("Give a name of the characters a to z, 0 to 9, dot and hyphen.")),
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60),
    ]
    data: Annotated[Path, Wording(lacking=N_("Choose a file."))]
    meta: Annotated[Path, Wording(lacking=N_("Choose a file."))]
    recipe: Path | None = None
    denominators: Path | None = None


class TaskRequest(AssessmentRequest):
    """Something to do."""

    question: Annotated[Line, Wording(lacking=N_("Choose a question."))]
    level: Annotated[Line, Wording(lacking=N_("Choose a level."))]
    task: Line
    owner: Line
    due: _Day
    cost: float | None = None
    currency: Annotated[str, Field(max_length=10)] = ""


class TaskDone(BaseModel):
    """That an action was done, and when."""

    action: Number
    on: _Day


class TargetRequest(VersionRequest):
    """A goal that a unit sets itself."""

    unit: Line
    of: Line = "overall"
    kind: str = "relative"
    goal: float
    baseline: Annotated[int, Field(ge=1900, le=2200)]
    end: Annotated[int, Field(ge=1900, le=2200)]


def import_framework(context: ActContext, request: FrameworkRequest) -> FrameworkVersion:
    """It is a draft until it is published, and replaces a draft of the same version."""
    with context.database.begin() as session:
        return room.add_version(session, request.framework, **_by(context))


def assign_criteria(context: ActContext, request: AssignRequest) -> int:
    """It counts from now on; who answered for them before stays on record."""
    with context.undoable() as session:
        return room.assign(session, request.framework, request.version, request.criterion, request.name, **_by(context))


def publish_framework(context: ActContext, request: VersionRequest) -> FrameworkVersion:
    """From then on its text stays as it is."""
    with context.database.begin() as session:
        return room.publish(session, request.framework, request.version, **_by(context))


def start_assessment(context: ActContext, request: StartRequest) -> Assessment:
    """With ``responsible``, a framework that comes along is taken in, and a draft is published."""
    unit = room.Unit(request.unit, request.name or request.unit, request.groups)
    with context.undoable() as session:
        if request.responsible:
            _publish(context, session, request)
        return room.start(session, unit, request.framework, request.version, request.as_of, **_by(context))


def close_assessment(context: ActContext, request: AssessmentRequest) -> Assessment:
    """No more answers and measurements; disputes go on."""
    with context.undoable() as session:
        return room.close(session, request.assessment, **_by(context))


def rank_assessment(context: ActContext, request: RankRequest) -> Assessment:
    """Nobody is ranked or shown to others who did not agree."""
    with context.undoable() as session:
        return room.set_ranked(session, request.assessment, request.ranked, **_by(context))


def answer_question(context: ActContext, request: AnswerRequest) -> AssessmentAnswer:
    """The answers before it stay on record."""
    given = room.AnswerInput(
        request.question, request.level, request.status, request.assessor_kind, context.signature, request.comment
    )
    with context.undoable() as session:
        return room.give_answer(session, request.assessment, given, **_by(context))


def add_statement(context: ActContext, request: StatementRequest) -> QuestionStatement:
    """While a dispute is open, the answer counts as declared only."""
    with context.undoable() as session:
        return room.state(session, request.assessment, request.question, request.kind, request.text, **_by(context))


def decide_dispute(context: ActContext, request: DecisionRequest) -> QuestionStatement:
    """Never one's own; if it is upheld, the answers before it do not count any more."""
    with context.undoable() as session:
        return room.decide(session, request.statement, request.outcome, request.text, **_by(context))


def appeal_decision(context: ActContext, request: AppealRequest) -> QuestionStatement:
    """Once; it opens the dispute again."""
    with context.undoable() as session:
        return room.appeal(session, request.decision, request.text, **_by(context))


def add_evidence(context: ActContext, request: EvidenceRequest) -> Evidence:
    """A copy is kept under its hash; the same bytes said to be the same are one piece."""
    piece = room.EvidenceStatement(
        request.name, request.language, request.link, request.valid_from, request.valid_until
    )
    with context.database.begin() as session:
        held = room.add_evidence(session, evidence_copies(context.node.home), request.file, piece, **_by(context))
        if request.assessment is not None:
            room.use_evidence(session, held.digest, request.assessment, request.question, **_by(context))
        return held


def use_evidence(context: ActContext, request: UseRequest) -> Evidence:
    """One piece may support many questions, under any framework."""
    with context.undoable() as session:
        return room.use_evidence(session, request.evidence, request.assessment, request.question, **_by(context))


def measure_question(context: ActContext, request: MeasureRequest) -> Measurement:
    """The value is kept with its method, coverage, interval, and the hash of the facts."""
    with context.undoable() as session:
        return room.add_measurement(
            session, request.assessment, request.query, request.facts, request.as_of, **_by(context)
        )


def add_action(context: ActContext, request: TaskRequest) -> ImprovementAction:
    """Its expected gain is worked out now."""
    task = room.Task(title=request.task, **request.model_dump(exclude={"assessment", "task"}))
    with context.undoable() as session:
        return room.add_action(session, request.assessment, task, **_by(context))


def finish_action(context: ActContext, request: TaskDone) -> ImprovementAction:
    """The next assessment shows whether it moved a measured value."""
    with context.undoable() as session:
        return room.finish_action(session, request.action, request.on, **_by(context))


def set_target(context: ActContext, request: TargetRequest) -> UnitTarget:
    """The goal is in % for relative and gap, in points otherwise."""
    goal = room.Goal("", request.of, request.kind, request.goal, request.baseline, request.end)
    with context.undoable() as session:
        _, framework = room.get_version(session, request.framework, request.version)
        return room.set_target(session, request.unit, framework, goal, **_by(context))


def build_index(context: ActContext, request: IndexRequest) -> str:
    """Its inputs, every stage and the bounds are kept in a folder of its own."""
    out = context.node.home / HomeFolder.INDICES / request.name
    if out.exists():
        raise ConflictError(say("There is an index %(name)s already.", name=request.name))
    with context.database.begin() as session:
        made = build_run(request.data, request.meta, request.recipe, out, request.denominators)
        room.note(session, f"index {request.name}", **_by(context), detail={"act": "built", "identity": made.identity})
    return request.name


def evidence_copies(home: Path) -> Blobs:
    """The archived copies of evidence that the node in ``home`` keeps."""
    return Blobs(place_of(load_settings(home).storage, home, HomeFolder.EVIDENCE))


def _by(context: ActContext) -> dict[str, Any]:
    return {"by": context.signature, "now": context.now}


def _publish(context: ActContext, session: Session, request: StartRequest) -> None:
    version, by = (request.framework, request.version), _by(context)
    try:
        held = room.get_version(session, *version)[0]
    except NotFoundError:
        held = room.add_version(session, room.bundled_framework(request.framework), **by)
    if held.published_at is None:
        room.assign(session, *version, UNASSIGNED, request.responsible, **by)
        room.publish(session, *version, **by)


def _act(
    operation: str,
    summary: str,
    function: Callable[[ActContext, Any], Any],
    page: str,
    *,
    undo: Sentence | None = None,
    command: str | Absence = "",
) -> Act:
    name, _, noun = operation.partition(" ")
    return Act(
        name,
        summary,
        function,
        noun=noun,
        permission=Permission.READINESS_WRITE,
        audit=(AuditAction.ASSESSMENT_CHANGED,),
        command=command if isinstance(command, Absence) else OwnSurface(f"assessment {command or name}"),
        route=Absence("An assessment is made by people, on pages or by commands."),
        page=OwnSurface(f"/readiness/{page}"),
        undo=None if undo is None else lambda _: undo,
    )


_VERSION: Final = "frameworks/{framework}/{version}"
_QUESTION: Final = "{number}/questions/{question}"
ACTS: Final = (
    _act("import-framework version", "Import a framework version", import_framework, "frameworks"),
    _act("assign criteria", "Assign criteria of a framework version", assign_criteria, f"{_VERSION}/assign",
         undo=say("Criteria assigned")),
    _act("publish version", "Publish a framework version", publish_framework, f"{_VERSION}/publish"),
    _act("start assessment", "Start an assessment", start_assessment, "start", undo=say("Assessment started")),
    _act("close assessment", "Close an assessment", close_assessment, "{number}/close",
         undo=say("Assessment closed")),
    _act("rank assessment", "Agree to be ranked, or no longer", rank_assessment, "{number}/rank",
         undo=say("Ranking changed"), command="opt-in"),
    _act("answer question", "Answer a question", answer_question, _QUESTION, undo=say("Answer saved")),
    _act("review answer", "Comment on an answer, or send it back", add_statement, f"{_QUESTION}/review",
         undo=say("Review saved")),
    _act("decide dispute", "Decide a dispute or an appeal", decide_dispute, f"{_QUESTION}/decide",
         undo=say("Decision saved")),
    _act("appeal decision", "Appeal against a decision", appeal_decision, f"{_QUESTION}/appeal",
         undo=say("Appeal saved")),
    _act("add evidence", "Add evidence", add_evidence, f"{_QUESTION}/evidence", command="evidence add"),
    _act("use evidence", "Use evidence for a question", use_evidence, f"{_QUESTION}/use",
         undo=say("Evidence attached"), command="evidence use"),
    _act("measure question", "Measure a question", measure_question, f"{_QUESTION}/measure",
         undo=say("Measured value saved")),
    _act("add action", "Add an action to the plan", add_action, "{number}/plan", undo=say("Action added"),
         command="plan add"),
    _act("finish action", "Mark an action of the plan as done", finish_action, "{number}/plan/done",
         undo=say("Action done"), command="plan done"),
    _act("build index", "Build an index", build_index, "indices", command=Absence(
        "The command readiness build writes a folder anywhere, which is of no node.")),
    _act("target score", "Set a target", set_target, "{number}/targets", undo=say("Target set")),
)  # fmt: skip
"""All acts of readiness."""


def act_of(operation: str) -> Act:
    """An act by its operation, such as ``answerQuestion``."""
    return next(one for one in ACTS if one.operation == operation)
