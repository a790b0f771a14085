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
    ASSESSORS,
    STATUSES,
    TARGETS,
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
_File = Annotated[Path, Wording(lacking=N_("Choose a file."))]

Line = Annotated[str, Field(min_length=1, max_length=_LINE)]
Lines = Annotated[str, Wording(lines=True), Field(max_length=_TEXT)]
_Day = Annotated[date, Wording(lacking=N_("Give a day."))]
_Question = Annotated[Line, Wording(hidden=True), Field(title=N_("Question"))]
_Assessment = Annotated[Number, Wording(hidden=True), Field(title=N_("Assessment"))]
_Reason = Annotated[Lines, Wording(lacking=N_("Write the reason.")), Field(min_length=1, title=N_("Reason"))]


class FrameworkRequest(BaseModel):
    """A framework, as it was read."""

    framework: Framework = Field(title=N_("File of the framework (TOML)"))


class VersionRequest(BaseModel):
    """A version of a framework."""

    framework: Line = Field(title=N_("Framework"))
    version: Line = Field(title=N_("Version"))


class AssignRequest(VersionRequest):
    """Who answers for which criteria of a version."""

    criterion: Annotated[Line, Wording(choices="criteria")] = Field(UNASSIGNED, title=N_("Criteria"))
    name: Line = Field(title=N_("A person or an office"))


class StartRequest(VersionRequest):
    """Whom an assessment is about; ``responsible``: who answers for the criteria, where the version is a draft."""

    framework: Annotated[
        Line,
        Wording(choices="versions", hint=N_("What is asked. A version of your own is imported at Frameworks.")),
    ] = Field(title=N_("Framework"))
    version: Annotated[Line, Wording(hidden=True)] = Field(title=N_("Version"))
    name: Annotated[Line, Wording(hint=N_("The name of a country or a team."))] = Field(title=N_("Who is assessed"))
    unit: Annotated[
        Line,
        Wording(
            hint=N_(
                "Of a country its code of ISO 3166-1, such as FJI; of a team its short name. Assessments of the same"
                " code are compared."
            )
        ),
    ] = Field(title=N_("Code"))
    as_of: Annotated[_Day, Wording(hint=N_("The day that the answers describe."))] = Field(title=N_("As of"))
    groups: Annotated[
        dict[str, str],
        Wording(hint=N_("What its peers are found by, such as: income=low, region=Oceania. May be empty.")),
    ] = Field(default_factory=dict, title=N_("Groups"))
    responsible: Annotated[
        str,
        Wording(
            hint=N_(
                "A person or an office that answers for the criteria of the framework. Only needed where the version is"
                " not published yet: it is published then, and its text stays as it is."
            )
        ),
    ] = Field("", max_length=_LINE, title=N_("Owner of the criteria"))


class AssessmentRequest(BaseModel):
    """An assessment by its number."""

    assessment: _Assessment


class RankRequest(AssessmentRequest):
    """Whether its unit agrees to be ranked."""

    ranked: bool = Field(title=N_("Agree to be ranked"))


class AnswerRequest(AssessmentRequest):
    """An answer; ``level``: its index or label, or ``na``."""

    question: _Question
    level: Annotated[str, Wording(lacking=N_("Choose a level."), choices="levels")] = Field(
        min_length=1, max_length=_LINE, title=N_("Answer to this question")
    )
    status: Annotated[
        str,
        Wording(
            choices=STATUSES,
            hint=N_(
                "Verified needs evidence that is valid on the day of the assessment, and a person who did not answer"
                " for the assessed."
            ),
        ),
    ] = Field("declared", title=N_("How sure"))
    assessor_kind: Annotated[str, Wording(choices=ASSESSORS)] = Field("self", title=N_("Who says so"))
    comment: Lines = Field("", title=N_("Note"))


class StatementRequest(AssessmentRequest):
    """A comment of a reviewer, or a dispute: the answer is sent back."""

    question: _Question
    kind: Annotated[
        Literal["review", "dispute"], Wording(choices={"review": N_("Comment"), "dispute": N_("Send back")})
    ] = Field(title=N_("Kind"))
    text: _Reason


