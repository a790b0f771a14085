"""An incident goes to a MISP as the gate lets it, and what is said of it is what is there afterwards."""

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support import partner_examples
from support.abuse_reports import xarf
from support.https_server import Answer, WebServer
from support.misp_server import FakeMisp
from support.world import World, copy_world, make_world
from tocsin.cli.acts import act_of
from tocsin.exchange.formats import check_document
from tocsin.exchange.ledger import PassedItem
from tocsin.incidents import (
    IncidentObservable,
    IncidentReader,
    ObservableKind,
    acts,
    add_incident,
    add_observable,
    find_incident,
)
from tocsin.interface import ActContext, read_request
from tocsin.node.errors import ConflictError, NotFoundError, RemoteError, TocsinError, WithheldError
from tocsin.node.records import AuditEntry
from tocsin.pipeline.misp_push import MispPushResult

NAME = partner_examples.NAME
OBSERVABLES = (
    (ObservableKind.IP, "192.0.2.7", "indicator", "GREEN"),
    (ObservableKind.DOMAIN, "login.example", "indicator", "CLEAR"),
    (ObservableKind.ASN, "64500", "indicator", "AMBER"),
    (ObservableKind.EMAIL, "ada@bank.example", "victim", "GREEN"),
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def misp(server: WebServer) -> FakeMisp:
    return FakeMisp(server)


@pytest.fixture
def world(fresh: Path, tmp_path: Path, misp: FakeMisp, certificate: tuple[Path, ssl.SSLContext]) -> Iterator[World]:
    """A node with a partner in the directory, and its MISP in the settings."""
    made = copy_world(fresh, tmp_path)
    (made.node.home / "key").touch(0o600)
    (made.node.home / "key").write_text(misp.key)
    common = {
        "kind": "misp", "secret_file": "key", "networks": ["127.0.0.0/8"],
        "ca_file": str(certificate[0] / "certificate.pem"),
    }  # fmt: skip
    tables = {
        "aland": {**common, "url": misp.server.url(""), "partner": NAME},
        "open": {**common, "url": misp.server.url("/sub")},
    }
    made.node = replace(made.node, settings=made.node.settings.model_copy(update={"collect": tables}))
    partner_examples.add_partner(made, node=partner_examples.NODE, team="nat-b")
    with made.open:
        yield made


def incident(world: World, tlp: str = "GREEN", title: str = "Cards for sale") -> str:
    with world.node.database.begin() as session:
        made = add_incident(session, title=title, rsit_type="phishing", tlp=tlp, actor="x", now=world.now)
        for kind, value, role, label in OBSERVABLES:
            add_observable(session, made, kind, value, role=role, tlp=label, now=world.now)
        return made.reference


def push(world: World, reference: str, to: str = NAME, **values: Any) -> MispPushResult:
    world.now += timedelta(seconds=1)
    act = act_of("exchange", "push")
    context = ActContext(world.node, world.now, "test", "Test", act=act)
    done: MispPushResult = act.perform(context, read_request(act, {"to": to, "incident": reference, **values}))
    return done


def audited(world: World, reference: str) -> list[tuple[str, dict[str, Any]]]:
    with world.node.database.reading() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject == f"incident:{reference}"))
        return [(row.word, row.detail) for row in rows.all() if row.word.startswith("item.")]


def values(misp: FakeMisp) -> dict[str, bool]:
    """The values of the one event there, and whether each is deleted."""
    (event,) = misp.events.values()
    return {one["value"]: one["deleted"] for one in event["Attribute"]}


def join(world: World, reference: str, ceiling: str = "AMBER") -> None:
    """Let the partner's team take part in the incident."""
    act = next(one for one in acts.ACTS if one.operation == "addPartyOfIncident")
    said = {"reference": reference, "role": "coordinator", "team": "nat-b", "ceiling": ceiling}
    act.perform(ActContext(world.node, world.now, "test", act=act), read_request(act, said))


def test_what_the_gate_lets_arrives_and_who_has_it_is_noted(world: World, misp: FakeMisp) -> None:
    reference = incident(world)
    seen = push(world, reference, preview=True)
    assert (seen.preview, seen.sent, misp.calls, audited(world, reference)) == (True, 2, [], [])

    done = push(world, reference)
    assert (done.new, done.sent, done.arrived, done.stripped, done.changed, done.wider) == (True, 2, 2, [], [], False)
    (event,) = misp.events.values()
    assert values(misp) == {"192.0.2.7": False, "login.example": False}
    assert (event["info"], event["distribution"], event["published"]) == (f"{reference}: Cards for sale", "1", False)
    assert {one["name"] for one in event["Tag"]} == {"tlp:green", 'rsit:fraud="phishing"'}
    assert [one.valid for one in check_document("misp", misp.server.asked[-2].body)] == [True]
    assert sum(one.count for one in done.withheld) == 2
    (sent, was), (confirmed, found) = audited(world, reference)
    assert (sent, confirmed) == ("item.sent", "item.confirmed")
    assert (was["to"], was["way"], was["item"], was["marking"], was["attributes"]) == (
        str(partner_examples.NODE), "misp", str(done.event), "TLP:GREEN", 2,
    )  # fmt: skip
    assert (found["arrived"], found["stripped"], found["wider"]) == (2, 0, False)


