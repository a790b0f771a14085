"""Which servers are trusted, and the secrets that say who we are.

Source: RFC 7469, 2.4 (a pin is the SHA-256 of the SubjectPublicKeyInfo).
"""

import base64
import hashlib
import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, model_validator

from tocsin.node.errors import SettingError
from tocsin.node.sentences import say
from tocsin.node.settings import read_secret
from tocsin.pipeline.collectors.kinds import CollectorSettings, place

_PIN: Final = r"sha256/[A-Za-z0-9+/]{43}="


class TrustSettings(CollectorSettings):
    """How the certificate of a server is judged."""

    ca_file: str = Field("", description="Authorities that are trusted instead of the system's (PEM).")
    pins: list[str] = Field(
        [],
        description='Keys that the server may have, each "sha256/…"; empty: any that an authority vouches for.',
    )

    @model_validator(mode="after")
    def _pins_are_pins(self) -> Self:
        if wrong := [pin for pin in self.pins if not re.fullmatch(_PIN, pin)]:
            raise ValueError(f"'{wrong[0]}' is no pin: sha256/ and 44 letters of Base64")
        return self


class PinnedContext(ssl.SSLContext):
    """Checks certificates as usual, and that the server has one of the pinned keys, before anything is sent."""

    pins: frozenset[str] = frozenset()

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """The socket after its handshake."""
        wrapped = super().wrap_socket(*args, **options)
        seen = pin_of(wrapped.getpeercert(binary_form=True) or b"")
        if self.pins and seen not in self.pins:
            wrapped.close()
            raise ssl.SSLCertVerificationError(f"the key of the server is {seen}, which is not pinned")
        return wrapped


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate (DER): ``sha256/`` and the Base64 of the SHA-256 of its public key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    key = load_der_x509_certificate(certificate).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return f"sha256/{base64.b64encode(digest).decode()}"


def tls_context(authorities: Path | None = None, pins: Sequence[str] = ()) -> ssl.SSLContext:
    """How servers are trusted: by the system's authorities or those in a file, and by pinned keys where there are any.

    Raises:
        SettingError: the file cannot be used.

    """
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.pins = frozenset(pins)
    if authorities is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as error:
        reason = (error.strerror if not isinstance(error, ssl.SSLError) else None) or say("it holds no certificates")
        raise SettingError(
            say("The file %(authorities)s cannot be used: %(strerror)s.", authorities=authorities, strerror=reason),
            hint=say("Correct ca_file."),
        ) from error
    return context


def trust(settings: TrustSettings, home: Path) -> ssl.SSLContext:
    """How the settings of a collector say that servers are trusted."""
    return tls_context(place(home, settings.ca_file) if settings.ca_file else None, settings.pins)


def secret(home: Path, path: str, setting: str) -> str:
    """What a secret file holds; empty where none is set.

    Raises:
        SettingError: it cannot be used, or holds what cannot stand in a header.

    """
    found = read_secret(str(place(home, path)), setting=setting) if path else ""
    if path and not (found and found.isascii() and found.isprintable()):
        raise SettingError(
            say("The secret in %(place)s is empty or has characters that cannot be sent.", place=place(home, path))
        )
    return found
