"""Evidence: what is added, its chain of custody, who destroys it, and what a legal hold keeps."""

import hashlib
import io
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from incidents.evidence.conftest import Case
from support.abuse_reports import noted, shapes, xarf
from support.canary import files_with
from support.processes import KILLED, command
from tocsin.incidents import IncidentEntry, IncidentEntryKind, IncidentReader, entries_of, find_incident
from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.evidence import (
    CustodyStep,
    EvidenceState,
    IncidentEvidence,
    LegalHold,
    check_files,
    evidence_of,
    held_reports,
)
from tocsin.incidents.evidence.acts import EvidenceSource, NewFile, add_files
from tocsin.incidents.evidence.states import state_after
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.operations.purge import make_plan, purge
from tocsin.operations.retention import apply_retention

LOG = b"10:01 login failed\n10:02 login\n"


def add(case: Case, *contents: bytes, name: str = "auth.log", **more: object) -> list[int]:
    source = EvidenceSource.model_validate({"reference": case.reference, **more})
    files = [NewFile(name, io.BytesIO(one)) for one in contents]
    return list(add_files(case.context(), source, files).evidence)


def items(case: Case) -> list[tuple[str, str, str]]:
    reader = IncidentReader(case.first, case.world.now)
    with case.world.node.database.reading() as session:
        found = evidence_of(session, reader, [find_incident(session, reader, case.reference)])
        return [(one.name, one.sha256, one.state) for one in found]


def steps(case: Case) -> list[str]:
    reader = IncidentReader(case.first, case.world.now)
    with case.world.node.database.reading() as session:
        incident = find_incident(session, reader, case.reference)
        found = entries_of(session, reader, [incident], kinds=(IncidentEntryKind.EVIDENCE,))
        return [one.data["act"] for one in found][::-1]


def rows(case: Case, table: type[Any]) -> list[Any]:
    with case.world.node.database.reading() as session:
        return session.query(table).order_by(table.id).all()


def test_a_file_is_kept_whole_under_its_hash_and_its_name_is_harmless(case: Case) -> None:
    add(case, LOG, name="../../etc/\x00auth.log", received_from="A. Diop", how="stick", seal="4711")
    digest = hashlib.sha256(LOG).hexdigest()
    assert items(case) == [("auth.log", digest, "held")]
    assert case.world.node.incident_evidence.read(digest) == LOG
    assert steps(case) == ["received"]


def test_the_same_form_twice_adds_it_once(case: Case) -> None:
    for _ in range(2):
        add(case, LOG, once="one form")
        case.do("addEvidenceOfIncident", name="Disk", once="another form")
    assert [name for name, _, _ in items(case)] == ["auth.log", "Disk"]


def test_the_files_of_a_report_become_evidence_as_they_came(case: Case, report: str) -> None:
    done = case.do("attachReportEvidenceOfIncident", report=report)
    assert len(done.evidence) == 1
    assert items(case) == [("page.txt", hashlib.sha256(b"what it says").hexdigest(), "held")]


def test_a_report_becomes_evidence_once_by_one_form(case: Case, report: str) -> None:
    for _ in range(2):
        case.do("attachReportEvidenceOfIncident", report=report, once="one form")
    assert len(items(case)) == 1


def test_a_report_of_another_incident_is_not_here(case: Case, report: str) -> None:
    other = case.do("openIncident", title="Another").reference
    with pytest.raises(NotFoundError):
        case.do("attachReportEvidenceOfIncident", reference=other, report=report)


def test_what_is_larger_than_the_settings_allow_is_refused(case: Case) -> None:
    with pytest.raises(InputError, match="bytes"):
        add(case, b"x" * (case.world.node.settings.evidence.max_file_bytes + 1))
    with pytest.raises(InputError, match="empty"):
        add(case, b"")
    assert items(case) == []


@pytest.mark.parametrize("shape", ["line.json", "packed.zip", "nested.zip", "packed.json.gz"])
def test_what_must_never_be_held_is_refused_and_noted_and_written_nowhere(case: Case, shape: str) -> None:
    with pytest.raises(InputError, match="part of this file"):
        add(case, shapes(xarf())[shape], name=shape)
    assert items(case) == []
    assert files_with(case.world.node.home) == []
    assert [name for name, _, _ in noted(case.world.node.home)] == ["csam"]


@pytest.mark.parametrize("step", [one for one in CustodyStep if one is not CustodyStep.DESTROYED])
def test_what_is_destroyed_stays_destroyed(step: CustodyStep) -> None:
    for kept in (True, False):
        assert state_after(EvidenceState.DESTROYED, step, kept=kept) is None


def test_what_was_handed_over_can_only_come_back(case: Case) -> None:
    (disk,) = case.do("addEvidenceOfIncident", name="Disk", seal="1").evidence
    case.do("recordCustodyOfIncident", evidence=disk, step="handed", person="Police, Sgt. Lam", seal="2")
    assert items(case)[0][2] == "handed"
    with pytest.raises(ConflictError):
        case.do("recordCustodyOfIncident", evidence=disk, step="returned")
    case.do("recordCustodyOfIncident", evidence=disk, step="received", person="Police, Sgt. Lam")
    case.do("recordCustodyOfIncident", evidence=disk, step="returned", person="Lagoon Hospital")
    assert (items(case)[0][2], steps(case)) == ("returned", ["received", "handed", "received", "returned"])


