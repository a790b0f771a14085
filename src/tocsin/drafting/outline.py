"""Where sections, provisions, entries and comments begin in a compilation, decided line by line."""

import re
from collections import Counter
from dataclasses import dataclass, field

from tocsin.drafting.classify import odd_letters
from tocsin.drafting.lines import Header, Heading, Label, NewProposal, ParsedLine, label_at, trimmed
from tocsin.drafting.model import ImportNotice, SourceSpan, TextSection

_SUFFIXES = ("bis", "ter", "quater", "quinquies", "sexies", "septies", "octies")
# An entry speaks about at most so many of the provisions printed above it.
LONGEST_BLOCK = 60
_ONLY_AUTHOR = re.compile(r"[^:\n]{1,60}:$")


@dataclass(frozen=True)
class OpenPart:
    """Words of an entry on one line; a label begins an item."""

    span: SourceSpan
    label: Label | None = None


@dataclass
class OpenProvision:
    """A provision of the base whose lines are still coming."""

    id: str
    section: TextSection
    label: str
    parts: list[SourceSpan]


@dataclass
class OpenEntry:
    """An entry whose lines are still coming; ``block`` are the provisions of the base printed above it."""

    line: int
    section: TextSection
    header: Header
    block: list[OpenProvision]
    parts: list[OpenPart] = field(default_factory=list)
    new: bool = False
    number: int = 0


@dataclass
class OpenComment:
    """A comment whose words may still come on the next line."""

    line: int
    field_author: str | None
    spans: list[SourceSpan]
    entry: OpenEntry | None
    provision: str


class Outline:
    """The first pass over a compilation; ``take`` one line after the other, then read the lists."""

    def __init__(self) -> None:
        self.preamble: list[str] = []
        self.sections: list[TextSection] = []
        self.provisions: list[OpenProvision] = []
        self.entries: list[OpenEntry] = []
        self.comments: list[OpenComment] = []
        self.notices: list[ImportNotice] = []
        self.ids: Counter[str] = Counter()
        self._count: Counter[str] = Counter()
        self._prefixes: Counter[str] = Counter()
        self._labels: set[tuple[str, str]] = set()
        self._block: list[OpenProvision] = []
        self._block_open = False
        self._entry: OpenEntry | None = None
        self._waiting: OpenComment | None = None
        self._blanks = 0

    def note(self, line: int, message: str) -> None:
        """Say something about a line to the reader of the import."""
        self.notices.append(ImportNotice(line, message))

    def take(self, line: ParsedLine) -> None:
        """Read one line."""
        if line.blank:
            self._blanks += 1
            return
        what = line.what
        if isinstance(what, Heading):
            self._begin_section(line, what)
        elif isinstance(what, NewProposal):
            self._begin_entry(line, what.header, new=True)
        elif isinstance(what, Header):
            self._begin_entry(line, what, new=False)
        elif isinstance(what, Label) and self._is_base(what):
            self._begin_provision(line, what)
        else:
            self._continue(line)
        for remark in line.remarks:
            self._comment(line, remark.author, remark.span)
        self._blanks = 0

    def _begin_section(self, line: ParsedLine, heading: Heading) -> None:
        self._close()
        kind = _singular(heading.title)
        prefix = _prefix(heading.title, self._prefixes)
        span = SourceSpan(line.number, line.start, line.end)
        self.sections.append(TextSection(prefix, heading.number, heading.title, kind, span))

    def _begin_provision(self, line: ParsedLine, label: Label | None) -> None:
        section = self._section(line)
        if self._entry is not None or not self._block_open:
            self._block = []
        self._close(keep_block=True)
        self._count[section.id] += 1
        written = label.label if label else str(self._count[section.id])
        identity = counted_id(self.ids, f"{section.id}.{written}")
        if "#" in identity:
            self.note(line.number, f"The label {written}) is used again; this provision is {identity}.")
        start, end = trimmed(line.raw, label.end if label else line.start, line.end)
        provision = OpenProvision(
            identity, section, label.label if label else "", [SourceSpan(line.number, start, end)]
        )
        self.provisions.append(provision)
        self._labels.add((section.id, provision.label))
        self._block.append(provision)
        self._block_open = True

    def _begin_entry(self, line: ParsedLine, header: Header, *, new: bool) -> None:
        section = self._section(line)
        self._close(keep_block=True)
        self._block_open = False
        block = self._block[-LONGEST_BLOCK:]
        self._entry = OpenEntry(line.number, section, header, block, new=new, number=len(self.entries) + 1)
        self.entries.append(self._entry)
        self._note_header(line.number, header)
        if header.end < line.end:
            _add_words(self._entry, line, header.end)

    def _note_header(self, number: int, header: Header) -> None:
        if "bullet" in header.irregular:
            self.note(number, f"Read as the entry of {header.name}, although its line has no bullet.")
        if "colon" in header.irregular:
            self.note(number, f"Read as the entry of {header.name}, although no colon follows the name.")
        if "group" in header.irregular:
            self.note(number, f"No stakeholder group is given for {header.name}; it stays unknown.")

    def _continue(self, line: ParsedLine) -> None:
        if line.start == line.end:
            if line.bullet and not line.remarks:
                self.note(line.number, "A bullet with nothing behind it; it is nobody's entry.")
            return
        if self._waiting is not None and not line.bullet:
            if self._blanks:
                self.note(line.number, "Read as the text of the comment above, although a blank line stands between.")
            self._waiting.spans.append(SourceSpan(line.number, line.start, line.end))
            self._waiting = None
            return
        if self._entry is not None and self._is_base_paragraph(line):
            self.note(line.number, "Read as the next paragraph of the base, since two blank lines stand before it.")
            self._begin_provision(line, None)
        elif self._entry is not None:
            self._continue_entry(line, self._entry)
        elif not self.sections and not self.provisions:
            self.preamble.append(line.raw[line.start : line.end])
            if odd := odd_letters(line.raw):
                self.note(line.number, f"'{odd[0]}' holds a letter that looks Latin and is not; it is kept as written.")
        elif self._block_open and (not self._blanks or self._block[-1].label):
            self._block[-1].parts.append(SourceSpan(line.number, line.start, line.end))
        else:
            self._begin_provision(line, None)

    def _continue_entry(self, line: ParsedLine, entry: OpenEntry) -> None:
        if line.bullet:
            self.note(line.number, f"A bullet without a name; read as words of {entry.header.name}.")
        if any(comment.entry is entry for comment in self.comments[-1:]) and not self._blanks:
            self.note(line.number, f"Read as words of {entry.header.name}, not of the comment above.")
        _add_words(entry, line, line.start)

    def _comment(self, line: ParsedLine, author: str | None, span: SourceSpan) -> None:
        section = self._section(line)
        if self._entry is not None:
            provision = self._entry.block[0].id if self._entry.block else section.id
        else:
            provision = self._block[-1].id if self._block_open else section.id
        comment = OpenComment(line.number, author, [span], self._entry, provision)
        self.comments.append(comment)
        text = line.raw[span.start : span.end]
        self._waiting = comment if not text or _ONLY_AUTHOR.match(text) else None

    def _is_base(self, label: Label) -> bool:
        """Whether a labelled line is a provision of the base rather than part of the open entry.

        Labels of the base go forward, and a blank line parts them from entries. The same label again is a new
        provision only when the open entry has said its own words already, without labels.
        """
        entry = self._entry
        if entry is None:
            return True
        last = next((p.label for p in reversed(self._block) if p.label), None)
        if not self._blanks or label.new:
            return False
        if last is None:
            return not any(part.label for part in entry.parts)
        section = entry.section.id
        roman = (section, "i") in self._labels and (section, "h") not in self._labels
        here, there = label_rank(label.label, roman=roman), label_rank(last, roman=roman)
        if here == there:
            return bool(entry.parts) and not any(part.label for part in entry.parts)
        return here > there

    def _is_base_paragraph(self, line: ParsedLine) -> bool:
        """In a section without labels, two blank lines part an entry from the next paragraph of the base."""
        entry = self._entry
        labelled = entry is None or any(provision.label for provision in entry.block)
        return not labelled and entry is not None and bool(entry.parts) and self._blanks > 1 and not line.bullet

    def _section(self, line: ParsedLine) -> TextSection:
        if not self.sections:
            self.sections.append(TextSection("S", "", "", "provision", SourceSpan(line.number, 0, 0)))
        return self.sections[-1]

    def _close(self, *, keep_block: bool = False) -> None:
        self._entry = None
        self._waiting = None
        if not keep_block:
            self._block = []
            self._block_open = False


