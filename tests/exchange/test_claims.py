"""No silent failure, by file: a fault at each stage has its one reason on the page, in the act and in the command."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pysequoia import Cert
from sqlalchemy import select, update

from support.console_users import browser_of
from support.exchange_examples import Peer, peer
from support.ledger_examples import act, make_incident, make_node, own_key, pin_key, pinned_of
from support.world import World, copy_world, text_of
from tocsin.exchange.dispatches import (
    DispatchOutcome,
    DispatchRecipient,
    DispatchVerdict,
    IncomingDispatch,
    Limits,
    make_receipt,
    seal_receipt,
    take,
    unpack,
)
from tocsin.exchange.ledger import OutgoingRow, sealed_file
from tocsin.exchange.ledger.links import OpenPartner, own_party
from tocsin.exchange.ledger.models import OfferedItem, RecallItemRow
from tocsin.exchange.ledger.sealing import DispatchDraft, seal_dispatch
from tocsin.exchange.partners import Partner, PartnerKey, find_partner
from tocsin.exchange.statements import (
    DispatchType,
    Recall,
    RecallItem,
    RecallRequest,
    RefusalCode,
    RefusalError,
    SharedItem,
    Statement,
    pinned,
    read_statement,
    verify,
)
from tocsin.incidents import Party, add_incident
from tocsin.interface import ActContext
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, TocsinError
from tocsin.pipeline.collectors.kinds import CollectorSettings
from tocsin.pipeline.collectors.state import CollectorStatus, memory_of
from tocsin.server.server import make_application
from tocsin.sharing.gate import Marking, Tlp


@dataclass(frozen=True)
class Fault:
    """Something wrong at a stage before the file is there. ``tlp``: of the incident that is to go."""

    begin: Callable[[World], Any]
    reason: str
    tlp: str = "GREEN"
    partner: str = "1"


def change(world: World, table: Any, **values: Any) -> None:
    with world.node.database.begin() as session:
        session.execute(update(table).values(**values))


def fill_disk(world: World) -> None:
    """Nothing can be kept where dispatches are kept."""
    folder = world.node.exchange.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("full")


FAULTS = {
    "expired key": Fault(
        lambda w: change(w, PartnerKey, ended_at=w.now - timedelta(days=1), ended="replaced"),
        "No confirmed key of Peer is valid.",
    ),
    "size": Fault(lambda w: change(w, Partner, largest=10), "Nothing of this may go to Peer."),
    "size of the file": Fault(lambda w: change(w, Partner, largest=900), "Peer takes no file of"),
    "marking": Fault(lambda _: None, "Nothing of this may go to Peer.", tlp="RED"),
    "no node": Fault(lambda w: change(w, Partner, node=None, mailbox=""), "Peer has no node and no email address."),
    "unknown partner": Fault(lambda _: None, "There is no such partner", partner="9"),
    "full disk": Fault(fill_disk, "A file cannot be kept in exchange/"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_before_the_file_is_there_has_one_reason(world: World, name: str) -> None:
    fault = FAULTS[name]
    reference = make_incident(world, "Peer", tlp=fault.tlp)
    fault.begin(world)
    with pytest.raises(TocsinError, match=re.escape(fault.reason)):
        act(world, "send", partner=fault.partner, incident=reference)
    status, _, words = world.tocsin.call("exchange", "send", fault.partner, "--incident", reference)
    assert (status, fault.reason in " ".join(words.split())) == (1, True)
    with browser(world) as analyst:
        shown = analyst.send(f"/partners/{fault.partner}/send", incident=reference, once="1")
        assert shown.status_code in {404, 409}
        assert fault.reason in text_of(shown) or fault.partner == "9"
    with world.node.database.reading() as session:
        assert session.scalars(select(OutgoingRow)).all() == [], "nothing of it counts"


def browser(world: World) -> Any:
    return browser_of(
        make_application(world.node, clock=lambda: world.now), world.node, AccountRole.ANALYST, now=world.now
    )


def test_what_is_withheld_or_refused_says_why_everywhere(world: World) -> None:
    """A class that was not chosen, and a partner that refuses: the reason is in the list, on the page, in the act."""
    to = peer(3)
    reference = make_incident(world, "Peer")
    world.tocsin.run("incidents", "note", reference, "--text", "We think that it is the same group.")
    done = act(world, "send", partner="Peer", incident=reference)
    refused = act(world, "take-receipt", content=refusal_of(world, to))
    assert (done.state, refused.state) == ("sealed", "refused")
    (row,) = world.tocsin.json("exchange", "list")["sent"]
    assert (row["state"], row["withheld"]) == ("refused", [["analysis", "tlp-green-community", "not-chosen", 3]])
    with browser(world) as analyst:
        shown = text_of(analyst.get("/exchange/dispatches/1"))
    assert all(word in shown for word in (row["reason"], "What the team wrote", "It was not selected.", "Refused"))


def test_an_item_names_no_incident_that_is_restricted(pair: tuple[World, World]) -> None:
    one, other = pair
    act(one, "send", partner="B", incident=make_incident(one))
    with one.node.database.reading() as session:
        act(other, "take", content=sealed_file(one.node, session, 1)[1])
    act(other, "adopt", item=1)
    for members in ((), (1,)):
        with other.node.database.begin() as session:
            made = add_incident(session, title="x", actor="test", now=other.now, members=members)
            session.execute(update(OfferedItem).values(incident=made.reference))
        (row,) = other.tocsin.json("exchange", "list")["received"]
        assert row["incident"] == (None if members else made.reference)


def test_a_party_gets_no_more_than_its_incident_says_of_it(world: World) -> None:
    reference = make_incident(world, "Peer", tlp="AMBER")
    asked = ("exchange", "send", "Peer", "--incident", reference, "--preview")
    assert world.tocsin.json(*asked)["parts"]
    with world.node.database.begin() as session:
        session.execute(update(Party).values(ceiling="GREEN"))
    shown = world.tocsin.json(*asked)
    assert (shown["parts"], {one["rule"] for one in shown["withheld"]}) == ([], {"recipient-ceiling"})


def refusal_of(world: World, to: Peer) -> bytes:
    with world.node.database.reading() as session:
        _, file = sealed_file(world.node, session, 1)
    came = take(file, DispatchRecipient([to.party], [to.opening], pinned(pinned_of(world, 1))), world.now)
    outcome = DispatchOutcome(
        DispatchVerdict.REFUSED, came.outcome.link, RefusalCode.NOT_TAKEN, "Not ours.", counts=True
    )
    receipt = make_receipt(IncomingDispatch(came.statement, outcome), to.signer, world.now)
    return seal_receipt(receipt, Cert.from_bytes(own_key(world).encode()))


def test_every_thing_has_a_state_with_every_partner_that_it_was_sent_to(alone: World) -> None:
    """The sum of states is things times partners."""
    make_node(alone, 1)
    for number, name in ((3, "Three"), (4, "Four"), (5, "Five")):
        pin_key(alone, name, peer(number).node, peer(number).public.decode())
    documents = [{"name": f"{number}.txt", "content": f"Text {number}".encode()} for number in range(4)]
    for name in ("Three", "Four", "Five"):
        act(alone, "send", partner=name, documents=tuple(documents), tlp="CLEAR")
    rows = alone.tocsin.json("exchange", "list")["sent"]
    assert len(rows) == 4 * 3
    assert {(row["partner"], row["thing"]) for row in rows} == {
        (name, one["name"]) for name in ("Three", "Four", "Five") for one in documents
    }
    assert all(row["state"] and row["reason"] for row in rows)


def test_a_recall_reaches_whom_the_source_does_not_know_and_nobody_can_alter_it(
    alone: World, fresh: Path, tmp_path: Path
) -> None:
    """A to B to C, three nodes: what A recalls, C erases; B passes A's own bytes on, and C reads no others."""
    second, third = copy_world(fresh, tmp_path / "second"), copy_world(fresh, tmp_path / "third")
    with second.open, third.open:
        nodes = [make_node(one, number) for number, one in enumerate((alone, second, third), 1)]
        for one in nodes:
            one.now = nodes[-1].now
        names = "ABC"
        for here, there in ((0, 1), (1, 0), (1, 2), (2, 1), (2, 0)):  # C has A's key, and A does not know C
            pin_key(nodes[here], names[there], UUID(int=there + 1), own_key(nodes[there]))
        a, b, c = nodes
        reference = make_incident(a, tlp="CLEAR")
        act(a, "send", partner="B", incident=reference)
        carry(a, 1, b)
        assert act(b, "pass-on", item=1, partner="C").number == 1
        carry(b, 1, c)
        signed = statement_in(b, SharedItem)
        assert act(c, "adopt", item=1).state == "adopted"
        act(a, "recall", incident=reference, code="wrong")
        carry(a, 2, b)
        act(b, "answer", item=1, state="done")
        kinds = dispatches(b)
        assert sorted(kinds.values()) == ["recall", "report", "share"]
        (number,) = (one for one, kind in kinds.items() if kind == "recall")
        file = file_of(b, number)
        assert statement_in(a, Recall) == statement_in(b, Recall), "the bytes that A signed"
        act(c, "take", content=file)
        act(c, "answer", item=1, state="done")
        assert only(c, OfferedItem).state == "erased"
        assert only(c, RecallItemRow).state == "done"
        (report,) = (one for one, kind in dispatches(c).items() if kind == "report")
        carry(c, report, b)
        done = act(b, "report", item=1)
        assert (done.passed_on, done.done, done.kept, done.silent) == (1, 1, 0, 0)
        reports = sorted(one for one, kind in dispatches(b).items() if kind == "report")
        for number in reports:
            carry(b, number, a)
        (row,) = (one for one in a.tocsin.json("exchange", "list")["sent"] if one["type"] == "share")
        assert (row["answer"], row["below"]) == ("done", {"passed_on": 1, "done": 1, "kept": 0, "silent": 0})
        with pytest.raises(ConflictError):
            act(b, "pass-on", item=1, partner="C")
        again = act(c, "take", content=shared_again(b, signed))
        assert (again.verdict, again.code) == ("refused", RefusalCode.RECALLED)
        item = only(c, RecallItemRow).item
        standing = CollectorStatus("misp", CollectorSettings(kind="misp", source="misp", feed="misp"))
        assert memory_of(c.node.database, standing, c.now).recalled == {str(item)}, "nor does it come by a MISP"


