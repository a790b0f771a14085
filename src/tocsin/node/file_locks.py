"""One at a time on one machine: files that flock(2) holds, until their process ends, however that ends."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
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
