"""A dispatch as one file: a ZIP of signed statements and parts, encrypted for its recipient, and opened with limits.

Members are called by their SHA-256, so that `sha256sum` checks them: ``HASH.json`` with ``HASH.json.asc`` beside it,
and parts as ``HASH``. ``dispatch.json``, its signature and ``text.txt`` have names for people.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tocsin.delivery.sealing import OpeningKey, open_encrypted
from tocsin.exchange.statements import RefusalCode, RefusalError, Statement, hash_of, refusing
from tocsin.node.confined import ConfinedError, confined

if TYPE_CHECKING:
    from pysequoia import Cert

DISPATCH: Final = "dispatch.json"
TEXT: Final = "text.txt"
RECEIPT: Final = "receipt.json"
SIGNATURE: Final = ".asc"
_MEMBER: Final = re.compile(r"(?:dispatch|receipt|[0-9a-f]{64})\.json(?:\.asc)?|[0-9a-f]{64}|text\.txt")
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_END: Final = 22  # bytes of the end of a ZIP archive without a comment (APPNOTE 4.3.16)
_ENTRY: Final = 46 + 255  # bytes of an entry of its list, with a name as long as a file system takes


@dataclass(frozen=True)
class Limits:
    """What a dispatch may have: checked before anything in it is parsed.

    ``file``: bytes as it came, and of the archive in it; ``unpacked``: bytes of all members; ``ratio``: of what a
    member unpacks to, where that is over a megabyte.
    """

    file: int = 64_000_000
    unpacked: int = 256_000_000
    members: int = 20_000
    ratio: int = 200


def file_name(sender: UUID, recipient: UUID, number: int) -> str:
    """``0d6f1a2b-b1c2d3e4-000123.pgp``: nothing but who, for whom, and which."""
    return f"{str(sender)[:8]}-{str(recipient)[:8]}-{number:06d}.pgp"


def members_of(
    dispatch: Statement, statements: Iterable[Statement] = (), parts: Iterable[bytes] = (), text: str = ""
) -> dict[str, bytes]:
    """The files of a dispatch by their names."""
    members = {DISPATCH: dispatch.content, DISPATCH + SIGNATURE: dispatch.signature}
    for one in statements:
        name = f"{digits(one.hash)}.json"
        members |= {name: one.content, name + SIGNATURE: one.signature}
    members |= {digits(hash_of(part)): part for part in parts}
    return members | ({TEXT: text.encode("utf-8")} if text else {})


def digits(named: str) -> str:
    """A hash without the name of its kind."""
    return named.removeprefix("sha256:")


def seal(members: Mapping[str, bytes], recipient: "Cert") -> bytes:
    """The file: these members packed and encrypted for the recipient, and for nobody else.

    Not signed outside, so that who carries it does not learn by it who it is from. The library does not look whether a
    certificate has expired; see `tocsin.directory.keys.encrypting`.
    """
    return seal_packed(pack(members), recipient)


def seal_packed(archive: bytes, recipient: "Cert") -> bytes:
    """As `seal`, of members that are packed."""
    from pysequoia import encrypt

    return encrypt(archive, recipients=[recipient], armor=False)


def pack(members: Mapping[str, bytes]) -> bytes:
    """The members as a ZIP archive, which `unpack` reads."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)  # dated 1980: when it was packed is nobody's business
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return packed.getvalue()


def open_file(content: bytes, keys: Sequence[OpeningKey], limits: Limits) -> dict[str, bytes]:
    """The members of a file that came. Opened in one confined process, which has our keys, and unpacked in another.

    Raises:
        RefusalError: it is larger than the limits, is not for us, or no archive such as `seal` makes.

    """
    if len(content) > limits.file:
        raise RefusalError(
            RefusalCode.TOO_LARGE, f"The file has {len(content):,} bytes; at most {limits.file:,} are taken."
        )
    try:
        archive = open_encrypted(content, tuple(keys), limits.file)
    except ConfinedError:  # one answer, so that it is no oracle
        archive = None
    if archive is None:
        raise RefusalError(RefusalCode.UNDECRYPTABLE, "The file cannot be decrypted with a key of this node.")
    return unpack_file(archive, limits)


def unpack_file(archive: bytes, limits: Limits) -> dict[str, bytes]:
    """As `unpack`, of an archive that came from elsewhere."""
    with refusing(RefusalCode.BAD_ARCHIVE):
        return _unpack_confined(archive, limits)


@confined(seconds=10, megabytes=1_000, answer_megabytes=300)
def _unpack_confined(archive: bytes, limits: Limits) -> dict[str, bytes]:
    return unpack(archive, limits)


def unpack(archive: bytes, limits: Limits) -> dict[str, bytes]:
    """The members of a ZIP archive with the names that a dispatch has.

    Raises:
        RefusalError: it is none, has other names, the same twice, or more than the limits.

    """
    _check_list(archive, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            infos = opened.infolist()
            _check_members(infos, limits)
            # no member gives more than it says: then its checksum is wrong
            return {info.filename: opened.read(info) for info in infos}
    except _DAMAGED as error:
        raise RefusalError(RefusalCode.BAD_ARCHIVE, f"The archive is damaged: {error}.") from error


def _check_list(archive: bytes, limits: Limits) -> None:
    """Refuse before the list of members is read, which takes memory for each."""
    end = archive[-_END:]
    if end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
        raise RefusalError(RefusalCode.BAD_ARCHIVE, "It holds no ZIP archive, or something stands behind it.")
    if int.from_bytes(end[12:16], "little") > limits.members * _ENTRY:
        raise RefusalError(RefusalCode.TOO_LARGE, f"The archive lists more than {limits.members:,} members.")


def _check_members(infos: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.members:
        raise RefusalError(RefusalCode.TOO_LARGE, f"The archive has more than {limits.members:,} members.")
    if sum(info.file_size for info in infos) > limits.unpacked:
        raise RefusalError(RefusalCode.TOO_LARGE, f"The archive unpacks to more than {limits.unpacked:,} bytes.")
    names = set[str]()
    for info in infos:
        if info.orig_filename in names or not _MEMBER.fullmatch(info.orig_filename):
            raise RefusalError(RefusalCode.BAD_NAME, f"No dispatch has a member called {info.orig_filename[:80]!a}.")
        names.add(info.orig_filename)
        if info.flag_bits & 1 or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise RefusalError(RefusalCode.BAD_ARCHIVE, "A member is encrypted, or packed in another way than deflate.")
        if info.file_size > max(1_000_000, info.compress_size * limits.ratio):
            raise RefusalError(RefusalCode.TOO_LARGE, f"A member unpacks to over {limits.ratio} times its size.")
