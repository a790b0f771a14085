"""The paragraphs of a Word document as the lines that a compilation has: one per paragraph of the unchanged text."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from tocsin.drafting.lines import Heading, label_at, read_line
from tocsin.drafting.model import (
    Comment,
    EntryItem,
    NegotiatedText,
    Provision,
    SourceSpan,
    StakeholderEntry,
    TextSection,
    TextSource,
)
from tocsin.drafting.word.lists import labelled
from tocsin.interface.word import Block, Paragraph, Revision, WordDocument, WordTable, paragraphs, resolve
from tocsin.node.errors import InputError

BREAK = "\u2028"
"""Stands for a line break inside a line while a compilation is read; Unicode's own line separator."""

_Words = TypeVar("_Words", StakeholderEntry, EntryItem, Comment)
_NUMBER = re.compile(r"\(?(\w{1,5})[.)]")


@dataclass(frozen=True)
class SourceLine:
    """Paragraphs that are one paragraph of the unchanged text.

    ``number`` counts lines, ``paragraph`` paragraphs of the file; ``prefix`` is what Word prints before it, as a
    compilation writes it; ``heading`` says whether its style is one of a heading. ``unnumbered``: the prefix is ours,
    so that a heading without a number is read as one; the number is taken away again.
    """

    number: int
    paragraph: int
    parts: tuple[Paragraph, ...]
    prefix: str = ""
    heading: bool = False
    unnumbered: bool = False

    def seen(self, accepts: Callable[[Revision], bool]) -> str:
        """The text in a view, paragraphs and breaks in it parted by ``BREAK``."""
        changed = next(iter(self._marks()), None) is not None
        resolved = resolve(WordDocument(self.parts), accepts).blocks if changed else self.parts
        return BREAK.join(part.text for part in paragraphs(resolved)).replace("\n", BREAK)

    @property
    def original(self) -> str:
        """The text without changes."""
        return self.seen(lambda _: False)

    @property
    def accepted(self) -> str:
        """The text with all changes."""
        return self.seen(lambda _: True)

    def own(self, author: str) -> str:
        """The text with this author's changes only."""
        return self.seen(lambda revision: revision.author == author)

    @property
    def authors(self) -> tuple[str, ...]:
        """Everybody with a change here."""
        return tuple(dict.fromkeys(mark.author for mark in self._marks()))

    def last_change(self, author: str) -> datetime | None:
        """When this author changed something here last."""
        return max((m.date for m in self._marks() if m.author == author and m.date is not None), default=None)

    def _marks(self) -> Iterable[Revision]:
        for part in self.parts:
            for run in part.runs:
                yield from run.marks
            yield from part.end


@dataclass(frozen=True)
class NewParagraph:
    """A labelled paragraph that is all one author's addition; ``after`` is the number of the line before it."""

    after: int
    author: str
    label: str
    text: str
    date: datetime | None


@dataclass(frozen=True)
class CommentPlace:
    """Where a comment is anchored; ``author`` is whose addition or deletion all of the anchor is, if it is one's."""

    span: SourceSpan
    author: str | None


def source_lines(document: WordDocument) -> tuple[list[SourceLine], list[NewParagraph]]:
    """The lines of a document, and the paragraphs that are new provisions."""
    lines: list[SourceLine] = []
    new: list[NewParagraph] = []
    for first, parts in _groups(document):
        kept: list[Paragraph] = []
        for part in parts:
            proposed = _proposed(part, len(lines) + 1 if kept else len(lines))
            if proposed is None:
                kept.append(part)
            else:
                new.append(proposed)
        if kept:
            lines.append(SourceLine(len(lines) + 1, first, tuple(kept)))
    return _with_prefixes(document, lines), new


def parted(lines: Sequence[SourceLine], new: Sequence[NewParagraph]) -> tuple[list[SourceLine], list[NewParagraph]]:
    """The same with a blank line between all lines, where the document parts paragraphs by their style alone."""
    if any(not line.parts[-1].text.strip() for line in lines):
        return list(lines), list(new)
    apart: list[SourceLine] = []
    for line in lines:
        apart += [line, SourceLine(0, line.paragraph, (Paragraph(),))]
    return renumbered(apart), [replace(each, after=2 * each.after) for each in new]


def joined(lines: Sequence[SourceLine]) -> SourceLine:
    """Lines as one: what a change joins is joined only there."""
    return replace(lines[0], parts=tuple(part for line in lines for part in line.parts))


