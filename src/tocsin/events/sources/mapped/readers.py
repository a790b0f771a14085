"""A report cut into records by its format, and its records made events."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import BinaryIO, Final

import numpy as np
import polars as pl

from tocsin.events.encoding import as_text, recoded, utf8
from tocsin.events.sources import Batch, Chunk, Reader, Unreadable
from tocsin.events.sources.delimited import DelimitedReader, Shaping
from tocsin.events.sources.mapped.json_paths import MappedJson
from tocsin.events.sources.mapped.lines import LineRecords
from tocsin.events.sources.mapped.mapping import FeedMapping
from tocsin.events.sources.mapped.steps import (
    COLUMN,
    RECORD,
    RecordEvents,
    constants_of,
    event_rows,
    taken_columns,
    unfit_columns,
)
from tocsin.node.sentences import say

_HEAD: Final = 1 << 16


def open_mapped(mapping: FeedMapping, stream: BinaryIO, chunk_bytes: int, field_limit: int) -> Reader:
    """A reader of a report whose mapping says more than names of columns."""
    held = _Held(recoded(stream, mapping.encoding) if mapping.encoding else stream.read, mapping.skip_lines)
    chunk_bytes = max(chunk_bytes // 8, 1) if mapping.each else chunk_bytes  # its rows are more
    constants, saying = constants_of(mapping, _head_lines(mapping, held.head)) if mapping.head else ({}, {})
    dialect = replace(mapping.dialect, field_limit=field_limit)
    cut: Reader
    if mapping.format == "csv":
        cut = DelimitedReader(held, chunk_bytes, partial(_own_columns, mapping), dialect, mapping.names)  # type: ignore[arg-type]  # only read is used
    elif mapping.format == "json":
        cut = MappedJson(held, chunk_bytes, mapping, field_limit)  # type: ignore[arg-type]  # only read is used
    elif mapping.format in {"lines", "keyvalue"}:
        cut = LineRecords(held, chunk_bytes, mapping, field_limit)  # type: ignore[arg-type]  # only read is used
    else:
        from tocsin.events.sources.mapped.documents import HtmlRecords, XmlRecords  # lxml: for few reports

        documents = HtmlRecords if mapping.format == "html" else XmlRecords
        cut = documents(held, mapping, field_limit)  # type: ignore[arg-type]  # only read is used
    return MappedReader(mapping, cut, constants, saying)


class MappedReader:
    """The reader (`tocsin.events.sources.Reader`) of a cut report."""

    def __init__(self, mapping: FeedMapping, cut: Reader, constants: dict[str, str], saying: Mapping[str, str]) -> None:
        self._mapping, self._cut = mapping, cut
        self._constants = {**mapping.constants, **constants}
        self.header = "\n".join(filter(None, [*saying.values(), cut.header]))
        self.unfitting: Sequence[str] = [one for one in mapping.head if one not in saying]  # patterns of [head]
        self.columns: Sequence[str] = () if mapping.names else cut.columns  # names are not the report's
        self._taken = sorted(taken_columns(mapping))

    def chunks(self) -> Iterator[Chunk]:
        """As the format cuts it."""
        return self._cut.chunks()

    def parse(self, chunk: Chunk) -> Batch:
        """The chunk's events."""
        batch = self._cut.parse(chunk)
        filled = self._filled(batch)
        if not batch.frame.height:
            return replace(batch, filled=filled)
        made = event_rows(self._mapping, batch.frame)
        frame = batch.frame
        records = frame[RECORD].n_unique() if RECORD in frame.columns else frame.height

        def locate(wanted: Sequence[int]) -> list[tuple[int, str]]:
            return batch.locate(made.records[np.asarray(wanted, np.int64)].tolist())

        def texts() -> pl.Series | None:
            found = batch.texts()
            return None if found is None else found.gather(made.records)

        return Batch(
            made.frame,
            [*batch.unreadable, *_too_many(batch, made)],
            locate,
            self._mapping.kinds,
            self._constants,
            texts=texts,
            hashes=None if batch.hashes is None else batch.hashes.gather(made.records),
            records=made.records,
            ordinals=made.ordinals if self._mapping.each else None,
            addressed=self._mapping.addressed,
            filled=filled,
            passed_over=records - len(np.unique(made.records)),
        )

    def _filled(self, batch: Batch) -> dict[str, int]:
        """How many of the records say something in each of the columns that the mapping takes; all under ``""``."""
        frame = batch.frame
        said = {name.removeprefix(COLUMN): frame.height - frame[name].null_count() for name in frame.columns}
        found = {"": frame.height + len(batch.unreadable)}
        for name in self._taken:
            below = f"{name}."
            found[name] = said.get(name, 0) or max(
                (many for one, many in said.items() if one.startswith(below)), default=0
            )
        return found


def _too_many(batch: Batch, made: RecordEvents) -> list[Unreadable]:
    """The records of which some events were left out."""
    reason = say("It has too many events, or is too long for their number; the first of them are kept.")
    return [Unreadable(line, reason, raw) for line, raw in batch.locate(made.cut.tolist())]


class _Held:
    """A stream whose first bytes were looked at; lines to pass over are blank, so that lines keep their numbers."""

    def __init__(self, read: Callable[[int], bytes], skip_lines: int) -> None:
        self._read = read
        self.head = b""
        while len(self.head) < _HEAD and (block := read(_HEAD - len(self.head))):
            self.head += block
        self._left = self.head
        if skip_lines:
            lines = self.head.split(b"\n")
            self._left = b"\n" * min(skip_lines, len(lines) - 1) + b"\n".join(lines[skip_lines:])

    def read(self, size: int = -1) -> bytes:
        if self._left:
            found, self._left = (self._left, b"") if size < 0 else (self._left[:size], self._left[size:])
            return found
        return self._read(size)


def _head_lines(mapping: FeedMapping, head: bytes) -> list[str]:
    read = utf8(BytesIO(head))
    text = as_text(b"".join(iter(partial(read, _HEAD), b"")))[0]
    comment = mapping.dialect.comment
    return [line for line in text.splitlines() if line.startswith(comment)] if comment else text.splitlines()[:50]


def _own_columns(mapping: FeedMapping, columns: Sequence[str]) -> Shaping:
    names = {name: COLUMN + name for name in columns}
    return Shaping(lambda frame: frame.rename(names), unfit=unfit_columns(mapping, columns))