def test_a_copy_of_a_file_is_handed_over_and_the_file_stays(case: Case) -> None:
    (log,) = add(case, LOG)
    case.do("recordCustodyOfIncident", evidence=log, step="handed", person="Police")
    assert items(case)[0][2] == "held"


def test_evidence_is_destroyed_by_two_persons(case: Case) -> None:
    (log,) = add(case, LOG)
    assert not case.do("destroyEvidenceOfIncident", evidence=log, reason="The case is over").destroyed
    with pytest.raises(ConflictError, match="second person"):
        case.do("destroyEvidenceOfIncident", evidence=log, reason="Again")
    digest = hashlib.sha256(LOG).hexdigest()
    assert digest in case.world.node.incident_evidence
    assert case.do("destroyEvidenceOfIncident", case.second, evidence=log, reason="I agree").destroyed
    assert digest not in case.world.node.incident_evidence
    assert (items(case)[0][2], steps(case)) == ("destroyed", ["received", "destroy-asked", "destroyed"])
    with pytest.raises(UsageError):
        case.do("recordCustodyOfIncident", evidence=log, step="destroyed")


def test_a_kill_while_evidence_is_destroyed_leaves_it_whole_or_destroyed(case: Case) -> None:
    (log,) = add(case, LOG)
    case.do("destroyEvidenceOfIncident", evidence=log, reason="The case is over")
    node, words = case.world.node, ("evidence", "destroy", case.reference, str(log), "--reason", "I agree")
    for cut, state in (("evidence.destroying", "held"), ("evidence.destroyed", "destroyed")):
        killed = command(node.home, *words, "--as", str(case.second), environment={**os.environ, "TOCSIN_CUT": cut})
        assert (killed.wait(), items(case)[0][2]) == (KILLED, state)
        assert case.world.tocsin.json("evidence", "verify")["bad"] == []
    assert steps(case) == ["received", "destroy-asked", "destroyed"]
    apply_retention(node, now=datetime.now(UTC) + timedelta(days=3))  # files have the time of the machine
    assert hashlib.sha256(LOG).hexdigest() not in node.incident_evidence


def test_bytes_that_another_item_has_stay_when_one_is_destroyed(case: Case) -> None:
    log, _ = add(case, LOG, LOG)
    case.do("destroyEvidenceOfIncident", evidence=log, reason="Twice here")
    case.do("destroyEvidenceOfIncident", case.second, evidence=log, reason="I agree")
    assert hashlib.sha256(LOG).hexdigest() in case.world.node.incident_evidence


def test_a_legal_hold_keeps_evidence_the_inbox_and_what_is_purged(case: Case, report: str) -> None:
    node, now = case.world.node, case.world.now
    (log,) = add(case, LOG)
    hold = case.do("addLegalHoldOfIncident", ordered_by="Public prosecutor", order_reference="12/26").hold
    with pytest.raises(ConflictError, match="legal hold, ordered by Public prosecutor"):
        case.do("destroyEvidenceOfIncident", evidence=log, reason="Over")
    for name in (f"incident:{case.reference}:evidence-{log}", f"inbox:{report}"):
        with pytest.raises(ConflictError, match="legal hold"):
            purge(node, name, reason="Asked", actor="person:1", now=now, person=case.first)
    case.world.tocsin.run("inbox", "erase", report, code=1)
    with node.database.begin() as session:
        row = session.query(PublicReport).one()
        row.state, row.changed_at = "closed", now - timedelta(days=1_000)
    assert apply_retention(node, now=now).inbox_deleted == 0
    case.do("liftLegalHoldOfIncident", hold=hold, reason="The court decided")
    with node.database.reading() as session:
        assert held_reports(session, now) == set()
    assert apply_retention(node, now=now).inbox_deleted == 1


def test_a_report_is_not_taken_out_from_under_a_legal_hold(case: Case, report: str) -> None:
    out = ("inbox", "take-out", report, "--incident", case.reference, "--as", str(case.first))
    hold = case.do("addLegalHoldOfIncident", ordered_by="Court").hold
    assert "legal hold" in case.world.tocsin.call(*out)[2]
    with case.world.node.database.reading() as session:
        assert len(held_reports(session, case.world.now)) == 1
    case.do("liftLegalHoldOfIncident", hold=hold, reason="The court decided")
    case.world.tocsin.run(*out)


def test_a_hold_ends_at_its_time_and_covers_what_is_merged_into_the_incident(case: Case) -> None:
    child = case.do("openIncident", title="Part").reference
    (disk,) = case.do("addEvidenceOfIncident", reference=child, name="Disk").evidence
    case.do("mergeIncident", reference=child, into=case.reference)
    until = case.world.now + timedelta(days=30)
    case.do("addLegalHoldOfIncident", ordered_by="Court", until=until.isoformat())
    with pytest.raises(ConflictError, match="legal hold"):
        case.do("destroyEvidenceOfIncident", evidence=disk, reason="Over")
    case.world = case.world.at(31)
    assert not case.do("destroyEvidenceOfIncident", evidence=disk, reason="Over").destroyed


