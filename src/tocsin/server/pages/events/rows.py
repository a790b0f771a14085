"""Rows of the table as pages show them: text for each column, and all that is known of the row that is open."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import polars as pl

from tocsin.events import FIELDS, FieldKind, Int64s, cursor_of, flat

_TIME: Final = "time.source"


@dataclass(frozen=True)
class EventRow:
    """One event: its identity, and its cells in the table's order, each with its column."""

    event: str
    cells: list[tuple[str, object]]


_OURS = {"source.asn": "network.asn", "source.geolocation.cc": "network.country"}
"""Columns that show what our own tables say, before what the feed says: as the conditions and the counts do."""


def glanced(rows: Sequence[tuple[str, dict[str, Any]]], columns: Sequence[str]) -> list[EventRow]:
    """The rows of a glance."""
    return [
        EventRow(event, [(name, _moment(values[name]) if name == _TIME else values[name]) for name in columns])
        for event, values in rows
    ]


def fields_of(columns: Sequence[str]) -> list[str]:
    """The fields that columns are made of."""
    more = [_OURS[name] for name in columns if name in _OURS]
    return [*columns, *more, *(["time.observation"] if _TIME in columns else [])]


def shown(rows: pl.DataFrame, columns: Sequence[str]) -> list[EventRow]:
    """The rows of a page of the table, which has the columns of `fields_of`."""
    ours = {
        **{name: pl.coalesce(of, name) for name, of in _OURS.items()},
        _TIME: pl.coalesce(_TIME, "time.observation"),
    }
    cells = (
        flat(rows).select(ours.get(name, pl.col(name)).alias(name) for name in columns).rows() if rows.height else []
    )
    identities = rows.select("ingest", "row").iter_rows()
    return [
        EventRow(cursor_of(*identity), list(zip(columns, of, strict=True)))
        for identity, of in zip(identities, cells, strict=True)
    ]


def by_day(at: Int64s, *, until: date, days: int) -> list[int]:
    """How many events each of some days has, the last one ``until``; ``at``: when each was, in seconds since 1970."""
    last = (until - date(1970, 1, 1)).days
    counts = Counter((at // 86_400).tolist())
    return [counts[last - ago] for ago in reversed(range(days))]


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def problem_text(key: int | None) -> str:
    """The key of a problem as people and links have it."""
    return "" if key is None else key.to_bytes(8, "big", signed=True).hex()


def all_fields(event: pl.DataFrame) -> list[tuple[str, str]]:
    """Names and values of all that one event says; ``event``: a frame of one row."""
    row = flat(event).row(0, named=True)
    pairs = [(field.name, _text(row[field.name])) for field in FIELDS if field.kind is not FieldKind.JSON]
    extra = json.loads(row.get("extra") or "{}")
    pairs += [(f"extra.{name}", _text(value)) for name, value in extra.items()]
    return [(name, text) for name, text in pairs if text]


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)
