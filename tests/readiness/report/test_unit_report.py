"""The report of one unit of a built run: the engine's figures, no ranks unless agreed."""

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from tocsin.interface.documents.document import ReadinessReport, ReportTable
from tocsin.interface.documents.page import page
from tocsin.interface.documents.write import write_report
from tocsin.node.errors import InputError, NotFoundError
from tocsin.readiness import build_run
from tocsin.readiness.report import UnitRun, read_unit, unit_report

TODAY = date(2026, 7, 1)


@pytest.fixture(scope="module")
def asem(shared_data: Path) -> Path:
    return shared_data / "readiness" / "asem"


@pytest.fixture(scope="module")
def folder(asem: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    build_run(asem / "ASEM_iData.csv", asem / "ASEM_iMeta.csv", None, out)
    return out


@pytest.fixture
def unit(folder: Path) -> UnitRun:
    return read_unit(folder, "LAO")


def table(report: ReadinessReport, name: str) -> ReportTable:
    return next(found for found in report.tables() if found.name == name)


def test_scores_are_those_that_another_implementation_finds(unit: UnitRun, asem: Path) -> None:
    with (asem / "results_full_scores.csv").open(encoding="utf-8") as file:
        expected = next(row for row in csv.DictReader(file) if row["uCode"] == "LAO")
    report = unit_report(unit, made_on=TODAY)

    assert report.title == "Lao PDR: Sustainable Connectivity"
    for code, _, _, _, score, *_ in table(report, "Groups").rows:
        assert score == pytest.approx(float(expected[str(code)]), abs=1e-9)
    assert len(table(report, "Indicators").rows) == 49


def test_what_was_filled_in_or_treated_is_marked(unit: UnitRun, asem: Path) -> None:
    with (asem / "dset_Raw.csv").open(encoding="utf-8") as file:
        raw = next(row for row in csv.DictReader(file) if row["uCode"] == "LAO")
    notes = {row[0]: row[-1] for row in table(unit_report(unit, made_on=TODAY), "Indicators").rows}
    names = {part.code: part.name for part in unit.parts}

    empty = {names[code] for code, cell in raw.items() if code in names and cell in {"", "NA"}}
    assert empty
    assert {name for name, note in notes.items() if note == "filled in"} == empty


def test_strengths_stand_above_the_median_and_weaknesses_below(unit: UnitRun) -> None:
    report = unit_report(unit, made_on=TODAY)

    strong = [float(row[5] or 0) for row in table(report, "Strengths").rows]
    weak = [float(row[5] or 0) for row in table(report, "Weaknesses").rows]
    assert strong == sorted(strong, reverse=True)
    assert all(gap > 0 for gap in strong)
    assert all(gap < 0 for gap in weak)


def test_what_missing_data_leave_open_is_drawn_for_each_part(folder: Path, unit: UnitRun) -> None:
    with (folder / "bounds_parts.csv").open(encoding="utf-8") as file:
        ends = {row["iCode"]: row for row in csv.DictReader(file) if row["uCode"] == "LAO"}
    report = unit_report(unit, made_on=TODAY)

    for code, *_, low, high, _ in table(report, "Groups").rows:
        assert (low, high) == (float(ends[str(code)]["Low"]), float(ends[str(code)]["High"]))
    assert "missing data at worst and at best" in page(report)
    whole = page(unit_report(read_unit(folder, "AUT"), made_on=TODAY))
    assert "missing data at worst and at best" not in whole


def test_ranks_and_others_are_shown_only_when_all_agreed(unit: UnitRun) -> None:
    alone, ranked = unit_report(unit, made_on=TODAY), unit_report(unit, made_on=TODAY, ranked=True)

    assert not {"ranks", "map"} & {section.id for section in alone.sections}
    assert "Portugal" not in page(alone)
    assert {"ranks", "map"} <= {section.id for section in ranked.sections}
    own = next(row for row in table(ranked, "Ranks").rows if row[0] == "LAO")
    assert isinstance(own[2], int)
    assert isinstance(own[3], int)
    assert isinstance(own[4], int)
    assert own[2] <= own[3] <= own[4]


def test_peers_are_those_of_the_same_group(folder: Path, asem: Path) -> None:
    run = read_unit(folder, "PRT")
    with (asem / "ASEM_iData.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    own = next(row for row in rows if row["uCode"] == "PRT")["GDPpc_group"]

    assert set(run.peers("GDPpc_group")) == {r["uCode"] for r in rows if r["GDPpc_group"] == own} - {"PRT"}
    with pytest.raises(InputError, match="no group 'Wealth'"):
        run.peers("Wealth")


def test_a_panel_is_read_at_its_latest_year_with_the_years_before(asem: Path, tmp_path: Path) -> None:
    build_run(asem / "ASEM_iData_p.csv", asem / "ASEM_iMeta.csv", None, tmp_path)
    run = read_unit(tmp_path, "LAO")
    report = unit_report(run, made_on=TODAY)

    assert run.year == "2022"
    assert [row[0] for row in table(report, "Years").rows] == ["2018", "2019", "2020", "2021", "2022"]
    assert run.value("Aggregated", "Index") == pytest.approx(table(report, "Years").rows[-1][1])


@pytest.mark.parametrize("kind", ["html", "pdf", "xlsx", "csv"])
def test_every_kind_of_file_is_written(unit: UnitRun, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"unit.{kind}"
    write_report(unit_report(unit, made_on=TODAY, ranked=True), path)

    start = {"html": b"<!doctype html>", "pdf": b"%PDF-", "xlsx": b"PK", "csv": b"unit,year,code"}[kind]
    assert path.read_bytes().lstrip().startswith(start)


def test_a_unit_or_folder_that_is_not_there_is_said_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no unit 'XXX'"):
        read_unit(folder, "XXX")
    with pytest.raises(NotFoundError, match="is not the folder of a run"):
        read_unit(tmp_path, "LAO")


def test_the_command_writes_the_report_of_a_unit(folder: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tocsin.interface.output import Invocation
    from tocsin.readiness.commands.readiness import app

    out = tmp_path / "lao.csv"
    words = ["report", "LAO", "--run", str(folder), "--out", str(out)]
    result = CliRunner().invoke(app, words, obj=Invocation(home=tmp_path, json=True))

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"report": str(out), "unit": "LAO"}
    assert len(out.read_text(encoding="utf-8").splitlines()) > 150
