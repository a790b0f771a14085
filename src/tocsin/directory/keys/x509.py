"""X.509 certificates for mail (RFC 5280, RFC 8550) as facts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from tocsin.directory.keys.model import (
    LEAST_RSA,
    KeyFacts,
    KeyFormat,
    KeySpan,
    KeyState,
    KeyVerdict,
    short_rsa,
    shown,
    unsafe_algorithm,
)
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList, ExtensionType

    Extension = TypeVar("Extension", bound=ExtensionType)

_PEM = b"-----BEGIN"
_WEAK_HASHES = frozenset({"md5", "sha1"})  # RFC 8550, 4.1 and 4.3


def read_certificates(content: bytes) -> tuple[list["Certificate"], list["Certificate"]]:
    """The certificates of a file in PEM or DER: those for use, and those that issued another of them.

    Raises:
        InputError: they cannot be read.

    """
    from cryptography import x509

    try:
        if _PEM in content:
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
        issuers = [one for one in found if any(_issued(one, other) for other in found)]
        return [one for one in found if one not in issuers], issuers
    except ValueError as error:
        raise InputError(
            say("The X.509 certificate cannot be read: it is damaged, or in another form."),
            hint=say("Give it in PEM or DER, for example from 'openssl x509'."),
        ) from error


def read_list(content: bytes) -> "tuple[CertificateRevocationList, list[Certificate]] | None":
    """A revocation list (RFC 5280, 5) in PEM or DER with the certificates that stand beside it; None where it is none.

    Raises:
        InputError: it cannot be read.

    """
    from cryptography import x509

    try:
        if _PEM not in content:
            return x509.load_der_x509_crl(content), []
        if b"-----BEGIN X509 CRL" not in content:
            return None
        beside = x509.load_pem_x509_certificates(content) if b"-----BEGIN CERTIFICATE" in content else []
        return x509.load_pem_x509_crl(content), beside
    except ValueError as error:
        if _PEM not in content:
            return None
        raise InputError(say("The revocation list cannot be read."), hint=say("Give it in PEM or DER.")) from error


def revokes(revoked: "CertificateRevocationList", content: bytes, issuers: "Sequence[Certificate]") -> bool:
    """Whether a list takes back a certificate (DER), and was signed by who issued it: one of ``issuers``, or itself."""
    from cryptography import x509

    cert = x509.load_der_x509_certificate(content)
    if revoked.get_revoked_certificate_by_serial_number(cert.serial_number) is None:
        return False
    return any(_vouches(issuer, revoked, cert) for issuer in [*issuers, cert])


def x509_facts(content: bytes) -> KeyFacts:
    """What a certificate (DER) says."""
    from cryptography import x509

    cert = x509.load_der_x509_certificate(content)
    since, until = cert.not_valid_before_utc, cert.not_valid_after_utc
    algorithm = _algorithm(cert)
    try:
        mailboxes, flaw = _mailboxes(cert), _flaw(cert)
    except ValueError:
        mailboxes, flaw = (), KeyVerdict(KeyState.UNSUPPORTED, say("Its extensions cannot be read."))
    return KeyFacts(
        format=KeyFormat.SMIME,
        fingerprint=fingerprint(cert),
        names=(shown(cert.subject.rfc4514_string()),) if cert.subject.rdns else mailboxes[:1],
        mailboxes=mailboxes,
        algorithm=algorithm,
        since=since,
        until=until,
        flaw=flaw,
        encrypts=() if flaw else (KeySpan(since, until, algorithm),),
    )


def fingerprint(cert: "Certificate") -> str:
    """SHA-256 of the certificate, lower-case hexadecimal."""
    from cryptography.hazmat.primitives import hashes

    return cert.fingerprint(hashes.SHA256()).hex()


def certificate_bytes(cert: "Certificate") -> bytes:
    """The certificate in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return cert.public_bytes(Encoding.DER)


def _flaw(cert: "Certificate") -> KeyVerdict | None:
    hashed = _hash(cert)
    if hashed in _WEAK_HASHES:
        return KeyVerdict(
            KeyState.WEAK, say("It is signed with %(hashed)s.", hashed=hashed.upper().replace("SHA1", "SHA-1"))
        )
    return _flaw_of_key(cert) or _flaw_of_use(cert)


def _flaw_of_key(cert: "Certificate") -> KeyVerdict | None:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key = cert.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return short_rsa(key.key_size) if key.key_size < LEAST_RSA else None
    if isinstance(key, dsa.DSAPublicKey):
        return unsafe_algorithm(_algorithm(cert))
    if isinstance(key, ec.EllipticCurvePublicKey):
        words = say(
            "We can encrypt S/MIME for RSA certificates only, and this one is %(algorithm)s.",
            algorithm=_algorithm(cert),
        )
        return KeyVerdict(KeyState.UNSUPPORTED, words)
    return KeyVerdict(
        KeyState.NO_ENCRYPTION, say("A certificate with %(algorithm)s only signs.", algorithm=_algorithm(cert))
    )


def _flaw_of_use(cert: "Certificate") -> KeyVerdict | None:
    """RFC 8550, 4.4.2 and 4.4.4: a stated use must include encrypting keys, and mail."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

    usage = _extension(cert, x509.KeyUsage)
    if usage is not None and not usage.key_encipherment:
        return KeyVerdict(KeyState.NO_ENCRYPTION, say("It may be used to sign only (key usage)."))
    purposes = _extension(cert, x509.ExtendedKeyUsage)
    if purposes is not None and not {Purpose.EMAIL_PROTECTION, Purpose.ANY_EXTENDED_KEY_USAGE} & set(purposes):
        return KeyVerdict(KeyState.NO_ENCRYPTION, say("It is not for mail (extended key usage)."))
    return None


def _mailboxes(cert: "Certificate") -> tuple[str, ...]:
    """The mailboxes that it names (RFC 8550, 3), in lower case."""
    from cryptography import x509

    names = _extension(cert, x509.SubjectAlternativeName)
    named = list(names.get_values_for_type(x509.RFC822Name)) if names is not None else []
    in_subject = cert.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS)
    named += [str(attribute.value) for attribute in in_subject]
    return tuple(dict.fromkeys(mailbox.lower() for mailbox in named if mailbox == shown(mailbox)))


def _algorithm(cert: "Certificate") -> str:
    """``RSA 3072``, ``EC secp256r1``, ``Ed25519``."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key = cert.public_key()
    if isinstance(key, (rsa.RSAPublicKey, dsa.DSAPublicKey)):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


def _hash(cert: "Certificate") -> str:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        hashed = cert.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return hashed.name if hashed is not None else ""


def _extension(cert: "Certificate", kind: "type[Extension]") -> "Extension | None":
    from cryptography.x509 import ExtensionNotFound

    try:
        return cert.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None


def _issued(issuer: "Certificate", cert: "Certificate") -> bool:
    return issuer.subject == cert.issuer and issuer.subject != cert.subject


def _vouches(issuer: "Certificate", revoked: "CertificateRevocationList", cert: "Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        cert.verify_directly_issued_by(issuer)
        return revoked.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # other kinds raise TypeError
    except (ValueError, TypeError, InvalidSignature):
        return False
