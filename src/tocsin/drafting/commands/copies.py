"""``tocsin drafting``: a text on its way out, in every form, and a copy of it that travels and comes back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tocsin.drafting.commands.change import Actor, TextName
from tocsin.drafting.commands.texts import read_bytes
from tocsin.drafting.exports import TextForm, written_as
from tocsin.drafting.sentences import sentence
from tocsin.interface import Invocation, note, print_table, say
from tocsin.node.errors import StorageError, UsageError


def export(
    call: Invocation,
    text: TextName,
    form: Annotated[TextForm, typer.Option("--format", help="The form to write.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; the standard output by default.")] = None,
    step: Annotated[int | None, typer.Option(help="The text as it was after this step.")] = None,
    stakeholder: Annotated[str | None, typer.Option(help="Side by side: only what this stakeholder wrote.")] = None,
    page: Annotated[int | None, typer.Option(min=1, help="HTML: only this page of a long text.")] = None,
) -> None:
    """Write a text: compilation, clean, bracketed, side by side, Markdown, JSON, a page, Word, Akoma Ntoso."""
    from tocsin.drafting.store import load, source_of

    stored = load(call.database, text)
    data = written_as(stored, form, source_of(call.database, text), step=step, stakeholder=stakeholder, page=page)
    if out is None:
        if form in {TextForm.DOCX, TextForm.DOCX_COMPILATION} and sys.stdout.isatty():
            raise UsageError("A Word file is not for the screen.", hint="Name a file with --out.")
        sys.stdout.buffer.write(data)
        return
    _write(out, data)
    call.emit({"file": str(out), "bytes": len(data)}, f"Written to {out} ({len(data):,} bytes).")


def bundle(call: Invocation, text: TextName, out: Annotated[Path, typer.Option(help="The file to write.")]) -> None:
    """Write a text with its whole history to one file, to work on without a link: 'import' it there."""
    from tocsin.drafting.bundle import write_bundle
    from tocsin.drafting.store import load, source_of

    database = call.database
    stored = load(database, text)
    data = write_bundle(stored, source_of(database, text))
    _write(out, data)
    document = {"file": str(out), "bytes": len(data), "steps": len(stored.steps), "head": stored.steps[-1].hash}
    call.emit(document, f"{len(stored.steps)} steps written to {out} ({len(data):,} bytes).")


def merge_bundle(
    call: Invocation,
    file: Annotated[Path, typer.Argument(help="A copy that came back.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would add.")] = False,
    by: Actor = "secretariat",
) -> None:
    """Take in what was proposed in a copy. Different words for one place become alternatives; nothing is decided."""
    from tocsin.drafting.bundle import merged, read_bundle
    from tocsin.drafting.store import load, take_in

    theirs, _ = read_bundle(read_bytes(file))
    database = call.database
    here = load(database, theirs.id)
    result = merged(here, theirs) if dry_run else take_in(database, theirs, actor=by, at=call.now)
    document = {
        "added": [{"step": s.seq, "act": s.act().act, "actor": s.actor, "origin": s.origin} for s in result.steps],
        "known": result.known,
        "left_aside": [{"act": step.act().act, "actor": step.actor, "reason": why} for step, why in result.left_aside],
        "conflicts": list(result.conflicts),
    }

    def human() -> None:
        would = "would be added" if dry_run else "added"
        say(f"{len(result.steps)} steps {would}, {result.known} were here, {len(result.left_aside)} left aside.")
        for step in result.steps:
            say(f"Step {step.seq}, by {step.actor}: {sentence(step.act())}.")
        rows = [(step.actor, sentence(step.act()), why) for step, why in result.left_aside]
        if rows:
            print_table("Left aside", ("by", "what", "because"), rows)
        for conflict in result.conflicts:
            note(conflict)

    call.emit(document, human)


def _write(out: Path, data: bytes) -> None:
    try:
        out.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}.", hint="Name another file.") from error
