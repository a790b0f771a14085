"""The objects of an RPSL dump (RFC 2622, RFC 2725, the RIPE database's dialect), one after the other.

A dump is attributes ``name: value``, a line each, continued on lines that begin with a blank, a tab or ``+``; objects
are parted by empty lines; ``%`` and ``#`` begin comments. Only the attributes asked for are kept. Values are UTF-8
where they are valid UTF-8, else Latin-1.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from tocsin.node.errors import InputError, NotFoundError

_BLOCK_BYTES = 1 << 22
_MAX_OBJECT_BYTES = 1 << 24
_COMMENTS = (b"%", b"#")
_CONTINUED = (b" ", b"\t", b"+")
# A line that is neither an attribute, nor a continuation, nor a comment.
_BROKEN = re.compile(rb"\n(?![ \t+%#\n]|[A-Za-z][A-Za-z0-9_-]*[ \t]*:)([^\n]+)")


@dataclass(slots=True)
class RpslObject:
    """One object: its class, the number of its first line, the attributes asked for, and lines that are none."""

    name: str
    line: int
    values: dict[str, list[str]] = field(default_factory=dict)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def first(self, attribute: str) -> str:
        """The first value of an attribute, or an empty text."""
        values = self.values.get(attribute)
        return values[0] if values else ""

    def all(self, attribute: str) -> list[str]:
        """Every value of an attribute."""
        return self.values.get(attribute, [])


def read_objects(path: Path, wanted: Mapping[str, AbstractSet[str]]) -> Iterator[RpslObject]:
    """Every object of a dump, plain or packed with gzip, in memory that does not grow with it.

    ``wanted`` names the attributes to keep for each class; objects of other classes come with none.

    Raises:
        NotFoundError: there is no such file.
        InputError: it is a folder, is no text, is damaged, or has an object of more than 16 MB.

    """
    keep = {name.encode(): _pattern(attributes) for name, attributes in wanted.items()}
    line = 1
    for block in _blocks(path):
        for text in block.split(b"\n\n"):
            lead = len(text) - len(text.lstrip(b"\n"))
            found = _read_object(text[lead:], line + lead, keep)
            if found is not None:
                yield found
            line += text.count(b"\n") + 2


def _read_object(text: bytes, line: int, keep: Mapping[bytes, re.Pattern[bytes]]) -> RpslObject | None:
    while text.startswith(_COMMENTS):
        _, _, text = text.partition(b"\n")
        line += 1
    if not text.strip():
        return None
    head, colon, _ = text.partition(b":")
    name = head.strip().lower()
    if not colon or not name.replace(b"-", b"").isalnum() or text.startswith(_CONTINUED):
        first = text.partition(b"\n")[0]
        return RpslObject("", line, broken=[(line, _text(first))])
    pattern = keep.get(name)
    found = RpslObject(name.decode("ascii"), line)
    if pattern is not None:
        _read_attributes(found, b"\n" + text, pattern)
    return found


def _pattern(attributes: AbstractSet[str]) -> re.Pattern[bytes]:
    """Finds these attributes, each as its name and its value with the lines that go on; begins with a line end."""
    names = b"|".join(re.escape(name.encode()) for name in sorted(attributes))
    return re.compile(rb"\n(" + names + rb")[ \t]*:([^\n]*(?:\n[ \t+][^\n]*)*)", re.IGNORECASE)


def _read_attributes(found: RpslObject, text: bytes, pattern: re.Pattern[bytes]) -> None:
    for name, value in pattern.findall(text):
        found.values.setdefault(name.decode("ascii").lower(), []).append(_value(value))
    if _BROKEN.search(text):
        found.broken = [
            (found.line + text.count(b"\n", 0, one.start()), _text(one.group(1))) for one in _BROKEN.finditer(text)
        ]


def _value(raw: bytes) -> str:
    """The value on one line, without blanks around it and without comments at the ends of its lines."""
    if b"\n" not in raw:
        return _text(raw.partition(b"#")[0].strip())
    first, *more = raw.split(b"\n")
    parts = (part.partition(b"#")[0].strip() for part in (first, *(line[1:] for line in more)))
    return _text(b" ".join(part for part in parts if part))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in large blocks that end between objects, line ends as one byte."""
    try:
        with path.open("rb") as file:
            yield from _whole_objects(path.name, file)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", hint="Check the name.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder.", hint="Name its files.") from None
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path.name} is damaged and cannot be unpacked: {error}", hint="Fetch it again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def _whole_objects(name: str, file: BinaryIO) -> Iterator[bytes]:
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    source = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
    rest = b""
    while block := source.read(_BLOCK_BYTES):
        if not rest:
            block = block.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in block or block.startswith((b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")):
            raise InputError(f"{name} is not plain text.", hint="Give an RPSL dump, plain or as .gz.")
        if b"\r" in block:
            block = block.replace(b"\r", b"")
        rest += block
        whole, gap, after = rest.rpartition(b"\n\n")
        if gap:
            yield whole
            rest = after
        elif len(rest) > _MAX_OBJECT_BYTES:
            raise InputError(f"{name} has an object of more than 16 MB.", hint="It is no RPSL dump.")
    if rest:
        yield rest
