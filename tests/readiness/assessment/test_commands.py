"""What a ministry does, by commands: publish a framework, answer, verify, dispute, plan, and compare two years."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tocsin.interface.output import Invocation
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.readiness.commands.assessment import app

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run one command and give back its JSON document; errors come out as they are."""

    def call(*words: object, by: str = "ministry") -> Any:
        invocation = Invocation(home=tmp_path / "home", json=True)
        result = CliRunner().invoke(app, [str(word) for word in words], obj=invocation, env={"TOCSIN_BY": by})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return call


@pytest.fixture
def published(run: Run) -> Run:
    run("import-framework", "c5")
    run("assign", "c5", "1.0", "all", "--to", "Office for Digital Security")
    run("publish", "c5", "1.0")
    return run


@pytest.fixture
def assessed(published: Run) -> Run:
    published("start", "FJI", "c5", "1.0", "--as-of", "2026-06-30", "--name", "Fiji", "--group", "income=upper-middle")
    return published


def contacts(path: Path, states: str) -> Path:
    words = {"y": "yes", "n": "no", "?": ""}
    rows = "".join(f"{64_500 + n},{words[state]}\n" for n, state in enumerate(states))
    path.write_text("asn,contact\n" + rows, encoding="utf-8")
    return path


def overall(run: Run, assessment: int, reading: str) -> dict[str, Any]:
    document = run("score", assessment)
    found = next(item for item in document[reading] if item["id"] == "overall")
    assert isinstance(found, dict)
    return found


def test_a_version_is_published_only_when_every_criterion_has_somebody(run: Run) -> None:
    run("import-framework", "gci-shape")
    with pytest.raises(ConflictError, match=r"nobody is responsible for legal\.1"):
        run("publish", "gci-shape", "1.0")
    for pillar in ("legal", "technical", "organizational", "capacity"):
        run("assign", "gci-shape", "1.0", pillar, "--to", "Ministry")
    with pytest.raises(ConflictError, match=r"nobody is responsible for cooperation\.1"):
        run("publish", "gci-shape", "1.0")
    with pytest.raises(ConflictError, match="is a draft"):
        run("start", "FJI", "gci-shape", "1.0", "--as-of", "2026-06-30")

    run("assign", "gci-shape", "1.0", "cooperation", "--to", "Ministry")
    run("publish", "gci-shape", "1.0")

    assert [v["state"] for v in run("frameworks") if v["framework"] == "gci-shape"] == ["published"]


