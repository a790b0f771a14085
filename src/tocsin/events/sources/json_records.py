"""Reports of JSON objects: one a line, one document, an array of them, or one behind the other."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

import numpy as np
import polars as pl

from tocsin.events.encoding import as_text, utf8
from tocsin.events.extra import DEEPEST, json_text, no_number, sound, too_deep
from tocsin.events.fields import BY_NAME, FieldKind
from tocsin.events.sources import MOST_EVENTS, Batch, Chunk, Unreadable, most_events
from tocsin.events.sources.delimited import FIELD_LIMIT, LINE_LIMIT
from tocsin.node.errors import InputError
from tocsin.node.garbage import uncollected
from tocsin.node.sentences import say

DOCUMENT_LIMIT: Final = 1 << 28
"""Longest document in bytes that is not one object a line: it has to be in memory as a whole."""

DECODER: Final = json.JSONDecoder(parse_constant=no_number)

HEAD: Final = 1 << 16
"""How many bytes of a report are looked at to know its form."""

Row = Mapping[str, object]
"""Values by field name; what is named in another way, or is no single value, goes to ``extra``."""


@dataclass(frozen=True)
class Record:
    """One JSON text of a report: where it starts, what it says, and its value, or why it has none."""

    line: int
    raw: str
    value: object
    reason: str = ""


class JsonRecords:
    """A reader of JSON objects (`tocsin.events.sources.Reader`).

    ``row`` turns one object into values by field name; it raises ``ValueError`` for one that cannot be read.
    ``list_at``: where in the text of a document the list of its records begins, when that stands below a key; else 0.
    ``kept``: what of a record that cannot be read may be set aside. ``frame``: how rows become a frame (`frame_of`).

    Raises:
        InputError: the report is empty, or too long a document.

    """

    header: str = ""
    columns: Sequence[str] = ()

    def __init__(
        self,
        stream: BinaryIO,
        chunk_bytes: int,
        row: Callable[[dict[str, object]], Row],
        field_limit: int = FIELD_LIMIT,
        list_at: Callable[[str], int] = lambda _: 0,
        *,
        kept: Callable[[str], str] = str,
        frame: Callable[[Sequence[Row]], pl.DataFrame] | None = None,
    ) -> None:
        self._read = utf8(stream)
        self._chunk_bytes = max(chunk_bytes, 1)
        self._row, self._kept, self._frame = row, kept, frame or frame_of
        self._limit = field_limit
        self._held = b""
        while b"\n" not in self._held and len(self._held) < LINE_LIMIT and (block := self._read(self._chunk_bytes)):
            self._held += block
        if not self._held.strip():
            raise InputError(say("The report is empty."), hint=say("Ask its sender for the report again."))
        self._start = list_at(as_text(self._held[:HEAD])[0])
        self._by_line = not self._start and _one_a_line(self._held)

    def chunks(self) -> Iterator[Chunk]:
        """Whole lines, or the whole document when it is not one object a line."""
        line, data = 1, self._held
        while block := self._read(self._chunk_bytes):
            end = data.rfind(b"\n") + 1 if self._by_line else 0
            if end or (self._by_line and len(data) > LINE_LIMIT):
                end = end or len(data)
                yield Chunk(data[:end], line, line)
                line += data.count(b"\n", 0, end)
            elif len(data) > DOCUMENT_LIMIT:
                raise InputError(
                    say("The JSON document is longer than %(document_limit)s bytes.", document_limit=DOCUMENT_LIMIT),
                    hint=say("Write one object a line."),
                )
            data = data[end:] + block
        if data:
            yield Chunk(data, line, line)

    def parse(self, chunk: Chunk) -> Batch:
        """The chunk's objects as rows."""
        with uncollected():  # the search costs a quarter
            return self._batch(chunk)

    def _batch(self, chunk: Chunk) -> Batch:
        rows: list[Row] = []
        places: list[tuple[int, str]] = []
        unreadable: list[Unreadable] = []
        for record in self._records(chunk):
            try:
                if record.reason or not isinstance(record.value, dict):
                    raise ValueError(record.reason or say("This is not a JSON object."))  # noqa: TRY301
                if record.raw.count("[") + record.raw.count("{") > DEEPEST and too_deep(record.value):
                    raise ValueError(say("Values are nested more than %(deepest)s deep.", deepest=DEEPEST))  # noqa: TRY301
                row = self._row(record.value)
                if len(record.raw) > self._limit and any(len(str(value)) > self._limit for value in row.values()):
                    raise ValueError(say("A value is longer than %(limit)s characters.", limit=self._limit))  # noqa: TRY301
                rows.append(row)
            except ValueError as error:
                unreadable.append(Unreadable(record.line, str(error), self._kept(record.raw)))
            else:
                places.append((record.line, record.raw))
        return Batch(self._frame(rows), unreadable, partial(_places, places))

    def _records(self, chunk: Chunk) -> Iterator[Record]:
        if not self._by_line:
            yield from _documents(as_text(chunk.data)[0], self._start)
            return
        for number, line in enumerate(chunk.data.split(b"\n")):
            if line.strip():
                yield _record(chunk.first_line + number, as_text(line.strip())[0])


