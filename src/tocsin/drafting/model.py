"""What a negotiated text consists of: provisions, what stakeholders wrote on them, comments, brackets, positions.

Plain frozen data. Lines are counted from 1; a span is half-open in characters of its line (a paragraph, for Word).
A provision's ``id`` never changes; its ``label`` ("a", "k bis", "l") is only what is printed, and may occur twice.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryClass(StrEnum):
    """How the words of an entry relate to the base they were written on; never a position."""

    CHANGED = "changed"
    SAME_TEXT = "same_text"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NEW = "new"


class PositionKind(StrEnum):
    """What somebody wants; ``UNKNOWN`` whenever nothing says so."""

    SUPPORT = "support"
    OPPOSE = "oppose"
    AMEND = "amend"
    DELETE = "delete"
    MERGE = "merge"
    REPLACE = "replace"
    CLARIFY = "clarify"
    RETAIN = "retain"
    RESERVE = "reserve"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SourceSpan:
    """Characters ``start`` to ``end`` of line ``line`` of the source."""

    line: int
    start: int
    end: int


@dataclass(frozen=True)
class TextSection:
    """A numbered heading ("2. Pillars"); ``kind`` is what one provision under it is called ("pillar")."""

    id: str
    number: str
    title: str
    kind: str
    span: SourceSpan


@dataclass(frozen=True)
class Provision:
    """One unit of text that people can take a position on.

    ``base`` is empty for a provision that only a stakeholder proposed. ``readable`` is False where the source holds
    only a fragment. ``lines`` are the source lines of the base, or of the proposal where there is no base.
    """

    id: str
    section: str
    label: str
    kind: str
    base: str
    lines: tuple[int, ...] = ()
    spans: tuple[SourceSpan, ...] = ()
    readable: bool = True


@dataclass(frozen=True)
class EntryItem:
    """The part of an entry that concerns one provision, when an entry speaks about several."""

    provision: str
    entry_class: EntryClass
    text: str
    line: int


@dataclass(frozen=True)
class StakeholderEntry:
    """What one stakeholder (one label, one or more organisations) wrote on a provision.

    ``provision`` is the first provision it speaks about; ``items`` holds the parts when there are several.
    ``comments`` are the ids of the comments that stand in it. ``generation`` is the base it was written on.
    """

    id: str
    line: int
    provision: str
    stakeholder: str
    organisations: tuple[str, ...]
    role: str | None
    entry_class: EntryClass
    text: str
    comments: tuple[str, ...] = ()
    items: tuple[EntryItem, ...] = ()
    spans: tuple[SourceSpan, ...] = ()
    at: datetime | None = None
    generation: int = 0
    language: str = ""

    def speaks_of(self, provision: str) -> bool:
        """Whether it, or a part of it, is about that provision."""
        return self.provision == provision or any(item.provision == provision for item in self.items)


@dataclass(frozen=True)
class Comment:
    """A remark beside the text. ``author`` is written as in the source ("JP"), None when it names nobody.

    ``provision`` is the id of a provision or of a section; ``entry`` the id of the entry it stands in, which may belong
    to somebody else. ``anchor`` is the span it is attached to, where the source says one; for a comment made here it is
    a span of the provision's base ``generation``, with line 0. ``author_inferred``: the
    author was read from the words of the comment, not from a field.
    """

    id: str
    line: int
    author: str | None
    provision: str
    entry: str | None
    text: str
    spans: tuple[SourceSpan, ...] = ()
    anchor: SourceSpan | None = None
    at: datetime | None = None
    reply_to: str | None = None
    author_inferred: bool = False
    generation: int = 0


@dataclass(frozen=True)
class Bracket:
    """A pair of square brackets: provision and offset of both ends, and how deep it is nested (1 = outermost)."""

    start_provision: str
    start: int
    end_provision: str
    end: int
    depth: int


@dataclass(frozen=True)
class BracketIssue:
    """A bracket that does not pair inside its provision: ``unopened``, ``unclosed`` or ``spans``."""

    issue: str
    provision: str
    offset: int
    line: int
    message: str
    to: str | None = None


@dataclass(frozen=True)
class Position:
    """What a stakeholder wants of a provision (or section), and how we know.

    ``inferred`` is True when it was read from words rather than declared; ``basis`` says from which. ``confirmed`` is
    True when the stakeholder or the secretariat confirmed the inference on record. ``target`` is the other provision
    of a merge.
    """

    id: str
    stakeholder: str
    provision: str
    kind: PositionKind
    inferred: bool
    basis: str
    entry: str | None = None
    comment: str | None = None
    target: str | None = None
    generation: int = 0
    at: datetime | None = None
    confirmed: bool = False


@dataclass(frozen=True)
class ImportNotice:
    """Something the reader of an import must know; ``line`` is 0 when it concerns the whole source."""

    line: int
    message: str


@dataclass(frozen=True)
class TextSource:
    """Which bytes a text was read from."""

    name: str
    sha256: str
    form: str


@dataclass(frozen=True)
class NegotiatedText:
    """A text under negotiation as it was read: everything in source order, nothing guessed.

    ``preamble`` are the lines above the first section (the titles).
    """

    title: str
    source: TextSource
    sections: tuple[TextSection, ...]
    provisions: tuple[Provision, ...]
    entries: tuple[StakeholderEntry, ...] = ()
    comments: tuple[Comment, ...] = ()
    positions: tuple[Position, ...] = ()
    warnings: tuple[ImportNotice, ...] = ()
    preamble: tuple[str, ...] = ()
