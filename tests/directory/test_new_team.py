"""Founding a team: every question can be answered, nothing typed is lost, and what comes out works."""

import csv
import os
import pty
import select
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.directory.profile import read_profile_file
from tocsin.directory.registry.security_txt import parse_security_txt
from tocsin.networks import Networks, as_numbers_in
from tocsin.node.errors import InputError
from tocsin.node.settings import load_settings
from tocsin.operations.founding import completed, questions, read_answers
from tocsin.operations.founding.answers import keep_answers
from tocsin.operations.founding.questions import Answers, InterviewQuestion, understood
from tocsin.operations.founding.roster import roster_csv

TODAY = datetime.now(UTC).date()
ASKED = questions(TODAY)
ANSWERS = """
name = "CSIRT of Kestria"
key = "csirt-xa"
organisation = "Ministry of Communication"
country = "Mauritius"
mandate = "Ministry of Communication, decree 12"
mandate_until = "2030-12-31"
constituency = "All networks in Kestria."
networks = ["AS64500", "192.0.2.0/24", ".mu"]
authority = "shared"
languages = "en, fr"
mailbox = "csirt@cert.example"
phone = "+230 201 0000"
website = "https://cert.example/"
roster = ["Ana Tester <ana@cert.example>", "Ben Tester"]
"""
LINES = {
    "name": "CSIRT of Kestria",
    "country": "mu",
    "constituency": "All networks in Kestria.",
    "networks": "AS64500, 192.0.2.0/24",
    "authority": "2",
    "mailbox": "csirt@cert.example",
    "roster": "Ana Tester <ana@cert.example>\n",
}


@pytest.fixture
def node(tmp_path: Path) -> Tocsin:
    return Tocsin(tmp_path / "home", {})


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS, encoding="utf-8")
    return path


def typed(lines: dict[str, str] = LINES, *, upto: str = "") -> str:
    """What a person types, question by question; an empty line where nothing is said here."""
    names = [question.name for question in ASKED]
    names = names[: names.index(upto)] if upto else names
    return "".join(f"{lines.get(name, '')}\n" for name in names)


@pytest.mark.parametrize("question", ASKED, ids=lambda question: question.name)
def test_examples_and_suggestions_are_answers(question: InterviewQuestion) -> None:
    before: Answers = {"name": "CSIRT of Kestria", "country": "MU"}
    suggestion = question.suggestion(before)
    for text in filter(None, (question.example, suggestion)):
        once = understood(question, text)
        assert once
        assert understood(question, once) == once
    if question.choices:
        assert understood(question, "1") == understood(question, question.choices[0][0])
    if question.needed and not suggestion:
        with pytest.raises(ValueError, match="needed"):
            understood(question, " ")


def test_answers_in_a_file_found_a_team_that_works(node: Tocsin, answers: Path) -> None:
    done = node.json("directory", "new-team", "--answers", answers)

    folder = node.home / "founding"
    assert {Path(file).name for file in done["files"]} == {
        *("tocsin.toml", "team.toml", "security.txt", "roster.csv", "checklist.md"),
        *("profile.txt", "profile.html", "profile.md", "profile.pdf"),
    }
    assert (done["team"], done["version"], done["settings_kept"]) == ("csirt-xa", 1, False)
    assert all(finding["ok"] for finding in done["doctor"]), done["doctor"]

    settings = load_settings(node.home)
    assert (settings.node.name, settings.node.country) == ("CSIRT of Kestria", "MU")
    assert (settings.node.contact, settings.mailbox.address) == ("csirt@cert.example", "csirt@cert.example")
    team = node.json("directory", "team", "csirt-xa")
    assert {rule["value"] for rule in team["rules"]} == {"64500", "192.0.2.0/24", ".mu"}
    assert [box["purpose"] for box in team["mailboxes"]] == ["incident"]
    assert team["attestations"][0]["words"].startswith("mandate by Ministry of Communication, decree 12, until 2030")
    assert "csirt-xa" in node.run("explain", "192.0.2.1")

    reading = read_profile_file(folder / "profile.txt")
    assert (reading.exact, reading.profile.version, reading.profile.name) == (True, 1, "CSIRT of Kestria")
    assert (folder / "profile.pdf").read_bytes()[:5] == b"%PDF-"
    security = parse_security_txt((folder / "security.txt").read_text())
    assert not security.refused
    assert security.all("contact") == ["mailto:csirt@cert.example", "tel:+230-201-0000"]
    assert security.all("canonical") == ["https://cert.example/.well-known/security.txt"]
    assert security.expires is not None
    assert timedelta(days=300) < security.expires - datetime.now(UTC) < timedelta(days=365)
    assert "Ana Tester" not in (folder / "profile.txt").read_text()


