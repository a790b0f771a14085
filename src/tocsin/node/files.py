"""Files that survive loss of power, and disks that fail."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from tocsin.node.errors import StorageError


@contextmanager
def disk_failures(what: str) -> Iterator[None]:
    """What the disk refuses inside the block, as an error that begins with ``what`` could not be done.

    Raises:
        StorageError: in place of every `OSError`.

    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{what}: {error.strerror or error}.", hint="Make room on that disk, or repair it, then try again."
        ) from error


def write_whole(path: Path, content: bytes, *, replace: bool = True, folders: int = 1) -> None:
    """Write a file, whole or not at all, so that it survives loss of power; readable by this user only.

    ``folders``: of so many above it the names are made to survive, too; they are made where they are missing.

    Raises:
        FileExistsError: it is there, and not to be replaced. Of several who write it at once the first wins then.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path.parent) as out:
        out.write(content)
        sync_open(out)
        if replace:
            Path(out.name).replace(path)
        else:
            path.hardlink_to(out.name)
    for folder in path.parents[:folders]:
        sync_folder(folder)


def append_whole(path: Path, content: bytes) -> None:
    """Add to a file, so that it survives loss of power; the file is made, for this user only, where it is missing."""
    is_new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "ab") as out:
        out.write(content)
        sync_open(out)
    if is_new:
        sync_folder(path.parent)


def link_or_copy(path: Path, to: Path) -> None:
    """Give a file that nobody changes another name; on another disk it is copied.

    Raises:
        FileNotFoundError: it is not there any more.

    """
    try:
        to.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(path, to)


@contextmanager
def unfinished(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in a folder, gone at the end of the block if it was not given its name by then; no backup has it."""
    with NamedTemporaryFile(suffix=".part", dir=folder, delete=False) as out:
        try:
            yield out
        finally:
            Path(out.name).unlink(missing_ok=True)


def sync_open(out: IO[bytes]) -> None:
    """Make what was written to a file survive loss of power."""
    out.flush()
    os.fsync(out.fileno())


def sync_file(path: Path) -> None:
    """Make the content of a file that others wrote survive loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive loss of power."""
    sync_file(folder)


def checksum_list(digests: Mapping[str, str]) -> str:
    """The list of SHA-256 that ``sha256sum --check`` reads, in order of the names of files."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
