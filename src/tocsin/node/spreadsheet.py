"""Cells of tables that people open in a spreadsheet: text that it would run as a formula stays text."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

FORMULA: Final = r"^[=+\-@\t\r\n\x00\uFF1D\uFF0B\uFF0D\uFF20]"
"""How such text begins (OWASP ASVS 1.2.10, "CSV Injection"); the last four are the wide ``= + - @`` of Japanese."""

_FORMULA: Final = re.compile(FORMULA)


def escape_formula(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """The cell as it was before `escape_formula`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def csv_text(rows: Iterable[Iterable[object]], *, end: str = "\r\n") -> str:
    """Rows as CSV (RFC 4180), texts as `escape_formula` has them: the one way to write a table that people may open."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator=end)
    table.writerows([escape_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return out.getvalue()
