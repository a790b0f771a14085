"""A Word document as a text under negotiation: the base, and what each author's tracked changes make of it.

The document is read as the compilation that it is without its changes (``read_compilation``), or, where it has neither
numbered sections nor labels, as one provision a paragraph. Then each author with changes on a provision of the base has
an entry there: the provision with that author's changes accepted and everybody else's rejected. Nobody is given words
that others changed, except inside an entry that stands in the text under a stakeholder's name: there the changes are
part of how the entry was written, they are taken as accepted, and a warning says so when they have other authors.

A line is a paragraph of the file, counted from 1. Spans count characters of the paragraph as it reads without changes
(base) or with them (entries), without the number that Word prints before it.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tocsin.drafting.classify import entry_class
from tocsin.drafting.difference import words
from tocsin.drafting.lines import label_at, organisations
from tocsin.drafting.model import (
    Comment,
    EntryClass,
    ImportNotice,
    NegotiatedText,
    PositionKind,
    Provision,
    StakeholderEntry,
    TextSource,
)
from tocsin.drafting.outline import counted_id
from tocsin.drafting.plaintext import read_compilation
from tocsin.drafting.positions import inferred_positions
from tocsin.drafting.word.read import read_docx
from tocsin.drafting.word.source_lines import (
    BREAK,
    SourceLine,
    comment_places,
    in_file,
    joined,
    one_a_paragraph,
    parted,
    rejoined,
    source_lines,
)
from tocsin.interface.word import NOBODY, WordDocument
from tocsin.node.errors import InputError

_MOST_WORK = 2_000_000
"""Authors times pieces of text in one provision: each author's version of it is made by one pass over them."""


def read_word_text(source: Path | bytes, name: str = "") -> NegotiatedText:
    """The text in a .docx file.

    Raises InputError as ``read_docx`` does, and when there is no text in the file.
    """
    document = read_docx(source)
    data = source.read_bytes() if isinstance(source, Path) else source
    called = name or (source.name if isinstance(source, Path) else "")
    return word_text(document, TextSource(called, hashlib.sha256(data).hexdigest(), "word"))


def word_text(document: WordDocument, source: TextSource) -> NegotiatedText:
    """The text in a document that was read; raises InputError when there is none."""
    return _Reading(document, source).text()


