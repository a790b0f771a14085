"""Events in the IntelMQ Data Format as CSV: a header of field names (``source.ip``), a line for each event.

That is what other tools write, and what ``tocsin events --format csv`` writes.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tocsin.events.fields import BY_NAME
from tocsin.events.sources import Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT, DelimitedReader, Dialect, Shaping, distinct, first_records
from tocsin.events.sources.idf import TIME_FORMAT
from tocsin.node.sentences import say

NAME = "idf_csv"

_MARKS = frozenset({"source.ip", "source.network", "source.fqdn", "source.url", "source.asn"})
"""Fields of the format that our schema lacks and that are no texts; they are kept in ``extra`` under their own name."""
_OPAQUE = "extra"  # a JSON object as text, taken apart later


class IdfCsv:
    """The source (`tocsin.events.sources.FeedSource`); any name is one of its feeds."""

    name = NAME

    def recognise(self, filename: str, head: bytes) -> str | None:
        """``idf_csv`` when the first line names where an event was, and one more field of the format."""
        del filename
        records = first_records(head, 1)
        known = set(records[0]) & BY_NAME.keys() if records else set()
        return NAME if known & _MARKS and len(known) > 1 else None

    def feed(self, code: str) -> Feed:
        """A feed of that name; its events say themselves who provides them."""
        return Feed(source=NAME, code=code, name=code, time_format=TIME_FORMAT)

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        del code
        return DelimitedReader(stream, chunk_bytes, _shaping, Dialect(field_limit=field_limit))


def source(_: Sequence[Path] = ()) -> IdfCsv:
    """The source, as the registry asks for it."""
    return IdfCsv()


def _shaping(columns: Sequence[str]) -> Shaping:
    names = dict(zip(columns, distinct(map(_field, columns)), strict=True))
    unfit = "" if _MARKS & set(columns) else say("The header has no field that says where an event was.")
    return Shaping(partial(_shape, names), unfit=unfit)


def _field(column: str) -> str:
    known = column in BY_NAME or column == _OPAQUE or column.startswith("extra.")
    return column if known else f"extra.{column}"


def _shape(names: dict[str, str], frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rename(names)