def test_a_published_text_never_changes_and_a_draft_may(run: Run, tmp_path: Path) -> None:
    from tocsin.readiness import assessment

    text = (Path(assessment.__file__).parents[1] / "frameworks" / "gci-shape.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace('id = "gci-shape"', 'id = "mine"'), encoding="utf-8")
    first = run("import-framework", mine)["digest"]
    mine.write_text(
        mine.read_text(encoding="utf-8").replace("with a budget?", "with a yearly budget?"), encoding="utf-8"
    )
    assert run("import-framework", mine)["digest"] != first

    run("assign", "mine", "1.0", "all", "--to", "Ministry")
    run("publish", "mine", "1.0")
    mine.write_text(mine.read_text(encoding="utf-8").replace("yearly budget", "budget"), encoding="utf-8")

    with pytest.raises(ConflictError, match="is published and cannot change"):
        run("import-framework", mine)
    assert run("check-framework", mine)["indicators"] == 20


def test_an_answer_is_kept_with_its_assessor_and_the_ones_before_it(assessed: Run) -> None:
    assessed("answer", 1, "d.1.1", "In place")
    assessed("answer", 1, "d.1.1", "1", "--assessor-kind", "peer", "--comment", "seen", by="peer team")
    document = assessed("score", 1)

    held = document["answers"]["d.1.1"]
    assert (held["level"], held["assessor_kind"], held["assessor"], held["supported"]) == (
        1,
        "peer",
        "peer team",
        False,
    )
    with pytest.raises(InputError, match="no level 'Excellent'"):
        assessed("answer", 1, "d.1.1", "Excellent")
    with pytest.raises(NotFoundError, match="no question 'z'"):
        assessed("answer", 1, "z", "1")
    with pytest.raises(InputError, match="applies to everybody"):
        assessed("answer", 1, "d.1.1", "na")
    with pytest.raises(UsageError, match="measured value cannot be typed in"):
        assessed("answer", 1, "d.1.1", "1", "--status", "measured")


def test_answers_from_a_file_are_taken_all_or_none(assessed: Run, tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("question,level,comment\nd.1.1,3,ok\ne.1.1,9,\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"answers\.csv, line 3: Question 'e\.1\.1' has no level '9'"):
        assessed("answers", 1, "--file", file)
    assert assessed("score", 1)["answers"] == {}

    file.write_text("question,level,comment\nd.1.1,3,ok\ne.1.1,Planned,\n", encoding="utf-8")

    assert assessed("answers", 1, "--file", file) == {"answers": 2, "without_level": 0}
    assert overall(assessed, 1, "declared")["known"] > 0


def test_one_piece_of_evidence_is_archived_once_and_serves_two_frameworks(assessed: Run, tmp_path: Path) -> None:
    assessed("import-framework", "gci-shape")
    assessed("assign", "gci-shape", "1.0", "all", "--to", "Ministry")
    assessed("publish", "gci-shape", "1.0")
    assessed("start", "FJI", "gci-shape", "1.0", "--as-of", "2026-06-30")
    decree = tmp_path / "decree.txt"
    decree.write_text("Decree 12", encoding="utf-8")
    words = ("evidence", "add", decree, "--title", "Decree", "--language", "en", "--valid-until", "2026-12-31")
    digest = assessed(*words)["evidence"]
    assert assessed(*words)["evidence"] == digest
    with pytest.raises(ConflictError, match="on record already, as 'Decree'"):
        assessed("evidence", "add", decree, "--title", "Another", "--language", "en")

    assessed("evidence", "use", digest[:8], 1, "b.1.1")
    assessed("evidence", "use", digest[:8], 2, "legal.2.1")
    assessed("evidence", "use", digest[:8], 2, "legal.2.1")

    assert [(piece["evidence"], piece["uses"]) for piece in assessed("evidence", "list")] == [(digest, 2)]
    kept = tmp_path / "home" / "evidence" / digest[:2] / digest
    assert kept.read_bytes() == b"Decree 12"
    assert assessed("evidence", "check") == {"checked": 1, "damaged": 0}
    kept.write_bytes(b"Decree 13")
    with pytest.raises(Exception, match="1 of 1 archived copies are missing or changed"):
        assessed("evidence", "check")


def test_a_sheet_goes_out_and_comes_back_filled_in(assessed: Run, tmp_path: Path) -> None:
    assessed("answer", 1, "a.1.1", "3")
    sheet = tmp_path / "sheet.csv"
    assert assessed("sheet", 1, "--out", sheet)["questions"] == 28
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    told = {row["question"]: row for row in rows}
    assert told["a.1.1"]["on_record"] == "In place (declared)"
    assert told["b.1.1"]["levels"].startswith("0 = Not in place; 1 = Planned")
    told["b.1.1"] |= {"level": "2", "comment": "Bill of May;\nsecond reading"}
    told["e.1.1"]["level"] = "In place"
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)

    assert assessed("answers", 1, "--file", sheet) == {"answers": 2, "without_level": 26}
    held = assessed("score", 1)["answers"]
    assert {question: answer["level"] for question, answer in held.items()} == {"a.1.1": 3, "b.1.1": 2, "e.1.1": 3}
    assert held["b.1.1"]["comment"] == "Bill of May;\nsecond reading"


def test_only_somebody_else_with_valid_evidence_can_verify(assessed: Run, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="cannot verify their own answer"):
        assessed("answer", 1, "b.1.1", "3", "--status", "verified")
    with pytest.raises(ConflictError, match="no evidence that is valid on 2026-06-30"):
        assessed("answer", 1, "b.1.1", "3", "--status", "verified", "--assessor-kind", "peer")

    decree = tmp_path / "decree.txt"
    decree.write_text("Decree 12", encoding="utf-8")
    digest = assessed("evidence", "add", decree, "--title", "Decree", "--language", "en")["evidence"]
    assessed("evidence", "use", digest, 1, "b.1.1")
    before = overall(assessed, 1, "supported")
    assessed("answer", 1, "a.1.1", "3")
    with pytest.raises(ConflictError, match="Who answered for the assessed cannot verify"):
        assessed("answer", 1, "b.1.1", "3", "--status", "verified", "--assessor-kind", "independent", by="Ministry")
    assessed("answer", 1, "b.1.1", "3", "--status", "verified", "--assessor-kind", "peer", by="peer team")
    after = overall(assessed, 1, "supported")

    assert after["low"] > before["low"]
    assert after["high"] < before["high"]


def test_a_dispute_is_decided_by_others_and_can_be_appealed_once(assessed: Run) -> None:
    assessed("answer", 1, "e.1.1", "3")
    dispute = assessed("dispute", 1, "e.1.1", "--text", "No campaign reached us.", by="consumers")["statement"]
    with pytest.raises(ConflictError, match="the same person raised it"):
        assessed("decide", dispute, "upheld", "--text", "yes", by="consumers")
    decision = assessed("decide", dispute, "upheld", "--text", "Two islands only.", by="panel")["statement"]
    assert assessed("score", 1)["answers"] == {}
    with pytest.raises(ConflictError, match="has its decision"):
        assessed("decide", dispute, "rejected", "--text", "no", by="other panel")

    appeal = assessed("appeal", decision, "--text", "Newer figures.", by="ministry")["statement"]
    with pytest.raises(ConflictError, match="made the decision under appeal"):
        assessed("decide", appeal, "upheld", "--text", "yes", by="panel")
    last = assessed("decide", appeal, "upheld", "--text", "The figures are right.", by="court")["statement"]
    with pytest.raises(ConflictError, match="is the last word"):
        assessed("appeal", last, "--text", "again", by="consumers")

    assert assessed("score", 1)["answers"]["e.1.1"]["level"] == 3
    assert [s["kind"] for s in assessed("statements", 1)] == ["dispute", "decision", "appeal", "decision"]


def test_a_measured_value_stands_beside_the_declared_one_and_leaves_it_alone(assessed: Run, tmp_path: Path) -> None:
    assessed("answer", 1, "t-presence.1", "All or nearly all")
    declared, supported = overall(assessed, 1, "declared"), overall(assessed, 1, "supported")
    found = assessed("measure", 1, "contact_coverage_as", "--facts", contacts(tmp_path / "f.csv", "yynn?"))

    assert (found["value"], found["coverage"], found["method_version"]) == (0.5, 0.8, "1")
    assert overall(assessed, 1, "declared") == declared
    after = overall(assessed, 1, "supported")
    assert after["low"] > supported["low"]
    assert after["high"] < supported["high"]
    assessed("import-framework", "gci-shape")
    assessed("assign", "gci-shape", "1.0", "all", "--to", "Ministry")
    assessed("publish", "gci-shape", "1.0")
    assessed("start", "FJI", "gci-shape", "1.0", "--as-of", "2026-06-30")
    with pytest.raises(ConflictError, match=r"No question of 'gci-shape' 1\.0 is measured by 'time_to_tell'"):
        assessed("measure", 2, "time_to_tell", "--facts", tmp_path / "f.csv")


def test_a_closed_assessment_takes_no_answers(assessed: Run) -> None:
    assessed("close", 1)

    with pytest.raises(ConflictError, match="was closed on"):
        assessed("answer", 1, "d.1.1", "1")


def test_the_next_assessment_shows_which_actions_moved_a_measured_value(published: Run, tmp_path: Path) -> None:
    for number, (year, states) in enumerate(((2024, "n" * 40), (2026, "y" * 38 + "nn")), start=1):
        published("start", "FJI", "c5", "1.0", "--as-of", f"{year}-06-30")
        published("answer", number, "t-presence.1", 0 if number == 1 else 4)
        facts = contacts(tmp_path / f"{year}.csv", states)
        published("measure", number, "contact_coverage_as", "--facts", facts, "--as-of", f"{year}-06-01")
        if number == 1:
            planned = published(
                "plan", "add", 1, "t-presence.1", "All or nearly all", "--title", "Call operators",
                "--owner", "CSIRT", "--due", "2025-12-31", "--cost", "12000", "--currency", "USD",
            )  # fmt: skip
            other = ("--title", "Helpline", "--owner", "Ministry", "--due", "2025-12-31")
            published("plan", "add", 1, "g.1.1", "2", *other)
            published("plan", "done", 1, "--on", "2025-11-01")

    # t-presence.1 weighs 3/18 of the whole, a quarter of its pillar, half of its indicator.
    assert planned["gain"] == pytest.approx(100 * 3 / 18 / 4 / 2)
    assert planned["gain_low"] < planned["gain"] == planned["gain_high"]
    found = published("compare", 1, 2)
    assert [(o["action"], o["moved"]) for o in found["outcomes"]] == [
        ("Call operators", "better"),
        ("Helpline", "not measured"),
    ]
    assert found["outcomes"][0]["change"]["low"] > 0.7


def test_years_under_different_versions_are_rescored_and_linked_with_the_break(published: Run, tmp_path: Path) -> None:
    from tocsin.readiness import assessment

    text = (Path(assessment.__file__).parents[1] / "frameworks" / "c5.toml").read_text(encoding="utf-8")
    text = text.replace('version = "1.0"', 'version = "2.0"').replace("in the languages people use, and is", "and is")
    (tmp_path / "two.toml").write_text(
        text + '\n[crosswalk]\nfrom_version = "1.0"\n'
        'mapping = [{ from = "e.1.1", to = "e.1.1", relation = "narrower", note = "languages left out" }]\n',
        encoding="utf-8",
    )
    published("import-framework", tmp_path / "two.toml")
    published("assign", "c5", "2.0", "all", "--to", "Office")
    published("publish", "c5", "2.0")
    published("start", "FJI", "c5", "1.0", "--as-of", "2024-06-30")
    published("start", "FJI", "c5", "2.0", "--as-of", "2026-06-30")
    for number, level in ((1, 1), (2, 2)):
        published("answer", number, "j.1.1", level)
        published("answer", number, "e.1.1", 2 * level)

    found = published("compare", 1, 2)
    back = published("compare", 1, 2, "--under", "1.0")

    assert found["relations"] == {"same": 27, "narrower": 1, "broader": 0, "new": 0, "dropped": 0}
    first = {item["id"]: item for item in found["first"]["scores"]}
    assert (first["e"]["low"], first["e"]["point"], first["e"]["high"]) == (50, None, 100)
    assert (first["j"]["low"], first["j"]["high"]) == (25, 25)
    link = found["linked"]
    assert link["common"] == ["j.1.1"]
    assert link["change"]["value"] == pytest.approx(25)
    assert link["linked"] + link["break_"] == pytest.approx(link["second"])
    second = {item["id"]: item for item in back["second"]["scores"]}
    assert (second["e"]["low"], second["e"]["high"]) == (0, 100)


def test_nobody_is_ranked_who_did_not_opt_in(published: Run) -> None:
    for number, (unit, level) in enumerate((("FJI", 4), ("TON", 1), ("VUT", 2)), start=1):
        published("start", unit, "c5", "1.0", "--as-of", "2026-06-30")
        published("answer", number, "d.1.1", level)
    published("opt-in", 1)
    with pytest.raises(ConflictError, match="1 units opted in, and it takes two"):
        published("rank", "c5", "1.0")

    published("opt-in", 2)

    ranked = published("rank", "c5", "1.0")
    assert [(row["unit"], row["best"], row["worst"]) for row in ranked] == [("FJI", 1, 2), ("TON", 1, 2)]
    published("opt-out", 2)
    with pytest.raises(ConflictError):
        published("rank", "c5", "1.0")


def test_a_target_is_reached_only_when_it_is_sure(published: Run) -> None:
    from tocsin.readiness.assessment.frameworks import bundled_framework

    asked = list(bundled_framework("c5").questions())
    for number, (year, level) in enumerate(((2024, 2), (2026, 3)), start=1):
        published("start", "FJI", "c5", "1.0", "--as-of", f"{year}-06-30")
        for question in asked if number == 1 else asked[1:]:
            published("answer", number, question, level)
    published("target", "FJI", "c5", "1.0", "--goal", 40, "--baseline", 2024, "--end", 2028)
    published("target", "FJI", "c5", "1.0", "--goal", 60, "--kind", "gap", "--baseline", 2024, "--end", 2028)

    found = {item["title"]: item for item in published("targets", 2)}

    plus40 = found["Overall score up by 40 %"]
    assert plus40["wanted"] == pytest.approx(70)
    assert plus40["readings"] == pytest.approx({"relative": 50, "points": 25, "gap": 50})
    assert plus40["reached"] == "yes"
    assert found["Overall score 60 % of the gap closed"]["reached"] == "no"
    assert found["Readiness improved by 40 %"]["why"] == "no assessment of 2014 or before gives a baseline"
    assert found["Readiness improved by 40 %"]["reached"] is None


def test_a_framework_is_copied_changed_and_taken_in(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    run("copy-framework", "sim3-shape", "--out", own)
    assert run("check-framework", own)["digest"] == run("show-framework", "sim3-shape")["digest"]
    with pytest.raises(ConflictError, match="is there already"):
        run("copy-framework", "sim3-shape", "--out", own)


def test_a_target_that_is_only_measured_is_told(assessed: Run, tmp_path: Path) -> None:
    assessed("measure", 1, "contact_coverage_as", "--facts", contacts(tmp_path / "c.csv", "yyyn"))

    found = {item["subject"]: item for item in assessed("targets", 1)}["t-presence"]

    assert (found["reached"], found["why"]) == (None, "no assessment answers it yet")
    assert found["supported"]["series"][-1]["point"] == pytest.approx(75)
    assert found["supported"]["reached"] == "no"


def test_every_change_is_in_the_audit_log(assessed: Run, tmp_path: Path) -> None:
    from sqlalchemy import select

    from tocsin.node.home import open_home
    from tocsin.node.records import AuditEntry

    assessed("answer", 1, "d.1.1", "1", by="analyst")
    with open_home(tmp_path / "home")[1].begin() as session:
        entries = [(e.actor, e.subject, e.detail["act"]) for e in session.scalars(select(AuditEntry)).all()]

    assert entries == [
        ("ministry", "framework c5 1.0", "added"),
        ("ministry", "framework c5 1.0", "assigned"),
        ("ministry", "framework c5 1.0", "published"),
        ("ministry", "assessment 1", "started"),
        ("analyst", "assessment 1", "answered"),
    ]
