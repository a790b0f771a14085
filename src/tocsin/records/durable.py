"""Files that survive loss of power, and disks that fail."""

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
