"""Tokens that only this node can make: a purpose and a name, signed with the node's own secret.

A token says nothing but what it names, does not expire and is not used up by itself: whoever reads one looks at the
record that it names for that. The same name gives the same token, so that a mail rendered twice is the same mail.
"""

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, Signer

from tocsin.node.errors import StorageError
from tocsin.node.files import write_whole
from tocsin.node.paths import HomeFile

"""The file in a home folder that holds the node's secret; whoever has it can make tokens."""

_SECRET_BYTES = 32
_LONGEST = 300  # characters; a longer text is no token of ours


@dataclass(frozen=True)
class Tokens:
    """Makes and reads the tokens of one node."""

    secret: bytes

    def make(self, purpose: str, name: str) -> str:
        """The token for ``name``, safe in a URL and in the local part of a mailbox where ``name`` is.

        HMAC-SHA-256 under a key derived for ``purpose`` (`itsdangerous.Signer`): a token for one purpose is none for
        another.
        """
        return self._signer(purpose).sign(name).decode("ascii")

    def read(self, purpose: str, token: str) -> str | None:
        """What a token names, or None where this node never made it for this purpose. Takes any text."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            return self._signer(purpose).unsign(token).decode("ascii")
        except BadSignature:
            return None

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for ``purpose``, from which neither the secret nor another key follows."""
        return hmac.digest(self.secret, f"tocsin.key.{purpose}".encode(), "sha256")

    def _signer(self, purpose: str) -> Signer:
        return Signer(self.secret, salt=f"tocsin.{purpose}", digest_method=hashlib.sha256)


def open_tokens(home: Path) -> Tokens:
    """The tokens of the node in ``home``; its secret is drawn and kept at the first call, readable by this user only.

    Raises:
        StorageError: the secret cannot be read or written, or is damaged.

    """
    path = home / HomeFile.TOKENS
    try:
        if not path.exists():
            with suppress(FileExistsError):  # of several who draw it at once the first wins
                write_whole(path, secrets.token_bytes(_SECRET_BYTES), replace=False)
        secret = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"The node's secret {path} cannot be used: {error.strerror}.",
            hint="Give this user the right to read and write there.",
        ) from error
    if len(secret) < _SECRET_BYTES:  # what is signed with it could be forged
        raise StorageError(
            f"The node's secret {path} is damaged: it is too short.",
            hint="Take it from a backup. Removed, it is made again; links in mails and second factors then end.",
        )
    return Tokens(secret)
