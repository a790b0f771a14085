"""Where in a text a report stands that is no whole file: JSON behind words, pieces of it, rows, lines, elements.

All of it only says where; whoever asks decides what stands there instead. Each pattern and walk takes time in
proportion to the text.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tocsin.events.redaction.classes import ClassTable, carries, classifies, is_place, refers
from tocsin.events.redaction.letters import is_block, without_comments

_BEGIN: Final = re.compile(r'[\[{](?=\s{0,400}["{\[\'\]}\w])')
_BRACE: Final = re.compile(r"[{}\[\]]")
_VALUE: Final = r"""(?:"([^"\n]{1,2000})(?:"|\Z)|'([^'\n]{1,2000})(?:'|\Z))"""
_PAIR: Final = re.compile(
    r"""["']?(?<![\w.@-])([^\W\d][\w.@ -]{0,60}?)["']?\s{0,80}[:=]\s{0,80}[\[({]?\s{0,80}"""
    rf"{_VALUE}"
)
_QUOTED_PAIR: Final = re.compile(rf"""["']([\w.@-]{{1,60}})["']\s{{0,80}}:\s{{0,80}}\[?\s{{0,80}}{_VALUE}""")
_XARF: Final = re.compile(r"""["']xarf_?version["']\s{0,80}:|["']reporterinfo["']\s{0,80}:""", re.IGNORECASE)
_CONTENT: Final = re.compile(r"""["'](?:payload|evidence|data|samples|attachment)["']\s{0,80}:""", re.IGNORECASE)
_WORD_PAIR: Final = re.compile(
    r"""(?<![\w.@-])([^\W\d][\w.@-]{1,60})[=:]("[^"\n]{0,2000}"|'[^'\n]{0,2000}'|[^\s"']\S{0,2000})"""
)
_LINE_PAIR: Final = re.compile(
    r"[ \t>*-]{0,40}\**([^\W\d][\w. @-]{0,60}?)\**[ \t]{0,40}[:=]\**[ \t]{0,40}(\S.{0,4000})?$"
)
_ITEM: Final = re.compile(r"[ \t]{1,40}-?[ \t]{0,8}\S")
_TAG: Final = re.compile(r"<(?:(/?)([A-Za-z_][\w:.-]{0,80})([^<>]{0,4000})|[!?][^<>]*)>([^<>]{0,400})")
_INLINE: Final = frozenset(
    "a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt"
    " u var wbr".split()
)
"""Elements of HTML that stand in words; others do where words stand beside them."""
_UNSEEN: Final = frozenset({"script", "style", "template"})
_MOST_WORDS: Final = 400
_APART: Final = "\x1c"  # between blocks
_ATTRIBUTE: Final = re.compile(r"""([\w:.-]{1,60})\s{0,8}=\s{0,8}(?:"([^"]{0,2000})"|'([^']{0,2000})')""")
_OF_XML: Final = ("xmlns", "xsi", "href")
_HEAD: Final = 2_000
_LOOSE: Final = 20  # elements that may be left open
_DELIMITERS: Final = ",;\t|"
_FAILED: Final = 4  # times the text: letters of failed attempts at JSON; what stands behind is looked at as a piece
_MOST_FAILED: Final = 2_000  # attempts: each error counts the lines before it
_ABOVE: Final = 30  # lines in which the head of a table is looked for, beside the first
_LONGEST_BLOCK: Final = 400  # lines


@dataclass(frozen=True)
class TextSpan:
    """A report in a text. ``class_name``: empty where nobody can say it, of X-ARF that cannot be read."""

    start: int
    end: int
    class_name: str


def json_values(text: str) -> Iterator[tuple[int, int, Any]]:
    """Each JSON value in a text that is an object or array, the outermost, with its beginning and end.

    An object in which a name stands twice has both values, as readers differ in which of these they see.
    """
    decoder, at, left = json.JSONDecoder(object_pairs_hook=_merged, strict=False), 0, _FAILED * len(text) + (1 << 16)
    failed = 0
    while left > 0 and failed < _MOST_FAILED and (found := _BEGIN.search(text, at)):
        start = found.start()
        try:
            value, at = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            at, left, failed = start + 1, left - (error.pos - start) - 16, failed + 1
        except RecursionError:
            at, left = start + 1, left - (len(text) - start)
        else:
            yield start, at, value


def masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with blanks where the spans are."""
    out, at = [], 0
    for start, end in spans:
        if end > at:
            start = max(start, at)  # noqa: PLW2901 (spans may lie over each other)
            out += [text[at:start], " " * (end - start)]
            at = end
    return "".join((*out, text[at:]))


def fragments(text: str, classes: ClassTable, values: Sequence[tuple[int, int]] = ()) -> Iterator[TextSpan]:
    """Pieces of JSON that cannot be read and name a class, or are of X-ARF with contents: with all that is in them.

    ``values``: what was read of the text already, which is no such piece by itself.
    """
    if not any(sign in text for sign in "{[:"):
        return
    rest = masked(text, values)
    marks = [(found.start(), class_name) for found, class_name in _naming(rest, classes)]
    marks += [(found.start(), "") for found in _XARF.finditer(rest)]
    if not marks:
        return
    end_of_last = 0
    for start, end in _outermost(rest, sorted({at for at, _ in marks})):
        if start < end_of_last:
            continue
        within = [name for at, name in marks if start <= at < end]
        braced = text[start] in "{["
        named, piece = next(filter(None, within), ""), (text if braced else rest)[start:end]
        if (named and _has_place(piece, _PAIR if braced else _QUOTED_PAIR)) or (
            not named and within and _CONTENT.search(piece)
        ):
            yield TextSpan(start, end, named)
            end_of_last = end


def _naming(text: str, classes: ClassTable) -> Iterator[tuple[re.Match[str], str]]:
    for found in _PAIR.finditer(text):
        if classifies(found[1]) and (named := classes.class_named(found[2] or found[3])):
            yield found, named


def _has_place(piece: str, pair: re.Pattern[str]) -> bool:
    if _CONTENT.search(piece):
        return True
    pairs = ((found[1], found[2] or found[3]) for found in pair.finditer(piece))
    return any(not refers(name) and not classifies(name) and carries(value) for name, value in pairs)


def _outermost(text: str, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """For places in a text, in order: the outermost braces around each that are not closed before it.

    Without one it begins with the text; without an end it ends with it.
    """
    opened: list[int] = []
    wanted, waiting = list(places)[::-1], list[tuple[int, int]]()  # the second: begin, how many were open before it
    for found in _BRACE.finditer(text):
        while wanted and wanted[-1] < found.start():
            _note(waiting, opened)
            wanted.pop()
        if found[0] in "{[":
            opened.append(found.start())
        elif opened:
            opened.pop()
            while waiting and waiting[-1][1] >= len(opened) + 1:
                yield waiting.pop()[0], found.end()
    for _ in wanted:
        _note(waiting, opened)
    for start, _ in waiting:
        yield start, len(text)


def _note(waiting: list[tuple[int, int]], opened: Sequence[int]) -> None:
    if not waiting:
        waiting.append((opened[0], 1) if opened else (0, 0))


def rows(text: str, classes: ClassTable) -> Iterator[TextSpan]:
    """Rows of a table of which a cell is the name of a class, and another one says where."""
    lines = text.splitlines(keepends=True)
    starts, odd, at, quotes = [], [], 0, 0
    for line in lines:
        starts.append(at)
        odd.append(quotes % 2)
        at += len(line)
        quotes += line.count('"')
    starts.append(at)
    odd.append(quotes % 2)
    done = 0
    for number, line in enumerate(lines):
        if number < done or not classes.hinted(line.encode("utf-8", "replace")):
            continue
        first, last = number, number + 1
        while first > max(done, number - _LONGEST_BLOCK) and odd[first]:
            first -= 1
        while last < min(len(lines), number + _LONGEST_BLOCK) and odd[last]:
            last += 1
        for begin, end in ((first, last), (number, number + 1)):
            record = text[starts[begin] : starts[end]]
            if named := _row_class(record, classes, [*lines[:1], *lines[max(0, begin - _ABOVE) : begin]]):
                yield TextSpan(starts[begin], starts[begin] + len(record.rstrip("\r\n")), named)
                done = end
                break


def _row_class(record: str, classes: ClassTable, above: Sequence[str]) -> str:
    """The class of a row; ``above``: lines of which the last with as many cells that are names may be its head."""
    for delimiter in _DELIMITERS:
        if delimiter not in record:
            continue
        cells = _cells(record, delimiter)
        if not any(map(classes.class_named, cells)):
            continue
        heads = (_cells(line, delimiter) for line in above[::-1] if delimiter in line)
        head = next((one for one in heads if len(one) == len(cells) and _is_head(one)), ())
        if named := row_class(cells, classes, head):
            return named
    return ""


def _is_head(cells: Sequence[str]) -> bool:
    return not any(map(is_place, cells)) and any(classifies(cell) or refers(cell) for cell in cells)


def row_class(cells: Sequence[str], classes: ClassTable, header: Sequence[str] = ()) -> str:
    """The class of a row: a cell is its name, or names it below a head that says what a row is; another is a place."""
    named, places = "", 0
    for number, cell in enumerate(cells):
        head = header[number] if header else ""
        if found := classes.class_named(cell, whole=not (head and classifies(head))):
            named = named or found
        elif is_place(cell) and not (head and refers(head)):
            places += 1
    return named if places else ""


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        read = list(csv.reader([record], delimiter=delimiter)) if "\n" not in record.rstrip("\r\n") else None
        return [
            cell.strip()
            for row in (read or csv.reader(record.splitlines(keepends=True), delimiter=delimiter))
            for cell in row
        ]
    except csv.Error:
        return [cell.strip(" \"'\r\n") for cell in record.split(delimiter)]


def lines(text: str, classes: ClassTable) -> Iterator[TextSpan]:
    """Lines of ``name=value`` that name a class and a place, and blocks of lines ``Name: value`` that do."""
    at, block = 0, list[tuple[int, int, str, str]]()
    for line in text.splitlines(keepends=True):
        end = at + len(line.rstrip("\r\n"))
        if line.count("=") + line.count(":") > 1 and classes.hinted(line.encode("utf-8", "replace")):
            pairs = [(found[1], found[2].strip("\"',;")) for found in _WORD_PAIR.finditer(line)]
            if named := _pairs_class(pairs, classes):
                yield TextSpan(at, end, named)
                block, at = [], at + len(line)
                continue
        pair = _LINE_PAIR.match(line.rstrip("\r\n"))
        if pair:
            block.append((at, end, pair[1], (pair[2] or "").strip(" \"',;*")))
        elif block and _ITEM.match(line):  # goes on
            start, _, name, value = block[-1]
            block[-1] = (start, end, name, f"{value} {line.strip(' -')}"[:4_000].strip())
        elif line.strip():
            yield from _block(block, classes)
            block = []
        at += len(line)
    yield from _block(block, classes)


def _block(block: Sequence[tuple[int, int, str, str]], classes: ClassTable) -> Iterator[TextSpan]:
    if named := _pairs_class([(name, value) for _, _, name, value in block], classes):
        yield TextSpan(block[0][0], block[-1][1], named)


def _pairs_class(pairs: Sequence[tuple[str, str]], classes: ClassTable) -> str:
    named = ""
    for name, value in pairs:
        if classifies(name):
            named = named or classes.class_named(value)
    if not named:
        return ""
    return named if any(is_place(value) and not refers(name) for name, value in pairs) else ""


@dataclass
class _Element:
    """An element that is open. ``named``: the class that it, or one in it, names; ``levels``: how far that rises.

    ``keys``: under which names its words stand. ``words``: those of it and of what is in it, as far as they may name a
    class; ``own``: whether some stand in it itself.
    """

    name: str
    start: int
    keys: tuple[str, ...] = ()
    words: str = ""
    own: bool = False
    named: str = ""
    placed: bool = False
    levels: int = 0

    def say(self, words: str) -> None:
        """Add words that stand in it itself."""
        self.own = self.own or bool(words.strip())
        self.words = (self.words + words)[:_MOST_WORDS]

    def take(self, inner: "_Element") -> None:
        """Add what an element in it says."""
        if inner.named and inner.levels and not self.named:
            self.named, self.levels = inner.named, inner.levels - 1
        self.placed = self.placed or inner.placed
        self.own = self.own or (inner.own and inner.name.lower() in _INLINE)
        if inner.name.lower() in _UNSEEN:
            return
        apart = _APART if is_block(inner.name) else ""
        self.words = (self.words + apart + inner.words + apart)[:_MOST_WORDS]


def elements(text: str, classes: ClassTable) -> Iterator[TextSpan]:
    """Elements of XML that say, in an attribute or element, that they are of a class, with what says where."""
    head = text[:_HEAD].lower()
    if ("</" not in text and "/>" not in text) or "<html" in head or "<!doctype html" in head:
        return
    levels = 1 if "<rss" in head or "<feed" in head else 2
    text = text.replace("<![CDATA[", " " * 9).replace("]]>", " " * 3)
    text = without_comments(text, lambda length: f"<!{'-' * (length - 3)}>")
    opened: list[_Element] = []
    for found in _TAG.finditer(text):
        closing, name, attributes, words = found.groups()
        if name and not closing:
            opened.append(_element(_Element(name, found.start(), levels=levels), words.strip(), attributes, classes))
        if name and (not closing or any(one.name == name for one in opened[-_LOOSE:])):
            while opened and (closing or attributes.endswith("/")):
                last = opened.pop()
                yield from _closed(last, opened, found.end() - len(words), classes)
                if last.name == name:
                    break
        if opened:
            opened[-1].say(words)
    while opened:  # it is cut off
        yield from _closed(opened.pop(), opened, len(text), classes)


def _closed(last: _Element, opened: Sequence[_Element], end: int, classes: ClassTable) -> Iterator[TextSpan]:
    if last.own and not last.named and any(map(classifies, last.keys)):
        last.named = next(filter(None, map(classes.class_named, last.words.split(_APART))), "")
    if last.named and last.placed:
        yield TextSpan(last.start, end, last.named)
    elif opened:
        opened[-1].take(last)


def _element(made: _Element, words: str, attributes: str, classes: ClassTable) -> _Element:
    """The element with what it says by itself."""
    pairs = [(one[1], one[2] or one[3] or "") for one in _ATTRIBUTE.finditer(attributes)]
    made.keys = (made.name, *(value for key, value in pairs if key == "name"))
    said = [*pairs, *((key, words) for key in made.keys)]
    named = (classes.class_named(value) for key, value in said if value and classifies(key))
    made.named = next(filter(None, named), "")
    places = (value for key, value in said if value and not refers(key) and not key.startswith(_OF_XML))
    made.placed = any(map(is_place, places))
    return made


def _merged(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        for name, value in pairs:
            if made[name] is not value:
                made[name] = [value, made[name]]
    return made
