"""What a reply says in a word: fixed, acknowledged, false, accepted, not ours, for all of a digest or for some.

A line counts only where it is nothing but the word, the word and what it is about, or the word and a remark that takes
nothing back. Everything else is for people to read. The words are in ``words.toml``.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

# Words copied from a mail that is written from right to left bring its marks of direction along.
_DIRECTIONS: Final = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_SPELT: Final = str.maketrans({"\u2019": "'", "\u2018": "'"} | dict.fromkeys(_DIRECTIONS, ""))
_FIRST: Final = 6  # lines with words, in which a verdict for all is looked for
_LINES: Final = 2_000
_LONGEST: Final = 2_000  # characters of a line
_SIGNATURE = re.compile(r"--\s?")
_WITH_REMARK = re.compile(r"\s?(?<![.,;:!\u2013\u2014-])[.,;:!\u2013\u2014-]++(?=\s|$)")
_PLACE = re.compile(r"(?=.*[.:])[a-z0-9_.:/\[\]-]{3,300}|[0-9a-f]{16}")
_POINTING = " :=\u2013\u2014-"


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


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """A verdict (a value of `Verdict`) and what it is about, as written; all of the digest where that is empty."""

    verdict: str
    places: tuple[str, ...] = ()


def verdicts_in(text: str) -> tuple[ReplyVerdict, ...]:
    """What a reply says: a verdict for all first, where its first lines have one, then those for some.

    Without a verdict for all where its first lines contradict one another; nothing where it says none.
    """
    lines = [simple(line).strip("*_ ") for line in _without_signature(text)]
    some = [said for line in lines if (said := _about_some(line))]
    of_all = {verdict for line in lines[:_FIRST] if (verdict := _meaning(line, meanings("verdict")))}
    return (*(ReplyVerdict(verdict) for verdict in of_all if len(of_all) == 1), *some)


def confirmation_in(text: str) -> str:
    """Whether a reply says that a mailbox is theirs: ``ours``, ``wrong``, or empty where it says neither, or both."""
    lines = [simple(line).strip("*_ ") for line in _without_signature(text)]
    said = {meaning for line in lines[:_FIRST] if (meaning := _meaning(line, meanings("confirmation")))}
    return said.pop() if len(said) == 1 else ""


def _without_signature(text: str) -> Iterator[str]:
    for line in text.split("\n")[:_LINES]:
        if _SIGNATURE.fullmatch(line):
            return
        if line.strip():
            yield line[:_LONGEST]


def _meaning(line: str, words: Mapping[str, str]) -> str | None:
    """What a line says that is one of the words, or one and a remark that takes nothing back."""
    if line in words:
        return words[line]
    end = _WITH_REMARK.search(line)
    if end is None or line[: end.start()] not in words:
        return None
    remark = line[end.end() :]
    takes_back = phrases_of("takes_back").search(remark) or re.search(r"[?\u061f]|\d[.:]\d", remark)
    return None if takes_back else words[line[: end.start()]]


def _about_some(line: str) -> ReplyVerdict | None:
    """The verdict of a line that is a word and places, in either order."""
    tokens = [token for token in re.split(r"[\s,;]+", line) if token.strip(_POINTING)]
    places = [bool(_PLACE.fullmatch(_pointed(token))) for token in tokens]
    named = [_pointed(token) for token, place in zip(tokens, places, strict=True) if place]
    others = [token for token, place in zip(tokens, places, strict=True) if not place]
    together = places in (sorted(places), sorted(places, reverse=True))
    verdict = meanings("verdict").get(_phrase(others)) if named and together else None
    return ReplyVerdict(verdict, tuple(dict.fromkeys(named))) if verdict else None


def _phrase(tokens: Sequence[str]) -> str:
    return " ".join(tokens).strip(_POINTING + ".!")


def _pointed(token: str) -> str:
    """A place without what points to it: ``192.0.2.1:`` and ``192.0.2.1.`` but not ``2001:db8::``."""
    shorter = token.rstrip(".!")
    return shorter if shorter.endswith("::") else shorter.rstrip(":=")
