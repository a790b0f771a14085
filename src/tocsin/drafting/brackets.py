"""Square brackets mark text that is not agreed: nested, running across provisions, sometimes unbalanced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tocsin.drafting.model import Bracket, BracketIssue, Provision


@dataclass(frozen=True)
class Brackets:
    """Every bracket of some provisions: how many open and close, which pair, and which do not pair cleanly."""

    open: int
    close: int
    pairs: tuple[Bracket, ...]
    issues: tuple[BracketIssue, ...]


def brackets(provisions: Iterable[Provision]) -> Brackets:
    """The brackets of the base texts, paired in text order; a pair never runs from one section into another.

    A pair may run across provisions of one section; it is valid and listed as an issue ``spans``.
    """
    open_count = close_count = 0
    stack: list[tuple[Provision, int]] = []
    pairs: list[Bracket] = []
    issues: list[BracketIssue] = []
    section = None
    for provision in provisions:
        if provision.section != section:
            issues += [_unclosed(*left) for left in stack]
            stack.clear()
            section = provision.section
        for offset, mark in enumerate(provision.base):
            if mark == "[":
                open_count += 1
                stack.append((provision, offset))
            elif mark == "]":
                close_count += 1
                if not stack:
                    issues.append(_unopened(provision, offset))
                    continue
                start, at = stack.pop()
                pairs.append(Bracket(start.id, at, provision.id, offset, len(stack) + 1))
                if start.id != provision.id:
                    issues.append(_spans(start, at, provision))
    issues += [_unclosed(*left) for left in stack]
    return Brackets(open_count, close_count, tuple(pairs), tuple(issues))


def lifted(provisions: Iterable[Provision], bracket: Bracket) -> dict[str, str]:
    """The base texts that change when a pair of brackets is taken away and what stands between them stays."""
    texts = {provision.id: provision.base for provision in provisions}
    before = dict(texts)
    for provision, offset in ((bracket.end_provision, bracket.end), (bracket.start_provision, bracket.start)):
        text = texts[provision]
        texts[provision] = text[:offset] + text[offset + 1 :]
    return {provision: text for provision, text in texts.items() if text != before[provision]}


def words_between(provisions: Mapping[str, Provision], pair: Bracket) -> str:
    """The words between two brackets, shortened."""
    if pair.start_provision == pair.end_provision:
        words = provisions[pair.start_provision].base[pair.start + 1 : pair.end]
    else:
        words = provisions[pair.start_provision].base[pair.start + 1 :] + " …"
    return words if len(words) <= 80 else words[:79] + "…"


def unpaired(text: str) -> tuple[int, int]:
    """How many brackets close without opening, and how many open without closing, in one piece of text."""
    marks = [text[at] for at in _unmatched(text)]
    return marks.count("]"), marks.count("[")


def paired(text: str) -> str:
    """The text without the brackets that have no partner in it."""
    unmatched = _unmatched(text)
    return "".join(mark for at, mark in enumerate(text) if at not in unmatched)


def _unmatched(text: str) -> set[int]:
    """Where brackets without a partner stand."""
    opening: list[int] = []
    closing: set[int] = set()
    for at, mark in enumerate(text):
        if mark == "[":
            opening.append(at)
        elif mark == "]" and opening:
            opening.pop()
        elif mark == "]":
            closing.add(at)
    return closing.union(opening)


def line_of(provision: Provision, offset: int) -> int:
    """The source line in which the character at ``offset`` of the base stands; 0 when it has none."""
    if not provision.lines:
        return 0
    return provision.lines[min(provision.base.count("\n", 0, offset), len(provision.lines) - 1)]


def _unclosed(provision: Provision, offset: int) -> BracketIssue:
    message = f"{provision.id}: a bracket opens and never closes."
    return BracketIssue("unclosed", provision.id, offset, line_of(provision, offset), message)


def _unopened(provision: Provision, offset: int) -> BracketIssue:
    message = f"{provision.id}: a bracket closes that never opened."
    return BracketIssue("unopened", provision.id, offset, line_of(provision, offset), message)


def _spans(start: Provision, offset: int, end: Provision) -> BracketIssue:
    message = f"One bracket runs from {start.id} into {end.id}."
    return BracketIssue("spans", start.id, offset, line_of(start, offset), message, to=end.id)
