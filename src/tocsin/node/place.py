"""Where files lie that several machines may share: a folder, or what begins with one name in a bucket of S3.

Both do the same by the same names. What a folder refuses is an `OSError`, as on every disk; what a bucket refuses is a
`StorageError` that says what to do; what is not there is a `FileNotFoundError` in both.
"""

import io
import os
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

from tocsin.node.errors import StorageError
from tocsin.node.files import sync_file, sync_folder, sync_open, unfinished

BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """A file of a place: its name there, its size in bytes, when it was written (seconds since 1970 by its clock).

    ``tag``: of a bucket, another one for another content.
    """

    name: str
    size: int
    modified: float
    tag: str = ""


class Place(ABC):
    """Files by name, such as ``day=2026-11-01/x.parquet``, each written whole."""

    folder: Path
    """The folder; of a bucket, where this machine has what is only begun."""

    def bare(self) -> "Place":
        """The same for another machine, which is told of no other settings."""
        return self

    @property
    def options(self) -> dict[str, Any] | None:
        """What Polars needs to read by `path`."""
        return None

    @property
    def table_options(self) -> dict[str, str] | None:
        """What deltalake needs to read and write by `path`."""
        return None

    @abstractmethod
    def path(self, name: str = "") -> str:
        """How Polars and deltalake name a file here, or all of it."""

    @abstractmethod
    def begin(self, name: str) -> IO[bytes]:
        """A file to write to; `finish` makes it whole."""

    @abstractmethod
    def finish(self, out: IO[bytes], name: str) -> None:
        """All was written to what `begin` gave; in a bucket it is there now, and survives."""

    @abstractmethod
    def sync(self, names: Collection[str]) -> None:
        """Make files that were finished survive loss of power."""

    @abstractmethod
    @contextmanager
    def unfinished(self) -> Iterator[IO[bytes]]:
        """A file without a name, gone at the end of the block if `keep` gave it none."""

    @abstractmethod
    def keep(self, out: IO[bytes], name: str) -> None:
        """Give what was written a name, whole and so that it survives; it takes the place of what has it."""

    @abstractmethod
    def open(self, name: str) -> io.BufferedReader:
        """The content."""

    @abstractmethod
    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """The file as one of this machine, for programs that take no other."""

    @abstractmethod
    def list(self, below: str = "", *, after: str = "") -> Iterator[StoredFile]:
        """The files below a folder; ``after``: those alone whose names come after this one."""

    @abstractmethod
    def find(self, name: str) -> StoredFile | None:
        """The file, without its content."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file where it is there."""

    def failure(self, error: Exception, what: str) -> StorageError:
        """What a library said of a file here, as the error that people are told; an `OSError` caused what may pass."""
        found = StorageError(
            f"{what}: {error}.", hint="Make room on that disk, or repair it; 'tocsin doctor' says more."
        )
        found.__cause__ = error
        return found

    def put(self, name: str, source: Path) -> None:
        """Keep a copy of a file of this machine."""
        with self.unfinished() as out, source.open("rb") as content:
            shutil.copyfileobj(content, out, BLOCK)
            self.keep(out, name)

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this machine, whole and so that it survives."""
        with self.open(name) as content, unfinished(target.parent) as out:
            shutil.copyfileobj(content, out, BLOCK)
            sync_open(out)
            Path(out.name).replace(target)


@dataclass(frozen=True)
class FolderPlace(Place):
    """A folder of this machine, or one that all machines see."""

    folder: Path

    def path(self, name: str = "") -> str:
        return os.path.join(self.folder, name) if name else str(self.folder)  # noqa: PTH118  # there may be thousands

    def begin(self, name: str) -> IO[bytes]:
        # A worker that was thought dead may write the same file once more, which others read already.
        path = (self.folder / name).with_suffix(f".{uuid4().hex}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")

    def finish(self, out: IO[bytes], name: str) -> None:
        out.flush()
        Path(out.name).replace(self.folder / name)

    def sync(self, names: Collection[str]) -> None:
        paths = [self.folder / name for name in names]
        for path in paths:
            sync_file(path)
        for folder in {folder for name in names for folder in (self.folder / name).parents[: name.count("/") + 2]}:
            sync_folder(folder)

    @contextmanager
    def unfinished(self) -> Iterator[IO[bytes]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with unfinished(self.folder) as out:
            yield out

    def keep(self, out: IO[bytes], name: str) -> None:
        path = self.folder / name
        sync_open(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(out.name).replace(path)  # also where it is there: then it counts as written now
        for folder in path.parents[: name.count("/") + 2]:
            sync_folder(folder)

    def open(self, name: str) -> io.BufferedReader:
        return (self.folder / name).open("rb")

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        yield self.folder / name

    def list(self, below: str = "", *, after: str = "") -> Iterator[StoredFile]:
        start = len(self.path()) + 1
        for place, _, files in os.walk(self.path(below)):
            for file in files:
                path = os.path.join(place, file)  # noqa: PTH118
                if not file.endswith(".part") and path[start:] > after:
                    with suppress(FileNotFoundError):  # deleted just now
                        status = os.stat(path)  # noqa: PTH116
                        yield StoredFile(path[start:], status.st_size, status.st_mtime)

    def find(self, name: str) -> StoredFile | None:
        try:
            status = (self.folder / name).stat()
        except FileNotFoundError:
            return None
        return StoredFile(name, status.st_size, status.st_mtime) if stat.S_ISREG(status.st_mode) else None

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)


def place_at(at: Path | Place) -> Place:
    """A place, or a folder as one."""
    return at if isinstance(at, Place) else FolderPlace(at)
