"""Rows of CSV files that people fill in: facts to measure from, answers."""

import csv
from pathlib import Path

from tocsin.node.errors import InputError, NotFoundError


def read_csv(file: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file as ``numbered_rows`` reads them."""
    return [row for _, row in numbered_rows(file, needed)]


def numbered_rows(file: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file, each with its line; separated by commas or semicolons, blank rows left out.

    Raises NotFoundError, or InputError naming the line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotFoundError(f"The file '{file}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from error
    first = text.partition("\n")[0]
    # spreadsheets of many countries write semicolons
    separator = ";" if ";" in first and "," not in first else ","
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=separator)
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{file}, line 1: there is no column '{missing[0]}'.")
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise InputError(f"{file}, line {reader.line_num}: it has not as many cells as the first line.")
        if any(row.values()):
            rows.append((reader.line_num, row))
    return rows
