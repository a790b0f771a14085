"""Whether a certificate signed a mail, and when (RFC 5652, section 5; RFC 8551, 2.5): our library signs, and no more.

Only the encoding is read here, as BER: mail programs write lengths that are not known beforehand (X.690, 8.1.3.6).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tocsin.node.confined import confined
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_LOADS: Final = (
    "cryptography.x509", "cryptography.hazmat.primitives.hashes", "cryptography.hazmat.primitives.asymmetric.padding",
)  # fmt: skip
_DEEPEST: Final = 16
_MOST: Final = 20  # signers
_ATTRIBUTES: Final = 0xA0
_SET: Final = b"\x31"
_SET_TAG, _SEQUENCE_TAG = 0x31, 0x30
_MOST_RECIPIENTS: Final = 100
_PKCS: Final = bytes.fromhex("2a864886f70d01")  # 1.2.840.113549.1
_DATA, _SIGNED, _PSS = _PKCS + b"\x07\x01", _PKCS + b"\x07\x02", _PKCS + b"\x01\x0a"
_TYPE, _DIGEST, _TIME = (_PKCS + b"\x09" + bytes([number]) for number in (3, 4, 5))
_SHA: Final = bytes.fromhex("6086480165030402")  # 2.16.840.1.101.3.4.2
_ENVELOPED, _AUTHENTICATED = _PKCS + b"\x07\x03", _PKCS + b"\x09\x10\x01\x17"
_AES: Final = bytes.fromhex("6086480165030401")  # 2.16.840.1.101.3.4.1
_CIPHERS: Final = {
    _AES + b"\x02": "AES-CBC", _AES + b"\x16": "AES-CBC", _AES + b"\x2a": "AES-CBC", _AES + b"\x06": "AES-GCM",
    _AES + b"\x1a": "AES-GCM", _AES + b"\x2e": "AES-GCM", bytes.fromhex("2a864886f70d0307"): "3DES-CBC",
}  # fmt: skip
_HASHES: Final = {_SHA + b"\x01": "SHA256", _SHA + b"\x02": "SHA384", _SHA + b"\x03": "SHA512"}
_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}

_Value = tuple[int, bytes, bytes]
"""Tag, contents, and all of its bytes."""


@dataclass(frozen=True)
class WrappedKey:
    """The key of an envelope for one recipient. ``serial``: of its certificate; None: the envelope names it otherwise.

    ``hashed``: of OAEP, by the name of our library; empty for PKCS #1 1.5.
    """

    serial: int | None
    content: bytes = field(repr=False)
    hashed: str = ""


@dataclass(frozen=True)
class SmimeEnvelope:
    """What is needed to open it: the key as it is wrapped for each recipient with RSA, the cipher and its values.

    ``tag``: of AES-GCM (RFC 5084).
    """

    wrapped: tuple[WrappedKey, ...]
    cipher: str
    start: bytes
    content: bytes = field(repr=False)
    tag: bytes = b""


@dataclass(frozen=True)
class SmimeContent:
    """What stands in a PKCS #7 part. ``signed``: the data that a signature is around; ``why`` else, in words."""

    envelope: SmimeEnvelope | None = None
    signed: bytes | None = field(default=None, repr=False)
    why: str = ""


@confined(seconds=5, megabytes=500, answer_megabytes=128)
def read_smime(content: bytes) -> SmimeContent:
    """What is in a PKCS #7 part of a mail (RFC 5652, 5 and 6; RFC 5083), which is not opened here."""
    try:
        kind, (_, inside, _), *_ = _parts(_value(content)[1])
        (_, fields, _) = next(_parts_of(inside))
        if kind[1] == _SIGNED:
            return SmimeContent(signed=_signed_data(_parts(fields)))
        if kind[1] in (_ENVELOPED, _AUTHENTICATED):
            return SmimeContent(_envelope(_parts(fields), authenticated=kind[1] == _AUTHENTICATED))
    except (ValueError, IndexError, KeyError, StopIteration):
        pass
    return SmimeContent(why=say("It is no S/MIME that can be read here, or its cipher is none of AES and Triple DES."))


def _signed_data(fields: list[_Value]) -> bytes:
    _, _, (_, inside, _), *_ = fields
    kind, *data = _parts(inside)
    if kind[1] != _DATA or not data:
        raise ValueError("nothing is in it")
    return _octets(*_only(data[0][1]))


def _envelope(fields: list[_Value], *, authenticated: bool) -> SmimeEnvelope:
    """RFC 5652, 6.1; RFC 5083, 2.1. Fields that are optional are passed over by their tags."""
    place = next(n for n, (tag, _, _) in enumerate(fields) if tag == _SET_TAG)
    wrapped = []
    for tag, one, _ in _parts(fields[place][1])[:_MOST_RECIPIENTS]:
        if tag == _SEQUENCE_TAG:  # a recipient by its RSA key; others have tags of their own
            _, (kind, named, _), (_, algorithm, _), (form, key, _) = _parts(one)[:4]
            serial = int.from_bytes(_parts(named)[1][1], signed=True) if kind == _SEQUENCE_TAG else None
            wrapped.append(WrappedKey(serial, _octets(form, key), _oaep(_parts(algorithm))))
    _, (_, algorithm, _), (tag, sealed, _) = _parts(fields[place + 1][1])
    name, *parameters = _parts(algorithm)
    cipher = _CIPHERS[name[1]]
    values = _parts(parameters[0][1]) if authenticated else parameters
    content = b"".join(_octets(*one[:2]) for one in _parts(sealed)) if tag & 0x20 else sealed
    mac = next((_octets(*one[:2]) for one in reversed(fields[place + 2 :]) if one[0] & 0x1F == 4), b"")
    return SmimeEnvelope(tuple(wrapped), cipher, values[0][1], content, mac if authenticated else b"")


