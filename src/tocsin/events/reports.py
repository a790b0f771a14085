"""Reports as files: unpacked, measured and hashed, so that the same content twice is one report.

A plain file is read where it stands, up to the length it had when it was opened. What is packed, or comes on standard
input, is unpacked into a spool folder first, within the limits of the settings.
"""

import hashlib
import io
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from tocsin.errors import InputError, StorageError
from tocsin.settings import IngestSettings

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Report:
    """A report ready to be read: ``size`` bytes of the file at ``path``, whose SHA-256 is ``content_hash``.

    ``folder``: where the file that it came in stands. ``broken``: why the rest of it could not be unpacked, or empty.
    """

    name: str
    path: Path
    size: int
    content_hash: str
    folder: Path = Path()
    broken: str = ""

    def head(self, length: int = 65_536) -> bytes:
        """The first bytes, by which its source is recognised."""
        with self.path.open("rb") as file:
            return file.read(min(length, self.size))

    def limited(self, stream: BinaryIO) -> BinaryIO:
        """The stream up to this report's size: what was written behind it later is another report."""
        return io.BufferedReader(_UpTo(stream, self.size), _BLOCK)

    def check_unchanged(self, stream: IO[bytes]) -> None:
        """Raise when the opened file is no longer as long as what was hashed.

        Raises:
            InputError: it became shorter while it was read.

        """
        if os.fstat(stream.fileno()).st_size < self.size:
            raise InputError(
                f"{self.name} changed while it was read; nothing of it was taken in.",
                hint="Ingest it again when it is complete.",
            )


def find_reports(paths: Iterable[Path]) -> Iterator[Path]:
    """The files behind paths: folders give their files in order of name; hidden files are left alone."""
    for path in paths:
        if path.is_dir():
            yield from (
                inner for inner in sorted(path.rglob("*")) if inner.is_file() and not inner.name.startswith(".")
            )
        else:
            yield path


def open_reports(path: Path, spool: Path, limits: IngestSettings) -> Iterator[Report]:
    """The report or reports in one file (``-``: standard input); spooled copies are gone after each step.

    Raises:
        InputError: the file is not there or not readable, or unpacks to more than the limits allow.

    """
    for report in _opened(path, spool, limits):
        yield replace(report, folder=path.parent)


def _opened(path: Path, spool: Path, limits: IngestSettings) -> Iterator[Report]:
    if str(path) == "-":
        yield from _spooled("standard input", _plain(sys.stdin.buffer), spool, limits, packed=None)
        return
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            packed_size = path.stat().st_size
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                name = path.name.removesuffix(".gz")
                yield from _spooled(name, _gunzip(file), spool, limits, packed=packed_size)
            elif magic == b"PK\x03\x04":
                yield from _members(path, spool, limits)
            else:
                digest, size = _hash(file, path.stat().st_size)
                yield Report(path.name, path, size, digest)
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there.", hint="Check the path; it may have been moved.") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user.", hint="Change its owner or permissions.") from error


def _hash(file: IO[bytes], size: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    left = size
    while left and (block := file.read(min(_BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest(), size - left


def _members(path: Path, spool: Path, limits: IngestSettings) -> Iterator[Report]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                if member.flag_bits & 1:
                    raise InputError(f"{path}: '{member.filename}' is encrypted.", hint="Decrypt it first.")
                with archive.open(member) as stream:
                    yield from _spooled(
                        Path(member.filename).name, _plain(stream), spool, limits, packed=max(member.compress_size, 1)
                    )
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} is a damaged zip file: {error}.", hint="Fetch it again.") from error


def _spooled(
    name: str, blocks: Iterator[bytes], spool: Path, limits: IngestSettings, *, packed: int | None
) -> Iterator[Report]:
    spool.mkdir(parents=True, exist_ok=True)
    target = spool / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.report"
    most = limits.max_unpacked_bytes if packed is None else min(limits.max_unpacked_bytes, packed * limits.max_ratio)
    try:
        yield _copy(name, blocks, target, most)
    except OSError as error:
        raise StorageError(
            f"{name} could not be unpacked into {spool}: {error.strerror}.", hint="Free some disk space."
        ) from error
    finally:
        target.unlink(missing_ok=True)


def _copy(name: str, blocks: Iterator[bytes], target: Path, most: int) -> Report:
    """Copy a stream to ``target``; damage ends the copy with a reason, too much refuses the report."""
    digest, size, broken = hashlib.sha256(), 0, ""
    with target.open("wb") as out:
        try:
            for block in blocks:
                size += len(block)
                if size > most:
                    raise InputError(
                        f"{name} unpacks to more than {most:,} bytes, so it was refused.",
                        hint="If it is genuine, raise ingest.max_unpacked_bytes or ingest.max_ratio in tocsin.toml.",
                    )
                digest.update(block)
                out.write(block)
        except _DamageError as damage:
            broken = str(damage)
    return Report(name, target, size, digest.hexdigest(), broken=broken)


class _UpTo(io.RawIOBase):
    """The first ``left`` bytes of a stream."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        super().__init__()
        self._stream, self._left = stream, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        block = self._stream.read(min(len(memoryview(buffer)), self._left))
        memoryview(buffer)[: len(block)] = block
        self._left -= len(block)
        return len(block)


class _DamageError(Exception):
    """Packed data that cannot be unpacked further; what came before it is good."""


def _plain(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while block := stream.read(_BLOCK):
            yield block
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise _DamageError(f"the packed data is damaged: {error}") from error


def _gunzip(stream: IO[bytes]) -> Iterator[bytes]:
    """What a gzip file holds, to the last byte before any damage (RFC 1952; several members in a row)."""
    unpacker = zlib.decompressobj(wbits=31)
    started = False
    while packed := stream.read(1 << 16):
        while packed:
            if unpacker.eof:
                if not packed.strip(b"\0"):
                    break  # padding, as tapes leave it
                unpacker = zlib.decompressobj(wbits=31)
            before = unpacker.copy()
            try:
                yield unpacker.decompress(packed)
            except zlib.error as error:
                yield from _bytewise(before, packed)
                raise _DamageError(f"the gzip data is damaged: {error}") from error
            started, packed = True, unpacker.unused_data
    if started and not unpacker.eof:
        yield unpacker.flush()
        raise _DamageError("the gzip data ends too early")


def _bytewise(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    with suppress(zlib.error):
        for value in packed:
            yield unpacker.decompress(bytes((value,)))


def empty_spool(spool: Path) -> None:
    """Remove what an interrupted ingest left."""
    shutil.rmtree(spool, ignore_errors=True)
