"""Observables see the past and all that comes in: all and only what was planted, told to nobody who may not read it."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.console_users import person
from support.world import World, copy_world, make_world
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    acts,
    entries_of,
    find_incident,
    observables_of,
    sightings_to_review,
)
from tocsin.incidents.models import ObservableSighting
from tocsin.incidents.sightings import standings_of
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.records import open_undo, undo

ACTS = {act.operation: act for act in acts.ACTS}
PLANTED, OTHER, LATER = "192.0.2.77", "192.0.2.78", "192.0.2.79"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def analyst(world: World) -> int:
    return person(world.node, AccountRole.ANALYST, now=world.now)


def do(world: World, operation: str, who: int, **values: Any) -> Any:
    act = ACTS[operation]
    return act.function(
        ActContext(world.node, world.now, f"person:{who}", "One", who, act=act), read_request(act, values)
    )


def seen(world: World, who: int, reference: str) -> dict[str, tuple[int, int]]:
    """By value, in how many events and on how many days its observables were seen."""
    reader = IncidentReader(who, world.now)
    with world.node.database.reading() as session:
        rows = observables_of(session, reader, [find_incident(session, reader, reference)])
        standings = standings_of(session, reader, rows)
        return {one.value: (standings[one.id].events, standings[one.id].days) for one in rows}


def entries(world: World, who: int, reference: str, act: str) -> list[dict[str, Any]]:
    reader = IncidentReader(who, world.now)
    with world.node.database.reading() as session:
        found = entries_of(
            session, reader, [find_incident(session, reader, reference)], kinds=(IncidentEntryKind.OBSERVABLE,)
        )
        return [one.data for one in found if one.data["act"] == act]


def to_review(world: World, who: int | None) -> int:
    with world.node.database.reading() as session:
        return sightings_to_review(session, IncidentReader(who, world.now)).count


def test_an_observable_finds_the_victims_of_last_quarter_and_only_these(world: World, analyst: int) -> None:
    for day in range(0, 120, 10):  # the first are too old
        world.at(day).hear(PLANTED, OTHER, *([PLANTED] if day % 20 else []))
    expected = Counter(day for day in range(0, 120, 10) if day >= 110 - 90)
    reference = do(world, "openIncident", analyst, title="Scans").reference
    text = f"hxxp://nowhere[.]example {PLANTED} 198.51.100.0/28 192.0.2.76/31"
    added = do(world, "addObservablesOfIncident", analyst, reference=reference, text=text)
    assert (added.added, added.sighted) == (4, 2)
    days = len(expected)
    assert seen(world, analyst, reference) == {
        "http://nowhere.example": (0, 0), PLANTED: (days, days), "198.51.100.0/28": (0, 0),
        "192.0.2.76/31": (days, days),
    }  # fmt: skip


def test_each_ingest_adds_what_it_finds_once_and_says_so_once_a_day(world: World, analyst: int) -> None:
    reference = do(world, "openIncident", analyst, title="Scans").reference
    do(world, "addObservablesOfIncident", analyst, reference=reference, text=f"{PLANTED} AS64500 x.example")
    assert to_review(world, analyst) == 0
    world.hear(PLANTED, OTHER)
    world.hear(PLANTED, LATER, port=443)
    world.at(1).hear(PLANTED)
    assert seen(world, analyst, reference)[PLANTED] == (3, 2)
    assert [one["values"] for one in entries(world, analyst, reference, "seen")] == 2 * [[PLANTED, "64500"]]
    assert to_review(world, analyst) == 2
    do(world, "reviewSightingsOfIncident", analyst, reference=reference)
    assert to_review(world, analyst) == 0
    do(world, "lookUpObservablesOfIncident", analyst, reference=reference)
    assert seen(world, analyst, reference)[PLANTED] == (3, 2)


def test_what_was_withdrawn_or_has_expired_is_not_looked_for(world: World, analyst: int) -> None:
    reference = do(world, "openIncident", analyst, title="Scans").reference
    ends = world.now + timedelta(days=2)
    do(world, "addObservablesOfIncident", analyst, reference=reference, text=PLANTED, valid_until=ends.isoformat())
    do(world, "addObservablesOfIncident", analyst, reference=reference, text=OTHER)
    reader = IncidentReader(analyst, world.now)
    with world.node.database.reading() as session:
        rows = observables_of(session, reader, [find_incident(session, reader, reference)])
        numbers = {one.value: one.id for one in rows}
    do(world, "withdrawObservableOfIncident", analyst, reference=reference, observable=numbers[OTHER], reason="None")
    world.at(1).hear(PLANTED, OTHER)
    world.at(3).hear(PLANTED, OTHER)
    assert seen(world, analyst, reference) == {PLANTED: (1, 1)}
    do(world, "setValidityObservableOfIncident", analyst, reference=reference, observable=numbers[PLANTED])
    assert seen(world, analyst, reference) == {PLANTED: (2, 2)}, "the time in which it had expired is looked up"
    world.at(4).hear(PLANTED)
    do(world, "addObservablesOfIncident", analyst, reference=reference, text=OTHER)
    assert seen(world, analyst, reference) == {PLANTED: (3, 3), OTHER: (2, 2)}


def test_sightings_of_a_restricted_incident_are_its_readers_alone(world: World, analyst: int) -> None:
    other = person(world.node, AccountRole.MANAGER, now=world.now)
    guest = person(world.node, AccountRole.ANALYST, now=world.now, mailbox="guest@inside.example")
    readers = (str(analyst), str(guest))
    hidden = do(world, "openIncident", analyst, title="Secret", only=readers, lead=True).reference
    shared = do(world, "openIncident", other, title="Open", lead=True).reference
    for who, reference in ((analyst, hidden), (other, shared)):
        do(world, "addObservablesOfIncident", who, reference=reference, text=PLANTED)
    world.hear(PLANTED)
    assert to_review(world, analyst) == 2
    assert (to_review(world, other), to_review(world, guest), to_review(world, None)) == (1, 1, 1), "the lead alone"
    reader = IncidentReader(other, world.now)
    with world.node.database.reading() as session:
        (row,) = observables_of(session, reader, [find_incident(session, reader, shared)])
        assert standings_of(session, reader, [row])[row.id].incidents == []
        lead = IncidentReader(analyst, world.now)
        assert standings_of(session, lead, [row])[row.id].incidents == [(hidden, "Secret")]
        compartments = set(session.scalars(select(ObservableSighting.compartment_id)))
    assert len(compartments) == 2
    do(world, "unrestrictIncident", analyst, reference=hidden)
    with world.node.database.reading() as session:
        assert set(session.scalars(select(ObservableSighting.compartment_id))) == {0}


def test_adding_is_undone_with_what_it_found(world: World, analyst: int) -> None:
    world.hear(PLANTED)
    reference = do(world, "openIncident", analyst, title="Scans").reference
    do(world, "addObservablesOfIncident", analyst, reference=reference, text=PLANTED)
    with world.node.database.begin() as session:
        found = open_undo(session, f"person:{analyst}", None, world.now)
        assert found is not None
        undo(session, found, now=world.now)
        assert session.scalars(select(ObservableSighting)).all() == []


def test_an_act_on_a_merged_restricted_incident_says_nothing_in_the_open_one(world: World, analyst: int) -> None:
    hidden = do(world, "openIncident", analyst, title="Leak", only=[str(analyst)]).reference
    into = do(world, "openIncident", analyst, title="Phishing").reference
    do(world, "addObservablesOfIncident", analyst, reference=hidden, text=PLANTED)
    do(world, "addPartyOfIncident", analyst, reference=hidden, role="victim", name=PLANTED)
    do(world, "addTaskOfIncident", analyst, reference=hidden, text=PLANTED)
    note = do(world, "noteIncident", analyst, reference=hidden, text=PLANTED).entry
    do(world, "attachAffectedSystems", analyst, reference=hidden, matching=f"address={PLANTED}")
    do(world, "startPlaybookOfIncident", analyst, reference=hidden, playbook="ransomware")
    do(world, "addLegalHoldOfIncident", analyst, reference=hidden, ordered_by=PLANTED)
    world.hear(PLANTED)
    do(world, "mergeIncident", analyst, reference=hidden, into=into)
    do(world, "setValidityObservableOfIncident", analyst, reference=into, observable=1, valid_until="2031-01-01")
    do(world, "reviewSightingsOfIncident", analyst, reference=into)
    do(world, "attachSightedAffectedSystems", analyst, reference=into, observable=1)
    for operation, values in (
        ("withdrawObservableOfIncident", {"observable": 1, "reason": PLANTED}),
        ("leavePartyOfIncident", {"party": 1}),
        ("takeTaskOfIncident", {"task": 1}),
        ("finishTaskOfIncident", {"task": 1, "result": PLANTED}),
        ("correctIncident", {"entry": note, "text": PLANTED}),
        ("freezeAffectedSystems", {"population": 1}),
        ("detachAffectedSystems", {"population": 1}),
        ("stopPlaybookOfIncident", {"run": 1, "reason": PLANTED}),
        ("liftLegalHoldOfIncident", {"hold": 1, "reason": PLANTED}),
    ):
        do(world, operation, analyst, reference=into, **values)
    outsider = IncidentReader(None, world.now)
    with world.node.database.reading() as session:
        read = entries_of(session, outsider, [find_incident(session, outsider, into)])
        assert PLANTED not in str([(one.text, one.data) for one in read])
    assert entries(world, analyst, hidden, "validity")
    assert entries(world, analyst, hidden, "reviewed")