def test_whoever_passes_a_recall_on_cannot_change_it() -> None:
    """One bit of it, and its signature holds no more."""
    sender = peer(3)
    item = sender.item().said(SharedItem)
    named = RecallItem(node=item.item.node, id=item.item.id, version=1)
    recall = sender.says(Recall, items=(named,), code="wrong", asks=RecallRequest.ERASE)
    changed = recall.content.replace(b'"wrong"', b'"wronh"')
    statement, keys = read_statement(changed, recall.signature), pinned(sender.pin)
    with pytest.raises(RefusalError) as refused:
        verify(statement, keys)
    assert refused.value.code is RefusalCode.BAD_SIGNATURE


def carry(sender: World, dispatch: int, to: World) -> None:
    """A file of one node to another, and its receipt back."""
    taken = act(to, "take", content=file_of(sender, dispatch))
    assert taken.verdict == "taken", taken


def file_of(world: World, dispatch: int) -> bytes:
    with world.node.database.reading() as session:
        return sealed_file(world.node, session, dispatch)[1]


def shared_again(world: World, statement: Statement) -> bytes:
    """What a program of B that knows no recalls would send to C: the item once more, as A signed it."""
    with world.node.database.begin() as session:
        partner = find_partner(session, "C", lock=True)
        context = ActContext(world.node, world.now, "test")
        opened = OpenPartner(session, context, own_party(world.node, world.now), partner)
        sealed = seal_dispatch(opened, DispatchDraft(DispatchType.SHARE, "", Marking(Tlp.AMBER), [statement]))
        return world.node.exchange.read(sealed.file)


def statement_in(world: World, kind: type[Any]) -> Statement:
    """The statement of this kind in what a node keeps, as it was signed."""
    for path in sorted(world.node.exchange.folder.glob("??/*")):
        try:
            members = unpack(path.read_bytes(), Limits())
        except RefusalError:
            continue
        for name, content in members.items():
            if f"{name}.asc" in members and name != "dispatch.json":
                found = read_statement(content, members[f"{name}.asc"])
                if isinstance(found.body, kind):
                    return found
    raise LookupError(kind)


def dispatches(world: World) -> dict[int, str]:
    with world.node.database.reading() as session:
        return {row.id: row.type for row in session.scalars(select(OutgoingRow))}


def only(world: World, table: Any) -> Any:
    with world.node.database.reading() as session:
        return session.scalars(select(table)).one()
