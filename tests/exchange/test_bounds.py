"""No partner and no stranger holds a node up: how much one dispatch brings, one partner, and one sender begins."""

import base64
import hashlib
import os
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pysequoia import Cert
from sqlalchemy import event, func, select

from support.exchange_examples import Peer, peer
from support.ledger_examples import make_incident, own_key, party_of
from support.world import World
from tocsin.exchange.dispatches import genesis, members_of, seal
from tocsin.exchange.ledger import (
    CaseEntryRow,
    ExchangeCase,
    IncomingRow,
    OfferedItem,
    OfferState,
    OutgoingRow,
    received_rows,
    sealed_file,
    sealing,
)
from tocsin.exchange.statements import Dispatch, DispatchType, Statement
from tocsin.exchange.ways import is_for, take_file
from tocsin.interface import ActContext
from tocsin.node.errors import LaterError
from tocsin.sharing.gate import Tlp

LARGEST = 64_000_000


class Sender:
    """A partner that numbers what it sends to a node."""

    def __init__(self, world: World, of: Peer) -> None:
        self.peer, self.to, self.key = of, party_of(world, 1), Cert.from_bytes(own_key(world).encode())
        self.number, self.before = 0, genesis(of.party, self.to)

    def file(self, *statements: Statement, kind: DispatchType = DispatchType.SHARE) -> bytes:
        self.number += 1
        named = tuple(one.hash for one in statements)
        said = {"to": self.to, "number": self.number, "before": self.before, "statements": named}
        made = self.peer.says(Dispatch, type=kind, tlp=Tlp.CLEAR, **said)
        self.before = made.hash
        return seal(members_of(made, statements), self.key)

    def items(self, number: int) -> list[Statement]:
        return [self.peer.item(tlp=Tlp.CLEAR) for _ in range(number)]


@pytest.fixture
def sender(world: World) -> Sender:
    return Sender(world, peer(3))


def with_settings(world: World, **sections: dict[str, Any]) -> World:
    settings = world.node.settings
    changed = {name: getattr(settings, name).model_copy(update=of) for name, of in sections.items()}
    return replace(world, node=replace(world.node, settings=settings.model_copy(update=changed)))


def post(world: World, content: bytes) -> Any:
    return take_file(ActContext(world.node, world.now, "inbox"), content)


def count(world: World, table: Any) -> int:
    with world.node.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_dispatch_with_too_many_statements_is_refused_by_its_receipt_and_the_next_one_taken(
    world: World, sender: Sender
) -> None:
    began = time.process_time()
    taken = post(world, sender.file(*sender.items(501))).dispatch
    assert (taken.verdict, taken.code, taken.items) == ("refused", "too-large", 0)
    assert time.process_time() - began < 5
    assert post(world, sender.file(*sender.items(500))).dispatch.items == 500


def test_nothing_is_verified_while_the_records_are_locked(world: World, sender: Sender) -> None:
    """A dispatch as large as is taken holds the writer for as long as its rows need, in few statements of SQL."""
    content, said = sender.file(*sender.items(500)), list[str]()
    engine = world.node.database.engine

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    post(world, content)
    event.remove(engine, "before_cursor_execute", note)
    locked = next(at for at, one in enumerate(said) if one.startswith("INSERT INTO exchange_incoming"))
    assert len(said) - locked < 60, "a few for all items, not some for each"


def test_what_waits_of_one_partner_is_bounded_and_comes_later(world: World, sender: Sender) -> None:
    bounded = with_settings(world, exchange={"waiting_items": 3})
    assert post(bounded, sender.file(*sender.items(4))).dispatch.items == 4
    more = sender.file(*sender.items(1))
    with pytest.raises(LaterError, match="wait for a decision"):
        post(bounded, more)
    assert count(world, IncomingRow) == 1
    with world.node.database.begin() as session:
        for one in session.scalars(select(OfferedItem)).all()[:2]:
            one.state = OfferState.DECLINED.value
    assert post(bounded, more).dispatch.verdict == "taken", "it was not lost"


