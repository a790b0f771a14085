"""Passwords that were leaked elsewhere: looked up in a file on this machine, so that nobody is asked for them.

The file is that of Have I Been Pwned, or one like it: lines of a SHA-1 in hexadecimal, in order, each with a colon and
a count behind it or not.
"""

import hashlib
import os
from pathlib import Path
from typing import IO, Final

from tocsin.node.errors import StorageError

_DIGITS: Final = 40


def is_leaked(password: str, hashes: Path) -> bool:
    """Whether the file has the password's hash; some forty reads, however large it is.

    Raises:
        StorageError: the file cannot be read.

    """
    wanted = hashlib.sha1(password.encode("utf-8", "backslashreplace"), usedforsecurity=False).hexdigest().upper()
    try:
        with hashes.open("rb") as file:
            return _first_from(file, wanted.encode("ascii")) == wanted.encode("ascii")
    except OSError as error:
        raise StorageError(
            f"The file of leaked passwords {hashes} cannot be read: {error.strerror}.",
            hint="Correct accounts.leaked_passwords.",
        ) from error


def _first_from(file: IO[bytes], wanted: bytes) -> bytes:
    """The first hash that is not before the wanted one; empty where all are."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        found = _line_at(file, middle)
        if found and found < wanted:
            low = middle + 1
        else:
            high = middle
    return _line_at(file, low)


def _line_at(file: IO[bytes], place: int) -> bytes:
    """The hash of the first line that begins at a place or behind it."""
    file.seek(max(place - 1, 0))
    if place:
        file.readline()
    return file.readline()[:_DIGITS].upper()
