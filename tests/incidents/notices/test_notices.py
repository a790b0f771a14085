"""Notices: typed in for an entity, corrected, answered; each has a receipt, and is a report of the inbox."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.api_client import caller
from support.console_users import person
from support.world import World, copy_world, make_world
from tocsin.incidents import IncidentReader
from tocsin.incidents import acts as incident_acts
from tocsin.incidents.arrivals import find_report, hints_of, triage_acts
from tocsin.incidents.clocks import text_acts
from tocsin.incidents.notices import (
    NoticeFilter,
    chain_of,
    find_law,
    find_notice,
    list_notices,
    next_of,
    notice_laws,
    read_values,
)
from tocsin.incidents.notices import acts as notice_acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry

FIELDS = '{"aware_at": "2026-11-15 08:00", "what": "Ransomware", "malicious": "yes", "cross_border": "unknown"}'
EARLY = ("--team", "operator", "--law", "nis2", "--door", "phone", "--received-at", "2026-11-15 09:30")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def add(world: World, kind: str = "early_warning", fields: str = FIELDS, *more: str) -> dict[str, Any]:
    made: dict[str, Any] = world.tocsin.json("notices", "add", *EARLY, "--kind", kind, "--fields", fields, *more)
    return made


def letters(world: World) -> list[Letter]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(Letter).where(Letter.kind == "notice").order_by(Letter.id)))


def do_inbox(world: World, name: str, number: int, **values: Any) -> Any:
    act = next(one for one in triage_acts.ACTS if one.name == name)
    context = ActContext(world.node, world.now, f"person:{number}", "Analyst", number, act=act)
    return act.function(context, read_request(act, values))


def test_a_notice_typed_in_is_a_mandatory_report_and_its_entity_gets_the_time_of_receipt(world: World) -> None:
    made = add(world, "early_warning", FIELDS, "--once", "a")
    assert add(world, "early_warning", FIELDS, "--once", "a")["reference"] == made["reference"]
    (listed,) = world.tocsin.json("notices", "list")
    assert (listed["entity"], listed["version"], listed["state"]) == ("Example Operator", 1, "received")
    assert listed["received_at"].startswith("2026-11-15T09:30")
    report = world.tocsin.json("inbox", "show", made["reference"])
    assert (report["door"], report["basis"], report["basis_act"]) == ("notice", "mandatory", "nis2")
    assert "What happened: Ransomware" in report["what"]
    (letter,) = letters(world)
    assert letter.mailbox == "abuse@operator.example"
    assert "2026-11-15 09:30 UTC" in letter.body
    assert made["reference"] in letter.subject
    world.now += timedelta(minutes=1)
    assert list(world.tell()) == ["abuse@operator.example"]  # not held


def test_a_form_without_what_the_act_asks_for_is_refused_by_field(world: World) -> None:
    code, _, said = world.tocsin.call("notices", "add", *EARLY, "--kind", "early_warning", "--fields", '{"x": 1}')
    assert (code, "aware_at" in said) == (2, True)
    values, wrongs = read_values(
        find_law("nis2"), "early_warning", {"aware_at": "soon", "malicious": "maybe", "x": "1"}
    )
    assert values == {}
    assert {name for name, _ in wrongs} == {"aware_at", "what", "malicious", "cross_border", "x"}


def test_a_correction_supersedes_and_can_be_corrected_once(world: World) -> None:
    first = add(world)
    other = add(world, "early_warning", FIELDS, "--corrects", first["reference"])
    assert (other["version"], other["chain"]) == (2, first["reference"])
    assert {one["version"]: one["state"] for one in world.tocsin.json("notices", "list")} == {
        1: "superseded", 2: "received",
    }  # fmt: skip
    again = ("notices", "add", *EARLY, "--kind", "early_warning", "--fields", FIELDS, "--corrects", first["reference"])
    assert world.tocsin.call(*again)[0] == 1


def test_what_follows_a_notice_is_proposed_for_its_incident(world: World) -> None:
    number = person(world.node, AccountRole.ANALYST, now=world.now)
    first = add(world)
    (placed,) = do_inbox(world, "open-incident", number, reference=(first["reference"],))
    fields = FIELDS[:-1] + ', "assessment": "High"}'
    later = add(world, "notification", fields, "--after", first["reference"])
    reader = IncidentReader(number, world.now)
    with world.node.database.reading() as session:
        report = find_report(session, reader, later["reference"])
        (hint,) = hints_of(session, reader, [report.id])[report.id].candidates
    assert hint.reference == placed.incident
    assert "it follows a notice that is in it" in hint.reasons
    wrong = ("notices", "add", *EARLY[:2], "--law", "gdpr", *EARLY[4:], "--kind", "intermediate")
    code, _, said = world.tocsin.call(*wrong, "--fields", '{"further": "x"}', "--after", first["reference"])
    assert (code, "another act" in said) == (2, True)


@pytest.mark.parametrize("way", ["after", "corrects"])
def test_what_follows_a_notice_in_a_restricted_incident_is_read_by_its_readers_alone(world: World, way: str) -> None:
    number, other = (
        person(world.node, AccountRole.ANALYST, now=world.now, mailbox=f"{name}@inside.example")
        for name in ("one", "other")
    )
    first = add(world)
    (placed,) = do_inbox(world, "open-incident", number, reference=(first["reference"],))
    restrict = next(one for one in incident_acts.ACTS if one.name == "restrict")
    named = {"reference": placed.incident, "persons": (str(number),)}
    context = ActContext(world.node, world.now, f"person:{number}", "Analyst", number)
    restrict.function(context, read_request(restrict, named))
    kind, more = ("early_warning", "") if way == "corrects" else ("notification", ', "assessment": "High"')
    said = {
        "team": "operator", "law": "nis2", "kind": kind, "door": "phone", "received_at": "2026-11-15 09:45",
        "fields": FIELDS[:-1] + more + "}", way: first["reference"],
    }  # fmt: skip
    later = notice_acts.add(context, read_request(notice_acts.ACTS[0], said)).reference
    with world.node.database.reading() as session:
        read = {
            who: [one.report.reference for one in list_notices(session, IncidentReader(who, world.now), NoticeFilter())]
            for who in (number, other)
        }
        about = set(session.scalars(select(Letter.about).where(Letter.key.startswith(f"inbox:{later}:"))))
    assert (read[number], read[other]) == ([later, first["reference"]], [])
    assert about == {f"inbox:{later}"}, "its receipt stands in no list of mails"


def test_an_answer_goes_to_the_entity_once_and_stands_in_the_incident(world: World) -> None:
    number = person(world.node, AccountRole.ANALYST, now=world.now)
    first = add(world)
    (placed,) = do_inbox(world, "open-incident", number, reference=(first["reference"],))
    said = ("notices", "answer", first["reference"], "--text", "Isolate it.", "--once", "a", "--as", str(number))
    for _ in range(2):
        assert world.tocsin.json(*said)["answered"] is True
    answer = letters(world)[-1]
    assert (len(letters(world)), answer.mailbox) == (2, "abuse@operator.example")
    assert "Isolate it." in answer.body
    kinds = [one["kind"] for one in world.tocsin.json("incidents", "show", placed.incident)["entries"]]
    assert kinds.count("notice") == 1


def test_clocks_of_an_adopted_text_say_when_the_next_is_due(world: World) -> None:
    number = person(world.node, AccountRole.ANALYST, now=world.now)
    adopt = next(one for one in text_acts.ACTS if one.name == "adopt")
    context = ActContext(world.node, world.now, f"person:{number}", "Analyst", number, act=adopt)
    adopt.function(context, read_request(adopt, {"law": "cra", "checked_by": "The legal office"}))
    fields = {"aware_at": "2026-11-15 08:00", "subject": "severe incident", "product": "Router 1", "nature": "Theft"}
    filed = ("--team", "operator", "--law", "cra", "--door", "mail", "--received-at", "2026-11-15 09:30")
    made = world.tocsin.json("notices", "add", *filed, "--kind", "notification", "--fields", json.dumps(fields))
    do_inbox(world, "open-incident", number, reference=(made["reference"],))
    reader = IncidentReader(number, world.now)
    with world.node.database.reading() as session:
        found = find_notice(session, reader, made["reference"])
        following = next_of(session, chain_of(session, reader, found.notice))
    assert following is not None
    assert (following.kind, str(following.due)[:7]) == ("final_report", "2026-12")  # a month after it was received


def test_the_api_does_the_same(world: World) -> None:
    body = {
        "team": "operator", "law": "voluntary", "kind": "notification", "door": "paper",
        "received_at": "2026-11-15T09:30:00Z", "fields": {"what": "A strange mail"},
    }  # fmt: skip
    with caller(world, AccountRole.ANALYST) as client:
        assert client.post("/notices", json=body | {"fields": {}}).status_code == 400
        reference = client.post("/notices", json=body).json()["reference"]
        assert [one["reference"] for one in client.get("/notices").json()["items"]] == [reference]
        read = client.get(f"/notices/{reference}").json()
        assert (read["basis"], read["fields"]) == ("voluntary", {"what": "A strange mail"})
        assert client.post(f"/notices/{reference}/answer", json={"text": "Thank you"}).json()["answered"] is True
        assert client.get("/notices", params={"state": "received"}).json()["items"] == []


def test_a_report_that_is_deleted_takes_its_notice_along(world: World) -> None:
    made = add(world)
    world.tocsin.run("inbox", "erase", made["reference"])
    assert world.tocsin.json("notices", "list") == []
    with world.node.database.reading() as session:
        assert "inbox.erased" in set(session.scalars(select(AuditEntry.word)))


def test_each_act_has_its_fields_in_five_languages() -> None:
    for law in notice_laws().values():
        for field in law.field:
            assert set(field.label) == {"en", "fr", "es", "pt", "ar"}
            assert any(field.id in form.fields for form in law.notice), f"{law.id}: {field.id} is nowhere"
