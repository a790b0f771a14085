"""A Word document as blocks of runs that carry revision marks, and the views that follow from the marks.

A revision adds (insertion, the new place of a move) or removes (deletion, the old place of a move) what it marks. A
run, a paragraph's end, a table row or a cell may carry several. What is marked is there exactly when every adding mark
on it is accepted and no removing mark is; every view here is that one rule with another choice of what is accepted:

    original      nothing accepted
    accepted      everything accepted
    author's own  the author's revisions accepted, everybody else's rejected

The rule follows ECMA-376 part 1, section 17.13.5 (revisions). Times are UTC-aware.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["insert", "delete", "move_from", "move_to"]
Decide: TypeAlias = Callable[["Revision"], bool | None]

_LOOK = attrgetter("marks", "comments", "look", "link", "field")
NOBODY = "Author"
"""What Word itself puts for an author whose name was taken away."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One tracked change: what was done, by whom, when; ``move`` pairs the two places of one move.

    ``number`` tells changes of a document apart (see ``numbered``); both places of a move have the same one.
    """

    kind: Kind
    author: str
    date: datetime | None = None
    move: str = ""
    number: int = 0

    @property
    def adds(self) -> bool:
        """Whether what is marked is new; else it was there before."""
        return self.kind in {"insert", "move_to"}


@dataclass(frozen=True, slots=True)
class TextRun:
    r"""Text with one look and one history.

    ``text`` holds tab as ``\t``, line break as ``\n``, page break as ``\f``, column break as ``\v``, no-break hyphen as
    U+2011 and soft hyphen as U+00AD. ``comments`` are the numbers of the comments anchored here, ``note`` the number of
    the foot- or endnote called here (0 is none), ``field`` the instruction whose result this text is, ``look`` any of
    bold, italic, underline, strike, super, sub, hidden.
    """

    text: str
    marks: tuple[Revision, ...] = ()
    comments: tuple[int, ...] = ()
    look: frozenset[str] = frozenset()
    link: str = ""
    field: str = ""
    note: int = 0


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Runs, and the revisions of the paragraph's end; ``numbering`` is (list, level), ``label`` the number printed.

    An end, a row and a cell hold at most one adding and one removing mark: Word files have no place for a second.
    """

    runs: tuple[TextRun, ...] = ()
    end: tuple[Revision, ...] = ()
    style: str = ""
    numbering: tuple[int, int] | None = None
    label: str = field(default="", compare=False)

    @property
    def text(self) -> str:
        """All text of all runs, marked or not."""
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class Cell:
    """Blocks in a cell that is ``span`` columns wide; ``merge`` ties it to the cell below or above."""

    blocks: tuple["Block", ...]
    marks: tuple[Revision, ...] = ()
    span: int = 1
    merge: Literal["", "restart", "continue"] = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """Cells of a row."""

    cells: tuple[Cell, ...]
    marks: tuple[Revision, ...] = ()


@dataclass(frozen=True, slots=True)
class WordTable:
    """Rows of a table."""

    rows: tuple[TableRow, ...]


Block: TypeAlias = Paragraph | WordTable


@dataclass(frozen=True, slots=True)
class WordComment:
    """A comment or, with ``parent``, a reply to one; anchored where runs carry its number (a reply: its parent's)."""

    number: int
    author: str
    text: str
    date: datetime | None = None
    initials: str = ""
    parent: int = 0
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What a foot- or endnote says."""

    number: int
    kind: Literal["footnote", "endnote"]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ListLevel:
    """How one level of a list counts: ECMA-376 number format, text with %1…%9, first number."""

    format: str = "decimal"
    text: str = "%1."
    start: int = 1


@dataclass(frozen=True, slots=True)
class WordDocument:
    """A Word document; ``lists`` maps a list's number to its levels, ``warnings`` says what was left out on reading.

    ``rtl``: it is written from right to left.
    """

    blocks: tuple[Block, ...]
    comments: tuple[WordComment, ...] = ()
    notes: tuple[Note, ...] = ()
    lists: tuple[tuple[int, tuple[ListLevel, ...]], ...] = ()
    title: str = ""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    rtl: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class TrackedChange:
    """One change as a person would accept or reject it: the revision, and the text it covers in one string."""

    revision: Revision
    text: str


def original(document: WordDocument) -> WordDocument:
    """The document before all tracked changes."""
    return resolve(document, lambda _: False)


def accepted(document: WordDocument) -> WordDocument:
    """The document with all tracked changes accepted."""
    return resolve(document, lambda _: True)


def author_view(document: WordDocument, author: str) -> WordDocument:
    """The document as this author wants it: own changes accepted, everybody else's rejected."""
    return resolve(document, lambda revision: revision.author == author)