def _oaep(algorithm: list[_Value]) -> str:
    """The hash of OAEP by name (RFC 4055, 4.1); empty for PKCS #1 1.5."""
    if algorithm[0][1] == _PKCS + b"\x01\x01":
        return ""
    if algorithm[0][1] != _PKCS + b"\x01\x07":
        raise ValueError("another way to wrap keys")
    said = [one for one in _parts(algorithm[1][1]) if one[0] == 0xA0] if len(algorithm) > 1 else []
    return _HASHES[_parts(_parts(said[0][1])[0][1])[0][1]] if said else "SHA1"


def _only(content: bytes) -> tuple[int, bytes]:
    tag, inner, _ = next(_parts_of(content))
    return tag, inner


def _octets(tag: int, content: bytes) -> bytes:
    """An octet string, also one in pieces (X.690, 8.7.3)."""
    return b"".join(_octets(inner, piece) for inner, piece, _ in _parts_of(content)) if tag & 0x20 else content


@confined(seconds=3, loads=_LOADS)
def signed_at(entity: bytes, signature: bytes, certificate: bytes) -> datetime | None:
    """When a certificate (DER, RSA) signed these bytes by a signature beside them, by its own clock; None: it did not.

    By SHA-2 alone, and with the time among what is signed. Its issuer and its dates are not asked.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    key = x509.load_der_x509_certificate(certificate).public_key()
    try:
        signers = _signers(signature)
    except (ValueError, IndexError):
        return None
    if not isinstance(key, RSAPublicKey):
        return None
    for one in signers:
        try:
            return _checked(entity, one, key)
        except (ValueError, IndexError, KeyError, InvalidSignature):
            continue
    return None


def _signers(signature: bytes) -> list[list[_Value]]:
    """The fields of each signer. Data that stands inside is not read: what was signed is compared with what came."""
    kind, (_, content, _) = _parts(_value(signature)[1])
    (_, signed, _) = next(_parts_of(content))
    _, _, (_, inside, _), *_, (_, signers, _) = _parts(signed)
    if (kind[1], _parts(inside)[0][1]) != (_SIGNED, _DATA):
        raise ValueError("no signature over data")
    return [_parts(one) for _, one, _ in _parts(signers)[:_MOST]]


def _checked(entity: bytes, signer: list[_Value], key: "RSAPublicKey") -> datetime:
    """When a signer signed, where all holds."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    _, _, (_, digest, _), (tag, inner, whole), (_, algorithm, _), (_, made, _), *_ = signer
    if tag != _ATTRIBUTES:
        raise ValueError("nothing but the data is signed")
    hashed: hashes.HashAlgorithm = getattr(hashes, _HASHES[_parts(digest)[0][1]])()
    by_pss = _parts(algorithm)[0][1] == _PSS
    padded = padding.PSS(padding.MGF1(hashed), padding.PSS.AUTO) if by_pss else padding.PKCS1v15()
    key.verify(made, _SET + whole[1:], padded, hashed)
    said = {name[1]: _parts(values[1])[0] for name, values in (_parts(one[1]) for one in _parts(inner))}
    summed = hashes.Hash(hashed)
    summed.update(entity)
    if (said[_TYPE][1], said[_DIGEST][1]) != (_DATA, summed.finalize()):
        raise ValueError("other data is signed")
    tag, at, _ = said[_TIME]
    return datetime.strptime(at.decode("ascii"), _TIMES[tag]).replace(tzinfo=UTC)


def _parts(content: bytes) -> list[_Value]:
    return list(_parts_of(content))


def _parts_of(content: bytes) -> Iterator[_Value]:
    at = 0
    while at < len(content):
        tag, inner, at_next = _value(content, at)
        yield tag, inner, content[at:at_next]
        at = at_next


def _value(data: bytes, at: int = 0, depth: int = 0) -> tuple[int, bytes, int]:
    """Tag and contents of the value that begins at a place, and where the next one does.

    Raises:
        ValueError, IndexError: it is none, or lies too deep.

    """
    tag, length, start = data[at], data[at + 1], at + 2
    if depth > _DEEPEST or tag & 0x1F == 0x1F:
        raise ValueError("no value of a signature")
    if length == 0x80:  # up to an end of its own
        end = start
        while data[end : end + 2] != b"\x00\x00":
            _, _, end = _value(data, end, depth + 1)
        return tag, data[start:end], end + 2
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start])
    if start + length > len(data):
        raise ValueError("cut off")
    return tag, data[start : start + length], start + length