def test_a_later_push_is_an_edit_that_deletes_what_may_not_go_any_more(world: World, misp: FakeMisp) -> None:
    reference = incident(world)
    push(world, reference)
    (event,) = misp.events.values()
    people = misp.put(0, "198.51.100.1")
    event["Attribute"] += misp.events.pop(people)["Attribute"]  # somebody there added it by hand
    with world.node.database.begin() as session:
        made = find_incident(session, IncidentReader(None, world.now), reference, lock=True)
        page = "https://login.example/pay"
        add_observable(session, made, ObservableKind.URL, page, role="indicator", tlp="GREEN", now=world.now)
        of = select(IncidentObservable).where(IncidentObservable.value == "192.0.2.7")
        session.scalars(of).one().withdrawn_at = world.now

    done = push(world, reference)
    assert (done.new, done.sent, done.arrived, done.changed) == (False, 2, 2, [])
    assert values(misp) == {
        "192.0.2.7": True, "login.example": False, "198.51.100.1": False, "https://login.example/pay": False,
    }  # fmt: skip


def test_amber_goes_to_who_takes_part_and_to_no_other_organisation_there(world: World, misp: FakeMisp) -> None:
    reference = incident(world, "AMBER")
    with pytest.raises(WithheldError) as raised:
        push(world, reference)
    assert raised.value.hint
    join(world, reference)
    done = push(world, reference)
    assert (done.arrived, done.marking) == (3, ["TLP:AMBER"])
    (event,) = misp.events.values()
    assert (event["distribution"], next(one["name"] for one in event["Tag"])) == ("0", "tlp:amber")
    misp.distribution = "3"
    wide = push(world, reference)
    assert (wide.wider, wide.changed) == (True, ["event: distribution is 3, not 0"])


def test_a_party_that_wants_green_at_most_gets_no_amber(world: World, misp: FakeMisp) -> None:
    reference = incident(world)
    join(world, reference, "GREEN")
    push(world, reference)
    assert values(misp) == {"192.0.2.7": False, "login.example": False}


def test_a_misp_of_nobody_gets_nothing_since_no_recall_would_reach_it(world: World, misp: FakeMisp) -> None:
    with pytest.raises(ConflictError, match="whose MISP"):
        push(world, incident(world, "CLEAR"), to="open")
    assert misp.calls == []


def test_a_recall_names_the_misp_until_what_was_pushed_is_deleted_there(world: World, misp: FakeMisp) -> None:
    world.tocsin.run("keys", "node-make", "--format", "openpgp")
    world.now = datetime.now(UTC)  # keys are made now
    reference = incident(world)
    done = push(world, reference)
    recalled = recall(world, reference)
    assert [str(done.event) in one and NAME in one for one in recalled.left] == [False, True]  # it has no key yet

    withdrawn = push(world, reference, withdraw=True)
    assert (withdrawn.withdrawn, withdrawn.changed) == (True, [])
    assert values(misp) == {"192.0.2.7": True, "login.example": True}
    assert [one["info"] for one in misp.events.values()] == [f"Withdrawn: {reference}"]
    with world.node.database.reading() as session:
        (passed,) = session.scalars(select(PassedItem)).all()
        assert (passed.way, passed.outgoing_id, passed.answer, passed.version) == ("misp", None, "done", 1)
    assert recall(world, reference).left == []


def recall(world: World, reference: str) -> Any:
    act = act_of("exchange", "recall")
    context = ActContext(world.node, world.now, "test", "Test", act=act)
    return act.perform(context, read_request(act, {"incident": reference, "code": "wrong"}))


def test_what_the_misp_drops_is_said(world: World, misp: FakeMisp) -> None:
    misp.may_tag, misp.refused = False, frozenset({"domain"})
    done = push(world, incident(world))
    assert (done.sent, done.arrived) == (2, 1)
    assert {"event: tag tlp:green", "domain login.example"} <= set(done.stripped)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b'{"name": "x", "message": "You do not have permission to do that."}', 403), "permission"),
        (Answer(b"<html>", 500), "500"),
    ],
)
def test_a_refusal_is_said_with_its_words_and_stays_noted_as_sent(
    world: World, misp: FakeMisp, answer: Answer, words: str
) -> None:
    reference = incident(world)
    misp.server.pages["/events/add"] = answer
    with pytest.raises(RemoteError, match=words):
        push(world, reference)
    assert [word for word, _ in audited(world, reference)] == ["item.sent"]


def test_what_must_never_be_held_does_not_leave(world: World, misp: FakeMisp) -> None:
    with pytest.raises(WithheldError):
        push(world, incident(world, title=json.dumps(xarf())))
    assert misp.events == {}


def test_nothing_leaves_while_sending_is_stopped_or_in_shadow_mode(world: World, misp: FakeMisp) -> None:
    reference, settings = incident(world), world.node.settings
    world.tocsin.run("stop", "--reason", "A wrong list")
    with pytest.raises(ConflictError, match="stopped"):
        push(world, reference)
    world.tocsin.run("resume")
    shadow = settings.model_copy(update={"tell": settings.tell.model_copy(update={"mode": "shadow"})})
    world.node = replace(world.node, settings=shadow)
    with pytest.raises(ConflictError, match="shadow"):
        push(world, reference)
    assert (misp.calls, audited(world, reference)) == ([], [])


def test_names_that_are_none_are_said(world: World) -> None:
    for to, reference in (("nobody", incident(world)), (NAME, "INC-0000-0000")):
        with pytest.raises(TocsinError) as raised:
            push(world, reference, to=to)
        assert isinstance(raised.value, NotFoundError)
