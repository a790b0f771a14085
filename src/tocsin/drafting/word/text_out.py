"""A draft as a Word file: entries as tracked changes under their stakeholders, comments under their authors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.layouts import blocks, by_section, header, label_before
from tocsin.drafting.model import Comment as Remark
from tocsin.drafting.model import EntryClass, Provision, StakeholderEntry
from tocsin.drafting.word.redline import Version, redline
from tocsin.interface.word import NOBODY, Paragraph, TextRun, WordComment, WordDocument, numbered, write_docx


def compiled_docx(draft: TextState) -> bytes:
    """Base and entries in the layout of a compilation, each entry a copy of its base with its own tracked changes.

    Rejecting all changes leaves the base in every entry, accepting all leaves everybody's words. An entry without words
    has no change: it deletes nothing.
    """
    return write_docx(_Compiler(draft, overlaid=False).document())


def redlined_docx(draft: TextState) -> bytes:
    """The base with the changes of all entries on it, under their stakeholders' names, as far as they fit together.

    Entries that delete the same words, or were written on another base, or have no words, follow as in a compilation.
    """
    return write_docx(_Compiler(draft, overlaid=True).document())


@dataclass
class _Compiler:
    draft: TextState
    overlaid: bool
    numbers: dict[str, int] = field(default_factory=dict)
    blocks: list[Paragraph] = field(default_factory=list)
    fitting: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers = {name: number for number, name in enumerate(self.draft.comments, 1)}
        changed: dict[str, list[StakeholderEntry]] = {}
        for entry in self.draft.entries.values() if self.overlaid else ():
            if entry.entry_class is EntryClass.CHANGED and not entry.items:
                changed.setdefault(entry.provision, []).append(entry)
        self.fitting = {p.id: self.fit(p, changed.get(p.id, ())) for p in self.draft.printed()}

    def document(self) -> WordDocument:
        """The whole document."""
        self.blocks = [Paragraph((TextRun(line),), style="Title") for line in self.draft.text.preamble]
        for section, provisions in by_section(self.draft):
            if section.title:
                title = f"{section.number}. {section.title}" if section.number else section.title
                heading = Paragraph((TextRun(title),), style="Heading1")
                self.blocks += self.commented([heading], self.draft.remarks_on(section.id))
            self.body(provisions)
        comments = tuple(self.comment(number, remark) for number, remark in enumerate(self.draft.comments.values(), 1))
        return numbered(WordDocument(tuple(self.blocks), comments, title=self.draft.text.title))

    def body(self, provisions: list[Provision]) -> None:
        """The provisions of a section; an entry behind several of them says by its label on which it is."""
        above: list[Provision] = []
        for shown, entries in blocks(self.draft, provisions):
            above += shown
            for provision in shown:
                self.provision(provision)
            apart = [entry for entry in entries if entry.id not in self.shown(entry.provision)]
            for entry in apart:
                own = [p for p in above if p.id == entry.provision and p.base and len(above) > 1 and not entry.items]
                self.entry(entry, "".join(label_before(provision) for provision in own))
            if apart:
                above = []

    def provision(self, provision: Provision) -> None:
        """A provision of the base, with the changes that are shown on it."""
        shown = [self.draft.entries[name] for name in self.shown(provision.id)]
        paragraphs, _ = redline(provision.base, [_version(entry, provision.id) for entry in shown])
        labelled = _led(label_before(provision), paragraphs)
        remarks = [*self.draft.remarks_on(provision.id), *(self.draft.comments[n] for e in shown for n in e.comments)]
        self.blocks += self.commented(labelled, remarks)

    def shown(self, provision: str) -> tuple[str, ...]:
        """The entries whose changes are shown on the base of a provision: one a stakeholder, as many as fit."""
        return self.fitting.get(provision, ())

    def fit(self, provision: Provision, entries: Iterable[StakeholderEntry]) -> tuple[str, ...]:
        first: dict[str, StakeholderEntry] = {}
        for entry in entries:
            if self.draft.base_of(entry) == provision.base:
                first.setdefault(entry.stakeholder, entry)
        _, left = redline(provision.base, [_version(entry, provision.id) for entry in first.values()])
        crowded = {version.author for version in left}
        return tuple(entry.id for entry in first.values() if entry.stakeholder not in crowded)

    def entry(self, entry: StakeholderEntry, label: str) -> None:
        """An entry with its changes against the base that it was written on."""
        paragraphs: list[Paragraph] = [Paragraph()]
        for lead, provision in _items(entry):
            before, *between = lead.split("\n")
            paragraphs[-1] = replace(paragraphs[-1], runs=(*paragraphs[-1].runs, TextRun(before)))
            paragraphs += [Paragraph((TextRun(line),)) for line in between]
            first, *more = self.words(entry, provision)
            paragraphs[-1] = replace(first, runs=(*paragraphs[-1].runs, *first.runs))
            paragraphs += more
        remarks = [self.draft.comments[name] for name in entry.comments]
        self.blocks += self.commented(_led(header(self.draft, entry) + label, paragraphs, bold=True), remarks)

    def words(self, entry: StakeholderEntry, provision: str) -> tuple[Paragraph, ...]:
        version = _version(entry, provision)
        if not version.text or entry.entry_class is EntryClass.UNREADABLE:
            paragraphs, _ = redline(version.text, ())
        else:
            paragraphs, _ = redline(self.draft.base_of(entry, provision), [version])
        return paragraphs

    def commented(self, paragraphs: Iterable[Paragraph], remarks: Iterable[Remark]) -> list[Paragraph]:
        """The paragraphs with comments on all their text; an answer stands where its comment does."""
        here = tuple(self.numbers[remark.id] for remark in remarks if remark.reply_to not in self.numbers)
        made = [Paragraph()] if self.blocks else []
        made += [replace(p, runs=tuple(replace(run, comments=here) for run in p.runs)) for p in paragraphs]
        if here and not any(paragraph.runs for paragraph in made):
            made[-1] = replace(made[-1], runs=tuple(TextRun("", comments=(number,)) for number in here))
        return made

    def comment(self, number: int, remark: Remark) -> WordComment:
        parent = self.numbers.get(remark.reply_to or "", 0)
        return WordComment(number, remark.author or NOBODY, remark.text, remark.at, parent=parent)


def _items(entry: StakeholderEntry) -> Iterator[tuple[str, str]]:
    """What stands before the words of each item of an entry, such as its label, and the provision it is on."""
    if not entry.items:
        yield "", entry.provision
        return
    at = 0
    for item in entry.items:
        start = max(entry.text.find(item.text, at), at)
        yield entry.text[at:start], item.provision
        at = start + len(item.text)


def _version(entry: StakeholderEntry, provision: str) -> Version:
    return Version(entry.stakeholder, words_for(entry, provision), entry.at)


def _led(lead: str, paragraphs: Iterable[Paragraph], *, bold: bool = False) -> tuple[Paragraph, ...]:
    """The paragraphs with untracked text before the first."""
    first, *rest = paragraphs
    run = TextRun(lead, look=frozenset({"bold"} if bold else ()))
    return (replace(first, runs=(run, *first.runs)) if lead else first, *rest)
