"""`tocsin compare`: for the same events, whom today's tool told, whom we would tell, and why they differ."""

import csv
import json
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from support.cast import Tocsin

HEADER = "time.source,source.ip,classification.type,classification.identifier,source.abuse_contact,tlp"
# One row for each way in which the two can stand to each other.
ROWS = """\
192.0.2.1,"abuse@operator.example, csirt@nat-a.example"
192.0.2.2,abuse@operator.example
192.0.2.200,noc@banks.example
192.0.2.201,somebody@elsewhere.example
198.51.100.2,nobody@outsider.example
198.51.100.3,
203.0.113.4,abuse@green.example
2001:db8::4,
not-an-address,abuse@operator.example"""


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """What today's tool told, as CSV."""
    lines = []
    for row in ROWS.splitlines():
        where, _, told = row.partition(",")
        lines.append(f"2026-11-20T10:00:00Z,{where},infected-system,test,{told},AMBER")
    path = tmp_path / "today.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    return path


def test_each_event_is_judged_and_the_sums_balance(tocsin: Tocsin, today: Path) -> None:
    found = tocsin.json("compare", today)
    of = {case["example"]: case for case in found["cases"]}
    assert {where: case["agreement"] for where, case in of.items()} == {
        "192.0.2.1": "same",
        "192.0.2.2": "partly",
        "192.0.2.200": "other_mailbox",
        "192.0.2.201": "different",
        "198.51.100.2": "only_today",
        "198.51.100.3": "nobody",
        "203.0.113.4": "only_today",
        "2001:db8::4": "only_tocsin",
    }
    assert of["192.0.2.200"]["why"] == [
        "The directory has cert@banks.example for the same domain, not noc@banks.example.",
        "Bank Sector Team answers for it by prefix 192.0.2.128/25 (source rules).",
        "National CSIRT of A wants to know of it by prefix 192.0.2.0/24 (source rules).",
    ]
    assert of["203.0.113.4"]["why"] == [
        "Wants Green Only may not have it: The recipient wants nothing above TLP:GREEN. (rule recipient-ceiling)"
    ]
    assert of["198.51.100.2"]["why"] == [
        "Outsider has the email address nobody@outsider.example, but no rule of it holds this network."
    ]
    assert of["192.0.2.201"]["why"][0] == "No team in the directory has the email address somebody@elsewhere.example."
    assert of["198.51.100.3"]["why"] == ["No rule in the directory holds it."]
    assert (found["events"], found["unreadable"]) == (8, 1)
    assert sum(found["counts"].values()) == sum(case["events"] for case in found["cases"]) == 8


def test_what_it_says_of_us_is_what_an_ingest_does(tocsin: Tocsin, today: Path) -> None:
    expected: Counter[str] = Counter()
    for case in tocsin.json("compare", today)["cases"]:
        for mailbox in case["tocsin"]:
            expected[mailbox] += case["events"]
    tocsin.run("ingest", today)
    tocsin.run("deliver")
    told: Counter[str] = Counter()
    for path in (tocsin.home / "mails").rglob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        (attached,) = (part for part in mail.iter_attachments() if str(part.get_filename()).endswith(".csv"))
        rows = list(csv.DictReader(str(attached.get_content()).splitlines()))
        told[str(mail["To"])] += len(rows)
    assert told == expected


def test_it_stores_and_sends_nothing(tocsin: Tocsin, today: Path) -> None:
    tocsin.run("compare", today)
    assert tocsin.run("events", "--format", "json") == ""
    assert not list((tocsin.home / "mails").rglob("*.eml"))
    assert not list((tocsin.home / "spool").rglob("*"))


def test_json_lines_and_our_own_export_are_read_alike(tocsin: Tocsin, today: Path, tmp_path: Path) -> None:
    wanted = tocsin.json("compare", today)
    with today.open(newline="") as file:
        events = [{name: cell for name, cell in row.items() if cell} for row in csv.DictReader(file)]
    lines = tmp_path / "today.jsonl"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert tocsin.json("compare", lines) == wanted
    tocsin.run("ingest", today)
    ours = tmp_path / "export.csv"
    ours.write_text(tocsin.run("events", "--format", "csv"))
    assert tocsin.json("compare", ours)["counts"] == wanted["counts"]


def test_all_cases_go_into_a_file_that_a_spreadsheet_opens_without_harm(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "today.csv"
    path.write_text(f"{HEADER}\n2026-11-20T10:00:00Z,192.0.2.1,infected-system,test,=cmd@evil.example,AMBER\n")
    out = tmp_path / "cases.csv"
    said = tocsin.run("compare", path, "--out", out)
    assert f"All 1 cases are in {out}." in said
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert (row["agreement"], row["today"]) == ("different", "'=cmd@evil.example")


def test_a_file_that_does_not_say_whom_it_told_is_refused_with_a_way_out(tocsin: Tocsin, tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("time.source,source.ip,classification.type\n2026-11-20T10:00:00Z,192.0.2.1,infected-system\n")
    code, _, words = tocsin.call("compare", path)
    assert code == 1
    assert "source.abuse_contact" in words
    path.write_text("what,ever\n1,2\n")
    code, _, words = tocsin.call("compare", path)
    assert code == 1
    assert "docs/compare.md" in words