def rejoined(lines: Sequence[SourceLine], owned: Mapping[int, str]) -> list[SourceLine]:
    """The lines, with those of one entry joined where its changes take the end of the first away."""
    groups: list[list[SourceLine]] = []
    for line in lines:
        same = line.number in owned and owned.get(line.number - 1) == owned[line.number]
        if groups and same and any(not mark.adds for mark in groups[-1][-1].parts[-1].end):
            groups[-1].append(line)
        else:
            groups.append([line])
    return renumbered(joined(group) for group in groups)


def renumbered(lines: Iterable[SourceLine]) -> list[SourceLine]:
    """The lines numbered from 1."""
    return [replace(line, number=number) for number, line in enumerate(lines, 1)]


def _groups(document: WordDocument) -> Iterable[tuple[int, list[Paragraph]]]:
    """Consecutive paragraphs up to one whose end is in the unchanged text, with the number of the first."""
    number = 0
    for story in _stories(document.blocks):
        group: list[Paragraph] = []
        for paragraph in story:
            number += 1
            group.append(paragraph)
            if not any(mark.adds for mark in paragraph.end):
                yield number - len(group) + 1, group
                group = []
        if group:
            yield number - len(group) + 1, group


def _stories(blocks: Iterable[Block]) -> Iterable[list[Paragraph]]:
    """Paragraphs that can be joined: a cell of a table begins a new one."""
    story: list[Paragraph] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            story.append(block)
            continue
        yield story
        story = []
        yield from _cells(block)
    yield story


def _cells(table: WordTable) -> Iterable[list[Paragraph]]:
    for row in table.rows:
        for cell in row.cells:
            yield from _stories(cell.blocks)


def _proposed(part: Paragraph, after: int) -> NewParagraph | None:
    """The new provision that a paragraph is, when one author added all of it with a label."""
    hands = {tuple(mark.author for mark in run.marks if mark.adds) for run in part.runs if run.text.strip()}
    if len(hands) != 1:
        return None
    hand = next(iter(hands))
    if len(hand) != 1:
        return None
    text = "".join(run.text for run in part.runs if all(m.adds or m.author != hand[0] for m in run.marks))
    printed = _prefix(part.label)
    label = label_at(printed + text, 0, len(printed + text))
    if label is None:
        return None
    dates = [mark.date for run in part.runs for mark in run.marks if mark.date is not None]
    return NewParagraph(after, hand[0], label.label, (printed + text)[label.end :].strip(), max(dates, default=None))


def _with_prefixes(document: WordDocument, lines: list[SourceLine]) -> list[SourceLine]:
    """The lines with the labels that Word prints in the unchanged text: what is added does not count there."""
    kept = labelled(WordDocument(tuple(line.parts[-1] for line in lines), lists=document.lists)).blocks
    done: list[SourceLine] = []
    for line, paragraph in zip(lines, paragraphs(kept), strict=True):
        heading = paragraph.style.lower().startswith("heading")
        prefix = "" if not line.original.strip() else _prefix(paragraph.label, heading=heading)
        unnumbered = heading and not prefix and _is_heading(f"1. {line.original}") and not _is_heading(line.original)
        prefix = "1. " if unnumbered else prefix
        done.append(replace(line, prefix=prefix, heading=heading, unnumbered=unnumbered))
    return done


def _is_heading(text: str) -> bool:
    return isinstance(read_line(1, text).what, Heading)


def _prefix(label: str, *, heading: bool = False) -> str:
    """A printed label as a compilation writes it: "1. " before a heading, "a) " before a provision, "· " for a dot."""
    if not label.strip():
        return ""
    number = _NUMBER.fullmatch(label.strip())
    if number is None:
        return "· " if not any(character.isalnum() for character in label) else f"{label} "
    return f"{number[1]}. " if heading else f"{number[1]}) "


def comment_places(lines: Sequence[SourceLine], owned: set[int]) -> dict[int, CommentPlace]:
    """Where each comment is anchored: on its first line, in characters of the line as it is read there."""
    places: dict[int, CommentPlace] = {}
    for line in lines:
        for number, (start, end, hands) in _anchors(line, accepted=line.number in owned).items():
            author = hands.pop() if len(hands) == 1 else None
            lead = len(line.prefix)
            places.setdefault(number, CommentPlace(SourceSpan(line.number, lead + start, lead + end), author))
    return places


