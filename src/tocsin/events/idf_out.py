"""Events in the IntelMQ Data Format: flat JSON objects whose keys are field names, without what is null.

What ``extra`` holds stands beside the fields as ``extra.<key>``. Times are ISO 8601 in UTC, addresses canonical text.
"""

import json
from collections.abc import Iterator

import numpy as np
import polars as pl

from tocsin.events.extra import fold, json_objects
from tocsin.events.fields import FIELDS, Field, FieldKind
from tocsin.networks import format_addresses


def to_idf(frame: pl.DataFrame) -> Iterator[dict[str, object]]:
    """One dict for each event of a frame in the schema; fields that the frame lacks are left out."""
    for line in idf_lines(frame):
        yield json.loads(line)


def idf_lines(frame: pl.DataFrame) -> pl.Series:
    """One JSON object as text for each event; fast enough to print what a query found."""
    frame = fold(frame)
    shown = [column for field in FIELDS if (column := _shown(frame, field)) is not None]
    body = json_objects(pl.DataFrame([column.alias(f"extra.{column.name}") for column in shown]), {}, {}, plain=False)
    body = body.fill_null("{}").alias("line")
    if "extra" not in frame.columns or frame["extra"].null_count() == frame.height:
        return body
    more = _members(frame["extra"]).alias("more")
    both = pl.DataFrame([body, more])
    joined = pl.concat_str(
        pl.col("line").str.head(-1), pl.when(pl.col("line") != "{}").then(pl.lit(",")).otherwise(pl.lit("")), "more"
    )
    return both.select(line=pl.when(pl.col("more").is_null()).then("line").otherwise(joined)).to_series()


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The events with one column a field, under its name: addresses as text, the rest in the field's own type."""
    return pl.DataFrame(
        [
            addresses(frame, field.name) if field.kind is FieldKind.IP else frame[field.name]
            for field in FIELDS
            if field.columns[0] in frame.columns
        ]
    )


# A key of a flat object: its quote follows the brace or a comma, which within a text would follow a backslash.
_KEY = r'([{,]\s*)"((?:[^"\\]|\\.)*)":'
# Where that could be wrong: objects within, or a key that begins with a colon.
_NOT_FLAT = r'.[\[{]|[{,]\s*":'


def _members(extra: pl.Series) -> pl.Series:
    """The members of ``extra`` objects under the keys they have beside the fields, with the closing brace."""
    made = extra.replace("{}", None).str.replace_all(_KEY, '$1"extra.$2":').str.slice(1)
    odd = extra.str.contains(_NOT_FLAT).arg_true()
    if len(odd):
        made = made.scatter(odd, [_members_of(text) for text in extra.gather(odd).to_list()])
    return made


def _members_of(extra: str) -> str | None:
    members = json.loads(extra)
    renamed = {f"extra.{key}": value for key, value in members.items()}
    return json.dumps(renamed, ensure_ascii=False)[1:] if renamed else None


def _shown(frame: pl.DataFrame, field: Field) -> pl.Series | None:
    """A field's column as JSON shows it: numbers and Booleans as they are, the rest as text."""
    if field.columns[0] not in frame.columns or field.kind is FieldKind.JSON:
        return None
    if field.kind is FieldKind.IP:
        return addresses(frame, field.name)
    column = frame[field.name]
    if field.kind is not FieldKind.TIME:
        return column
    whole = column.dt.microsecond().fill_null(0).max() in {0, None}
    return column.dt.strftime("%Y-%m-%dT%H:%M:%S+00:00" if whole else "%Y-%m-%dT%H:%M:%S%.6f+00:00")


def addresses(frame: pl.DataFrame, name: str) -> pl.Series:
    """The canonical text of an address field (``source.ip``), null where it is missing."""
    hi, lo = frame[f"{name}.hi"], frame[f"{name}.lo"]
    missing = hi.is_null()
    words = [half.fill_null(0).to_numpy().view(np.uint64) for half in (hi, lo)]
    return format_addresses(*words).set(missing, None).alias(name)