def _add_words(entry: OpenEntry, line: ParsedLine, start: int) -> None:
    label = label_at(line.raw, start, line.end)
    begin, end = trimmed(line.raw, start, line.end)
    if begin < end:
        entry.parts.append(OpenPart(SourceSpan(line.number, begin, end), label))


def counted_id(taken: Counter[str], wanted: str) -> str:
    """``wanted``, with "#2", "#3", … behind it from the second time on; ``taken`` counts how often it was given."""
    taken[wanted] += 1
    return wanted if taken[wanted] == 1 else f"{wanted}#{taken[wanted]}"


def label_rank(label: str, *, roman: bool = False) -> tuple[int, str, int]:
    """Where a label stands in the order a, b, …, k, k bis, l, …, z, aa or i, ii, iii, iv or 1, 2, 10."""
    stem, _, suffix = label.casefold().partition(" ")
    after = _SUFFIXES.index(suffix) + 1 if suffix in _SUFFIXES else 0
    if stem.isdecimal():
        return (int(stem), "", after)
    if roman and re.fullmatch("[ivxl]+", stem):
        return (_roman(stem), "", after)
    return (len(stem), stem, after)


def _roman(stem: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10, "l": 50}[letter] for letter in stem]
    return sum(-one if one < max(values[at:]) else one for at, one in enumerate(values))


def _singular(title: str) -> str:
    word = title.rsplit(maxsplit=1)[-1].casefold()
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _prefix(title: str, taken: Counter[str]) -> str:
    """The shortest beginning of the title that no other section has; a number behind it when they all have."""
    letters = "".join(character for character in title if character.isalnum())
    for length in range(1, len(letters) + 1):
        prefix = letters[0].upper() + letters[1:length]
        if prefix not in taken:
            taken[prefix] += 1
            return prefix
    taken[letters] += 1
    numbered = f"{letters}{taken[letters]}"
    taken[numbered] += 1
    return numbered
