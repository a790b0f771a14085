"""A file that is posted in parts: appended as it comes, so that a cut costs no more than what was on the way.

``Content-Range`` says where a part belongs (RFC 9110, 14.4), ``bytes */SIZE`` without a body asks what is here;
``Repr-Digest`` names the whole (RFC 9530). A begun file lies among the files of the exchange under the name of its
sender: a partner, by the address that it posted from before, or the network of a stranger. Each has a share of its own,
so that nobody's files keep out another's. It begins with a key for us, and goes when it does not grow.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Final

from sqlalchemy import delete, select

from tocsin.exchange.ways.models import ExchangeAddress
from tocsin.node.accounts import network_of
from tocsin.node.errors import InputError
from tocsin.node.file_locks import patiently
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.node import Node
from tocsin.node.records import Database, held, insert_for
from tocsin.node.sentences import say
from tocsin.node.volumes import check_room

PART_BYTES: Final = 1_000_000
"""A larger file is posted in parts of at most so many bytes."""

ANSWER: Final = ".answer.part"
"""What is kept of a whole file for whom our answer did not reach: of partners alone."""

PARTNER: Final = "p"
"""How the name of a partner's share begins; that of a network is hexadecimal."""

_RANGE: Final = re.compile(r"bytes (?:(\d{1,12})-(\d{1,12})|\*)/(\d{1,12})")
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_BEGUN: Final = 2  # so many times the largest file of one sender lie here unfinished
_ALL_BEGUN: Final = 16  # so many times the largest file of all strangers together
_MOST_BEGUN: Final = 1_000  # files of strangers, however small
_LEFT: Final = 3_600  # seconds: what has not grown for so long makes room for another
_PACE: Final = 200  # bytes a second: what grows slower than that makes room, too
_KNOWN: Final = timedelta(days=60)  # so long an address that a partner posted from is its own


