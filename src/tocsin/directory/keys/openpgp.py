"""OpenPGP certificates (RFC 9580) as facts.

Sequoia checks every signature; it is asked by letting it encrypt nothing for the certificate with one part of it at a
time. By itself it would also encrypt for an expired or revoked certificate: that is what the facts are for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

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
    from pysequoia import Cert
    from pysequoia.packet import Packet

_MOST_PACKETS = 500  # each subkey is tried by the library: a key made to take long is not taken
_CURVES = {
    "2b06010401da470f01": "Ed25519",
    "2b060104019755010501": "X25519",
    "2a8648ce3d030107": "NIST P-256",
    "2b81040022": "NIST P-384",
    "2b81040023": "NIST P-521",
    "2b2403030208010107": "brainpoolP256r1",
    "2b240303020801010b": "brainpoolP384r1",
    "2b240303020801010d": "brainpoolP512r1",
}
_WEAK_HASHES = frozenset({"MD5", "SHA1", "RipeMD"})  # RFC 9580, 9.5: must not be used in signatures
_REVOKED, _WEAK = partial(KeyVerdict, KeyState.REVOKED), partial(KeyVerdict, KeyState.WEAK)
_NO_ENCRYPTION = partial(KeyVerdict, KeyState.NO_ENCRYPTION)
_BACK = frozenset({"KeyRevocation", "SubkeyRevocation", "CertificationRevocation"})


@dataclass
class _Component:
    """A primary key, user id or subkey, and the signatures of the owner that stand after it."""

    packet: "Packet"
    signatures: "list[Packet]" = field(default_factory=list)

    @property
    def all(self) -> "list[Packet]":
        return [self.packet, *self.signatures]


def read_openpgp(content: bytes) -> list[bytes]:
    """The certificates of a file, armored or binary, each without what others certified about it.

    Raises:
        InputError: it is not OpenPGP, or holds a private key.

    """
    from pysequoia import Cert
    from pysequoia.packet import PacketPile, Tag

    try:
        certs = Cert.split_bytes(content)
        private = any(packet.tag in (Tag.SecretKey, Tag.SecretSubkey) for packet in PacketPile.from_bytes(content))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            say("The OpenPGP key cannot be read: %(error)s.", error=library_error(error)),
            hint=say("Export the key once more."),
        ) from error
    if private:
        raise InputError(
            say("The file holds a private key, and nothing was taken from it."),
            hint="Ask for the public key ('gpg --export'). Whoever sent the private one should revoke it.",
        )
    return [_own_words(cert) for cert in certs]


def read_revocation(content: bytes) -> tuple[str, bytes] | None:
    """A revocation that came alone: the fingerprint of the key that it takes back, and its packet; else None."""
    from pysequoia import Sig

    try:
        signature = Sig.from_bytes(content)
    except (RuntimeError, ValueError):
        return None
    if str(signature.signature_type).rpartition(".")[2] != "KeyRevocation" or signature.issuer_fingerprint is None:
        return None
    return signature.issuer_fingerprint.lower(), bytes(signature)


def merge_openpgp(old: bytes, new: bytes) -> bytes:
    """The certificate with what either knows of it: newer signatures, revocations, subkeys.

    ``new`` may also be a revocation alone; one that the key did not make changes nothing that counts.
    """
    from pysequoia import Cert

    cert = Cert.from_bytes(old)
    if (revocation := read_revocation(new)) is not None:
        return _own_words(Cert.from_bytes(old + revocation[1]))
    return _own_words(cert.merge(Cert.from_bytes(new)))


def openpgp_facts(content: bytes) -> KeyFacts:
    """What a certificate says that its own signatures support, as of now."""
    from pysequoia import Cert

    cert = Cert.from_bytes(content)
    primary, *others = _components(cert)
    users = [part for part in others if part.packet.user_id is not None]
    vouched, until, flaw = _standing(cert, primary, users)
    subkeys = [_subkey(part, [primary, *users]) for part in others if part.packet.fingerprint is not None]
    spans = [found for found in [_primary_span(primary, users, until), *subkeys] if isinstance(found, KeySpan)]
    faults = [found for found in subkeys if isinstance(found, KeyVerdict)]
    return KeyFacts(
        format=KeyFormat.OPENPGP,
        fingerprint=cert.fingerprint.lower(),
        names=tuple(shown(part.packet.user_id or "") for part in vouched),
        mailboxes=tuple(dict.fromkeys(mail.lower() for part in vouched if (mail := _mailbox(part.packet)))),
        algorithm=_algorithm(primary.packet),
        since=_created(primary.packet),
        until=until,
        flaw=flaw or (_worst(faults) if not spans else None),
        encrypts=tuple(spans),
    )


def encrypting(content: bytes, now: datetime) -> "Cert":
    """The certificate with only those subkeys that `openpgp_facts` finds sound and that encrypt at ``now``.

    Sequoia encrypts for every subkey that is there, expired or not.
    """
    from pysequoia import Cert

    primary, *others = _components(Cert.from_bytes(content))
    users = [part for part in others if part.packet.user_id is not None]
    kept = [primary, *users]
    for part in others:
        span = _subkey(part, [primary, *users]) if part.packet.fingerprint is not None else None
        if isinstance(span, KeySpan) and span.since <= now and (span.until is None or now < span.until):
            kept.append(part)
    return Cert.from_packets([packet for part in kept for packet in part.all])


def library_error(error: Exception) -> str:
    """The first line of what the library says, without its full stop."""
    return (str(error).splitlines() or ["no reason given"])[0].rstrip(".")


def _components(cert: "Cert") -> list[_Component]:
    from pysequoia.packet import PacketPile, Tag

    found: list[_Component] = []
    for packet in PacketPile.from_bytes(bytes(cert)):
        if packet.tag == Tag.Signature and found:
            found[-1].signatures.append(packet)
        elif packet.tag != Tag.Signature:
            found.append(_Component(packet))
    return found


def _own_words(cert: "Cert") -> bytes:
    """The certificate as its owner signed it: certifications by others grow without limit and are of no use here."""
    from pysequoia import Cert

    parts = _components(cert)
    primary = parts[0].packet
    for part in parts:
        part.signatures = [packet for packet in part.signatures if _issued_by(packet, primary)]
    if sum(len(part.all) for part in parts) > _MOST_PACKETS:
        raise InputError(
            say("The OpenPGP key has too many parts."), hint=say("Ask for it without its old subkeys and user ids.")
        )
    return bytes(Cert.from_packets([packet for part in parts for packet in part.all]))


def _issued_by(signature: "Packet", primary: "Packet") -> bool:
    if signature.issuer_fingerprint is not None:
        return signature.issuer_fingerprint == primary.fingerprint
    return signature.issuer_key_id in {None, primary.key_id}


def _standing(
    cert: "Cert", primary: _Component, users: Sequence[_Component]
) -> tuple[list[_Component], datetime | None, KeyVerdict | None]:
    """The user ids that count, when the key ends, and what is wrong with it as a whole."""
    flaw = _weak(primary.packet)
    try:
        valid = {str(user) for user in cert.user_ids}
        vouched, until = [part for part in users if part.packet.user_id in valid], cert.expiration
    except RuntimeError as error:
        # Nothing in it is vouched for: what it says of itself is shown, and serves for nothing.
        vouched, until = list(users), None
        flaw = flaw or _why_unsupported(primary, users, error)
    if cert.is_revoked:
        flaw = _REVOKED(say("Its owner revoked it."))
    return vouched, until, flaw


def _why_unsupported(primary: _Component, users: Sequence[_Component], error: Exception) -> KeyVerdict | None:
    signatures = [packet for part in [primary, *users] for packet in part.signatures if not _takes_back(packet)]
    if _hashed_weakly(signatures):
        return _WEAK(say("Its user ids are bound to it with %(hashes)s.", hashes=_hashes(signatures)))
    newest = max((at for packet in signatures if (at := packet.signature_created)), default=None)
    if newest is not None and newest > datetime.now(UTC):
        return None  # not valid yet, which is judged by its time
    return _NO_ENCRYPTION(say("Its own signatures do not support it: %(error)s.", error=library_error(error)))


def _subkey(part: _Component, whole: Sequence[_Component]) -> KeySpan | KeyVerdict:
    """From when until when a subkey encrypts, or why it does not."""
    base = [packet for component in whole for packet in component.all]
    if flaw := _weak(part.packet):
        return flaw
    bindings = [packet for packet in part.signatures if not _takes_back(packet)]
    newest_first = sorted(bindings, key=_signed, reverse=True) if _may_encrypt(bindings) else []
    for binding in newest_first:
        if _encrypts(part.packet, [*base, part.packet, binding]):
            if not _encrypts(part.packet, [*base, *part.all]):
                return _REVOKED(say("What encrypts in it was revoked."))
            return _span(part.packet, binding.key_validity_period)
    return _unbound(part.packet, bindings)


def _unbound(key: "Packet", bindings: "Sequence[Packet]") -> KeySpan | KeyVerdict:
    """Why the library does not encrypt for a subkey; a span where it will once the time has come."""
    if _meant_to_encrypt(bindings) and _hashed_weakly(bindings):
        return _WEAK(say("What encrypts in it is bound to it with %(hashes)s.", hashes=_hashes(bindings)))
    if _meant_to_encrypt(bindings) and _created(key) > datetime.now(UTC):
        return _span(key, bindings[0].key_validity_period)
    return _NO_ENCRYPTION(say("It holds no key that encrypts."))


def _primary_span(primary: _Component, users: Sequence[_Component], until: datetime | None) -> KeySpan | None:
    """The same for a primary key that itself encrypts, as old RSA keys do."""
    whole = [packet for part in [primary, *users] for packet in part.all]
    own_words = [packet for part in [primary, *users] for packet in part.signatures]
    if _weak(primary.packet) or not _may_encrypt(own_words) or not _encrypts(primary.packet, whole):
        return None
    return KeySpan(_created(primary.packet), until, _algorithm(primary.packet))


def _span(packet: "Packet", lasts: timedelta | None) -> KeySpan:
    since = _created(packet)
    return KeySpan(since, since + lasts if lasts else None, _algorithm(packet))


def _encrypts(key: "Packet", packets: "Iterable[Packet]") -> bool:
    """Whether the library encrypts for ``key`` where the certificate is made of these packets."""
    from pysequoia import Cert, encrypt
    from pysequoia.packet import PacketPile, Tag

    try:
        message = encrypt(b"", recipients=[Cert.from_packets(list(packets))], armor=False)
    except (RuntimeError, ValueError):
        return False
    return any(_is_for(packet.body, key) for packet in PacketPile.from_bytes(message) if packet.tag == Tag.PKESK)


def _is_for(session_key: bytes, key: "Packet") -> bool:
    """Whether an encrypted session key is for this key (RFC 9580, 5.1.1 and 5.1.2)."""
    if session_key[0] == 6:
        return session_key[3 : 2 + session_key[1]].hex() == (key.fingerprint or "").lower()
    return session_key[1:9].hex() == (key.key_id or "").lower()


def _may_encrypt(bindings: "Iterable[Packet]") -> bool:
    """Whether one of these gives leave to encrypt, or says nothing of it; a quick no saves asking the library."""
    return any(packet.key_flags is None or _meant_to_encrypt([packet]) for packet in bindings)


def _meant_to_encrypt(bindings: "Iterable[Packet]") -> bool:
    flags = [packet.key_flags for packet in bindings if packet.key_flags is not None]
    return any(one.transport_encryption or one.storage_encryption for one in flags)


def _weak(key: "Packet") -> KeyVerdict | None:
    kind = str(key.key_algorithm).rpartition(".")[2]
    if kind.startswith("RSA") and _bits(key) < LEAST_RSA:
        return short_rsa(_bits(key))
    if kind == "DSA" or kind.startswith("ElGamal"):
        return unsafe_algorithm(_algorithm(key))
    return None


def _hashed_weakly(signatures: "Sequence[Packet]") -> bool:
    return bool(signatures) and all(_hash(packet) in _WEAK_HASHES for packet in signatures)


def _hashes(signatures: "Sequence[Packet]") -> str:
    return " and ".join(sorted({_hash(packet).replace("SHA1", "SHA-1") for packet in signatures}))


def _hash(packet: "Packet") -> str:
    return str(packet.hash_algorithm).rpartition(".")[2]


def _takes_back(packet: "Packet") -> bool:
    return str(packet.signature_type).rpartition(".")[2] in _BACK


def _signed(packet: "Packet") -> float:
    return packet.signature_created.timestamp() if packet.signature_created else 0.0


def _worst(faults: Sequence[KeyVerdict]) -> KeyVerdict | None:
    """Of several reasons the one that tells most."""
    order = (KeyState.REVOKED, KeyState.WEAK, KeyState.NO_ENCRYPTION)
    return min(faults, key=lambda fault: order.index(fault.state), default=None)


def _algorithm(key: "Packet") -> str:
    """``RSA 3072``, ``Ed25519``, ``NIST P-256``."""
    kind = str(key.key_algorithm).rpartition(".")[2]
    if kind in {"EdDSA", "ECDH", "ECDSA"}:
        at = _material(key)
        return _CURVES.get(key.body[at + 1 : at + 1 + key.body[at]].hex(), kind)
    if kind.startswith(("RSA", "DSA", "ElGamal")):
        return f"{kind[:3] if kind[0] != 'E' else 'ElGamal'} {_bits(key)}"
    return kind


def _bits(key: "Packet") -> int:
    """The length of the first number of a key, in bits (RFC 9580, 3.2)."""
    at = _material(key)
    return int.from_bytes(key.body[at : at + 2], "big")


def _material(key: "Packet") -> int:
    """Where in the packet the algorithm's own data begins (RFC 9580, 5.5.2): version 6 states its length first."""
    return 10 if key.body[0] == 6 else 6


def _created(key: "Packet") -> datetime:
    if key.key_created is None:
        raise InputError(say("The OpenPGP key does not say when it was made."))
    return key.key_created


def _mailbox(user: "Packet") -> str:
    try:
        named = user.user_id_email or ""
    except RuntimeError:
        return ""
    return named if named == shown(named) else ""