def _anchors(line: SourceLine, *, accepted: bool) -> dict[int, tuple[int, int, set[str | None]]]:
    found: dict[int, tuple[int, int, set[str | None]]] = {}
    at = 0
    for part in line.parts:
        for run in part.runs:
            length = len(run.text) if all(mark.adds == accepted for mark in run.marks) else 0
            for number in run.comments:
                start, _, hands = found.get(number, (at, at, set()))
                if len(hands) < 2:
                    hands.add(run.marks[-1].author if run.marks else None)
                found[number] = (start, at + length, hands)
            at += length
        at += len(line.parts) > 1
    return found


def one_a_paragraph(lines: Sequence[SourceLine], shown: Sequence[str], source: TextSource) -> NegotiatedText:
    """A text without labels: each paragraph a provision, each paragraph in a heading's style a section."""
    sections: list[TextSection] = []
    provisions: list[Provision] = []
    counts: Counter[str] = Counter()
    for line, text in zip(lines, shown, strict=True):
        words = text.strip()
        if not words:
            continue
        start = text.index(words)
        span = SourceSpan(line.number, start, start + len(words))
        if line.heading:
            sections.append(TextSection(f"S{len(sections) + 1}", "", words, "paragraph", span))
            continue
        if not sections:
            sections.append(TextSection("S", "", "", "paragraph", SourceSpan(line.number, 0, 0)))
        counts[sections[-1].id] += 1
        identity = f"{sections[-1].id}.{counts[sections[-1].id]}"
        provisions.append(Provision(identity, sections[-1].id, "", "paragraph", words, (line.number,), (span,)))
    if not provisions and any(line.accepted.strip() for line in lines):
        raise InputError(
            "All text of the document is a tracked insertion, so that there is no base to compare it with.",
            hint="Accept all changes in a word processor and import it again; later changes are then compared with it.",
        )
    if not provisions:
        raise InputError("There is no text in the document.", hint="Check that it is the right file.")
    return NegotiatedText("", source, tuple(sections), tuple(provisions))


def in_file(text: NegotiatedText, lines: Sequence[SourceLine]) -> NegotiatedText:
    """The text with lines of the file instead of ours, spans without the printed labels, and breaks as breaks."""
    mapped = _ParagraphMap(lines)
    return replace(
        text,
        title=text.title.replace(BREAK, " "),
        preamble=tuple(line.replace(BREAK, "\n") for line in text.preamble),
        sections=tuple(
            replace(s, span=mapped.span(s.span), number="" if mapped.unnumbered(s.span.line) else s.number)
            for s in text.sections
        ),
        provisions=tuple(
            replace(p, base=p.base.replace(BREAK, "\n"), lines=mapped.lines(p.lines), spans=mapped.spans(p.spans))
            for p in text.provisions
        ),
        entries=tuple(
            mapped.words(e, spans=mapped.spans(e.spans), items=tuple(mapped.words(item) for item in e.items))
            for e in text.entries
        ),
        comments=tuple(
            mapped.words(c, spans=mapped.spans(c.spans), anchor=c.anchor and mapped.span(c.anchor))
            for c in text.comments
        ),
        warnings=tuple(replace(notice, line=mapped.line(notice.line)) for notice in text.warnings),
    )


@dataclass(frozen=True)
class _ParagraphMap:
    """Lines as paragraphs of the file."""

    of: Sequence[SourceLine]

    def line(self, number: int) -> int:
        return self.of[number - 1].paragraph if number else 0

    def words(self, part: _Words, **more: Any) -> _Words:
        """A part of the text with its line and words as they are in the file, and ``more`` in it changed."""
        return replace(part, line=self.line(part.line), text=part.text.replace(BREAK, "\n"), **more)

    def unnumbered(self, number: int) -> bool:
        return number > 0 and self.of[number - 1].unnumbered

    def lines(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.line(number) for number in numbers)

    def span(self, span: SourceSpan) -> SourceSpan:
        if not span.line:
            return span
        lead = len(self.of[span.line - 1].prefix)
        return SourceSpan(self.line(span.line), max(span.start - lead, 0), max(span.end - lead, 0))

    def spans(self, spans: tuple[SourceSpan, ...]) -> tuple[SourceSpan, ...]:
        return tuple(self.span(span) for span in spans)
