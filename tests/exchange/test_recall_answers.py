"""What is recalled has an answer of every partner who has it: by receipt, by dispatch, or by a person's word."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, update

from support.exchange_examples import peer
from support.ledger_examples import act, make_incident, meet, meet_peer, recalled
from support.world import World, copy_world, make_world
from tocsin.exchange.ledger import OfferedItem, OutgoingRow, PassedItem, sent_dispatches, unanswered_recalls
from tocsin.exchange.ledger.confirmation_models import SpokenAnswer
from tocsin.exchange.ledger.models import RecallItemRow
from tocsin.exchange.partners import Partner
from tocsin.incidents import Incident, IncidentEntryKind, IncidentReader, entries_of, find_incident
from tocsin.incidents.evidence.models import IncidentEvidence
from tocsin.operations.retention import apply_retention


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path / "one")
    with made.open:
        yield made


@pytest.fixture
def pair(world: World, fresh: Path, tmp_path: Path) -> Iterator[tuple[World, World]]:
    other = copy_world(fresh, tmp_path / "other")
    with other.open:
        yield meet(world, other)


def only(world: World, table: Any) -> Any:
    with world.node.database.reading() as session:
        return session.scalars(select(table)).one()


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


def test_whoever_has_mail_only_is_asked_by_a_person(world: World) -> None:
    recalled(world)
    with world.node.database.begin() as session:
        session.execute(update(Partner).values(node=None))
    with world.node.database.reading() as session:
        assert len(unanswered_recalls(session, world.now)) == 1
        assert sent_dispatches(session)[0].recalled == {1}
    done = world.tocsin.json("exchange", "record-answer", "1", "--state", "done", "--who", "Ada", "--said", "Deleted")
    assert (done["items"], done["state"]) == (1, "done")
    spoken = only(world, SpokenAnswer)
    assert (spoken.who, spoken.said, spoken.way) == ("Ada", "Deleted", "telephone")
    with world.node.database.reading() as session:
        assert unanswered_recalls(session, world.now) == []
    assert world.tocsin.call("exchange", "record-answer", "1", "--who", "Ada")[0] == 1, "it was answered"


def test_a_recall_names_who_has_no_node(world: World) -> None:
    meet_peer(world, peer(3))
    reference = make_incident(world, "Peer")
    act(world, "send", partner="Peer", incident=reference)
    with world.node.database.begin() as session:
        session.execute(update(Partner).values(node=None, mailbox=""))
    done = world.tocsin.json("exchange", "recall", "--incident", reference, "--code", "wrong")
    assert (done["sent"], done["left"]) == (0, ["Peer: Peer has no node and no email address."])


def test_the_incident_says_to_whom_it_went(world: World) -> None:
    meet_peer(world, peer(3))
    reference = make_incident(world, "Peer")
    act(world, "send", partner="Peer", incident=reference)
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        incident = find_incident(session, reader, reference)
        (entry,) = entries_of(session, reader, [incident], kinds=(IncidentEntryKind.EXCHANGE,))
    assert entry.data == {"act": "sent", "name": "Peer", "dispatch": 1}


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


@pytest.mark.parametrize(
    ("state", "hold", "left"), [("received", False, 0), ("received", True, 1), ("sealed", False, 1)]
)
def test_files_of_dispatches_go_after_their_time(world: World, state: str, hold: bool, left: bool) -> None:
    """Not while there is no receipt, an item waits, or its incident is under a legal hold."""
    meet_peer(world, peer(3))
    reference = make_incident(world, "Peer")
    act(world, "send", partner="Peer", incident=reference)
    with world.node.database.begin() as session:
        session.execute(update(OutgoingRow).values(state=state))
    if hold:
        world.tocsin.run("evidence", "hold", reference, "--ordered-by", "Court")
    world.now += timedelta(days=400)
    apply_retention(world.node, now=world.now)
    row = only(world, OutgoingRow)
    assert (bool(row.file), row.file in world.node.exchange) == (left, left)
    found, _, words = world.tocsin.call("exchange", "bundle", "1", "--out", world.folder / "bundle")
    assert found == 1
    assert ("not kept any more" in words) is not left
