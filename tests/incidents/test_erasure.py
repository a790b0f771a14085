"""What a person wrote in an incident is erased for good; and an entry that was changed behind our back is named."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from support.canary import WORD, files_with
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
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def case(fresh: Path, tmp_path: Path) -> Iterator[Case]:
    world = copy_world(fresh, tmp_path)
    with world.open:
        yield furnished(world)


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