def test_the_same_answers_again_change_nothing_and_others_make_a_new_version(node: Tocsin, answers: Path) -> None:
    node.run("directory", "new-team", "--answers", answers)
    before = node.json("directory", "team", "csirt-xa")
    again = node.json("directory", "new-team", "--answers", answers)
    assert again["version"] == 1
    assert node.json("directory", "team", "csirt-xa") == before

    answers.write_text(ANSWERS.replace("192.0.2.0/24", "198.51.100.0/24"), encoding="utf-8")
    assert node.json("directory", "new-team", "--answers", answers)["version"] == 2
    values = {rule["value"] for rule in node.json("directory", "team", "csirt-xa")["rules"]}
    assert values == {"64500", "198.51.100.0/24", ".mu"}


def test_doctor_reminds_of_a_security_txt_that_ends_soon(node: Tocsin, answers: Path) -> None:
    answers.write_text(f'{ANSWERS}expires = "{TODAY + timedelta(days=10)}"\n', encoding="utf-8")
    done = node.json("directory", "new-team", "--answers", answers)

    finding = next(one for one in done["doctor"] if one["what"] == "security.txt")
    assert (finding["kind"], finding["found"]) == ("to-do", f"ends on {TODAY + timedelta(days=10)}")
    assert "new-team" in finding["mend"]


def test_settings_of_somebody_else_stay(node: Tocsin, answers: Path) -> None:
    node.home.mkdir()
    own = '[node]\nname = "Ours"\n'
    (node.home / "tocsin.toml").write_text(own)
    done = node.json("directory", "new-team", "--answers", answers)

    assert done["settings_kept"]
    assert (node.home / "tocsin.toml").read_text() == own
    assert "CSIRT of Kestria" in (node.home / "founding" / "tocsin.toml").read_text()


