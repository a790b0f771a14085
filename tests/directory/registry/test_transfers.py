"""What changed between two days equals a recount number by number."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tocsin.cli import application
from tocsin.directory.registry.delegation_changes import compare, what

SCHEMA = {
    "rir": pl.String,
    "kind": pl.String,
    "first": pl.UInt64,
    "last": pl.UInt64,
    "country": pl.String,
    "date": pl.Date,
    "status": pl.String,
    "holder": pl.String,
    "line": pl.UInt32,
}
Row = tuple[str, str, int, int, str | None, None, str, str | None, int]


def table(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@st.composite
def states(draw: st.DrawFn) -> list[Row]:
    """Records that do not overlap, over few numbers, in some order."""
    rows: list[Row] = []
    at = 0
    for line in range(draw(st.integers(0, 6))):
        at += draw(st.integers(0, 3))
        size = draw(st.integers(1, 4))
        status = draw(st.sampled_from(["allocated", "assigned", "available", "reserved"]))
        country = draw(st.sampled_from(["MU", "RE"])) if status.startswith("a") and status != "available" else None
        rir, holder = draw(st.sampled_from(["afrinic", "ripencc"])), draw(st.sampled_from([None, "A", "B"]))
        rows.append((rir, "asn", at, at + size - 1, country, None, status, holder, line))
        at += size
    return draw(st.permutations(rows))


def said(rows: list[Row], number: int) -> tuple[str | None, ...]:
    found = [row for row in rows if row[2] <= number <= row[3]]
    return (found[0][0], found[0][4], found[0][6], found[0][7]) if found else (None,) * 4


def expected(before: tuple[str | None, ...], after: tuple[str | None, ...]) -> set[str]:
    had, has = before[2] in {"allocated", "assigned"}, after[2] in {"allocated", "assigned"}
    if not (had and has):
        return {"given"} if has else {"returned"} if had else set()
    words = {"registry"} if before[0] != after[0] else set()
    words |= {"country"} if before[1] != after[1] else set()
    if before[0] == after[0]:
        words |= {"status"} if before[2] != after[2] else set()
        words |= {"holder"} if before[3] and after[3] and before[3] != after[3] else set()
    return words


@given(states(), states())
def test_changes_equal_a_recount(before: list[Row], after: list[Row]) -> None:
    found = compare(table(before), table(after))
    told = {
        number: (set(row["change"]), row["country_before"], row["country_after"])
        for row in found.iter_rows(named=True)
        for number in range(row["first"], row["last"] + 1)
    }
    for number in range(60):
        old, new = said(before, number), said(after, number)
        words = expected(old, new)
        assert told.get(number, (set(), None, None))[0] == words
        if words:
            assert told[number][1:] == (old[1], new[1])


def test_a_split_of_a_range_alone_is_no_change() -> None:
    whole = table([("arin", "ipv4", 256, 1023, "US", None, "allocated", "A", 1)])
    parts = table([("arin", "ipv4", at, at + 255, "US", None, "allocated", "A", at) for at in (256, 512, 768)])
    assert compare(whole, parts).is_empty()


@pytest.mark.parametrize(
    ("kind", "first", "last", "words"),
    [
        ("asn", 64500, 64500, "AS64500"),
        ("asn", 64500, 64502, "AS64500-AS64502"),
        ("ipv4", 192 << 24 | 2 << 8, (192 << 24 | 2 << 8) + 255, "192.0.2.0/24"),
        ("ipv4", 192 << 24 | 2 << 8, (192 << 24 | 2 << 8) + 767, "192.0.2.0 - 192.0.4.255"),
        ("ipv6", 0x2001_0DB8 << 32, (0x2001_0DB9 << 32) - 1, "2001:db8::/32"),
    ],
)
def test_ranges_are_written_as_people_do(kind: str, first: int, last: int, words: str) -> None:
    assert what(kind, first, last) == words


def test_the_command_shows_who_moved(tmp_path: Path) -> None:
    lines = ["2|afrinic|1|1|0|2024010{}|0", "afrinic|{}|asn|37100|2|20100101|allocated|A1"]
    run = CliRunner().invoke
    app = application(["directory"])
    for day, country in ((1, "MU"), (2, "RE")):
        path = tmp_path / f"delegated-{day}"
        path.write_text("\n".join(lines).format(day, country) + "\n")
        taken = run(app, ["--home", str(tmp_path / "home"), "directory", "import-delegations", str(path)])
        assert taken.exit_code == 0, taken.output
    shown = run(
        app,
        [
            "--home",
            str(tmp_path / "home"),
            "--json",
            "directory",
            "transfers",
            "--from",
            "2024-01-01",
            "--to",
            "2024-02-01",
        ],
    )
    document = json.loads(shown.stdout)
    assert document["counts"] == {"asn": {"country": 1}}
    (change,) = document["changes"]
    assert (change["what"], change["country_before"], change["country_after"]) == ("AS37100-AS37101", "MU", "RE")
    assert [(file["rir"], file["as_of"]) for file in document["to"]] == [("afrinic", "2024-01-02")]
