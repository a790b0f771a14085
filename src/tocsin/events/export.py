"""Events as files that are written while they are read: no more than a batch is in memory.

Every row has ``event``, the same UUID that digests give it (version 5 of node, ingest and row), ``problem``, and the
fields under their IDF names. In CSV, text that a spreadsheet would run as a formula has an apostrophe before it; the
other forms are exact.
"""

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

import polars as pl

from tocsin.events.fields import FIELDS
from tocsin.events.idf_out import flat, idf_lines
from tocsin.events.schema import COLUMNS
from tocsin.node.spreadsheet import FORMULA

EVENT, PROBLEM = "event", "problem"
_PIECE: Final = 1 << 18


class ExportForm(StrEnum):
    """A form of file."""

    CSV = "csv"
    JSONL = "jsonl"
    JSON = "json"
    ARROW = "arrow"
    PARQUET = "parquet"


@dataclass(frozen=True)
class _Kind:
    media: str
    write: Callable[[Iterable[pl.DataFrame], UUID], Iterator[bytes]]


def media_of(form: ExportForm) -> str:
    """The media type of a form."""
    return _KINDS[form].media


def written(form: ExportForm, batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[bytes]:
    """The bytes of a file of these events, piece by piece. ``batches``: frames in the schema, whole rows."""
    return _KINDS[form].write(batches, node)


def table_of(events: pl.DataFrame, node: UUID) -> pl.DataFrame:
    """The events as a table: ``event``, ``problem`` and one column a field, addresses as text."""
    import polars_hash

    identity = polars_hash.concat_str(pl.col("ingest").cast(pl.String), pl.lit("/"), pl.col("row").cast(pl.String))
    keys = [None if key is None else key.to_bytes(8, "big", signed=True).hex() for key in events["problem"].to_list()]
    named = events.select(identity.uuidhash.uuid5(str(node)).alias(EVENT))
    return named.with_columns(pl.Series(PROBLEM, keys, dtype=pl.String)).hstack(flat(events))


def _csv(batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[bytes]:
    """RFC 4180, UTF-8."""
    yield (",".join([EVENT, PROBLEM, *(field.name for field in FIELDS)]) + "\r\n").encode()
    for batch in batches:
        table = table_of(batch, node)
        safe = table.with_columns(_plain(name) for name, kind in table.schema.items() if kind == pl.String)
        out = io.BytesIO()
        safe.write_csv(out, include_header=False, line_terminator="\r\n", datetime_format="%Y-%m-%dT%H:%M:%S%.f+00:00")
        yield out.getvalue()


def _plain(name: str) -> pl.Expr:
    """A column of text that no spreadsheet runs."""
    text = pl.col(name)
    return pl.when(text.str.contains(FORMULA)).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)


def _jsonl(batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[bytes]:
    """One JSON object a line; what is not known is left out."""
    for lines in _objects(batches, node):
        yield "".join(f"{line}\n" for line in lines).encode()


def _json(batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[bytes]:
    """One JSON array."""
    before = "[\n"
    for lines in _objects(batches, node):
        yield (before + ",\n".join(lines)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _objects(batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[list[str]]:
    for batch in batches:
        if batch.height:
            named = table_of(batch, node).select(EVENT, PROBLEM).rows()
            yield [
                f'{{"event":"{event}","problem":"{problem or ""}"' + ("}" if idf == "{}" else f",{idf[1:]}")
                for (event, problem), idf in zip(named, idf_lines(batch), strict=True)
            ]


def _arrow(batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[bytes]:
    """An Arrow file (IPC)."""
    yield from _sunk(batches, node, lambda rows, path: rows.sink_ipc(path, compression="zstd"))


def _parquet(batches: Iterable[pl.DataFrame], node: UUID) -> Iterator[bytes]:
    yield from _sunk(batches, node, lambda rows, path: rows.sink_parquet(path, compression="zstd"))


def _sunk(batches: Iterable[pl.DataFrame], node: UUID, sink: Callable[[pl.LazyFrame, Path], object]) -> Iterator[bytes]:
    """Forms whose end must be known before they are whole: written to a disk first, batch by batch."""
    with tempfile.TemporaryDirectory(prefix="tocsin-export-") as folder:
        table_of(pl.DataFrame(schema=COLUMNS), node).write_parquet(Path(folder) / "0.parquet")
        for number, batch in enumerate(batches, start=1):
            table_of(batch, node).write_parquet(Path(folder) / f"{number}.parquet", compression_level=1)
        parts = sorted(Path(folder).glob("*.parquet"), key=lambda path: int(path.stem))
        whole = Path(folder) / "whole"
        sink(pl.scan_parquet(parts, glob=False), whole)
        with whole.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


_KINDS: Final = {
    ExportForm.CSV: _Kind("text/csv; charset=utf-8; header=present", _csv),
    ExportForm.JSONL: _Kind("application/x-ndjson", _jsonl),
    ExportForm.JSON: _Kind("application/json", _json),
    ExportForm.ARROW: _Kind("application/vnd.apache.arrow.file", _arrow),
    ExportForm.PARQUET: _Kind("application/vnd.apache.parquet", _parquet),
}
