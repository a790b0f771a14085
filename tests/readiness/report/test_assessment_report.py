"""The report of an assessment as page, PDF, workbook and CSV: complete, safe, and the same figures everywhere."""

import base64
import csv
import io
import json
import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tocsin.interface.documents.document import Cards, Figure, ReadinessReport, WhatIf
from tocsin.interface.documents.page import open_data, page
from tocsin.interface.documents.write import write_report
from tocsin.node.errors import InputError, UsageError
from tocsin.readiness.assessment.assessments import Unit, add_measurement, start
from tocsin.readiness.assessment.frameworks import bundled_framework
from tocsin.readiness.assessment.versions import add_version, assign, publish
from tocsin.readiness.report import Material, assessment_report, gather

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def figures(report: ReadinessReport) -> list[Figure]:
    return [block for section in report.sections for block in section.blocks if isinstance(block, Figure)]


def tool(name: str) -> str:
    found = shutil.which(name)
    assert found, f"this test needs {name}"
    return found


def test_the_report_has_every_part_and_each_figure_its_table_and_words(report: ReadinessReport) -> None:
    assert [section.id for section in report.sections] == [
        "profile", "ranks", "measured", "targets", "plan", "what-if", "map", "questions", "origin",
    ]  # fmt: skip
    assert len(figures(report)) >= 7
    for figure in figures(report):
        assert figure.table.rows
        assert len(figure.alt) > 30
        assert f"<desc>{escape(figure.alt)}</desc>" in figure.svg


def test_every_question_is_there_with_answer_evidence_dispute_and_measured_value(report: ReadinessReport) -> None:
    cards = next(block for s in report.sections for block in s.blocks if isinstance(block, Cards))
    by_id = {card.id: card for card in cards.items}

    assert len(by_id) == 28
    verified = by_id["d.1.1"]
    assert ("verified", "verified") in verified.tags
    assert any("Decree on response (fr, valid until 2027-01-01" in text for _, text in verified.lines)
    assert ("disputed", "in dispute") in by_id["e.1.1"].tags
    assert ("Dispute", "No campaign came here. (consumers, 2026-07-01)") in by_id["e.1.1"].lines
    assert any(label == "Measured" for label, _ in by_id["t-presence.1"].lines)


def test_the_page_needs_nothing_from_outside_and_runs_no_words_of_others(report: ReadinessReport) -> None:
    text = page(report)

    sources = re.findall(r"""(?:src|href|action|data)\s*=\s*["']([^"']*)""", text)
    assert sources
    assert all(source.startswith(("#", "data:")) for source in sources)
    assert "@import" not in text
    assert "url(http" not in text
    assert "<script>alert" not in text
    assert "Office &lt;for&gt; Security" in text
    assert "Fiji &amp; friends" in text
    assert text.count("<script") == 2


def test_units_that_did_not_agree_are_neither_ranked_nor_shown(report: ReadinessReport) -> None:
    tables = {table.name: table for table in report.tables()}

    assert {row[0] for row in tables["Ranks"].rows} == {"FJI", "TON", "VUT"}
    assert {row[0] for row in tables["Map"].rows} == {"FJI", "TON", "VUT"}
    assert set(re.findall(r"WSM[^<]*", page(report))) == {"WSM", "WSM: no value"}  # its empty square on the map


def test_peers_are_a_median_of_three_or_none(report: ReadinessReport, material: Material) -> None:
    assert "median of 3 peers (region Oceania)" in page(report)
    assert material.peers.medians["overall"] > 0


def test_a_group_that_the_unit_does_not_have_is_refused(session: Session, material: Material) -> None:
    with pytest.raises(InputError, match="FJI has no group 'income'"):
        gather(session, material.snapshot.id, peers="income")


def test_open_data_holds_the_scores_in_full_and_the_recipe_their_hashes(
    report: ReadinessReport, material: Material
) -> None:
    files = {file.name: file.text for file in open_data(report)}
    rows = list(csv.DictReader(io.StringIO(files["data.csv"])))
    declared, supported = material.snapshot.scores()

    assert set(files) == {"data.csv", "recipe.json", "answers.csv", "measured.csv", "evidence.csv", "framework.json"}
    read = {(row["reading"], row["id"], row["kind"]): row for row in rows}
    assert len(read) == len(declared) + len(supported)
    whole = read["declared", "overall", "overall"]
    assert float(whole["score"]) == declared["overall"].point
    assert float(read["supported", "overall", "overall"]["low"]) == supported["overall"].low
    recipe = json.loads(files["recipe.json"])
    assert recipe["framework_sha256"] == material.snapshot.framework.digest()
    assert json.loads(files["framework.json"]) == material.snapshot.framework.document()
    links = dict(re.findall(r'download="([^"]+)" href="data:[^,]+,([^"]+)"', page(report)))
    assert base64.b64decode(links["answers.csv"]).decode() == files["answers.csv"]


def test_the_same_records_make_the_same_report(report: ReadinessReport, material: Material) -> None:
    assert page(assessment_report(material, made_on=report.made_on)) == page(report)


