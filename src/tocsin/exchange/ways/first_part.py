"""For whom a file is encrypted, read off its first bytes: the packets with its keys (RFC 9580, 5.1)."""

from collections.abc import Iterator
from typing import Final

HEAD_BYTES: Final = 4_096
"""So many bytes at the beginning of a file say for whom it is: far more than a file for one node needs."""

_KEY_PACKET: Final = 1  # public-key encrypted session key
_MOST: Final = 32  # keys that are looked at


def is_for(head: bytes, keys: frozenset[bytes]) -> bool:
    """Whether a file is encrypted for one of these keys. ``keys``: fingerprints, also of subkeys.

    ``head``: its first bytes. What is armored or names no key is not taken by an inbox, whatever is in it.
    """
    ids = {key[-8:] if len(key) == 20 else key[:8] for key in keys}  # of version 4, and of version 6
    return any(one in keys or one in ids for one in _recipients(head))


def _recipients(head: bytes) -> Iterator[bytes]:
    """A fingerprint, or the eight bytes of a key id, of each key that a file is encrypted for."""
    at = 0
    for _ in range(_MOST):
        body = _key_packet(head, at)
        if body is None:
            return
        start, end = body
        content = head[start:end]
        match content[:1]:
            case b"\x03":
                yield content[1:9]
            case b"\x06":  # length, version of the key, fingerprint
                yield content[3 : 2 + content[1]] if len(content) > 2 else b""
            case _:
                pass
        at = end


def _key_packet(head: bytes, at: int) -> tuple[int, int] | None:
    """Where the body of the key packet at this place begins and ends (RFC 9580, 4.2); None: there is none."""
    first, *length = head[at : at + 6] or b"\0"
    if first & 0xC0 == 0xC0 and first & 0x3F == _KEY_PACKET and length:
        if length[0] < 192:
            return at + 2, at + 2 + length[0]
        if length[0] < 224 and len(length) > 1:
            return at + 3, at + 3 + ((length[0] - 192) << 8) + length[1] + 192
        if length[0] == 255 and len(length) == 5:
            return at + 6, at + 6 + int.from_bytes(bytes(length[1:]))
    elif first & 0xC0 == 0x80 and (first >> 2) & 0x0F == _KEY_PACKET and first & 3 < 3:
        size = 1 << (first & 3)
        return at + 1 + size, at + 1 + size + int.from_bytes(bytes(length[:size]))
    return None
