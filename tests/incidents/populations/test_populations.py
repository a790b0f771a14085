"""Affected systems: tallies equal an independent recount, ten thousand are one row, and each team is told once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from support.console_users import person
from support.world import World, copy_world, link_of, make_world, send
from tocsin.incidents import IncidentReader, acts, find_incident
from tocsin.incidents.models import IncidentPopulation
from tocsin.incidents.populations import affected_of, pack, populations_of, tally, unpack
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, UsageError
from tocsin.problems import ProblemSearch, problem_text

ACTS = {act.operation: act for act in acts.ACTS}
VICTIMS = [f"192.0.2.{number}" for number in range(1, 13)]
STORY = "Update the router today, and ring us.\nWe help."


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


def tallied(world: World, who: int, reference: str) -> dict[str, int]:
    reader = IncidentReader(who, world.now)
    with world.node.database.reading() as session:
        found = populations_of(session, reader, [find_incident(session, reader, reference)])
        of = tally(affected_of(found, world.node.problems, world.now))
    return {name: getattr(of, name) for name in ("problems", "notified", "answered", "fixed", "seen")}


def rows(world: World) -> int:
    """All rows of all tables."""
    with world.node.database.reading() as session:
        tables = world.node.database.engine.dialect.get_table_names(session.connection())
        return sum(session.scalar(text(f'SELECT count(*) FROM "{one}"')) or 0 for one in tables)


def test_tallies_are_those_of_problems_and_answers(world: World, analyst: int) -> None:
    reference = do(world, "openIncident", analyst, title="Routers").reference
    do(world, "attachAffectedSystems", analyst, reference=reference, matching="kind=open-rdp&state=open")
    world.hear(*VICTIMS)
    first = {"problems": 12, "notified": 0, "answered": 0, "fixed": 0, "seen": 12}
    assert tallied(world, analyst, reference) == first  # no mail has left
    link = link_of(next(mail for mail in world.tell().values() if VICTIMS[0] in mail.body))
    assert tallied(world, analyst, reference) == {**first, "notified": 12}
    client = world.client(public=True)
    send(client, link, "fixed", *VICTIMS[:4])
    send(client, link, "acknowledged", *VICTIMS[3:6])
    for day in (1, 2, 3, 4):
        world.at(day).hear(*VICTIMS[2:])
    gone = world.node.problems.find(ProblemSearch(), now=world.now).rows()
    assert tallied(world, analyst, reference) == {
        "problems": 12, "notified": 12, "answered": 6, "fixed": 3, "seen": sum(one.gone_at is None for one in gone),
    }  # fmt: skip
    assert sum(one.gone_at is None for one in gone) == 10


def test_a_list_stays_and_a_filter_grows(world: World, analyst: int) -> None:
    world.hear(*VICTIMS[:4])
    live, kept, chosen = (do(world, "openIncident", analyst, title=one).reference for one in ("A", "B", "C"))
    do(world, "attachAffectedSystems", analyst, reference=live, matching="address=192.0.2.0/24")
    do(world, "attachAffectedSystems", analyst, reference=kept, matching="address=192.0.2.0/24", freeze=True)
    keys = [problem_text(one) for one in world.node.problems.find(ProblemSearch(), now=world.now).keys.tolist()]
    for some in (keys[:1], keys[:2]):
        do(world, "attachAffectedSystems", analyst, reference=chosen, problems=some)
    world.hear(*VICTIMS[4:], port=443)
    assert [tallied(world, analyst, one)["problems"] for one in (live, kept, chosen)] == [12, 4, 2]
    with world.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(IncidentPopulation)) == 3, "what is chosen is one list"
        number = session.scalar(select(IncidentPopulation.id).where(IncidentPopulation.frozen_at.is_(None)))
    do(world, "freezeAffectedSystems", analyst, reference=live, population=number)
    world.hear("192.0.2.200")
    assert tallied(world, analyst, live)["problems"] == 12
    do(world, "detachAffectedSystems", analyst, reference=live, population=number)
    assert tallied(world, analyst, live)["problems"] == 0
    for wrong in ({}, {"matching": "state=open"}, {"problems": [keys[0]], "matching": "kind=x"}):
        with pytest.raises(UsageError):
            do(world, "attachAffectedSystems", analyst, reference=live, **wrong)


def test_notifications_of_affected_teams_carry_the_text_of_the_incident_until_it_is_withdrawn(
    world: World, analyst: int
) -> None:
    reference = do(world, "openIncident", analyst, title="Routers").reference
    do(world, "attachAffectedSystems", analyst, reference=reference, matching="address=192.0.2.0/28")
    world.hear(VICTIMS[0])
    tried = do(world, "setTextNotificationText", analyst, reference=reference, text=STORY, preview=True)
    assert (tried.teams > 0, tried.withheld, tried.entry) == (True, 0, None)
    assert STORY.partition("\n")[0] in tried.block
    assert all(STORY[:20] not in mail.body for mail in world.tell().values()), "a preview changes nothing"
    do(world, "setTextNotificationText", analyst, reference=reference, text=STORY, tlp="GREEN", tlp_reason="Agreed")
    world.at(1).hear(VICTIMS[6], "192.0.2.250")
    mails = world.tell()
    assert mails
    for mail in mails.values():
        assert (f"Incident {reference}" in mail.body) is (VICTIMS[6] in mail.body)
        assert ("ring us." in mail.body) is (VICTIMS[6] in mail.body)
    strict = do(world, "setTextNotificationText", analyst, reference=reference, text=STORY, tlp="RED")
    assert (strict.teams, strict.withheld > 0) == (0, True)
    world.at(2).hear(VICTIMS[2])
    assert all("ring us." not in mail.body for mail in world.tell().values()), "the gate lets no RED text out"
    do(world, "setTextNotificationText", analyst, reference=reference, text=STORY, tlp="GREEN", tlp_reason="Agreed")
    do(world, "withdrawTextNotificationText", analyst, reference=reference)
    world.at(3).hear(VICTIMS[3])
    assert all("ring us." not in mail.body for mail in world.tell().values())


def test_the_text_goes_to_no_supervisor_and_no_police_where_something_came_voluntarily(
    world: World, analyst: int
) -> None:
    world.tocsin.run("directory", "edit", "operator", "--kind", "police", "--said-by", "us")
    reference = do(world, "openIncident", analyst, title="Routers").reference
    do(world, "attachAffectedSystems", analyst, reference=reference, matching="address=192.0.2.0/24")
    do(world, "setTextNotificationText", analyst, reference=reference, text=STORY, tlp="CLEAR", tlp_reason="Agreed")
    said = ("inbox", "add", "We were hit", "--door", "phone")
    report = world.tocsin.json(*said)["reference"]
    world.tocsin.json("inbox", "put", report, "--incident", reference, "--as", str(analyst))
    world.hear(VICTIMS[0])
    mails = world.tell()
    told = {box: "ring us." in mail.body for box, mail in mails.items()}
    assert told.pop("abuse@operator.example") is False
    assert all(told.values())
    tried = do(
        world,
        "setTextNotificationText",
        analyst,
        reference=reference,
        text=STORY,
        preview=True,
        tlp="CLEAR",
        tlp_reason="Agreed",
    )
    assert tried.withheld == 1
    given = ("--given-by", "Head of IT", "--how", "by mail", "--at", "2026-11-15 10:00")
    world.tocsin.run("inbox", "record-consent", report, "--scope", "police", *given, "--as", str(analyst))
    world.at(1).hear(VICTIMS[1])
    assert "ring us." in world.tell()["abuse@operator.example"].body


def test_a_restricted_incident_says_nothing_in_notifications(world: World, analyst: int) -> None:
    reference = do(world, "openIncident", analyst, title="Secret").reference
    do(world, "attachAffectedSystems", analyst, reference=reference, matching="address=192.0.2.0/24")
    do(world, "setTextNotificationText", analyst, reference=reference, text=STORY, tlp="GREEN", tlp_reason="Agreed")
    do(world, "restrictIncident", analyst, reference=reference, persons=(str(analyst),))
    world.hear(VICTIMS[0])
    mails = world.tell()
    assert mails
    assert all("ring us." not in mail.body for mail in mails.values())
    with pytest.raises(ConflictError):
        do(world, "setTextNotificationText", analyst, reference=reference, text=STORY)


def test_the_systems_of_an_observable_are_attached_and_a_thousand_victims_are_few_rows(
    world: World, analyst: int
) -> None:
    victims = [f"192.0.2.{number}" for number in range(1, 251)]
    world.hear(*victims)
    reference = do(world, "openIncident", analyst, title="Many").reference
    do(world, "addObservablesOfIncident", analyst, reference=reference, text="192.0.2.0/24 203.0.113.9")
    before = rows(world)
    attached = do(world, "attachSightedAffectedSystems", analyst, reference=reference, observable=1)
    assert attached.problems == 250
    assert rows(world) - before <= 50, "one row for all, its entry, the audit log, and what undoes it"
    with pytest.raises(UsageError):
        do(world, "attachSightedAffectedSystems", analyst, reference=reference, observable=2)


@given(st.sets(st.integers(0, 2**64 - 1)))
def test_keys_are_packed_without_loss(keys: set[int]) -> None:
    assert unpack(pack(keys)).tolist() == sorted(keys)