class UploadError(InputError):
    """A part that is not taken. ``status``: of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class UploadRange:
    """A part of a file: its first byte, how many bytes, and how many the whole has. ``first`` None: it asks."""

    digest: str
    first: int | None
    length: int
    size: int


def read_range(content_range: str, digest: str, largest: int) -> UploadRange:
    """What the headers of a part say.

    Raises:
        UploadError: they say nothing of use, or more than is taken.

    """
    found, named = _RANGE.fullmatch(content_range), _DIGEST.fullmatch(digest)
    if found is None or named is None:
        raise UploadError(400, say("A part needs Content-Range and Repr-Digest."))
    try:
        whole = base64.b64decode(named[1], validate=True).hex()
    except binascii.Error:
        raise UploadError(400, say("A part needs Content-Range and Repr-Digest.")) from None
    size = int(found[3])
    if not size or size > largest:
        raise UploadError(413, say("At most %(n)s bytes are taken.", n=f"{largest:,}"))
    if found[1] is None:
        return UploadRange(whole, None, 0, size)
    first, last = int(found[1]), int(found[2])
    if not first <= last < size:
        raise UploadError(400, say("A part needs Content-Range and Repr-Digest."))
    if last - first >= PART_BYTES:
        raise UploadError(413, say("At most %(n)s bytes are taken.", n=f"{PART_BYTES:,}"))
    return UploadRange(whole, first, last - first + 1, size)


@contextmanager
def append_part(node: Node, part: UploadRange, share: str) -> Iterator["OpenUpload"]:
    """The begun file that a part belongs to. ``share``: whose it is, of `share_of`.

    Raises:
        UploadError: too much of this sender lies here unfinished, or this is not the file's first part and none came.
        NoRoomError: the disk is nearly full.
        StorageError: the disk fails.

    """
    folder = node.exchange.folder
    path = folder / f"{part.digest}.{share}.part"
    with disk_failures("A part of a file cannot be kept"):
        folder.mkdir(parents=True, exist_ok=True)
        if part.first is not None:
            check_room(node.settings.intake, node.home, part.length)
            if not _has_room(node, path, part.length if path.exists() else part.size):
                raise UploadError(429, say("Too many files were begun and not finished."))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        upload = OpenUpload(node.database, path, file, part)
        before = os.fstat(handle)
        try:
            yield upload
        finally:
            if not upload.here:  # it was a question, or nothing came
                upload.forget()
            elif gained := upload.here - before.st_size:  # its time says how far it would be at this pace
                at = time.time() if not before.st_size else min(time.time(), before.st_mtime + gained / _PACE)
                os.utime(handle, (at, at))


@dataclass
class OpenUpload:
    """A begun file. Of two who append to it at once, as after a cut that nobody saw, one goes on."""

    database: Database
    path: Path
    file: IO[bytes]
    part: UploadRange

    @property
    def here(self) -> int:
        """How many of its bytes came."""
        return os.fstat(self.file.fileno()).st_size

    def add(self, piece: bytes, at: int) -> bool:
        """Whether these bytes were the next, and are here now.

        Raises:
            StorageError: the disk is full or fails.

        """
        with disk_failures("A part of a file cannot be kept"), held(self.database, "exchange-part", patiently):
            return self.here == at and self.file.write(piece) == len(piece)

    def whole(self) -> bytes:
        """All of it, which is not kept here any more.

        Raises:
            UploadError: it is not what its digest says.

        """
        with disk_failures("A part of a file cannot be kept"):
            self.file.seek(0)
            content = self.file.read()
        if hashlib.sha256(content).hexdigest() == self.part.digest:
            return content
        self.forget()
        raise UploadError(422, say("The file is not what its digest says."))

    def forget(self) -> None:
        """Delete what came of it."""
        with disk_failures("A part of a file cannot be kept"):
            self.path.unlink(missing_ok=True)


def keep_part(node: Node, digest: str, number: int, content: bytes) -> bool:
    """Keep a part of a large file that came in a mail; False: too much lies here unfinished."""
    folder = node.exchange.folder
    with disk_failures("A part of a file cannot be kept"):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{digest}-{number}.mail.part"
        if not _has_room(node, path, len(content)):
            return False
        write_whole(path, content)
    return True


def join_parts(node: Node, digest: str, parts: int) -> bytes | None:
    """The whole once all of its parts came; None: one is missing. The sweep takes them away a day later."""
    paths = [node.exchange.folder / f"{digest}-{number}.mail.part" for number in range(1, parts + 1)]
    with disk_failures("A part of a file cannot be read"):
        if not all(path.is_file() for path in paths):
            return None
        content = b"".join(path.read_bytes() for path in paths)
    return content if hashlib.sha256(content).hexdigest() == digest else b""


def share_of(node: Node, address: str, secret: bytes, now: datetime) -> str:
    """Whose share of begun files an address has: that of the partner who posted from it before, or of its network."""
    with node.database.reading() as session:
        of = ExchangeAddress.address == _address_key(address, secret)
        partner = session.scalar(select(ExchangeAddress.partner_id).where(of, ExchangeAddress.day > _since(now)))
    return f"{PARTNER}{partner}" if partner else _key(network_of(address, v6_bits=48), secret)


def note_address(node: Node, partner: int, address: str, secret: bytes, now: datetime) -> None:
    """A dispatch of a partner came from this address: files that are begun there are in its own share."""
    key = _address_key(address, secret)
    with node.database.begin() as session:
        session.execute(delete(ExchangeAddress).where(ExchangeAddress.day <= _since(now)))
        row = insert_for(session, ExchangeAddress).values(partner_id=partner, address=key, day=now.date())
        known = row.on_conflict_do_update(index_elements=["partner_id", "address"], set_={"day": now.date()})
        session.execute(known)


def _since(now: datetime) -> date:
    return (now - _KNOWN).date()


def _address_key(address: str, secret: bytes) -> str:
    return _key(network_of(address, v4_bits=32, v6_bits=64), secret)


def _key(text: str, secret: bytes) -> str:
    return hmac.digest(secret, f"tocsin.uploads\n{text}".encode(), "sha256").hex()[:24]


def _has_room(node: Node, path: Path, size: int) -> bool:
    """Whether a file of its sender may take so many bytes more; what does not grow makes room, the oldest first."""
    share, largest = path.name.split(".")[1], node.settings.exchange.inbox_bytes
    begun = {path: (time.time(), 0)}
    for one in path.parent.glob("*.part"):
        if not one.name.endswith(ANSWER) and one.name.count(".") == 2:
            with suppress(FileNotFoundError):  # it was whole meanwhile
                found = one.stat()
                begun[one] = (found.st_mtime, found.st_size)
    own = {one: facts for one, facts in begun.items() if one.name.split(".")[1] == share}
    if not _fits(own, path, size, node.settings.intake.begun_files, _BEGUN * largest):
        return False
    if share.startswith(PARTNER):
        return True
    strangers = {one: facts for one, facts in begun.items() if not one.name.split(".")[1].startswith(PARTNER)}
    return _fits(strangers, path, size, _MOST_BEGUN, _ALL_BEGUN * largest)


def _fits(begun: dict[Path, tuple[float, int]], path: Path, size: int, files: int, most: int) -> bool:
    def is_too_much() -> bool:
        return size + sum(here for _, here in begun.values()) > most or len(begun) > files

    idle = sorted((last, one) for one, (last, _) in begun.items() if one != path and time.time() - last >= _LEFT)
    for _, one in idle:
        if is_too_much():
            one.unlink(missing_ok=True)
            del begun[one]
    return not is_too_much()
