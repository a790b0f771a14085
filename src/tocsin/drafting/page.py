"""A draft as one HTML page that needs nothing else: the matrix of positions, then each provision with its alternatives.

No scripts and nothing fetched, so that it opens from a mail attachment on an old computer and prints well.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.drafting.agreement import (
    AGREEING,
    AgreementRow,
    ContestedSpan,
    Identical,
    ProvisionAgreement,
    Stakeholder,
    agreement,
    alternatives,
    identical_wording,
    on_older_bases,
    stakeholders,
    tally,
)
from tocsin.drafting.brackets import brackets
from tocsin.drafting.difference import TextChange, TextPiece, difference
from tocsin.drafting.draft import ChairDecision, TextState, words_for
from tocsin.drafting.layouts import by_section
from tocsin.drafting.model import Comment, EntryClass, Position, PositionKind, StakeholderEntry, TextSection
from tocsin.drafting.overlap import overlaps

_HEAT = 4


@dataclass(frozen=True)
class CellView:
    """One stakeholder's positions on one provision: the word to print, how it looks, and the sentence behind it."""

    word: str
    look: str
    sentence: str
    link: str


@dataclass(frozen=True)
class BasePiece:
    """A run of the base; ``place`` numbers a place that somebody would change, ``heat`` (1 to 4) by how many."""

    text: str
    place: int = 0
    heat: int = 0
    who: str = ""


@dataclass(frozen=True)
class PlaceView:
    """One place: the words of the base, and each other wording with who has it; number 0 is the whole provision."""

    number: int
    base: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EntryView:
    """An entry with its difference from the base it was written on."""

    entry: StakeholderEntry
    pieces: tuple[TextPiece, ...]
    positions: tuple[Position, ...]
    comments: tuple[Comment, ...]
    same_as: str
    older: bool


@dataclass(frozen=True)
class StepView:
    """A step of the history in words."""

    number: int
    at: str
    actor: str
    what: str
    state: str


@dataclass(frozen=True)
class ProvisionView:
    """Everything about one provision."""

    row: AgreementRow
    cells: tuple[CellView, ...]
    tally: str
    base: tuple[BasePiece, ...]
    places: tuple[PlaceView, ...]
    entries: tuple[EntryView, ...]
    comments: tuple[Comment, ...]
    decision: ChairDecision | None


