"""The columns of an event in frames and in the event table, made from the one list of fields.

Addresses are kept as two 64-bit halves (``source.ip.hi``, ``source.ip.lo``; IPv4 as ::ffff:0:0/96), written as signed
numbers of the same bits because the Delta Lake format has no unsigned ones.
"""

import polars as pl

from tocsin.events.fields import BY_NAME, FIELDS, Field, FieldKind, Privacy

__all__ = ["BY_NAME", "COLUMNS", "FIELDS", "INTERNAL", "Field", "FieldKind", "Privacy", "dtype_of"]

_DTYPES: dict[FieldKind, pl.DataType] = {
    FieldKind.PORT: pl.Int32(),
    FieldKind.ASN: pl.Int64(),
    FieldKind.TIME: pl.Datetime("us", "UTC"),
    FieldKind.INTEGER: pl.Int64(),
    FieldKind.FLOAT: pl.Float64(),
    FieldKind.BOOLEAN: pl.Boolean(),
}


def dtype_of(field: Field) -> pl.DataType:
    """The Polars type of a field's column, or of each of its two columns for an address."""
    return pl.Int64() if field.kind is FieldKind.IP else _DTYPES.get(field.kind, pl.String())


# What the table keeps beside the fields: where the row came from and what was decided about it.
INTERNAL: dict[str, pl.DataType] = {
    "ingest": pl.Int64(),  # number of the ingest; with `row` it is the event's identity on this node
    "row": pl.Int64(),  # 1-based record number in its report
    "problem": pl.Int64(),  # key of the problem that the event joins
    "fresh": pl.Boolean(),  # whether that problem was unknown before this ingest
    "routed": pl.Int32(),  # set of teams that must know; 0: nobody found
    "told": pl.Int32(),  # set of teams that are told of this event; 0: nobody, now
    "notified_in": pl.Int64(),  # number of the run that routed it again; null: it was told, or not, by its ingest
}

COLUMNS: dict[str, pl.DataType] = {
    **{column: dtype_of(field) for field in FIELDS for column in field.columns},
    **INTERNAL,
}
