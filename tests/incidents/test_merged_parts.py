"""What is done, in an open incident, with the parts of a restricted one that was merged into it stays in that one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from support.console_users import person
from support.playbook_examples import PLAYBOOK
from support.world import World, make_world
from tocsin.incidents import IncidentReader, ReportAudience, ReportRequest, acts, find_incident, make_report
from tocsin.incidents.act_parts import IncidentNamed
from tocsin.incidents.clocks import text_acts
from tocsin.incidents.evidence.export import export_evidence
from tocsin.incidents.models import Incident, IncidentEntry
from tocsin.incidents.playbooks import acts as playbook_acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, NotFoundError

ACTS: Final = {act.operation: act for act in (*acts.ACTS, *text_acts.ACTS, *playbook_acts.ACTS)}
PARTS: Final = (
    ("noteIncident", {"text": "They paid"}),  # entry 2, behind that it was opened
    ("milestoneIncident", {"milestone": "detected", "happened_at": "2026-11-15 10:00"}),
    ("addPartyOfIncident", {"role": "victim", "name": "Hospital", "mailbox": "it@hospital.example"}),
    *[("addTaskOfIncident", {"text": text}) for text in ("Ask", "Look", "Ring", "Wait")],
    ("addObservablesOfIncident", {"text": "192.0.2.7 192.0.2.8"}),
    ("attachAffectedSystems", {"matching": "kind=open-rdp"}),
    ("addEvidenceOfIncident", {"name": "Disk", "sha256": "ab" * 32, "size": "5"}),
    ("addLegalHoldOfIncident", {"ordered_by": "Court"}),
    ("startPlaybookOfIncident", {"playbook": "a-question"}),
)
DONE: Final = (
    ("correctIncident", {"entry": 2, "text": "They did not pay"}),
    ("takeTaskOfIncident", {"task": 1}),
    ("assignTaskOfIncident", {"task": 2, "owner": "1"}),
    ("finishTaskOfIncident", {"task": 3}),
    ("dropTaskOfIncident", {"task": 4, "reason": "Needless"}),
    ("setValidityObservableOfIncident", {"observable": 1, "valid_until": "2027-11-15 10:00"}),
    ("withdrawObservableOfIncident", {"observable": 2, "reason": "A mistake"}),
    ("freezeAffectedSystems", {"population": 1}),
    ("detachAffectedSystems", {"population": 1}),
    ("liftLegalHoldOfIncident", {"hold": 1, "reason": "Over"}),
    ("destroyEvidenceOfIncident", {"evidence": 1, "reason": "Over"}),
    ("keepEvidenceOfIncident", {"evidence": 1}),
    ("recordCustodyOfIncident", {"evidence": 1, "step": "handed", "person": "Police"}),
    ("answerPlaybookOfIncident", {"run": 1, "question": 2, "answer": "yes"}),
    ("stopPlaybookOfIncident", {"run": 1, "reason": "Wrong"}),
    ("leavePartyOfIncident", {"party": 1}),
)


@dataclass
class Case:
    """An open incident, and the restricted one that was merged into it, with a part of each kind."""

    world: World
    lead: int
    whole: str = ""
    part: str = ""

    def context(self, operation: str) -> ActContext:
        return ActContext(
            self.world.node, self.world.now, f"person:{self.lead}", "Lead", self.lead, act=ACTS.get(operation)
        )

    def do(self, operation: str, **values: Any) -> Any:
        act = ACTS[operation]
        return act.function(self.context(operation), read_request(act, values))

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """In which incident each entry is, and what it says; the newest last."""
        query = select(Incident.reference, IncidentEntry.data).join(Incident, Incident.id == IncidentEntry.incident_id)
        with self.world.node.database.reading() as session:
            return [(where, dict(data)) for where, data in session.execute(query.order_by(IncidentEntry.id))]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    world = make_world(tmp_path_factory.mktemp("merged"))
    with world.open:
        made = Case(world, person(world.node, AccountRole.ANALYST, now=world.now))
        made.do("addPlaybook", content=PLAYBOOK)
        made.do("adoptClockText", law="nis2", checked_by="Legal office")
        made.part = made.do("openIncident", title="Hidden").reference
        for operation, values in PARTS:
            made.do(operation, reference=made.part, **values)
        made.whole = made.do("openIncident", title="Open to all").reference
        made.do("restrictIncident", reference=made.part, persons=[str(made.lead)])
        made.do("mergeIncident", reference=made.part, into=made.whole)
        yield made
    world.node.database.close()


def test_an_export_of_evidence_names_to_each_what_is_theirs(case: Case, tmp_path: Path) -> None:
    own = case.do("addEvidenceOfIncident", reference=case.whole, name="Bag", sha256="cd" * 32, size="5").evidence
    export_evidence(case.context(""), IncidentNamed(reference=case.whole), tmp_path / "out")
    found = {where: data["items"] for where, data in case.entries() if data.get("act") == "exported"}
    assert found == {case.whole: list(own), case.part: [1]}


def test_a_report_for_a_party_is_an_entry_where_the_party_is(case: Case) -> None:
    request = ReportRequest(reference=case.whole, audience=ReportAudience.PARTY, party=1)
    make_report(case.context(""), request, lambda *_: b"")
    assert [where for where, data in case.entries() if data.get("audience") == "party"] == [case.part]


@pytest.mark.parametrize(
    ("beginning", "error"),
    [({"milestone": "detected"}, NotFoundError), ({"at": "2026-11-15 10:00", "entity": 1}, ConflictError)],
)
def test_no_clock_starts_with_them(case: Case, beginning: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        case.do("startClockOfIncident", reference=case.whole, rule="nis2-23-a", **beginning)


def test_each_act_on_a_part_is_an_entry_there(case: Case) -> None:
    for operation, values in DONE:
        before = len(case.entries())
        case.do(operation, reference=case.whole, **values)
        places = {where for where, _ in case.entries()[before:]}
        assert places == {case.part}, operation
    with case.world.node.database.reading() as session, pytest.raises(NotFoundError):
        find_incident(session, IncidentReader(None, case.world.now), case.part)