def accept(document: WordDocument, numbers: Iterable[int]) -> WordDocument:
    """The document with the changes of these numbers accepted, and the others still tracked."""
    chosen = frozenset(numbers)
    return resolve(document, lambda revision: True if revision.number in chosen else None)


def reject(document: WordDocument, numbers: Iterable[int]) -> WordDocument:
    """The document with the changes of these numbers rejected, and the others still tracked."""
    chosen = frozenset(numbers)
    return resolve(document, lambda revision: False if revision.number in chosen else None)


def authors(document: WordDocument) -> tuple[str, ...]:
    """Everybody with a tracked change, in order of their first one."""
    return tuple(dict.fromkeys(mark.author for marks, _ in positions(document) for mark in marks))


def changes(document: WordDocument) -> tuple[TrackedChange, ...]:
    """Every change with the text it covers, by number; the two places of a move are two entries."""
    found: dict[tuple[int, Kind], tuple[Revision, list[str]]] = {}
    for marks, text in positions(document):
        for mark in marks:
            found.setdefault((mark.number, mark.kind), (mark, []))[1].append(text)
    return tuple(
        TrackedChange(mark, "".join(text)) for mark, text in (found[key] for key in sorted(found, key=lambda k: k[0]))
    )


def lines(document: WordDocument) -> tuple[str, ...]:
    """The text of every paragraph, tables cell by cell, marked text included: for a document without open changes."""
    return tuple(paragraph.text for paragraph in paragraphs(document.blocks))


def paragraphs(blocks: Iterable[Block]) -> Iterator[Paragraph]:
    """Every paragraph in text order, those in tables too."""
    for block in blocks:
        if isinstance(block, Paragraph):
            yield block
        else:
            for row in block.rows:
                for cell in row.cells:
                    yield from paragraphs(cell.blocks)


def positions(document: WordDocument) -> Iterator[tuple[tuple[Revision, ...], str]]:
    r"""Everything that can carry marks, in text order, with its text; a paragraph's end and a row are ``\n``."""
    yield from _positions(document.blocks)
    for note in document.notes:
        yield from _positions(note.blocks)


def _positions(blocks: Iterable[Block]) -> Iterator[tuple[tuple[Revision, ...], str]]:
    for block in blocks:
        if isinstance(block, Paragraph):
            for run in block.runs:
                if run.text or run.note or run.field:
                    yield run.marks, run.text
            yield block.end, "\n"
        else:
            for row in block.rows:
                yield row.marks, "\n" if row.marks else ""
                for cell in row.cells:
                    yield cell.marks, ""
                    yield from _positions(cell.blocks)


def tidy(runs: Iterable[TextRun]) -> tuple[TextRun, ...]:
    """The runs with neighbours of one look and history joined, and empty ones gone (unless they anchor something)."""
    kept: list[TextRun] = []
    for run in runs:
        if not (run.text or run.note or run.field or run.comments):
            continue
        last = kept[-1] if kept else None
        if last is not None and not run.note and not last.note and _LOOK(last) == _LOOK(run):
            kept[-1] = replace(last, text=last.text + run.text)
        else:
            kept.append(run)
    return tuple(kept)


def resolve(document: WordDocument, decide: Decide) -> WordDocument:
    """The document after each revision was accepted (True), rejected (False) or left open (None) by ``decide``.

    A paragraph whose end goes is joined to the next one and takes its style. At the end of a cell or before a table
    there is nothing to join: what is left of it stays a paragraph, and if nothing is left it goes.
    """
    before = _anchored(document.blocks, document.notes)
    blocks = _blocks(document.blocks, decide) or (Paragraph(),)
    called = {run.note for paragraph in paragraphs(blocks) for run in paragraph.runs}
    notes = tuple(
        replace(note, blocks=_blocks(note.blocks, decide) or (Paragraph(),))
        for note in document.notes
        if note.number in called
    )
    gone = before - _anchored(blocks, notes)
    kept = tuple(comment for comment in document.comments if not {comment.number, comment.parent} & gone)
    return replace(document, blocks=blocks, notes=notes, comments=kept)


def _anchored(blocks: Iterable[Block], notes: Iterable[Note]) -> set[int]:
    everything = [*paragraphs(blocks), *(paragraph for note in notes for paragraph in paragraphs(note.blocks))]
    return {number for paragraph in everything for run in paragraph.runs for number in run.comments}


def _blocks(blocks: Iterable[Block], decide: Decide) -> tuple[Block, ...]:
    kept: list[Block] = []
    carried: list[TextRun] = []
    last: Paragraph | None = None

    def settle() -> None:
        if last is not None and carried:
            kept.append(replace(last, runs=tidy(carried), end=()))
            carried.clear()

    for block in blocks:
        if isinstance(block, WordTable):
            settle()
            last = None
            kept.extend(_table(block, decide))
            continue
        carried += [run for run in (_run(run, decide) for run in block.runs) if run is not None]
        end = _left(block.end, decide)
        if end is None:
            last = block
        else:
            kept.append(replace(block, runs=tidy(carried), end=end))
            carried.clear()
            last = None
    settle()
    return tuple(kept)