def test_the_nodes_key_signs_and_stands_in_the_profile(node: Tocsin, answers: Path) -> None:
    node.run("directory", "new-team", "--answers", answers)
    node.run("keys", "node-make")
    done = node.json("directory", "new-team", "--answers", answers)

    assert not [step for step in done["steps"] if "keys" in step["what"]]
    found = node.json("directory", "read-profile", node.home / "founding" / "profile.txt")
    keys = next(section["items"] for section in found["sections"] if section["section"] == "2.8")
    assert found["signed_by"] == [item["value"] for item in keys if item["label"] == "OpenPGP"]
    assert len(found["signed_by"]) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ('mailbox = "csirt@cert.example"', "Not answered: mailbox"),
        ('mailbox = "CSIRT <csirt@cert.example>"', "mailbox: not a plain e-mail address"),
        ('mailbox = "a@cert.example"\nlanguages = "english"', "languages: not a language tag"),
        ('mailbox = "a@cert.example"\ncoffee = "black"', "'coffee' is no question"),
        (f'mailbox = "a@cert.example"\nexpires = "{TODAY + timedelta(days=800)}"', "less than a year away"),
        ('mailbox = "a@cert.example"\nnetworks = "192.0.2.1/24"', "bits behind the length"),
        ('mailbox = "a@cert.example"\nservices = 5', ""),
        ("mailbox = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(node: Tocsin, tmp_path: Path, change: str, why: str) -> None:
    text = 'name = "X"\ncountry = "MU"\nconstituency = "All."\n' + (change if "Not answered" not in why else "")
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    code, _, err = node.call("directory", "new-team", "--answers", tmp_path / "a.toml")

    assert (code, why in err) == (1 if why else 0, True), err
    assert (node.home / "founding").exists() == (not why)


def test_a_person_is_led_through_with_empty_lines_taking_what_is_suggested(node: Tocsin) -> None:
    out = node.run("directory", "new-team", stdin=f"{typed()}\n".encode())

    assert f"(1 of {len(ASKED)}) What is the team called?" in out
    assert "csirt-of-kestria is founded" in out
    kept = read_answers(node.home / "founding" / "answers.toml", ASKED)
    assert (kept["key"], kept["country"], kept["authority"]) == ("csirt-of-kestria", "MU", "shared")
    assert kept["roster"] == ["Ana Tester <ana@cert.example>"]
    assert kept["timezone"] in {"Indian/Mauritius", "UTC"}
    assert "Get a mandate in writing" in (node.home / "founding" / "checklist.md").read_text()


def test_what_was_typed_is_kept_when_the_line_drops(node: Tocsin) -> None:
    code, _, err = node.call("directory", "new-team", stdin=typed(upto="authority").encode())
    assert code == 2
    assert "9 of" in err
    assert "again to go on" in err

    rest = typed()[len(typed(upto="authority")) :]
    out = node.run("directory", "new-team", stdin=f"{rest}\n".encode())
    assert "9 answers are kept from before" in out
    assert "What is the team called?" not in out
    assert "is founded" in out


def test_a_slip_is_explained_and_can_be_undone(node: Tocsin) -> None:
    lines = LINES | {
        "key": "<\nCSIRT of Kestria and Sea\n",  # back to the name, which is typed anew; then the suggestion
        "country": "Atlantis\n?\nMU",
        "mailbox": "CSIRT <csirt@cert.example>\ncsirt@cert.example",
    }
    change = f"{[question.name for question in ASKED].index('phone') + 1}\n+230 201 0000\n99\n\n"
    out = node.run("directory", "new-team", stdin=(typed(lines) + change).encode())

    assert "'Atlantis' cannot be taken: not a country code" in out
    assert "write 'csirt@cert.example' alone" in out
    assert "'99' is no number from 1 to" in out
    kept = read_answers(node.home / "founding" / "answers.toml", ASKED)
    assert (kept["name"], kept["key"]) == ("CSIRT of Kestria and Sea", "csirt-of-kestria-and-sea")
    assert kept["phone"] == "+230 201 0000"


def test_in_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from tocsin.cli import main; main()", "--home", str(tmp_path / "home")]
    with subprocess.Popen([*command, "directory", "new-team"], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        try:
            for line in f"{typed()}\n".splitlines():
                seen += _until(ours, b"> ")
                os.write(ours, f"{line}\n".encode())
            seen += _until(ours, b"")
            assert process.wait(timeout=60) == 0, seen.decode()
        finally:
            process.kill()  # one that waits for a line would be waited for
    os.close(ours)
    assert b"is founded" in seen
    assert (tmp_path / "home" / "founding" / "profile.pdf").is_file()


def _until(terminal: int, end: bytes) -> bytes:
    """What a terminal shows up to a prompt; up to its end when ``end`` is empty."""
    seen = b""
    while not (end and seen.endswith(end)):
        if not select.select([terminal], [], [], 60)[0]:
            pytest.fail(f"nothing more came after {seen!r}")
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            more = b""
        if not more:
            break
        seen += more
    return seen


def test_people_take_turns_with_the_next_one_behind_them() -> None:
    rows = list(csv.DictReader(roster_csv(["Ana <a@x.example>", "Ben", "Cy"], date(2026, 11, 24)).splitlines()))
    assert (rows[0]["from"], rows[0]["to"]) == ("2026-11-30", "2026-12-06")
    assert [(row["on duty"], row["mailbox"], row["if away"]) for row in rows[:4]] == [
        ("Ana", "a@x.example", "Ben"),
        ("Ben", "", "Cy"),
        ("Cy", "", "Ana"),
        ("Ana", "a@x.example", "Ben"),
    ]
    assert roster_csv(["Ana"], TODAY).splitlines()[1].endswith(",Ana,,,")
    assert roster_csv([], TODAY, weeks=2).count("\n") == 3


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.lists(st.text(st.characters(exclude_categories=["Cs"])))
)
def test_answers_are_kept_as_they_were(tmp_path_factory: pytest.TempPathFactory, text: str, more: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "kept.toml"
    keep_answers(path, {"name": text, "roster": more})
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {"name": text, "roster": more}


def test_the_page_on_teams_names_every_question(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "teams.md").read_text(encoding="utf-8")
    block = page[page.rindex("```toml\n") + len("```toml\n") :]
    example = tmp_path / "example.toml"
    example.write_text(block[: block.index("```")], encoding="utf-8")
    given = read_answers(example, ASKED)

    assert {question.name for question in ASKED} - given.keys() == {"expires"}
    assert f"asks {len(ASKED)} questions" in page
    assert completed(given, ASKED)["mailbox"] == "csirt@cert.example"


def test_missing_answers_are_all_named() -> None:
    with pytest.raises(InputError, match="Not answered: name, country, constituency, mailbox"):
        completed({}, ASKED)


def test_networks_are_offered_from_the_tables(tmp_path: Path) -> None:
    networks = Networks.open(tmp_path)
    found = as_numbers_in(networks, "MU")
    assert found == sorted(found, key=lambda row: -row[2])
    assert as_numbers_in(networks, "??") == []

    starts = np.asarray(networks.routes.pieces.v4_starts).astype(np.uint64)
    seen = networks.enrich(np.zeros_like(starts), starts | np.uint64(0xFFFF_0000_0000), prefix=False)
    sizes = pl.Series("size", np.append(starts[1:], np.uint64(1 << 32)) - starts)
    there = seen.with_columns(sizes).filter(pl.col("country") == "MU", pl.col("asn").is_not_null())
    counts = dict(there.group_by("asn").agg(pl.col("size").sum()).iter_rows())
    assert {number: addresses for number, _, addresses in found} == counts
    assert counts
