"""What stands inside the paragraphs of a Word file, as runs: revisions, comment ranges, fields, notes, links."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias, cast

from tocsin.interface.word import (
    DEEPEST,
    FIELDS,
    LINKS,
    LOOKS,
    RANGES,
    STRICT_R,
    TRACKED,
    Block,
    Element,
    Kind,
    R,
    Revision,
    TextRun,
    WordComment,
    attribute,
    child,
    local,
    on,
    tidy,
)
from tocsin.node.errors import InputError

ReadBlocks: TypeAlias = Callable[[Element, tuple[Revision, ...]], Iterator[Block]]
NoteCall: TypeAlias = tuple[Literal["footnote", "endnote"], str]

_MARKS_LIMIT = 16
_OPEN_LIMIT = 100
_CHARACTERS = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "\u2011", "softHyphen": "\u00ad"}
_BREAKS = {"page": "\f", "column": "\v"}
_PASSED = frozenset(
    ["sdt", "sdtContent", "smartTag", "customXml", "dir", "bdo", "ruby", "rubyBase", "m:oMath", "m:oMathPara"]
)
_PICTURES = frozenset({"drawing", "pict", "object"})
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_BLANKS = str.maketrans("\t\n\r", "   ")


class Inline:
    """Reads paragraphs one after the other; comments, moves and fields may run from one into the next.

    ``calls`` are the notes that were called, in order; their numbers count from 1.
    """

    def __init__(
        self, comments: dict[str, WordComment], links: dict[str, str], blocks: ReadBlocks, warnings: Counter[str]
    ) -> None:
        self.calls: list[NoteCall] = []
        self._called: dict[NoteCall, int] = {}
        self._comments = comments
        self._links = links
        self._blocks = blocks
        self._warnings = warnings
        self._open: dict[int, None] = {}
        self._here: tuple[int, ...] = ()
        self._anchored: set[int] = set()
        self._ended: set[int] = set()
        self._moves: dict[str, dict[str, str]] = {"move_from": {}, "move_to": {}}
        self._closed: dict[str, str] = {}
        self._fields: list[_Field] = []
        self._depth = 0
        self._after_sign = False
        self._out: list[TextRun] = []
        self._boxes: list[Block] = []

    def runs(self, paragraph: Element, marks: tuple[Revision, ...]) -> tuple[tuple[TextRun, ...], list[Block]]:
        """The runs of a paragraph, and the blocks of text boxes in it."""
        outer = self._out, self._boxes
        self._out, self._boxes = [], []
        self._closed = {}
        self._content(paragraph, marks, "")
        runs, boxes = tidy(self._out), self._boxes
        self._out, self._boxes = outer
        return runs, boxes

    def end_story(self) -> None:
        """The body, a note or a comment is over: what is still open in it ends."""
        if self._fields:
            self._warnings["a field is not closed; text behind it may be missing"] += 1
        self._fields.clear()
        for number in list(self._open):
            self._end_comment(number)
        self._here = ()

    def marked(self, element: Element, marks: tuple[Revision, ...]) -> tuple[Revision, ...]:
        """The marks around, and the one that this element sets."""
        if len(marks) >= _MARKS_LIMIT:
            raise InputError(
                f"Changes are nested more than {_MARKS_LIMIT} deep.", hint="The file may be made to do harm."
            )
        kind = cast("Kind", TRACKED[local(element)])
        return (*marks, Revision(kind, attribute(element, "author"), on(attribute(element, "date")), self._move(kind)))

    def range(self, element: Element, name: str) -> None:
        """Note that a comment's or a move's range starts or ends here."""
        identity = attribute(element, "id")
        if name.startswith("comment"):
            self._comment_range(identity, name.endswith("Start"))
            return
        kind = "move_from" if name.startswith("moveFrom") else "move_to"
        if name.endswith("Start"):
            self._moves[kind][identity] = attribute(element, "name")
        else:
            self._closed[kind] = self._moves[kind].pop(identity, "")

    def _move(self, kind: str) -> str:
        """The name of the move whose range is open; an end of paragraph may come just after its range."""
        named = self._moves.get(kind, {})
        return next(reversed(named.values()), self._closed.get(kind, ""))

    def _comment_range(self, identity: str, start: bool) -> None:
        comment = self._comments.get(identity)
        if comment is None or comment.parent:
            return
        if not start:
            self._end_comment(comment.number)
        elif comment.number not in self._ended:
            self._open[comment.number] = None
        if len(self._open) > _OPEN_LIMIT:
            raise InputError(f"More than {_OPEN_LIMIT} comments are on one place.", hint="Remove some of them.")
        self._here = tuple(sorted(self._open))

    def _end_comment(self, number: int) -> None:
        """A comment has one range: what a damaged file marks later is not its."""
        if self._open.pop(number, 0) is None:
            self._ended.add(number)

    def _content(self, parent: Element, marks: tuple[Revision, ...], link: str) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InputError("The text is nested deeper than any document is.", hint="The file may be made to do harm.")
        for element in parent:
            self._item(element, local(element), marks, link)
        self._depth -= 1

    def _item(self, element: Element, name: str, marks: tuple[Revision, ...], link: str) -> None:
        if name in {"r", "m:r"}:
            self._run(element, marks, link)
        elif name in TRACKED:
            self._content(element, self.marked(element, marks), link)
        elif name in RANGES:
            self.range(element, name)
        elif name == "hyperlink":
            self._content(element, marks, self._target(element) or link)
        elif name == "fldSimple":
            self._begin_field()
            self._fields[-1].code = attribute(element, "instr")
            self._fields[-1].begin_result()
            self._content(element, marks, link)
            self._end_field(marks, link)
        elif name == "mc:AlternateContent":
            chosen = next(iter(element), None)
            if chosen is not None:
                self._content(chosen, marks, link)
        elif name in _PASSED or (name.startswith("m:") and not name.endswith("Pr")):
            self._content(element, marks, link)

    def _run(self, element: Element, marks: tuple[Revision, ...], link: str) -> None:
        properties = child(element, "rPr")
        look = frozenset[str]() if properties is None else _look(properties)
        if properties is not None and child(properties, "rPrChange") is not None:
            self._warnings["changes of character formatting are not kept"] += 1
        for part in element:
            self._part(part, local(part), marks, link, look)

    def _part(self, part: Element, name: str, marks: tuple[Revision, ...], link: str, look: frozenset[str]) -> None:
        text = _text(part, name)
        if text:
            self._say(text, marks, link, look)
        elif name in {"instrText", "delInstrText", "fldChar"}:
            self._field_part(part, name, marks, link)
        elif name in {"footnoteReference", "endnoteReference"}:
            self._call_note(part, cast('Literal["footnote", "endnote"]', name[:-9]), marks, look)
        elif name == "commentReference":
            self._refer(attribute(part, "id"), marks)
        elif name in {"footnoteRef", "endnoteRef"}:
            self._after_sign = True
        elif name in _PICTURES:
            self._picture(part, marks)
        elif name == "mc:AlternateContent":
            for inner in next(iter(part), ()):
                self._part(inner, local(inner), marks, link, look)
        elif name == "ruby":
            self._content(part, marks, link)

    def _say(self, text: str, marks: tuple[Revision, ...], link: str, look: frozenset[str]) -> None:
        if self._after_sign:
            text, self._after_sign = text.removeprefix(" "), False
        if not text or any(not field.result for field in self._fields):
            return
        self._emit(TextRun(text, marks, self._here, look, link or self._field_link(), self._field_code()))

    def _emit(self, run: TextRun) -> None:
        self._anchored.update(run.comments)
        self._out.append(run)

    def _field_code(self) -> str:
        return next((field.kept for field in reversed(self._fields) if field.kept), "")

    def _field_link(self) -> str:
        return next((field.link for field in reversed(self._fields) if field.link), "")

    def _field_part(self, part: Element, name: str, marks: tuple[Revision, ...], link: str) -> None:
        edge = attribute(part, "fldCharType")
        if name != "fldChar":
            if self._fields and not self._fields[-1].result:
                self._fields[-1].code += (part.text or "")[:1000]
        elif edge == "begin":
            self._begin_field()
        elif edge == "separate" and self._fields:
            self._fields[-1].begin_result()
        elif edge == "end" and self._fields:
            self._end_field(marks, link)

    def _begin_field(self) -> None:
        if len(self._fields) >= 50:
            raise InputError("Fields are nested deeper than in any document.", hint="The file is damaged.")
        self._fields.append(_Field())

    def _end_field(self, marks: tuple[Revision, ...], link: str) -> None:
        field = self._fields.pop()
        if not field.result:
            field.begin_result()
        if not field.kept and not field.link:
            self._warnings["fields were kept as their text only"] += 1
        elif field.kept and not (self._out and self._out[-1].field == field.kept):
            self._emit(TextRun("", marks, self._here, link=link, field=field.kept))

    def _call_note(
        self,
        part: Element,
        kind: Literal["footnote", "endnote"],
        marks: tuple[Revision, ...],
        look: frozenset[str],
    ) -> None:
        call = kind, attribute(part, "id")
        number = self._called.setdefault(call, len(self.calls) + 1)
        if number > len(self.calls):
            self.calls.append(call)
        self._emit(TextRun("", marks, self._here, look - {"super"}, note=number))

    def _refer(self, identity: str, marks: tuple[Revision, ...]) -> None:
        """A comment's own mark comes after its range; when nothing was in the range the comment is anchored here."""
        comment = self._comments.get(identity)
        if comment is not None and not comment.parent and comment.number not in self._anchored:
            self._emit(TextRun("", marks, tuple(sorted({*self._here, comment.number}))))
            self._ended.add(comment.number)

    def _target(self, element: Element) -> str:
        anchor = attribute(element, "anchor")
        identity = element.get(f"{{{R}}}id") or element.get(f"{{{STRICT_R}}}id") or ""
        target = self._links.get(identity, "")
        target = f"{target}#{anchor}" if anchor else target
        return self._safe(target)

    def _safe(self, link: str) -> str:
        if link and not link.startswith(LINKS):
            self._warnings["links to other places than web and mail were left out"] += 1
            return ""
        return link

    def _picture(self, part: Element, marks: tuple[Revision, ...]) -> None:
        boxes = list(_boxes(part))
        for box in boxes:
            self._boxes.extend(self._blocks(box, marks))
            self._warnings["text boxes became paragraphs"] += 1
        if not boxes:
            self._warnings["pictures and objects were left out"] += 1


