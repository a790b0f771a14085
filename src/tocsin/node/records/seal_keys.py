"""The key that a node seals its audit log with: Ed25519 (RFC 8032), in a file of the home folder."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from tocsin.node.errors import InputError, StorageError
from tocsin.node.files import write_whole
from tocsin.node.paths import HomeFile


def open_seal_key(home: Path) -> Ed25519PrivateKey:
    """The key of the node in ``home``; drawn and kept at the first call, readable by this user only.

    Raises:
        StorageError: it cannot be read or written, or is no such key.

    """
    path = home / HomeFile.AUDIT_KEY
    try:
        if not path.exists():
            with suppress(FileExistsError):  # of several who draw it at once the first wins
                write_whole(path, _drawn(), replace=False)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StorageError(
            f"The key of the audit log {path} cannot be used: {error.strerror}.",
            hint="Give this user the right to read and write there.",
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"{path} holds no Ed25519 key.", hint="Bring it back from a backup.")
    return key


def public_pem(key: Ed25519PrivateKey) -> str:
    """The public part, for those who check seals elsewhere (SubjectPublicKeyInfo, PEM)."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def public_hex(key: Ed25519PublicKey) -> str:
    """The public key as seals name it: 32 bytes in hexadecimal."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def read_public_keys(files: Sequence[Path]) -> list[Ed25519PublicKey]:
    """The public keys in PEM files.

    Raises:
        InputError: a file cannot be read, or holds no such key.

    """
    return [_read_public(path) for path in files]


def _read_public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} holds no public Ed25519 key.", hint="'tocsin audit key' writes one.")
    return key


def _drawn() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
