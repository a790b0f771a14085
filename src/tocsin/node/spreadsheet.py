"""Cells of tables that people open in a spreadsheet: text that it would run as a formula stays text."""

import re
from typing import Final

FORMULA: Final = r"^[=+\-@\t\r\n\x00\uFF1D\uFF0B\uFF0D\uFF20]"
"""How such text begins (OWASP ASVS 1.2.10, "CSV Injection"); the last four are the wide ``= + - @`` of Japanese."""

_FORMULA: Final = re.compile(FORMULA)


def escape_formula(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run."""
    return f"'{cell}" if _FORMULA.match(cell) else cell
