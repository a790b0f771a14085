"""Read a plain-text compilation: numbered sections, labelled provisions, and under each what stakeholders wrote.

Two passes. The first (``outline``) decides line by line where a thing begins; the second, here, knows the whole text:
it compares each entry with its base and names what is new. What had to be judged is said in a warning with its line.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tocsin.drafting.classify import CONTROL, entry_class, is_fragment
from tocsin.drafting.difference import likeness, words
from tocsin.drafting.lines import organisations, read_line, trimmed
from tocsin.drafting.model import (
    Comment,
    EntryClass,
    EntryItem,
    ImportNotice,
    NegotiatedText,
    Provision,
    SourceSpan,
    StakeholderEntry,
    TextSource,
)
from tocsin.drafting.outline import OpenComment, OpenEntry, OpenProvision, Outline, counted_id
from tocsin.drafting.positions import inferred_positions
from tocsin.node.errors import InputError

LARGEST_BYTES = 20_000_000
MOST_LINES = 100_000
LONGEST_LINE = 1_000_000
_LIKE_ENOUGH = 0.4
_AUTHOR = re.compile(r"(?P<name>[A-Z][A-Z0-9&/.]{1,11})(?:\s*:|\s+[\u2013\u2014-](?=\s))\s*")
_LEADING = re.compile(r"[A-Z][A-Z0-9&/.]{1,11}(?=\s)")
_AGREES = re.compile(r"\b(?:we|I)\s+(?:fully\s+)?(?:agree|support|endorse)\b[^.;]*", re.IGNORECASE)


def read_compilation(data: bytes, name: str = "") -> NegotiatedText:
    """The text in a compilation (UTF-8).

    Raises:
        InputError: too large, not text, not UTF-8, or without a single provision.

    """
    lines = _decoded(data)
    outline = Outline()
    for number, raw in enumerate(lines, 1):
        outline.take(read_line(number, raw))
    if not outline.provisions:
        raise InputError(
            "No provision was found in the text.",
            hint="A compilation has numbered sections ('2. Pillars') with provisions ('a) …') under them.",
        )
    return _SecondPass(lines, outline).text(TextSource(name, hashlib.sha256(data).hexdigest(), "plain text"))


def _decoded(data: bytes) -> list[str]:
    if len(data) > LARGEST_BYTES:
        raise InputError(
            f"The text has {len(data):,} bytes; at most {LARGEST_BYTES:,} are read.",
            hint="Cut it into several texts, one per chapter.",
        )
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        where = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"Line {where} is not UTF-8 ({error.reason}).", hint="Save the text as UTF-8 and import it again."
        ) from error
    if control := CONTROL.search(text):
        where = text.count("\n", 0, control.start()) + 1
        raise InputError(
            f"This is not plain text: line {where} holds the control character U+{ord(control[0]):04X}.",
            hint="Save it as plain text in UTF-8 and import it again.",
        )
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        raise InputError(
            f"The text has {len(lines):,} lines; at most {MOST_LINES:,} are read.",
            hint="Cut it into several texts, one per chapter.",
        )
    longest = max(range(len(lines)), key=lambda at: len(lines[at]))
    if len(lines[longest]) > LONGEST_LINE:
        raise InputError(
            f"Line {longest + 1} has {len(lines[longest]):,} characters; at most {LONGEST_LINE:,} are read.",
            hint="A compilation has one paragraph a line.",
        )
    return lines


@dataclass(frozen=True)
class _Group:
    """Consecutive parts of an entry that speak about one provision; ``label`` is what the writer put before them."""

    label: str | None
    new: bool
    spans: tuple[SourceSpan, ...]


class _SecondPass:
    """Builds the text from the outline: base texts first, then entries against them, then comments."""

    def __init__(self, lines: Sequence[str], outline: Outline) -> None:
        self.lines = lines
        self.outline = outline
        self.notices = list(outline.notices)
        self.ids = Counter(outline.ids)
        self.base = {opened.id: self._provision(opened) for opened in outline.provisions}
        self.labels: dict[tuple[str, str], str] = {}
        for provision in self.base.values():
            self.labels.setdefault((provision.section, provision.label), provision.id)
        self.counted: dict[str, Counter[str]] = {}
        self.proposed: list[Provision] = []

    def text(self, source: TextSource) -> NegotiatedText:
        """The whole text, in source order."""
        comments = [self._comment(number, opened) for number, opened in enumerate(self.outline.comments, 1)]
        by_entry: dict[str, list[str]] = {}
        for comment in comments:
            by_entry.setdefault(comment.entry or "", []).append(comment.id)
        entries = [
            replace(self._entry(opened), comments=tuple(by_entry.get(_name(opened), ())))
            for opened in self.outline.entries
        ]
        named = {entry.id: entry for entry in entries}
        comments = [_on_item(comment, named.get(comment.entry or "")) for comment in comments]
        known = {name for entry in entries for name in (entry.stakeholder, *entry.organisations)}
        comments, notices = _with_authors(comments, known)
        provisions = sorted([*self.base.values(), *self.proposed], key=lambda p: (p.spans[0].line, p.spans[0].start))
        text = NegotiatedText(
            title=" ".join(self.outline.preamble),
            source=source,
            sections=tuple(self.outline.sections),
            provisions=tuple(provisions),
            entries=tuple(entries),
            comments=tuple(comments),
            warnings=tuple(sorted([*self.notices, *notices], key=lambda notice: notice.line)),
            preamble=tuple(self.outline.preamble),
        )
        return replace(text, positions=inferred_positions(text))

    def _note(self, line: int, message: str) -> None:
        self.notices.append(ImportNotice(line, message))

    def _provision(self, opened: OpenProvision) -> Provision:
        base = self._words(opened.parts)
        readable = not is_fragment(base)
        if not readable:
            self._note(
                opened.parts[0].line, f"{opened.id} is unreadable: only '{base}' is left of it; nothing is guessed."
            )
        lines, section = tuple(span.line for span in opened.parts), opened.section
        return Provision(opened.id, section.id, opened.label, section.kind, base, lines, tuple(opened.parts), readable)

    def _entry(self, opened: OpenEntry) -> StakeholderEntry:
        items = self._items(opened)
        spans = tuple(part.span for part in opened.parts)
        if len(items) == 1 and spans:
            spans = self._groups(opened)[0].spans
        text = self._words(spans)
        whole = _class_of(items)
        if whole is EntryClass.UNREADABLE:
            self._note(
                opened.line, f"The words of {opened.header.name} on {items[0].provision} are unreadable: '{text}'."
            )
        if opened.new and (agrees := _AGREES.search(text)):
            self._note(opened.line, f"'{agrees[0].strip()}': it does not say with what; not counted as support.")
        return StakeholderEntry(
            _name(opened),
            opened.line,
            items[0].provision,
            opened.header.name,
            organisations(opened.header.name),
            opened.header.role,
            whole,
            text,
            items=items if len(items) > 1 else (),
            spans=spans,
        )

    def _words(self, spans: Iterable[SourceSpan]) -> str:
        return "\n".join(self.lines[span.line - 1][span.start : span.end] for span in spans)

    def _items(self, opened: OpenEntry) -> tuple[EntryItem, ...]:
        """The parts of an entry, each with its provision; at least one."""
        groups = self._groups(opened)
        if not groups:
            provision = opened.block[0].id if opened.block else opened.section.id
            return (EntryItem(provision, EntryClass.EMPTY, "", opened.line),)
        used: set[str] = set()
        items: list[EntryItem] = []
        for group in groups:
            target = self._target(opened, group, used)
            used.add(target.id)
            text = self._words(group.spans)
            kind = EntryClass.NEW if not target.base else entry_class(text, target.base, base_readable=target.readable)
            items.append(EntryItem(target.id, kind, text, group.spans[0].line))
        return tuple(items)

    def _groups(self, opened: OpenEntry) -> list[_Group]:
        groups: list[_Group] = []
        for part in opened.parts:
            label, rest = part.label, part.span
            if label is not None:
                rest = self._trimmed(SourceSpan(rest.line, min(label.end, rest.end), rest.end))
            if label is not None or not groups:
                groups.append(_Group(label.label if label else None, label is not None and label.new, (rest,)))
            else:
                groups[-1] = replace(groups[-1], spans=(*groups[-1].spans, rest))
        return [piece for group in groups for piece in self._split_inline(opened, group)]

    def _split_inline(self, opened: OpenEntry, group: _Group) -> list[_Group]:
        """The same group cut where the next labels of the base stand inside a line ("… 2020.  b)Building …")."""
        labels = [provision.label for provision in opened.block]
        if len(labels) < 2 or (group.label or labels[0]) not in labels:
            return [group]
        following = labels[labels.index(group.label or labels[0]) + 1 :]
        cut = [group]
        for label in following:
            last = cut[-1].spans[-1]
            match = re.compile(rf"(?<=\s){re.escape(label)}\)\s*").search(
                self.lines[last.line - 1], last.start, last.end
            )
            if match is None:
                break
            before = self._trimmed(SourceSpan(last.line, last.start, match.start()))
            cut[-1] = replace(cut[-1], spans=(*cut[-1].spans[:-1], before))
            cut.append(_Group(label, new=False, spans=(SourceSpan(last.line, match.end(), last.end),)))
        if len(cut) > 1:
            self._note(
                group.spans[0].line, f"Labels inside the line: read as {len(cut)} items of {opened.header.name}."
            )
            cut[0] = replace(cut[0], label=cut[0].label or labels[0])
        return cut

    def _trimmed(self, span: SourceSpan) -> SourceSpan:
        return SourceSpan(span.line, *trimmed(self.lines[span.line - 1], span.start, span.end))

    def _target(self, opened: OpenEntry, group: _Group, used: set[str]) -> Provision:
        """The provision a group speaks about; a new one where it speaks about none of the base."""
        if opened.new or group.new or not opened.block:
            return self._propose(opened, group, "The writer calls it new.")
        if group.label is None:
            return self._unlabelled_target(opened, group)
        here = next((provision.id for provision in opened.block if provision.label == group.label), None)
        target = here or self.labels.get((opened.section.id, group.label))
        if target is None:
            return self._propose(opened, group, "The base has no such label.")
        if target in used:
            return self._propose(opened, group, f"The same writer used {group.label}) before.")
        return self.base[target]

    def _unlabelled_target(self, opened: OpenEntry, group: _Group) -> Provision:
        if len(opened.block) == 1:
            return self.base[opened.block[0].id]
        text = self._words(group.spans)
        mine = Counter(words(text.casefold()))

        def shared(provision: Provision) -> float:
            theirs = self._counted(provision)
            return (mine & theirs).total() / (mine.total() + theirs.total() + 1)

        best = max((self.base[above.id] for above in opened.block), key=shared)
        if is_fragment(text) or likeness(text, best.base) >= _LIKE_ENOUGH:
            self._note(
                opened.line, f"No label is given; its words are those of {best.id}, so it is read as written on it."
            )
            return best
        return self._propose(opened, group, "No label is given, and its words are those of no provision.")

    def _counted(self, provision: Provision) -> Counter[str]:
        """How often each word stands in a base; counted once."""
        if provision.id not in self.counted:
            self.counted[provision.id] = Counter(words(provision.base.casefold()))
        return self.counted[provision.id]

    def _propose(self, opened: OpenEntry, group: _Group, reason: str) -> Provision:
        label = group.label or ""
        identity = f"{opened.section.id}.{label or 'new'}"
        identity = counted_id(self.ids, identity)
        lines = tuple(span.line for span in group.spans)
        made = Provision(identity, opened.section.id, label, opened.section.kind, "", lines, group.spans)
        self.proposed.append(made)
        self._note(lines[0], f"Read as the new {made.kind} {identity}, proposed by {opened.header.name}. {reason}")
        return made

    def _comment(self, number: int, opened: OpenComment) -> Comment:
        text = self._words(span for span in opened.spans if span.start < span.end)
        entry, author = _name(opened.entry) if opened.entry else None, opened.field_author
        return Comment(f"c{number}", opened.line, author, opened.provision, entry, text, tuple(opened.spans))


def _name(opened: OpenEntry) -> str:
    return f"e{opened.number}"


def _class_of(items: Sequence[EntryItem]) -> EntryClass:
    """One class for an entry of several items: equal only if every item is."""
    classes = {item.entry_class for item in items}
    return classes.pop() if len(classes) == 1 else EntryClass.CHANGED


def _on_item(comment: Comment, entry: StakeholderEntry | None) -> Comment:
    """The comment with the provision of the item it stands behind."""
    if entry is None:
        return comment
    before = [item.provision for item in entry.items if item.line <= comment.line]
    return replace(comment, provision=before[-1] if before else entry.provision)


def _with_authors(comments: Sequence[Comment], known: set[str]) -> tuple[list[Comment], list[ImportNotice]]:
    """Comments with the author that their first words name, and a notice for each that names nobody.

    "JP: …" and "CZ - …" name the author; "CZ suggests …" does so only if CZ is a stakeholder or an author elsewhere.
    """
    codes = known | {match["name"] for comment in comments if (match := _AUTHOR.match(comment.text))}
    done: list[Comment] = []
    notices: list[ImportNotice] = []
    for comment in comments:
        named = _AUTHOR.match(comment.text)
        leading = _LEADING.match(comment.text)
        if comment.author is not None:
            done.append(comment)
        elif named:
            done.append(replace(comment, author=named["name"], text=comment.text[named.end() :], author_inferred=True))
        elif leading and leading[0] in codes:
            done.append(replace(comment, author=leading[0], author_inferred=True))
        else:
            notices.append(
                ImportNotice(comment.line, "The comment does not say who wrote it; its author stays unknown.")
            )
            done.append(comment)
    return done, notices
