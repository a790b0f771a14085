"""What a person wrote in an incident is erased for good; and an entry that was changed behind our back is named."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from support.canary import WORD, files_with, rows_with
from support.incident_mails import SETTINGS, answer_to, make_case
from support.world import World, copy_world, make_world
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    ObservableKind,
    add_entry,
    add_incident,
    add_observable,
    add_party,
    add_task,
    entries_of,
    find_incident,
)
from tocsin.incidents.contents import CONTENT
from tocsin.incidents.models import Incident, Party
from tocsin.incidents.takedowns import Takedown, TakedownRecipient
from tocsin.incidents.threads import IncidentThread, save_draft
from tocsin.node.errors import NotFoundError
from tocsin.operations.purge import make_plan, purge


@dataclass
class Case:
    """A node with an incident that has the canary everywhere, and a restricted one; ``parts``: what is purged."""

    world: World
    reference: str
    restricted: str
    lead: int
    parts: tuple[str, ...]

    def run(self, *words: str, code: int = 0) -> dict[str, object]:
        found: dict[str, object] = self.world.tocsin.json(*words, code=code)
        return found


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh"), SETTINGS).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def case(world: World) -> Case:
    return furnished(world)


def furnished(world: World) -> Case:
    now, by = world.now, {"actor": "person:9", "now": world.now}
    with world.node.database.begin() as session:
        made = add_incident(session, title="Leak", **by)  # type: ignore[arg-type]
        note = add_entry(session, made, IncidentEntryKind.NOTE, text=f"{WORD} rang", **by)  # type: ignore[arg-type]
        party = add_party(
            session, made, role="victim", team=None, name=WORD, mailbox=f"me@{WORD}.example", phone=WORD, language="en",
            ceiling="AMBER", now=now,
        )  # fmt: skip
        data = {"act": "joined", "role": "victim", "name": WORD}
        joined = add_entry(session, made, IncidentEntryKind.PARTY, data=data, party=party, **by)  # type: ignore[arg-type]
        task = add_task(session, made, f"Ask {WORD}", owner=None, due_at=None, now=now)
        add_observable(session, made, ObservableKind.DOMAIN, f"{WORD}.example", role="indicator", tlp="RED", now=now)
        other = add_incident(session, title="Hidden", members=[9], **by)  # type: ignore[arg-type]
        name = f"incident:{made.reference}"
        parts = (
            f"{name}:entry-{note.id}", f"{name}:party-{party.id}", f"{name}:entry-{joined.id}",
            f"{name}:task-{task.id}", f"{name}:observable-1",
        )  # fmt: skip
        return Case(world, made.reference, other.reference, 9, parts)


def test_what_is_purged_is_nowhere_and_the_log_still_verifies(case: Case) -> None:
    assert case.run("search", WORD)["results"] != []
    assert files_with(case.world.node.home) != []
    for part in case.parts:
        done = case.run("purge", part, "--reason", "A person asked")
        assert (done["kind"], done["reference"]) == ("incident", part)
    assert case.run("search", WORD)["results"] == []
    assert [path for path in files_with(case.world.node.home) if "records" in path] == []
    checked = case.run("incidents", "verify")
    assert (checked["good"], checked["erased"], checked["changed"]) == (True, 2, [])
    assert case.run("audit", "verify")["good"]
    shown = case.run("incidents", "show", case.reference)
    assert {one["name"] for one in shown["parties"]} == {""}  # type: ignore[attr-defined]


def test_the_purge_of_a_party_names_the_entries_that_name_it(case: Case) -> None:
    assert case.run("purge", case.parts[1], "--reason", "Asked")["related"] == [case.parts[2]]


def test_nobody_purges_what_he_may_not_read_or_learns_of_it(case: Case) -> None:
    node, now = case.world.node, case.world.now
    with node.database.reading() as session:
        hidden = find_incident(session, IncidentReader(case.lead, now), case.restricted)
        entry = entries_of(session, IncidentReader(case.lead, now), [hidden])[0]
    name = f"incident:{case.restricted}:entry-{entry.id}"
    for reader in (IncidentReader(None, now), IncidentReader(8, now)):
        with pytest.raises(NotFoundError):
            make_plan(node, name, reader)
    purge(node, name, reason="Asked", actor="person:9", now=now, person=case.lead)
    with pytest.raises(NotFoundError):
        purge(node, name, reason="Asked", actor="person:8", now=now, person=8)
    assert case.restricted not in case.world.tocsin.run("--json", "audit", "list")
    assert case.restricted not in case.world.tocsin.run("--json", "never-held", "list")


def test_of_a_party_nothing_is_left_in_any_table_of_an_incident(world: World) -> None:
    about = {"incident_party", "incident_thread"}
    tables = {
        one.__tablename__ for one in CONTENT if about & {key.column.table.name for key in one.__table__.foreign_keys}
    }
    assert tables == {
        "incident_entry", "incident_thread", "incident_mail", "incident_draft", "incident_clock",
        "incident_takedown_recipient",
    }  # fmt: skip
    mailbox = f"me@{WORD}.example"
    case = make_case(world, {WORD: mailbox})
    case.receive(answer_to(case.write(WORD, f"Dear {WORD}"), f"We look, says {WORD}.", sender=mailbox))
    with world.node.database.begin() as session:
        party = session.get_one(Party, case.parties[WORD])
        incident = session.get_one(Incident, party.incident_id)
        save_draft(session, party, 1, subject=WORD, text=WORD, now=world.now)
        session.scalars(select(IncidentThread)).one().senders = [f"other@{WORD}.example"]
        seen = add_observable(
            session, incident, ObservableKind.IP, "192.0.2.9", role="indicator", tlp="RED", now=world.now
        )
        assert seen is not None
        of: dict[str, Any] = {"incident_id": incident.id, "compartment_id": 0}
        takedown = Takedown(
            observable_id=seen.id, ground="phishing", basis="law", necessity="it harms", pap="CLEAR", address="",
            host=WORD, state="asked", proposed_at=world.now, **of,
        )  # fmt: skip
        session.add(takedown)
        session.flush()
        for asked_at in (world.now, None):
            session.add(TakedownRecipient(
                takedown_id=takedown.id, role="host", team_id=None, name=WORD, mailbox=mailbox, language="en",
                reason="", party_id=party.id if asked_at else None, asked_at=asked_at, **of,
            ))  # fmt: skip
    names = [f"incident:{case.reference}:party-{party.id}"]
    for name in names:
        found = world.tocsin.json("purge", name, "--reason", "A person asked")["related"]
        names += [one for one in found if one not in names]
    assert rows_with(world.node.home) == []
    assert world.tocsin.json("incidents", "verify")["good"]


def test_a_purged_mail_is_gone_from_its_thread_too(world: World) -> None:
    case = make_case(world, {"Hospital": "it@hospital.example"})
    sent = case.write("Hospital", WORD, subject=f"About {WORD}")
    case.receive(answer_to(sent, WORD, sender="it@hospital.example", subject=f"Re {WORD}"))
    case.receive(answer_to(sent, WORD, sender="doctor@home.example", subject=f"Re {WORD}"))
    for number in (1, 2, 3):
        world.tocsin.json("purge", f"{case.reference}:mail-{number}", "--reason", "A person asked")
    assert rows_with(world.node.home) == []
    assert files_with(world.node.home) == []
    assert world.tocsin.json("incidents", "verify")["good"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE incident_entry SET text = 'rung' WHERE kind = 'note'", "changed"),
        ("UPDATE incident_entry SET text = '' WHERE kind = 'note'", "changed"),
        ("UPDATE incident_entry SET \"by\" = 'person:1' WHERE kind = 'note'", "changed"),
        ("UPDATE incident_entry SET happened_at = '2020-01-01 00:00:00' WHERE kind = 'note'", "changed"),
        ("UPDATE incident_entry SET sha256 = 'x' WHERE kind = 'note'", "changed"),
        ("UPDATE incident_entry SET incident_id = 2 WHERE kind = 'note'", "moved to another incident"),
        ("DELETE FROM incident_entry WHERE kind = 'note'", "deleted"),
        ("UPDATE incident_entry SET id = 99 WHERE kind = 'note'", "not in the audit log"),
    ],
)
def test_an_entry_that_was_changed_by_hand_is_named(case: Case, change: str, reason: str) -> None:
    assert case.run("incidents", "verify")["changed"] == []
    with case.world.node.database.begin() as session:
        session.execute(text(change))
    found = case.run("incidents", "verify", code=1)
    assert {"entry": 99 if "99" in change else 2, "reason": reason} in [
        {"entry": one["entry"], "reason": one["reason"]}
        for one in found["changed"]  # type: ignore[attr-defined]
    ]
