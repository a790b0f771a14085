"""Cases between nodes, by file: one owner, a whole history, nothing that a partner's file does by itself."""

import os
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from support.ledger_examples import act, carry, make_incident
from support.processes import KILLED, command
from support.world import World
from tocsin.exchange.ledger import (
    CaseEntryRow,
    ExchangeCase,
    ExchangeMessage,
    OfferedItem,
    OutgoingRow,
    close_handed_over,
    open_messages,
)
from tocsin.incidents import Incident, IncidentReader, entries_of, find_incident
from tocsin.interface import ActContext, RequestError
from tocsin.node.errors import ConflictError


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table)))


def settle(world: World) -> list[str]:
    return close_handed_over(ActContext(world.node, world.now, "node"))


def incident_of(world: World, reference: str) -> tuple[Incident, list[tuple[str, str, str]]]:
    """An incident, and what its entries say: kind, act, text."""
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        found = find_incident(session, reader, reference)
        entries = entries_of(session, reader, [found])
        return found, [(one.kind, one.data.get("act", ""), one.text) for one in entries][::-1]


def history(world: World) -> list[tuple[str, str]]:
    return sorted((row.content, row.signature) for row in rows(world, CaseEntryRow))


def states(*worlds: World) -> list[str]:
    return [row.state for world in worlds for row in rows(world, ExchangeCase)]


def offered(one: World, **values: Any) -> tuple[str, Any]:
    reference = make_incident(one)
    one.tocsin.run("incidents", "note", reference, "--text", "The operator rebuilt the host.")
    return reference, act(one, "offer", partner="B", incident=reference, **values)


def test_a_case_is_handed_over_and_comes_back(pair: tuple[World, World]) -> None:
    one, other = pair
    reference, done = offered(one, text="It is in your country.")
    assert carry(one, other, done.dispatch).verdict == "taken"
    assert states(one, other) == ["offered", "offered-to-us"]
    taken = act(other, "accept", case=1)
    incident, entries = incident_of(other, taken.incident)
    assert ("exchange", "entry", "The operator rebuilt the host.") in entries
    assert [one_.by for one_ in entries_by(other, taken.incident) if one_.data.get("act") == "entry"] != []
    assert incident.title == "Phishing kit"
    assert states(one, other) == ["offered", "ours"], "a lost acceptance: still unanswered here"
    assert settle(one) == []

    carry(other, one, taken.dispatch)
    assert states(one, other) == ["theirs", "ours"]
    assert incident_of(one, reference)[0].state == "new", "a file changes no incident"
    assert (settle(one), settle(one)) == ([reference], [])
    closed = incident_of(one, reference)[0]
    assert (closed.state, closed.handed_to) == ("closed", f"B ({taken.incident})")
    assert one.tocsin.call("incidents", "reopen", reference)[0] == 1
    one.tocsin.run("incidents", "note", reference, "--text", "The hoster called us.")
    assert history(one) == history(other)
    with pytest.raises(ConflictError):
        act(one, "offer", partner="B", incident=reference)

    other.tocsin.run("incidents", "note", taken.incident, "--text", "Nobody here may work on it.")
    back = act(other, "offer", partner="A", incident=taken.incident)
    carry(other, one, back.dispatch)
    again = act(one, "accept", case=1)
    carry(one, other, again.dispatch)
    assert (settle(other), states(one, other)) == ([taken.incident], ["ours", "theirs"])
    incident, entries = incident_of(one, reference)
    assert (incident.state, incident.handed_to, again.incident) == ("new", "", reference)
    assert ("exchange", "entry", "Nobody here may work on it.") in entries
    assert history(one) == history(other)


def entries_by(world: World, reference: str) -> list[Any]:
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        return list(entries_of(session, reader, [find_incident(session, reader, reference)]))


def test_who_does_not_take_its_case_back_has_it_no_more(pair: tuple[World, World]) -> None:
    one, other = pair
    reference, done = offered(one)
    carry(one, other, done.dispatch)
    taken = act(other, "accept", case=1)
    carry(other, one, taken.dispatch)
    carry(other, one, act(other, "offer", partner="A", incident=taken.incident).dispatch)
    with pytest.raises(ConflictError, match="offered to us"):
        act(one, "offer", partner="B", incident=reference)
    carry(one, other, act(one, "refuse", case=1, code="capacity").dispatch)
    assert states(one, other) == ["theirs", "refused"]
    with pytest.raises(ConflictError, match="is the partner's"):
        act(one, "offer", partner="B", incident=reference)


def test_a_case_is_refused_or_asked_back(pair: tuple[World, World]) -> None:
    one, other = pair
    reference, done = offered(one)
    carry(one, other, done.dispatch)
    refused = act(other, "refuse", case=1, code="capacity", reason="No people this week")
    assert [row.state for row in rows(other, OfferedItem)] == ["declined"]
    carry(other, one, refused.dispatch)
    (row,) = rows(one, ExchangeCase)
    assert (row.state, row.code, row.reason) == ("refused", "capacity", "No people this week")

    done = act(one, "offer", partner="B", incident=reference)
    carry(one, other, done.dispatch)
    asked = act(one, "withdraw", case=1)
    with pytest.raises(ConflictError):
        act(one, "withdraw", case=1)
    carry(one, other, asked.dispatch)
    with pytest.raises(ConflictError, match="asks for this case back"):
        act(other, "accept", case=1)
    carry(other, one, act(other, "refuse", case=1, code="withdrawn").dispatch)
    assert states(one, other) == ["refused", "theirs"]
    assert incident_of(one, reference)[0].state == "new"

    done = act(one, "offer", partner="B", incident=reference)
    carry(one, other, done.dispatch)
    taken, asked = act(other, "accept", case=1), act(one, "withdraw", case=1)
    carry(one, other, asked.dispatch)  # they cross
    carry(other, one, taken.dispatch)
    assert states(one, other) == ["theirs", "ours"]
    assert history(one) == history(other)
    assert carry(other, one, taken.dispatch).verdict == "taken", "a file that comes twice"
    assert len(rows(one, OutgoingRow)) == 5
    assert (settle(one), settle(one)) == ([reference], [])


