"""The chair's signing key: an Ed25519 private key in a PEM file that only its owner can read.

A chair who works by commands has the file; for one who works on pages it lies in ``keys/chairs`` of the home folder.
"""

import os
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tocsin.drafting.history import Signer
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.paths import HomeFolder


def new_key(path: Path) -> Signer:
    """A new key, written to ``path`` (PKCS #8 PEM, mode 0600).

    Raises:
        ConflictError: the file exists.

    """
    key = Ed25519PrivateKey.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already; a key is never overwritten.", hint="Give another name.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Signer(key)


def load_key(path: Path) -> Signer:
    """The key in a file that ``new_key`` wrote.

    Raises:
        InputError: no such file, or no Ed25519 key in it.

    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} holds no key that can be used: {error}.", hint="Make one with: tocsin drafting key FILE."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} holds another kind of key; Ed25519 is needed.")
    return Signer(key)


def account_key(home: Path, person: int) -> Signer | None:
    """The key that the node keeps for an account that chairs a text; None where it never did."""
    path = _account_path(home, person)
    return load_key(path) if path.exists() else None


def made_account_key(home: Path, person: int) -> Signer:
    """The same, drawn at the first call: whoever chairs by pages has no file, and signs by being signed in."""
    path = _account_path(home, person)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(ConflictError):  # there already
        return new_key(path)
    return load_key(path)


def _account_path(home: Path, person: int) -> Path:
    return home / HomeFolder.KEYS / "chairs" / f"person-{person}.pem"
