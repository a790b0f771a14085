"""Positions that can be read from a record, always marked as inferences; silence and equal words stay unknown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from tocsin.drafting.difference import likeness
from tocsin.drafting.model import (
    Comment,
    EntryClass,
    EntryItem,
    NegotiatedText,
    Position,
    PositionKind,
    StakeholderEntry,
)

# Below this share of common words an amendment is a replacement of the provision.
_REPLACES_BELOW = 0.3

_STATED = {
    PositionKind.MERGE: r"\bmerg(?:e|ing|ed)\b",
    PositionKind.DELETE: (r"\b(?:delet(?:e|es|ed|ing|ion)|suppress(?:ing|ion)?|remov(?:e|ing|al)|strik(?:e|ing))\b"),
    PositionKind.RETAIN: r"\b(?:retain(?:ed|ing)?|maintain(?:ed|ing)?|keep(?:ing)?|kept)\b",
    PositionKind.RESERVE: r"\breserv(?:e|es|ation)\b",
    PositionKind.CLARIFY: r"\b(?:clarif(?:y|ied|ication)|unclear|not clear)\b",
    PositionKind.OPPOSE: r"\b(?:oppos(?:e|es|ed)|object(?:s|ed)?\s+to|cannot\s+accept)\b",
    PositionKind.SUPPORT: r"\b(?:we|I)\s+(?:fully\s+)?(?:support|agree|endorse)\b",
}
_NEGATED = re.compile(r"(?:\b(?:not|never|no|cannot)|n[\u2019']t)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(?:with|into)\s+(?:the\s+)?(?:pillar|target|paragraph|para|item|provision|article)\s+(?P<label>\w+(?:\s+bis)?)",
    re.IGNORECASE,
)

_ALONE = {
    PositionKind.SUPPORT: r"support(?:s|ed)?|agree[ds]?|endorse[ds]?|accept(?:s|ed)?",
    PositionKind.OPPOSE: r"oppose[ds]?|object(?:s|ed)?",
    PositionKind.DELETE: r"delete[ds]?|suppress(?:ed)?|strike",
    PositionKind.RETAIN: r"retain(?:s|ed)?|keep|maintain(?:ed)?",
    PositionKind.RESERVE: r"reserve[ds]?|reservation",
    PositionKind.CLARIFY: r"clarify|unclear",
}
_SPOKEN = re.compile(
    r"\W*(?:(?:we|i|fully|strongly|also|can)\s+)*(?P<verb>\w+)"
    r"(?:\s+(?:this|that|it|the|our|with|to|on|as|is|drafted|written|proposed|position|text|words|wording|provision|"
    r"paragraph|proposal|amendment|pillar|target|article|item|original|base|chair(?:['\u2019]s)?))*\W*",
    re.IGNORECASE,
)
"""Words that say what is wanted and of nothing but the text itself: "Support.", "We agree with the proposal"."""


_Labels: TypeAlias = Mapping[str, tuple[str, Mapping[tuple[str, str], str]]]


def inferred_positions(text: NegotiatedText) -> tuple[Position, ...]:
    """One position or more for each thing an entry speaks about, then those that comments elsewhere state.

    Everything here is an inference except ``UNKNOWN``, which says that nothing was inferred.
    """
    speakers = speakers_of(text.comments, text.entries)
    comments = {comment.id: comment for comment in text.comments}
    bases = {provision.id: provision.base for provision in text.provisions}
    labels = _labels(text)
    found: list[Position] = []
    for entry in text.entries:
        own = [
            comments[name] for name in entry.comments if speakers.get(comments[name].author or "") == entry.stakeholder
        ]
        for item in entry.items or (whole_of(entry),):
            found += _of_item(entry, item, own, labels, bases)
    own_entries = {entry.id: entry.stakeholder for entry in text.entries}
    for comment in text.comments:
        speaker = speakers.get(comment.author or "")
        kind = stated_kind(comment.text)
        if speaker is not None and kind is not None and own_entries.get(comment.entry or "") != speaker:
            found.append(_from_comment(comment, speaker, kind, labels))
    return tuple(replace(position, id=f"p{number}") for number, position in enumerate(found, 1))


def whole_of(entry: StakeholderEntry) -> EntryItem:
    """An entry that speaks about one provision, as an item."""
    return EntryItem(entry.provision, entry.entry_class, entry.text, entry.line)


def stated_kind(words: str) -> PositionKind | None:
    """The position that the words of a comment state; None when they state none, or only what is not wanted."""
    if alone := states_only(words):
        return alone
    for kind, pattern in _STATED.items():
        starts = [match.start() for match in re.finditer(pattern, words, re.IGNORECASE)]
        if any(not _NEGATED.search(words[max(0, start - 40) : start]) for start in starts):
            return kind
    return None


def states_only(text: str) -> PositionKind | None:
    """The position that a text states where it holds nothing else, and so no words for a provision ("Support.")."""
    found = _SPOKEN.fullmatch(text)
    verb = found["verb"] if found else ""
    return next((kind for kind, verbs in _ALONE.items() if re.fullmatch(verbs, verb, re.IGNORECASE)), None)


def speakers_of(comments: Sequence[Comment], entries: Sequence[StakeholderEntry]) -> dict[str, str]:
    """Which stakeholder each comment author is.

    A stakeholder's own name, or that of one of its organisations, is itself. A code ("JP") is a stakeholder when all
    comments it signed inside entries stand in the entries of that one. Any other author speaks for itself.
    """
    names = {name: entry.stakeholder for entry in entries for name in (*entry.organisations, entry.stakeholder)}
    owners = {entry.id: entry.stakeholder for entry in entries}
    homes: dict[str, set[str]] = {}
    for comment in comments:
        if comment.author:
            homes.setdefault(comment.author, set()).update(owners[name] for name in [comment.entry] if name in owners)
    return {
        author: names.get(author) or (next(iter(where)) if len(where) == 1 else author)
        for author, where in homes.items()
    }


def _of_item(
    entry: StakeholderEntry, item: EntryItem, own: Iterable[Comment], labels: _Labels, bases: Mapping[str, str]
) -> list[Position]:
    about = [
        (comment, kind)
        for comment in own
        if comment.provision == item.provision and (kind := stated_kind(comment.text))
    ]
    stated = [
        _from_comment(comment, entry.stakeholder, kind, labels)
        for comment, kind in about
        if kind in {PositionKind.MERGE, PositionKind.RETAIN, PositionKind.SUPPORT, PositionKind.RESERVE}
        or item.entry_class is EntryClass.EMPTY
    ]
    kind, basis = read_words(item.entry_class, item.text, bases.get(item.provision, ""))
    if kind is PositionKind.UNKNOWN and stated:
        return stated
    inferred = kind is not PositionKind.UNKNOWN
    return [Position("", entry.stakeholder, item.provision, kind, inferred, basis, entry=entry.id), *stated]


def read_words(written: EntryClass, text: str, base: str) -> tuple[PositionKind, str]:
    """The position that an entry shows, and how, when a text is read in: "Support." is one and proposes no words."""
    said = states_only(text) if written in {EntryClass.CHANGED, EntryClass.NEW} else None
    return (said, "the words state a position") if said else kind_from_words(written, text, base)


def kind_from_words(written: EntryClass, text: str, base: str) -> tuple[PositionKind, str]:
    """The position that words alone show, and how: other words amend; equal, missing or unreadable ones say nothing."""
    match written:
        case EntryClass.SAME_TEXT:
            return PositionKind.UNKNOWN, "the words equal the base"
        case EntryClass.EMPTY:
            return PositionKind.UNKNOWN, "nothing is written"
        case EntryClass.UNREADABLE:
            return PositionKind.UNKNOWN, "what is written cannot be read"
        case EntryClass.NEW:
            return PositionKind.AMEND, "a new provision is proposed"
        case EntryClass.CHANGED if replaces(text, base):
            return PositionKind.REPLACE, "few words of the base are left"
        case EntryClass.CHANGED:
            return PositionKind.AMEND, "the words differ from the base"


def replaces(text: str, base: str) -> bool:
    """Whether so few words of the base are left in a text that it stands in place of the whole."""
    return likeness(base, text) < _REPLACES_BELOW


def _from_comment(comment: Comment, speaker: str, kind: PositionKind, labels: _Labels) -> Position:
    return Position(
        "",
        speaker,
        comment.provision,
        kind,
        inferred=True,
        basis=f"the words of comment {comment.id}",
        entry=comment.entry,
        comment=comment.id,
        target=_merge_target(comment, labels) if kind is PositionKind.MERGE else None,
    )


def _merge_target(comment: Comment, labels: _Labels) -> str | None:
    section, by_label = labels.get(comment.provision, ("", {}))
    match = _OTHER.search(comment.text)
    return by_label.get((section, match["label"])) if match else None


def _labels(text: NegotiatedText) -> _Labels:
    """For each provision its section, and in one shared table the first provision of each section and label."""
    first: dict[tuple[str, str], str] = {}
    for provision in text.provisions:
        first.setdefault((provision.section, provision.label), provision.id)
    return {provision.id: (provision.section, first) for provision in text.provisions}
