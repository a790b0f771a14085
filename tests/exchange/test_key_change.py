"""A node replaces its key: partners confirm the new one by the old one's word, which then only opens."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.exchange_examples import peer
from support.ledger_examples import act as do_exchange
from support.ledger_examples import bring, make_incident, make_node, meet, meet_peer
from support.partner_examples import CALL, do
from support.world import World, copy_world, make_world
from tocsin.delivery.sealing import KeyRing, read_earlier_keys
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.dispatches import Limits, open_file
from tocsin.exchange.ledger import IncomingRow, OutgoingRow, outgoing_bytes, own_party
from tocsin.exchange.partners import find_partner, key_state, read_partner
from tocsin.exchange.statements import DispatchType, KeyAct, KeyNotice, ProfileKey, RefusalError, utc
from tocsin.node.errors import ConflictError
from tocsin.pipeline.exchange_delivery import deliver_dispatches


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


def replace(world: World, *words: str) -> dict[str, Any]:
    """The new OpenPGP key of a node."""
    made: list[dict[str, Any]] = world.tocsin.json("keys", "node-make", "--format", "openpgp", "--replace", *words)
    return made[0]


def keys_of(world: World, partner: str) -> dict[str, tuple[str, str]]:
    """State and end of each key of a partner, by fingerprint."""
    with world.node.database.reading() as session:
        found = read_partner(session, partner, world.now).keys
    return {key.fingerprint: (key_state(key, world.now).value, key.ended) for key in found}


def fingerprint(world: World) -> str:
    return own_party(world.node, world.now).name.key


def give(sender: World, taker: World, dispatch: int, path: Path) -> dict[str, Any]:
    """Carry a dispatch from one node to another, and its receipt back where it can be read."""
    sender.tocsin.run("exchange", "file", str(dispatch), "--out", path)
    taken: dict[str, Any] = taker.tocsin.json("exchange", "take", path, "--out", path.with_suffix(".receipt"))
    return taken


def test_a_partner_confirms_the_new_key_by_the_old_ones_word_and_what_was_sealed_before_opens(
    pair: tuple[World, World], tmp_path: Path
) -> None:
    one, other = pair
    old = fingerprint(one)
    before = other.tocsin.json("exchange", "send", "A", "--incident", make_incident(other, "A"))
    made = replace(one)
    new = fingerprint(one)
    assert (made["fingerprint"], made["told"], made["left"]) == (new, ["B"], [])

    taken = give(other, one, before["dispatch"], tmp_path / "before.pgp")  # it was encrypted for the old key
    assert (taken["verdict"], taken["items"]) == ("taken", 1)
    early = other.tocsin.call("exchange", "receipt", tmp_path / "before.receipt")
    assert early[0] == 1, "nobody there has confirmed the key that signed it"

    assert give(one, other, 1, tmp_path / "notice.pgp")["verdict"] == "taken"
    assert keys_of(other, "A") == {old: ("pinned", ""), new: ("claimed", "")}, "a file pins nothing"
    other.tocsin.run("partners", "accept-key", "A", new)
    assert keys_of(other, "A") == {old: ("ended", "replaced"), new: ("pinned", "")}
    assert other.tocsin.json("exchange", "receipt", tmp_path / "before.receipt")["state"] == "received"

    sent = one.tocsin.json("exchange", "send", "B", "--incident", make_incident(one))
    assert give(one, other, sent["dispatch"], tmp_path / "new.pgp")["verdict"] == "taken"
    later = other.tocsin.json("exchange", "send", "A", "--incident", make_incident(other, "A"))
    assert give(other, one, later["dispatch"], tmp_path / "later.pgp")["verdict"] == "taken"

    bundle, sender = tmp_path / "bundle", fingerprint(other)
    other.tocsin.run("exchange", "bundle", str(before["dispatch"]), "--out", bundle)
    assert other.tocsin.json("exchange", "verify", bundle, "--key", sender, "--key", new)["valid"] is True
    assert "replaced the recipient's key" in "".join(
        other.tocsin.call("exchange", "verify", bundle, "--key", sender)[1:]
    )


def test_of_a_compromised_key_nothing_is_kept_and_it_vouches_for_nothing(
    pair: tuple[World, World], tmp_path: Path
) -> None:
    one, other = pair
    before = other.tocsin.json("exchange", "send", "A", "--incident", make_incident(other, "A"))
    other.tocsin.run("exchange", "file", str(before["dispatch"]), "--out", tmp_path / "before.pgp")
    made = replace(one, "--compromised")
    assert made["told"] == []
    assert [left["partner"] for left in made["left"]] == ["B"]
    assert one.tocsin.call("exchange", "take", tmp_path / "before.pgp", "--out", tmp_path / "r")[0] == 1
    files = sorted((one.node.home / "keys").glob("openpgp.*"))
    assert [b"PRIVATE" in path.read_bytes() for path in files] == [True, False]


def test_a_key_that_was_ended_as_compromised_vouches_for_nothing(pair: tuple[World, World], tmp_path: Path) -> None:
    one, other = pair
    old = fingerprint(one)
    replace(one)
    assert give(one, other, 1, tmp_path / "notice.pgp")["verdict"] == "taken"
    do(other, "end-key", partner="A", key=old, why="compromised", reason="Ada rang")
    with pytest.raises(ConflictError, match="vouches"):
        do(other, "accept-key", partner="A", key=fingerprint(one))
    assert keys_of(other, "A")[fingerprint(one)] == ("claimed", "")


def test_a_key_that_its_partner_stops_ends_at_once_and_nothing_leaves_for_it(world: World) -> None:
    sender, new = peer(3), peer(4)
    meet_peer(world, sender)
    reference = make_incident(world, "Peer")
    do_exchange(world, "send", partner="Peer", incident=reference)
    said = {"act": KeyAct.STOP, "old": sender.party.key, "since": utc(world.now), "code": "compromised"}
    bring(world, sender, DispatchType.NOTE, sender.says(KeyNotice, **said))
    assert keys_of(world, "Peer") == {sender.party.key: ("ended", "compromised")}
    why = "Peer stopped its key, and no other one of it is confirmed."
    with pytest.raises(ConflictError, match=why):
        do_exchange(world, "send", partner="Peer", incident=reference, once="again")
    (done,) = deliver_dispatches(world.node, now=world.now).carried
    assert (done.state, done.reason, done.failed) == ("stuck", why, True)
    assert deliver_dispatches(world.node, now=world.now, at_once=True).carried == []
    # It is encrypted for the next key once that is confirmed.
    do(world, "add-key", partner="Peer", content=new.public.decode())
    do(world, "confirm-key", partner="Peer", key=new.party.key, **CALL)
    with world.node.database.reading() as session:
        row, partner = session.scalars(select(OutgoingRow)).one(), find_partner(session, "Peer")
        file = outgoing_bytes(world.node, session, row, partner)
    assert open_file(file, [new.opening], Limits())
    with pytest.raises(RefusalError):
        open_file(file, [sender.opening], Limits())


def test_only_a_key_itself_names_what_replaces_it(world: World) -> None:
    sender, third = peer(3), peer(4)
    meet_peer(world, sender)
    new = ProfileKey(fingerprint=third.party.key, armored=third.public.decode())
    said = {"act": KeyAct.REPLACE, "old": third.party.key, "new": new, "since": utc(world.now)}
    bring(world, sender, DispatchType.NOTE, sender.says(KeyNotice, **said))
    with world.node.database.reading() as session:
        row = session.scalars(select(IncomingRow)).one()
    assert (row.state, row.code) == ("refused", "bad-statement")
    assert len(keys_of(world, "Peer")) == 1


def test_a_replaced_key_opens_for_half_a_year_and_a_change_that_was_cut_short_goes_on(world: World) -> None:
    make_node(world, 1)
    old, settings = fingerprint(world), world.node.settings
    ring = KeyRing(world.node.home, settings, world.node.database, "test")
    waiting = ring.prepare(KeyFormat.OPENPGP, years=2, now=world.now, replace=True).facts.fingerprint
    assert fingerprint(world) == old
    assert replace(world)["fingerprint"] == waiting

    def opens(days: int) -> list[tuple[str, bool]]:
        found = read_earlier_keys(world.node.home, settings.mail, datetime.now(UTC) + timedelta(days=days))
        return [(key.facts.fingerprint, key.opening is not None) for key in found]

    assert (opens(178), opens(181)) == ([(old, True)], [(old, False)])
    assert ring.drop(datetime.now(UTC) + timedelta(days=178)) == []
    assert [facts.fingerprint for facts in ring.drop(datetime.now(UTC) + timedelta(days=181))] == [old]
    assert opens(0) == [(old, False)]
    assert world.tocsin.call("keys", "node-drop", old)[0] == 1
