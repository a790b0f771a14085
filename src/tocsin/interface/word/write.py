"""Word files out: a document with its changes and comments under their authors, the same bytes every time.

Only what ECMA-376 part 1 (transitional) allows is written, element order included; replies as in MS-DOCX 2.5.4.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from io import BytesIO

from lxml import etree

from tocsin.interface.word.elements import add, root, stamp
from tocsin.interface.word.frame import comments_extended, content_types, core, numbering, relations, settings, styles
from tocsin.interface.word.model import (
    Block,
    Note,
    Paragraph,
    Revision,
    TableRow,
    TextRun,
    WordComment,
    WordDocument,
    WordTable,
    paragraphs,
)
from tocsin.interface.word.names import LINKS, LOOKS, W14, Element, R, W
from tocsin.node.errors import InputError

_TAGS = {"insert": "ins", "delete": "del", "move_from": "moveFrom", "move_to": "moveTo"}
_RANGES = {"move_from": "moveFromRange", "move_to": "moveToRange"}
_SPECIAL = re.compile("(\r\n|[\t\n\r\f\v\u2011\u00ad])")
_ELEMENTS = {
    "\t": ("tab", ""),
    "\f": ("br", "page"),
    "\v": ("br", "column"),
    "\u2011": ("noBreakHyphen", ""),
    "\u00ad": ("softHyphen", ""),
}
_WIDTH = 9026
"""Between the margins, in twentieths of a point."""
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def write_docx(document: WordDocument) -> bytes:
    """A .docx file; ``read_docx`` gives the same document back.

    Raises InputError when a text holds a character that XML cannot carry.
    """
    try:
        parts = _parts(document)
    except ValueError as error:
        raise InputError(
            "The text holds a control character that no Word file can carry.", hint="Take it out of the text."
        ) from error
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _parts(document: WordDocument) -> dict[str, bytes]:
    writer = _Writer(document)
    roots = {"word/document.xml": writer.main()}
    for kind in ("footnote", "endnote"):
        chosen = [note for note in document.notes if note.kind == kind]
        if chosen:
            roots[f"word/{kind}s.xml"] = writer.notes(kind, chosen)
    if document.comments:
        roots["word/comments.xml"] = writer.comments()
        roots["word/commentsExtended.xml"] = comments_extended(document)
    if document.lists:
        roots["word/numbering.xml"] = numbering(document.lists)
    roots["word/styles.xml"] = styles(
        {paragraph.style for paragraph in writer.all_paragraphs() if paragraph.style}, rtl=document.rtl
    )
    roots["word/settings.xml"] = settings()
    roots["docProps/core.xml"] = core(document.title)
    names = list(roots)
    roots["word/_rels/document.xml.rels"] = relations("word/", names, writer.links)
    roots["_rels/.rels"] = relations("", names, {})
    ordered = {"[Content_Types].xml": content_types(names), **roots}
    return {
        name: etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        for name, root in ordered.items()
    }


class _Writer:
    """Writes the stories of one document; ids and links are given out in text order."""

    def __init__(self, document: WordDocument) -> None:
        self.document = document
        self.links: dict[str, str] = {}
        self.replies: dict[int, list[int]] = defaultdict(list)
        for comment in document.comments:
            self.replies[comment.parent].append(comment.number)
        self.kinds = {note.number: note.kind for note in document.notes}
        self.known = {comment.number for comment in document.comments}
        self.at = 0
        self.places = _Places(self.all_paragraphs(), self.known)
        self.revisions = self.places.moves

    def all_paragraphs(self) -> Iterator[Paragraph]:
        """Every paragraph of the text and its notes, in the order they are written."""
        yield from paragraphs(self.document.blocks)
        for kind in ("footnote", "endnote"):
            for note in self.document.notes:
                if note.kind == kind:
                    yield from paragraphs(note.blocks)

    def main(self) -> Element:
        top = root("document")
        body = add(top, "body")
        self.blocks(body, self.document.blocks)
        section = add(body, "sectPr")
        add(section, "pgSz", w="11906", h="16838")
        sides = dict.fromkeys(("top", "right", "bottom", "left"), "1440")
        add(section, "pgMar", **sides, header="708", footer="708", gutter="0")
        if self.document.rtl:
            add(section, "bidi")
        return top

    def notes(self, kind: str, chosen: Iterable[Note]) -> Element:
        top = root(f"{kind}s")
        for number, name in ((-1, "separator"), (0, "continuationSeparator")):
            note = add(top, kind, type=name, id=str(number))
            add(add(add(note, "p"), "r"), name)
        for each in chosen:
            note = add(top, kind, id=str(each.number))
            self.blocks(note, each.blocks)
            _lead(note, f"{kind}Ref", f"{kind.capitalize()}Reference")
        return top

    def comments(self) -> Element:
        top = root("comments")
        for comment in self.document.comments:
            self.comment(top, comment)
        return top

    def comment(self, top: Element, comment: WordComment) -> None:
        element = _signed(top, "comment", comment.number, comment)
        if comment.initials:
            element.set(f"{{{W}}}initials", comment.initials)
        for text in comment.text.split("\n"):
            paragraph = add(element, "p")
            add(add(paragraph, "pPr"), "pStyle", val="CommentText")
            self.text(paragraph, TextRun(text))
        element[-1].set(f"{{{W14}}}paraId", f"{comment.number:08X}")
        _lead(element, "annotationRef", "CommentReference")

    def blocks(self, parent: Element, blocks: Iterable[Block]) -> None:
        last: Block | None = None
        for block in blocks:
            if isinstance(block, Paragraph):
                self.paragraph(parent, block)
            else:
                self.table(parent, block)
            last = block
        if not isinstance(last, Paragraph) and not parent.tag.endswith("}body"):
            add(parent, "p")

    def table(self, parent: Element, table: WordTable) -> None:
        element = add(parent, "tbl")
        properties = add(element, "tblPr")
        add(properties, "tblStyle", val="TableGrid")
        if self.document.rtl:
            add(properties, "bidiVisual")
        add(properties, "tblW", w="0", type="auto")
        grid = add(element, "tblGrid")
        columns = max(sum(cell.span for cell in row.cells) for row in table.rows)
        for _ in range(columns):
            add(grid, "gridCol", w=str(_WIDTH // columns))
        for row in table.rows:
            self.row(element, row)

    def row(self, table: Element, row: TableRow) -> None:
        element = add(table, "tr")
        if row.marks:
            properties = add(element, "trPr")
            add(properties, "cantSplit", val="off")
            for mark in row.marks:
                self.mark(properties, "ins" if mark.adds else "del", mark)
        for cell in row.cells:
            box = add(element, "tc")
            properties = add(box, "tcPr")
            if cell.span > 1:
                add(properties, "gridSpan", val=str(cell.span))
            if cell.merge:
                add(properties, "vMerge", val=cell.merge)
            for mark in cell.marks:
                self.mark(properties, "cellIns" if mark.adds else "cellDel", mark)
            self.blocks(box, cell.blocks)

    def paragraph(self, parent: Element, paragraph: Paragraph) -> None:
        element = add(parent, "p")
        if paragraph.style or paragraph.numbering or paragraph.end:
            self.properties(add(element, "pPr"), paragraph)
        place = _Place(self, element)
        for run in paragraph.runs:
            self.run(place, run)
            self.at += 1
        place.leave()
        self.open_moves(element)
        self.close_moves(parent)
        self.at += 1

    def properties(self, element: Element, paragraph: Paragraph) -> None:
        if paragraph.style:
            add(element, "pStyle", val=paragraph.style)
        if paragraph.numbering is not None:
            numbered = add(element, "numPr")
            add(numbered, "ilvl", val=str(paragraph.numbering[1]))
            add(numbered, "numId", val=str(paragraph.numbering[0]))
        if paragraph.end:
            look = add(element, "rPr")
            for mark in paragraph.end:
                self.mark(look, _TAGS[mark.kind], mark)

    def mark(self, parent: Element, tag: str, mark: Revision) -> Element:
        self.revisions += 1
        return _signed(parent, tag, self.revisions, mark)

    def run(self, place: "_Place", run: TextRun) -> None:
        point = not (run.text or run.note or run.field)
        outer = place.outer(run)
        starts, ends = self.places.starts.get(self.at, ()), self.places.ends.get(self.at, ())
        if starts or self.at in self.places.opens:
            place.unmark()
        for number in starts:
            for each in (number, *self.replies.get(number, ())):
                add(outer, "commentRangeStart", id=str(each))
        self.open_moves(outer)
        if not point:
            self.content(place.marked(run.marks), run)
        if ends or self.at in self.places.closes:
            place.unmark()
        self.close_moves(outer)
        for number in ends:
            self.end_comment(outer, number, place.marked(run.marks) if point else outer)

    def end_comment(self, outer: Element, number: int, holder: Element) -> None:
        thread = (number, *self.replies.get(number, ()))
        for each in thread:
            add(outer, "commentRangeEnd", id=str(each))
        for each in thread:
            run = add(holder, "r")
            add(add(run, "rPr"), "rStyle", val="CommentReference")
            add(run, "commentReference", id=str(each))

    def open_moves(self, parent: Element) -> None:
        for number, mark in self.places.opens.get(self.at, ()):
            _signed(parent, f"{_RANGES[mark.kind]}Start", number, mark, name=mark.move)

    def close_moves(self, parent: Element) -> None:
        for number, mark in self.places.closes.get(self.at, ()):
            add(parent, f"{_RANGES[mark.kind]}End", id=str(number))

    def link(self, target: str) -> tuple[str, str]:
        """The attribute that a hyperlink element needs, and its value."""
        if target.startswith("#"):
            return f"{{{W}}}anchor", target[1:]
        return f"{{{R}}}id", self.links.setdefault(target, f"rLink{len(self.links) + 1}")

    def content(self, parent: Element, run: TextRun) -> None:
        if run.note:
            kind = self.kinds.get(run.note, "footnote")
            element = add(parent, "r")
            add(_look(element, run.look), "rStyle", val=f"{kind.capitalize()}Reference")
            add(element, f"{kind}Reference", id=str(run.note))
        elif run.text:
            self.text(parent, run)

    def text(self, parent: Element, run: TextRun) -> None:
        element = add(parent, "r")
        if run.look:
            _look(element, run.look)
        gone = any(mark.kind == "delete" for mark in run.marks)
        for piece in _SPECIAL.split(run.text):
            if _SPECIAL.fullmatch(piece):
                name, kind = _ELEMENTS.get(piece, ("br", ""))
                special = add(element, name)
                if kind:
                    special.set(f"{{{W}}}type", kind)
            elif piece:
                words = add(element, "delText" if gone else "t")
                words.text = piece
                words.set(_SPACE, "preserve")


class _Place:
    """Where the next run of a paragraph goes: the link, field and marks that are open around it."""

    def __init__(self, writer: _Writer, paragraph: Element) -> None:
        self.writer = writer
        self.paragraph = paragraph
        self.around = ("", "")
        self.inside = paragraph
        self.last: tuple[Revision, ...] = ()
        self.open: list[tuple[Revision, Element]] = []

    def outer(self, run: TextRun) -> Element:
        """The paragraph, or the link in it that the run belongs to; marks stand inside of links (17.13.5, 17.16.22).

        A field begins in the marks of its first run and ends in those of its last.
        """
        link = run.link if run.link.startswith(LINKS) else ""
        if (link, run.field) != self.around:
            self.leave()
            self.around = link, run.field
            if link:
                self.inside = add(self.paragraph, "hyperlink")
                self.inside.set(*self.writer.link(link))
            if run.field:
                _begin_field(self.marked(run.marks), run.field)
        self.last = run.marks
        return self.inside

    def leave(self) -> None:
        """Close the field, the marks and the link."""
        if self.around[1]:
            add(add(self.marked(self.last), "r"), "fldChar", fldCharType="end")
        self.unmark()
        self.around = ("", "")
        self.inside = self.paragraph

    def marked(self, marks: tuple[Revision, ...]) -> Element:
        """The innermost of the elements for these marks; those that are open already stay open."""
        same = 0
        while same < min(len(marks), len(self.open)) and self.open[same][0] == marks[same]:
            same += 1
        del self.open[same:]
        for mark in marks[same:]:
            holder = self.open[-1][1] if self.open else self.inside
            self.open.append((mark, self.writer.mark(holder, _TAGS[mark.kind], mark)))
        return self.open[-1][1] if self.open else self.inside

    def unmark(self) -> None:
        """Close all marks."""
        self.open.clear()


class _Places:
    """Where comments and moves begin and end, by a count of runs and paragraph ends in the order of writing."""

    def __init__(self, paragraphs: Iterable[Paragraph], comments: set[int]) -> None:
        self.starts: dict[int, list[int]] = defaultdict(list)
        self.ends: dict[int, list[int]] = defaultdict(list)
        self.opens: dict[int, list[tuple[int, Revision]]] = defaultdict(list)
        self.closes: dict[int, list[tuple[int, Revision]]] = defaultdict(list)
        self.moves = 0
        self._commented: dict[int, tuple[int, int]] = {}
        self._moving: dict[Revision, tuple[int, int]] = {}
        at = 0
        for paragraph in paragraphs:
            for run in paragraph.runs:
                self._see(at, run.comments)
                if run.marks or run.text:
                    self._move(at, run.marks)
                at += 1
            self._move(at, paragraph.end)
            at += 1
        self._move(at, ())
        for number, (first, last) in self._commented.items():
            if number in comments:
                self.starts[first].append(number)
                self.ends[last].append(number)

    def _see(self, at: int, comments: tuple[int, ...]) -> None:
        for number in comments:
            self._commented[number] = (self._commented.get(number, (at, at))[0], at)

    def _move(self, at: int, marks: tuple[Revision, ...]) -> None:
        now = {mark for mark in marks if mark.move}
        for mark in [mark for mark in self._moving if mark not in now]:
            self._close(mark)
        for mark in marks:
            if mark in now:
                self._moving[mark] = (self._moving.get(mark, (at, at))[0], at)

    def _close(self, mark: Revision) -> None:
        first, last = self._moving.pop(mark)
        self.moves += 1
        self.opens[first].append((self.moves, mark))
        self.closes[last].append((self.moves, mark))


def _signed(parent: Element, name: str, number: int, by: Revision | WordComment, /, **more: str) -> Element:
    """A new last child with the author and time of what it stands for."""
    element = add(parent, name, id=str(number), author=by.author, **more)
    if by.date is not None:
        element.set(f"{{{W}}}date", stamp(by.date))
    return element


def _look(run: Element, look: Iterable[str]) -> Element:
    """The properties of a run, in the order of the schema (17.3.2.28)."""
    properties = add(run, "rPr")
    chosen = set(look)
    for name, meaning in LOOKS.items():
        if meaning in chosen:
            add(properties, name, **({"val": "single"} if name == "u" else {}))
    for side in sorted(chosen & {"super", "sub"}):
        add(properties, "vertAlign", val=f"{side}script")
    return properties


def _lead(parent: Element, name: str, style: str) -> None:
    """The sign of a note or comment before its own text."""
    paragraph = parent[-1] if name == "annotationRef" else parent[0]
    if not paragraph.tag.endswith("}p"):
        return
    run = etree.Element(f"{{{W}}}r")
    add(add(run, "rPr"), "rStyle", val=style)
    add(run, name)
    first = 1 if len(paragraph) and paragraph[0].tag.endswith("}pPr") else 0
    paragraph.insert(first, run)
    if name != "annotationRef":
        space = etree.Element(f"{{{W}}}r")
        blank = add(space, "t")
        blank.text = " "
        blank.set(_SPACE, "preserve")
        paragraph.insert(first + 1, space)


def _begin_field(parent: Element, code: str) -> None:
    add(add(parent, "r"), "fldChar", fldCharType="begin")
    words = add(add(parent, "r"), "instrText")
    words.text = code
    words.set(_SPACE, "preserve")
    add(add(parent, "r"), "fldChar", fldCharType="separate")
