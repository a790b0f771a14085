"""The part of `tocsin assessment` in which others have their say: evidence, reviews, disputes, appeals."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tocsin.interface import Commands, Invocation, fields, print_table
from tocsin.node.errors import StorageError
from tocsin.readiness.commands.answers import By, perform, snapshot_of

evidence = Commands(no_args_is_help=True, help="Evidence: an archived copy, its hash, and where it is used.")

Why = Annotated[str, typer.Option("--text", help="The reason, in words.")]
Statement = Annotated[int, typer.Argument(help="Its number; 'statements' shows them.")]


@evidence.command("add")
def add(
    call: Invocation,
    file: Annotated[Path, typer.Argument(help="The file, or a saved copy of what the link shows.")],
    *,
    title: Annotated[str, typer.Option(help="What it is.")],
    language: Annotated[str, typer.Option(help="Its language, such as fr.")],
    by: By,
    link: Annotated[str, typer.Option(help="Where it was found, if anywhere.")] = "",
    valid_from: Annotated[str, typer.Option(help="YYYY-MM-DD.")] = "",
    valid_until: Annotated[str, typer.Option(help="YYYY-MM-DD.")] = "",
) -> None:
    """Archive a piece of evidence under its own hash."""
    from tocsin.readiness.commands.assessment import day

    begin, end = (day(text) if text else None for text in (valid_from, valid_until))
    given = {"name": title, "language": language, "link": link, "valid_from": begin, "valid_until": end}
    held = perform(call, "addEvidence", by, file=file, **given)
    document = {"evidence": held.digest, "size": held.size, "title": held.title}
    call.emit(document, f"{held.digest[:12]}  {held.title} ({held.size:,} bytes)")


@evidence.command("use")
def use(
    call: Invocation,
    piece: Annotated[str, typer.Argument(help="The start of its hash.")],
    assessment: int,
    question: str,
    by: By,
) -> None:
    """Let a piece of evidence support a question; one piece may support many, under any framework."""
    held = perform(call, "useEvidence", by, evidence=piece, assessment=assessment, question=question)
    document = {"evidence": held.digest, "assessment": assessment, "question": question}
    call.emit(document, f"{held.title} supports {question}.")


@evidence.command("list")
def list_evidence(call: Invocation) -> None:
    """List the evidence and how often each piece is used."""
    from sqlalchemy import func, select

    from tocsin.readiness.assessment import Evidence, EvidenceUse

    with call.database.begin() as session:
        uses = dict(
            session.execute(select(EvidenceUse.evidence_id, func.count()).group_by(EvidenceUse.evidence_id)).all()
        )
        found = session.scalars(select(Evidence).order_by(Evidence.id)).all()
    rows = [
        (p.digest[:12], p.title, p.language, str(p.valid_from or ""), str(p.valid_until or ""), uses.get(p.id, 0))
        for p in found
    ]
    document = [
        {
            "evidence": piece.digest,
            **fields(piece, "title language link valid_from valid_until"),
            "uses": uses.get(piece.id, 0),
        }
        for piece in found
    ]
    columns = ("Hash", "Title", "Language", "Valid from", "Valid until", "Uses")
    call.emit(document, lambda: print_table("Evidence", columns, rows, numbers=[5]))


@evidence.command("check")
def check(call: Invocation) -> None:
    """Check that every archived copy is there and unchanged."""
    from sqlalchemy import select

    from tocsin.readiness.acts import evidence_copies
    from tocsin.readiness.assessment import Evidence

    copies = evidence_copies(call.home)
    with call.database.begin() as session:
        digests = session.scalars(select(Evidence.digest).order_by(Evidence.id)).all()
    damaged = [digest for digest in digests if not copies.is_intact(digest)]
    if damaged:
        raise StorageError(
            f"{len(damaged)} of {len(digests)} archived copies are missing or changed, first {damaged[0][:12]}.",
            hint="Bring them back from a backup.",
        )
    call.emit({"checked": len(digests), "damaged": 0}, f"All {len(digests)} copies are intact.")


def review(call: Invocation, assessment: int, question: str, text: Why, by: By) -> None:
    """Put a review of an answer on record."""
    _say(call, assessment, question, "review", text=text, by=by)


def dispute(call: Invocation, assessment: int, question: str, text: Why, by: By) -> None:
    """Dispute an answer; until it is decided the answer counts as declared only."""
    _say(call, assessment, question, "dispute", text=text, by=by)


def decide(
    call: Invocation,
    statement: Statement,
    outcome: Annotated[str, typer.Argument(help="upheld or rejected.")],
    text: Why,
    by: By,
) -> None:
    """Decide a dispute or an appeal; never one's own."""
    made = perform(call, "decideDispute", by, statement=statement, outcome=outcome, text=text)
    document = {"statement": made.id, "about": statement, "outcome": outcome}
    call.emit(document, f"Decision {made.id}: {statement} is {outcome}.")


def appeal(call: Invocation, decision: Statement, text: Why, by: By) -> None:
    """Appeal against a decision, once."""
    made = perform(call, "appealDecision", by, decision=decision, text=text)
    document = {"statement": made.id, "about": decision}
    call.emit(document, f"Appeal {made.id} against decision {decision} is open.")


def statements(call: Invocation, assessment: int) -> None:
    """List the reviews, disputes, decisions and appeals of an assessment."""
    held = snapshot_of(call, assessment).statements
    said = sorted((s for group in held.values() for s in group), key=lambda s: s.id)
    rows = [(s.id, s.question, s.kind, s.about or "", s.outcome, s.by, s.text, f"{s.at:%Y-%m-%d}") for s in said]
    columns = ("No.", "Question", "Kind", "About", "Outcome", "By", "Text", "Date")
    call.emit([s.__dict__ for s in said], lambda: print_table("Statements", columns, rows))


def _say(
    call: Invocation, assessment: int, question: str, kind: Literal["review", "dispute"], *, text: str, by: str
) -> None:
    made = perform(call, "reviewAnswer", by, assessment=assessment, question=question, kind=kind, text=text)
    document = {"statement": made.id, "kind": kind, "question": question}
    call.emit(document, f"{kind.capitalize()} {made.id} of {question} is on record.")
