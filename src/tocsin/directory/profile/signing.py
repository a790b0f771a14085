"""OpenPGP signatures of profiles: the text inside one (RFC 9580, section 7), other forms beside one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tocsin.directory.profile.parse import unsigned
from tocsin.node.confined import confined

if TYPE_CHECKING:
    from pysequoia import Cert, PySigner


def sign_text(text: str, signer: "PySigner") -> str:
    """The text in a cleartext signature, from which the very same text is read."""
    from pysequoia import SignatureMode, sign

    signed = sign(signer, text.encode("utf-8"), mode=SignatureMode.CLEAR).decode("utf-8").replace("\r\n", "\n")
    inside, _ = unsigned(signed)
    if inside != text:
        raise ValueError("the signed text differs from the profile")
    return signed


def sign_beside(content: bytes, signer: "PySigner") -> bytes:
    """A detached signature of a file, armored."""
    from pysequoia import SignatureMode, sign

    return sign(signer, content, mode=SignatureMode.DETACHED)


@confined(seconds=5, loads=("pysequoia",))
def signers(content: bytes, certificates: Sequence[bytes]) -> list[str]:
    """The fingerprints of those of these OpenPGP certificates that signed a cleartext-signed document."""
    from pysequoia import Cert, verify

    known = [Cert.from_bytes(certificate) for certificate in certificates]

    def store(_: list[str]) -> "list[Cert]":
        return known

    try:
        found = verify(bytes=content, store=store)
    except (RuntimeError, ValueError, TypeError):
        return []
    return sorted({signature.certificate.lower() for signature in found.valid_sigs})
