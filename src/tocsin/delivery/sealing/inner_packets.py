"""The packets inside an encrypted OpenPGP message that Sequoia opened, to see by whom and when it was signed.

Our library verifies no signature inside a message that is compressed, as gpg makes all, and tells no time of one
that is inside. So it decides whether a message opens and was not changed, and here the same bytes are decrypted by
pyca/cryptography for its verifier, which gets them as a message that is signed alone. RFC 9580, 5.1, 5.13, 11.5.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pysequoia.packet import Packet

_RSA, _ECDH, _X25519 = 1, 18, 25
_CURVE_25519: Final = bytes.fromhex("2b060104019755010501")
_KEY_BYTES: Final = {7: 16, 8: 24, 9: 32}  # AES
_HASHES: Final = {8: "SHA256", 9: "SHA384", 10: "SHA512"}
_OCB, _GCM = 2, 3


def inner_packets(content: bytes, key: bytes) -> bytes | None:
    """What is inside a message; None: the key is locked, or the algorithms are others than AES with RSA or X25519."""
    from pysequoia.packet import PacketPile, Tag

    packets = [*PacketPile.from_bytes(content)]
    sealed = next((bytes(one.body) for one in packets if one.tag == Tag.SEIP), b"")
    wrapped = [bytes(one.body) for one in packets if one.tag == Tag.PKESK]
    secrets = [one for one in PacketPile.from_bytes(key) if one.tag in (Tag.SecretKey, Tag.SecretSubkey)]
    for secret in secrets:
        for one in wrapped:
            try:
                return _decrypted(sealed, *_session_key(one, secret))
            except (ValueError, IndexError, KeyError, ArithmeticError, _invalid()):
                continue
    return None


def _invalid() -> type[Exception]:
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap

    return InvalidUnwrap


def _session_key(wrapped: bytes, secret: "Packet") -> tuple[int, bytes]:
    """The cipher, 0 where the data says it, and the key."""
    version = wrapped[0]
    at = 9 if version == 3 else 2 + wrapped[1]
    fingerprint = bytes.fromhex(secret.fingerprint or "")
    named = wrapped[1:9] if version == 3 else wrapped[3:at]
    if named not in (bytes(8), b"", fingerprint, fingerprint[-8:]):
        raise ValueError("for another key")
    algorithm, fields, own = wrapped[at], wrapped[at + 1 :], bytes(secret.body)
    if own[0] != 4 or own[5] != algorithm:
        raise ValueError("for another key")
    if algorithm == _X25519:
        return _by_x25519(fields, own[6:], version)
    whole = _by_ecdh(fields, own[6:], fingerprint) if algorithm == _ECDH else _by_rsa(fields, own[6:])
    cipher, key = (whole[0], whole[1:-2]) if version == 3 else (0, whole[:-2])
    if sum(key) % 65_536 != int.from_bytes(whole[-2:]):
        raise ValueError("for another key")
    return cipher, key


def _by_x25519(fields: bytes, own: bytes, version: int) -> tuple[int, bytes]:
    """RFC 9580, 5.1.6."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    public, point, rest = own[:32], fields[:32], fields[33 : 33 + fields[32]]
    cipher, sealed = (rest[0], rest[1:]) if version == 3 else (0, rest)
    shared = _exchange(_unlocked(own[32:])[:32], point)
    wrapping = HKDF(SHA256(), 16, None, b"OpenPGP X25519").derive(point + public + shared)
    return cipher, aes_key_unwrap(wrapping, sealed)


def _by_ecdh(fields: bytes, own: bytes, fingerprint: bytes) -> bytes:
    """RFC 9580, 11.5, for Curve25519Legacy."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    curve, rest = own[1 : 1 + own[0]], own[1 + own[0] :]
    if curve != _CURVE_25519:
        raise ValueError("another curve")
    _, rest = _number(rest)
    derivation, rest = rest[: 1 + rest[0]], rest[1 + rest[0] :]
    scalar, _ = _number(_unlocked(rest))
    point, rest = _number(fields)
    digest = hashes.Hash(getattr(hashes, _HASHES[derivation[2]])())
    digest.update(b"\0\0\0\1" + _exchange(scalar.rjust(32, b"\0")[::-1], point[1:]))
    digest.update(own[: 1 + own[0]] + bytes([_ECDH]) + derivation + b"Anonymous Sender    " + fingerprint)
    padded = aes_key_unwrap(digest.finalize()[: _KEY_BYTES[derivation[3]]], rest[1 : 1 + rest[0]])
    return padded[: -padded[-1]]


def _by_rsa(fields: bytes, own: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    modulus, rest = _number(own)
    exponent, rest = _number(rest)
    private, rest = _number(_unlocked(rest))
    first, rest = _number(rest)
    second, _ = _number(rest)
    n, e, d, p, q = (int.from_bytes(one) for one in (modulus, exponent, private, first, second))
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    key = rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(e, n)).private_key()
    return key.decrypt(_number(fields)[0].rjust(len(modulus), b"\0"), padding.PKCS1v15())


def _exchange(scalar: bytes, point: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    return X25519PrivateKey.from_private_bytes(scalar).exchange(X25519PublicKey.from_public_bytes(point))


def _unlocked(secret: bytes) -> bytes:
    if secret[0] != 0:
        raise ValueError("it is locked with a password")
    return secret[1:]


def _number(data: bytes) -> tuple[bytes, bytes]:
    """The first number (RFC 9580, 3.2), and what follows it."""
    end = 2 + (int.from_bytes(data[:2]) + 7) // 8
    return data[2:end], data[end:]


def _decrypted(sealed: bytes, cipher: int, key: bytes) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    if sealed[0] == 2:
        return _in_chunks(sealed, key)
    if len(key) != _KEY_BYTES[cipher]:
        raise ValueError("another cipher")
    decryptor = Cipher(algorithms.AES(key), CFB(bytes(16))).decryptor()
    clear = decryptor.update(sealed[1:]) + decryptor.finalize()
    return clear[18:-22]  # between what is drawn and the digest, which were looked at already


def _in_chunks(sealed: bytes, session: bytes) -> bytes:
    """RFC 9580, 5.13.2."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    cipher, mode, size, salt, data = sealed[1], sealed[2], 1 << (sealed[3] + 6), sealed[4:36], sealed[36:-16]
    said, length, nonce = b"\xd2" + sealed[:4], _KEY_BYTES[cipher], {_OCB: 15, _GCM: 12}[mode]
    derived = HKDF(SHA256(), length + nonce - 8, salt, said).derive(session)
    opener = (AESOCB3 if mode == _OCB else AESGCM)(derived[:length])
    start = derived[length:]
    chunks = (data[at : at + size + 16] for at in range(0, len(data), size + 16))
    return b"".join(opener.decrypt(start + n.to_bytes(8), one, said) for n, one in enumerate(chunks))