class JsonEvents(JsonRecords):
    """A reader of JSON objects that are several events each: ``events`` gives their values by field name.

    It raises ``ValueError`` for an object without any. What is over `MOST_EVENTS` is left out, and said.
    """

    def __init__(
        self,
        stream: BinaryIO,
        chunk_bytes: int,
        events: Callable[[dict[str, object]], Sequence[Row]],
        field_limit: int = FIELD_LIMIT,
    ) -> None:
        super().__init__(
            stream, chunk_bytes, lambda record: {_EVENTS: events(record)}, field_limit, frame=_events_frame
        )

    def parse(self, chunk: Chunk) -> Batch:
        """The chunk's objects, a row for each event."""
        batch = super().parse(chunk)
        records = batch.frame[_RECORD].to_numpy()
        ordinals = batch.frame[_ORDINAL].to_numpy()
        too_many = batch.locate(records[ordinals == MOST_EVENTS - 1].tolist())
        reason = say("It has %(most)s events or more; the first of them are kept.", most=MOST_EVENTS)
        return Batch(
            batch.frame.drop(_RECORD, _ORDINAL),
            [*batch.unreadable, *(Unreadable(line, reason, raw) for line, raw in too_many)],
            lambda rows: batch.locate(records[np.asarray(rows, np.int64)].tolist()),
            records=records,
            ordinals=ordinals,
        )


_EVENTS: Final = "events"
_RECORD: Final = "\x00record"
_ORDINAL: Final = "\x00ordinal"


def _few(events: Callable[[dict[str, object]], Sequence[Row]], record: dict[str, object]) -> Row:
    found = list(events(record))[:MOST_EVENTS]
    if len(found) > most_events(len(str(found[0])) if found else 0):
        raise ValueError(say("It is too long for the number of its events."))
    return {_EVENTS: found}


def _events_frame(rows: Sequence[Row]) -> pl.DataFrame:
    events: list[list[Row]] = [list(row[_EVENTS]) for row in rows]  # type: ignore[call-overload]  # as `JsonEvents` made it
    sizes = [len(one) for one in events]
    frame = frame_of([event for one in events for event in one])
    return frame.with_columns(
        pl.Series(_RECORD, np.repeat(np.arange(len(sizes)), sizes), pl.Int64),
        pl.Series(_ORDINAL, [place for size in sizes for place in range(size)], pl.Int64),
    )


def _places(places: Sequence[tuple[int, str]], wanted: Sequence[int]) -> list[tuple[int, str]]:
    return [places[row] for row in wanted]


def _one_a_line(head: bytes) -> bool:
    """Whether the first line is a JSON object by itself."""
    first = head.lstrip().partition(b"\n")[0]
    return isinstance(_record(1, as_text(first)[0].strip()).value, dict) or not first.startswith((b"{", b"["))


def _record(line: int, text: str) -> Record:
    try:
        return Record(line, text, DECODER.decode(text))
    except (ValueError, RecursionError) as error:
        return Record(line, text, None, say("This is not JSON: %(error)s", error=error))


def _documents(text: str, start: int) -> Iterator[Record]:
    """The objects of an array, or of documents behind each other; an unreadable remainder is one record."""
    array = bool(start) or text.lstrip().startswith("[")
    position = _skip(text, text.index("[", start) + 1 if array else 0, "")
    line, counted = 1, 0
    while position < len(text) and not (array and text[position] == "]"):
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, end = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            yield Record(line, text[position:], None, say("This is not JSON: %(error)s", error=error))
            return
        yield Record(line, text[position:end], value)
        position = _skip(text, end, "," if array else "")


def _skip(text: str, position: int, also: str) -> int:
    while position < len(text) and (text[position].isspace() or text[position] in also):
        position += 1
    return position


def frame_of(rows: Sequence[Row]) -> pl.DataFrame:
    """A frame of text columns; what is no field, or no single value, is put together in ``extra``."""
    table: list[dict[str, str]] = []
    for row in rows:
        fields: dict[str, str] = {}
        extra: dict[str, object] = {}
        for name, value in row.items():
            if value is None or value == "":
                continue
            field = BY_NAME.get(name)
            if field and field.kind is not FieldKind.JSON and isinstance(value, str | int | float):
                fields[name] = _text(value)
            elif name == "extra" and isinstance(value, dict):
                extra |= value
            else:
                extra[name.removeprefix("extra.")] = value
        if extra:
            fields["extra"] = json_text(extra)
        table.append(fields)
    names = dict.fromkeys(name for fields in table for name in fields)
    columns = {name: [fields.get(name) for fields in table] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String())) if names else pl.DataFrame(height=len(rows))


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else sound(str(value).replace("\x00", ""))
