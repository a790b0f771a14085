"""Who is responsible for each of many addresses, through the command line."""

import csv
import io
from pathlib import Path

from support.cast import Tocsin
from support.directory_example import TEAMS

RULES = """team,kind,value,role
alpha,prefix,192.0.2.0/24,
beta,prefix,192.0.2.128/25,
gamma,asn,15169,
alpha,asn,15169,informed
"""


def test_each_line_has_its_answer_in_order(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    for name, text in (("teams", TEAMS), ("rules", RULES)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        tocsin.run("directory", "import", tmp_path / f"{name}.csv")
    asked = "192.0.2.1\n\nnot one\n192.0.2.200\n8.8.8.8\n198.51.100.1\n"
    (tmp_path / "asked.txt").write_text(asked, encoding="utf-8")

    rows = list(csv.DictReader(io.StringIO(tocsin.run("directory", "lookup", stdin=asked.encode()))))
    assert [(row["address"], row["responsible"]) for row in rows] == [
        ("192.0.2.1", "alpha"),
        ("not one", ""),
        ("192.0.2.200", "beta"),
        ("8.8.8.8", "gamma"),
        ("198.51.100.1", ""),
    ]
    assert [row["by"] for row in rows][1] == "not an address"
    assert rows[2]["mailboxes"] == "abuse@beta.example old@beta.example"
    told = tocsin.json("directory", "lookup", tmp_path / "asked.txt")
    assert (told[3]["asn"], told[3]["responsible"], told[3]["informed"]) == (15169, ["gamma"], ["alpha"])
    assert told[1]["asn"] is None
    assert tocsin.call("directory", "lookup", tmp_path / "none.txt")[0] == 1


def test_a_line_that_a_spreadsheet_would_run_stays_text(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    asked = "=HYPERLINK(0)\n@SUM(1)\n-1\n\N{FULLWIDTH EQUALS SIGN}1\n"
    (tmp_path / "asked.txt").write_text(asked, encoding="utf-8")

    rows = csv.DictReader(io.StringIO(tocsin.run("directory", "lookup", stdin=asked.encode())))
    assert [row["address"] for row in rows] == [f"'{line}" for line in asked.splitlines()]
