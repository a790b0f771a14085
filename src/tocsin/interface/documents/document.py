"""A report as plain data: sections of figures, tables and text, which the writers turn into files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

Cell = str | int | float | None


@dataclass(frozen=True)
class ReportTable:
    """A table. ``name`` is short, for a sheet or a file; columns in ``numbers`` are right-aligned.

    ``places`` is how many decimals a person sees; files for machines keep them all.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()
    places: int = 1
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart: ``title`` says the finding, ``alt`` says it in words, ``table`` holds the figures behind it.

    ``again`` says that a figure before it stands on the same table, so that paper need not print it twice.
    """

    name: str
    title: str
    svg: str
    alt: str
    table: ReportTable
    note: str = ""
    again: bool = False


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class KeyFigure:
    """One figure to see at once, with its range in words."""

    label: str
    value: str
    range: str = ""
    note: str = ""


@dataclass(frozen=True)
class KeyFigures:
    """Some figures side by side."""

    items: tuple[KeyFigure, ...]


@dataclass(frozen=True)
class QuestionCard:
    """One question with all that is on record about it. ``tags`` are (kind, word); ``lines`` are (label, text)."""

    id: str
    title: str
    tags: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, str], ...]
    group: str = ""


@dataclass(frozen=True)
class Cards:
    """Questions one after another, with the same as a table for files."""

    items: tuple[QuestionCard, ...]
    table: ReportTable


@dataclass(frozen=True)
class WhatIf:
    """Answers that can be changed on the page; its script works on ``data``, and ``table`` stands without it."""

    data: dict[str, object]
    table: ReportTable


Block = ReportTable | Figure | Prose | KeyFigures | Cards | WhatIf


@dataclass(frozen=True)
class ReportSection:
    """A part of a report; its title is a sentence of state."""

    id: str
    label: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Download:
    """A file of open data that the page carries with it."""

    name: str
    media_type: str
    text: str
    what: str


@dataclass(frozen=True)
class ReadinessReport:
    """A whole report. ``data`` is its open data in one long table; ``recipe`` says how to come to the same figures."""

    title: str
    subtitle: str
    made_on: date
    sections: tuple[ReportSection, ...]
    data: ReportTable
    recipe: dict[str, object]
    downloads: tuple[Download, ...] = field(default=())
    language: str = "en"

    def tables(self) -> Iterator[ReportTable]:
        """Every table once, also those behind the figures, in order."""
        for block in (block for section in self.sections for block in section.blocks):
            if isinstance(block, ReportTable):
                yield block
            elif isinstance(block, Figure | Cards | WhatIf) and not (isinstance(block, Figure) and block.again):
                yield block.table


def shown(cell: Cell, places: int = 1) -> str:
    """A cell as a person reads it: an empty one is a dash, a number has thin thousands and ``places`` decimals."""
    if cell is None:
        return "–"  # noqa: RUF001 (a dash, not a minus)
    if isinstance(cell, float):
        return f"{cell:,.{places}f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)
