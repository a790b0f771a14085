"""A backup as one tar stream (POSIX.1-2001, pax): the files of the node, and last the list of their hashes.

What is read comes from a disk that others may have written on: nothing but plain files with plain names is taken.
"""

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from tocsin.node.errors import InputError
from tocsin.operations.backup_encryption import BLOCK, OLDER

_LARGEST_LIST = 1 << 30  # bytes of the list of hashes; some hundred a file

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ArchiveWriter:
    """Puts files into a stream, and keeps their SHA-256 by name in ``hashes`` and the sum of their ``bytes``."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.hashes: dict[str, str] = {}
        self.bytes = 0

    def add(self, name: str, path: Path) -> None:
        """A file of the node; of one that grows meanwhile as much as there was."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            member = _member(name, status.st_size)
            member.mtime = status.st_mtime  # the event table goes by the age of its files
            member.mode = status.st_mode & 0o700
            reading = _HashingReader(file)
            self._archive.addfile(member, reading)
        _forget(self._archive)
        self.hashes[name] = reading.hash.hexdigest()
        self.bytes += status.st_size

    def add_text(self, name: str, text: str) -> None:
        """A file with this text, which is not counted and has no hash."""
        self.add_bytes(name, text.encode())

    def add_bytes(self, name: str, content: bytes) -> None:
        """The same with bytes."""
        self._archive.addfile(_member(name, len(content)), BytesIO(content))
        _forget(self._archive)


@contextmanager
def archive_into(out: IO[bytes]) -> Iterator[ArchiveWriter]:
    """What writes files into a stream, which is whole once the block is left."""
    with tarfile.open(fileobj=_Counted(out), mode="w", format=tarfile.PAX_FORMAT) as archive:
        yield ArchiveWriter(archive)


def read_archive(
    stream: IO[bytes], last: str, folder: Path | None = None, wanted: Callable[[str], bool] = lambda _: True
) -> tuple[dict[str, str], int, bytes]:
    """The SHA-256 of each file by its name, the sum of their bytes, and the content of the ``last`` file.

    ``folder``: a folder that the files are written into, none of which it has; without one they are only read.
    ``wanted``: the others are passed over.

    Raises:
        InputError: it is cut, or holds anything but plain files.

    """
    hashes: dict[str, str] = {}
    total = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK) as archive:
            for member in archive:
                _forget(archive)
                content = archive.extractfile(member) if member.isreg() and _is_plain(member.name) else None
                if content is None or member.name in hashes:
                    raise _damage(member.name)
                if member.name == last:
                    return hashes, total, content.read(_LARGEST_LIST)
                if not wanted(member.name):
                    continue
                hashes[member.name] = _take(content, member, folder)
                total += member.size
    except (tarfile.TarError, EOFError) as error:
        raise _damage(last) from error
    raise _damage(last)


def _take(content: IO[bytes], member: tarfile.TarInfo, folder: Path | None) -> str:
    digest = hashlib.sha256()
    if folder is None:
        while block := content.read(BLOCK):
            digest.update(block)
        return digest.hexdigest()
    path = folder / member.name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as out:
        while block := content.read(BLOCK):
            digest.update(block)
            out.write(block)
    path.chmod(0o600 | member.mode & 0o700)
    os.utime(path, (member.mtime, member.mtime))
    return digest.hexdigest()


def _forget(archive: tarfile.TarFile) -> None:
    """Let go of the files that went through; else an archive keeps what it knows of each, some 100 MB for 100,000."""
    archive.members = []  # type: ignore[attr-defined] # typeshed leaves it out


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and not {"..", "."} & set(path.parts)


def _damage(name: str) -> InputError:
    return InputError(f"The backup is damaged: {name} is missing or changed.", hint=OLDER)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


class _Counted(BufferedIOBase):
    """A pipe that knows its place, as an archive asks; its own mode for streams copies each block many times."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._at = out, 0

    def write(self, block: "Buffer", /) -> int:
        written = self._out.write(block)
        self._at += written
        return written

    def tell(self) -> int:
        return self._at


class _HashingReader:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        block = self._file.read(size)
        self.hash.update(block)
        return block
