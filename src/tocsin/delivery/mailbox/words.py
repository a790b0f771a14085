"""The words by which replies are read, from ``words.toml``, in the form in which texts are compared with them."""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

# Words copied from a mail that is written from right to left bring its marks of direction along.
_DIRECTIONS: Final = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_SPELT: Final = str.maketrans({"\u2019": "'", "\u2018": "'"} | dict.fromkeys(_DIRECTIONS, ""))


def simple(text: str) -> str:
    """The text in small letters without accents, vowel marks and marks of direction; blanks made one."""
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_SPELT))
    return " ".join("".join(sign for sign in letters if not unicodedata.combining(sign)).split())


@cache
def meanings(section: Literal["verdict", "confirmation"]) -> dict[str, str]:
    """Phrase → what it means: of ``verdict`` a value of `Verdict`, of ``confirmation`` ``ours`` or ``wrong``."""
    return {
        simple(phrase): meaning
        for meaning, languages in _table()[section].items()
        for phrases in languages.values()
        for phrase in phrases
    }


@cache
def phrases_of(section: str) -> re.Pattern[str]:
    """What finds any phrase of a section, as whole words."""
    phrases = {simple(phrase) for phrases in _table()[section].values() for phrase in phrases}
    return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, sorted(phrases, key=len, reverse=True)))})(?!\w)")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("tocsin.delivery.mailbox") / "words.toml").read_text(encoding="utf-8"))