def test_a_joint_case_has_both_references(pair: tuple[World, World]) -> None:
    one, other = pair
    reference, done = offered(one, joint=True)
    carry(one, other, done.dispatch)
    taken = act(other, "accept", case=1)
    carry(other, one, taken.dispatch)
    assert states(one, other) == ["joint", "joint"]
    assert [row.their_reference for world in pair for row in rows(world, ExchangeCase)] == [taken.incident, reference]
    assert incident_of(one, reference)[0].state == "new"
    assert settle(one) == []
    update = act(one, "send", partner="B", incident=reference)
    assert carry(one, other, update.dispatch).items == 1
    assert [row.version for row in rows(other, OfferedItem)] == [1, 2]
    assert act(other, "adopt", item=2).incident == taken.incident, "an update goes where the version before is"
    with pytest.raises(ConflictError, match="joint already"):
        act(one, "offer", partner="B", incident=reference, joint=True)


def test_what_one_began_another_ends_also_by_another_act(pair: tuple[World, World]) -> None:
    """Killed while a case was accepted and a request opened; then somebody adopts its item, and opens the request."""
    one, other = pair
    carry(one, other, offered(one)[1].dispatch)
    carry(one, other, act(one, "ask", partner="B", text="Keep the logs.", tlp="CLEAR").dispatch)
    for words in ("accept", "open"):
        environment = {**os.environ, "TOCSIN_CUT": "exchange.opening"}
        assert command(other.node.home, "exchange", words, "1", environment=environment).wait() == KILLED
    begun = {row.reference for row in rows(other, Incident)}
    assert {act(other, "adopt", item=1).incident, act(other, "open", message=1).incident} == begun


def messages(world: World) -> list[ExchangeMessage]:
    return rows(world, ExchangeMessage)


def test_a_request_is_acknowledged_and_answered(pair: tuple[World, World]) -> None:
    one, other = pair
    reference = make_incident(one)
    legal = {"basis": "legal", "instrument": "Budapest Convention, article 29"}
    asked = act(
        one, "ask", partner="B", incident=reference, asks="preservation", urgency="critical", tlp="GREEN",
        text="Keep the logs of 203.0.113.7.", **legal,
    )  # fmt: skip
    carry(one, other, asked.dispatch)
    (row,) = messages(other)
    assert (row.asks, row.basis, row.instrument, row.urgency, row.state) == (
        "preservation", *legal.values(), "critical", "open",
    )  # fmt: skip
    assert row.due_at == other.now + timedelta(hours=1)
    assert rows(other, Incident) == [], "a preservation request changes nothing by itself"
    assert [one_.id for one_ in todo(other)] == [row.id]
    carry(other, one, act(other, "acknowledge", message=1).dispatch)
    assert ([*todo(other)], messages(one)[0].state) == ([], "acknowledged")
    opened = act(other, "open", message=1)
    assert opened == act(other, "open", message=1)
    assert ("exchange", "asked-us", "Keep the logs of 203.0.113.7.") in incident_of(other, opened.incident)[1]
    later = other.now + timedelta(days=2)
    carry(other, one, act(other, "reply", message=1, outcome="later", by=later).dispatch)
    carry(other, one, act(other, "reply", message=1, outcome="refused", code="law", text="Not here.").dispatch)
    (ours,) = messages(one)
    assert (ours.state, ours.code, ours.answer) == ("refused", "law", "Not here.")
    with pytest.raises(ConflictError, match="no answer any more"):
        act(other, "reply", message=1, outcome="done")
    for wrong in ({"basis": "legal"}, {"instrument": "A law"}):
        with pytest.raises(RequestError):
            act(one, "ask", partner="B", text="Help", tlp="GREEN", **wrong)
    with pytest.raises(ConflictError, match="may not go"):
        act(one, "ask", partner="B", text="Only with a case that names the partner", tlp="AMBER")


def todo(world: World) -> list[ExchangeMessage]:
    with world.node.database.reading() as session:
        return list(open_messages(session))


def test_a_notice_is_acknowledged_by_a_person(pair: tuple[World, World]) -> None:
    one, other = pair
    (sent,) = act(one, "note", all=True, text="The link over cable 4 is down.", tlp="CLEAR")
    carry(one, other, sent.dispatch)
    (row,) = messages(other)
    assert (row.kind, row.text, row.due_at) == ("notice", "The link over cable 4 is down.", None)
    act(other, "acknowledge", message=1)
    assert (messages(other)[0].state, rows(other, OutgoingRow)) == ("acknowledged", [])
    with pytest.raises(ConflictError):
        act(other, "reply", message=1, outcome="done")
