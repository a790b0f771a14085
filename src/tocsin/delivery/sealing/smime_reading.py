"""Whether a certificate signed a mail, and when (RFC 5652, section 5; RFC 8551, 2.5): our library signs, and no more.

Only the encoding is read here, as BER: mail programs write lengths that are not known beforehand (X.690, 8.1.3.6).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tocsin.node.confined import confined

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_LOADS: Final = (
    "cryptography.x509", "cryptography.hazmat.primitives.hashes", "cryptography.hazmat.primitives.asymmetric.padding",
)  # fmt: skip
_DEEPEST: Final = 16
_MOST: Final = 20  # signers
_ATTRIBUTES: Final = 0xA0
_SET: Final = b"\x31"
_PKCS: Final = bytes.fromhex("2a864886f70d01")  # 1.2.840.113549.1
_DATA, _SIGNED, _PSS = _PKCS + b"\x07\x01", _PKCS + b"\x07\x02", _PKCS + b"\x01\x0a"
_TYPE, _DIGEST, _TIME = (_PKCS + b"\x09" + bytes([number]) for number in (3, 4, 5))
_SHA: Final = bytes.fromhex("6086480165030402")  # 2.16.840.1.101.3.4.2
_HASHES: Final = {_SHA + b"\x01": "SHA256", _SHA + b"\x02": "SHA384", _SHA + b"\x03": "SHA512"}
_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}

_Value = tuple[int, bytes, bytes]
"""Tag, contents, and all of its bytes."""


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
