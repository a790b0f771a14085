"""What a text has of other threads: their words, and the addresses of their parties. Pure.

Texts are compared by shingles, that is by every run of so many words (Broder, On the resemblance and containment of
documents, 1997), without marks of quotation, punctuation and case, so that a wrapped or quoted text is still found.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

RUN: Final = 6
"""So many words in the same order are no accident."""

_WORD = re.compile(r"\w+(?:[@.:/+-]+\w+)*+")
_ADDRESS = re.compile(r"[\w.+-]++(@[\w.-]+\w)?")  # also takes what is none, so that each sign is read once


@dataclass(frozen=True, slots=True)
class OtherThread:
    """A thread beside the one that is written to: the name of its party, what was said in it, its addresses."""

    name: str
    texts: tuple[str, ...]
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Quote:
    """What a text has of another thread: whose, and the first words of it."""

    name: str
    words: str


def quotes_in(text: str, others: Iterable[OtherThread], known: Collection[str] = ()) -> list[Quote]:
    """What a text has of other threads, one for each. ``known``: texts that its reader knows, or that say nothing."""
    words = _words(text)
    ours = _unknown(words, {shingle for one in known for shingle in _shingles(_words(one))})
    named = _addresses(text)
    read = {one for whole in known for one in _addresses(whole)}
    found = ((one, _quoted(words, ours, one) or min(named & one.addresses - read, default="")) for one in others)
    return [Quote(one.name, said) for one, said in found if said]


def _unknown(words: Sequence[str], known: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """The shingles that say something new, and where each is first: most of their words are in no known one."""
    places = list(enumerate(_shingles(words)))
    covered = {place + step for place, one in places if one in known for step in range(RUN)}
    fresh = ((place, one) for place, one in places if sum(place + step in covered for step in range(RUN)) <= RUN // 2)
    return {one: place for place, one in reversed(list(fresh))}


def _quoted(words: Sequence[str], ours: dict[tuple[str, ...], int], other: OtherThread) -> str:
    places = {ours[one] for text in other.texts for one in _shingles(_words(text)) if one in ours}
    if not places:
        return ""
    begin = end = min(places)
    while end + 1 in places:
        end += 1
    return " ".join(words[begin : end + RUN])


def _addresses(text: str) -> set[str]:
    return {one.group().lower() for one in _ADDRESS.finditer(text) if one[1]}


def _words(text: str) -> list[str]:
    return [one.casefold() for one in _WORD.findall(text)]


def _shingles(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)]
