"""What is another's to share: its source is asked, answers within limits, and that counts in the gate until its end."""

import email
import email.policy
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from pysequoia import PyDecryptor, decrypt
from sqlalchemy import select, update

from support.exchange_examples import Peer, peer
from support.incident_mails import add_party
from support.ledger_examples import OBSERVABLES, act, carry, make_incident, pin_key
from support.partner_examples import CALL, do
from support.world import World
from tocsin.cli.acts import act_of
from tocsin.exchange.dispatches import Limits, open_file, unpack
from tocsin.exchange.ledger import (
    ExchangeMessage,
    NoPartnerKeyError,
    OutgoingRow,
    open_questions,
    preview,
    sealed_file,
)
from tocsin.exchange.ledger.answer_models import ConsentRow
from tocsin.exchange.sharing import PackageKind, PartnerPackage
from tocsin.incidents import IncidentReader, Party, PartyRole, add_incident, find_incident
from tocsin.interface import ActContext, read_request
from tocsin.node.errors import ConflictError, NotFoundError

OWN = "198.51.100.9"


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def names(world: World, reference: str, partner: str) -> None:
    """Let an incident name a partner as a party."""
    with world.node.database.begin() as session:
        incident = find_incident(session, IncidentReader(None, world.now), reference, lock=True)
        add_party(session, incident, partner, f"csirt@{partner.lower()}.example", PartyRole.COORDINATOR)


def adopted(pair: tuple[World, World]) -> str:
    """A's incident at B, which names C as a party; its reference there."""
    one, other = pair
    carry(one, other, act(one, "send", partner="B", incident=make_incident(one, tlp="AMBER")).dispatch)
    reference: str = act(other, "adopt", item=1).incident
    pin_key(other, "C", UUID(int=3), peer(3).public.decode())
    names(other, reference, "C")
    return reference


def going(world: World, reference: str) -> PartnerPackage:
    """What would go to C of an incident."""
    found = act_of("exchange", "send")
    request = read_request(found, {"partner": "C", "incident": reference})
    return preview(ActContext(world.node, world.now, "test", act=found), request)


def values(package: PartnerPackage) -> set[str]:
    """The observables that go; with the title, where that goes."""
    kinds = {PackageKind.OBSERVABLES: "value", PackageKind.SUMMARY: "title"}
    return {one.item.values[kinds[one.item.kind]] for one in package.decisions if one.goes and one.item.kind in kinds}


def todo(world: World) -> list[int]:
    with world.node.database.reading() as session:
        return [one.id for one in open_questions(session, world.now)]


def test_a_source_is_asked_and_its_answer_counts_until_it_ends(pair: tuple[World, World]) -> None:
    one, other = pair
    reference = adopted(pair)
    other.tocsin.run("incidents", "add-observables", reference, "--text", OWN)
    assert values(going(other, reference)) == {OWN}, "what is of A is not ours to share"
    shown = other.tocsin.json("exchange", "send", "C", "--incident", reference, "--preview")
    assert shown["ask"] == [{"source": "A", "item": 1}]
    act(other, "send", partner="C", incident=reference)
    brought = b"".join(unpack(other.node.exchange.read(rows(other, OutgoingRow)[-1].archive), Limits()).values())
    assert (OWN.encode() in brought, b"Phishing kit" in brought) == (True, False), "nor its title"
    for name, given in (("pass-on", {"item": 1}), ("offer", {"incident": reference, "joint": True})):
        with pytest.raises(ConflictError, match="may not go"):
            act(other, name, partner="C", **given)

    until = other.now + timedelta(days=2)
    given = {"item": 1, "partner": "C", "until": until, "text": "C runs the hosts.", "once": "1"}
    asked = act(other, "ask-source", **given)
    assert act(other, "ask-source", **given).message == asked.message, "sent twice, it is asked once"
    assert todo(other) == [], "the source has a week"
    with pytest.raises(ConflictError, match="was asked"):
        act(other, "ask-source", item=1, partner="C")
    carry(other, one, asked.dispatch)
    (question,) = rows(one, ExchangeMessage)
    assert (question.asks, question.question.name, question.question.to) == ("consent", "C", (str(UUID(int=3)),))
    assert todo(one) == [question.id]
    with pytest.raises(ConflictError, match="up to which label"):
        act(one, "reply", message=1, outcome="done")
    answer = act(one, "consent", message=1, up_to="RED", until=until + timedelta(days=9))
    assert todo(one) == []
    carry(one, other, answer.dispatch)
    (consent,) = rows(other, ConsentRow)
    assert (consent.up_to, consent.until, consent.way) == ("AMBER", until.replace(microsecond=0), "dispatch")
    assert values(going(other, reference)) == {OWN, "Phishing kit", *OBSERVABLES}
    act(other, "pass-on", item=1, partner="C")
    other.now += timedelta(days=3)
    with pytest.raises(ConflictError, match="may not go"):
        act(other, "pass-on", item=1, partner="C")
    assert values(going(other, reference)) == {OWN}


