"""Passwords: long, not easily guessed, kept by argon2id; nothing else is asked of them (NIST SP 800-63B, 3.1.1)."""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tocsin.node.accounts.leaked_passwords import is_leaked

SHORTEST: Final = 12
"""Characters of the shortest password that is taken."""

LONGEST: Final = 128
"""Characters of the longest: what is hashed is bounded."""

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS = _HASHER.hash("the password of nobody")

_COMMON = Path(__file__).parent / "common_passwords.txt"
_LEFT: Final = 6  # letters and digits that must remain beside what everybody would try
_DIFFERENT: Final = 5  # different characters
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_AS_LETTERS = str.maketrans("013457@$!", "oieastasi")
_YEAR = re.compile(r"(19|20)\d\d")


class Weakness(StrEnum):
    """Why a password is not taken."""

    SHORT = "short"
    LONG = "long"
    COMMON = "common"  # among those that are tried first: common words, keyboard rows, years, repetitions
    ABOUT = "about"  # made of the person's name or mailbox, or of the node's name
    LEAKED = "leaked"  # among those that were stolen elsewhere


def weakness(password: str, about: Iterable[str] = (), *, leaked: Path | None = None) -> Weakness | None:
    """Why this password is not taken; None: it is.

    ``about``: names and mailboxes that somebody who guesses would begin with. Common words and these count for
    nothing; enough must remain beside them. ``leaked``: a file of hashes, as
    `tocsin.node.accounts.leaked_passwords` reads it.
    """
    if len(password) < SHORTEST:
        return Weakness.SHORT
    if len(password) > LONGEST:
        return Weakness.LONG
    if _bare(password, _common()) < _LEFT or len(set(password.casefold())) < _DIFFERENT:
        return Weakness.COMMON
    own = {part for text in about for part in re.split(r"[\W_]+", text.casefold()) if len(part) > 2}
    if _bare(password, _common() | own) < _LEFT:
        return Weakness.ABOUT
    return Weakness.LEAKED if leaked is not None and is_leaked(password, leaked) else None


def hash_password(password: str) -> str:
    """The password as it is kept: argon2id in PHC string form, with a salt of its own. Takes some 30 ms."""
    return _HASHER.hash(_normal(password))


def fits(password: str, kept: str) -> bool:
    """Whether this is the password that is kept; takes as long where none is."""
    try:
        return _HASHER.verify(kept or _NOBODYS, _normal(password[: LONGEST + 1])) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> bytes:
    """The same for what other keyboards write otherwise (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "backslashreplace")


def is_outdated(kept: str) -> bool:
    """Whether a password is kept by parameters that are not today's, so that it is hashed anew when it is known."""
    return _HASHER.check_needs_rehash(kept)


def _bare(password: str, words: Iterable[str]) -> int:
    """How many letters and digits remain without words, years and sequences: the fewest of two readings."""
    text = password.casefold()
    ordered = sorted(words, key=len, reverse=True)
    return min(_remaining(text, ordered), _remaining(text.translate(_AS_LETTERS), ordered))


def _remaining(text: str, words: Iterable[str]) -> int:
    text = _YEAR.sub(" ", text)
    for word in words:
        text = text.replace(word, " ")
    kept = [letter for place, letter in enumerate(text) if letter.isalnum() and not _continues(text, place)]
    return len(kept)


def _continues(text: str, place: int) -> bool:
    """Whether a character only goes on as the one before it did: the same, or the next of a row of the keyboard."""
    pair = text[max(place - 1, 0) : place + 1]
    return len(pair) == 2 and (pair[0] == pair[1] or any(pair in row or pair[::-1] in row for row in _ROWS))


@cache
def _common() -> frozenset[str]:
    """Words of which the passwords are made that people choose most."""
    return frozenset(_COMMON.read_text(encoding="utf-8").split())
