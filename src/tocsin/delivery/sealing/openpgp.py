"""PGP/MIME (RFC 3156): signed, and signed and encrypted in one OpenPGP message (section 6.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tocsin.delivery.sealing.multipart import multipart

if TYPE_CHECKING:
    from pysequoia import Cert, PySigner


def pgp_sign(entity: bytes, boundary: str, signer: "PySigner") -> bytes:
    """The MIME entity with a signature beside it (section 5)."""
    from pysequoia import Sig, SignatureMode
    from pysequoia import sign as sequoia_sign

    signature = sequoia_sign(signer, entity, mode=SignatureMode.DETACHED)
    hashed = str(Sig.from_bytes(signature).hash_algorithm).rpartition(".")[2].lower()
    head = (
        f'Content-Type: multipart/signed; micalg="pgp-{hashed}";\r\n'
        f' protocol="application/pgp-signature"; boundary="{boundary}"\r\n\r\n'
    )
    part = (
        'Content-Type: application/pgp-signature; name="signature.asc"\r\n'
        'Content-Disposition: attachment; filename="signature.asc"\r\n\r\n'
    )
    return multipart(head, boundary, [entity, part.encode("ascii") + _crlf(signature)])


def pgp_encrypt(entity: bytes, boundary: str, signer: "PySigner", certs: "Sequence[Cert]") -> bytes:
    """The MIME entity signed and encrypted for these certificates (sections 4 and 6.2).

    The library does not look whether a certificate has expired or was revoked; see `tocsin.directory.keys.encrypting`.
    """
    from pysequoia import encrypt as sequoia_encrypt

    return pgp_envelope(sequoia_encrypt(entity, recipients=list(certs), signer=signer), boundary)


def pgp_message(entity: bytes, certs: "Sequence[Cert]") -> bytes:
    """The MIME entity encrypted for these certificates and for nobody else, not signed; armored."""
    from pysequoia import encrypt as sequoia_encrypt

    return bytes(sequoia_encrypt(entity, recipients=list(certs)))


def pgp_envelope(message: bytes, boundary: str) -> bytes:
    """The MIME entity around an armored OpenPGP message (section 4)."""
    head = f'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary="{boundary}"\r\n\r\n'
    control = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    part = (
        'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
        'Content-Disposition: inline; filename="encrypted.asc"\r\n\r\n'
    )
    return multipart(head, boundary, [control, part.encode("ascii") + _crlf(message)])


def _crlf(armored: bytes) -> bytes:
    return armored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
