"""What is recalled has an answer of every partner who has it: by receipt, by dispatch, or by a person's word."""

import sys
from datetime import timedelta
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from support.exchange_examples import peer
from support.ledger_examples import act, amber_item, bring, make_incident, meet_peer, recalled
from support.world import World
from tocsin.exchange.ledger import OfferedItem, OutgoingRow, PassedItem, open_items, sent_dispatches, unanswered_recalls
from tocsin.exchange.ledger.answer_models import SpokenAnswer
from tocsin.exchange.ledger.models import RecallItemRow, RecallRow
from tocsin.exchange.partners import Partner
from tocsin.exchange.sharing.packages import compose
from tocsin.exchange.statements import DispatchType, Recall, RecallItem, RecallRequest
from tocsin.incidents import Incident, IncidentEntryKind, IncidentReader, entries_of, find_incident
from tocsin.incidents.evidence.models import IncidentEvidence
from tocsin.operations.retention import apply_retention
from tocsin.pipeline.collectors.kinds import CollectedOffer
from tocsin.pipeline.collectors.misp import MispSettings
from tocsin.pipeline.collectors.state import CollectorStatus, memory_of, note_offer
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import item_of


def only(world: World, table: Any) -> Any:
    with world.node.database.reading() as session:
        return session.scalars(select(table)).one()


def recalled_here(world: World, partner: str) -> tuple[set[str], set[str]]:
    """What a collector leaves out, and what it has a person asked about. ``partner``: whose its far end is."""
    made = {"kind": "misp", "url": "https://misp.example", "secret_file": "key", "partner": partner}
    standing = CollectorStatus("misp", MispSettings.model_validate(made))
    memory = memory_of(world.node.database, standing, world.now)
    return set(memory.recalled), set(memory.claimed)


def test_a_recall_of_what_was_never_here_is_answered_by_its_receipt(pair: tuple[World, World], tmp_path: Path) -> None:
    """The share was refused there, so a tombstone is all that the recall makes; the source does not wait."""
    one, other = pair
    reference = make_incident(one)
    for name in ("share", "recall"):
        if name == "share":
            one.tocsin.run("exchange", "send", "B", "--incident", reference, "--out", tmp_path / "share.pgp")
            other.tocsin.run("exchange", "take", tmp_path / "share.pgp", "--out", tmp_path / "receipt.pgp")
            with other.node.database.begin() as session:  # as where it was erased before
                session.execute(update(OfferedItem).values(state="erased"))
        else:
            one.tocsin.run("exchange", "recall", "--incident", reference, "--code", "wrong")
            one.tocsin.run("exchange", "file", "2", "--out", tmp_path / "recall.pgp")
            other.tocsin.run("exchange", "take", tmp_path / "recall.pgp", "--out", tmp_path / "receipt.pgp")
    assert only(other, RecallItemRow).state == "not-held"
    one.tocsin.run("exchange", "receipt", tmp_path / "receipt.pgp")
    assert only(one, PassedItem).answer == "not-held"
    shown = one.tocsin.json("exchange", "list")["sent"]
    assert [row["answer"] for row in shown if row["type"] == "share"] == ["not-held"]
    with other.node.database.begin() as session:  # as where the source wrote the UUID of somebody else's event
        session.execute(delete(OfferedItem))
    uuid = only(other, RecallItemRow).item
    database, offer = other.node.database, CollectedOffer("event", [], "key", claimed=[str(uuid)])
    assert recalled_here(other, "") == (set(), {str(uuid)})
    assert recalled_here(other, "A") == ({str(uuid)}, set()), "what comes from its own MISP is its to recall"
    for _ in range(2):
        note_offer(database, "misp", offer, refused="", now=other.now)
    item = only(other, OfferedItem)
    assert item.reason == "Taken in from misp; nothing shows that this partner is its source."
    with database.reading() as session:
        assert [row.id for row in open_items(session)] == [item.id]
    act(other, "answer", item=item.id, state="kept", code="not-source")
    note_offer(database, "misp", offer, refused="", now=other.now)
    assert only(other, OfferedItem).state == "kept", "it is asked once"
    assert recalled_here(other, "") == (set(), {str(uuid)})
    with database.begin() as session:
        session.execute(update(OfferedItem).values(state="erased"))
    assert recalled_here(other, "") == ({str(uuid)}, set()), "a person said that it counts"


