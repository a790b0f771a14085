"""Delimited text (CSV, TSV) as frames: fast where that is provably right, exact everywhere else.

The fast path is Polars' parser. It pads short rows silently and is lenient with quotes, so its result is accepted only
when the chunk's quotes are well-formed and its separators outside of quotes are exactly those of a full table (rows
with too many raise). Whatever does not pass is split smaller, and at last read by a state machine that follows RFC
4180, knows the line of every record, and says what was wrong with it.

How damaged records are read: missing columns are null (flag ``short``); surplus ones are kept under
``extra.tocsin_surplus`` (``surplus``); bytes that are not UTF-8 are read as Windows-1252 (``encoding``); NUL bytes are
left out (``nul``); a quoted field ends at a quote before a separator or line end, other quotes in it stand for
themselves (``quotes``); a quote that never closes ends with its line, and a value that the end of the file or an open
quote cut off is not trusted: it is kept under ``extra.tocsin_cut`` (``cut``).
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.errors import InputError
from tocsin.events.schema import Kind
from tocsin.events.sources import Batch, Chunk, Unreadable

FIELD_LIMIT: Final = 1 << 20
"""Longest field in bytes; a record with a longer one is set aside."""

LINE_LIMIT: Final = 1 << 24
"""Longest line in bytes; a longer one is set aside in pieces of this size, so that memory stays bounded."""

_SMALL: Final = 1 << 15  # a chunk of this size is not split again before it is read exactly
_BLOCK: Final = 1 << 16  # comparisons stay within the processor's cache
_LAYOUT_BLOCK: Final = 1 << 18
_QUOTE, _LF, _CR, _NUL = b'"', b"\n", b"\r", b"\x00"


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
class Dialect:
    """How a delimited report is written."""

    separator: str = ","
    comment: str = ""
    field_limit: int = FIELD_LIMIT

    def __post_init__(self) -> None:
        if len(self.separator) != 1 or self.separator in '"\r\n' or not self.separator.isascii():
            raise InputError(f"{self.separator!r} cannot separate columns", hint="Take one character, such as , ; or |")


@dataclass(frozen=True)
class Shaping:
    """How text columns, named as in a report's header, become fields; ``kinds`` and ``constants`` as in `Batch`."""

    shape: Callable[[pl.DataFrame], pl.DataFrame]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)


