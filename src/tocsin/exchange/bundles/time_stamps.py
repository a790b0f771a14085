"""Time stamps of an authority (RFC 3161) over files, checked by rfc3161-client, which is an extra."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.node.errors import InputError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class TimeStampError(InputError):
    """A time stamp that proves nothing."""


@dataclass(frozen=True)
class TimeStamp:
    """When an authority had the bytes; ``authority``: the certificates that it was traced to."""

    at: datetime
    authority: str


def can_check() -> bool:
    """Whether the library is installed."""
    from importlib.util import find_spec

    return find_spec("rfc3161_client") is not None


def read_certificates(content: bytes) -> "list[Certificate]":
    """X.509 certificates in PEM, or one in DER.

    Raises:
        TimeStampError: there are none.

    """
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

    try:
        if b"-----BEGIN" in content:
            return load_pem_x509_certificates(content)
        return [load_der_x509_certificate(content)]
    except ValueError as error:
        raise TimeStampError("The certificates of the time stamp authority cannot be read.") from error


def check_time_stamp(response: bytes, content: bytes, certificates: "Sequence[Certificate]") -> TimeStamp:
    """What a response of an authority says of these bytes, where its chain ends at one of these certificates.

    Certificates that issued themselves are trusted, and others help to reach them; one alone is trusted as it is. They
    must have been valid at the time of the stamp, not now (RFC 3161, 4).

    Raises:
        TimeStampError: it is none, is of other bytes, or is not signed by such an authority.

    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    roots = [one for one in certificates if one.issuer == one.subject] or list(certificates)
    others = [one for one in certificates if one not in roots]
    try:
        decoded = decode_timestamp_response(response)
        leaf = _leaf(others) if not decoded.signed_data.certificates else None
        verifier = VerifierBuilder(tsa_certificate=leaf, roots=roots, intermediates=others).build()
        verifier.verify_message(decoded, content)
        at = decoded.tst_info.gen_time
    except (VerificationError, ValueError, TypeError) as error:
        raise TimeStampError(f"The time stamp does not hold: {_first(error)}.") from error
    return TimeStamp(at.astimezone(UTC), ", ".join(one.subject.rfc4514_string() for one in roots))


def _leaf(certificates: "Sequence[Certificate]") -> "Certificate | None":
    """The one certificate that may sign time stamps, for a response that brings none."""
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    for one in certificates:
        try:
            uses = one.extensions.get_extension_for_class(ExtendedKeyUsage).value
        except ExtensionNotFound:
            continue
        if ExtendedKeyUsageOID.TIME_STAMPING in uses:
            return one
    return None


def _first(error: Exception) -> str:
    """What the library says, without the stack of OpenSSL."""
    return str(error).partition(": ErrorStack")[0].split("\n", 1)[0].rstrip(".")
