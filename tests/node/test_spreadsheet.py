"""No cell of a table for people is run by a spreadsheet, whichever command or page writes it."""

import ast
import csv
from pathlib import Path

import polars as pl
import pytest

from tocsin.node import spreadsheet
from tocsin.node.spreadsheet import FORMULA, csv_text, escape_formula, unescape_formula


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\N{FULLWIDTH EQUALS SIGN}", "\uff0b"])
def test_what_a_spreadsheet_would_run_has_an_apostrophe_before_it(begin: str) -> None:
    cell = f"{begin}cmd|' /C calc'!A0"
    assert escape_formula(cell) == f"'{cell}"
    assert pl.Series([cell]).str.contains(FORMULA).all()


@pytest.mark.parametrize("cell", ["", "a=1", " text", "192.0.2.1", "'=1"])
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert escape_formula(cell) == cell
    assert not pl.Series([cell]).str.contains(FORMULA).any()


@pytest.mark.parametrize("cell", ["", "a=1", "=1", "'=1", "'", "'text", "\t1", "+1", "''-1"])
def test_a_cell_comes_back_as_it_was_unless_it_was_escaped_before(cell: str) -> None:
    if not (cell.startswith("'") and escape_formula(cell[1:]) != cell[1:]):
        assert unescape_formula(escape_formula(cell)) == cell
    [[line]] = csv.reader(csv_text([[cell or "x"]]).splitlines(keepends=True))
    assert unescape_formula(line) in {cell, "x", cell[1:]}


AS_THEY_ARE = {
    "node/spreadsheet.py": "is the writer",
    "delivery/attachments.py": "values exactly as they are, for machines",
    "cli/networks.py": "tabs, for programs",
    "cli/events.py": "the command of a person on their own node",
    "events/export.py": "escapes in columns",
    "readiness/run.py": "numbers of an index and its codes",
    "readiness/commands/answers.py": "questions of ours, to be filled in",
    "operations/founding/roster.py": "a file that this program reads",
    "operations/demo/reports.py": "reports of the demonstration",
}
"""Who else writes CSV, and why it does not pass `csv_text`."""


def test_every_table_is_written_by_the_one_writer() -> None:
    root = Path(spreadsheet.__file__).parents[1]
    writers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if ast.unparse(node.func) in {"csv.writer", "csv.DictWriter"} or node.func.attr == "write_csv"
    }
    assert writers == AS_THEY_ARE.keys()
