"""A report of delimited text, opened: its header, its chunks, and each chunk's rows."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Final

import numpy as np
import polars as pl

from tocsin.events.encoding import as_text, utf8
from tocsin.events.extra import object_text
from tocsin.events.fields import FieldKind
from tocsin.events.sources import Batch, Chunk, Unreadable
from tocsin.events.sources.delimited.exact import (
    Dialect,
    count_lines,
    first_line_end,
    plain_end,
    read_exact,
    record_end,
    scan,
)
from tocsin.events.sources.delimited.fast import lines_of, parse_fast, parse_recoded, places
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

LINE_LIMIT: Final = 1 << 24
"""Longest line in bytes; a longer one is set aside in pieces of this size, so that memory stays bounded."""

MOST_COLUMNS: Final = 2_000
"""More columns than any feed has; each costs time and memory by itself."""

_SMALL: Final = 1 << 15  # a chunk of this size is not split again before it is read exactly


@dataclass(frozen=True)
class Shaping:
    """How text columns, named as in a report's header, become fields; the other values as in `Batch`.

    ``unfit``: why nothing can come of a report with this header, empty where something can: without rows the header is
    set aside.
    """

    shape: Callable[[pl.DataFrame], pl.DataFrame]
    kinds: Mapping[str, FieldKind] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    addressed: frozenset[str] = frozenset()
    unfit: str = ""


class DelimitedReader:
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
        self._first = ""  # the header as it stands there
        self.columns: Sequence[str] = tuple(columns) or self._read_header()
        self.header = "" if columns else _header_line(self.columns, self.dialect)
        self._shaping = shaping(self.columns)

    def _read_header(self) -> tuple[str, ...]:
        """The column names, read from the first record that is not a comment."""
        data, final = b"", False
        while not final and len(data) <= self._line_limit:
            block = self._read(min(self._chunk_bytes, 1 << 16))
            data, final = data + block, not block
            if not final and b"\n" not in block and b"\r" not in block:
                continue  # no record ends in it
            read = 0
            for record in scan(data, self.dialect, final=final):
                if not record.certain:
                    break
                read = record.end
                if not self.dialect.comment or not data.startswith(self.dialect.comment.encode(), record.start):
                    self._first = as_text(data[record.start : record.end].rstrip(b"\r\n"))[0]
                    self._held, self._line = data[read:], self._line + count_lines(data[:read])
                    return column_names(record.values)
            data, self._line = data[read:], self._line + count_lines(data[:read])
        raise InputError(
            say("The report has no header line.") if data.strip() else say("The report is empty."),
            hint=say("Ask its sender for the report again."),
        )

    def chunks(self) -> Iterator[Chunk]:
        """Whole records in pieces of about ``chunk_bytes``; record numbers count lines, so they may leave gaps."""
        header = self._line - 1
        empty = True
        for data, piece in self._pieces():
            yield Chunk(data, self._line - header, self._line, piece=piece)
            self._line += count_lines(data)
            empty = False
        if empty and self._shaping.unfit:
            yield Chunk(b"", 0, header)

    def _pieces(self) -> Iterator[tuple[bytes, bool]]:
        """Bytes that end with a record, and whether they are only a piece of a line that is too long."""
        held, within = self._held, False
        while block := self._read(self._chunk_bytes):
            end = 0 if within else plain_end(held, block)
            if end:  # the usual case, with one copy only
                yield b"".join((held, memoryview(block)[:end])), False
                held = block[end:]
                continue
            held += block
            end = first_line_end(held) if within else record_end(held, self.dialect)
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
        if not chunk.first_record:
            return Batch(pl.DataFrame(), [Unreadable(chunk.first_line, self._shaping.unfit, self._first)])
        if chunk.piece:
            reason = say(
                "The line is longer than %(line_limit)s bytes; this is a piece of it.", line_limit=self._line_limit
            )
            return Batch(pl.DataFrame(), [Unreadable(chunk.first_line, reason, as_text(chunk.data)[0])])
        fast = parse_fast(chunk.data, self.columns, self.dialect)
        if fast is not None:
            frame, plain, hashes = fast
            texts = partial(lines_of, chunk.data, frame.height, plain=plain)
            return self._batch(self._shaped(frame), [], partial(places, chunk), texts, plain=plain, hashes=hashes)
        if (recoded := parse_recoded(chunk.data, self.columns, self.dialect)) is not None:
            frame, flags = recoded
            shaped = self._shaped(frame).with_columns(flags)
            return self._batch(shaped, [], partial(places, chunk))
        if len(chunk.data) > _SMALL and (parts := _split(chunk, self.dialect)):
            frame, unreadable, located = _join([self.parse(part) for part in parts])
            return self._batch(frame, unreadable, located)
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
        found = [(row.line, row.raw) for row in rows]
        shaped = self._shaped(frame).with_columns(note for note in notes if note.null_count() < len(note))
        return self._batch(shaped, unreadable, lambda wanted: [found[i] for i in wanted])

    def _shaped(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows by their fields; whatever stands in ``extra`` is a JSON object then."""
        shaped = self._shaping.shape(frame)
        if "extra" not in shaped.columns:
            return shaped
        texts = [text if text is None else object_text(text) for text in shaped["extra"].to_list()]
        return shaped.with_columns(pl.Series("extra", texts, pl.String))

    def _batch(
        self,
        frame: pl.DataFrame,
        unreadable: list[Unreadable],
        locate: Callable[[Sequence[int]], list[tuple[int, str]]],
        texts: Callable[[], pl.Series | None] = lambda: None,
        *,
        plain: bool = False,
        hashes: pl.Series | None = None,
    ) -> Batch:
        kinds, constants = self._shaping.kinds, self._shaping.constants
        addressed = self._shaping.addressed
        return Batch(frame, unreadable, locate, kinds, constants, plain, texts, hashes, addressed=addressed)


