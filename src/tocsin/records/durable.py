"""Files that survive loss of power: written beside, synced, then renamed into place; and disks that fail."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.errors import StorageError


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
            f"{what}: {error.strerror or error}.", hint="Make room on that disk, or mend it, then try again."
        ) from error


def write_durably(path: Path, content: bytes | memoryview) -> None:
    """The file at ``path`` holds ``content`` whole, or is as it was before; its folder is for the caller to sync."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.rename(path)


def sync_file(path: Path) -> None:
    """Make the content of a file that others wrote survive loss of power."""
    _sync(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive loss of power."""
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
