"""Numbers that come from outside: none is larger than what the records count with."""

from typing import Annotated, Final, TypeAlias

from pydantic import Field

_MOST: Final = 2**31 - 1
_DIGITS: Final = 9

Number: TypeAlias = Annotated[int, Field(ge=0, le=_MOST)]
"""The annotation of a number in an address or a form; another one is refused before the records are asked."""


def number_in(text: str) -> int | None:
    """The number that somebody typed, of at most nine digits; None: it is none that a thing here has."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None