def test_a_recall_waits_since_it_came_and_is_due_when_its_source_says(alone: World) -> None:
    source = peer(3)
    meet_peer(alone, source)
    amber_item(alone)
    with alone.node.database.begin() as session:
        session.execute(update(OfferedItem).values(came_at=alone.now - timedelta(days=9)))
    of, until = RecallItem(node=source.node, id=UUID(int=79), version=1), alone.now + timedelta(days=3)
    asked = source.says(Recall, items=(of,), code="court", asks=RecallRequest.ERASE, until=until)
    bring(alone, source, DispatchType.RECALL, asked)
    item = item_of(alone.node, ItemKind.PARTNER_ITEMS, "", alone.now)
    assert (item.count, item.since, item.due) == (1, only(alone, RecallRow).at, until)


def test_whoever_has_mail_only_is_asked_by_a_person(alone: World) -> None:
    recalled(alone)
    with alone.node.database.begin() as session:
        session.execute(update(Partner).values(node=None))
    with alone.node.database.reading() as session:
        assert len(unanswered_recalls(session, alone.now)) == 1
        assert sent_dispatches(session)[0].recalled == {1}
    answered = ("exchange", "record-answer", "1", "--state", "done", "--way", "telephone", "--who", "Ada")
    done = alone.tocsin.json(*answered, "--said", "Deleted")
    assert (done["items"], done["state"]) == (1, "done")
    spoken = only(alone, SpokenAnswer)
    assert (spoken.who, spoken.said, spoken.way) == ("Ada", "Deleted", "telephone")
    with alone.node.database.reading() as session:
        assert unanswered_recalls(session, alone.now) == []
    assert alone.tocsin.call(*answered)[0] == 1, "it was answered"


def test_a_recall_names_who_has_no_node(world: World) -> None:
    reference = make_incident(world, "Peer")
    act(world, "send", partner="Peer", incident=reference)
    with world.node.database.begin() as session:
        session.execute(update(Partner).values(node=None, mailbox=""))
    done = world.tocsin.json("exchange", "recall", "--incident", reference, "--code", "wrong")
    assert (done["sent"], done["left"]) == (0, ["Peer: Peer has no node and no email address."])


def test_the_incident_says_to_whom_it_went(world: World) -> None:
    reference = make_incident(world, "Peer")
    act(world, "send", partner="Peer", incident=reference)
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        incident = find_incident(session, reader, reference)
        (entry,) = entries_of(session, reader, [incident], kinds=(IncidentEntryKind.EXCHANGE,))
    assert entry.data == {"act": "sent", "name": "Peer", "dispatch": 1}


def test_what_is_sent_is_composed_once_and_shown(world: World) -> None:
    reference, composed = make_incident(world, "Peer"), 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal composed
        composed += event == "call" and frame.f_code is compose.__code__

    sys.setprofile(count)
    try:
        shown = world.tocsin.run("exchange", "send", "Peer", "--incident", reference, "--once", "1")
    finally:
        sys.setprofile(None)
    assert composed == 1
    assert "observables.csv" in shown
    again = world.tocsin.json("exchange", "send", "Peer", "--incident", reference, "--once", "1")
    assert "observables.csv" in {part["name"] for part in again["package"]["parts"]}


def test_two_people_who_adopt_at_once_open_one_incident(pair: tuple[World, World]) -> None:
    one, other = pair
    act(one, "send", partner="B", incident=make_incident(one))
    with one.node.database.reading() as session:
        content = one.node.exchange.read(sent_dispatches(session)[0].row.file)
    act(other, "take", content=content)
    found: list[Any] = []
    people = [Thread(target=lambda: found.append(act(other, "adopt", item=1))) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join(120)
    assert (len(found), found[0]) == (2, found[1])
    with other.node.database.reading() as session:
        assert len(session.scalars(select(Incident)).all()) == 1
        hashes = session.scalars(select(IncidentEvidence.sha256)).all()
    assert len(hashes) == len(set(hashes)), "no file became evidence twice"


def test_files_of_dispatches_go_after_their_time(world: World) -> None:
    """Not while there is no receipt, an item waits, or its incident is under a legal hold."""
    done, held, without_receipt = (make_incident(world, "Peer") for _ in range(3))
    for reference in (done, held, without_receipt):
        act(world, "send", partner="Peer", incident=reference)
    with world.node.database.begin() as session:
        session.execute(update(OutgoingRow).where(OutgoingRow.number < 3).values(state="received"))
    world.tocsin.run("evidence", "hold", held, "--ordered-by", "Court")
    world.now += timedelta(days=400)
    apply_retention(world.node, now=world.now)
    with world.node.database.reading() as session:
        files = session.scalars(select(OutgoingRow.file).order_by(OutgoingRow.number)).all()
    assert [(bool(one), one in world.node.exchange) for one in files] == [(False, False), (True, True), (True, True)]
    for number, gone in ((1, True), (2, False), (3, False)):
        status, _, words = world.tocsin.call("exchange", "bundle", str(number), "--out", world.folder / "bundle")
        assert (status, "not kept any more" in words) == (1, gone)
