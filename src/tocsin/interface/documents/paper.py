"""A document to be printed or edited: a title, a marking, sections of lines and tables; as PDF or for Word.

All its texts come as they are shown, in the language of its readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tocsin.interface.documents.document import ReportTable
from tocsin.interface.documents.page import RIGHT_TO_LEFT
from tocsin.interface.documents.write import pdf_of

_STYLE: Final = """\
@page { size: A4; margin: 18mm 16mm 20mm;
  @top-center { content: string(marking); font: bold 9pt "DejaVu Sans", sans-serif; }
  @bottom-center { content: counter(page) " / " counter(pages); font: 8pt "DejaVu Sans", sans-serif; } }
html { font: 9.5pt/1.4 "DejaVu Sans", sans-serif; } h1 { font-size: 18pt; margin: 0 0 4pt; }
h2 { font-size: 13pt; margin: 14pt 0 4pt; break-after: avoid; } p { margin: 0 0 3pt; }
.marking { string-set: marking content(); font-weight: bold; }
table { inline-size: 100%; border-collapse: collapse; font-size: 8pt; table-layout: fixed; }
th, td { text-align: start; vertical-align: top; padding: 2pt 6pt 2pt 0; border-bottom: .4pt solid #999;
  overflow-wrap: anywhere; white-space: pre-wrap; }
"""


@dataclass(frozen=True)
class PaperSection:
    """A part with its heading: lines first, then a table. ``widths``: of its columns, as parts of the whole."""

    title: str
    lines: Sequence[str] = ()
    table: ReportTable | None = None
    widths: Sequence[int] = ()


@dataclass(frozen=True)
class PaperDocument:
    """A document. ``marking``: stands on every page; ``lines``: below the title."""

    title: str
    marking: str
    lines: Sequence[str]
    sections: Sequence[PaperSection]
    language: str

    @property
    def rtl(self) -> bool:
        """Whether it is written from right to left."""
        return self.language.split("-")[0] in RIGHT_TO_LEFT


def paper_pdf(document: PaperDocument) -> bytes:
    """The document as PDF (PDF/UA-1).

    Raises:
        StorageError: the machine cannot make PDF.

    """
    return pdf_of(_html(document))


def paper_docx(document: PaperDocument) -> bytes:
    """The document as a file for Word (ECMA-376)."""
    from tocsin.interface.word import Paragraph, TextRun, WordDocument, write_docx

    def paragraph(text: str, style: str = "") -> Paragraph:
        return Paragraph((TextRun(_writable(text)),), style=style)

    blocks = [paragraph(document.marking), paragraph(document.title, "Title"), *map(paragraph, document.lines)]
    made: list[object] = [*blocks]
    for section in document.sections:
        made += [paragraph(section.title, "Heading1"), *map(paragraph, section.lines)]
        if section.table is not None:
            made += [_word_table(section.table), paragraph("")]
    return write_docx(WordDocument(tuple(made), title=document.title, rtl=document.rtl))  # type: ignore[arg-type]  # blocks of two kinds


def _word_table(table: ReportTable) -> object:
    from tocsin.interface.word import Cell, Paragraph, TableRow, TextRun, WordTable

    def row(cells: Sequence[object], look: frozenset[str] = frozenset()) -> TableRow:
        runs = [TextRun(_writable("" if one is None else str(one)), look=look) for one in cells]
        return TableRow(tuple(Cell((Paragraph((run,)),)) for run in runs))

    return WordTable((row(table.columns, frozenset({"bold"})), *(row(one) for one in table.rows)))


def _writable(text: str) -> str:
    """A text without what no XML file can hold (XML 1.0, 2.2)."""
    return "".join(
        one
        for one in text
        if one in "\t\n" or ("\x20" <= one < "\ufffe" and not "\ud800" <= one <= "\udfff") or one > "\uffff"
    )


def _html(document: PaperDocument) -> str:
    lines = "".join(f"<p dir=auto>{escape(one)}</p>" for one in document.lines)
    return (
        f'<!doctype html><html lang="{escape(document.language)}" dir="{"rtl" if document.rtl else "ltr"}"><head>'
        f"<meta charset=utf-8><title>{escape(document.title)}</title><style>{_STYLE}</style></head><body>"
        f'<p class="marking">{escape(document.marking)}</p><h1>{escape(document.title)}</h1>{lines}'
        f"{''.join(map(_section, document.sections))}</body></html>"
    )


def _section(section: PaperSection) -> str:
    lines = "".join(f"<p dir=auto>{escape(one)}</p>" for one in section.lines)
    return f"<h2>{escape(section.title)}</h2>{lines}{_table(section) if section.table else ''}"


def _table(section: PaperSection) -> str:
    table = section.table
    if table is None:
        return ""
    whole = sum(section.widths) or 1
    columns = "".join(f'<col style="width:{100 * one // whole}%">' for one in section.widths)
    head = "".join(f"<th scope=col>{escape(one)}</th>" for one in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td dir=auto>{escape('' if cell is None else str(cell))}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    return f"<table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