class DecisionRequest(BaseModel):
    """A decision on a dispute or an appeal."""

    statement: Annotated[Number, Wording(hidden=True)] = Field(title=N_("Review"))
    outcome: Annotated[
        str,
        Wording(lacking=N_("Uphold or reject it."), choices={"upheld": N_("Uphold"), "rejected": N_("Reject")}),
    ] = Field(min_length=1, title=N_("Decision"))
    text: _Reason


class AppealRequest(BaseModel):
    """An appeal against a decision."""

    decision: Annotated[Number, Wording(hidden=True)] = Field(title=N_("Decision"))
    text: _Reason


class EvidenceRequest(BaseModel):
    """A piece of evidence, with its file; for a question, where one is named."""

    file: Annotated[Path, Wording(hint=N_("At most 30 MB."))] = Field(title=N_("File"))
    name: Line = Field(title=N_("Title"))
    language: Annotated[str, Wording(hint=N_("Of the document, such as fr."))] = Field(
        min_length=2, max_length=20, title=N_("Language")
    )
    link: Annotated[
        str, Wording(hint=N_("Where it was found. Nothing is fetched: pages change, so a copy is needed."))
    ] = Field("", max_length=2_000, title=N_("Link"))
    valid_from: date | None = Field(None, title=N_("Valid from"))
    valid_until: date | None = Field(None, title=N_("Valid until"))
    assessment: _Assessment | None = Field(None, title=N_("Assessment"))
    question: Annotated[str, Wording(hidden=True)] = Field("", title=N_("Question"))


class UseRequest(AssessmentRequest):
    """A piece of evidence, by the start of its hash, for a question."""

    evidence: Annotated[str, Wording(lacking=N_("Choose a piece of evidence."), choices="evidence")] = Field(
        min_length=1, max_length=64, title=N_("Evidence")
    )
    question: _Question


class MeasureRequest(AssessmentRequest):
    """What a query finds in facts, as they were at a time."""

    query: _Question
    facts: Sequence[Mapping[str, str]] = Field(title=N_("File of facts (CSV)"))
    as_of: Annotated[datetime, Wording(hidden=True)] = Field(title=N_("As of"))


class IndexRequest(BaseModel):
    """The tables of an index, the choices of method (else the default recipe), and denominators of their own."""

    name: Annotated[
        str,
        Wording(
            lacking=N_("Give a name of the characters a to z, 0 to 9, dot and hyphen."),
            hint=N_("The characters a to z, 0 to 9, dot and hyphen."),
        ),
    ] = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60, title=N_("Name"))
    data: Annotated[
        _File,
        Wording(
            hint=N_(
                "A row for each unit: uCode, uName, and a column for each indicator. An empty cell is not measured,"
                " never zero."
            )
        ),
    ] = Field(title=N_("Data (CSV)"))
    meta: Annotated[
        _File, Wording(hint=N_("A row for each indicator and aggregate: iCode, Type, Parent, Direction, Weight."))
    ] = Field(title=N_("Structure (CSV)"))
    recipe: Annotated[
        _File | None, Wording(hint=N_("The choices of method. Without it the default recipe is used."))
    ] = Field(None, title=N_("Recipe (TOML)"))
    denominators: Annotated[_File | None, Wording(hint=N_("Where they are in a file of their own."))] = Field(
        None, title=N_("Denominators (CSV)")
    )


class TaskRequest(AssessmentRequest):
    """Something to do."""

    question: Annotated[Line, Wording(lacking=N_("Choose a question."), choices="questions")] = Field(
        title=N_("Question")
    )
    level: Annotated[Line, Wording(lacking=N_("Choose a level."), choices="levels")] = Field(title=N_("Level to reach"))
    task: Annotated[Line, Wording(hint=N_("What is to be done."))] = Field(title=N_("Action"))
    owner: Annotated[Line, Wording(hint=N_("Who does it."))] = Field(title=N_("Owner"))
    due: _Day = Field(title=N_("Due"))
    cost: Annotated[float | None, Wording(hint=N_("Empty where it is not known."))] = Field(None, title=N_("Cost"))
    currency: Annotated[str, Wording(hint=N_("Such as USD."))] = Field("", max_length=10, title=N_("Currency"))


