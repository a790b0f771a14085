"""Sentences of the rooms below, known by their shape and said in another language.

Rooms say in English what happened: ``isp.csv is empty.`` Catalogues hold its shape, ``%(name)s is empty.``, with its
translation, under the context `CONTEXT`. Here the shape of a sentence is found again, and what filled it in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

CONTEXT: Final = "said"
"""The gettext context (msgctxt) of shapes: it tells them from the texts of pages."""

_LONGEST: Final = 20_000  # characters; what is longer is no sentence of ours
_KEPT: Final = 500  # characters of sentences that are remembered
_DEPTH: Final = 5  # sentences within sentences
_PARTS: Final = 50  # sentences in a row
_NAMES: Final = re.compile(r"%\((\w+)\)s")
_BETWEEN: Final = (("\n", _PARTS), ("; ", _PARTS), (": ", 1), (" (", 1), (", ", _PARTS))

Say = Callable[[str, Mapping[str, str]], str]


@dataclass(frozen=True)
class Shape:
    """One shape: the texts around its names (one more than names; some empty), and what it is in the other language."""

    texts: tuple[str, ...]
    names: tuple[str, ...]
    translation: str = ""

    @property
    def said(self) -> int:
        """How many characters it says in any case: the more, the more specific it is."""
        return sum(map(len, self.texts))

    def values(self, sentence: str) -> dict[str, str] | None:
        """What fills it in to become the sentence, or None.

        Where there are several ways, each name has the shortest text that fits, from the left. Nothing is tried twice:
        the time is linear in the sentence, whatever stands in it.
        """
        if not self.names:
            return {} if sentence == self.texts[0] else None
        first, *between, last = self.texts
        at, end = len(first), len(sentence) - len(last)
        if at > end or not sentence.startswith(first) or not sentence.endswith(last):
            return None
        found = []
        for text in between:
            place = sentence.find(text, at, end)
            if place < 0:
                return None
            found.append(sentence[at:place])
            at = place + len(text)
        return dict(zip(self.names, [*found, sentence[at:end]], strict=True))


def shape_of(text: str, translation: str = "") -> Shape:
    """The shape that a text of a catalogue writes: ``%(name)s`` is filled in, ``%%`` is a percent sign."""
    parts = _NAMES.split(text.replace("%%", "\0"))
    return Shape(tuple(part.replace("\0", "%") for part in parts[::2]), tuple(parts[1::2]), translation)


def names_command(hint: str) -> bool:
    """Whether a hint is for whoever sits at the command line of the node."""
    return "tocsin " in hint or "--" in hint


class Hearing:
    """What a language knows of the rooms' sentences. ``known``: shapes with their translations; what is none is not."""

    def __init__(self, known: Mapping[str, str]) -> None:
        shapes = [shape_of(*pair) for pair in known.items() if _fits(*pair)]
        self._whole = {shape.texts[0]: shape for shape in shapes if not shape.names}
        self._open = sorted((shape for shape in shapes if shape.names), key=lambda shape: -shape.said)
        self._kept = lru_cache(maxsize=2048)(self._find)

    def heard(self, sentence: str, say: Say) -> str:
        """The sentence in the other language; as it is where nothing of it is known. ``say`` fills values in."""
        return self._heard(sentence, say, _DEPTH) or sentence

    def _heard(self, sentence: str, say: Say, depth: int) -> str:
        """As `heard`; empty where nothing is known."""
        if not depth or len(sentence) > _LONGEST:
            return ""
        found = (self._kept if len(sentence) <= _KEPT else self._find)(sentence)
        if found is None:
            return self._each(sentence, say, depth)
        shape, values = found
        return say(shape.translation, {name: self._inside(value, say, depth) for name, value in values})

    def _inside(self, value: str, say: Say, depth: int) -> str:
        """A value, which may be a sentence too; a single word may be anybody's name."""
        return (" " in value and self._heard(value, say, depth - 1)) or value

    def _each(self, sentence: str, say: Say, depth: int) -> str:
        """Several sentences in a row, or one with more before or behind it; empty where none is known."""
        if sentence.endswith(".") and (stem := self._heard(sentence[:-1], say, depth - 1)):
            return f"{stem}."
        mark, most = next((pair for pair in _BETWEEN if pair[0] in sentence), ("", 0))
        if not mark:
            return ""
        parts = sentence.split(mark, most)
        # Only what a room says as a whole, as a list of words, may be single words: a name is nobody's to translate.
        hear = self._inside if depth < _DEPTH else self._listed
        heard = [hear(part, say, depth) for part in parts]
        return mark.join(heard) if heard != parts else ""

    def _listed(self, part: str, say: Say, depth: int) -> str:
        return self._heard(part, say, depth - 1) or part

    def _find(self, sentence: str) -> tuple[Shape, tuple[tuple[str, str], ...]] | None:
        """The most specific shape that the sentence has, and what fills it in."""
        if whole := self._whole.get(sentence):
            return whole, ()
        for shape in self._open:
            if (values := shape.values(sentence)) is not None:
                return shape, tuple(values.items())
        return None


def _fits(text: str, translation: str) -> bool:
    """Whether a translation is there and can be filled in as the text is: a country's own may have mistakes."""
    try:
        return bool(translation % dict.fromkeys(_NAMES.findall(text), ""))
    except (KeyError, TypeError, ValueError):
        return False
