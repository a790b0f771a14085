"""Times statements between two nodes: signed, packed, encrypted, opened, verified, receipted; then a case's way over.

python bench/exchange.py --statements 10000 --each 100
python bench/exchange.py --acts        a case of 50 entries by the acts of two nodes with their records
python bench/exchange.py --recall 1000 an incident that so many partners have is recalled
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pysequoia import Tsk

from tocsin.delivery.sealing import opening_key
from tocsin.exchange.cases import add_entry, read_history
from tocsin.exchange.dispatches import (
    DispatchContents,
    DispatchRecipient,
    DispatchVerdict,
    IncomingDispatch,
    IncomingLink,
    OutgoingLink,
    OutgoingState,
    add_sealed,
    genesis,
    make_receipt,
    members_of,
    note_receipt,
    open_receipt,
    seal,
    seal_receipt,
    take,
)
from tocsin.exchange.statements import (
    CaseAct,
    CaseEntry,
    Dispatch,
    DispatchType,
    GlobalName,
    NodeKey,
    PinnedKey,
    Receipt,
    SharedItem,
    Statement,
    pinned,
    sign_statement,
    utc,
)
from tocsin.sharing.gate import Tlp

NOW = utc(datetime.now(UTC))
NODES = (UUID(int=1), UUID(int=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=100, help="Statements in one dispatch.")
    parser.add_argument("--acts", action="store_true", help="Only a case, by the acts.")
    parser.add_argument("--recall", type=int, metavar="PARTNERS", help="Only a recall from so many.")
    options = parser.parse_args()
    if options.recall:
        json.dump(recall_from(options.recall), sys.stdout, indent=1)
        return
    if options.acts:
        json.dump(case_by_acts(), sys.stdout, indent=1)
        return
    ours, theirs = (Tsk.generate("CSIRT <csirt@example.org>") for _ in NODES)
    json.dump(measure(ours, theirs, options.statements, options.each) | case(ours, theirs), sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(ours: Tsk, theirs: Tsk, statements: int, each: int) -> dict[str, object]:
    """All statements in dispatches of so many, one after the other, and the receipts for them."""
    sender, to = parties(ours, theirs)
    recipient, back = opener(to, theirs, sender, ours), opener(sender, ours, to, theirs)
    certs = ours.extract_certificate(), theirs.extract_certificate()
    link, links, size = OutgoingLink(genesis(sender, to)), dict[UUID, IncomingLink](), 0
    spent = dict.fromkeys(("send", "take", "receipt"), 0.0)
    signers = ours.signer(), theirs.signer()
    begun, before = time.perf_counter(), time.process_time()
    for first in range(0, statements, each):
        at = time.perf_counter()
        brought = [item(sender, number, ours) for number in range(first, min(first + each, statements))]
        sent = dispatch(ours, sender, to, brought, link)
        link = add_sealed(link, sent)
        file = seal(members_of(sent, brought), certs[1])
        size += len(file)
        spent["send"] += time.perf_counter() - at
        at = time.perf_counter()
        found = take(file, DispatchRecipient(recipient.own, recipient.opening, recipient.keys, links), NOW)
        contents = taken(found)
        must(len(contents.statements) == len(brought))
        links = {sender.node: replace(found.outcome.link, hashes={})}  # the ledger reads that of one number
        spent["take"] += time.perf_counter() - at
        at = time.perf_counter()
        receipt = open_receipt(seal_receipt(make_receipt(found, signers[1], NOW), certs[0]), back)
        link = note_receipt(link, receipt.said(Receipt))
        must(link.dispatches[-1].state is OutgoingState.RECEIVED)
        link = replace(link, dispatches=())  # as the ledger, which reads those without a receipt
        spent["receipt"] += time.perf_counter() - at
    seconds, used = time.perf_counter() - begun, time.process_time() - before
    return {
        "statements": statements, "in_each_dispatch": each, "seconds": round(seconds, 2),
        "cpu_seconds": round(used, 2), "bytes": size,
        **{name: round(value, 2) for name, value in spent.items()},
    }  # fmt: skip


def case(ours: Tsk, theirs: Tsk) -> dict[str, object]:
    """A case of 50 entries offered and accepted: bytes on the wire, and seconds until it is the other's."""
    sender, to = parties(ours, theirs)
    made: list[Statement] = []
    for number in range(1, 51):
        act = CaseAct.OPENED if number == 1 else CaseAct.OFFER if number == 50 else CaseAct.ENTRY
        text = f"Entry {number}: the operator answered that host 192.0.2.{number} was rebuilt and passwords changed."
        made.append(entry(ours, sender, made, act, text, to=to if number == 50 else None))
    begun = time.perf_counter()
    sent = dispatch(ours, sender, to, made, OutgoingLink(genesis(sender, to)))
    file = seal(members_of(sent, made), theirs.extract_certificate())
    found = take(file, opener(to, theirs, sender, ours), NOW)
    history = read_history(taken(found).statements)
    accepted = add_entry(history, entry(theirs, to, list(history.entries), CaseAct.ACCEPT, ""))
    must(accepted.owner == to.node)
    return {"case_bytes": len(file), "case_seconds": round(time.perf_counter() - begun, 3)}


