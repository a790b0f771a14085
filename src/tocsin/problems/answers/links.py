"""The link of a digest, by which its team answers without an account."""

from collections.abc import Callable
from typing import Final

from tocsin.node.tokens import Tokens

PATH: Final = "/a/"
"""Where answers are taken, below the public address of the pages; a token follows."""

_PURPOSE = "answer"


def links(url: str, tokens: Tokens) -> Callable[[str], str]:
    """What gives the link of a digest by its reference; an empty text where ``url``, the public address, is empty."""
    return lambda reference: f"{url}{PATH}{tokens.make(_PURPOSE, reference)}" if url else ""


def reference_of(token: str, tokens: Tokens) -> str | None:
    """The reference of the digest whose link has this token; None where the token is not ours."""
    return tokens.read(_PURPOSE, token)