class TaskDone(BaseModel):
    """That an action was done, and when."""

    action: Annotated[Number, Wording(hidden=True)] = Field(title=N_("Action"))
    on: _Day = Field(title=N_("Day"))


class TargetRequest(VersionRequest):
    """A goal that a unit sets itself."""

    unit: Line = Field(title=N_("Code"))
    of: Annotated[Line, Wording(choices="scores")] = Field("overall", title=N_("Score"))
    kind: Annotated[str, Wording(choices=TARGETS)] = Field("relative", title=N_("Kind"))
    goal: float = Field(title=N_("Goal"))
    baseline: int = Field(ge=1900, le=2200, title=N_("Counted from the year"))
    end: int = Field(ge=1900, le=2200, title=N_("Until the year"))


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
    unit = room.Unit(request.unit, request.name, request.groups)
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
    made: bool = False,
    **form: Any,
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
        page=f"/readiness/{page}" if made else OwnSurface(f"/readiness/{page}"),
        undo=None if undo is None else lambda _: undo,
        **form,
    )


_VERSION: Final = "frameworks/{framework}/{version}"
_QUESTION: Final = "{number}/questions/{question}"
ACTS: Final = (
    _act("import-framework version", "Import a framework version", import_framework, "frameworks",
         title=N_("A version of your own"), button=N_("Import")),
    _act("assign criteria", "Assign criteria of a framework version", assign_criteria, f"{_VERSION}/assign",
         undo=say("Criteria assigned"), title=N_("Owner"), button=N_("Assign")),
    _act("publish version", "Publish a framework version", publish_framework, f"{_VERSION}/publish"),
    _act("start assessment", "Start an assessment", start_assessment, "start", undo=say("Assessment started"),
         made=True, title=N_("Start an assessment"), button=N_("Start")),
    _act("close assessment", "Close an assessment", close_assessment, "{number}/close",
         undo=say("Assessment closed"), title=N_("Close")),
    _act("rank assessment", "Agree to be ranked, or no longer", rank_assessment, "{number}/rank",
         undo=say("Ranking changed"), command="opt-in", title=N_("Agree to be ranked")),
    _act("answer question", "Answer a question", answer_question, _QUESTION, undo=say("Answer saved"),
         title=N_("Answer to this question"), button=N_("Save")),
    _act("review answer", "Comment on an answer, or send it back", add_statement, f"{_QUESTION}/review",
         undo=say("Review saved"), title=N_("Comment, or send the answer back"), button=N_("Save the review")),
    _act("decide dispute", "Decide a dispute or an appeal", decide_dispute, f"{_QUESTION}/decide",
         undo=say("Decision saved"), title=N_("Decision"), button=N_("Save the decision")),
    _act("appeal decision", "Appeal against a decision", appeal_decision, f"{_QUESTION}/appeal",
         undo=say("Appeal saved"), title=N_("Appeal")),
    _act("add evidence", "Add evidence", add_evidence, f"{_QUESTION}/evidence", command="evidence add",
         title=N_("Add evidence"), button=N_("Save the evidence")),
    _act("use evidence", "Use evidence for a question", use_evidence, f"{_QUESTION}/use",
         undo=say("Evidence attached"), command="evidence use", title=N_("Use evidence of another question"),
         button=N_("Attach")),
    _act("measure question", "Measure a question", measure_question, f"{_QUESTION}/measure",
         undo=say("Measured value saved"), title=N_("Measure"), button=N_("Measure now")),
    _act("add action", "Add an action to the plan", add_action, "{number}/plan", undo=say("Action added"),
         command="plan add", title=N_("Add action")),
    _act("finish action", "Mark an action of the plan as done", finish_action, "{number}/plan/done",
         undo=say("Action done"), command="plan done", title=N_("Done")),
    _act("build index", "Build an index", build_index, "indices", command=Absence(
        "The command readiness build writes a folder anywhere, which is of no node."),
         title=N_("Build an index"), button=N_("Build")),
    _act("target score", "Set a target", set_target, "{number}/targets", undo=say("Target set"),
         title=N_("Set a target"), button=N_("Set target")),
)  # fmt: skip
"""All acts of readiness."""


def act_of(operation: str) -> Act:
    """An act by its operation, such as ``answerQuestion``."""
    return next(one for one in ACTS if one.operation == operation)