@pytest.mark.usefixtures("report")
def test_a_hold_stays_on_what_is_unmerged(case: Case) -> None:
    """Each incident below the one that is held keeps it, once, until it is lifted there."""
    top, middle = (case.do("openIncident", title=title).reference for title in ("All", "Middle"))
    (disk,) = case.do("addEvidenceOfIncident", name="Disk").evidence
    case.do("mergeIncident", into=middle)
    case.do("mergeIncident", reference=middle, into=top)
    case.do("addLegalHoldOfIncident", reference=top, ordered_by="Court", order_reference="12/26")

    for reference, count in ((middle, 2), (case.reference, 3), (case.reference, 3)):
        case.do("unmergeIncident", reference=reference)
        assert [one.ordered_by for one in rows(case, LegalHold)] == ["Court"] * count
        with pytest.raises(ConflictError, match="legal hold, ordered by Court"):
            case.do("destroyEvidenceOfIncident", evidence=disk, reason="Over")
        with case.world.node.database.reading() as session:
            assert len(held_reports(session, case.world.now)) == 1
        if reference == case.reference:
            case.do("mergeIncident", into=middle)
    assert steps(case) == ["received", "held"]
    case.do("unmergeIncident")
    number = next(one.id for one in rows(case, LegalHold) if one.incident_id == 1)
    case.do("liftLegalHoldOfIncident", hold=number, reason="The court decided")
    assert not case.do("destroyEvidenceOfIncident", evidence=disk, reason="Over").destroyed


def test_no_hold_keeps_what_must_never_be_held(case: Case) -> None:
    (log,) = add(case, LOG)
    case.do("addLegalHoldOfIncident", ordered_by="Court")
    name, node = f"incident:{case.reference}:evidence-{log}", case.world.node
    purge(node, name, reason="Pictures", actor="person:1", now=case.world.now, person=case.first, never_held=True)
    assert hashlib.sha256(LOG).hexdigest() not in node.incident_evidence
    assert items(case) == [("", "", "destroyed")]


def test_a_file_that_was_taken_away_or_changed_is_named(case: Case) -> None:
    first, second, _third = add(case, LOG, b"another", b"a third")
    files = case.world.node.incident_evidence
    one, other = (hashlib.sha256(content).hexdigest() for content in (LOG, b"another"))
    files.delete(one)
    (files.folder / other[:2] / other).write_bytes(b"another?")
    with case.world.node.database.reading() as session:
        bad = {one.evidence: one.fault for one in check_files(session, files) if one.fault}
    assert bad == {first: "missing", second: "changed"}
    found = case.world.tocsin.json("evidence", "verify", code=1)
    assert [line["evidence"] for line in found["bad"]] == [first, second]


def test_evidence_moves_with_its_incident_into_a_compartment(case: Case) -> None:
    add(case, LOG)
    case.do("addLegalHoldOfIncident", ordered_by="Court")
    case.do("restrictIncident", persons=[str(case.first)])
    with pytest.raises(NotFoundError):
        case.do("addEvidenceOfIncident", case.second, name="Disk")
    with case.world.node.database.reading() as session:
        assert {one.compartment_id for one in session.scalars(select(IncidentEvidence))} != {0}
        assert {one.compartment_id for one in session.scalars(select(LegalHold))} != {0}
    assert [name for name, _, _ in items(case)] == ["auth.log"]
    assert case.world.tocsin.json("evidence", "verify") == {"good": True, "files": 0, "bad": []}


def test_what_was_uploaded_and_undone_is_swept_away_and_the_rest_stays(case: Case) -> None:
    node, digest = case.world.node, hashlib.sha256(LOG).hexdigest()
    node.incident_evidence.put(b"of an upload that was undone")
    add(case, LOG)
    apply_retention(node, now=datetime.now(UTC) + timedelta(days=2))
    assert [path.name for path in node.incident_evidence.folder.glob("??/*")] == [digest]


def test_a_purge_takes_the_file_and_the_words_and_names_what_holds_the_same(case: Case, report: str) -> None:
    node, digest = case.world.node, hashlib.sha256(b"what it says").hexdigest()
    (item,) = case.do("attachReportEvidenceOfIncident", report=report, seal="secret seal").evidence
    name = f"incident:{case.reference}:evidence-{item}"
    reader = IncidentReader(case.first, case.world.now)
    assert name in make_plan(node, f"inbox:{report}", reader).related
    plan = make_plan(node, name, reader)
    assert [one.partition(":entry-")[0] for one in plan.related] == [f"incident:{case.reference}"]
    for one in (name, *plan.related):
        purge(node, one, reason="Asked", actor="person:1", now=case.world.now, person=case.first)
    assert digest not in node.incident_evidence
    assert items(case) == [("", "", "destroyed")]
    with node.database.reading() as session:
        entries = session.scalars(select(IncidentEntry).where(IncidentEntry.kind == "evidence"))
        assert all("secret seal" not in str(one.data) for one in entries)
