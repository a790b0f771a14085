"""Bytes as text: UTF-8, UTF-16 and UTF-32 by mark or plain form, and Windows-1252 for what is none of these."""

import codecs
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import BinaryIO, Final

_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # begins as that of UTF-16
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_PLAIN: Final[Mapping[tuple[bool, ...], str]] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
"""Which of the first four bytes are zero where ASCII begins a text."""

_REFERENCE: Final = re.compile(r"&#(?:([xX])0*([0-9A-Fa-f]+)|0*([0-9]+))")


def utf8(stream: BinaryIO) -> Callable[[int], bytes]:
    """A read function: no byte-order mark, and UTF-8 when the stream is UTF-16 or UTF-32, by mark or plainly."""
    head = b""
    while len(head) < 4 and (block := stream.read(4 - len(head))):
        head += block
    mark, encoding = encoding_of(head)
    read = _joined(head[mark:], stream)
    return _recoded(read, encoding) if encoding else read


def encoding_of(head: bytes) -> tuple[int, str]:
    """The length of the byte-order mark, and the encoding where it is UTF-16 or UTF-32, by the first four bytes."""
    if head.startswith(codecs.BOM_UTF8):
        return 3, ""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return len(mark), encoding
    return 0, _PLAIN.get(tuple(byte == 0 for byte in head[:4]), "")


def recoded(stream: BinaryIO, encoding: str) -> Callable[[int], bytes]:
    """A read function: what is in that encoding as UTF-8; what begins with the mark of UTF-8 stays as it is."""
    head = stream.read(3)
    read = _joined(head, stream)
    return read if head == codecs.BOM_UTF8 else _recoded(read, encoding)


def _joined(head: bytes, stream: BinaryIO) -> Callable[[int], bytes]:
    """Reads bytes already taken, then the rest of the stream."""
    held = [head] if head else []
    return lambda size: held.pop() + stream.read(max(size - len(head), 1)) if held else stream.read(size)


def _recoded(read: Callable[[int], bytes], encoding: str) -> Callable[[int], bytes]:
    """Reads another encoding as UTF-8; what cannot be decoded shows as a backslash escape."""
    decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")

    def recode(size: int) -> bytes:
        while block := read(size):
            if text := decoder.decode(block):
                return text.encode("utf-8", "backslashreplace")
        return decoder.decode(b"", final=True).encode("utf-8", "backslashreplace")

    return recode


def as_text(data: bytes) -> tuple[str, bool]:
    """The bytes as text, and whether some are not UTF-8: those are read as Windows-1252 (Latin-1 in its gaps)."""
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        return data.decode("utf-8", _windows_fallback()), True


@cache
def _windows_fallback() -> str:
    """The name of an error handler of decoding; each byte is looked at by itself, so parts decode as the whole does."""
    letters = [bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]

    def read(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        return "".join(letters[byte] for byte in error.object[error.start : error.end]), error.end

    codecs.register_error("tocsin.windows", read)
    return "tocsin.windows"


def short_references(text: str) -> str:
    """The text of HTML whose numeric references have no more digits than a character: readers fail at thousands."""
    return _REFERENCE.sub(lambda found: f"&#{found[1]}{found[2][:9]}" if found[1] else f"&#{found[3][:9]}", text)