class _Field:
    """A field that is open: its instruction so far; once its result begins, what of the instruction is kept."""

    def __init__(self) -> None:
        self.code = ""
        self.result = False
        self.kept = ""
        self.link = ""

    def begin_result(self) -> None:
        self.result = True
        words = self.code[:1000].split()
        if words and words[0].upper() in FIELDS:
            self.kept = " ".join(words)
        elif len(words) > 1 and words[0].upper() == "HYPERLINK":
            target = f"#{words[2]}" if words[1] == "\\l" and len(words) > 2 else words[1]
            target = target.replace('"', "")
            self.link = target if target.startswith(LINKS) else ""


def _boxes(part: Element) -> Iterator[Element]:
    """The outermost text boxes in a picture; what stands in for one in older programs is the same text again."""
    waiting = [part]
    while waiting:
        element = waiting.pop()
        name = local(element)
        if name == "txbxContent":
            yield element
        elif name != "mc:Fallback":
            waiting.extend(reversed(element))


def _look(properties: Element) -> frozenset[str]:
    found = set()
    for element in properties:
        name, value = local(element), attribute(element, "val")
        if name in LOOKS and value not in {"0", "false", "none", "off"}:
            found.add(LOOKS[name])
        elif name == "vertAlign" and value in {"superscript", "subscript"}:
            found.add(value.removesuffix("script"))
    return frozenset(found)


def _text(part: Element, name: str) -> str:
    """The characters that a part of a run stands for."""
    if name in {"t", "delText", "m:t"}:
        return _characters(part)
    if name == "br":
        return _BREAKS.get(attribute(part, "type"), "\n")
    return _symbol(part) if name == "sym" else _CHARACTERS.get(name, "")


def _characters(part: Element) -> str:
    """The characters of a text element; white space at its ends counts only where the file says so (XML 1.0, 2.10)."""
    text = (part.text or "").translate(_BLANKS)
    if text[:1] != " " and text[-1:] != " ":
        return text
    element: Element | None = part
    while element is not None:
        space = element.get(_XML_SPACE)
        if space is not None:
            return text if space == "preserve" else text.strip(" ")
        element = element.getparent()
    return text.strip(" ")


def _symbol(part: Element) -> str:
    try:
        code = int(attribute(part, "char"), 16)
    except ValueError:
        return "\ufffd"
    return chr(code) if 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE else "\ufffd"
