"""Rows as CSV text, and text into a file or to stdout."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tocsin.node import spreadsheet
from tocsin.node.errors import StorageError


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV with the columns of the first one; None is an empty cell, what a spreadsheet would run is quoted."""
    columns = list(rows[0]) if rows else []
    return spreadsheet.csv_text([columns, *([_cell(row.get(name)) for name in columns] for row in rows)], end="\n")


def put(text: str, out: Path | None) -> None:
    """Write text to a file, or to stdout where there is none. Raises StorageError."""
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"'{out}' cannot be written: {error.strerror or error}.") from error


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return " ".join(str(one) for one in value)
    return value
