"""Provisions that say the same thing twice: by runs of words they share, and by comments that say so."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from tocsin.drafting.draft import TextState, writings
from tocsin.drafting.model import Comment

_WORD = re.compile(r"\w+")
_NAMED = re.compile(
    r"\b(?:pillar|target|paragraph|para|item|provision|article)\s+(?P<label>\w+(?:\s+bis)?)\)", re.IGNORECASE
)

RUN = 5
# A run that stands in more provisions than this is a turn of phrase of the text.
_COMMON = 3


@dataclass(frozen=True)
class Overlap:
    """Two provisions, the runs of words that both hold (base or entries), and comments that name one in the other."""

    one: str
    other: str
    runs: tuple[str, ...]
    comments: tuple[str, ...]


def overlaps(draft: TextState) -> tuple[Overlap, ...]:
    """The pairs of provisions that overlap, those named by comments first, then by words shared."""
    shared = _shared_runs(draft)
    named = _named_pairs(draft)
    pairs = dict.fromkeys([*named, *shared])
    found = [Overlap(a, b, _longest(shared.get((a, b), ())), tuple(named.get((a, b), ()))) for a, b in pairs]
    return tuple(sorted(found, key=lambda o: (not o.comments, -sum(len(run.split()) for run in o.runs))))


def _shared_runs(draft: TextState) -> dict[tuple[str, str], list[str]]:
    homes: dict[tuple[str, ...], list[str]] = {}
    written = writings(draft)
    for provision in draft.printed():
        texts = [provision.base, *(text for _, text in written.get(provision.id, ()))]
        for run in dict.fromkeys(run for text in texts for run in _runs(text)):
            homes.setdefault(run, []).append(provision.id)
    shared: dict[tuple[str, str], list[str]] = {}
    for run, where in homes.items():
        if 1 < len(where) <= _COMMON:
            for pair in combinations(where, 2):
                shared.setdefault(pair, []).append(" ".join(run))
    return shared


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    found = [word.casefold() for word in _WORD.findall(text)]
    return (tuple(found[at : at + RUN]) for at in range(len(found) - RUN + 1))


def _longest(runs: Iterable[str]) -> tuple[str, ...]:
    """The runs with those that continue each other joined."""
    joined: list[list[str]] = []
    for run in runs:
        parts = run.split(" ")
        if joined and joined[-1][-(RUN - 1) :] == parts[:-1]:
            joined[-1].append(parts[-1])
        else:
            joined.append(parts)
    return tuple(dict.fromkeys(" ".join(parts) for parts in joined))


def _named_pairs(draft: TextState) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for comment in draft.comments.values():
        for other in _named(draft, comment):
            pair = sorted((comment.provision, other), key=draft.order.index)
            found.setdefault((pair[0], pair[1]), []).append(comment.id)
    return found


def _named(draft: TextState, comment: Comment) -> list[str]:
    """The other provisions of the same section that a comment names by their label."""
    home = draft.provisions.get(comment.provision)
    if home is None or home.id in draft.gone:
        return []
    labels = {match["label"].casefold() for match in _NAMED.finditer(comment.text)}
    return [p.id for p in draft.printed() if p.section == home.section and p.label in labels and p.id != home.id]
