"""The lines of a text file that nobody has checked yet, plain or packed with gzip, in bounded memory."""

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from tocsin.node.errors import InputError, NotFoundError

_MAX_LINE_BYTES = 65_536
_BLOCK_BYTES = 1 << 20


def read_chunks(path: Path, *, lines: int, limit: int) -> Iterator[tuple[int, list[str]]]:
    """The file's lines, ``lines`` at a time, each chunk with the number of its first line (from 1).

    Raises:
        NotFoundError: there is no such file.
        InputError: it is a folder, is no text, is damaged, has an endless line or holds more than ``limit`` bytes.

    """
    number = 1
    try:
        with path.open("rb") as file:
            found = _lines(path.name, file, limit)
            while chunk := list(islice(found, lines)):
                yield number, chunk
                number += len(chunk)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", hint="Check the name.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder.", hint="Name one file.") from None
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path.name} is damaged and cannot be unpacked: {error}", hint="Fetch it again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def _lines(name: str, file: BinaryIO, limit: int) -> Iterator[str]:
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    source = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
    total, rest = 0, b""
    while block := source.read(_BLOCK_BYTES):
        if not total and (b"\0" in block or block.startswith((b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04"))):
            raise InputError(f"{name} is not plain text.", hint="Give a text table in UTF-8, plain or as .gz.")
        total += len(block)
        if total > limit:
            raise InputError(f"{name} holds more than {limit:,} bytes.", hint="No table is; check its source.")
        *whole, rest = (rest + block).split(b"\n")
        if len(rest) > _MAX_LINE_BYTES:
            raise InputError(f"{name} has a line of more than {_MAX_LINE_BYTES:,} bytes.", hint="It is no table.")
        yield from (_text(line) for line in whole)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip("\r\ufeff")
