"""A file that may hold keys: what is in it, told apart by its bytes and not by its name."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from tocsin.directory.keys.model import KeyFacts, KeyFormat
from tocsin.directory.keys.openpgp import openpgp_facts, read_openpgp, read_revocation
from tocsin.directory.keys.x509 import certificate_bytes, read_certificates, read_list, x509_facts
from tocsin.node.confined import confined
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

_LARGEST = 1_000_000  # bytes; a certificate has some thousands
_DER = 0x30  # a SEQUENCE (X.690, 8.9), in which every X.509 structure begins
_PACKET = 0x80  # set in the first byte of every OpenPGP packet (RFC 9580, 4.2)


@dataclass(frozen=True)
class KeyFile:
    """Keys as (format, content), OpenPGP revocations that came alone as (fingerprint, packet), and a revocation list.

    ``issuers``: certificates that stand in the file to vouch for others.
    """

    keys: list[tuple[KeyFormat, bytes]] = field(default_factory=list)
    revocations: list[tuple[str, bytes]] = field(default_factory=list)
    revoked: "CertificateRevocationList | None" = None
    issuers: "list[Certificate]" = field(default_factory=list)


def read_key_file(content: bytes) -> KeyFile:
    """What a file holds: OpenPGP, armored or binary; X.509 certificates or revocation lists, in PEM or DER.

    Raises:
        InputError: it holds nothing of these, or a private key.

    """
    if len(content) > _LARGEST:
        raise InputError(say("The file is too large to be a key."), hint=say("Export the key alone, without others."))
    if b"PRIVATE KEY-----" in content:
        raise InputError(
            say("The file holds a private key, and nothing was taken from it."),
            hint=say("Ask for the certificate alone. Whoever sent the private key should have it revoked."),
        )
    if b"-----BEGIN PGP" in content or (content and content[0] & _PACKET):
        return _openpgp_confined(content)
    if b"-----BEGIN CERT" in content or b"-----BEGIN X509" in content or (content and content[0] == _DER):
        _try_x509(content)
        return _x509(content)
    raise InputError(
        say("The file holds no key that can be read."),
        hint="Give an OpenPGP key ('gpg --export --armor'), or an X.509 certificate in PEM or DER.",
    )


def key_facts(kind: KeyFormat, content: bytes) -> KeyFacts:
    """What a key says, see `KeyFacts`; the same key is worked out once a day."""
    return _facts(kind, content, int(time.time() // 86_400))


@lru_cache(maxsize=20_000)
def _facts(kind: KeyFormat, content: bytes, _day: int) -> KeyFacts:
    read: Callable[[bytes], KeyFacts] = openpgp_facts if kind is KeyFormat.OPENPGP else x509_facts
    return read(content)


def _openpgp(content: bytes) -> KeyFile:
    revocation = read_revocation(content)
    if revocation is not None:
        return KeyFile(revocations=[revocation])
    return KeyFile(keys=[(KeyFormat.OPENPGP, one) for one in read_openpgp(content)])


@confined(seconds=3, loads=("pysequoia", "pysequoia.packet"))
def _openpgp_confined(content: bytes) -> KeyFile:
    """What is in it, after what its keys say was worked out once: that must not take long each time it is asked."""
    found = _openpgp(content)
    for _, key in found.keys:
        openpgp_facts(key)
    return found


@confined(seconds=3, loads=("cryptography.x509", "cryptography.hazmat.primitives.serialization.pkcs7"))
def _try_x509(content: bytes) -> None:
    """Nothing: read once where it does no harm, as what is read are objects of a library, which do not travel."""
    _x509(content)


def _x509(content: bytes) -> KeyFile:
    if (found := read_list(content)) is not None:
        return KeyFile(revoked=found[0], issuers=found[1])
    certificates, issuers = read_certificates(content)
    return KeyFile(keys=[(KeyFormat.SMIME, certificate_bytes(one)) for one in certificates], issuers=issuers)
