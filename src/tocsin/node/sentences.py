"""Sentences that pages show in the visitor's language: an English text, and the values that fill it in.

A sentence is a string, the English text filled in: the command line, the log, the audit log and the API need nothing
else. What is built from it by an f-string, a slice or ``join`` is a plain string and stays English; so put it into
another `say` as a value, or use `join_sentences`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from gettext import NullTranslations
from typing import Any, Final, Self

CONTEXT: Final = "said"
"""The gettext context (msgctxt) of sentences: it tells them from the texts of pages."""

_STORED: Final = '{"sentence":'  # how a stored sentence begins

Value = str | int | float
Fill = Callable[[str, Mapping[str, Value]], str]


class Sentence(str):
    """The English sentence; ``text`` has ``%(name)s`` for each of ``values``, and ``%%`` for a percent sign.

    ``plural``: the text for any other number than one, where it depends on ``number``. Made by `say`,
    `say_count` and `join_sentences`.
    """

    __slots__ = ("number", "plural", "text", "values")

    text: str
    values: Mapping[str, Value]
    plural: str
    number: int

    def __new__(cls, text: str, values: Mapping[str, Value], plural: str = "", number: int = 1) -> Self:  # noqa: D102 (the class says it)
        made = super().__new__(cls, (plural if plural and number != 1 else text) % values)
        made.text, made.values, made.plural, made.number = text, values, plural, number
        return made

    def __str__(self) -> str:
        """Itself, so that ``str(error)`` of an error with a sentence is that sentence."""
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.text, self.values, self.plural, self.number


def say(text: str, /, **values: object) -> Sentence:
    """A sentence that pages translate; catalogues are made from the code, so ``text`` is written out."""
    return Sentence(text, {name: _value(value) for name, value in values.items()})


def say_count(one: str, several: str, number: int, /, **values: object) -> Sentence:
    """As `say`, for a number of things; ``%(n)s`` is the number, as in ``1,234``."""
    filled = {"n": f"{number:,}"} | {name: _value(value) for name, value in values.items()}
    return Sentence(one, filled, several, number)


def join_sentences(separator: str, parts: Iterable[str]) -> Sentence:
    """Sentences and other texts in a row, each translated on its own."""
    values = {f"part{place}": _value(part) for place, part in enumerate(parts)}
    return Sentence(separator.replace("%", "%%").join(f"%({name})s" for name in values), values)


def translate(text: str, catalogue: NullTranslations, fill: Fill) -> str:
    """A sentence in another language, with the sentences within it; any other text as it is.

    A translation that cannot be filled in is not used: a country's own catalogue may have mistakes.
    """
    if not isinstance(text, Sentence):
        return text
    values = {
        name: translate(value, catalogue, fill) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    if text.plural:
        found = catalogue.npgettext(CONTEXT, text.text, text.plural, text.number)
    else:
        found = catalogue.pgettext(CONTEXT, text.text)
    try:
        return fill(found, values)
    except (KeyError, TypeError, ValueError):
        return fill(text.plural if text.plural and text.number != 1 else text.text, values)


def change_values(text: str, change: Callable[[str], str]) -> str:
    """A text with what others had a say in changed: of a sentence its values, of any other text all."""
    if not isinstance(text, Sentence):
        return change(text)
    values = {
        name: change_values(value, change) if isinstance(value, str) else value for name, value in text.values.items()
    }
    return Sentence(text.text, values, text.plural, text.number)


def encode_sentence(text: str) -> str:
    """How a text is stored: a sentence as compact JSON of its text and values, any other as it is."""
    if isinstance(text, Sentence):
        return json.dumps(_packed(text), separators=(",", ":"))
    # What a stranger wrote and looks like a stored sentence becomes the value of one.
    return encode_sentence(say("%(text)s", text=text)) if text.startswith(_STORED) else text


def decode_sentence(stored: str) -> str:
    """The text that was stored; what is no sentence of ours is a plain text, as all were once."""
    if not stored.startswith(_STORED):
        return stored
    try:
        return _unpacked(json.loads(stored))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return stored


def _value(value: object) -> Value:
    return value if isinstance(value, Sentence | int | float) else str(value)


def _packed(text: Sentence) -> dict[str, Any]:
    values = {name: _packed(value) if isinstance(value, Sentence) else value for name, value in text.values.items()}
    counted = {"plural": text.plural, "number": text.number} if text.plural else {}
    return {"sentence": text.text} | ({"values": values} if values else {}) | counted


def _unpacked(packed: dict[str, Any]) -> Sentence:
    values = {
        name: _unpacked(value) if isinstance(value, dict) else _value(value)
        for name, value in packed.get("values", {}).items()
    }
    return Sentence(packed["sentence"], values, packed.get("plural", ""), packed.get("number", 1))
