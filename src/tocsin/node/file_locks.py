"""One at a time on one machine: files that flock(2) holds, until their process ends, however that ends."""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import IO


def patiently() -> None:
    """Wait for a lock, and say nothing."""


@contextmanager
def held_file(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[IO[str] | None]:
    """Hold a file of this machine for a block, made where it is missing: the open file, or None where another has it.

    ``waiting``: called once where another has it; then it is waited for. None: it is not waited for.
    """
    with open(path, "a+", opener=partial(os.open, mode=0o600)) as file:
        yield file if take_file(file, waiting) else None


def take_file(file: IO[str], waiting: Callable[[], None] | None = None) -> bool:
    """Whether an open file is held now, until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is None:
            return False
        waiting()
        fcntl.flock(file, fcntl.LOCK_EX)
    return True


@cache
def process_folder(above: Path, name: str) -> Path:
    """A folder for what a process may lose; processes that ask for the same share it.

    It stays when they end, for one that is started in their place; the next one that asks for another removes it.

    Raises:
        PermissionError: ``above``, which may be in a folder that everybody writes to, is not this user's alone.

    """
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = above.lstat()  # a link of another user could name a folder of ours, whose folders would be removed
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid() or there.st_mode & 0o077:
        raise PermissionError(f"{above} is not a folder of this user alone")
    folder = above / name
    with held_file(above / "lock", patiently):
        _remove_left(above, but=folder)
        folder.mkdir(exist_ok=True)
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)  # until this process ends
    return folder


@contextmanager
def own_folder(above: Path) -> Iterator[Path]:
    """An empty folder for a block, gone at its end; those that killed processes left beside it go, too."""
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held_file(above / "lock", patiently):
        _remove_left(above)
        folder = Path(mkdtemp(dir=above))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def remove_left_folders(above: Path) -> None:
    """Remove what killed processes left there by `own_folder`."""
    if above.is_dir():
        with held_file(above / "lock", patiently):
            _remove_left(above)


def _remove_left(above: Path, but: Path | None = None) -> None:
    for folder in above.iterdir():
        if folder.is_dir() and folder != but and _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