def test_a_no_and_what_is_said_by_telephone_count_at_once(pair: tuple[World, World]) -> None:
    one, other = pair
    reference = adopted(pair)
    act(other, "record-consent", item=1, partner="C", answer="yes", way="telephone", who="Ada of A", said="Only C")
    assert values(going(other, reference)) == {"Phishing kit", *OBSERVABLES}
    act(other, "record-consent", item=1, partner="C", way="telephone", who="Ada of A", answer="no")
    assert values(going(other, reference)) == set()
    asked = act(other, "ask-source", item=1, partner="C")
    carry(other, one, asked.dispatch)
    other.now += timedelta(days=8)
    assert todo(other) == [asked.message], "A has not answered for a week"
    act(other, "record-consent", item=1, partner="C", answer="yes", way="telephone", who="Ada of A")
    assert (todo(other), rows(other, ExchangeMessage)[0].state) == ([], "done")
    other.now -= timedelta(days=8)
    carry(one, other, act(one, "consent", message=1).dispatch)
    assert [(row.way, row.ended_at) for row in rows(other, ConsentRow)][2:] == [], "it was answered here already"
    carry(one, other, act(one, "reply", message=1, outcome="refused", code="other", text="Not any more.").dispatch)
    assert values(going(other, reference)) == set(), "withdrawn"
    assert (rows(other, ExchangeMessage)[0].state, rows(other, ExchangeMessage)[0].answer) == (
        "refused", "Not any more.",
    )  # fmt: skip
    with pytest.raises(ConflictError, match="no answer any more"):
        act(one, "reply", message=1, outcome="refused", code="other")
    with pytest.raises(ConflictError, match="no open question"):
        act(one, "consent", message=1)


def test_nobody_is_asked_where_that_would_not_be_enough(pair: tuple[World, World]) -> None:
    _, other = pair
    reference = adopted(pair)
    pin_key(other, "D", UUID(int=4), peer(4).public.decode())
    with pytest.raises(ConflictError, match="would not be enough"):
        act(other, "ask-source", item=1, partner="D")
    with pytest.raises(ConflictError, match="has it already"):
        act(other, "ask-source", item=1, partner="A")
    said = {"answer": "yes", "way": "mail", "who": "Ada"}
    with pytest.raises(NotFoundError, match="takes part"):
        act(other, "record-consent", incident=reference, source="Nobody", partner="C", **said)


def opened(mail: bytes, decryptor: PyDecryptor) -> list[Any]:
    """The parts that the holder of a key reads in an encrypted mail."""
    _, sealed = email.message_from_bytes(mail, policy=email.policy.default).iter_parts()
    inner = decrypt(cast("bytes", sealed.get_payload(decode=True)), decryptor).bytes
    return list(email.message_from_bytes(cast("bytes", inner), policy=email.policy.default).iter_parts())


def name_person(world: World, reference: str, mailbox: str) -> None:
    """Let an incident name a person as a party who may have all of it."""
    with world.node.database.begin() as session:
        incident = find_incident(session, IncidentReader(7, world.now), reference, lock=True)
        add_party(session, incident, "Ada", mailbox, PartyRole.COORDINATOR)
        session.execute(update(Party).where(Party.mailbox == mailbox).values(ceiling="RED"))


def test_red_goes_to_one_person_by_their_own_key_from_a_restricted_incident(pair: tuple[World, World]) -> None:
    one, _ = pair
    mailbox, key = "ada@b.example", peer(4).public.decode()
    with one.node.database.begin() as session:
        made = add_incident(session, title="Insider", actor="person:7", now=one.now, members=(7,), tlp="RED")
        reference = made.reference
    as_person = ActContext(one.node, one.now, "person:7", "Analyst", 7, act=act_of("exchange", "send"))

    def send(partner: str) -> Any:
        request = read_request(act_of("exchange", "send"), {"partner": partner, "incident": reference})
        return act_of("exchange", "send").perform(as_person, request)

    with pytest.raises(ConflictError, match="may go") as wrong:
        send("B")
    assert "--person-of" in str(wrong.value.hint), "the node's key is everybody's there"
    with pytest.raises(ConflictError, match="no node"):
        do(one, "add", name="Ada", mailbox=mailbox, person_of="B", node=UUID(int=9))
    do(one, "add", name="Ada of B", mailbox=mailbox, person_of="B")
    do(one, "add-key", partner="Ada of B", content=key)
    with pytest.raises(NoPartnerKeyError):
        send("Ada of B")
    do(one, "confirm-key", partner="Ada of B", key=peer(4).party.key, **CALL)
    with pytest.raises(ConflictError, match="may go"):
        send("Ada of B")  # the incident does not name the person
    name_person(one, reference, mailbox)
    done = send("Ada of B")
    (row,) = rows(one, OutgoingRow)
    assert (row.number, row.title, row.incident, row.tlp, row.partner_id) == (-1, "", "", "RED", done.partner)
    mail = one.node.exchange.read(row.file)
    assert b"Insider" not in mail
    assert b"To: ada@b.example" in mail
    text, summary = opened(mail, peer(4).decryptor)
    assert text.get_content().startswith("TLP:RED")
    assert b"Insider" in summary.get_content()
    assert act(one, "recall", dispatch=done.dispatch, code="wrong").sent == 1
    taken_back = rows(one, OutgoingRow)[1]
    assert (taken_back.partner_id, taken_back.type) == (done.partner, "recall")
    reference = make_incident(one, tlp="RED")  # not restricted
    name_person(one, reference, mailbox)
    with pytest.raises(ConflictError, match="may go"):
        send("Ada of B")


def test_what_waits_does_not_leave_once_its_source_has_withdrawn(pair: tuple[World, World]) -> None:
    """The number of what was sealed is used up by what is signed of it alone."""
    other = pair[1]
    adopted(pair)
    act(other, "record-consent", item=1, partner="C", answer="yes", way="telephone", who="Ada of A")
    sent = act(other, "pass-on", item=1, partner="C")

    def file() -> bytes:
        with other.node.database.reading() as session:
            return sealed_file(other.node, session, sent.dispatch)[1]

    assert len(unpack_for(peer(3), file())) > 2
    act(other, "record-consent", item=1, partner="C", way="telephone", who="Ada of A", answer="no")
    assert unpack_for(peer(3), file()).keys() == {"dispatch.json", "dispatch.json.asc"}


def unpack_for(to: Peer, file: bytes) -> dict[str, bytes]:
    return open_file(file, [to.opening], Limits())