def page(draft: TextState, *, shown: Sequence[str] | None = None, steps: Sequence[StepView] = ()) -> str:
    """The page; ``shown`` limits it to some provisions (all by default), ``steps`` are its public history."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tocsin.drafting", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    people = stakeholders(draft)
    rows = [row for row in agreement(draft) if shown is None or row.provision.id in shown]
    same = identical_wording(draft, [row.provision for row in rows])
    views = {row.provision.id: _provision(draft, row, people, same) for row in rows}
    return environment.get_template("page.html").render(
        draft=draft,
        headline=headline(rows),
        people=people,
        groups=len({name for person in people for name in person.organisations}),
        sections=_sections(draft, views),
        section_comments=_section_comments(draft),
        issues=brackets(draft.printed()).issues,
        overlaps=overlaps(draft)[:20] if shown is None else (),
        comments=draft.comments,
        steps=steps,
        counts=_counts(rows, people),
        stated=sum(1 for position in draft.positions.values() if position.kind is not PositionKind.UNKNOWN),
    )


def headline(rows: Sequence[AgreementRow]) -> str:
    """Where the text stands, in one sentence."""
    count = Counter(row.standing for row in rows)
    others = [f"{count[one]} {one}" for one in (ProvisionAgreement.STABLE, ProvisionAgreement.UNKNOWN) if count[one]]
    return ", ".join([f"{count[ProvisionAgreement.CONTESTED]} of {len(rows)} provisions are contested", *others])


def _sections(draft: TextState, views: Mapping[str, ProvisionView]) -> list[tuple[TextSection, list[ProvisionView]]]:
    found = [(section, [views[p.id] for p in there if p.id in views]) for section, there in by_section(draft)]
    return [(section, there) for section, there in found if there]


def _section_comments(draft: TextState) -> dict[str, list[Comment]]:
    return {
        section: [comment for comment in draft.comments.values() if comment.provision == section]
        for section in draft.sections()
    }


def _counts(rows: Sequence[AgreementRow], people: Sequence[Stakeholder]) -> list[int]:
    """For each stakeholder on how many provisions it differs."""
    return [
        sum(
            any(p.kind not in {*AGREEING, PositionKind.UNKNOWN} for p in row.cells.get(person.name, ())) for row in rows
        )
        for person in people
    ]


def _provision(
    draft: TextState, row: AgreementRow, people: Sequence[Stakeholder], same: Sequence[Identical]
) -> ProvisionView:
    name = row.provision.id
    found = alternatives(draft, name)
    whole = [(0, found.whole)] if found.whole else []
    entries = draft.entries_on(name)
    older = {entry.id for entry in on_older_bases(draft, name)}
    return ProvisionView(
        row,
        tuple(_cell(row.cells.get(p.name, ()), row.older.get(p.name, ())) for p in people),
        _tally_words(row, people),
        _base_pieces(draft, row.provision.base, found.places),
        tuple(_place_view(draft, number, place) for number, place in [*enumerate(found.places, 1), *whole]),
        tuple(_entry_view(draft, entry, name, same, older=entry.id in older) for entry in entries),
        tuple(draft.remarks_on(name)),
        draft.decisions.get(name),
    )


def _cell(positions: Sequence[Position], older: Sequence[Position]) -> CellView:
    if not positions and older:
        sentence = "on older words: " + "; ".join(_sentence(p) for p in older)
        return CellView(" ".join(dict.fromkeys(p.kind for p in older)), "older", sentence, older[0].entry or "")
    if not positions:
        return CellView("", "none", "said nothing", "")
    kinds = list(dict.fromkeys(p.kind for p in positions if p.kind is not PositionKind.UNKNOWN))
    if not kinds:
        return CellView("○", "unknown", f"unknown: {positions[0].basis}", positions[0].entry or "")
    agrees = all(kind in AGREEING for kind in kinds)
    inferred = all(p.inferred and not p.confirmed for p in positions if p.kind is not PositionKind.UNKNOWN)
    look = f"{'agrees' if agrees else 'differs'}{' inferred' if inferred else ''}"
    sentence = "; ".join(_sentence(p) for p in positions)
    return CellView(" ".join(kind.value for kind in kinds), look, sentence, positions[0].entry or "")


def _sentence(position: Position) -> str:
    how = "inferred, confirmed" if position.confirmed else "inferred"
    target = f" into {position.target}" if position.target else ""
    return f"{position.kind}{target} ({how if position.inferred else 'declared'}: {position.basis})"


def _tally_words(row: AgreementRow, people: Sequence[Stakeholder]) -> str:
    return ", ".join(
        f"{kind} {labels}" if labels == organisations else f"{kind} {labels} ({organisations})"
        for kind, (labels, organisations) in tally(row, people).items()
    )


def _names(draft: TextState, entries: Sequence[str]) -> str:
    return " · ".join(dict.fromkeys(draft.entries[name].stakeholder for name in entries))


def _base_pieces(draft: TextState, base: str, found: Sequence[ContestedSpan]) -> tuple[BasePiece, ...]:
    pieces: list[BasePiece] = []
    at = 0
    for number, place in enumerate(found, 1):
        who = [name for option in place.options for name in option.entries]
        inner = place.base.strip()
        lead, tail = place.base.partition(inner)[::2] if inner else (place.base, "")
        pieces.append(BasePiece(base[at : place.start] + lead))
        pieces.append(BasePiece(inner, number, min(_HEAT, 1 + len(who) // 2), _names(draft, who)))
        pieces.append(BasePiece(tail))
        at = place.end
    return tuple(piece for piece in (*pieces, BasePiece(base[at:])) if piece.text or piece.place)


def _place_view(draft: TextState, number: int, place: ContestedSpan) -> PlaceView:
    options = tuple((option.text.strip(), _names(draft, option.entries)) for option in place.options)
    return PlaceView(number, place.base.strip(), options)


def _entry_view(
    draft: TextState, entry: StakeholderEntry, provision: str, same: Sequence[Identical], *, older: bool
) -> EntryView:
    text, base = words_for(entry, provision), draft.base_of(entry, provision)
    compared = bool(base and text) and entry.entry_class is not EntryClass.UNREADABLE
    others = [
        name
        for group in same
        if group.provision == provision and entry.id in group.entries
        for name in group.stakeholders
        if name != entry.stakeholder
    ]
    return EntryView(
        entry,
        difference(base, text) if compared else ((TextPiece(TextChange.KEEP, text),) if text else ()),
        tuple(p for p in draft.positions.values() if p.entry == entry.id and p.provision == provision),
        tuple(draft.comments[name] for name in entry.comments if draft.comments[name].provision == provision),
        ", ".join(others),
        older,
    )
