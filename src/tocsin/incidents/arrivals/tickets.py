"""The reference and the secret of a report: both follow from the form that it came by.

So a form that is sent twice, as after a lost answer, is one report and shows its secret again; and of the secret itself
nothing but a hash is kept.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tocsin.node.tokens import Tokens

OPEN: Final = timedelta(days=1)
"""How long a form may be filled in."""

_PURPOSE, _REFERENCE, _SECRET = "report-form", "report-reference", "report-secret"
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: none looks like another
_LIKE = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Ticket:
    """What a reporter is told once: 40 bits that name the report, 80 that open it. ``act`` names the form."""

    reference: str
    secret: str
    act: str

    @property
    def hashed(self) -> str:
        """What is kept of the secret."""
        return hashed(self.secret)


def form_word(tokens: Tokens, now: datetime) -> str:
    """What a new form carries."""
    return tokens.make(_PURPOSE, f"{int(now.timestamp())}/{secrets.token_hex(16)}")


def ticket_of(word: str, tokens: Tokens, now: datetime) -> Ticket | None:
    """The ticket of a form; None where it was not made here, or longer than `OPEN` ago."""
    name = tokens.read(_PURPOSE, word)
    if name is None or int(now.timestamp()) - int(name.partition("/")[0]) > OPEN.total_seconds():
        return None
    return ticket_named(name, tokens)


def ticket_named(name: str, tokens: Tokens) -> Ticket:
    """The ticket of what has this name: the same name is the same report."""
    reference, secret = (_drawn(tokens.make(purpose, name)) for purpose in (_REFERENCE, _SECRET))
    act = hashlib.sha256(name.encode()).hexdigest()
    return Ticket(grouped(reference[:8]), grouped(secret[:16]), act)


def hashed(secret: str) -> str:
    """The hash of a secret as somebody typed it. It is random, so needs no slow hash."""
    return hashlib.sha256(plain(secret).encode()).hexdigest()


def plain(text: str) -> str:
    """A reference or secret without what people add or mistake: hyphens, blanks, small letters, O for 0."""
    return "".join(letter for letter in text[:100].upper().translate(_LIKE) if letter in _LETTERS)


def grouped(letters: str) -> str:
    """``4KX7-9M2P``: in fours, as people read it."""
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4))


def _drawn(token: str) -> str:
    number = int.from_bytes(hashlib.sha256(token.encode()).digest())
    return "".join(_LETTERS[number >> 5 * place & 31] for place in range(16))