class _Reading:
    """Reads one document; until the end everything counts ``lines``, which become paragraphs last."""

    def __init__(self, document: WordDocument, source: TextSource) -> None:
        self.document = document
        self.source = source
        self.lines, self.new = parted(*source_lines(document))
        self.notices = [ImportNotice(0, warning) for warning in document.warnings]
        self.cut: set[str] = set()

    def text(self) -> NegotiatedText:
        """The whole text."""
        text, owned = self._without_changes()
        if any(self.lines[number - 1].authors for number in owned):
            before = len(self.lines)
            self.lines = rejoined(self.lines, owned)
            if len(self.lines) != before:
                self.new = [replace(each, after=min(each.after, len(self.lines))) for each in self.new]
                text, owned = self._without_changes()
            for number, name in owned.items():
                self._note_other_hands(number, name)
            text = self._read([line.accepted if line.number in owned else line.original for line in self.lines])
        places = _places(text)
        text = self._with_entries(text, set(owned))
        text = self._with_new(text, places)
        text = self._with_comments(text, places, set(owned))
        text = self._with_positions(text)
        warnings = sorted([*text.warnings, *self.notices], key=lambda notice: notice.line)
        return in_file(replace(text, source=self.source, warnings=tuple(warnings)), self.lines)

    def _without_changes(self) -> tuple[NegotiatedText, dict[int, str]]:
        """The text as it reads without changes, and whose the lines are that stand in it as somebody's entry."""
        text = self._read([line.original for line in self.lines])
        return text, _owned(text)

    def _read(self, shown: Sequence[str]) -> NegotiatedText:
        texts = [line.prefix + text for line, text in zip(self.lines, shown, strict=True)]
        try:
            return read_compilation("\n".join(texts).encode(), self.source.name)
        except InputError as error:
            if "provision" not in str(error):
                raise
        return one_a_paragraph(self.lines, shown, self.source)

    def _note_other_hands(self, number: int, name: str) -> None:
        known = {name, *organisations(name), NOBODY, ""}
        others = [author for author in self.lines[number - 1].authors if author not in known]
        if others:
            message = f"The entry of {name} holds tracked changes of {', '.join(others)}; it was read with them made."
            self.notices.append(ImportNotice(number, message))

    def _with_entries(self, text: NegotiatedText, owned: set[int]) -> NegotiatedText:
        """The text with an entry for each author who changed a provision of the base."""
        made: list[StakeholderEntry] = []
        for provision in text.provisions:
            lines = [self.lines[number - 1] for number in provision.lines if number not in owned]
            if provision.base and lines:
                authors = dict.fromkeys(author for line in lines for author in line.authors)
                if len(authors) * sum(len(part.runs) for line in lines for part in line.parts) > _MOST_WORK:
                    raise InputError(
                        f"{len(authors):,} authors changed one paragraph in more places than can be told apart.",
                        hint="The file may be made to do harm; no text is negotiated so.",
                    )
                made += [self._entry(provision, lines, author, len(made) + 1) for author in authors]
        return _with(text, entries=made)

    def _entry(self, provision: Provision, lines: Sequence[SourceLine], author: str, number: int) -> StakeholderEntry:
        whole = joined(lines)
        wanted = _bare(whole.own(author), whole.original, provision.base.replace("\n", BREAK))
        entry = self._made(f"w{number}", lines[0].number, provision.id, author, wanted.replace(BREAK, "\n"))
        if not words(wanted):
            self.cut.add(entry.id)
        return replace(entry, entry_class=entry_class(entry.text, provision.base), at=whole.last_change(author))

    def _made(self, name: str, line: int, provision: str, author: str, text: str) -> StakeholderEntry:
        stakeholder = author or NOBODY
        people = organisations(stakeholder)
        return StakeholderEntry(name, line, provision, stakeholder, people, None, EntryClass.NEW, text)

    def _with_new(self, text: NegotiatedText, places: dict[int, tuple[str, str | None]]) -> NegotiatedText:
        """The text with a new provision, and the entry that proposes it, for each labelled paragraph that is new."""
        ids = Counter(provision.id.partition("#")[0] for provision in text.provisions)
        sections = {provision.id: provision.section for provision in text.provisions}
        known = {section.id: section for section in text.sections}
        provisions: list[Provision] = []
        entries: list[StakeholderEntry] = []
        for number, new in enumerate(self.new, 1):
            before = next((places[line][0] for line in range(new.after, 0, -1) if line in places), "")
            section = known.get(before) or known.get(sections.get(before, "")) or text.sections[0]
            identity = counted_id(ids, f"{section.id}.{new.label}")
            line = max(new.after, 1)
            provisions.append(Provision(identity, section.id, new.label, section.kind, "", (line,)))
            entries.append(replace(self._made(f"n{number}", line, identity, new.author, new.text), at=new.date))
            message = (
                f"Read as the new {section.kind} {identity}, proposed by {new.author or NOBODY}: all of it is new."
            )
            self.notices.append(ImportNotice(line, message))
        return _with(text, provisions=provisions, entries=entries)

    def _with_comments(
        self, text: NegotiatedText, places: dict[int, tuple[str, str | None]], owned: set[int]
    ) -> NegotiatedText:
        anchors = comment_places(self.lines, owned)
        tracked = {(e.provision, e.stakeholder): e.id for e in text.entries if e.id.startswith("w")}
        made: list[Comment] = []
        for comment in self.document.comments:
            place = anchors.get(comment.parent or comment.number)
            number = place.span.line if place else 0
            about = next((places[line] for line in range(number, 0, -1) if line in places), None)
            provision, entry = about or (text.sections[0].id, None)
            if place is None or number not in places:
                message = f"The comment '{comment.text[:40]}' stands at no provision; read as on {provision}."
                self.notices.append(ImportNotice(number, message))
            if entry is None and place is not None and place.author is not None:
                entry = tracked.get((provision, place.author or NOBODY))
            made.append(
                Comment(
                    f"wc{comment.number}",
                    number,
                    None if comment.author in {"", NOBODY} else comment.author,
                    provision,
                    entry,
                    comment.text,
                    anchor=place.span if place else None,
                    at=comment.date,
                    reply_to=f"wc{comment.parent}" if comment.parent else None,
                )
            )
        held: dict[str, list[str]] = {}
        for each in made:
            held.setdefault(each.entry or "", []).append(each.id)
        entries = tuple(replace(e, comments=(*e.comments, *held.get(e.id, ()))) for e in text.entries)
        return _with(replace(text, entries=entries), comments=made)

    def _with_positions(self, text: NegotiatedText) -> NegotiatedText:
        """The text with what can be inferred; to cut every word by tracked changes reads as wanting it out."""
        found = [
            replace(position, kind=PositionKind.DELETE, inferred=True, basis="tracked changes delete every word")
            if position.entry in self.cut and position.kind is PositionKind.UNKNOWN
            else position
            for position in inferred_positions(text)
        ]
        return replace(text, positions=tuple(found))


def _owned(text: NegotiatedText) -> dict[int, str]:
    """The lines that are somebody's entry, and whose."""
    owned: dict[int, str] = {}
    for entry in text.entries:
        for number in (entry.line, *(span.line for span in entry.spans), *(item.line for item in entry.items)):
            owned[number] = entry.stakeholder
    return owned


def _places(text: NegotiatedText) -> dict[int, tuple[str, str | None]]:
    """What stands on each line: a section, a provision, or a provision and the entry on it."""
    places: dict[int, tuple[str, str | None]] = {section.span.line: (section.id, None) for section in text.sections}
    places |= {line: (provision.id, None) for provision in text.provisions for line in provision.lines}
    for entry in text.entries:
        places |= dict.fromkeys((entry.line, *(s.line for s in entry.spans)), (entry.provision, entry.id))
        places |= {item.line: (item.provision, entry.id) for item in entry.items}
    return places


def _bare(own: str, before: str, base: str) -> str:
    """An author's version of a line without the label that stands before the base, as long as it is still there."""
    lead = before[: max(before.find(base), 0)]
    shortened = own.removeprefix(lead)
    label = label_at(own, 0, len(own))
    if len(shortened) == len(own) and lead and label is not None:
        shortened = own[label.end :]
    return shortened.strip()


def _with(
    text: NegotiatedText,
    provisions: Sequence[Provision] = (),
    entries: Sequence[StakeholderEntry] = (),
    comments: Sequence[Comment] = (),
) -> NegotiatedText:
    """The text with more in it, in the order of the lines."""
    return replace(
        text,
        provisions=tuple(sorted([*text.provisions, *provisions], key=lambda p: p.lines[:1])),
        entries=tuple(sorted([*text.entries, *entries], key=lambda entry: entry.line)),
        comments=tuple(sorted([*text.comments, *comments], key=lambda comment: comment.line)),
    )
