"""Tables as a person sees them in a terminal of 80 columns."""

import io
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert max(map(len, printed.splitlines())) <= 80


def test_a_pipe_gets_rows_as_long_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("", ("digest", "day", "one", "two"), [("TOC-2026-0000123", "2026-11-24", LONG, LONG)])
    assert any(line.count(LONG) == 2 for line in capsys.readouterr().out.splitlines())


@given(
    rows=st.lists(st.lists(st.text("ab c", max_size=40), min_size=3, max_size=3), max_size=5),
    width=st.integers(20, 100),
)
def test_no_word_is_broken_at_any_width(rows: list[list[str]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
        patch.setenv("COLUMNS", str(width))
        print_table("", ("first", "second", "third"), rows)
    words = sorted(printed.getvalue().replace("─", " ").split())
    wanted = [word for row in rows for cell in row for word in cell.split()]
    assert [word for word in words if word not in {"first", "second", "third"}] == sorted(wanted)


def test_a_table_shows_what_a_cell_says_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("Files", ("path", "count"), [("C:\\", 1234), ("[red]:bug:", 5), ("一二", "x")], numbers=[1])
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "Files",
        "",
        "path         count",
        "──────────────────",
        "C:\\          1,234",
        "[red]:bug:       5",
        "一二             x",
        "",
    ]
