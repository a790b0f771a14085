"""Reports as files: unpacked, measured and hashed, so that the same content twice is one report.

A plain file is read where it stands, up to the length it had when it was opened. What is packed, or comes on standard
input, is unpacked into a spool folder first, within the limits of the settings.
"""

import hashlib
import io
import lzma
import os
import shutil
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from tocsin.events.gzip_stream import DamageError, gunzip
from tocsin.events.redaction import Redaction, redacted_bytes
from tocsin.node.errors import InputError
from tocsin.node.files import disk_failures
from tocsin.node.sentences import join_sentences, say
from tocsin.node.settings import IngestSettings

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 1 << 20
_MOST_MEMBERS = 1_000  # of a zip file: each is looked at, whatever it is

_MAIL_HEAD = 4_000  # bytes that say whether it is a mail
_MOST_MAIL = 40_000_000  # bytes of one; it has to be in memory


@dataclass(frozen=True)
class OpenedReport:
    """A report ready to be read: ``size`` bytes of the file at ``path``, whose SHA-256 is ``content_hash``.

    ``folder``: where the file that it came in stands. ``broken``: why the rest of it could not be unpacked, or empty.
    ``modified``: the file's number and time of change when it was hashed; None when nobody else writes it.
    """

    name: str
    path: Path
    size: int
    content_hash: str
    folder: Path = Path()
    broken: str = ""
    modified: tuple[int, int] | None = None

    def head(self, length: int = 65_536) -> bytes:
        """The first bytes, by which its source is recognised."""
        with self.path.open("rb") as file:
            return file.read(min(length, self.size))

    def limited(self, stream: io.BufferedReader) -> BinaryIO:
        """The stream up to this report's size: what was written behind it later is another report."""
        return io.BufferedReader(_UpTo(stream, self.size), _BLOCK)

    def check_unchanged(self, stream: IO[bytes]) -> None:
        """Raise when the opened file, already read, does not hold what was hashed; what was added to it is no matter.

        Raises:
            InputError: it was changed or became shorter while it was read.

        """
        status = os.fstat(stream.fileno())
        if self.modified is None or (self.modified, self.size) == (_modified(status), status.st_size):
            return
        with io.FileIO(stream.fileno(), closefd=False) as unbuffered:
            unbuffered.seek(0)
            digest, _ = _hash(unbuffered, self.size)
        if digest != self.content_hash:
            raise InputError(
                say("%(name)s changed while it was read; nothing of it was taken in.", name=self.name),
                hint=say("Ingest it again when it is complete."),
            )


@dataclass(frozen=True)
class MailReading:
    """How a file that is a mail is known by its first bytes, and the reports in it by name; from a place above."""

    known: Callable[[bytes], bool]
    reports: Callable[[bytes], Iterable[tuple[str, bytes]]]


@dataclass(frozen=True)
class _Unpacking:
    """Where copies are made, within which limits, what they pass on the way, and how mails are read.

    ``depth``: how deep mails in mails are read.
    """

    spool: Path
    limits: IngestSettings
    redaction: Callable[[], Redaction]
    mails: MailReading | None
    depth: int = 3


def find_reports(paths: Iterable[Path]) -> Iterator[Path]:
    """The files behind paths: folders give their files in order of name; hidden files are left alone."""
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 (says no, where Path.is_dir raises for a name that is too long)
            yield from (
                inner for inner in sorted(path.rglob("*")) if inner.is_file() and not inner.name.startswith(".")
            )
        else:
            yield path