class Delimited:
    """A reader of delimited text (`tocsin.events.sources.Reader`).

    ``shaping`` is asked once, with the names of the columns; ``columns`` are the names when there is no header.

    Raises:
        InputError: there is no header, or it is not text.

    """

    def __init__(
        self,
        stream: BinaryIO,
        chunk_bytes: int,
        shaping: Callable[[Sequence[str]], Shaping],
        dialect: Dialect | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.dialect = dialect or Dialect()
        self._read = utf8(stream)
        self._chunk_bytes = max(chunk_bytes, 1)
        self._line_limit = max(LINE_LIMIT, self.dialect.field_limit)
        self._held = b""
        self._line = 1
        self.columns = tuple(columns) or self._read_header()
        self.header = "" if columns else _header_line(self.columns, self.dialect)
        self._shaping = shaping(self.columns)

    def _read_header(self) -> tuple[str, ...]:
        """The column names, read from the first record that is not a comment."""
        data, final = b"", False
        while not final:
            block = self._read(min(self._chunk_bytes, 1 << 16))
            data, final = data + block, not block
            if len(data) > self._line_limit:
                break
            for record in scan(data, self.dialect, final=final):
                if not record.certain:
                    break
                if self.dialect.comment and data.startswith(self.dialect.comment.encode(), record.start):
                    continue
                self._held, self._line = data[record.end :], 1 + _lines(data[: record.end])
                return column_names(record.values)
        raise InputError(
            "The report has no header line." if data.strip() else "The report is empty.",
            hint="Ask its sender for the report again.",
        )

    def chunks(self) -> Iterator[Chunk]:
        """Whole records in pieces of about ``chunk_bytes``; record numbers count lines, so they may leave gaps."""
        header = self._line - 1
        for data, piece in self._pieces():
            yield Chunk(data, self._line - header, self._line, piece=piece)
            self._line += _lines(data)

    def _pieces(self) -> Iterator[tuple[bytes, bool]]:
        """Bytes that end with a record, and whether they are only a piece of a line that is too long."""
        held, within = self._held, False
        while block := self._read(self._chunk_bytes):
            end = 0 if within else _plain_end(held, block)
            if end:  # the usual case, with one copy only
                yield b"".join((held, memoryview(block)[:end])), False
                held = block[end:]
                continue
            held += block
            end = _first_line_end(held) if within else record_end(held, self.dialect)
            if not end and (within or len(held) > self._line_limit):
                end, within = len(held), True
                yield held, True
            elif end:
                yield held[:end], within
                within = False
            held = held[end:]
        if held:
            yield held, within

    def parse(self, chunk: Chunk) -> Batch:
        """The chunk's records, named by ``shape``."""
        if chunk.piece:
            reason = f"The line is longer than {self._line_limit} bytes; this is a piece of it."
            return Batch(pl.DataFrame(), [Unreadable(chunk.first_line, reason, as_text(chunk.data)[0])])
        fast = parse_fast(chunk.data, self.columns, self.dialect)
        if fast is not None:
            frame, plain = fast
            return self._batch(self._shaping.shape(frame), [], partial(_locate, chunk, self.dialect), plain=plain)
        if (recoded := _parse_recoded(chunk.data, self.columns, self.dialect)) is not None:
            frame, flags = recoded
            shaped = self._shaping.shape(frame).with_columns(flags)
            return self._batch(shaped, [], partial(_locate, chunk, self.dialect))
        if len(chunk.data) > _SMALL and (parts := _split(chunk, self.dialect)):
            frame, unreadable, locate = _join([self.parse(part) for part in parts])
            return self._batch(frame, unreadable, locate)
        return self._parse_exact(chunk)

    def _parse_exact(self, chunk: Chunk) -> Batch:
        """The chunk's records, read one by one."""
        rows, unreadable = read_exact(chunk, len(self.columns), self.dialect)
        frame = pl.DataFrame(
            {name: [row.values[i] for row in rows] for i, name in enumerate(self.columns)},
            schema=dict.fromkeys(self.columns, pl.String()),
        )
        notes = pl.DataFrame(
            {
                "flags": [" ".join(row.flags) or None for row in rows],
                "extra.tocsin_surplus": [row.surplus for row in rows],
                "extra.tocsin_cut": [row.cut for row in rows],
            },
            schema={"flags": pl.String(), "extra.tocsin_surplus": pl.String(), "extra.tocsin_cut": pl.String()},
        )
        places = [(row.line, row.raw) for row in rows]
        shaped = self._shaping.shape(frame).with_columns(note for note in notes if note.null_count() < len(note))
        return self._batch(shaped, unreadable, lambda wanted: [places[i] for i in wanted])

    def _batch(
        self,
        frame: pl.DataFrame,
        unreadable: list[Unreadable],
        locate: Callable[[Sequence[int]], list[tuple[int, str]]],
        *,
        plain: bool = False,
    ) -> Batch:
        return Batch(frame, unreadable, locate, self._shaping.kinds, self._shaping.constants, plain=plain)


def _header_line(columns: Sequence[str], dialect: Dialect) -> str:
    """A header under which a record that was set aside can be read again."""
    return dialect.separator.join('"' + name.replace('"', '""') + '"' for name in columns)


def column_names(values: Sequence[bytes]) -> tuple[str, ...]:
    """Names for the columns of a header: nameless ones get their number, doubled ones a suffix.

    Raises:
        InputError: this is no header of a text file.

    """
    names: list[str] = []
    for number, value in enumerate(values, 1):
        text, _ = as_text(value)
        name = text.strip().strip('"').lower()
        if any(ord(letter) < 32 or letter == "\x7f" for letter in name):
            raise InputError("The first line is not a header of a text file.", hint="Is this a CSV report?")
        name = name or f"column_{number}"
        names.append(name if name not in names else f"{name}.{number}")
    return tuple(names)


def first_records(head: bytes, count: int, dialect: Dialect | None = None) -> list[tuple[str, ...]]:
    """The first records of a report whose first bytes are given: the header in lower case, and as many as are whole."""
    read = utf8(io.BytesIO(head))
    data = b"".join(iter(lambda: read(1 << 16), b""))
    dialect = dialect or Dialect()
    found: list[tuple[str, ...]] = []
    for record in scan(data, dialect, final=True):
        if not (dialect.comment and data.startswith(dialect.comment.encode(), record.start)):
            texts = tuple(as_text(value)[0].strip() for value in record.values)
            found.append(texts if found else tuple(text.lower() for text in texts))
        if len(found) == count:
            break
    return found


def utf8(stream: BinaryIO) -> Callable[[int], bytes]:
    """A read function: no byte-order mark, and UTF-8 when the stream is UTF-16 (with a mark, or plainly so)."""
    head = b""
    while len(head) < 4 and (block := stream.read(4 - len(head))):
        head += block
    if head.startswith(codecs.BOM_UTF8):
        return _joined(head[3:], stream)
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return _recoded(_joined(head[2:], stream), encoding)
    nul = [byte == 0 for byte in head]
    if nul == [False, True, False, True]:
        return _recoded(_joined(head, stream), "utf-16-le")
    if nul == [True, False, True, False]:
        return _recoded(_joined(head, stream), "utf-16-be")
    return _joined(head, stream)


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


def count_byte(data: bytes | memoryview, byte: bytes) -> int:
    """How often one byte occurs; several times faster than ``bytes.count`` where it is frequent."""
    array, wanted = np.frombuffer(data, np.uint8), byte[0]
    return sum(int(np.count_nonzero(array[i : i + _BLOCK] == wanted)) for i in range(0, len(array), _BLOCK))


def parse_fast(data: bytes, columns: Sequence[str], dialect: Dialect) -> tuple[pl.DataFrame, bool] | None:
    """The chunk as text columns, empty values as null, and whether all values are plain (see `Batch`).

    None when that cannot be proved to be exact.
    """
    layout = None if _is_odd(data, dialect) else layout_of(data, dialect)
    if layout is None or layout.separators != layout.records * (len(columns) - 1):
        return None
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            separator=dialect.separator,
            schema=dict.fromkeys(columns, pl.String()),
            null_values="",
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None
    if frame.height != layout.records or (frame.width == 1 and frame.to_series().null_count()):
        return None  # in one column a blank line looks like an empty value
    longest = frame.select(pl.all().str.len_bytes().max()).row(0)
    if max(filter(None, longest), default=0) > dialect.field_limit:
        return None
    return frame, layout.plain


def _is_odd(data: bytes, dialect: Dialect) -> bool:
    """Whether it holds what Polars reads in another way than we do."""
    if _CR in data and data.count(b"\r\n") != data.count(_CR):
        return True
    return (
        _NUL in data or data.startswith(codecs.BOM_UTF8) or bool(dialect.comment and dialect.comment.encode() in data)
    )


def _parse_recoded(data: bytes, columns: Sequence[str], dialect: Dialect) -> tuple[pl.DataFrame, pl.Series] | None:
    """A chunk of another encoding as text columns, and the flags of its rows.

    None when it is UTF-8, or when records span lines: then only the exact reader knows what belongs together.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        lines = [as_text(line) for line in data.removesuffix(_LF).split(_LF)]
    else:
        return None
    fast = parse_fast("\n".join(text for text, _ in lines).encode(), columns, dialect)
    if fast is None or fast[0].height != len(lines):
        return None
    return fast[0], pl.Series("flags", ["encoding" if other else None for _, other in lines], pl.String)


@dataclass(frozen=True)
class Layout:
    """What well-formed text holds: so many records, so many separators between values, and plain values only."""

    records: int
    separators: int
    plain: bool


def layout_of(data: bytes, dialect: Dialect) -> Layout | None:
    """The layout of a chunk; None when its quotes are not as RFC 4180 says.

    Looked at in blocks of whole lines that stay within the processor's cache.
    """
    array = np.frombuffer(data, np.uint8)
    records, separators, quoted = 0, 0, False
    plain = b"\\" not in data
    start, returns = 0, _CR in data
    while start < len(data):
        end = (
            data.rfind(_LF, start, start + _LAYOUT_BLOCK) + 1 or data.find(_LF, start + _LAYOUT_BLOCK) + 1 or len(data)
        )
        block = _block_layout(array[start:end], dialect.separator.encode(), quoted=quoted, returns=returns)
        if block is None:
            return None
        layout, quoted = block
        records, separators = records + layout.records, separators + layout.separators
        plain = plain and layout.plain
        start = end
    return None if quoted else Layout(records + (not data.endswith(_LF)), separators, plain)


def _block_layout(
    array: npt.NDArray[np.uint8], separator: bytes, *, quoted: bool, returns: bool
) -> tuple[Layout, bool] | None:
    """The layout of some whole lines, and whether a quoted value goes on after them, as one may before (``quoted``).

    Works on bit masks, 64 bytes of text to a word: after the running parity of the quotes is known, every quote that
    opens must follow a line end, a separator or a quote, and every one that closes must come before one.
    """
    quotes, separators, ends, blanks = (_mask(array, byte) for byte in (_QUOTE, separator, _LF, b" "))
    edges = separators | ends
    carriage = _mask(array, _CR) if returns else None
    if carriage is not None:
        edges |= carriage
    edges[len(array) // 64] |= np.uint64(1 << len(array) % 64)
    escapes = False
    if quoted or quotes.any():
        inside = ~_parity(quotes) if quoted else _parity(quotes)
        opening, closing = quotes & inside, quotes & ~inside
        if (opening & ~_after(edges | closing, 1)).any() or (closing & ~_before(edges | opening)).any():
            return None
        separators, ends = separators & ~inside, ends & ~inside
        escapes = bool((opening & _after(closing, 0)).any())
        edges = (edges & ~inside) | quotes
        quoted = bool(inside[-1] >> np.uint64(63))
    lines = int(np.bitwise_count(ends).sum())
    controls = lines if carriage is None else lines + int(np.bitwise_count(carriage).sum())
    plain = not escapes and controls in {lines, 2 * lines} and int(np.count_nonzero(array < 32)) == controls
    plain = plain and not (blanks & (_after(edges, 1) | _before(edges))).any()
    return Layout(lines, int(np.bitwise_count(separators).sum()), plain), quoted


def _after(mask: npt.NDArray[np.uint64], first: int) -> npt.NDArray[np.uint64]:
    """The bits that follow a set bit; ``first`` is the first of them."""
    shifted = mask << np.uint64(1)
    shifted[1:] |= mask[:-1] >> np.uint64(63)
    shifted[0] |= np.uint64(first)
    return shifted


def _before(mask: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The bits that come before a set bit."""
    shifted = mask >> np.uint64(1)
    shifted[:-1] |= mask[1:] << np.uint64(63)
    return shifted


def _mask(array: npt.NDArray[np.uint8], byte: bytes) -> npt.NDArray[np.uint64]:
    """A bit for every byte of the data, set where it is this one; at least one bit longer than needed."""
    mask = np.zeros((len(array) // 64 + 1) * 8, np.uint8)
    mask[: (len(array) + 7) // 8] = np.packbits(array == byte[0], bitorder="little")
    return mask.view("<u8")


def _parity(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """For every bit, whether the number of set bits up to and with it is odd."""
    parity = bits.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        parity ^= parity << np.uint64(shift)
    odd = np.bitwise_xor.accumulate(parity >> np.uint64(63))
    parity[1:] ^= np.uint64(0) - odd[:-1]
    return parity


def _plain_end(held: bytes, block: bytes) -> int:
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


def scan(data: bytes, dialect: Dialect, *, final: bool, first_line: int = 1) -> Iterator[Record]:
    """The records of the data by RFC 4180, blank lines left out.

    ``final``: nothing follows. Otherwise a last record that more data could change is given as not ``certain``.
    """
    separator = dialect.separator.encode()
    plain = re.compile(rb"[^" + re.escape(separator) + rb"\r\n]*+")
    position, line, size = 0, first_line, len(data)
    while position < size:
        end = _first_line_end(data, position)
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
        line += _lines(data[record.start : record.end]) if record.end - record.start > 1 else 1
        position = record.end


_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)("?)')


def _scan_fields(data: bytes, record: Record, plain: re.Pattern[bytes], dialect: Dialect, *, final: bool) -> None:
    """Fill in the values of a record that has quotes, and where it ends."""
    position, size = record.start, len(data)
    after = dialect.separator.encode() + b"\r\n"
    while True:
        match = _QUOTED.match(data, position, min(size, position + 2 * dialect.field_limit + 2))
        if match and match[2] and (match.end() == size or data[match.end()] in after):
            record.values.append(match[1].replace(b'""', _QUOTE))
            position = match.end()
        elif match:
            record.certain = record.certain and (final or match.end() < size)
            record.flags = ["quotes"]
            position = _scan_loose(data, record, position, after)
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
        position += 1


def _scan_loose(data: bytes, record: Record, position: int, after: bytes) -> int:
    """Add the value of a badly quoted field, which ends with its line at the latest; where it ends."""
    stop = _line_stop(data, position)
    closing = re.compile(rb'"(?=[' + re.escape(after) + rb"]|\Z)").search(data, position + 1, stop)
    record.values.append(data[position + 1 : closing.start() if closing else stop].replace(b'""', _QUOTE))
    record.cut = not closing
    return closing.end() if closing else stop


@dataclass(frozen=True)
class Row:
    """One record that the exact reader could use."""

    line: int
    raw: str
    values: list[str | None]
    flags: list[str]
    surplus: str | None
    cut: str | None


def read_exact(chunk: Chunk, width: int, dialect: Dialect) -> tuple[list[Row], list[Unreadable]]:
    """Every record of the chunk, once: as a row of ``width`` values, or as unreadable with the reason."""
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for record in _records(chunk, dialect):
        raw, encoded = as_text(chunk.data[record.start : record.end].rstrip(b"\r\n"))
        longest = max(map(len, record.values))
        if longest > dialect.field_limit:
            reason = f"A field is longer than {dialect.field_limit} bytes."
            unreadable.append(Unreadable(record.line, reason, raw))
            continue
        rows.append(_row(record, raw, encoded, width, dialect))
    return rows, unreadable


def _row(record: Record, raw: str, encoded: bool, width: int, dialect: Dialect) -> Row:
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
    return Row(record.line, raw, (values + [None] * width)[:width], flags, surplus, cut)


def _records(chunk: Chunk, dialect: Dialect) -> Iterator[Record]:
    """The records of a whole chunk, comments left out."""
    comment = dialect.comment.encode()
    for record in scan(chunk.data, dialect, final=True, first_line=chunk.first_line):
        if not (comment and chunk.data.startswith(comment, record.start)):
            yield record


def _locate(chunk: Chunk, dialect: Dialect, wanted: Sequence[int]) -> list[tuple[int, str]]:
    """Line and raw text of the wanted rows of a chunk that was parsed fast: its rows are its records."""
    places: dict[int, tuple[int, str]] = {}
    numbers = set(wanted)
    for number, record in enumerate(_records(chunk, dialect)):
        if number in numbers:
            places[number] = record.line, as_text(chunk.data[record.start : record.end].rstrip(b"\r\n"))[0]
    return [places[number] for number in wanted]


def _split(chunk: Chunk, dialect: Dialect) -> list[Chunk]:
    """The chunk in a few smaller ones; nothing when it is one record."""
    parts: list[Chunk] = []
    start, line = 0, chunk.first_line
    step = max(len(chunk.data) // 8, _SMALL)
    while start < len(chunk.data):
        stop = start + step
        size = record_end(chunk.data[start:stop], dialect) if stop < len(chunk.data) else 0
        data = chunk.data[start : start + size] if size else chunk.data[start:]
        parts.append(Chunk(data, chunk.first_record + line - chunk.first_line, line))
        start, line = start + len(data), line + _lines(data)
    return parts if len(parts) > 1 else []


def _join(
    batches: list[Batch],
) -> tuple[pl.DataFrame, list[Unreadable], Callable[[Sequence[int]], list[tuple[int, str]]]]:
    """Frame, unreadable records and places of batches of one chunk, in order."""
    starts = np.cumsum([0] + [batch.frame.height for batch in batches])

    def locate(wanted: Sequence[int]) -> list[tuple[int, str]]:
        owners = np.searchsorted(starts, np.asarray(wanted), side="right") - 1
        return [batches[owner].locate([row - int(starts[owner])])[0] for owner, row in zip(owners, wanted, strict=True)]

    frames = [batch.frame for batch in batches if batch.frame.width]
    frame = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    return frame, [bad for batch in batches for bad in batch.unreadable], locate


def as_text(data: bytes) -> tuple[str, bool]:
    """The bytes as text, and whether they had to be read as Windows-1252 or Latin-1."""
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), True


def _first_line_end(data: bytes, start: int = 0) -> int:
    """Where the line ends that begins at ``start``, after its line end; 0 when it has none."""
    feed = data.find(_LF, start)
    back = data.find(_CR, start, feed if feed >= 0 else len(data))
    if back >= 0:
        return back + (2 if feed == back + 1 else 1)
    return feed + 1


def _line_stop(data: bytes, start: int) -> int:
    """Where the line stops that begins at ``start``, before its line end."""
    end = _first_line_end(data, start) or len(data)
    return start + len(data[start:end].rstrip(b"\r\n"))


def _lines(data: bytes) -> int:
    """How many lines end in the data."""
    ends = count_byte(data, _LF) if len(data) > _BLOCK else data.count(_LF)
    return ends + (data.count(_CR) - data.count(b"\r\n") if _CR in data else 0)