def test_a_partner_brings_so_many_bytes_a_day(world: World, sender: Sender) -> None:
    first, second = sender.file(*sender.items(2)), sender.file(*sender.items(2))
    bounded = with_settings(world, intake={"partner_bytes_a_day": len(first) + 10})
    assert post(bounded, first).dispatch.items == 2
    with pytest.raises(LaterError, match="bytes") as refused:
        post(bounded, second)
    assert 0 < refused.value.seconds <= 86_400
    assert post(bounded, first).dispatch.items == 2, "what is here is no further one"
    tomorrow = replace(bounded)
    tomorrow.now = world.now + timedelta(days=1)
    assert post(tomorrow, second).dispatch.verdict == "taken"


def test_lists_of_what_came_have_pages(world: World, sender: Sender) -> None:
    for number in (3, 4, 1):
        post(world, sender.file(*sender.items(number)))
    with world.node.database.reading() as session:
        seen, after = list[tuple[int, int]](), ""
        for _ in range(4):
            page, after = received_rows(session, limit=3, after=after)
            assert sum(len(one.items) for one in page) <= 3
            seen += [(one.row.number, item.id) for one in page for item in one.items]
            if not after:
                break
    assert [number for number, _ in seen] == [3, 2, 2, 2, 2, 1, 1, 1]
    assert len(set(seen)) == 8


@pytest.fixture
def inbox(world: World) -> httpx.Client:
    client = world.client(public=True)
    client.headers["X-Forwarded-For"] = "192.0.2.7"
    return client


def part_of(content: bytes, first: int, last: int, size: int = 0) -> dict[str, Any]:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    span = f"bytes {first}-{last}/{size or len(content)}"
    headers = {"Content-Range": span, "Repr-Digest": f"sha-256=:{digest}:"}
    return {"content": content[first : last + 1], "headers": headers}


def test_a_file_that_is_not_for_us_is_not_begun(world: World, sender: Sender, inbox: httpx.Client) -> None:
    for_other = seal({"text.txt": os.urandom(20_000)}, peer(4).tsk.extract_certificate())
    ours = sender.file(*sender.items(3))
    for content in (for_other, b"x" * 5_000, b"\xc1", b"\xc1\xff\xff\xff\xff\xff" * 1_000, bytes(5_000)):
        last = min(len(content), 5_000) - 1
        assert inbox.post("/exchange/inbox", **part_of(content, 0, last, 1_000_000)).status_code == 403
    assert list(world.node.exchange.folder.glob("*.part")) == []
    half = len(ours) // 2
    assert inbox.post("/exchange/inbox", **part_of(ours, 0, half)).status_code == 202
    assert inbox.post("/exchange/inbox", **part_of(ours, half + 1, len(ours) - 1)).status_code == 200


def test_keys_are_read_off_old_and_new_packets() -> None:
    key, other = bytes(range(20)), bytes(20)
    keys = frozenset({key})
    third, sixth = b"\x03" + key[-8:] + b"rest", b"\x06\x15\x04" + key + b"rest"
    for body in (third, sixth):
        size = len(body)
        heads = (bytes([0xC1, size]), bytes([0x84, size]), b"\x85" + size.to_bytes(2), b"\xc1\xff" + size.to_bytes(4))
        for head in heads:
            assert is_for(head + body + b"\xd2\x01", keys), head
            assert not is_for(head + body.replace(key[-8:], other[-8:]) + b"\xd2\x01", keys)
    assert is_for(bytes([0xC1, 13]) + b"\x03" + bytes(8) + b"rest" + bytes([0xC1, 13]) + third, keys)
    many = (bytes([0xC1, 13]) + b"\x03" + bytes(8) + b"rest") * 40
    assert not is_for(many + bytes([0xC1, 13]) + third, keys), "who hides it behind forty others is not read on"


