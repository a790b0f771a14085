"""How the words of an entry relate to its base. Equal words say nothing about what somebody wants."""

import re
import unicodedata

from tocsin.drafting.difference import words
from tocsin.drafting.model import EntryClass

# What no text needs and a terminal may obey: C0 and C1 controls apart from tab, line ends and page breaks.
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


def is_fragment(text: str) -> bool:
    """Whether something stands there that cannot be read as words: fewer than two letters or digits ("S]", "R")."""
    return bool(text.strip()) and sum(character.isalnum() for character in text) < 2


def entry_class(text: str, base: str, *, base_readable: bool = True) -> EntryClass:
    """The class of ``text`` on ``base``; spacing does not count, every word and mark does.

    On a base that is unreadable a fragment is unreadable too, even where both show the same signs.
    """
    if not text.strip():
        return EntryClass.EMPTY
    if is_fragment(text) and (not base_readable or words(text) != words(base)):
        return EntryClass.UNREADABLE
    return EntryClass.SAME_TEXT if words(text) == words(base) else EntryClass.CHANGED


def odd_letters(text: str) -> tuple[str, ...]:
    """Short Cyrillic or Greek words inside Latin text, and words of mixed scripts: they look Latin and are not."""
    return tuple(word for word in words(text) if _is_odd(word, text))


def _is_odd(word: str, around: str) -> bool:
    scripts = _scripts(word)
    strays = len(word) <= 3 and bool(scripts & {"CYRILLIC", "GREEK"}) and "LATIN" in _scripts(around)
    return strays or (len(scripts) > 1 and bool(scripts & {"CYRILLIC", "GREEK"}))


def _scripts(text: str) -> set[str]:
    return {unicodedata.name(character, "?").split(" ", 1)[0] for character in text if character.isalpha()}
