"""What was encrypted for a key of this node, opened in a confined process that has the key, and no parser.

Our library of OpenPGP opens all; of what is signed inside its encryption it verifies nothing that is compressed, as gpg
makes all, and tells no time. That is asked of the program sqop (Stateless OpenPGP: draft-dkg-openpgp-stateless-cli).
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tocsin.delivery.sealing.smime_reading import SmimeEnvelope, WrappedKey
from tocsin.node.confined import confined, run_program, scratch_file
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from pysequoia import Cert, Tsk
    from pysequoia.packet import Packet

MOST_SESSION_KEYS: Final = 32
"""Recipients of a message: the library tries our key on each, which takes a millisecond or more."""

_LARGEST: Final = 128  # megabytes of clear text


@dataclass(frozen=True)
class OpeningKey:
    """An OpenPGP key of the node as what opens needs it. ``content``: its secret parts are those that decrypt."""

    content: bytes = field(repr=False)
    password: str = field(default="", repr=False)


def opening_key(tsk: "Tsk", password: str) -> OpeningKey | None:
    """What opens messages for a key; None: it has no part for that, or the password is another."""
    for content in (_opening_parts(tsk), bytes(tsk)):
        if _opens(content, password):
            return OpeningKey(content, password)
    return None


@dataclass(frozen=True)
class SmimeOpeningKey:
    """An S/MIME key of the node. ``content``: the private key (PKCS #8, DER); ``serial``: of its certificate."""

    content: bytes = field(repr=False)
    serial: int


@dataclass(frozen=True)
class OpenedMessage:
    """What was in an OpenPGP message. ``signed``: by somebody, whom nobody asked for. ``why``: it cannot be opened."""

    content: bytes | None = field(default=None, repr=False)
    signed: bool = False
    why: str = ""
    encrypted: bool = False


@dataclass(frozen=True)
class SignatureCheck:
    """Who signed: the fingerprint of a known key, or empty. ``at``: when, by its own clock, where that can be known.

    ``issuers``: the keys that the signature names, whether it holds or not. ``no_program``: nothing on this machine can
    verify it.
    """

    fingerprint: str = ""
    at: datetime | None = None
    issuers: tuple[str, ...] = ()
    no_program: bool = False


_CRYPTOGRAPHY: Final = (
    "cryptography.hazmat.primitives.asymmetric.padding", "cryptography.hazmat.primitives.ciphers",
)  # fmt: skip
_OPENPGP: Final = "pysequoia", "pysequoia.packet"
_PROGRAM: Final = "sqop"
_VERIFIED: Final = re.compile(
    rb"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) [0-9A-F]{40,64} ([0-9A-F]{40,64})(?: |$)", re.MULTILINE
)
"""Draft, 5.9 (VERIFICATIONS): when, by which key, of which certificate."""

_OPENS: Final[dict[str, Any]] = {"megabytes": 800, "answer_megabytes": _LARGEST}


@confined(seconds=20, loads=_OPENPGP, **_OPENS)
def open_encrypted(content: bytes, keys: tuple[OpeningKey, ...], most: int) -> bytes | None:
    """The clear text of an OpenPGP message; None: it is none for these keys, or longer than ``most``."""
    opened = _opened(content, keys, most)
    return None if isinstance(opened, str) else opened[0]


@confined(seconds=20, loads=_OPENPGP, **_OPENS)
def open_message(content: bytes, keys: tuple[OpeningKey, ...], most: int = _LARGEST << 20) -> OpenedMessage:
    """What is in an OpenPGP message of a mail; it may be signed alone."""
    try:
        if not _is_encrypted(content):
            return OpenedMessage(_literal(content, most), signed=bool(_signatures(content)))
        opened = _opened(content, keys, most)
        if isinstance(opened, str):
            return OpenedMessage(why=opened)
        return OpenedMessage(opened[0], bool(_issuers_inside(content, opened[1])), encrypted=True)
    except (RuntimeError, ValueError, OSError):
        return OpenedMessage(why=say("It is no OpenPGP message that can be read."))


@confined(seconds=20, loads=_OPENPGP, program=_PROGRAM, **_OPENS)
def check_message(
    content: bytes, clear: bytes, keys: tuple[OpeningKey, ...], certs: tuple[bytes, ...]
) -> SignatureCheck:
    """Which of these certificates signed a message that was opened to ``clear``, and when."""
    if not _is_encrypted(content):
        return _check_alone(content, clear, certs)
    for key in keys:
        if issuers := named_keys(_issuers_inside(content, key), certs):
            return _check_inside(content, clear, key, certs, issuers)
    return SignatureCheck()


@confined(seconds=5, program=_PROGRAM)
def program_version() -> str:
    """What the program says that it is; empty: it is not here, or does not run confined."""
    done = run_program((_PROGRAM, "version"), b"")
    return done[1][0].decode("ascii", "replace").strip()[:100] if done is not None and done[0] == 0 else ""


@confined(seconds=20, loads=_CRYPTOGRAPHY, **_OPENS)
def open_envelope(envelope: SmimeEnvelope, keys: tuple[SmimeOpeningKey, ...]) -> bytes | None:
    """The clear content of an S/MIME envelope; None: it is not for these keys, or was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    for key in keys:
        for one in envelope.wrapped:
            if one.serial not in (None, key.serial):
                continue
            private = load_der_private_key(key.content, None, unsafe_skip_rsa_key_validation=True)
            try:
                return _unwrapped(envelope, one, private)
            except (ValueError, InvalidTag, AttributeError):
                continue
    return None


def _opened(content: bytes, keys: tuple[OpeningKey, ...], most: int) -> tuple[bytes, OpeningKey] | str:
    """The clear text and the key that opened it; else why not.

    OpenPGP may compress inside the encryption, without a bound, so the library writes into a file that takes no more.
    """
    from pysequoia import Tsk, decrypt_file

    recipients = _recipients(content)
    if not recipients:
        return say("It is encrypted with a password, or no OpenPGP message that can be read.")
    if len(recipients) > MOST_SESSION_KEYS:
        return say(
            "It is encrypted for %(n)s keys; at most %(most)s are tried.", n=len(recipients), most=MOST_SESSION_KEYS
        )
    came, clear = scratch_file(), scratch_file()
    with open(came, "wb", closefd=False) as file:
        file.write(content)
    for key in keys:
        decryptor = Tsk.from_bytes(key.content).decryptor(key.password or None)
        try:
            decrypt_file(f"/proc/self/fd/{came}", f"/proc/self/fd/{clear}", decryptor=decryptor)
        except (RuntimeError, ValueError, OSError):
            continue
        with open(clear, "rb", closefd=False) as file:
            found = file.read(most + 1)
        return (found, key) if len(found) <= most else say("What is in it is larger than %(n)s bytes.", n=f"{most:,}")
    named = ", ".join(dict.fromkeys(one for one in recipients if one)) or "?"
    return say("No key of this node opens it, or it was changed: it is encrypted for %(keys)s.", keys=named)


def _issuers_inside(content: bytes, key: OpeningKey) -> list[str]:
    """The keys that signatures inside a message name; the library asks for them before it looks at the form."""
    from pysequoia import Tsk, decrypt

    issuers = list[str]()

    def store(ids: list[str]) -> "list[Cert]":
        issuers.extend(ids)
        return []

    with suppress(RuntimeError, ValueError, OSError):
        decrypt(content, decryptor=Tsk.from_bytes(key.content).decryptor(key.password or None), store=store)
    return issuers


def _check_inside(
    content: bytes, clear: bytes, key: OpeningKey, certs: tuple[bytes, ...], issuers: tuple[str, ...]
) -> SignatureCheck:
    """By the program, which opens it once more; of several signatures the newest."""
    from pysequoia import Cert

    arguments = [_PROGRAM, "decrypt", "--verifications-out=@FD:{1}", "--verify-with=@FD:{2}", "@FD:{3}"]
    files = [content, b"", b"".join(bytes(Cert.from_bytes(one)) for one in certs), key.content]
    if key.password:
        arguments.append("--with-key-password=@FD:{4}")
        files.append(key.password.encode())
    done = run_program(arguments, *files) if certs else None
    if done is None or done[0] != 0:
        return SignatureCheck(issuers=issuers, no_program=True)
    opened, _, verified, *_ = done[1]
    found = max(_VERIFIED.findall(verified), default=None)
    if found is None or opened != clear:
        return SignatureCheck(issuers=issuers)
    return SignatureCheck(found[1].decode().lower(), datetime.fromisoformat(found[0].decode()), issuers)


def _signatures(content: bytes) -> "list[Packet]":
    from pysequoia.packet import PacketPile, Tag

    return [packet for packet in PacketPile.from_bytes(content) if packet.tag == Tag.Signature]


def _check_alone(content: bytes, clear: bytes, certs: tuple[bytes, ...]) -> SignatureCheck:
    """Whose signature holds of a message that is not encrypted. Of several nobody would know whose time it is."""
    from pysequoia import Cert, verify

    made = _signatures(content)
    issuers = named_keys([one.issuer_fingerprint or one.issuer_key_id or "" for one in made], certs)
    try:
        done = verify(bytes=content, store=lambda _: [Cert.from_bytes(one) for one in certs])
    except (RuntimeError, ValueError):
        return SignatureCheck(issuers=issuers)
    signer = next((one.certificate.lower() for one in done.valid_sigs), "") if done.bytes == clear else ""
    return SignatureCheck(signer, made[0].signature_created if len(made) == 1 else None, issuers)


def _literal(content: bytes, most: int) -> bytes | None:
    """What is in a message that is signed alone, where nobody knows the key; the library unpacks what is compressed."""
    from pysequoia.packet import PacketPile, Tag

    found = (packet.literal_data for packet in PacketPile.from_bytes(content) if packet.tag == Tag.Literal)
    clear = bytes(next(found, None) or b"")
    return clear if 0 < len(clear) <= most else None


def named_keys(issuers: Sequence[str], certs: Sequence[bytes]) -> tuple[str, ...]:
    """The keys that signatures name; a subkey of one of these certificates by the fingerprint of its primary key."""
    from pysequoia.packet import PacketPile

    primary = dict[str, str]()
    for cert in certs:
        found = [packet.fingerprint.lower() for packet in PacketPile.from_bytes(cert) if packet.fingerprint]
        primary |= {name: found[0] for one in found for name in (one, one[-16:])}
    return tuple({primary.get(one.lower(), one.lower()): None for one in issuers if one})


def _is_encrypted(content: bytes) -> bool:
    from pysequoia.packet import PacketPile, Tag

    closed = (Tag.PKESK, Tag.SKESK, Tag.SEIP, Tag.SED, Tag.AED)
    return any(packet.tag in closed for packet in PacketPile.from_bytes(content))


def _recipients(content: bytes) -> list[str]:
    """The keys that encrypted session keys at its beginning name, empty where one names none (RFC 9580, 5.1)."""
    from pysequoia.packet import PacketPile, Tag

    try:
        found = [bytes(packet.body) for packet in PacketPile.from_bytes(content) if packet.tag == Tag.PKESK]
    except (RuntimeError, ValueError):
        return []
    return [(one[1:9] if one[:1] == b"\3" else one[3 : 2 + one[1]] if len(one) > 1 else b"").hex() for one in found]


def _unwrapped(envelope: SmimeEnvelope, wrapped: WrappedKey, private: Any) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.padding import PKCS7

    hashed = getattr(hashes, wrapped.hashed)() if wrapped.hashed else None
    unpad = padding.OAEP(padding.MGF1(hashed), hashed, None) if hashed else padding.PKCS1v15()
    key = private.decrypt(wrapped.content, unpad)
    if envelope.cipher == "AES-GCM":
        return AESGCM(key).decrypt(envelope.start, envelope.content + envelope.tag, None)
    block = (TripleDES if envelope.cipher == "3DES-CBC" else algorithms.AES)(key)
    decryptor, padded = Cipher(block, modes.CBC(envelope.start)).decryptor(), PKCS7(block.block_size).unpadder()
    clear = padded.update(decryptor.update(envelope.content) + decryptor.finalize())
    return clear + padded.finalize()


def _opens(content: bytes, password: str) -> bool:
    from pysequoia import Tsk

    try:
        Tsk.from_bytes(content).decryptor(password or None)
    except (RuntimeError, ValueError):
        return False
    return True


def _opening_parts(tsk: "Tsk") -> bytes:
    """The key with the secret parts of those subkeys that may encrypt, and the public parts of all others.

    The whole, where the primary key itself encrypts, as old RSA keys do.
    """
    from pysequoia.packet import PacketPile, Tag

    secret, public = (list(PacketPile.from_bytes(bytes(one))) for one in (tsk, tsk.extract_certificate()))
    if _may_encrypt(secret, 0) or len(secret) != len(public):
        return bytes(tsk)
    return b"".join(
        bytes(own if own.tag == Tag.SecretSubkey and _may_encrypt(secret, place) else other)
        for place, (own, other) in enumerate(zip(secret, public, strict=True))
    )


def _may_encrypt(packets: "list[Packet]", place: int) -> bool:
    """Whether a signature behind a key gives leave to encrypt by it; of a primary key, one before its first subkey."""
    from pysequoia.packet import Tag

    for packet in packets[place + 1 :]:
        if packet.tag in (Tag.SecretSubkey, Tag.PublicSubkey):
            return False
        flags = packet.key_flags if packet.tag == Tag.Signature else None
        if flags is not None and (flags.transport_encryption or flags.storage_encryption):
            return True
    return False
