"""Acts on incidents: what each refuses, who reads afterwards, and that the audit log seals what entries say."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.api_client import caller
from support.console_users import person
from support.furnished_node import inbox_reports
from support.world import World, copy_world, make_world
from tocsin.incidents import (
    IncidentReader,
    access_to_review,
    acts,
    entries_of,
    entry_hash,
    find_incident,
    members_of,
    tasks_of,
)
from tocsin.incidents.arrivals import PublicReport, find_report
from tocsin.incidents.models import IncidentReport, InCompartment
from tocsin.interface import ActContext, RequestError, read_request
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditEntry

ACTS = {act.operation: act for act in acts.ACTS}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def people(world: World) -> tuple[int, int]:
    """An analyst and a manager."""
    analyst, manager = (person(world.node, role, now=world.now) for role in (AccountRole.ANALYST, AccountRole.MANAGER))
    return analyst, manager


def do(world: World, operation: str, who: int | None, **values: Any) -> Any:
    act = ACTS[operation]
    actor = "cli:test" if who is None else f"person:{who}"
    return act.function(
        ActContext(world.node, world.now, actor, "One" if who else "", who, act=act), read_request(act, values)
    )


def reads(world: World, who: int | None, reference: str) -> bool:
    """Whether somebody finds an incident."""
    with world.node.database.reading() as session:
        try:
            find_incident(session, IncidentReader(who, world.now), reference)
        except NotFoundError:
            return False
    return True


def test_all_that_is_in_it_moves_with_a_restricted_incident(world: World, people: tuple[int, int]) -> None:
    analyst, manager = people
    whole, part = (do(world, "openIncident", analyst, title=title).reference for title in ("Whole", "Part"))
    do(world, "addTaskOfIncident", analyst, reference=part, text="Ask")
    do(world, "mergeIncident", analyst, reference=part, into=whole)
    report = inbox_reports(world)["inbox"][0]
    with world.node.database.begin() as session:
        found = find_incident(session, IncidentReader(None, world.now), whole)
        row = IncidentReport(
            incident_id=found.id, report_id=find_report(session, IncidentReader(None, world.now), report).id
        )
        row.compartment_id = 0
        session.add(row)
    do(world, "restrictIncident", analyst, reference=whole, persons=[str(analyst)])
    assert [reads(world, who, one) for one in (whole, part) for who in (analyst, manager, None)] == [
        True, False, False, True, False, False,
    ]  # fmt: skip
    with world.node.database.reading() as session:
        reader = IncidentReader(analyst, world.now)
        incident, other = find_incident(session, reader, whole), find_incident(session, reader, part)
        rows: list[InCompartment] = [
            *entries_of(session, reader, [incident, other]),
            *tasks_of(session, reader, [other]),
        ]
        assert {one.compartment_id for one in rows} == {incident.compartment_id, other.compartment_id}
        assert entries_of(session, IncidentReader(manager, world.now), [incident, other]) == []
        assert session.scalars(select(PublicReport.compartment_id)).all() == [incident.compartment_id]
    do(world, "unrestrictIncident", analyst, reference=whole)
    assert reads(world, None, part)


def test_who_is_named_reads_and_somebody_always_does(world: World, people: tuple[int, int]) -> None:
    analyst, manager = people
    named = do(world, "openIncident", analyst, title="Leak", lead=True, only=[str(analyst)]).reference
    with pytest.raises(UsageError, match="may not read the incident"):
        do(world, "assignIncident", analyst, reference=named, lead=str(manager))
    with pytest.raises(ConflictError, match="leads the incident"):
        do(world, "takeOutIncident", analyst, reference=named, person=str(analyst))
    do(world, "leaveIncident", analyst, reference=named)
    with pytest.raises(ConflictError, match="Nobody could read"):
        do(world, "takeOutIncident", analyst, reference=named, person=str(analyst))
    do(world, "letInIncident", analyst, reference=named, person=str(manager))
    assert reads(world, manager, named)
    do(world, "takeOutIncident", manager, reference=named, person=str(analyst))
    assert (reads(world, analyst, named), reads(world, manager, named)) == (False, True)
    with pytest.raises(NotFoundError):
        do(world, "noteIncident", analyst, reference=named, text="x")


def test_a_lead_who_is_not_named_leads_no_more(world: World, people: tuple[int, int]) -> None:
    analyst, manager = people
    named = do(world, "openIncident", analyst, title="Leak", lead=True).reference
    done = do(world, "restrictIncident", manager, reference=named, persons=[str(manager)])
    assert (done.lead, done.state, reads(world, analyst, named)) == (None, "new", False)


def test_those_who_gain_access_are_few_and_known(world: World, people: tuple[int, int]) -> None:
    analyst, manager = people
    named = do(world, "openIncident", analyst, title="Leak", only=[str(analyst)]).reference
    for wrong in (named[:-1], "INC-0000-0000", do(world, "openIncident", analyst, title="Of the team").reference):
        with pytest.raises((NotFoundError, UsageError)):
            do(world, "letMeInIncident", manager, reference=wrong, reason="Nobody can be reached")
    with pytest.raises(UsageError, match="Sign in"):
        do(world, "letMeInIncident", None, reference=named, reason="Nobody can be reached")
    do(world, "letMeInIncident", manager, reference=named, reason="Nobody can be reached")
    do(world, "letMeInIncident", manager, reference=named, reason="And once more, the same")
    with pytest.raises(NotFoundError):
        do(world, "reviewAccessIncident", manager, reference=named, person=manager)
    do(world, "reviewAccessIncident", analyst, reference=named, person=manager)
    with world.node.database.reading() as session:
        reader = IncidentReader(analyst, world.now)
        entries = entries_of(session, reader, [find_incident(session, reader, named)])
        assert [one.data.get("act") for one in entries] == ["reviewed", "let-me-in", None]


def test_what_ended_is_opened_before_it_is_changed(world: World) -> None:
    named = do(world, "openIncident", 1, title="Leak").reference
    do(world, "closeIncident", 1, reference=named, reason="Over")
    for operation, values in (
        ("closeIncident", {"reason": "Again"}),
        ("waitIncident", {"waiting_for": "them", "until": "2031-01-01 08:00"}),
    ):
        with pytest.raises(ConflictError, match="is closed"):
            do(world, operation, 1, reference=named, **values)
    assert do(world, "reopenIncident", 1, reference=named).state == "new"
    with pytest.raises(UsageError, match="over already"):
        do(world, "waitIncident", 1, reference=named, waiting_for="them", until=world.now)
    with pytest.raises(UsageError, match="not come yet"):
        do(world, "milestoneIncident", 1, reference=named, milestone="contained", happened_at="2031-01-01")
    with pytest.raises(RequestError, match="no type of"):
        do(world, "classifyIncident", 1, reference=named, rsit_type="badness")


def test_the_log_has_the_hash_of_what_each_entry_says(world: World) -> None:
    named = do(world, "openIncident", 1, title="Leak").reference
    do(world, "noteIncident", 1, reference=named, text="Rang them", happened_at="2026-11-15 20:00")
    do(world, "rateIncident", 1, reference=named, severity="high", reason="A hospital")
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        entries = entries_of(session, reader, [find_incident(session, reader, named)])
        log = session.scalars(select(AuditEntry.detail).where(AuditEntry.subject == f"incident:{named}")).all()
        assert [one["sha256"] for one in log] == [entry_hash(one) for one in reversed(entries)]
        assert all("Rang" not in str(one) for one in log)


def test_commands_do_and_show_the_same(world: World) -> None:
    tocsin = world.tocsin
    made = tocsin.json("incidents", "open", "Ransomware, Lagoon Hospital", "--rsit-type", "infected-system")
    named = made["reference"]
    tocsin.run("incidents", "wait", named, "--for", "the hospital", "--until", "2031-12-04 16:30")
    tocsin.run("incidents", "add-observables", named, "--text", "hxxp://evil[.]example/ and words")
    shown = tocsin.json("incidents", "show", named)
    assert (shown["state"], shown["waiting_for"]) == ("waiting", "the hospital")
    assert shown["waiting_until"].startswith("2031-12-04T16:30")
    assert [one["value"] for one in shown["observables"]] == ["http://evil.example/"]
    assert [one["kind"] for one in shown["entries"]] == ["observable", "state", "opened"]
    assert tocsin.call("incidents", "show", "INC-0000-0000")[0] == 1
    assert "Ransomware" in tocsin.run("incidents", "list", "--words", "lagoon")


def test_every_command_says_whose_word_it_is(world: World, people: tuple[int, int]) -> None:
    analyst, tocsin = f"{AccountRole.ANALYST}@people.example", world.tocsin
    named = tocsin.json("incidents", "open", "Phishing", "--lead", "--as", analyst)["reference"]
    tocsin.run("incidents", "note", named, "--text", "Rang them", "--as", analyst)
    tocsin.run("incidents", "add-task", named, "--text", "Ask for logs", "--as", analyst, "--owner", analyst)
    tocsin.run("incidents", "add-party", named, "--role", "victim", "--name", "Hospital", "--as", analyst)
    tocsin.run("incidents", "rate", named, "--severity", "high", "--reason", "A hospital")
    shown = tocsin.json("incidents", "show", named)
    rate, *others = (one["by"] for one in shown["entries"])
    assert set(others) == {f"person:{people[0]}"}
    assert not rate.startswith("person:")
    with world.node.database.reading() as session:
        log = session.scalars(select(AuditEntry.actor).where(AuditEntry.subject == f"incident:{named}")).all()
        assert not [one for one in log if one.startswith("person:")]  # who typed it
    assert tocsin.call("incidents", "note", named, "--text", "x", "--as", "nobody@people.example")[0] != 0
    page = tocsin.run("incidents", "show", named)
    assert "rsit_type" not in page
    assert "Severity: High" in page
    assert "person:" not in page
    tocsin.run("incidents", "restrict", named, "--persons", f"{AccountRole.MANAGER}@people.example", "--as", analyst)
    assert [reads(world, who, named) for who in (*people, None)] == [True, True, False]


def test_a_program_works_an_incident_by_the_api(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        made = client.post("/incidents", json={"title": "Leak", "lead": True})
        assert made.status_code == 201
        named = made.json()["reference"]
        assert "Tocsin-Undo" in made.headers
        wrong = client.post(f"/incidents/{named}/wait", json={"waiting_for": "", "until": "soon"})
        assert (wrong.status_code, {one["pointer"] for one in wrong.json()["errors"]}) == (
            422,
            {"/waiting_for", "/until"},
        )
        assert client.post(f"/incidents/{named}/tasks", json={"text": "Ask"}).status_code == 201
        whole = client.get(f"/incidents/{named}").json()
        assert [one["text"] for one in whole["tasks"]] == ["Ask"]
        first = client.get("/incidents?limit=1")
        client.post("/incidents", json={"title": "Other"})
        assert first.json()["items"][0]["reference"] == named
    with caller(world, AccountRole.OPERATOR) as client:
        assert client.get("/incidents").status_code == 404


def test_a_token_for_the_inbox_learns_of_no_incident(world: World) -> None:
    named = do(world, "openIncident", 1, title="Leak").reference
    report, secret = (
        world.tocsin.json("inbox", "add", f"{what} See {named}")["reference"] for what in ("One.", "Two.")
    )
    with caller(world, AccountRole.ANALYST) as client:
        client.post(f"/inbox/{secret}/incident", json={"incident": named}).raise_for_status()
        assert client.get(f"/inbox/{report}").json()["candidates"][0]["title"] == "Leak"
        assert client.get(f"/inbox/{secret}").json()["incidents"] == [named]
    with caller(world, AccountRole.ANALYST, Permission.INBOX_READ) as client:
        assert client.get(f"/incidents/{named}").status_code in {403, 404}
        for one in (report, secret):
            said = client.get(f"/inbox/{one}").json()
            assert (said["candidates"], said["incidents"]) == ([], [])
            assert "incident" not in {entry["kind"] for entry in said["entries"]}


def test_a_time_before_all_times_is_none(world: World) -> None:
    named = do(world, "openIncident", 1, title="Leak").reference
    with pytest.raises(RequestError, match="Write a time"):
        do(world, "waitIncident", 1, reference=named, waiting_for="them", until="0001-01-01T00:00+14:00")


def test_a_name_does_not_steer_the_terminal(world: World) -> None:
    said = world.tocsin.run("incidents", "open", "A\x9b2J\u202eb")
    assert "A\\x9b2J\\u202eb" in said


def members(world: World, who: int, reference: str) -> dict[int, datetime | None]:
    with world.node.database.reading() as session:
        found = find_incident(session, IncidentReader(who, world.now), reference)
        return {one.person: one.until for one in members_of(session, found)}


def to_review(world: World, who: int, *, later: timedelta = timedelta()) -> list[int]:
    with world.node.database.reading() as session:
        return [of.person for _, of in access_to_review(session, IncidentReader(who, world.now + later))]


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        ("letInIncident", "person"),
        ("takeOutIncident", "person"),
        ("restrictIncident", "persons"),
        ("unrestrictIncident", ""),
    ],
)
def test_who_let_himself_in_decides_nothing_of_who_reads(
    world: World, people: tuple[int, int], operation: str, named: str
) -> None:
    analyst, manager = people
    given: dict[str, Any] = {named: [str(manager)] if named == "persons" else str(manager)} if named else {}
    secret = do(world, "openIncident", analyst, title="Leak", only=[str(analyst)]).reference
    do(world, "letMeInIncident", manager, reference=secret, reason="Nobody can be reached")
    with pytest.raises(ConflictError, match="for a time only"):
        do(world, operation, manager, reference=secret, **given)
    assert members(world, analyst, secret) == {analyst: None, manager: world.now + timedelta(hours=24)}
    assert to_review(world, analyst) == [manager]


def test_access_is_reviewed_though_it_ended(world: World, people: tuple[int, int]) -> None:
    """Neither taking the person out, nor restricting it to others, nor a merge is a review."""
    analyst, manager = people
    named = do(world, "openIncident", analyst, title="Leak", only=[str(analyst)]).reference
    do(world, "letMeInIncident", manager, reference=named, reason="Nobody can be reached")
    do(world, "takeOutIncident", analyst, reference=named, person=str(manager))
    assert (reads(world, manager, named), to_review(world, analyst)) == (False, [manager])
    do(world, "restrictIncident", analyst, reference=named, persons=[str(analyst)])
    assert (reads(world, manager, named), to_review(world, analyst)) == (False, [manager])
    whole = do(world, "openIncident", analyst, title="Of the team").reference
    do(world, "mergeIncident", analyst, reference=named, into=whole)
    assert to_review(world, analyst) == [manager]
    do(world, "reviewAccessIncident", analyst, reference=named, person=manager)
    assert to_review(world, analyst) == []
