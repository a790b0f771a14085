"""``tocsin drafting``: a text on its way out, in every form, and a copy of it that travels and comes back."""

import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tocsin.drafting.agreement import agreement
from tocsin.drafting.commands.change import Actor, TextName
from tocsin.drafting.commands.texts import read_bytes
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, replayed, undone_steps
from tocsin.drafting.jsonform import draft_document
from tocsin.drafting.layouts import bracketed, clean, compilation, side_by_side
from tocsin.drafting.markdown import markdown
from tocsin.drafting.page import StepView, page
from tocsin.drafting.pages import pages
from tocsin.drafting.sentences import sentence
from tocsin.interface import Invocation, note, print_table, say
from tocsin.node.errors import NotFoundError, StorageError, UsageError


class TextForm(StrEnum):
    """The forms that a text leaves in."""

    COMPILATION = "compilation"
    CLEAN = "clean"
    BRACKETED = "bracketed"
    SIDE_BY_SIDE = "side-by-side"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"
    DOCX = "docx"
    DOCX_COMPILATION = "docx-compilation"
    AKN = "akn"


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
    from tocsin.drafting.akoma import akoma_ntoso
    from tocsin.drafting.store import load, source_of
    from tocsin.drafting.word import compiled_docx, redlined_docx

    database = call.database
    stored = load(database, text)
    draft = replayed(stored.steps, upto=step)
    at = stored.steps[(step or len(stored.steps)) - 1].at
    writers: dict[TextForm, Callable[[], str | bytes]] = {
        TextForm.COMPILATION: lambda: _compilation(draft, source_of(database, text)),
        TextForm.CLEAN: lambda: clean(draft),
        TextForm.BRACKETED: lambda: bracketed(draft),
        TextForm.SIDE_BY_SIDE: lambda: side_by_side(draft, stakeholder),
        TextForm.MARKDOWN: lambda: markdown(draft),
        TextForm.JSON: lambda: _json(draft),
        TextForm.HTML: lambda: _page(draft, page, stored.steps[:step]),
        TextForm.DOCX: lambda: redlined_docx(draft),
        TextForm.DOCX_COMPILATION: lambda: compiled_docx(draft),
        TextForm.AKN: lambda: akoma_ntoso(draft, at, name=stored.name),
    }
    written = writers[form]()
    data = written.encode() if isinstance(written, str) else written
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


def _compilation(draft: TextState, source: bytes) -> str:
    plain = draft.text.source.form == "plain text"
    return compilation(draft, source.decode("utf-8-sig").replace("\r\n", "\n") if plain else None)


def step_views(steps: Sequence[HistoryStep]) -> list[StepView]:
    """The history in words; a step that came back in a copy says so."""
    undone = undone_steps(steps)
    return [
        StepView(
            step.seq,
            step.at.strftime("%Y-%m-%d %H:%M"),
            step.actor,
            sentence(step.act()),
            ", ".join(
                word
                for word, holds in (
                    ("signed", step.signature),
                    ("from a copy", step.origin),
                    ("undone", step.seq in undone),
                )
                if holds
            ),
        )
        for step in steps
    ]


def _page(draft: TextState, number: int | None, steps: Sequence[HistoryStep]) -> str:
    if number is None:
        return page(draft, steps=step_views(steps))
    parts = pages(draft)
    if number > len(parts):
        raise NotFoundError(f"The text has {len(parts)} pages.")
    return page(draft, shown=parts[number - 1])


def _json(draft: TextState) -> str:
    return json.dumps(draft_document(draft, agreement(draft)), ensure_ascii=False, indent=1) + "\n"


def _write(out: Path, data: bytes) -> None:
    try:
        out.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}.", hint="Name another file.") from error
