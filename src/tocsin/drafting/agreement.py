"""Where a text stands: who wants what of which provision, which places differ, whose words are the same."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tocsin.drafting.brackets import brackets, paired, unpaired
from tocsin.drafting.difference import Edit, apply_edits, edits, words
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.model import EntryClass, Position, PositionKind, Provision, StakeholderEntry
from tocsin.drafting.positions import replaces, states_only
from tocsin.node.sentences import say

AGREEING = {PositionKind.SUPPORT, PositionKind.RETAIN}
POSITION_WORDS = {
    PositionKind.SUPPORT: say("support"),
    PositionKind.OPPOSE: say("oppose"),
    PositionKind.AMEND: say("amend"),
    PositionKind.DELETE: say("delete"),
    PositionKind.MERGE: say("merge"),
    PositionKind.REPLACE: say("replace"),
    PositionKind.CLARIFY: say("clarify"),
    PositionKind.RETAIN: say("retain"),
    PositionKind.RESERVE: say("reserve"),
}


class ProvisionAgreement(StrEnum):
    """``STABLE``: somebody agrees and nobody differs. ``CONTESTED``: somebody differs, or the base is in brackets."""

    STABLE = "stable"
    CONTESTED = "contested"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Stakeholder:
    """One label of the record; it may stand for several organisations."""

    name: str
    organisations: tuple[str, ...]
    role: str | None


@dataclass(frozen=True)
class AgreementRow:
    """A provision's line of the matrix: the positions in force by stakeholder, and what follows from them.

    ``older`` are the positions taken on words that the provision no longer has; they count for nothing here, since
    nobody has said whether they still hold.
    """

    provision: Provision
    standing: ProvisionAgreement
    reasons: tuple[str, ...]
    cells: Mapping[str, tuple[Position, ...]]
    older: Mapping[str, tuple[Position, ...]]


@dataclass(frozen=True)
class Option:
    """Words for one place, and the entries that have them."""

    text: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class ContestedSpan:
    """Characters ``start`` to ``end`` of the base that somebody would change, and each other wording once."""

    start: int
    end: int
    base: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Alternatives:
    """The places of one provision that somebody would change, in text order, and the ``whole`` if replaced."""

    places: tuple[ContestedSpan, ...]
    whole: ContestedSpan | None = None


@dataclass(frozen=True)
class Identical:
    """Entries of different stakeholders with the same words: a fact about words, not about who works with whom."""

    provision: str
    entries: tuple[str, ...]
    stakeholders: tuple[str, ...]
    equals_base: bool


def stakeholders(draft: TextState) -> tuple[Stakeholder, ...]:
    """Everybody who wrote or took a position, in order of appearance."""
    found: dict[str, Stakeholder] = {}
    for entry in draft.entries.values():
        found.setdefault(entry.stakeholder, Stakeholder(entry.stakeholder, entry.organisations, entry.role))
    for position in draft.positions.values():
        found.setdefault(position.stakeholder, Stakeholder(position.stakeholder, (position.stakeholder,), None))
    return tuple(found.values())


def agreement(draft: TextState) -> tuple[AgreementRow, ...]:
    """The matrix: one row a provision in the text, in print order."""
    in_force = _in_force(draft)
    bracketed = _bracketed(draft)
    rows = []
    for provision in draft.printed():
        spoken = _spoken(draft, provision, in_force)
        cells, older = (
            {name: kept for name, found in spoken.items() if (kept := _taken(draft, provision, found, older=older))}
            for older in (False, True)
        )
        rows.append(_row(provision, cells, older, bracketed=provision.id in bracketed))
    return tuple(rows)


def tally(row: AgreementRow, people: Iterable[Stakeholder]) -> dict[PositionKind, tuple[int, int]]:
    """For each position in a row: how many labels hold it, and how many organisations these stand for."""
    sizes = {person.name: len(person.organisations) for person in people}
    labels: Counter[PositionKind] = Counter()
    organisations: Counter[PositionKind] = Counter()
    for name, positions in row.cells.items():
        for kind in {position.kind for position in positions}:
            labels[kind] += 1
            organisations[kind] += sizes.get(name, 1)
    return {kind: (labels[kind], organisations[kind]) for kind in PositionKind if labels[kind]}


def comparable(draft: TextState, provision: str) -> tuple[StakeholderEntry, ...]:
    """The readable entries with words for a provision that were written on the words it has now."""
    base = draft.provisions[provision].base
    return tuple(
        entry
        for entry in draft.entries_on(provision)
        if (written := words_for(entry, provision))
        and not states_only(written)
        and draft.base_of(entry, provision) == base
        and entry.entry_class is not EntryClass.UNREADABLE
    )


def on_older_bases(draft: TextState, provision: str) -> tuple[StakeholderEntry, ...]:
    """The entries on a provision whose base has changed since; they need a rebase to be compared."""
    base = draft.provisions[provision].base
    return tuple(
        entry
        for entry in draft.entries_on(provision)
        if (written := words_for(entry, provision))
        and not states_only(written)
        and draft.base_of(entry, provision) != base
    )


def alternatives(draft: TextState, provision: str, among: Collection[str] | None = None) -> Alternatives:
    """Every place of a provision that somebody would change, once, in text order, with each other wording once.

    Words that leave little of the base stand beside the whole provision: cut into places, they would swallow everybody
    else's. ``among`` limits it to some entries.
    """
    base = draft.provisions[provision].base
    writings = {
        entry.id: words_for(entry, provision)
        for entry in comparable(draft, provision)
        if among is None or entry.id in among
    }
    whole = {name: text for name, text in writings.items() if base and replaces(text, base)}
    local = {name: text for name, text in writings.items() if name not in whole}
    return Alternatives(
        places(base, local), ContestedSpan(0, len(base), base, _options(whole.items())) if whole else None
    )


def places(base: str, writings: Mapping[str, str]) -> tuple[ContestedSpan, ...]:
    """The places of any base and texts by name. Changes that overlap or touch are one place; spacing alone is none."""
    changes = {
        name: [edit for edit in edits(base, text) if words(edit.text) != words(base[edit.start : edit.end])]
        for name, text in writings.items()
    }
    spans = sorted((edit.start, edit.end) for found in changes.values() for edit in found)
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(_place(base, start, end, changes) for start, end in joined)


def in_brackets(base: str, found: Alternatives) -> str:
    """The base with every place as "[as it is] [or so]"; words that would only go stand alone in brackets.

    Wordings of the whole follow, each in brackets, behind what the places make of the base.
    """
    text = apply_edits(base, (Edit(place.start, place.end, place_in_brackets(place)) for place in found.places))
    return place_in_brackets(ContestedSpan(0, len(text), text, found.whole.options)) if found.whole else text


def place_in_brackets(place: ContestedSpan) -> str:
    """One place in brackets. Marks of the base that pair with one outside the place stay, so that they still pair."""
    texts = [paired(text).strip() for text in (place.base, *(option.text for option in place.options))]
    distinct = {words(text): text for text in reversed(texts)}
    if len(distinct) < 2:
        return place.base
    shown = " ".join(f"[{text}]" for text in dict.fromkeys(texts) if text and distinct[words(text)] == text)
    closing, opening = unpaired(place.base)
    spaced = "" if place.base or not place.start else " "
    lead = place.base[: len(place.base) - len(place.base.lstrip())] or spaced
    trail = place.base[len(place.base.rstrip()) :] if place.base.strip() else ""
    return lead + "]" * closing + shown + " [" * opening + trail


def identical_wording(draft: TextState, among: Iterable[Provision] | None = None) -> tuple[Identical, ...]:
    """Entries on one provision by different stakeholders whose words are equal, spacing aside."""
    found: list[Identical] = []
    for provision in draft.printed() if among is None else among:
        groups: dict[tuple[str, ...], list[StakeholderEntry]] = {}
        for entry in draft.entries_on(provision.id):
            text = words_for(entry, provision.id)
            if text and entry.entry_class is not EntryClass.UNREADABLE:
                groups.setdefault(words(text), []).append(entry)
        base = words(provision.base)
        for key, entries in groups.items():
            names = tuple(dict.fromkeys(entry.stakeholder for entry in entries))
            if len(names) > 1:
                found.append(Identical(provision.id, tuple(entry.id for entry in entries), names, key == base))
    return tuple(found)


def _in_force(draft: TextState) -> dict[str, dict[str, tuple[Position, ...]]]:
    """Provision or section → stakeholder → positions: from the last declared one on, of the last entry and comments."""
    by_place: dict[tuple[str, str], list[Position]] = {}
    for position in draft.positions.values():
        by_place.setdefault((position.provision, position.stakeholder), []).append(position)
    found: dict[str, dict[str, tuple[Position, ...]]] = {}
    for (provision, stakeholder), positions in by_place.items():
        declared = [at for at, position in enumerate(positions) if position.confirmed]
        current = positions[declared[-1] :] if declared else positions
        last_entry = next((p.entry for p in reversed(current) if p.entry and not p.comment), None)
        kept = tuple(p for p in current if p.confirmed or p.comment or p.entry == last_entry)
        found.setdefault(provision, {})[stakeholder] = kept
    return found


def _bracketed(draft: TextState) -> set[str]:
    """The provisions of which some words stand in brackets; a pair that runs across provisions covers them all."""
    found: set[str] = set()
    for pair in brackets(draft.printed()).pairs:
        first, last = draft.order.index(pair.start_provision), draft.order.index(pair.end_provision)
        found.update(draft.order[first : last + 1])
    return found


def _spoken(
    draft: TextState, provision: Provision, in_force: Mapping[str, Mapping[str, tuple[Position, ...]]]
) -> dict[str, tuple[Position, ...]]:
    """Who holds what of a provision, and of its whole section while the provision was in the base."""
    own = in_force.get(provision.id, {})
    section = {
        name: tuple(p for p in found if draft.base_at(provision.id, p.generation))
        for name, found in in_force.get(provision.section, {}).items()
    }
    return {name: (*own.get(name, ()), *section.get(name, ())) for name in dict.fromkeys([*own, *section])}


def _taken(
    draft: TextState, provision: Provision, positions: Iterable[Position], *, older: bool
) -> tuple[Position, ...]:
    """The positions that were taken on the words that the provision has now, or those taken on older ones."""
    return tuple(p for p in positions if (draft.base_at(provision.id, p.generation) != provision.base) == older)


def _row(
    provision: Provision,
    cells: Mapping[str, tuple[Position, ...]],
    older: Mapping[str, tuple[Position, ...]],
    *,
    bracketed: bool,
) -> AgreementRow:
    kinds = {position.kind for positions in cells.values() for position in positions} - {PositionKind.UNKNOWN}
    reasons = [
        say("%(position)s by %(who)s", position=_said(provision, kind), who=_who(cells, kind))
        for kind in PositionKind
        if kind in kinds and kind not in AGREEING
    ]
    notes = [say("the base is in brackets")] if bracketed else []
    notes += [say("%(older)s spoke on older words only", older=len(older))] if older else []
    agreed = [
        say("%(position)s by %(who)s", position=POSITION_WORDS[kind], who=_who(cells, kind))
        for kind in PositionKind
        if kind in kinds and kind in AGREEING
    ]
    standing = ProvisionAgreement.UNKNOWN
    why: list[str] = [*notes, say("nobody has said anything that can be counted")]
    if not provision.readable:
        why = [say("the base is unreadable"), *reasons]
    elif reasons or bracketed:
        standing, why = ProvisionAgreement.CONTESTED, [*reasons, *notes]
    elif agreed:
        standing, why = ProvisionAgreement.STABLE, [*agreed, *notes]
    return AgreementRow(provision, standing, tuple(why), cells, older)


def _said(provision: Provision, kind: PositionKind) -> str:
    """How a reason names a position: words for a provision that the base does not have propose it."""
    return POSITION_WORDS[kind] if provision.base or kind is not PositionKind.AMEND else say("proposed as new")


def _who(cells: Mapping[str, tuple[Position, ...]], kind: PositionKind) -> str:
    return " · ".join(name for name, positions in cells.items() if any(p.kind is kind for p in positions))


def _place(base: str, start: int, end: int, changes: Mapping[str, Sequence[Edit]]) -> ContestedSpan:
    texts: list[tuple[str, str]] = []
    for name, found in changes.items():
        inside = [Edit(e.start - start, e.end - start, e.text) for e in found if start <= e.start and e.end <= end]
        if inside:
            texts.append((name, apply_edits(base[start:end], inside)))
    return ContestedSpan(start, end, base[start:end], _options(texts))


def _options(writings: Iterable[tuple[str, str]]) -> tuple[Option, ...]:
    """Each wording once, in the order in which they first come, with the entries that have it."""
    found: dict[str, list[str]] = {}
    for name, text in writings:
        found.setdefault(text, []).append(name)
    return tuple(Option(text, tuple(names)) for text, names in found.items())
