"""Reports of an incident for an audience: what each may hold, as PDF, for Word, as CSV and as a record of VERIS."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from incidents.evidence.conftest import Case
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    ReportAudience,
    ReportPart,
    ReportRequest,
    add_entry,
    find_incident,
    parties_of,
)
from tocsin.incidents.veris import check_veris
from tocsin.node.errors import UsageError, WithheldError
from tocsin.node.paths import HomeFolder
from tocsin.server.pages import report_file, words_for

WRITTEN, SECRET, OTHERS = "Rang the hospital", "Only between us", "director@ministry.example"


@pytest.fixture
def told(case: Case) -> Case:
    """The incident with something of every kind, TLP:CLEAR but for a strict note and observable."""
    for operation, values in (
        ("markIncident", {"tlp": "CLEAR", "reason": "For this test"}),
        ("classifyIncident", {"rsit_type": "infected-system"}),
        ("noteIncident", {"text": WRITTEN}),
        ("milestoneIncident", {"milestone": "occurred", "happened_at": "2026-11-10 02:10", "known_from": OTHERS}),
        ("milestoneIncident", {"milestone": "detected", "happened_at": "2026-11-12 09:00", "known_from": OTHERS}),
        ("milestoneIncident", {"milestone": "contained", "happened_at": "2026-11-12 15:30"}),
        ("addPartyOfIncident", {"role": "victim", "name": "Lagoon Hospital", "mailbox": "it@hospital.example"}),
        ("addPartyOfIncident", {"role": "authority", "name": "Ministry", "mailbox": OTHERS}),
        ("addTaskOfIncident", {"text": "Ask for the logs"}),
        ("addObservablesOfIncident", {"text": "hxxps://evil[.]example/pay"}),
        ("addEvidenceOfIncident", {"name": "Disk of the mail server", "seal": "4711"}),
        ("markIncident", {"tlp": "RED"}),
        ("addObservablesOfIncident", {"text": "203.0.113.66"}),
        ("noteIncident", {"text": SECRET}),
        ("markIncident", {"tlp": "CLEAR", "reason": "For this test"}),
    ):
        case.do(operation, None, **values)
    return case


def made(case: Case, audience: str, form: str = "csv", language: str = "en", **more: Any) -> tuple[Any, bytes]:
    words = words_for(language, case.world.node.home / HomeFolder.LOCALE, {})
    request = ReportRequest(reference=case.reference, audience=ReportAudience(audience), form=form, **more)
    return report_file(case.context(), request, words)


def text_of(pdf: bytes, tmp_path: Path) -> str:
    (tmp_path / "report.pdf").write_bytes(pdf)
    command = ["pdftotext", "-layout", str(tmp_path / "report.pdf"), "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()


def test_the_team_reads_all_of_it_and_the_report_is_as_strict_as_what_it_holds(told: Case, tmp_path: Path) -> None:
    content, pdf = made(told, "internal", "pdf")
    text = text_of(pdf, tmp_path)
    for said in (
        WRITTEN,
        SECRET,
        "Lagoon Hospital",
        "4711",
        "evil[.]example",
        "203[.]0[.]113[.]66",
        "Ask for the logs",
    ):
        assert said in text
    assert (content.marking.tlp, content.withheld) == ("RED", 0)
    assert text.count("TLP:RED") >= text.count("\f")  # on each page


def test_management_does_not_read_what_is_for_named_people(told: Case, tmp_path: Path) -> None:
    content, pdf = made(told, "management", "pdf")
    text = text_of(pdf, tmp_path)
    assert WRITTEN in text
    assert SECRET not in text
    assert "203" not in text
    assert content.withheld == 4  # the note, the observable with its entry, and that it was marked so
    assert "4 things are left out" in text


@pytest.mark.parametrize("audience", ["authority", "public"])
def test_others_read_facts_and_nothing_that_people_wrote(told: Case, audience: str, tmp_path: Path) -> None:
    _, pdf = made(told, audience, "pdf")
    text = text_of(pdf, tmp_path)
    assert "evil[.]example" in text
    assert "2026-11-12 15:30" in text
    for said in (WRITTEN, SECRET, OTHERS, "it@hospital.example", "Ask for the logs", "203[.]0"):
        assert said not in text


def test_a_party_reads_nothing_of_another(told: Case) -> None:
    with told.world.node.database.begin() as session:
        reader = IncidentReader(told.first, told.world.now)
        incident = find_incident(session, reader, told.reference)
        hospital, ministry = parties_of(session, reader, [incident])
        for party, text in ((hospital, "To the hospital"), (ministry, "To the ministry")):
            by = {"actor": "person:1", "now": told.world.now}
            add_entry(session, incident, IncidentEntryKind.MAIL_OUT, text=text, party=party, **by)  # type: ignore[arg-type]
        number = hospital.id
    _, table = made(told, "party", party=number)
    assert b"To the hospital" in table
    assert b"ministry" not in table.lower()
    with pytest.raises(UsageError, match="party"):
        made(told, "party")
    with pytest.raises(UsageError, match="part"):
        made(told, "party", party=number, parts=(ReportPart.PARTIES,))


def test_the_gate_refuses_what_is_marked_too_strictly(told: Case) -> None:
    told.do("markIncident", tlp="AMBER")
    for audience in ("public", "authority"):
        with pytest.raises(WithheldError, match="TLP:AMBER"):
            made(told, audience)
    assert made(told, "management")[0].marking.tlp == "AMBER"


def test_the_timeline_leaves_as_csv_that_no_spreadsheet_runs(told: Case) -> None:
    told.do("noteIncident", text="=HYPERLINK(1)")
    rows = list(csv.reader(io.StringIO(made(told, "internal")[1].decode())))
    assert rows[0] == ["Time (UTC)", "What", "Who", "Marking"]
    assert [row[1] for row in rows if "HYPERLINK" in row[1]] == ["'=HYPERLINK(1)"]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_report_for_word_is_a_valid_file(told: Case, language: str, tmp_path: Path) -> None:
    file = tmp_path / "report.docx"
    file.write_bytes(made(told, "internal", "docx", language)[1])
    command = [sys.executable, "-m", "openxml_audit", "--output", "json", str(file)]
    found = json.loads(subprocess.run(command, check=False, capture_output=True, timeout=120).stdout)[0]
    # Word does without a theme and a table of fonts; this validator only asks for them.
    assert [error for error in found["errors"] if "relationship type" not in error["description"]] == []
    as_text = ["soffice", "--headless", "--convert-to", "txt:Text", "--outdir", str(tmp_path), str(file)]
    profile = f"-env:UserInstallation=file://{tmp_path}/office"
    subprocess.run([as_text[0], profile, *as_text[1:]], capture_output=True, check=True, timeout=120)
    text = (tmp_path / "report.txt").read_text(encoding="utf-8-sig")
    assert SECRET in text
    assert "Disk of the mail server" in text


def test_a_report_of_500_entries_is_a_pdf(told: Case, tmp_path: Path) -> None:
    with told.world.node.database.begin() as session:
        incident = find_incident(session, IncidentReader(told.first, told.world.now), told.reference)
        for number in range(500):
            by = {"actor": f"person:{told.first}", "now": told.world.now}
            text = f"Entry {number}: the administrator rang again and read lines of the log aloud, " * 3
            add_entry(session, incident, IncidentEntryKind.NOTE, text=text, **by)  # type: ignore[arg-type]
    text = text_of(made(told, "internal", "pdf")[1], tmp_path)
    assert all(f"Entry {number}:" in text for number in (0, 250, 499))


def test_an_incident_is_a_valid_record_of_veris_without_names(told: Case, shared_data: Path) -> None:
    content, made_ = made(told, "public", "veris")
    record = json.loads(made_)
    assert check_veris(record, 2026) == []
    theirs = json.loads((shared_data / "incidents/veris/verisc-merged-1.3.1.json").read_text())
    theirs["properties"]["timeline"]["properties"]["incident"]["properties"]["year"]["maximum"] = 2026  # theirs: 2020
    jsonschema.Draft4Validator(theirs).validate(record)
    assert record["timeline"] == {
        "incident": {"year": 2026, "month": 11, "day": 10},
        "discovery": {"unit": "Days", "value": 2},
        "containment": {"unit": "Hours", "value": 6},
    }
    assert record["ioc"] == [{"indicator": "https://evil.example/pay", "comment": "url"}]
    assert OTHERS.encode() not in made_
    assert content.withheld == 1


def test_that_a_report_was_made_is_an_entry(told: Case) -> None:
    made(told, "public")
    shown = told.world.tocsin.run("incidents", "show", told.reference)
    assert "Report made: Public, csv" in shown


def test_the_command_writes_a_report_and_says_its_marking(told: Case, tmp_path: Path) -> None:
    told.world.tocsin.run("incidents", "export", told.reference, "--format", "veris", "--audience", "public")
    file = tmp_path / "report.pdf"
    found = told.world.tocsin.json(
        "incidents", "export", told.reference, "--format", "pdf", "--to", file, "--language", "fr"
    )
    assert (found["marking"], found["withheld"]) == ("TLP:RED", 0)
    assert file.read_bytes().startswith(b"%PDF")
