"""The JSON documents that the commands print."""

from collections.abc import Iterable, Mapping

from pydantic_core import to_jsonable_python

from tocsin.drafting.agreement import AgreementRow, Stakeholder, alternatives, identical_wording, stakeholders, tally
from tocsin.drafting.brackets import Brackets, brackets
from tocsin.drafting.difference import TextPiece, difference
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.model import NegotiatedText, Position, StakeholderEntry


def import_document(text: NegotiatedText) -> dict[str, object]:
    """The document: provisions, entries, comments, brackets, warnings; all in source order.

    An entry is named by its line: ``comments[].entry`` and ``entries[].line`` are the same number, and
    ``entries[].comments`` are the lines of its comments.
    """
    lines = {entry.id: entry.line for entry in text.entries}
    comment_lines = {comment.id: comment.line for comment in text.comments}
    found = brackets(text.provisions)
    return {
        "provisions": [_some(provision, "id", "label", "kind", "base", "lines") for provision in text.provisions],
        "entries": [
            {
                **_some(entry, "line", "provision", "stakeholder", "organisations", "role"),
                "class": entry.entry_class.value,
                "text": entry.text,
                "comments": [comment_lines[name] for name in entry.comments],
            }
            for entry in text.entries
        ],
        "comments": [
            _some(comment, "line", "author", "provision", "entry", "text") | {"entry": lines.get(comment.entry or "")}
            for comment in text.comments
        ],
        "brackets": {"open": found.open, "close": found.close, "issues": issues_document(found)},
        "warnings": [plain(notice) for notice in text.warnings],
    }


def brackets_document(found: Brackets) -> dict[str, object]:
    """The brackets, each pair with its number."""
    pairs = [
        {"number": number, "from": p.start_provision, "start": p.start, "to": p.end_provision, "end": p.end,
         "depth": p.depth}
        for number, p in enumerate(found.pairs, 1)
    ]  # fmt: skip
    return {"open": found.open, "close": found.close, "pairs": pairs, "issues": issues_document(found)}


def issues_document(found: Brackets) -> list[dict[str, object]]:
    """The brackets that do not pair."""
    return [_some(issue, "issue", "provision", "to", "line", "message") for issue in found.issues]


def provision_document(draft: TextState, name: str) -> dict[str, object]:
    """Everything about one provision: base, entries with their differences, positions, comments, alternatives."""
    provision = draft.provisions[name]
    entries = draft.entries_on(name)
    decision = draft.decisions.get(name)
    return {
        **plain(provision),
        "gone": draft.gone.get(name),
        "decision": None if decision is None else plain(decision),
        "entries": [_entry(draft, entry, name) for entry in entries],
        "positions": [plain(p) for p in draft.positions_on(name)],
        "comments": [plain(c) for c in draft.comments.values() if c.provision == name],
        "alternatives": alternatives_document(draft, name),
        "identical_wording": [plain(found) for found in identical_wording(draft, [provision])],
    }


def alternatives_document(draft: TextState, name: str) -> list[dict[str, object]]:
    """Every place that somebody would change, in text order, then what would replace all words; entries by id."""
    found = alternatives(draft, name)
    return [plain(place) for place in (*found.places, *([found.whole] if found.whole else []))]


def agreement_document(draft: TextState, rows: Iterable[AgreementRow]) -> dict[str, object]:
    """The matrix, with both counts."""
    people = stakeholders(draft)
    return {
        "generation": draft.generation,
        "stakeholders": [plain(person) for person in people],
        "provisions": [_row(row, people) for row in rows],
    }


def draft_document(draft: TextState, rows: Iterable[AgreementRow]) -> dict[str, object]:
    """The whole draft: what ``export --format json`` writes."""
    return {
        "title": draft.text.title,
        "source": plain(draft.text.source),
        "generation": draft.generation,
        "chair": draft.chair,
        "sections": [plain(section) for section in draft.text.sections],
        "provisions": [provision_document(draft, name) for name in draft.order],
        "gone": draft.gone,
        "agreement": agreement_document(draft, rows),
    }


def pieces_document(pieces: Iterable[TextPiece]) -> list[dict[str, str]]:
    """A difference as a list of kept, deleted and inserted text."""
    return [{"change": piece.change.value, "text": piece.text} for piece in pieces]


def _entry(draft: TextState, entry: StakeholderEntry, provision: str) -> dict[str, object]:
    base, text = draft.base_of(entry, provision), words_for(entry, provision)
    return {**plain(entry), "difference": pieces_document(difference(base, text) if text else ())}


def _row(row: AgreementRow, people: Iterable[Stakeholder]) -> dict[str, object]:
    counts = tally(row, people).items()
    return {
        "provision": row.provision.id,
        "standing": row.standing.value,
        "reasons": list(row.reasons),
        "positions": _positions(row.cells),
        "older_positions": _positions(row.older),
        "counts": {kind.value: {"labels": labels, "organisations": orgs} for kind, (labels, orgs) in counts},
    }


def _positions(cells: Mapping[str, Iterable[Position]]) -> dict[str, list[dict[str, object]]]:
    names = ("id", "kind", "inferred", "confirmed", "basis", "target")
    return {name: [_some(position, *names) for position in positions] for name, positions in cells.items()}


def _some(value: object, *names: str) -> dict[str, object]:
    """These fields of a record as JSON values."""
    found = plain(value)
    return {name: found[name] for name in names}


def plain(value: object) -> dict[str, object]:
    """A frozen record as JSON values."""
    dumped: dict[str, object] = to_jsonable_python(value)
    return dumped
