"""What was encrypted for a key of this node, opened in a confined process that has the key, and no parser."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tocsin.delivery.sealing.inner_packets import inner_packets
from tocsin.delivery.sealing.smime_reading import SmimeEnvelope, WrappedKey
from tocsin.node.confined import confined, scratch_file
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from pysequoia import Cert, Decrypted, Tsk
    from pysequoia.packet import Packet

    Store = Callable[[list[str]], list[Cert]]

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
    """What was in an OpenPGP message, with the fingerprints of the certificates that signed it.

    ``issuers``: what its signatures name as their keys, whether they hold or not. ``at``: when it was signed, by the
    clock of who did. ``why``: why it cannot be opened.
    """

    content: bytes | None = field(default=None, repr=False)
    signers: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    at: datetime | None = None
    why: str = ""
    encrypted: bool = False


_CRYPTOGRAPHY: Final = (
    "cryptography.hazmat.primitives.asymmetric.padding", "cryptography.hazmat.primitives.ciphers",
)  # fmt: skip
_OPENS: Final[dict[str, Any]] = {"megabytes": 800, "answer_megabytes": _LARGEST}


@confined(seconds=20, loads=("pysequoia", "pysequoia.packet"), **_OPENS)
def open_encrypted(content: bytes, keys: tuple[OpeningKey, ...], most: int) -> bytes | None:
    """The clear text of an OpenPGP message; None: it is none for these keys, or longer than ``most``."""
    opened = _opened(content, keys, most)
    return None if isinstance(opened, str) else opened[0]


@confined(seconds=20, loads=("pysequoia", "pysequoia.packet", *_CRYPTOGRAPHY), **_OPENS)
def open_message(
    content: bytes, keys: tuple[OpeningKey, ...], certs: tuple[bytes, ...] = (), most: int = _LARGEST << 20
) -> OpenedMessage:
    """What is in an OpenPGP message of a mail, and which of these certificates signed it; it may be signed alone."""
    from pysequoia import verify

    try:
        if not _is_encrypted(content):
            found = _verified(content, certs, lambda store: verify(bytes=content, store=store))
            return replace(found, content=_literal(content, most) if found.content is None else found.content)
        opened = _opened(content, keys, most)
        if isinstance(opened, str):
            return OpenedMessage(why=opened)
        clear, key = opened
        return _signed_message(content, clear, key, certs)
    except (RuntimeError, ValueError, OSError):
        return OpenedMessage(why=say("It is no OpenPGP message that can be read."))


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


def _signed_message(content: bytes, clear: bytes, key: OpeningKey, certs: tuple[bytes, ...]) -> OpenedMessage:
    """Who signed a message that a key opened."""
    from pysequoia import Tsk, decrypt, verify

    if (inner := inner_packets(content, key.content)) is not None:
        found = _verified(inner, certs, lambda store: verify(bytes=inner, store=store))
    else:
        decryptor = Tsk.from_bytes(key.content).decryptor(key.password or None)
        found = _verified(b"", certs, lambda store: decrypt(content, decryptor=decryptor, store=store))
    if found.content not in (None, clear):
        found = replace(found, signers=(), at=None)
    return replace(found, content=clear, encrypted=True)


def _literal(content: bytes, most: int) -> bytes | None:
    """What is in a message that is signed alone, where nobody knows the key; the library unpacks what is compressed."""
    from pysequoia.packet import PacketPile, Tag

    found = (packet.literal_data for packet in PacketPile.from_bytes(content) if packet.tag == Tag.Literal)
    clear = bytes(next(found, None) or b"")
    return clear if 0 < len(clear) <= most else None


def _verified(packets: bytes, certs: tuple[bytes, ...], read: "Callable[[Store], Decrypted]") -> OpenedMessage:
    """Whose signature holds. Of several nobody would know whose time it is: then there is none."""
    from pysequoia import Cert
    from pysequoia.packet import PacketPile, Tag

    made = [packet for packet in PacketPile.from_bytes(packets) if packet.tag == Tag.Signature] if packets else []
    issuers = [one.issuer_fingerprint or one.issuer_key_id or "" for one in made]

    def store(ids: list[str]) -> "list[Cert]":
        issuers.extend(ids)
        return [Cert.from_bytes(one) for one in certs]

    try:
        done = read(store)
    except (RuntimeError, ValueError):
        return OpenedMessage(issuers=named_keys(issuers, certs))
    signers = tuple({one.certificate.lower(): None for one in done.valid_sigs})
    at = made[0].signature_created if len(made) == 1 else None
    return OpenedMessage(done.bytes, signers, named_keys(issuers, certs), at)


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
