"""Word files in: the text with every tracked change, comment, reply and note, each under its author and time.

The vocabulary is ECMA-376 part 1 (transitional and strict); replies to comments are in MS-DOCX 2.5.4.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from tocsin.drafting.word.inline import Inline
from tocsin.drafting.word.lists import place_of, with_lists
from tocsin.drafting.word.package import Package
from tocsin.interface.word import (
    DEEPEST,
    RANGES,
    TRACKED,
    W14,
    W15,
    Block,
    Cell,
    Element,
    Note,
    Paragraph,
    Revision,
    TableRow,
    WordComment,
    WordDocument,
    WordTable,
    accepted,
    attribute,
    child,
    children,
    lines,
    local,
    numbered,
    on,
    value,
    whole,
)
from tocsin.node.errors import InputError

_MACROS = "macroenabled"


def read_docx(source: Path | bytes) -> WordDocument:
    """The document in a .docx file, changes numbered; what is not kept is named in its ``warnings``.

    Raises InputError for anything that is not a sound .docx file, and for one that carries macros, declarations, paths
    out of the archive, or more than any document has. Nothing is fetched, no program in it is run.
    """
    with Package(source) as package:
        main = _main_part(package)
        root = package.part(main)
        body = None if root is None else child(root, "body")
        if body is None:
            raise InputError(
                "This is not a Word document: it has no text part.", hint="Save it as .docx and try again."
            )
        return _WordReader(package, main).document(body)


def _main_part(package: Package) -> str:
    types = package.part("[Content_Types].xml")
    for entry in () if types is None else types.iterchildren("{*}Override", "{*}Default"):
        if _MACROS in entry.get("ContentType", "").lower():
            raise InputError(
                "The file is of a kind that carries programs (macros).",
                hint="Save it as an ordinary .docx, which has none, and use that.",
            )
    return _target(package.related(""), "officeDocument") or "word/document.xml"


def _target(relations: Mapping[str, tuple[str, str, bool]], kind: str) -> str:
    """The part inside the file that is related so; empty when there is none."""
    return next((target for found, target, outside in relations.values() if found == kind and not outside), "")


class _WordReader:
    """Passes over the parts of one file once."""

    def __init__(self, package: Package, main: str) -> None:
        self.package = package
        self.relations = package.related(main)
        self.warnings: Counter[str] = Counter()
        self.depth = 0
        self.comments = self._comments()
        links = {name: target for name, (kind, target, _) in self.relations.items() if kind == "hyperlink"}
        self.inline = Inline(self.comments, links, self.blocks, self.warnings)

    def document(self, body: Element) -> WordDocument:
        blocks = tuple(self.blocks(body, ()))
        self.inline.end_story()
        notes = self._notes()
        document = WordDocument(
            blocks=blocks or (Paragraph(),),
            comments=tuple(self.comments.values()),
            notes=notes,
            title=self._title(),
            warnings=tuple(f"{text} ({count})" for text, count in sorted(self.warnings.items()) if count),
        )
        return numbered(with_lists(document, self._related("numbering"), self._related("styles")))

    def blocks(self, parent: Element, marks: tuple[Revision, ...]) -> Iterator[Block]:
        """Every paragraph and table of a container, ``marks`` added to all of it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError("The text is nested deeper than any document is.", hint="The file may be made to do harm.")
        for element in parent:
            name = local(element)
            if name == "p":
                yield from self._paragraph(element, marks)
            elif name == "tbl":
                yield from self._table(element, marks)
            elif name in TRACKED:
                yield from self.blocks(element, self.inline.marked(element, marks))
            elif name in {"sdt", "sdtContent", "customXml"}:
                yield from self.blocks(element, marks)
            elif name == "mc:AlternateContent":
                yield from self.blocks(next(iter(element), element), marks)
            elif name in RANGES:
                self.inline.range(element, name)
            else:
                self.warnings["text kept in another file was not read"] += name in {"altChunk", "subDoc"}
        self.depth -= 1

    def _paragraph(self, element: Element, marks: tuple[Revision, ...]) -> Iterator[Block]:
        runs, boxed = self.inline.runs(element, marks)
        properties = child(element, "pPr")
        if properties is None:
            yield Paragraph(runs, marks)
        else:
            yield Paragraph(runs, self._end(properties, marks), value(properties, "pStyle"), place_of(properties))
        yield from boxed

    def _end(self, properties: Element, marks: tuple[Revision, ...]) -> tuple[Revision, ...]:
        """The marks on the paragraph's end: after its runs, so that a move that ends with them is still known."""
        self.warnings["changes of paragraph formatting are not kept"] += child(properties, "pPrChange") is not None
        look = child(properties, "rPr")
        for mark in () if look is None else look:
            if local(mark) in TRACKED:
                marks = self.inline.marked(mark, marks)
        return marks

    def _table(self, element: Element, marks: tuple[Revision, ...]) -> Iterator[Block]:
        rows = tuple(self._rows(element, marks))
        if rows:
            yield WordTable(rows)

    def _rows(self, element: Element, marks: tuple[Revision, ...]) -> Iterator[TableRow]:
        for row in element:
            name = local(row)
            if name in {"sdt", "sdtContent", "customXml"}:
                yield from self._rows(row, marks)
            elif name in TRACKED:
                yield from self._rows(row, self.inline.marked(row, marks))
            elif name in RANGES:
                self.inline.range(row, name)
            elif name == "tr":
                cells = tuple(self._cells(row))
                if cells:
                    yield TableRow(cells, self._property_marks(row, "trPr", marks))

    def _cells(self, row: Element) -> Iterator[Cell]:
        for cell in row:
            name = local(cell)
            if name in {"sdt", "sdtContent", "customXml"}:
                yield from self._cells(cell)
            elif name in RANGES:
                self.inline.range(cell, name)
            elif name == "tc":
                properties = child(cell, "tcPr")
                span, merge = 1, ""
                if properties is not None:
                    span = min(max(whole(value(properties, "gridSpan"), 1), 1), 63)
                    vertical = child(properties, "vMerge")
                    merge = "" if vertical is None else attribute(vertical, "val") or "continue"
                yield Cell(
                    blocks=tuple(self.blocks(cell, ())) or (Paragraph(),),
                    marks=self._property_marks(cell, "tcPr", ()),
                    span=span,
                    merge=cast('Literal["", "restart", "continue"]', merge if merge in {"restart", "continue"} else ""),
                )

    def _property_marks(self, element: Element, name: str, marks: tuple[Revision, ...]) -> tuple[Revision, ...]:
        properties = child(element, name)
        for mark in () if properties is None else properties:
            if local(mark) in {"ins", "del", "cellIns", "cellDel"}:
                marks = self.inline.marked(mark, marks)
        return marks

    def _related(self, kind: str) -> Element | None:
        target = _target(self.relations, kind)
        return self.package.part(target) if target else None

    def _comments(self) -> dict[str, WordComment]:
        """Comments by the file's own id, numbered from 1 in the order of the part."""
        root = self._related("comments")
        inline = Inline({}, {}, self.blocks, self.warnings)
        self.inline = inline
        found: dict[str, WordComment] = {}
        places: dict[str, int] = {}
        for number, element in enumerate(() if root is None else children(root, "comment"), 1):
            blocks = list(self.blocks(element, ()))
            inline.end_story()
            text = "\n".join(lines(accepted(WordDocument(tuple(blocks)))))
            for paragraph in children(element, "p"):
                place = paragraph.get(f"{{{W14}}}paraId", "").upper()
                if place:
                    places[place] = number
            identity = attribute(element, "id")
            if identity in found:
                raise InputError(f"Two comments have the number {identity!r}.", hint="The file is damaged.")
            found[identity] = WordComment(
                number=number,
                author=attribute(element, "author"),
                text=text,
                date=on(attribute(element, "date")),
                initials=attribute(element, "initials"),
            )
        return _threads(found, places, self._related("commentsExtended"))

    def _notes(self) -> tuple[Note, ...]:
        """The notes that the text calls, and those that they call, in order of the first call."""
        parts: dict[str, dict[str, Element]] = {}
        for kind in ("footnote", "endnote"):
            root = self._related(f"{kind}s")
            parts[kind] = {} if root is None else {attribute(note, "id"): note for note in children(root, kind)}
        notes: list[Note] = []
        while len(notes) < len(self.inline.calls):
            kind, identity = self.inline.calls[len(notes)]
            element = parts[kind].get(identity)
            blocks = () if element is None else tuple(self.blocks(element, ()))
            self.inline.end_story()
            notes.append(Note(len(notes) + 1, kind, blocks or (Paragraph(),)))
        return tuple(notes)

    def _title(self) -> str:
        root = self.package.part(_target(self.package.related(""), "core-properties"))
        title = None if root is None else root.find("{http://purl.org/dc/elements/1.1/}title")
        return "" if title is None else (title.text or "").strip()


def _threads(
    comments: dict[str, WordComment], places: dict[str, int], extended: Element | None
) -> dict[str, WordComment]:
    """The comments with parents and whether they are resolved; a ring of replies is cut."""
    parents: dict[int, int] = {}
    resolved: set[int] = set()
    for entry in () if extended is None else extended.iterchildren(f"{{{W15}}}commentEx"):
        number = places.get(entry.get(f"{{{W15}}}paraId", "").upper(), 0)
        above = places.get(entry.get(f"{{{W15}}}paraIdParent", "").upper(), 0)
        if number and above:
            parents[number] = above
        if entry.get(f"{{{W15}}}done") in {"1", "true", "on"}:
            resolved.add(number)
    return {
        identity: replace(
            comment,
            parent=_rootward(comment.number, parents),
            resolved=comment.number in resolved,
        )
        for identity, comment in comments.items()
    }


def _rootward(number: int, parents: dict[int, int]) -> int:
    """The comment at the head of the thread; threads are flat, as Word shows them."""
    seen = {number}
    while number in parents:
        number = parents[number]
        if number in seen:
            return 0
        seen.add(number)
    return number if len(seen) > 1 else 0
