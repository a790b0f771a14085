"""Bytes that came from outside, each kept under its SHA-256: whole, once, and safe before anything follows from it."""

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from tocsin.node.errors import NotFoundError
from tocsin.node.files import disk_failures, sync_folder, sync_open, unfinished


@dataclass(frozen=True)
class Blobs:
    """The blobs of one room in a folder of the home (docs/design/blobs.md); each is ``ab/abcdef...`` and ``ending``.

    Who puts a blob notes its digest in a row of his own, and is the only one to delete it.
    """

    folder: Path
    ending: str = ""

    def put(self, content: bytes | IO[bytes]) -> str:
        """Keep bytes, or all that a stream still holds; returns their SHA-256.

        Raises:
            StorageError: the disk is full or fails; nothing is kept.

        """
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        with disk_failures(f"A file cannot be kept in {self.folder.name}/"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with unfinished(self.folder) as out:
                hashing = hashlib.sha256()
                while block := stream.read(1 << 20):
                    hashing.update(block)
                    out.write(block)
                sync_open(out)
                path = self._path(hashing.hexdigest())
                path.parent.mkdir(exist_ok=True)
                Path(out.name).replace(path)  # also where it is there: then it counts as put now
            for folder in path.parents[:3]:
                sync_folder(folder)
        return hashing.hexdigest()

    def open(self, digest: str) -> io.BufferedReader:
        """The bytes.

        Raises:
            NotFoundError: they are not here any more.
            StorageError: they cannot be read.

        """
        with disk_failures("The file cannot be read"):
            try:
                return self._path(digest).open("rb")
            except FileNotFoundError as error:
                raise NotFoundError(
                    "This file is not here any more.", hint="Files are kept for as long as [retention] says."
                ) from error

    def read(self, digest: str) -> bytes:
        """The bytes at once; raises as `open` does."""
        with self.open(digest) as stream, disk_failures("The file cannot be read"):
            return stream.read()

    def __contains__(self, digest: str) -> bool:
        """Whether the bytes are here."""
        return self._path(digest).is_file()

    def size(self, digest: str) -> int:
        """How many bytes there are; raises `StorageError` where they are not here."""
        with disk_failures("The file cannot be read"):
            return self._path(digest).stat().st_size

    def is_intact(self, digest: str) -> bool:
        """Whether the bytes are here and still have their digest."""
        if digest not in self:
            return False
        with self.open(digest) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest

    def delete(self, digest: str) -> None:
        """Delete the bytes, where they are here."""
        with disk_failures("A file cannot be deleted"):
            self._path(digest).unlink(missing_ok=True)

    def delete_before(self, day: date, *, but: set[str]) -> int:
        """Delete what was put before a day (UTC), and is not in ``but``; returns how many.

        What was put without its row being written goes so, too, and what a killed process left half written.
        """
        with disk_failures("Old files cannot be deleted"):
            old = [
                path
                for path in [*self.folder.glob("??/*"), *self.folder.glob("*.part")]
                if path.stem not in but and datetime.fromtimestamp(path.stat().st_mtime, UTC).date() < day
            ]
            for path in old:
                path.unlink(missing_ok=True)
        return len(old)

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}{self.ending}"
