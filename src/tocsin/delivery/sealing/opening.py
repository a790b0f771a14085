"""What was encrypted for a key of this node, opened in a confined process that has the key, and no parser."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tocsin.node.confined import confined, scratch_file

if TYPE_CHECKING:
    from pysequoia import Tsk
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


@confined(seconds=20, megabytes=800, answer_megabytes=_LARGEST, loads=("pysequoia", "pysequoia.packet"))
def open_encrypted(content: bytes, keys: tuple[OpeningKey, ...], most: int) -> bytes | None:
    """The clear text of an OpenPGP message; None: it is none for these keys, or longer than ``most``.

    OpenPGP may compress inside the encryption, without a bound, so the library writes into a file that takes no more.
    """
    from pysequoia import Tsk, decrypt_file

    if not 0 < _session_keys(content) <= MOST_SESSION_KEYS:
        return None
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
        return found if len(found) <= most else None
    return None


def _session_keys(content: bytes) -> int:
    """How many encrypted session keys stand at its beginning (RFC 9580, 5.1)."""
    from pysequoia.packet import PacketPile, Tag

    try:
        return sum(packet.tag == Tag.PKESK for packet in PacketPile.from_bytes(content))
    except (RuntimeError, ValueError):
        return 0


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
