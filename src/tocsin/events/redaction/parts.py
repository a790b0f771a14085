"""Parts of what comes damaged or in lines: what is left of a zip file, and which lines are whole reports."""

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from tocsin.events.encoding import as_text
from tocsin.events.redaction.classes import PACKED, is_xarf

HELD: Final = 1 << 26
"""Most bytes that are held in memory: of one JSON object, or of a packed report. A larger packed one passes unseen."""
_NEXT = re.compile(rb"PK(?:\x01\x02|\x03\x04|\x07\x08)")
_STREAM = re.compile(rb"\x1f\x8b\x08")
_LITTLE = 64  # packed bytes at once: of the piece that is damaged nothing comes out
_MEMBER = struct.Struct("<8xH16xHH")  # of a zip file: method, lengths of name and extra field
_MOST_MEMBERS, _MOST_SALVAGED = 1_000, 4 * HELD
BLANK = b"\xef\xbb\xbf \t\r\n\v\f,"  # what may stand before it, as the recogniser of X-ARF takes it
_ZIP = PACKED[1]


def streams_left(data: bytes) -> Iterator[bytes]:
    """What gzip streams hold that stand behind something else, as far as it can be unpacked; as `members_left`."""
    left = _MOST_SALVAGED
    for found in islice(_STREAM.finditer(data, 1), _MOST_MEMBERS):
        if left <= 0:
            return
        piece = _inflated(data, found.start(), min(left, HELD), zlib.MAX_WBITS + 16)
        left -= len(piece)
        yield piece


def members_left(data: bytes, seen: Collection[int] = ()) -> Iterator[bytes]:
    """What the members of a zip file hold, as far as it can be unpacked (APPNOTE 4.3.7); not more than bounds allow.

    ``seen``: where those begin that were looked at.
    """
    left = _MOST_SALVAGED
    places = (found for found in re.finditer(re.escape(_ZIP), data) if found.start() not in seen)
    for found in islice(places, _MOST_MEMBERS):
        if len(data) - found.start() < _MEMBER.size or left <= 0:
            return
        method, name, extra = _MEMBER.unpack_from(data, found.start())
        start = found.start() + _MEMBER.size + name + extra
        piece = b""
        if method == zipfile.ZIP_STORED:
            following = _NEXT.search(data, start)
            piece = data[start : following.start() if following else len(data)]
        elif method == zipfile.ZIP_DEFLATED:
            piece = _inflated(data, start, min(left, HELD))
        left -= len(piece)
        yield piece


def _inflated(data: bytes, start: int, most: int, wbits: int = -zlib.MAX_WBITS) -> bytes:
    """Packed data from a place on, up to where it is damaged."""
    unpacker, out = zlib.decompressobj(wbits=wbits), bytearray()
    with suppress(zlib.error):
        for at in range(start, len(data), _LITTLE):
            out += unpacker.decompress(data[at : at + _LITTLE], most)
            if unpacker.eof or len(out) >= most:
                break
    return bytes(out)


def is_piece(line: bytes) -> bool:
    """Whether a line that is not empty is no whole object or array."""
    line = line.strip(BLANK)
    return bool(line) and not (line.startswith((b"{", b"[")) and line.endswith((b"}", b"]")))


def first_piece(data: bytes) -> int | None:
    """Where the first such line begins."""
    lines = data.count(b"\n")
    if data.startswith(b"{") and lines == data.count(b"\n{") + 1 == data.count(b"}\n"):
        return None
    at = 0
    for line in data.split(b"\n"):
        if is_piece(line):
            return at
        at += len(line) + 1
    return None


def is_report(line: bytes) -> bool:
    """Whether a line is a whole X-ARF report."""
    try:
        value = json.loads(as_text(line.strip(BLANK))[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and is_xarf(value)


def is_object(line: bytes) -> bool:
    """Whether a line is a whole object."""
    try:
        return isinstance(json.loads(as_text(line.strip(BLANK))[0]), dict)
    except (ValueError, RecursionError):
        return False
