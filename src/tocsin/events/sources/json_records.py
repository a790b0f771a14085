"""Reports of JSON objects: one a line, one document, arrays of them, or one behind the other.

What is no JSON is set aside, and reading goes on with the next line that begins an object or an array.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
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

_BETWEEN: Final = re.compile(rb"\n[ \t\r]*+(?=[{\[])")
"""Behind a closing bracket a document ends here, and the next begins: strings have no line ends, and within a document
a comma would stand there."""

_NEAR: Final = 1 << 16

_OPENING: Final = re.compile(r"\n([ \t]*+)(?=[{\[])")
_LIST_LINE: Final = re.compile(rb"\n[ \t\r]*+\[")
_PATIENCE: Final = 4  # times the length of a text that may be read in vain, over several lines

DECODER: Final = json.JSONDecoder(parse_constant=no_number)
_EXTENT: Final = json.JSONDecoder(parse_int=str, parse_float=str)  # where a value ends, whatever numbers are in it

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
    ``several``: whether an object may hold more than one record.
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
        list_at: Callable[[str], int] | None = None,
        *,
        several: bool = False,
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
        self._list_at = list_at
        listed = list_at is not None and list_at(as_text(self._held[:HEAD])[0])
        self._by_line = not several and not listed and _one_a_line(self._held)
        self._several = several

    def chunks(self) -> Iterator[Chunk]:
        """Whole lines, or whole documents where they are not one object a line."""
        line, record = 1, 1
        data = bytearray(self._held)
        end = self._end(data, 0)
        while block := self._read(self._chunk_bytes):
            if end:
                whole = bytes(memoryview(data)[:end])
                yield Chunk(whole, record, line)
                line, record = line + whole.count(b"\n"), record + self._most_records(whole)
                data = data[end:]
            elif len(data) > DOCUMENT_LIMIT:
                raise InputError(
                    say("The JSON document is longer than %(document_limit)s bytes.", document_limit=DOCUMENT_LIMIT),
                    hint=say("Write one object a line."),
                )
            looked_at = 0 if end else len(data.rstrip())
            data += block
            end = self._end(data, max(looked_at - 1, 0))
        if data:
            yield Chunk(bytes(data), record, line)

    def _end(self, data: bytearray, start: int) -> int:
        """Where what is held may be cut; 0 where it may not. ``start``: what is before was looked at."""
        if self._by_line:
            return data.rfind(b"\n") + 1 or (len(data) if len(data) > LINE_LIMIT else 0)
        for begin in (max(start, len(data) - _NEAR), start):  # the last is wanted, which is near the end mostly
            between = (one.span() for one in _BETWEEN.finditer(data, begin))
            ends = [end for at, end in between if data[max(at - 64, 0) : at].rstrip().endswith((b"}", b"]"))]
            if ends:
                return ends[-1]
        return 0

    def _most_records(self, data: bytes) -> int:
        """At least as many as there are records in a chunk."""
        lines = data.count(b"\n") + 1 - data.endswith(b"\n")
        if self._by_line and not _LIST_LINE.search(b"\n" + data if data[:1] in b"[ \t\r" else data):
            return lines
        return lines + data.count(b"{") + data.count(b"[") + (data.count(b",") if self._several else 0)

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
            yield from _Documents(as_text(chunk.data)[0], chunk.first_line, self._list_at).records()
            return
        for number, line in enumerate(chunk.data.split(b"\n"), chunk.first_line):
            if line.strip():
                record = _record(number, as_text(line.strip())[0])
                if isinstance(record.value, list) and any(isinstance(item, dict) for item in record.value):
                    yield from _Documents(record.raw, number, self._list_at).records()
                else:
                    yield record


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
    """Whether the first line is a JSON object by itself, and the second begins nothing that goes on behind it."""
    first, end, rest = head.lstrip().partition(b"\n")
    if not first.startswith((b"{", b"[")):
        return True
    second, more, _ = rest.lstrip().partition(b"\n")
    opens = bool(end and more) and second.startswith((b"{", b"[")) and _record(2, as_text(second)[0].strip()).reason
    return isinstance(_record(1, as_text(first)[0].strip()).value, dict) and not opens


def _record(line: int, text: str) -> Record:
    try:
        return Record(line, text, DECODER.decode(text))
    except (ValueError, RecursionError) as error:
        return Record(line, text, None, say("This is not JSON: %(error)s", error=error))


class _Documents:
    """A text of JSON documents behind each other."""

    def __init__(self, text: str, line: int, list_at: Callable[[str], int] | None) -> None:
        self._text, self._list_at = text, list_at
        self._at = 0
        self._line, self._counted = line, 0
        self._in_vain, self._failed = 0, False

    def records(self) -> Iterator[Record]:
        """Documents, and of arrays their items; what is no JSON up to the next line that begins a value."""
        text = self._text
        while (at := _skip(text, self._at, ",]")) < len(text):
            start = self._list_at(text[at : at + HEAD]) if self._list_at and text[at] == "{" else 0
            if text[at] == "[":
                yield from self._items(at)
            elif start:
                yield from self._items(at + start)
                yield from self._behind_list()
            else:
                yield self._next(at)

    def _items(self, start: int) -> Iterator[Record]:
        text, first, sound = self._text, "", True
        self._at = start + 1
        while (at := _skip(text, self._at, ",")) < len(text):
            if text[at] == "]":
                self._at = at + 1
                return
            if self._failed and text[at] == "[" and text[(inner := _skip(text, at + 1, "")) : inner + 1] == first:
                self._at = at  # its end was lost with an item: this is the next list
                return
            first = first or text[at]
            record = self._next(at)
            sound = sound and isinstance(record.value, dict)
            yield record
        self._at = at
        if first and sound:  # else an item says that something is wrong
            yield Record(self._line_of(at), "", None, say("The report is cut off here: its list has no end."))

    def _behind_list(self) -> Iterator[Record]:
        """What stands behind the list in its object: items of further lists of objects; other members say nothing."""
        text = self._text
        while (at := _skip(text, self._at, ",")) < len(text) and text[at] == '"':
            try:
                at = _skip(text, DECODER.raw_decode(text, at)[1], ":")
                value, end = DECODER.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                yield self._set_aside(at, error)
                return
            if isinstance(value, list) and any(isinstance(item, dict) for item in value):
                yield from self._items(at)
            self._at = end
        self._at = at + (text[at : at + 1] == "}")

    def _next(self, at: int) -> Record:
        """The value there; where there is none, the text up to where the next one may begin."""
        text = self._text
        line_end = text.find("\n", at) if self._in_vain > _PATIENCE * len(text) else -1
        alone = line_end > 0
        try:
            value, end = DECODER.raw_decode(text[at:line_end] if alone else text, 0 if alone else at)
        except (ValueError, RecursionError) as error:
            return self._set_aside(at, error)
        self._at = end + at if alone else end
        return Record(self._line_of(at), text[at : self._at], value)

    def _set_aside(self, at: int, error: Exception) -> Record:
        text = self._text
        self._failed = True
        if isinstance(error, RecursionError):
            self._in_vain += len(text)
        elif isinstance(error, json.JSONDecodeError):
            self._in_vain += max(error.pos - at, 0)
        self._at = self._resumed(at)
        if not isinstance(error, RecursionError | json.JSONDecodeError):  # a number that nobody can read: it is whole
            with suppress(ValueError, RecursionError):
                self._at = _EXTENT.raw_decode(text, at)[1]
        reason = say("This is not JSON: %(error)s", error=error)
        return Record(self._line_of(at), text[at : self._at].rstrip(), None, reason)

    def _resumed(self, at: int) -> int:
        """The next line that begins an object or an array, no further in than this one; else behind this line."""
        text = self._text
        if text[at : at + 1] not in {"{", "["}:
            return text.find("\n", at) + 1 or len(text)
        begin = text.rfind("\n", 0, at) + 1
        indent = at - begin if text[begin:at].isspace() else 0
        found = (one for one in _OPENING.finditer(text, at) if len(one[1]) <= indent)
        return next((one.end() for one in found), len(text))

    def _line_of(self, at: int) -> int:
        self._line, self._counted = self._line + self._text.count("\n", self._counted, at), at
        return self._line


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
