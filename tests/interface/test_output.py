"""Tables as a person sees them in a terminal of 80 columns."""

import pytest

from tocsin.interface.output import print_table

LONG = "a subject that is longer than what is left of the line, as most of them are in life"


def test_a_reference_stays_whole_and_nothing_of_other_cells_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [("TOC-2026-0000123", "2026-11-24", LONG, LONG, LONG), ("", "2026-11-25", "x", "TOC-2026-0000124", "y")]
    print_table("", ("digest", "day", "one", "two", "three"), rows)
    printed = capsys.readouterr().out

    assert "TOC-2026-0000123" in printed
    assert "2026-11-24" in printed
    assert printed.count("longer") == 3
