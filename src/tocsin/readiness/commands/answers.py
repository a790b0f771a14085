"""The part of `tocsin assessment` that takes answers: a sheet to fill in, one answer, or all of them from the sheet."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interface import Invocation
from tocsin.node.errors import InputError, NotFoundError, UsageError

if TYPE_CHECKING:
    from tocsin.readiness.assessment import Snapshot

By = Annotated[str, typer.Option("--by", envvar="TOCSIN_BY", help="Who does this; it stays on record.")]
AssessmentId = Annotated[int, typer.Argument(help="The number of the assessment; 'list' shows them.")]


def perform(call: Invocation, operation: str, by: str, **values: Any) -> Any:
    """Do an act of readiness for whoever the command names; what it gives back.

    Raises:
        UsageError: a value is missing, or is not as it must be.

    """
    from tocsin.interface import ActContext, RequestError, read_request
    from tocsin.node.node import Node
    from tocsin.readiness.acts import act_of

    act = act_of(operation)
    try:
        request = read_request(act, values)
    except RequestError as error:
        raise UsageError(f"{error.wrongs[0][0]}: {error}") from None
    return act.perform(ActContext(Node(call.home, call.settings, call.database), call.now, by, by), request)


def snapshot_of(call: Invocation, assessment: int) -> "Snapshot":
    """The assessment of that number, as it is on record."""
    from tocsin.readiness.assessment import read_snapshot

    with call.database.begin() as session:
        return read_snapshot(session, assessment)


def sheet(
    call: Invocation, assessment: AssessmentId, out: Annotated[Path, typer.Option(help="The CSV file to write.")]
) -> None:
    """Write every question with its levels as a CSV to fill in; 'answers' takes it back."""
    rows = _sheet_rows(snapshot_of(call, assessment))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8-sig", newline="") as file:  # the mark lets spreadsheets see that it is UTF-8
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    words = f"{len(rows)} questions are in {out}. Fill in 'level', then: assessment answers {assessment} --file {out}"
    call.emit({"file": str(out), "questions": len(rows)}, words)


def _sheet_rows(snapshot: "Snapshot") -> list[dict[str, str]]:
    framework, held = snapshot.framework, snapshot.held()
    rows = []
    for pillar, indicator in framework.indicators():
        for question in indicator.question:
            labels = [level.label for level in framework.scales[question.scale].levels]
            answer = held[question.id].answer if question.id in held else None
            known = (
                "" if answer is None else "na" if answer.level is None else f"{labels[answer.level]} ({answer.status})"
            )
            rows.append(
                {
                    "question": question.id,
                    "pillar": pillar.title,
                    "criterion": indicator.title,
                    "text": question.text,
                    "levels": "; ".join(f"{number} = {label}" for number, label in enumerate(labels))
                    + ("; na = does not apply" if question.may_not_apply else ""),
                    "evidence_wanted": question.evidence,
                    "on_record": known,
                    "level": "",
                    "status": "",
                    "assessor_kind": "",
                    "comment": "",
                }
            )
    return rows


def answer(
    call: Invocation,
    assessment: AssessmentId,
    question: str,
    level: Annotated[str, typer.Argument(help="Index or label of the level; 'na' where it does not apply.")],
    *,
    by: By,
    status: Annotated[str, typer.Option(help="declared or verified.")] = "declared",
    assessor_kind: Annotated[str, typer.Option(help="self, peer, independent or system.")] = "self",
    comment: Annotated[str, typer.Option(help="Why, in words.")] = "",
) -> None:
    """Answer a question; the answers before it stay on record."""
    given = {"status": status, "assessor_kind": assessor_kind, "comment": comment}
    made = perform(call, "answerQuestion", by, assessment=assessment, question=question, level=level, **given)
    document = {"question": question, "level": made.level, "status": status, "assessor_kind": assessor_kind}
    call.emit(document, f"{question}: {level}, {status} by {by} ({assessor_kind}).")


def answers(
    call: Invocation,
    assessment: AssessmentId,
    file: Annotated[Path, typer.Option(help="CSV: question, level, and if wanted status, assessor_kind, comment.")],
    by: By,
) -> None:
    """Take many answers from a CSV file: all of them, or none. Rows without a level are left out."""
    from tocsin.readiness.assessment import AnswerInput, give_answer, numbered_rows

    rows = numbered_rows(file, ("question", "level"))
    with call.database.begin() as session:
        filled = [(number, row) for number, row in rows if row["level"].strip()]
        for number, row in filled:
            given = AnswerInput(
                question=row["question"].strip(),
                level=row["level"],
                status=row.get("status") or "declared",
                assessor_kind=row.get("assessor_kind") or "self",
                assessor=row.get("assessor") or by,
                comment=row.get("comment") or "",
            )
            try:
                give_answer(session, assessment, given, by=by, now=call.now)
            except (InputError, NotFoundError, UsageError) as error:
                raise InputError(f"{file}, line {number}: {error}", hint=error.hint) from error
    empty = len(rows) - len(filled)
    left = f" {empty} rows without a level left out." if empty else ""
    document = {"answers": len(filled), "without_level": empty}
    call.emit(document, f"{len(filled)} answers taken in.{left}")
