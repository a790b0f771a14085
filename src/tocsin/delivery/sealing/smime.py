"""S/MIME 4.0 (RFC 8551): signed (section 3.5.3), and first signed, then enveloped (sections 3.3 and 3.7).

The library envelops with AES-256 in CBC mode for RSA certificates. That a mail was not changed is known by the
signature inside; an authenticating mode (section 2.7, AES-GCM) it does not offer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tocsin.delivery.mime import wrapped_base64
from tocsin.delivery.sealing.multipart import multipart

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7PrivateKeyTypes
    from cryptography.x509 import Certificate


def sign(entity: bytes, boundary: str, key: "PKCS7PrivateKeyTypes", certificates: "Sequence[Certificate]") -> bytes:
    """The MIME entity with a signature beside it; ``certificates``: the signer's, then those that vouch for it."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

    builder = PKCS7SignatureBuilder().set_data(entity).add_signer(certificates[0], key, hashes.SHA256())
    for other in certificates[1:]:
        builder = builder.add_certificate(other)
    # Binary: the entity has its line ends already, and is to be signed as it is.
    signature = builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])
    head = (
        "Content-Type: multipart/signed; micalg=sha-256;\r\n"
        f' protocol="application/pkcs7-signature"; boundary="{boundary}"\r\n\r\n'
    )
    return multipart(head, boundary, [entity, _part("pkcs7-signature", "smime.p7s", "") + wrapped_base64(signature)])


def envelop(entity: bytes, certificates: Sequence[bytes]) -> bytes:
    """The MIME entity encrypted for these certificates (DER), all with RSA keys."""
    from cryptography import x509
    from cryptography.hazmat.primitives.ciphers.algorithms import AES256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

    builder = PKCS7EnvelopeBuilder().set_data(entity).set_content_encryption_algorithm(AES256)
    for certificate in certificates:
        builder = builder.add_recipient(x509.load_der_x509_certificate(certificate))
    message = builder.encrypt(Encoding.DER, [PKCS7Options.Binary])
    return _part("pkcs7-mime", "smime.p7m", "; smime-type=enveloped-data") + wrapped_base64(message)


def _part(kind: str, name: str, parameters: str) -> bytes:
    return (
        f'Content-Type: application/{kind}{parameters}; name="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    ).encode("ascii")
