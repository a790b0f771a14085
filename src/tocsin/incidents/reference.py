"""References of incidents, ``INC-4KX7-9M2P``: they do not count incidents, and a mistyped one is known as such.

Seven letters are drawn (35 bits), the eighth is the check letter by the Luhn algorithm modulo 32 (ISO/IEC 7812-1, annex
B, for 32 letters): every wrong letter and almost every swap of two neighbours is found.
"""

import re
import secrets
from typing import Final

from tocsin.incidents.arrivals import grouped, plain
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: none looks like another
IN_TEXT: Final = re.compile(r"\bINC-([0-9A-Z]{4})-([0-9A-Z]{4})\b", re.IGNORECASE)
"""What looks like a reference in somebody's text."""

_DRAWN: Final = 7


def new_reference() -> str:
    """A reference that nobody can guess."""
    drawn = "".join(secrets.choice(LETTERS) for _ in range(_DRAWN))
    return f"INC-{grouped(drawn + _check_letter(drawn))}"


def read_reference(text: str) -> str:
    """The reference that a person typed, as it is written.

    Raises:
        UsageError: no incident can be called so.

    """
    letters = plain(re.sub(r"^\s*INC[\s-]*", "", text, flags=re.IGNORECASE))
    if len(letters) != _DRAWN + 1 or _check_letter(letters[:-1]) != letters[-1]:
        raise UsageError(
            say("%(text)s is not the reference of an incident.", text=text[:40]),
            hint=say("Look for a mistyped character; a reference looks like INC-4KX7-9M2P."),
        )
    return f"INC-{grouped(letters)}"


def references_in_text(text: str) -> list[str]:
    """The references that a text names, each once; what only looks like one is left out."""
    found: dict[str, None] = {}
    for one in IN_TEXT.finditer(text):
        letters = plain(one[1] + one[2])
        if len(letters) == _DRAWN + 1 and _check_letter(letters[:-1]) == letters[-1]:
            found[f"INC-{grouped(letters)}"] = None
    return list(found)


def _check_letter(letters: str) -> str:
    total = 0
    for place, letter in enumerate(reversed(letters)):
        value = LETTERS.index(letter) * (1 if place % 2 else 2)
        total += value // 32 + value % 32
    return LETTERS[-total % 32]
