"""Dispatches between nodes by file: taken once, receipted, decided by people, recalled; nothing in them commands."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pysequoia import Cert
from sqlalchemy import delete, insert, select, update

from support.abuse_reports import xarf
from support.exchange_examples import Peer, part, peer
from support.ledger_examples import (
    OBSERVABLES,
    act,
    everything_of,
    make_incident,
    own_key,
    party_of,
    receipt_of,
)
from support.processes import KILLED, command
from support.world import World
from tocsin.exchange.dispatches import genesis, members_of, seal
from tocsin.exchange.ledger import TAKING_WRITES, IncomingRow, OfferedItem, OfferState, OutgoingRow, PassedItem
from tocsin.exchange.ledger.links import receipted_rows
from tocsin.exchange.ledger.models import ExchangeLink
from tocsin.exchange.partners import Partner, PartnerKey
from tocsin.exchange.statements import (
    KINDS,
    AgreementType,
    CaseAct,
    CaseEntry,
    ConsentAnswer,
    ConsentQuestion,
    Dispatch,
    DispatchType,
    GlobalName,
    KeyAct,
    Profile,
    ProfileKey,
    Recall,
    RecallItem,
    RecallReport,
    RecallRequest,
    Receipt,
    ReceiptVerdict,
    RefusalCode,
    RefusalError,
    Request,
    RequestAnswer,
    SharedItem,
    SharingAgreement,
    Statement,
    utc,
)
from tocsin.incidents import (
    Incident,
    IncidentEntryKind,
    IncidentReader,
    entries_of,
    find_incident,
    observables_of,
)
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction, audit
from tocsin.sharing.gate import Tlp


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def things(world: World, which: str) -> list[dict[str, Any]]:
    """What the list says was sent or received."""
    found: list[dict[str, Any]] = world.tocsin.json("exchange", "list")[which]
    return found


def test_an_incident_goes_by_file_is_adopted_and_recalled(pair: tuple[World, World], tmp_path: Path) -> None:
    one, other = pair
    reference, file, receipt = make_incident(one), tmp_path / "a.pgp", tmp_path / "receipt.pgp"
    done = one.tocsin.json("exchange", "send", "B", "--incident", reference, "--out", file)
    assert (done["number"], done["state"]) == (1, "sealed")
    assert {"summary.json", "observables.csv"} <= {one_["name"] for one_ in done["package"]["parts"]}
    taken = other.tocsin.json("exchange", "take", file, "--out", receipt)
    assert (taken["verdict"], taken["name"], taken["items"]) == ("taken", "A", 1)
    assert other.tocsin.json("exchange", "take", file, "--out", tmp_path / "again.pgp")["incoming"] == taken["incoming"]
    assert len(rows(other, IncomingRow)) == 1
    assert receipt.read_bytes() == (tmp_path / "again.pgp").read_bytes(), "the same file has the same receipt"
    for path in (receipt, tmp_path / "again.pgp"):
        assert one.tocsin.json("exchange", "receipt", path)["state"] == "received"
    assert [(row["thing"], row["state"], row["hop"]) for row in things(one, "sent")] == [
        ("Phishing kit", "received", "partner")
    ]
    adopted = other.tocsin.json("exchange", "adopt", "1")
    assert adopted == other.tocsin.json("exchange", "adopt", "1")
    with other.node.database.reading() as session:
        reader = IncidentReader(None, other.now)
        incident = find_incident(session, reader, adopted["incident"])
        found = {row.value for row in observables_of(session, reader, [incident])}
        (entry,) = entries_of(session, reader, [incident], kinds=(IncidentEntryKind.EXCHANGE,))
    assert entry.data == {"act": "adopted", "name": "A", "reference": reference}, "what A calls it"
    assert (incident.title, incident.tlp, found) == ("Phishing kit", "GREEN", set(OBSERVABLES))
    assert other.tocsin.call("exchange", "decline", "1", "--reason", "No")[0] == 1

    recalled = one.tocsin.json("exchange", "recall", "--incident", reference, "--code", "wrong")
    assert (recalled["sent"], recalled["left"]) == (1, [])
    one.tocsin.run("exchange", "file", "2", "--out", tmp_path / "recall.pgp")
    other.tocsin.run("exchange", "take", tmp_path / "recall.pgp", "--out", receipt)
    assert [row["state"] for row in things(other, "received") if row["item"]] == ["recalled"]
    assert other.tocsin.call("exchange", "answer", "1", "--state", "done")[0] == 1, "an incident was made of it"
    other.tocsin.run("exchange", "answer", "1", "--state", "done", "--end")
    assert [row["state"] for row in things(other, "received") if row["item"]] == ["erased"]
    other.tocsin.run("exchange", "file", "1", "--out", tmp_path / "report.pgp")
    one.tocsin.run("exchange", "take", tmp_path / "report.pgp", "--out", receipt)
    assert [row["answer"] for row in things(one, "sent") if row["type"] == "share"] == ["done"]
    one.tocsin.run("exchange", "file", "1", "--out", tmp_path / "same.pgp")
    assert (tmp_path / "same.pgp").read_bytes() == file.read_bytes()


def test_a_bundle_of_a_dispatch_proves_it_to_others(pair: tuple[World, World], tmp_path: Path) -> None:
    one, other = pair
    document = tmp_path / "advisory.txt"
    document.write_text("Patch now.\n")
    words = ("--document", document, "--tlp", "CLEAR", "--out", tmp_path / "a.pgp")
    one.tocsin.run("exchange", "send", "B", *words)
    assert one.tocsin.call("exchange", "bundle", "1", "--out", tmp_path / "early")[0] == 1
    other.tocsin.run("exchange", "take", tmp_path / "a.pgp", "--out", tmp_path / "receipt.pgp")
    one.tocsin.run("exchange", "receipt", tmp_path / "receipt.pgp")
    one.tocsin.run("exchange", "bundle", "1", "--out", tmp_path / "ours")
    other.tocsin.run("exchange", "bundle", "1", "--incoming", "--out", tmp_path / "theirs")
    keys = [word for node in (1, 2) for word in ("--key", party_of(pair[node - 1], node).key)]
    for folder in ("ours", "theirs"):
        found = one.tocsin.json("exchange", "verify", tmp_path / folder, *keys)
        assert (found["valid"], found["signer"]) == (True, party_of(one, 1).key)


def test_a_gap_is_stuck_until_the_missing_one_came(pair: tuple[World, World], tmp_path: Path) -> None:
    one, other = pair
    first, second, receipt = (tmp_path / f"{name}.pgp" for name in ("first", "second", "receipt"))
    document = tmp_path / "a.txt"
    for number, path in enumerate((first, second)):
        document.write_text(f"Text {number}")
        one.tocsin.run("exchange", "send", "B", "--document", document, "--tlp", "CLEAR", "--out", path)
    assert other.tocsin.json("exchange", "take", second, "--out", receipt, code=1)["verdict"] == "gap"
    one.tocsin.run("exchange", "receipt", receipt)
    assert {row["dispatch"]: (row["state"], row["reason"]) for row in things(one, "sent")} == {
        1: ("sealed", "The message is sealed and was not sent yet."),
        2: ("stuck", "The partner has not got number 1."),
    }
    for path in (first, second):
        assert other.tocsin.json("exchange", "take", path, "--out", receipt)["verdict"] == "taken"
    one.tocsin.run("exchange", "receipt", receipt)
    assert {row["state"] for row in things(one, "sent")} == {"received"}, "the newest receipt covers all below"


def test_what_is_not_for_us_or_of_a_stranger_leaves_nothing(pair: tuple[World, World], tmp_path: Path) -> None:
    one, other = pair
    (tmp_path / "a.txt").write_text("Text")
    words = ("--document", tmp_path / "a.txt", "--tlp", "CLEAR", "--out", tmp_path / "a.pgp")
    one.tocsin.run("exchange", "send", "B", *words)
    codes = []
    for node, content in (
        (one, (tmp_path / "a.pgp").read_bytes()),  # for B
        (other, file_of(peer(3), other, 2)),  # of nobody that B knows
        (other, b"no file"),
    ):
        with pytest.raises(RefusalError) as refused:
            act(node, "take", content=content)
        codes.append(refused.value.code)
        assert rows(node, IncomingRow) == []
    assert codes == [RefusalCode.UNDECRYPTABLE, RefusalCode.UNKNOWN_KEY, RefusalCode.UNDECRYPTABLE]


def file_of(
    sender: Peer,
    to: World,
    node: int = 1,
    statements: tuple[Statement, ...] = (),
    parts: tuple[bytes, ...] = (),
    **said: Any,
) -> bytes:
    """A dispatch of a peer to a node, as its file."""
    made = dispatch_of(sender, to, node, statements, parts, **said)
    return seal(members_of(made, statements, parts), Cert.from_bytes(own_key(to).encode()))


def dispatch_of(
    sender: Peer, to: World, node: int, statements: tuple[Statement, ...], parts: tuple[bytes, ...], **said: Any
) -> Statement:
    us = party_of(to, node)
    given = {
        "to": us, "number": 1, "before": genesis(sender.party, us), "type": DispatchType.SHARE, "tlp": Tlp.AMBER,
        "statements": tuple(one.hash for one in statements), "parts": tuple(map(part, parts)),
    }  # fmt: skip
    return sender.says(Dispatch, **given | said)


def test_what_must_never_be_held_is_refused_and_only_a_reference_stays(world: World) -> None:
    sender = peer(3)
    content = json.dumps(xarf()).encode()
    done = act(world, "take", content=file_of(sender, world, 1, (sender.item(content),), (content,)))
    assert (done.verdict, done.code, done.items) == ("refused", "not-taken", 0)
    (row,) = rows(world, IncomingRow)
    assert (row.archive, row.text, row.counts) == ("", "", True)
    assert len(world.tocsin.json("never-held", "list")) == 1


def test_nothing_goes_that_the_gate_keeps(pair: tuple[World, World]) -> None:
    one, _ = pair
    reference = make_incident(one, "Somebody", tlp="AMBER")
    with pytest.raises(ConflictError, match="Nothing of this may go"):
        act(one, "send", partner="B", incident=reference)
    shown = one.tocsin.json("exchange", "send", "B", "--incident", reference, "--preview")
    assert (shown["parts"], bool(shown["withheld"])) == ([], True)
    assert rows(one, OutgoingRow) == []


SEND = ("exchange", "send", "B", "--incident", "REF", "--once", "1", "--out", "a.pgp")
TAKE = ("exchange", "take", "a.pgp", "--out", "receipt.pgp")
RECALL = ("exchange", "recall", "--incident", "REF", "--code", "wrong")
STEPS: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (0, SEND, ("exchange.prepared", "exchange.sealing", "exchange.sealed")),
    (1, TAKE, ("exchange.opened", "exchange.taking", "exchange.taken")),
    (0, ("exchange", "receipt", "receipt.pgp"), ("exchange.receipting", "exchange.receipted")),
    (1, ("exchange", "adopt", "1"), ("exchange.opening", "exchange.observing", "exchange.adopting")),
    (0, RECALL, ("exchange.recalled", "exchange.recalling")),
    (0, ("exchange", "file", "2", "--out", "a.pgp"), ()),
    (1, TAKE, ()),
    (
        1,
        ("exchange", "answer", "1", "--state", "done", "--end"),
        ("exchange.ending.passed", "exchange.ending.ended", "exchange.sealing", "exchange.answered"),
    ),
    (1, ("exchange", "file", "1", "--out", "b.pgp"), ()),
    (0, ("exchange", "take", "b.pgp", "--out", "receipt.pgp"), ()),
)
"""Which node does what, and where it is killed before it does it whole."""


def test_killed_at_any_step_nothing_is_lost_or_doubled(pair: tuple[World, World], tmp_path: Path) -> None:
    reference = make_incident(pair[0])
    for node, words, cuts in STEPS:
        named = [reference if word == "REF" else str(tmp_path / word) if ".pgp" in word else word for word in words]
        for cut in cuts:
            killed = command(pair[node].node.home, *named, environment={**os.environ, "TOCSIN_CUT": cut})
            assert killed.wait() == KILLED, cut
        if words[1] == "adopt":
            act(pair[node], "adopt", item=1)  # by another person
        answered = words[:2] == ("exchange", "answer")  # it is done at its last cut, and a second time refused
        pair[node].tocsin.run(*named, code=int(answered))
    one, other = pair
    assert [(row.number, row.type) for row in rows(one, OutgoingRow)] == [(1, "share"), (2, "recall")]
    assert [(row.number, row.type) for row in rows(other, OutgoingRow)] == [(1, "report")]
    assert [(row.number, row.state) for row in rows(other, IncomingRow)] == [(1, "taken"), (2, "taken")]
    (item,) = rows(other, OfferedItem)
    assert item.state == "erased"
    assert [row.title for row in rows(other, Incident)] == [one.reference for one in rows(other, Incident)], (
        "it was opened once"
    )
    assert [row["answer"] for row in things(one, "sent") if row["type"] == "share"] == ["done"]


def messages(sender: Peer, item: SharedItem, ours: UUID, incident: UUID) -> dict[str, Statement]:
    """One statement of each kind, that says as much as it can of what is here."""
    named = RecallItem(node=item.item.node, id=item.item.id, version=9)
    foreign = RecallItem(node=ours, id=incident, version=1)
    case = {"case": GlobalName(node=ours, id=incident), "number": 1}
    new = ProfileKey(fingerprint=peer(5).party.key, armored=peer(5).public.decode())
    change = {"act": KeyAct.REPLACE, "old": sender.party.key, "since": utc(item.at), "new": new}
    key = {"act": KeyAct.STOP, "old": peer(6).party.key, "since": utc(item.at), "code": "compromised"}
    return {
        "update": sender.item(item=item.item, version=2),
        "recall": sender.says(Recall, items=(named,), code="court", asks=RecallRequest.ERASE),
        "recall of ours": sender.says(Recall, items=(foreign,), code="court", asks=RecallRequest.ERASE),
        "report": sender.says(RecallReport, on=f"sha256:{'0' * 64}"),
        "profile": sender.says(Profile, name="Another name"),
        "agreement": sender.says(
            SharingAgreement, agreement=uuid4(), edition=1, type=AgreementType.LAW, title="Obey", parties=(ours,)
        ),
        "case": sender.says(CaseEntry, act=CaseAct.OPENED, **case),
        "receipt": sender.says(
            KINDS["receipt"], of=f"sha256:{'1' * 64}", to=ours, number=1, taken=utc(item.at), had=9,
            verdict=ReceiptVerdict.TAKEN,
        ),
        "case of theirs": sender.says(
            CaseEntry, act=CaseAct.OPENED, case=GlobalName(node=sender.node, id=uuid4()), number=1
        ),
        "request": sender.item(),
        "question of consent": sender.item(),
        "consent to what was not asked": sender.item(),
        "notice": sender.item(),
        "key": sender.says(KINDS["key"], **key),
        "new key": sender.says(KINDS["key"], **change),
    }  # fmt: skip


AS: dict[str, dict[str, Any]] = {
    "request": {"type": DispatchType.REQUEST, "request": Request(asks="mitigation", basis="legal", instrument="A law")},
    "question of consent": {
        "type": DispatchType.REQUEST,
        "request": Request(
            asks="information",
            consent=ConsentQuestion(
                item=GlobalName(node=UUID(int=1), id=UUID(int=10)), to=("csirt@d.example",), name="D", up_to=Tlp.RED
            ),
        ),
    },
    "consent to what was not asked": {
        "type": DispatchType.ANSWER,
        "answer": RequestAnswer(to=f"sha256:{'0' * 64}", outcome="done", consent=ConsentAnswer(up_to=Tlp.RED)),
    },
    "notice": {"type": DispatchType.NOTE},
}
"""What a dispatch asks for, where that is not to have an item."""


def test_nobody_commands(world: World) -> None:
    """Each statement and each type of dispatch, in each state of the item that it is about."""
    sender, number, before = peer(3), 0, ""

    def brings(*statements: Statement, **said: Any) -> None:
        nonlocal number, before
        number += 1
        chain = {"before": before} if before else {}
        made = dispatch_of(sender, world, 1, statements, (), number=number, **chain, **said)
        assert act(world, "take", content=seal_for(world, made, *statements)).verdict != "gap"
        before = made.hash

    case = make_incident(world, "Peer")
    with world.node.database.begin() as session:  # a second key of it, which it stops
        key = session.scalars(select(PartnerKey)).one()
        kept = {one.name: getattr(key, one.name) for one in PartnerKey.__table__.columns if one.name != "id"}
        session.add(PartnerKey(**kept | {"fingerprint": peer(6).party.key, "content": peer(6).public.decode()}))
    with world.node.database.reading() as session:
        incident = find_incident(session, IncidentReader(None, world.now), case).uuid
    for state in OfferState:
        first = sender.item()
        brings(first)
        item = first.said(SharedItem)
        with world.node.database.begin() as session:
            session.execute(update(OfferedItem).where(OfferedItem.item == item.item.id).values(state=state.value))
        was = everything_of(world)
        for name, statement in messages(sender, item, UUID(int=1), incident).items():
            brings(statement, **AS.get(name, {}))
        compare(was, everything_of(world), state)
    was = everything_of(world)
    for type_ in DispatchType:
        brings(type=type_)
    compare(was, everything_of(world), "types of dispatches")


def test_a_link_costs_the_same_at_any_length(world: World) -> None:
    """Of a thousand dispatches before it, a receipt reads those that it says something new of."""
    to = peer(3)
    for text in (b"1", b"2"):
        act(world, "send", partner="Peer", documents=({"name": "a.txt", "content": text},), tlp="CLEAR")
    with world.node.database.begin() as session:
        row = session.get_one(OutgoingRow, 2)
        values = {one.name: getattr(row, one.name) for one in OutgoingRow.__table__.columns if one.name != "id"}
        more = [
            values | {"number": -number, "hash": f"sha256:{number:064}", "state": "received"}
            for number in range(1, 1_001)
        ]
        session.execute(insert(OutgoingRow), more)
        receipt = to.says(
            Receipt, of=row.hash, to=UUID(int=1), number=2, taken=utc(world.now), verdict=ReceiptVerdict.TAKEN, had=2
        ).said(Receipt)
    with world.node.database.reading() as session:
        partner = session.scalars(select(Partner)).one()
        assert [one.number for one in receipted_rows(session, partner, receipt)] == [1, 2]


def seal_for(world: World, made: Statement, *statements: Statement) -> bytes:
    return seal(members_of(made, statements), Cert.from_bytes(own_key(world).encode()))


ONLY_CHANGED = {"exchange_outgoing", "exchange_passing", "partner"}
"""Tables that a file of a partner gives no new row."""


def compare(was: dict[str, dict[Any, dict[str, Any]]], now: dict[str, dict[Any, dict[str, Any]]], name: str) -> None:
    """Nothing changed but what a file of a partner may change."""
    changed = {table for table in now if now[table] != was[table]}
    assert changed <= TAKING_WRITES.keys(), name
    for table in changed:
        assert was[table].keys() <= now[table].keys(), f"{name}: a row of {table} is gone"
        assert table not in ONLY_CHANGED or was[table].keys() == now[table].keys(), f"{name}: a new row of {table}"
        for key, row in was[table].items():
            columns = {column for column in row if row[column] != now[table][key][column]}
            assert columns <= (TAKING_WRITES[table] or columns), f"{name}: {columns} of {table}"


def test_a_node_that_was_restored_goes_on_after_what_it_had_sent(world: World) -> None:
    """The partner's receipt of a number that this node does not know any more is where numbers go on.

    A node that was not restored has sent what it knows, whatever a receipt says.
    """
    to = peer(3)
    document = {"name": "a.txt", "content": b"Text"}
    act(world, "send", partner="Peer", documents=(document,), tlp="CLEAR")
    receipt = receipt_of(world, to)
    with world.node.database.begin() as session:  # as in the backup of the day before
        for table in (PassedItem, OutgoingRow, ExchangeLink):
            session.execute(delete(table))
    with pytest.raises(RefusalError, match="has not sent"):
        act(world, "take-receipt", content=receipt)
    with world.node.database.begin() as session:
        audit(session, AuditAction.BACKUP_RESTORED, at=world.now, actor="backup", subject="node")
    assert act(world, "take-receipt", content=receipt).state == "received"
    done = act(world, "send", partner="Peer", documents=(document,), tlp="CLEAR")
    assert done.number == 2