def _header_line(columns: Sequence[str], dialect: Dialect) -> str:
    """A header under which a record that was set aside can be read again."""
    return dialect.separator.join('"' + name.replace('"', '""') + '"' for name in columns)


def column_names(values: Sequence[bytes]) -> tuple[str, ...]:
    """Names for the columns of a header: nameless ones get their number, doubled ones a suffix.

    Raises:
        InputError: this is no header of a text file, or one of too many columns.

    """
    if len(values) > MOST_COLUMNS:
        raise InputError(
            say(
                "The header has %(values)s columns, more than %(most_columns)s.",
                values=f"{len(values):,}",
                most_columns=f"{MOST_COLUMNS:,}",
            ),
            hint=say("Is this a CSV report?"),
        )
    names: list[str] = []
    for number, value in enumerate(values, 1):
        text, _ = as_text(value)
        name = text.strip().strip('"').lower()
        if any(ord(letter) < 32 or letter == "\x7f" for letter in name):
            raise InputError(say("The first line is not a header of a text file."), hint=say("Is this a CSV report?"))
        names.append(name or f"column_{number}")
    return distinct(names)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names, those that came before with the number of their place behind them, as often as it takes."""
    found: dict[str, None] = {}
    for number, given in enumerate(names, 1):
        name = given
        while name in found:
            name = f"{name}.{number}"
        found[name] = None
    return tuple(found)


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
        start, line = start + len(data), line + count_lines(data)
    return parts if len(parts) > 1 else []


def _join(
    batches: list[Batch],
) -> tuple[pl.DataFrame, list[Unreadable], Callable[[Sequence[int]], list[tuple[int, str]]]]:
    """Frame, unreadable records and places of batches of one chunk, in order."""
    starts = np.cumsum([0] + [batch.frame.height for batch in batches])

    def locate(wanted: Sequence[int]) -> list[tuple[int, str]]:
        rows = np.asarray(wanted, np.int64)
        owners = np.searchsorted(starts, rows, side="right") - 1
        found: dict[int, tuple[int, str]] = {}
        for owner in np.unique(owners).tolist():
            theirs = rows[owners == owner]
            found.update(zip(theirs.tolist(), batches[owner].locate((theirs - starts[owner]).tolist()), strict=True))
        return [found[row] for row in rows.tolist()]

    frames = [batch.frame for batch in batches if batch.frame.width]
    frame = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    return frame, [bad for batch in batches for bad in batch.unreadable], locate
