"""The address that a digest is answered to: ``csirt+toc-2026-0000001.k3v…@example.org``.

What stands after the ``+`` names the digest and proves that the node made the address. It is short and the same in
capitals and small letters: a local part has at most 64 characters (RFC 5321, 4.5.3.1.1), and ticket systems change
their case.

Where a mail server takes no ``+``, the same token stands in the text instead, alone in brackets on its last line.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from typing import Final

from tocsin.node.tokens import Tokens

_PURPOSE: Final = "reply"
_PROOF: Final = 16  # characters of base32: 80 bits, and each guess is a mail
_LONGEST: Final = 64
_TAG = re.compile(rf"(?P<reference>[a-z]{{3}}-\d{{4}}-\d{{7,12}})\.(?P<proof>[a-z2-7]{{{_PROOF}}})")

_MARK = re.compile(rf"\[{_TAG.pattern}\]")


def reply_addresses(address: str, tokens: Tokens, *, subaddress: bool = True) -> Callable[[str], str]:
    """What gives the address to answer a digest to by its reference; without ``subaddress`` the node's own.

    An empty text where ``address``, the node's own, is empty or leaves no room for the token.
    """
    if not subaddress:
        return lambda _reference: address
    local, _, domain = address.rpartition("@")

    def made(reference: str) -> str:
        tagged = f"{local}+{reference.lower()}.{_proof(reference, tokens)}"
        return f"{tagged}@{domain}" if address and len(tagged) <= _LONGEST else ""

    return made


def references_in(addresses: Iterable[str], address: str, tokens: Tokens) -> tuple[str, ...]:
    """The references of the digests whose reply addresses are among ``addresses``, each once; any other counts not."""
    local, _, domain = address.lower().rpartition("@")
    found: dict[str, None] = {}
    for one in addresses:
        given, _, place = one.lower().rpartition("@")
        base, _, tag = given.partition("+")
        match = _TAG.fullmatch(tag)
        if match is None or (base, place) != (local, domain):
            continue
        reference = match["reference"].upper()
        if hmac.compare_digest(match["proof"], _proof(reference, tokens)):
            found[reference] = None
    return tuple(found)


def reply_marks(tokens: Tokens) -> Callable[[str], str]:
    """What gives the line by which a mail is known when it is quoted, by its reference."""
    return lambda reference: f"[{reference.lower()}.{_proof(reference, tokens)}]"


def references_marked(texts: Iterable[str], tokens: Tokens) -> tuple[str, ...]:
    """The references whose marks stand in texts, each once; one that this node did not make counts not."""
    found = (match for text in texts for match in _MARK.finditer(text.lower()))
    named = {match["reference"].upper(): match["proof"] for match in found}
    return tuple(name for name, proof in named.items() if hmac.compare_digest(proof, _proof(name, tokens)))


def _proof(reference: str, tokens: Tokens) -> str:
    whole = tokens.make(_PURPOSE, reference).encode("ascii")
    return base64.b32encode(hashlib.sha256(whole).digest()).decode("ascii").lower()[:_PROOF]
