"""The fast reader: Polars' parser, where its result is proved to be exact."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.encoding import as_text
from tocsin.events.sources import Chunk
from tocsin.events.sources.delimited.exact import Dialect
from tocsin.node import compiled

_LAYOUT_BLOCK: Final = 1 << 18  # masks stay within the processor's cache
FastChunk: TypeAlias = tuple[pl.DataFrame, bool, pl.Series | None]
"""Text columns, empty values as null; whether all values are plain (see `Batch`); XXH3 of each record's text."""

_QUOTE, _LF, _CR, _NUL = b'"', b"\n", b"\r", b"\x00"


def parse_fast(data: bytes, columns: Sequence[str], dialect: Dialect) -> FastChunk | None:
    """The chunk, by the compiled pass where there is one; None when that cannot be proved to be exact."""
    if not dialect.is_one_byte or (dialect.comment and dialect.comment.encode() in data):
        return None
    scanned = compiled.scan(data, len(columns), dialect.separator, dialect.field_limit)
    if scanned is None:
        return parse_polars(data, columns, dialect)
    frame, plain = scanned
    hashes = frame.drop_in_place(compiled.HASH)
    frame.columns = list(columns)
    return frame, plain, hashes


def parse_polars(data: bytes, columns: Sequence[str], dialect: Dialect) -> FastChunk | None:
    """The same by Polars, with no hashes."""
    layout = None if _is_odd(data) else layout_of(data, dialect)
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
    return frame, layout.plain, None


def lines_of(data: bytes, records: int, *, plain: bool) -> pl.Series | None:
    """The lines of a chunk that the fast reader took; None when they are not its records."""
    if plain:  # then no control character but line ends is in it: as one column it is read fastest
        lines = pl.read_csv(data, has_header=False, separator="\x1f", quote_char=None, schema={"line": pl.String()})
    else:
        lines = pl.read_lines(data)
    return lines.to_series() if lines.height == records else None


def parse_recoded(data: bytes, columns: Sequence[str], dialect: Dialect) -> tuple[pl.DataFrame, pl.Series] | None:
    """A chunk of another encoding as text columns, and the flags of its rows.

    None when it is UTF-8, or when records span lines: then only the exact reader knows what belongs together.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        lines = data.removesuffix(_LF).split(_LF)
    else:
        return None
    fast = parse_fast(as_text(data)[0].encode(), columns, dialect)
    if fast is None or fast[0].height != len(lines):
        return None
    return fast[0], pl.Series("flags", ["encoding" if as_text(line)[1] else None for line in lines], pl.String)


def _is_odd(data: bytes) -> bool:
    """Whether it holds what Polars reads in another way than we do."""
    if _CR in data and data.count(b"\r\n") != data.count(_CR):
        return True
    return _NUL in data or data.startswith(codecs.BOM_UTF8)


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
    # The end of the data counts as a line end: the bit behind the last byte.
    edges[len(array) // 64] |= np.uint64(1 << len(array) % 64)
    escapes = False
    if quoted or quotes.any():
        # A byte is inside quotes where the quotes up to it are odd in number; the other way round where one was open.
        inside = ~_parity(quotes) if quoted else _parity(quotes)
        opening, closing = quotes & inside, quotes & ~inside
        if (opening & ~_after(edges | closing, 1)).any() or (closing & ~_before(edges | opening)).any():
            return None
        # Within quotes a separator or a line end is text.
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
    # Within a word by doubling: a bit takes in 1, 2, 4 … 32 bits before it. Then a word is turned over where the words
    # before it are odd together; 0 less 1 is all bits set.
    parity = bits.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        parity ^= parity << np.uint64(shift)
    odd = np.bitwise_xor.accumulate(parity >> np.uint64(63))
    parity[1:] ^= np.uint64(0) - odd[:-1]
    return parity


def places(chunk: Chunk, wanted: Sequence[int]) -> list[tuple[int, str]]:
    """Line and raw text of the wanted rows of a chunk that was parsed fast: a record ends where no quote is open."""
    array = np.frombuffer(chunk.data, np.uint8)
    breaks = np.flatnonzero(array == _LF[0])
    quotes = np.flatnonzero(array == _QUOTE[0])
    # How many quotes come before each line end: even, so none is open.
    ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    starts = np.concatenate([[0], ends + 1])
    stops = np.concatenate([ends, [len(chunk.data)]])
    lines = chunk.first_line + np.searchsorted(breaks, starts)
    return [(int(lines[row]), as_text(chunk.data[starts[row] : stops[row]].rstrip(b"\r\n"))[0]) for row in wanted]
