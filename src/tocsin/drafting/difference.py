"""Word-level difference of two texts, exact both ways, and what a difference leaves standing."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

_TOKEN = re.compile(r"\s*(\w+|[^\w\s])|\s+\Z")
_WORD = re.compile(r"\w+|[^\w\s]")

# Above this many cells a comparison would take seconds; the middle is then one replacement, which is exact too.
_LARGEST = 4_000_000

# Above this many cells the order of words no longer counts for likeness, so that reading stays quick on any text.
_LARGEST_LIKENESS = 250_000


class TextChange(StrEnum):
    """What happened to a piece of text."""

    KEEP = "keep"
    DELETE = "delete"
    INSERT = "insert"


@dataclass(frozen=True)
class TextPiece:
    """A run of text and what happened to it."""

    change: TextChange
    text: str


@dataclass(frozen=True)
class Edit:
    """``old[start:end]`` becomes ``text``; offsets in characters of the old text."""

    start: int
    end: int
    text: str


def words(text: str) -> tuple[str, ...]:
    """The words and marks of a text without its spacing; two texts with equal words say the same."""
    return tuple(_WORD.findall(text))


def difference(old: str, new: str) -> tuple[TextPiece, ...]:
    """The pieces that turn ``old`` into ``new``; ``accepted`` and ``rejected`` give back both exactly."""
    pieces: list[TextPiece] = []
    at = 0
    for edit in edits(old, new):
        pieces += _piece(TextChange.KEEP, old[at : edit.start])
        pieces += _piece(TextChange.DELETE, old[edit.start : edit.end])
        pieces += _piece(TextChange.INSERT, edit.text)
        at = edit.end
    return (*pieces, *_piece(TextChange.KEEP, old[at:]))


def edits(old: str, new: str) -> tuple[Edit, ...]:
    """The edits from ``old`` to ``new`` in text order; whole words, never touching each other."""
    before, after = _tokens(old), _tokens(new)
    found: list[Edit] = []
    for tag, i1, i2, j1, j2 in _opcodes([key for _, _, key in before], [key for _, _, key in after]):
        if tag == "equal":
            pairs = zip(before[i1:i2], after[j1:j2], strict=True)
            found += [edit for a, b in pairs if (edit := _spacing(old, new, a, b)) is not None]
        else:
            start, end = _extent(before, i1, i2, len(old))
            found.append(Edit(start, end, "".join(new[s:e] for s, e, _ in after[j1:j2])))
    return _joined(found, old)


def accepted(pieces: Iterable[TextPiece]) -> str:
    """The text with every change taken."""
    return "".join(piece.text for piece in pieces if piece.change is not TextChange.DELETE)


def rejected(pieces: Iterable[TextPiece]) -> str:
    """The text with every change refused."""
    return "".join(piece.text for piece in pieces if piece.change is not TextChange.INSERT)


def likeness(one: str, other: str) -> float:
    """How much of two texts is the same words in the same order: 0 (nothing) to 1 (all)."""
    first, second = words(one.casefold()), words(other.casefold())
    if not first or not second:
        return 0.0
    if len(first) * len(second) > _LARGEST_LIKENESS:
        return 2 * (Counter(first) & Counter(second)).total() / (len(first) + len(second))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def carried_over(edits_: Sequence[Edit], base: str, new_base: str) -> tuple[str, tuple[Edit, ...]]:
    """The new base with those edits of the old base made that still fit, and the edits that meet a change of the base.

    An edit that meets a change is left out of the text and returned: nobody's words are decided silently.
    """
    moved = edits(base, new_base)
    clashes = tuple(edit for edit in edits_ if any(_touch(edit, other) for other in moved))
    fitting = [edit for edit in edits_ if edit not in clashes]
    return apply_edits(base, sorted([*fitting, *moved], key=lambda edit: (edit.start, edit.end))), clashes


def apply_edits(old: str, edits_: Iterable[Edit]) -> str:
    """``old`` with the edits made; they must be in text order and not overlap."""
    parts: list[str] = []
    at = 0
    for edit in edits_:
        parts += [old[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, old[at:]])


def _touch(one: Edit, other: Edit) -> bool:
    if one == other:
        return False
    return one.start <= other.end and other.start <= one.end


def _tokens(text: str) -> list[tuple[int, int, str]]:
    """(start, end, word) of each token; a token carries the space before it, so that all characters belong to one."""
    return [(match.start(), match.end(), match.group(1) or "") for match in _TOKEN.finditer(text)]


def _opcodes(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    b_end, a_end = len(before) - tail, len(after) - tail
    codes: list[tuple[str, int, int, int, int]] = [("equal", 0, head, 0, head)]
    if (b_end - head) * (a_end - head) > _LARGEST:
        codes.append(("replace", head, b_end, head, a_end))
    else:
        matcher = SequenceMatcher(None, before[head:b_end], after[head:a_end], autojunk=False)
        codes += [(tag, i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in matcher.get_opcodes()]
    codes.append(("equal", b_end, len(before), a_end, len(after)))
    return codes


def _spacing(old: str, new: str, a: tuple[int, int, str], b: tuple[int, int, str]) -> Edit | None:
    """The edit of the space before an unchanged word, if that differs."""
    old_space, new_space = old[a[0] : a[1] - len(a[2])], new[b[0] : b[1] - len(b[2])]
    return None if old_space == new_space else Edit(a[0], a[0] + len(old_space), new_space)


def _extent(tokens: Sequence[tuple[int, int, str]], first: int, last: int, length: int) -> tuple[int, int]:
    if first < last:
        return tokens[first][0], tokens[last - 1][1]
    at = tokens[first][0] if first < len(tokens) else length
    return at, at


def _joined(found: Sequence[Edit], old: str) -> tuple[Edit, ...]:
    """The same edits with neighbours that touch made one, and edits that change nothing left out."""
    joined: list[Edit] = []
    for edit in found:
        if joined and joined[-1].end == edit.start:
            joined[-1] = Edit(joined[-1].start, edit.end, joined[-1].text + edit.text)
        else:
            joined.append(edit)
    return tuple(edit for edit in joined if old[edit.start : edit.end] != edit.text)


def _piece(change: TextChange, text: str) -> list[TextPiece]:
    return [TextPiece(change, text)] if text else []
