"""A text in every form that it leaves in, as bytes."""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum

from tocsin.drafting.agreement import agreement
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, replayed, undone_steps
from tocsin.drafting.jsonform import draft_document
from tocsin.drafting.layouts import bracketed, clean, compilation, side_by_side
from tocsin.drafting.markdown import markdown
from tocsin.drafting.page import StepView, page
from tocsin.drafting.pages import pages
from tocsin.drafting.sentences import sentence
from tocsin.drafting.stored_text import StoredText
from tocsin.node.errors import NotFoundError


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


def written_as(
    stored: StoredText,
    form: TextForm,
    source: bytes,
    *,
    step: int | None = None,
    stakeholder: str | None = None,
    page: int | None = None,
) -> bytes:
    """The text in a form, as it is or as it was after a step.

    ``source``: the bytes that it was read from. ``stakeholder``: side by side only what this one wrote. ``page``: of
    the web page only this part.
    """
    from tocsin.drafting.akoma import akoma_ntoso
    from tocsin.drafting.word import compiled_docx, redlined_docx

    draft = replayed(stored.steps, upto=step)
    at = stored.steps[(step or len(stored.steps)) - 1].at
    writers: dict[TextForm, Callable[[], str | bytes]] = {
        TextForm.COMPILATION: lambda: _compilation(draft, source),
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
    return written.encode() if isinstance(written, str) else written


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