def test_each_network_and_each_partner_has_a_share_of_begun_files(
    world: World, sender: Sender, inbox: httpx.Client
) -> None:
    """One network's begun files are its own: another network's, and a partner's, are taken."""
    path = "/exchange/inbox"
    whole = sender.file(*sender.items(1))
    inbox.headers["X-Forwarded-For"] = "198.51.100.20"
    assert inbox.post(path, content=whole).status_code == 200  # from where the partner posts is known now
    files = [whole[:4_500].ljust(4_500, b"\0") + os.urandom(8) for _ in range(60)]
    inbox.headers["X-Forwarded-For"] = "198.51.100.66"  # the same network, another address
    first = [inbox.post(path, **part_of(one, 0, 4_400, LARGEST)).status_code for one in files[:30]]
    assert first == [202] * 16 + [429] * 14
    inbox.headers["X-Forwarded-For"] = "203.0.113.9"
    assert inbox.post(path, **part_of(files[40], 0, 4_400, LARGEST)).status_code == 202
    inbox.headers["X-Forwarded-For"] = "198.51.100.20"
    assert inbox.post(path, **part_of(files[41], 0, 4_400, LARGEST)).status_code == 202
    folder = world.node.exchange.folder
    for one in folder.glob("*.part"):  # what does not grow makes room
        os.utime(one, (0, 0))
    inbox.headers["X-Forwarded-For"] = "198.51.100.66"
    assert inbox.post(path, **part_of(files[50], 0, 4_400, LARGEST)).status_code == 202
    held = next(folder.glob(f"{hashlib.sha256(files[50]).hexdigest()}.*.part"))
    os.utime(held, (1, 1))
    assert inbox.post(path, **part_of(files[50], 4_401, 4_401, LARGEST)).status_code == 202
    assert held.stat().st_mtime < 3_600, "one byte is no progress"


def test_partners_are_put_off_before_the_disk_is_full(world: World, sender: Sender) -> None:
    content = sender.file(*sender.items(1))
    full = with_settings(world, intake={"reserve_bytes": 2**60}).client(public=True)
    for sent in ({"content": content}, part_of(content, 0, len(content) - 1)):
        answer = full.post("/exchange/inbox", **sent)
        assert (answer.status_code, answer.headers["Retry-After"]) == (507, "600")
    assert count(world, IncomingRow) == 0
    assert list(world.node.exchange.folder.glob("*.part")) == []


def test_a_history_longer_than_one_dispatch_goes_in_several(
    pair: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the most that every node takes, here fewer: what is older goes first, and the last one brings all."""
    one, other = pair
    monkeypatch.setattr(sealing, "MOST_STATEMENTS", 3)
    reference = make_incident(one)
    for number in range(6):
        one.tocsin.run("incidents", "note", reference, "--text", f"Step {number}")
    one.tocsin.run("exchange", "offer", "B", "--incident", reference)
    with one.node.database.reading() as session:
        sent = session.scalars(select(OutgoingRow).order_by(OutgoingRow.number)).all()
        files = [sealed_file(one.node, session, row.id)[1] for row in sent]
    assert len(files) > 2
    bounded = with_settings(other, exchange={"statements": 3})
    taken = [post(bounded, file).dispatch for file in files]
    assert {(done.verdict, done.code) for done in taken} == {("taken", "")}
    with other.node.database.reading() as session:
        assert session.scalars(select(ExchangeCase.state)).all() == ["offered-to-us"]
        assert (session.scalar(select(func.count()).select_from(CaseEntryRow)) or 0) >= 7


@pytest.mark.parametrize(
    ("settings", "status"), [({"partner_bytes_a_day": 100}, 429), ({"reserve_bytes": 2**60}, 507)], ids=["day", "disk"]
)
def test_programs_of_partners_are_told_to_come_later(world: World, settings: dict[str, int], status: int) -> None:
    bounded = with_settings(world, intake=settings)
    client = bounded.client()
    words = ("exchange", "token", "make", "Peer", "--scope", "read", "--scope", "post")
    taxii, misp = (world.tocsin.json(*words, "--protocol", of)["secret"] for of in ("taxii", "misp"))
    misp_headers = {"Authorization": misp, "Accept": "application/json"}
    event_of = {"Event": {"info": "Scans " * 50, "distribution": "1"}}
    answer = client.post("/misp/events/add", json=event_of, headers=misp_headers)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (status, True)
    media = "application/taxii+json;version=2.1"
    headers = {"Authorization": f"Bearer {taxii}", "Accept": media, "Content-Type": media}
    listed = client.get("/taxii2/root/collections/", headers=headers).json()["collections"]
    (inbox,) = [one["id"] for one in listed if one["can_write"]]
    objects = {"objects": [{"type": "identity", "id": f"identity--{UUID(int=number)}"} for number in range(9)]}
    answer = client.post(f"/taxii2/root/collections/{inbox}/objects/", json=objects, headers=headers)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (status, True)
    assert count(world, IncomingRow) == 0
