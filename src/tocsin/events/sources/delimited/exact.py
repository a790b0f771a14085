"""The exact reader: records by RFC 4180, one by one, with the line of each and what was wrong with it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

import numpy as np

from tocsin.events.encoding import as_text
from tocsin.events.sources import Chunk, Unreadable
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

FIELD_LIMIT: Final = 1 << 20
"""Longest field in bytes; a record with a longer one is set aside."""

_BLOCK: Final = 1 << 16  # comparisons stay within the processor's cache
_QUOTE, _LF, _CR = b'"', b"\n", b"\r"


@dataclass(frozen=True)
class Dialect:
    """How a delimited report is written."""

    separator: str = ","
    comment: str = ""
    field_limit: int = FIELD_LIMIT

    def __post_init__(self) -> None:
        if not self.separator or set(self.separator) & set('"\r\n'):
            raise InputError(
                say("%(separator)s cannot separate columns", separator=repr(self.separator)),
                hint=say("Take characters such as , ; | or ||, without quotes and line ends."),
            )

    @property
    def is_one_byte(self) -> bool:
        """Whether the separator is a character of ASCII: else only the exact reader can read the report."""
        return len(self.separator) == 1 and self.separator.isascii()


@dataclass
class Record:
    """One record as the exact reader sees it: where it is, its values and what was wrong."""

    start: int
    end: int
    line: int
    values: list[bytes] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    certain: bool = True
    cut: bool = False


@dataclass(frozen=True)
class ExactRecord:
    """One record that the exact reader could use."""

    line: int
    raw: str
    values: list[str | None]
    flags: list[str]
    surplus: str | None
    cut: str | None


def read_exact(chunk: Chunk, width: int, dialect: Dialect) -> tuple[list[ExactRecord], list[Unreadable]]:
    """Every record of the chunk, once: as a row of ``width`` values, or as unreadable with the reason."""
    rows: list[ExactRecord] = []
    unreadable: list[Unreadable] = []
    for record in _records(chunk, dialect):
        raw, encoded = as_text(chunk.data[record.start : record.end].rstrip(b"\r\n"))
        longest = max(map(len, record.values))
        if longest > dialect.field_limit:
            reason = say("A field is longer than %(field_limit)s bytes.", field_limit=dialect.field_limit)
            unreadable.append(Unreadable(record.line, reason, raw))
            continue
        rows.append(_row(record, raw, encoded, width, dialect))
    return rows, unreadable


def _row(record: Record, raw: str, encoded: bool, width: int, dialect: Dialect) -> ExactRecord:
    """One record as a row of exactly ``width`` values."""
    values: list[str | None] = [as_text(value)[0].replace("\x00", "") or None for value in record.values]
    short = len(values) < width
    flags = record.flags + ["encoding"] * encoded + ["nul"] * ("\x00" in raw) + ["short"] * short
    cut = None
    if record.cut and (short or "quotes" in record.flags):
        cut, values[-1] = values[-1], None
        flags.append("cut")
    surplus = dialect.separator.join(value or "" for value in values[width:]) or None
    flags += ["surplus"] * (len(values) > width)
    return ExactRecord(record.line, raw, (values + [None] * width)[:width], flags, surplus, cut)


def _records(chunk: Chunk, dialect: Dialect) -> Iterator[Record]:
    """The records of a whole chunk, comments left out."""
    comment = dialect.comment.encode()
    for record in scan(chunk.data, dialect, final=True, first_line=chunk.first_line):
        if not (comment and chunk.data.startswith(comment, record.start)):
            yield record


def scan(data: bytes, dialect: Dialect, *, final: bool, first_line: int = 1) -> Iterator[Record]:
    """The records of the data by RFC 4180, blank lines left out.

    ``final``: nothing follows. Otherwise a last record that more data could change is given as not ``certain``.
    """
    separator = dialect.separator.encode()
    plain = re.compile(rb"(?:(?!" + re.escape(separator) + rb")[^\r\n])*+")
    if dialect.is_one_byte:
        plain = re.compile(rb"[^" + re.escape(separator) + rb"\r\n]*+")
    position, line, size = 0, first_line, len(data)
    while position < size:
        end = first_line_end(data, position)
        if data[position] in b"\r\n":
            position, line = end, line + 1
            continue
        record = Record(position, end or size, line)
        if data.find(_QUOTE, position, end or size) < 0:
            record.values = data[position : end or size].rstrip(b"\r\n").split(separator)
            record.certain, record.cut = final or end > 0, not end
        else:
            _scan_fields(data, record, plain, dialect, final=final)
        if record.certain and not final and record.end == size and data.endswith(_CR):
            record.certain = False
        yield record
        line += count_lines(data[record.start : record.end]) if record.end - record.start > 1 else 1
        position = record.end


_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)("?)')


def _scan_fields(data: bytes, record: Record, plain: re.Pattern[bytes], dialect: Dialect, *, final: bool) -> None:
    """Fill in the values of a record that has quotes, and where it ends."""
    position, size = record.start, len(data)
    separator = dialect.separator.encode()
    after = (separator, b"\r", b"\n")
    while True:
        match = _QUOTED.match(data, position, min(size, position + 2 * dialect.field_limit + 2))
        if match and match[2] and (match.end() == size or data.startswith(after, match.end())):
            record.values.append(match[1].replace(b'""', _QUOTE))
            position = match.end()
        elif match:
            record.certain = record.certain and (final or match.end() < size)
            record.flags = ["quotes"]
            position = _scan_loose(data, record, position, separator)
        else:
            match = plain.match(data, position)
            position = match.end() if match else position
            record.values.append(match[0] if match else b"")
        if position >= size:
            record.end, record.certain = size, final
            record.cut = record.cut or not data.endswith(_QUOTE)
            return
        if data[position] in b"\r\n":
            record.end = position + (2 if data.startswith(b"\r\n", position) else 1)
            return
        position += len(separator)


def _scan_loose(data: bytes, record: Record, position: int, separator: bytes) -> int:
    """Add the value of a badly quoted field, which ends with its line at the latest; where it ends."""
    stop = _line_stop(data, position)
    closing = re.compile(rb'"(?=' + re.escape(separator) + rb"|[\r\n]|\Z)").search(data, position + 1, stop)
    record.values.append(data[position + 1 : closing.start() if closing else stop].replace(b'""', _QUOTE))
    record.cut = not closing
    return closing.end() if closing else stop


def plain_end(held: bytes, block: bytes) -> int:
    """Where the last record ends in the block that follows what is held; 0 when it takes more than counting quotes."""
    end = block.rfind(_LF) + 1
    return end if end and (count_byte(held, _QUOTE) + count_byte(memoryview(block)[:end], _QUOTE)) % 2 == 0 else 0


def record_end(data: bytes, dialect: Dialect) -> int:
    """Where the last whole record ends; 0 when the first one goes on beyond the data.

    In well-formed text a record ends at a line end before which the quotes are even, so that is looked for from
    behind. Where there is none the text is damaged, or one record fills it: then it is scanned.
    """
    end = data.rfind(_LF) + 1 or data.rfind(_CR, 0, len(data) - 1) + 1
    odd = count_byte(data[:end], _QUOTE) % 2
    while odd and end:
        before = data.rfind(_LF, 0, end - 1) + 1
        odd = (odd + data.count(_QUOTE, before, end)) % 2
        end = before
    if end or _QUOTE not in data:
        return end
    certain = takewhile(lambda record: record.certain, scan(data, dialect, final=False))
    return max((record.end for record in certain), default=0)


def count_byte(data: bytes | memoryview, byte: bytes) -> int:
    """How often one byte occurs; several times faster than ``bytes.count`` where it is frequent."""
    array, wanted = np.frombuffer(data, np.uint8), byte[0]
    return sum(int(np.count_nonzero(array[i : i + _BLOCK] == wanted)) for i in range(0, len(array), _BLOCK))


def first_line_end(data: bytes, start: int = 0) -> int:
    """Where the line ends that begins at ``start``, after its line end; 0 when it has none."""
    feed = data.find(_LF, start)
    back = data.find(_CR, start, feed if feed >= 0 else len(data))
    if back >= 0:
        return back + (2 if feed == back + 1 else 1)
    return feed + 1


def _line_stop(data: bytes, start: int) -> int:
    """Where the line stops that begins at ``start``, before its line end."""
    end = first_line_end(data, start) or len(data)
    return start + len(data[start:end].rstrip(b"\r\n"))


def count_lines(data: bytes) -> int:
    """How many lines end in the data."""
    ends = count_byte(data, _LF) if len(data) > _BLOCK else data.count(_LF)
    return ends + (data.count(_CR) - data.count(b"\r\n") if _CR in data else 0)
