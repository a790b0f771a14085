"""Bytes that came from outside, each kept under its SHA-256: whole, once, and safe before anything follows from it."""

import hashlib
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from tocsin.node.errors import NotFoundError, StorageError
from tocsin.node.files import disk_failures
from tocsin.node.place import Place, place_at


class Blobs:
    """The blobs of one room in a place of its own (docs/design/blobs.md); each is ``ab/abcdef...`` and ``ending``.

    Who puts a blob notes its digest in a row of his own, and is the only one to delete it. In ``folder`` this machine
    has what is only begun.
    """

    def __init__(self, at: Path | Place, ending: str = "") -> None:
        self.place, self.ending = place_at(at), ending
        self.folder = self.place.folder

    def put(self, content: bytes | IO[bytes]) -> str:
        """Keep bytes, or all that a stream still holds; returns their SHA-256.

        Raises:
            StorageError: the disk is full or fails; nothing is kept.

        """
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        with disk_failures(f"A file cannot be kept in {self.folder.name}/"), self.place.unfinished() as out:
            hashing = hashlib.sha256()
            while block := stream.read(1 << 20):
                hashing.update(block)
                out.write(block)
            self.place.keep(out, self.name(hashing.hexdigest()))
        return hashing.hexdigest()

    def open(self, digest: str) -> io.BufferedReader:
        """The bytes.

        Raises:
            NotFoundError: they are not here any more.
            StorageError: they cannot be read.

        """
        with disk_failures("The file cannot be read"):
            try:
                return self.place.open(self.name(digest))
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
        return self.place.find(self.name(digest)) is not None

    def size(self, digest: str) -> int:
        """How many bytes there are; raises `StorageError` where they are not here."""
        with disk_failures("The file cannot be read"):
            found = self.place.find(self.name(digest))
        if found is None:
            raise StorageError("The file cannot be read: it is not here any more.")
        return found.size

    def is_intact(self, digest: str) -> bool:
        """Whether the bytes are here and still have their digest."""
        if digest not in self:
            return False
        with self.open(digest) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest

    def delete(self, digest: str) -> None:
        """Delete the bytes, where they are here."""
        with disk_failures("A file cannot be deleted"):
            self.place.delete(self.name(digest))

    def delete_before(self, day: date, *, but: set[str]) -> int:
        """Delete what was put before a day (UTC), and is not in ``but``; returns how many.

        What was put without its row being written goes so, too, and what a killed process left half written.
        """
        with disk_failures("Old files cannot be deleted"):
            kept = (file for file in self.place.list() if Path(file.name).stem not in but)
            old = [file.name for file in kept if datetime.fromtimestamp(file.modified, UTC).date() < day]
            for name in old:
                self.place.delete(name)
            half = [path for path in self.folder.glob("*.part") if path.stem not in but]
            left = [path for path in half if datetime.fromtimestamp(path.stat().st_mtime, UTC).date() < day]
            for path in left:
                path.unlink(missing_ok=True)
        return len(old) + len(left)

    def name(self, digest: str) -> str:
        """How the bytes are called in their place."""
        return f"{digest[:2]}/{digest}{self.ending}"