def test_text_that_a_spreadsheet_would_run_is_kept_as_text(report: ReadinessReport, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    answers = next(file.text for file in open_data(report) if file.name == "answers.csv")
    assert not any(re.match(r"^[=+@-]", cell) for row in csv.reader(io.StringIO(answers)) for cell in row)

    write_report(report, tmp_path / "r.xlsx")

    book = load_workbook(tmp_path / "r.xlsx")
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_the_workbook_has_a_summary_a_sheet_for_each_table_and_the_same_numbers(
    report: ReadinessReport, tmp_path: Path
) -> None:
    from openpyxl import load_workbook

    write_report(report, tmp_path / "r.xlsx")
    book = load_workbook(tmp_path / "r.xlsx")

    assert book.sheetnames[0] == "Summary"
    assert book.sheetnames[-2:] == ["Data", "Recipe"]
    assert len(book.sheetnames) == len(list(report.tables())) + 3
    sheet = book["Pillars"]
    table = next(table for table in report.tables() if table.name == "Pillars")
    read = [tuple(cell.value for cell in row) for row in sheet.iter_rows(min_row=4, max_row=3 + len(table.rows))]
    for made, held in zip(read, table.rows, strict=True):
        assert made[1] == held[1]
        assert made[3] == (pytest.approx(held[3]) if held[3] is not None else None)
    assert sheet.freeze_panes == "B4"


def test_csv_is_the_open_data(report: ReadinessReport, tmp_path: Path) -> None:
    write_report(report, tmp_path / "r.csv")

    assert (tmp_path / "r.csv").read_text(encoding="utf-8") == open_data(report)[0].text


def test_the_pdf_is_tagged_and_holds_words_figures_and_alternatives(report: ReadinessReport, tmp_path: Path) -> None:
    path = tmp_path / "r.pdf"
    write_report(report, path)

    info = subprocess.run([tool("pdfinfo"), path], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Tagged: +yes", info)
    assert "Title:           Readiness of Fiji & friends" in info
    text = subprocess.run([tool("pdftotext"), "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    for words in ("Yearly exercise", "Decree on response", "Who answers for each criterion", "Incident response teams"):
        assert words in text
    tree = subprocess.run([tool("pdfinfo"), "-struct", path], capture_output=True, text=True, check=True).stdout
    assert tree.count("Figure") >= len(figures(report))


def test_a_report_of_another_kind_is_refused(report: ReadinessReport, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written as 'r\.doc'"):
        write_report(report, tmp_path / "r.doc")


def test_the_what_if_table_agrees_with_the_scores(report: ReadinessReport, material: Material) -> None:
    what_if = next(block for s in report.sections for block in s.blocks if isinstance(block, WhatIf))
    now = material.snapshot.scores()[0]["overall"].point
    assert now is not None

    gains = [row[4] for row in what_if.table.rows if isinstance(row[4], float)]
    assert gains == sorted(gains, reverse=True)
    for row in what_if.table.rows:
        if isinstance(row[4], float):
            assert row[5] == pytest.approx(now + row[4])


def test_in_a_browser_the_what_if_computes_the_same_score_and_range(
    report: ReadinessReport, material: Material, tmp_path: Path
) -> None:
    write_report(report, tmp_path / "r.html")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    address = (tmp_path / "r.html").as_uri()
    done = subprocess.run([tool("chromium"), *flags, address], capture_output=True, text=True, check=True, timeout=120)
    overall = material.snapshot.scores()[0]["overall"]

    shown = re.search(r'<b data-score="">([\d.]+)</b>', done.stdout)
    ranged = re.search(r'<span data-range="">may be ([\d.]+) to ([\d.]+)</span>', done.stdout)
    assert shown
    assert ranged
    assert float(shown[1]) == pytest.approx(overall.point, abs=0.051)
    assert (float(ranged[1]), float(ranged[2])) == pytest.approx((overall.low, overall.high), abs=0.051)
    assert done.stdout.count("<select>") == 28


@pytest.mark.parametrize("kind", ["html", "pdf", "xlsx", "csv"])
def test_an_assessment_without_answers_has_a_report_too(session: Session, tmp_path: Path, kind: str) -> None:
    add_version(session, bundled_framework("sim3-shape"), by="x", now=NOW)
    assign(session, "sim3-shape", "1.0", "all", "Team", by="x", now=NOW)
    publish(session, "sim3-shape", "1.0", by="x", now=NOW)
    held = start(session, Unit("TEAM", "A team", {}), "sim3-shape", "1.0", NOW.date(), by="x", now=NOW)
    made = assessment_report(gather(session, held.id), made_on=NOW.date())

    write_report(made, tmp_path / f"r.{kind}")

    assert made.sections[0].title == "Nothing is answered about A team yet"
    assert "map" not in {section.id for section in made.sections}
    assert (tmp_path / f"r.{kind}").stat().st_size > 1_000


def test_a_target_that_is_only_measured_shows_the_measured_value(session: Session) -> None:
    framework = bundled_framework("c5")
    add_version(session, framework, by="x", now=NOW)
    assign(session, "c5", "1.0", "all", "Office", by="x", now=NOW)
    publish(session, "c5", "1.0", by="x", now=NOW)
    held = start(session, Unit("FJI", "Fiji", {}), "c5", "1.0", date(2026, 6, 30), by="x", now=NOW)
    facts = [{"asn": str(number), "contact": "yes" if number else "no"} for number in range(4)]
    add_measurement(session, held.id, "contact_coverage_as", facts, NOW, by="x", now=NOW)

    found = figures(assessment_report(gather(session, held.id), made_on=NOW.date()))

    presence = next(figure for figure in found if figure.title.startswith("A point of presence"))
    assert presence.title == "A point of presence in each Autonomous System: not reached"
    assert presence.table.rows[-1][2] == pytest.approx(75)
    assert "Nothing of it is declared" in presence.note