def _table(table: WordTable, decide: Decide) -> Iterator[WordTable]:
    rows = tuple(row for row in (_row(row, decide) for row in table.rows) if row is not None)
    if rows:
        yield WordTable(rows)


def _row(row: TableRow, decide: Decide) -> TableRow | None:
    marks = _left(row.marks, decide)
    cells = tuple(
        replace(cell, blocks=_blocks(cell.blocks, decide) or (Paragraph(),), marks=left)
        for cell in row.cells
        if (left := _left(cell.marks, decide)) is not None
    )
    return TableRow(cells, marks) if marks is not None and cells else None


def _run(run: TextRun, decide: Decide) -> TextRun | None:
    if not run.marks:
        return run
    marks = _left(run.marks, decide)
    return None if marks is None else replace(run, marks=marks)


def _left(marks: tuple[Revision, ...], decide: Decide) -> tuple[Revision, ...] | None:
    """The marks still open, or None when what they mark is gone."""
    left = []
    for mark in marks:
        decision = decide(mark)
        if decision is None:
            left.append(mark)
        elif decision != mark.adds:
            return None
    return tuple(left)


def numbered(document: WordDocument) -> WordDocument:
    """The document with its changes numbered from 1 in text order.

    Neighbouring marks of one kind, author, time and move are one change, across runs, paragraph ends and rows, as Word
    and LibreOffice show them; both places of a named move get one number. What is in a marked row gets its marks too,
    as Word does it: other programs look there. A document that is written and read again is the same.
    """
    counter = _Numbers()
    blocks = counter.blocks(document.blocks)
    notes = tuple(replace(note, blocks=counter.blocks(note.blocks)) for note in document.notes)
    return replace(document, blocks=blocks, notes=notes)


class _Numbers:
    """Gives numbers to marks while it passes over a document once."""

    def __init__(self) -> None:
        self.before: dict[Revision, int] = {}
        self.moves: dict[tuple[str, str], int] = {}
        self.count = 0
        self.around: tuple[Revision, ...] = ()

    def marks(self, marks: tuple[Revision, ...], *, single: bool = False) -> tuple[Revision, ...]:
        """The marks with numbers, together with those of the row around."""
        plain = _in_order(replace(mark, number=0) for mark in (*self.around, *marks))
        if single:
            plain = list({mark.adds: mark for mark in reversed(plain)}.values())[::-1]
        now = {mark: self.number(mark) for mark in plain}
        self.before = now
        return tuple(replace(mark, number=now[mark]) for mark in plain)

    def number(self, mark: Revision) -> int:
        if mark in self.before:
            return self.before[mark]
        known = self.moves.get((mark.author, mark.move)) if mark.move else None
        if known is None:
            self.count += 1
            known = self.count
        if mark.move:
            self.moves[mark.author, mark.move] = known
        return known

    def blocks(self, blocks: Iterable[Block]) -> tuple[Block, ...]:
        return tuple(self.block(block) for block in blocks)

    def block(self, block: Block) -> Block:
        if isinstance(block, Paragraph):
            runs = tuple(self.run(run) for run in block.runs)
            return replace(block, runs=tidy(runs), end=self.marks(block.end, single=True))
        return WordTable(tuple(self.row(row) for row in block.rows))

    def run(self, run: TextRun) -> TextRun:
        if run.marks or run.text or run.note or run.field:
            return replace(run, marks=self.marks(run.marks))
        return run

    def row(self, row: TableRow) -> TableRow:
        outside = self.around
        marks = self.marks(_flat(row.marks), single=True) if row.marks else ()
        self.around = tuple(dict.fromkeys((*outside, *(replace(mark, number=0) for mark in marks))))
        cells = tuple(self.cell(cell) for cell in row.cells)
        self.around = outside
        return TableRow(cells, marks)

    def cell(self, cell: Cell) -> Cell:
        marks = self.marks(_flat(cell.marks), single=True) if cell.marks else ()
        return replace(cell, marks=marks, blocks=self.blocks(cell.blocks))


def _flat(marks: tuple[Revision, ...]) -> tuple[Revision, ...]:
    """Rows and cells are not moved in Word files, they go and come."""
    return tuple(replace(mark, kind="insert" if mark.adds else "delete", move="") for mark in marks)


def _in_order(marks: Iterable[Revision]) -> list[Revision]:
    """The marks as they are written, from the outside: what adds around what removes, each once."""
    return sorted(dict.fromkeys(marks), key=lambda mark: not mark.adds)
