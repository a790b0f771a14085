"""One assessed country among four, and the report made of it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tocsin.interface.documents.document import ReadinessReport
from tocsin.node.blobs import Blobs
from tocsin.node.records import open_database, sqlite_url
from tocsin.readiness.assessment.assessments import (
    AnswerInput,
    Unit,
    add_measurement,
    give_answer,
    set_ranked,
    start,
    state,
)
from tocsin.readiness.assessment.evidence import EvidenceStatement, add_evidence, use_evidence
from tocsin.readiness.assessment.frameworks import bundled_framework
from tocsin.readiness.assessment.plan import Goal, Task, add_action, set_target
from tocsin.readiness.assessment.versions import add_version, assign, publish
from tocsin.readiness.report import Material, assessment_report, gather

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script> =1+1"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = open_database(sqlite_url(tmp_path / "records.sqlite"))
    database.migrate()
    with database.begin() as opened:
        yield opened
    database.close()


@pytest.fixture
def material(session: Session, tmp_path: Path) -> Material:
    framework = bundled_framework("c5")
    add_version(session, framework, by="x", now=NOW)
    assign(session, "c5", "1.0", "all", "Office <for> Security", by="x", now=NOW)
    publish(session, "c5", "1.0", by="x", now=NOW)
    for number, code in enumerate(("FJI", "TON", "VUT", "WSM"), start=1):
        unit = Unit(code, {"FJI": "Fiji & friends"}.get(code, code), {"region": "Oceania"})
        held = start(session, unit, "c5", "1.0", date(2026, 6, 30), by="x", now=NOW)
        for place, question in enumerate(framework.questions()):
            if place % 7 != number:
                given = AnswerInput(question, str((place + number) % 5), "declared", "self", "ministry", HOSTILE)
                give_answer(session, held.id, given, by="ministry", now=NOW)
        facts = [{"asn": str(n), "contact": "yes" if n % 3 else "no"} for n in range(10 * number)]
        add_measurement(session, held.id, "contact_coverage_as", facts, NOW, by="x", now=NOW)
        if code != "WSM":
            set_ranked(session, held.id, ranked=True, by="x", now=NOW)
    _voices(session, tmp_path)
    return gather(session, 1, peers="region")


@pytest.fixture
def report(material: Material) -> ReadinessReport:
    return assessment_report(material, made_on=NOW.date())


def _voices(session: Session, folder: Path) -> None:
    source = folder / "decree.txt"
    source.write_text("Decree", encoding="utf-8")
    piece = EvidenceStatement("Decree on response", "fr", "https://example.org/decree", None, date(2027, 1, 1))
    held = add_evidence(session, Blobs(folder / "evidence"), source, piece, by="x", now=NOW)
    use_evidence(session, held.digest, 1, "d.1.1", by="x", now=NOW)
    verified = AnswerInput("d.1.1", "3", "verified", "peer", "peer team", "visited")
    give_answer(session, 1, verified, by="peer team", now=NOW)
    state(session, 1, "e.1.1", "dispute", "No campaign came here.", by="consumers", now=NOW)
    task = Task("d.2.1", "3", "Yearly exercise", "CSIRT", date(2027, 6, 30), 12_000.0, "USD")
    add_action(session, 1, task, by="x", now=NOW)
    goal = Goal("", "overall", "relative", 40.0, 2026, 2030)
    set_target(session, "FJI", bundled_framework("c5"), goal, by="x", now=NOW)