def case_by_acts() -> dict[str, object]:
    """A case of 50 entries is offered and accepted: bytes of the file, seconds of each act."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support.ledger_examples import act, make_incident, meet
    from support.world import copy_world, make_world
    from tocsin.exchange.ledger import sealed_file
    from tocsin.incidents import IncidentEntryKind, IncidentReader, add_entry, find_incident

    spent: dict[str, object] = {}
    file = b""
    with tempfile.TemporaryDirectory() as folder:
        fresh = make_world(Path(folder) / "fresh").folder
        one, other = meet(*(copy_world(fresh, Path(folder) / name) for name in ("one", "other")))
        with one.open, other.open:
            reference = make_incident(one)
            with one.node.database.begin() as session:
                incident = find_incident(session, IncidentReader(None, one.now), reference)
                for number in range(1, 49):
                    text = f"The operator answered that host 192.0.2.{number} was rebuilt and passwords changed."
                    add_entry(session, incident, IncidentEntryKind.NOTE, text=text, actor="test", now=one.now)
            steps: tuple[tuple[Any, str, dict[str, Any]], ...] = (
                (one, "offer", {"partner": "B", "incident": reference}),
                (other, "take", {}),
                (other, "accept", {"case": 1}),
            )
            for world, name, values in steps:
                at = time.perf_counter()
                done = act(world, name, **values, **({"content": file} if name == "take" else {}))
                spent[f"{name}_seconds"] = round(time.perf_counter() - at, 3)
                if name == "offer":
                    with one.node.database.reading() as session:
                        file = sealed_file(one.node, session, done.dispatch)[1]
                    spent["case_bytes"] = len(file)
    return spent


def recall_from(partners: int) -> dict[str, object]:
    """An incident that partners with nodes have is recalled: processor seconds until each has its sealed dispatch."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from sqlalchemy import insert

    from support.exchange_examples import peer
    from support.ledger_examples import act, make_incident, meet_peer
    from support.world import make_world
    from tocsin.exchange.ledger import PassedItem
    from tocsin.exchange.partners import Partner, PartnerKey

    def more_of(session: Any, table: Any, changes: Any) -> None:
        row = session.get_one(table, 1)
        values = {one.name: getattr(row, one.name) for one in table.__table__.columns}
        session.execute(insert(table), [values | {"id": number} | changes(number) for number in range(2, partners + 1)])

    keys = [Tsk.generate("CSIRT <csirt@example.org>").extract_certificate() for _ in range(partners + 1)]
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder))
        with world.open:
            meet_peer(world, peer(3))
            reference = make_incident(world, "Peer")
            act(world, "send", partner="Peer", incident=reference)
            with world.node.database.begin() as session:
                more_of(session, Partner, lambda n: {"name": f"CSIRT {n}", "node": UUID(int=n)})
                more_of(
                    session, PartnerKey,
                    lambda n: {"partner_id": n, "fingerprint": keys[n].fingerprint, "content": str(keys[n])},
                )  # fmt: skip
                more_of(session, PassedItem, lambda n: {"partner_id": n})
            begun, before = time.perf_counter(), time.process_time()
            done = act(world, "recall", incident=reference, code="wrong")
            must(done.sent == partners)
            spent = {"cpu_seconds": time.process_time() - before, "seconds": time.perf_counter() - begun}
    return {"partners": partners, **{name: round(value, 2) for name, value in spent.items()}}


def taken(found: IncomingDispatch) -> DispatchContents:
    if found.contents is None or found.outcome.verdict is not DispatchVerdict.TAKEN:
        raise SystemExit(f"refused: {found.outcome.reason}")
    return found.contents


def must(holds: bool) -> None:
    if not holds:
        raise SystemExit("not all of it arrived")


def parties(ours: Tsk, theirs: Tsk) -> tuple[NodeKey, NodeKey]:
    first, second = (
        NodeKey(node=node, key=one.extract_certificate().fingerprint)
        for node, one in zip(NODES, (ours, theirs), strict=True)
    )
    return first, second


def opener(own: NodeKey, key: Tsk, other: NodeKey, others: Tsk) -> DispatchRecipient:
    pin = PinnedKey(other.node, bytes(others.extract_certificate()))
    opening = opening_key(key, "")
    return DispatchRecipient([own], [opening] if opening else [], pinned(pin))


def item(by: NodeKey, number: int, key: Tsk) -> Statement:
    said = SharedItem(
        id=uuid4(), by=by, at=NOW, item=GlobalName(node=by.node, id=uuid4()), version=1, tlp=Tlp.AMBER,
        title=f"Phishing page {number}", purpose="mitigation",
    )  # fmt: skip
    return sign_statement(said, key.signer())


def entry(
    key: Tsk, by: NodeKey, before: list[Statement], act: CaseAct, text: str, *, to: NodeKey | None = None
) -> Statement:
    said = CaseEntry(
        id=uuid4(), by=by, at=NOW, case=GlobalName(node=NODES[0], id=UUID(int=7)), number=len(before) + 1,
        before=before[-1].hash if before else None, act=act, role="lead", name="A. Diop", text=text, to=to,
    )  # fmt: skip
    return sign_statement(said, key.signer())


def dispatch(key: Tsk, by: NodeKey, to: NodeKey, brought: list[Statement], link: OutgoingLink) -> Statement:
    said = Dispatch(
        id=uuid4(), by=by, at=NOW, to=to, number=link.number + 1, before=link.head, type=DispatchType.SHARE,
        tlp=Tlp.AMBER, statements=tuple(one.hash for one in brought),
    )  # fmt: skip
    return sign_statement(said, key.signer())


if __name__ == "__main__":
    main()