def shown(name: str | Path) -> str:
    """A name as it can be printed and stored: bytes that are not UTF-8 and control characters as escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def open_reports(
    path: Path,
    spool: Path,
    limits: IngestSettings,
    redaction: Callable[[], Redaction],
    mails: MailReading | None = None,
) -> Iterator[OpenedReport]:
    """The report or reports in one file (``-``: standard input); spooled copies are gone after each step.

    ``redaction``: makes what copies pass before they are written; whoever gives it notes what that found. ``mails``:
    without it a mail is a report as any other.

    Raises:
        InputError: the file is not there or not readable, or unpacks to more than the limits allow.
        StorageError: there is no room to unpack it.

    """
    unpacking = _Unpacking(spool, limits, redaction, mails)
    if str(path) == "-":
        yield from _from_stream("standard input", sys.stdin.buffer, unpacking)
        return
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        with path.open("rb") as file:
            found = _unpacked(shown(path.name), path, file, unpacking) if regular else None
            for report in found or _from_stream(shown(path.name), file, unpacking):
                yield replace(report, folder=path.parent)
    except FileNotFoundError as error:
        raise InputError(
            say("%(path)s is not there.", path=shown(path)), hint=say("Check the path; it may have been moved.")
        ) from error
    except PermissionError as error:
        raise InputError(
            say("%(path)s may not be read by this user.", path=shown(path)),
            hint=say("Change its owner or permissions."),
        ) from error
    except OSError as error:
        raise InputError(
            say("%(path)s cannot be read: %(strerror)s.", path=shown(path), strerror=error.strerror),
            hint=say("Check the path."),
        ) from error


def _from_stream(name: str, stream: IO[bytes], to: _Unpacking) -> Iterator[OpenedReport]:
    """What comes once, by a pipe: kept in a file first, since it is read several times."""
    with _spool_file(f"{name} as it came", to) as whole:
        for report in _spooled(whole, name, _blocks(stream), to.limits.max_unpacked_bytes, replace(to, mails=None)):
            with report.path.open("rb") as file:
                for inner in _unpacked(name, whole, file, to):
                    yield replace(inner, broken=inner.broken or report.broken)


def _unpacked(name: str, path: Path, file: io.BufferedReader, to: _Unpacking) -> Iterator[OpenedReport]:
    """The reports in an opened file: itself, or what is packed in it."""
    status = os.fstat(file.fileno())
    magic = file.read(_MAIL_HEAD)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        inner = name.removesuffix(".gz")
        with _spool_file(inner, to) as target:
            yield from _spooled(target, inner, gunzip(file), _most(status.st_size, to.limits), to)
    elif magic[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        yield from _members(name, file, status.st_size, to)
    elif mails := _reading(name, magic, to):
        yield from _of_mail(name, file, to, mails)
    else:
        digest, size = _hash(file, status.st_size)
        yield OpenedReport(name, path, size, digest, modified=_modified(status))


def _modified(status: os.stat_result) -> tuple[int, int]:
    return status.st_ino, status.st_mtime_ns


def _most(packed: int, limits: IngestSettings) -> int:
    """How much so many packed bytes may unpack to."""
    return min(limits.max_unpacked_bytes, max(packed, 1) * limits.max_ratio)


def _hash(file: io.BufferedReader | io.FileIO, size: int) -> tuple[str, int]:
    digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
    left = size
    while left and (came := file.readinto(block[:left])):
        digest.update(block[:came])
        left -= came
    return digest.hexdigest(), size - left


def _members(name: str, file: IO[bytes], size: int, to: _Unpacking) -> Iterator[OpenedReport]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if not members:
                raise InputError(
                    say("%(name)s is a zip file without files in it.", name=name), hint=say("Fetch it again.")
                )
            if len(members) > _MOST_MEMBERS:
                raise InputError(
                    say(
                        "%(name)s holds %(members)s files, more than %(most_members)s.",
                        name=name,
                        members=f"{len(members):,}",
                        most_members=f"{_MOST_MEMBERS:,}",
                    ),
                    hint=say("Pack them in parts."),
                )
            for member in members:
                inner = shown(Path(member.filename).name)
                if member.flag_bits & 1:
                    raise InputError(
                        say("%(name)s: '%(inner)s' is encrypted.", name=name, inner=inner),
                        hint=say("Decrypt it first."),
                    )
                most = _most(min(member.compress_size, size), to.limits)
                with archive.open(member) as stream, _spool_file(inner, to) as target:
                    yield from _spooled(target, inner, _blocks(stream), most, to)
    except (*_BAD_ARCHIVE, RuntimeError, ValueError, struct.error) as error:
        raise InputError(
            say("%(name)s is a damaged zip file: %(error)s.", name=name, error=error), hint=say("Fetch it again.")
        ) from error


def _of_mail(name: str, file: IO[bytes], to: _Unpacking, mails: MailReading) -> Iterator[OpenedReport]:
    """The reports in a mail, also in those that are packed; what is wrong with some of them is said after the others.

    Raises:
        InputError: it is too large, has no report, or some of them cannot be unpacked.

    """
    data = file.read(_MOST_MAIL + 1)
    if len(data) > _MOST_MAIL:
        raise InputError(
            say("The mail %(name)s has more than %(most)s bytes.", name=name, most=f"{_MOST_MAIL:,}"),
            hint=say("Take the reports out of it."),
        )
    kept = redacted_bytes(data, to.redaction())
    inner = replace(to, depth=to.depth - 1)
    if kept is not data:  # packed anew, without what may not be kept
        yield from _members(name, io.BytesIO(kept), len(kept), inner)
        return
    wrong, found = [], False
    try:
        for part, content in mails.reports(data):
            found = True
            try:
                yield from _from_stream(part, io.BytesIO(content), inner)
            except InputError as error:
                wrong.append(error)
    except InputError as error:
        wrong.append(error)
    if wrong:
        raise InputError(join_sentences("\n", map(str, wrong)), hint=wrong[0].hint)
    if not found:
        raise InputError(
            say("There is no report in the mail."), hint=say("docs/sources.md says what is read of mails.")
        )


@contextmanager
def _spool_file(name: str, to: _Unpacking) -> Iterator[Path]:
    """A place in the spool, free again afterwards; another for the same name in a mail within a mail."""
    path = to.spool / f"{hashlib.sha256(f'{to.depth} {name}'.encode()).hexdigest()[:16]}.report"
    with disk_failures(f"{to.spool} could not be made"):
        to.spool.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _spooled(target: Path, name: str, blocks: Iterator[bytes], most: int, to: _Unpacking) -> Iterator[OpenedReport]:
    with disk_failures(f"{name} could not be unpacked into {target.parent}"):
        report = _copy(name, blocks, target, most, to.redaction())
    if report.broken and not report.size:
        raise InputError(
            say("%(path)s cannot be read: %(strerror)s.", path=name, strerror=report.broken),
            hint=say("Fetch it again."),
        )
    if mails := _reading(name, report.head(_MAIL_HEAD), to):
        with target.open("rb") as file:
            yield from _of_mail(name, file, to, mails)
    else:
        yield report


def _reading(name: str, head: bytes, to: _Unpacking) -> MailReading | None:
    """How a file is read, where it is a mail and not too deep in others."""
    known = to.mails is not None and (name.lower().endswith(".eml") or to.mails.known(head))
    return to.mails if known and to.depth else None


def _copy(name: str, blocks: Iterator[bytes], target: Path, most: int, redaction: Redaction) -> OpenedReport:
    """Copy a stream to ``target``; damage ends the copy with a reason, too much refuses the report."""
    digest, came, size, broken = hashlib.sha256(), 0, 0, ""
    with target.open("wb") as out:

        def keep(piece: bytes) -> int:
            digest.update(piece)
            return out.write(piece)

        try:
            for block in blocks:
                came += len(block)
                if came > most:
                    raise InputError(
                        say(
                            "%(name)s unpacks to more than %(most)s bytes, so it was refused.",
                            name=name,
                            most=f"{most:,}",
                        ),
                        hint=say(
                            "If it is genuine, raise ingest.max_unpacked_bytes or ingest.max_ratio in tocsin.toml."
                        ),
                    )
                size += keep(redaction.take(block))
        except DamageError as damage:
            broken = str(damage)
        size += keep(redaction.end())
    return OpenedReport(name, target, size, digest.hexdigest(), broken=broken)


class _UpTo(io.RawIOBase):
    """The first ``left`` bytes of a stream."""

    def __init__(self, stream: io.BufferedReader, left: int) -> None:
        super().__init__()
        self._stream, self._left = stream, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        came = self._stream.readinto(memoryview(buffer)[: self._left])
        self._left -= came
        return came


_BAD_ARCHIVE = (EOFError, OSError, NotImplementedError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """What a stream gives, up to where it fails."""
    try:
        while block := stream.read(_BLOCK):
            yield block
    except _BAD_ARCHIVE as error:
        raise DamageError(say("the data is damaged: %(error)s", error=error)) from error


def empty_spool(spool: Path) -> None:
    """Remove what an interrupted ingest left."""
    shutil.rmtree(spool, ignore_errors=True)
