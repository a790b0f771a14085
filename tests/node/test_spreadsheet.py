"""No cell of a table for people is run by a spreadsheet, whichever command or page writes it."""

import polars as pl
import pytest

from tocsin.node.spreadsheet import FORMULA, escape_formula


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\N{FULLWIDTH EQUALS SIGN}", "\uff0b"])
def test_what_a_spreadsheet_would_run_has_an_apostrophe_before_it(begin: str) -> None:
    cell = f"{begin}cmd|' /C calc'!A0"
    assert escape_formula(cell) == f"'{cell}"
    assert pl.Series([cell]).str.contains(FORMULA).all()


@pytest.mark.parametrize("cell", ["", "a=1", " text", "192.0.2.1", "'=1"])
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert escape_formula(cell) == cell
    assert not pl.Series([cell]).str.contains(FORMULA).any()
