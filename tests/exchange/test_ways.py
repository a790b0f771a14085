"""Dispatches that travel by themselves: posted to an inbox, over links that are slow and cut, and killed anywhere."""

import base64
import hashlib
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, func, select

from support.ledger_examples import make_incident
from support.partner_examples import do
from support.processes import KILLED, command
from support.slow_link import SlowLink, slow_link
from support.world import START, World, served
from tocsin.exchange.ledger import TAKING_WRITES, IncomingRow, OutgoingRow, ReceiptRow, receipt_file
from tocsin.exchange.partners import LinkState, read_partner
from tocsin.exchange.ways import (
    PART_BYTES,
    ExchangeArrival,
    ExchangeTry,
    ExchangeWay,
    TooManyDispatchesError,
    TryOutcome,
    take_file,
)
from tocsin.exchange.ways.states import PastTry, next_try
from tocsin.interface import ActContext
from tocsin.node.errors import RemoteError
from tocsin.operations.backup import known_tables
from tocsin.pipeline.exchange_delivery import deliver_dispatches
from tocsin.pipeline.inbox_post import Inbox, in_parts
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

FASTER = int(os.environ.get("TOCSIN_LINK_FASTER", "100"))
"""How many times as fast slow links are; 1 takes some five minutes."""


@dataclass
class Linked:
    """Two nodes that know each other, and the link to the inbox of the other."""

    one: World
    other: World
    link: SlowLink

    def deliver(self, *words: str, code: int = 0) -> list[tuple[int, str]]:
        """The numbers and states of what one round tried."""
        done = self.one.tocsin.json("exchange", "deliver", *words, code=code)["dispatches"]
        return [(row["number"], row["state"]) for row in done]


@pytest.fixture
def linked(pair: tuple[World, World], certificate: tuple[Path, ssl.SSLContext]) -> Iterator[Linked]:
    one, other = pair
    with (one.node.home / "tocsin.toml").open("a") as out:
        out.write(f'\n[exchange]\nca_file = "{certificate[0]}/certificate.pem"\nnetworks = ["127.0.0.0/8"]\n')
    application = make_application(other.node, public=True, clock=lambda: other.now)
    with served(application) as port, slow_link(certificate[1], port) as link:
        do(one, "change", partner="B", inbox=link.url)
        yield Linked(one, other, link)


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def sizes(world: World) -> dict[str, int]:
    """How many rows each table has."""
    with world.node.database.reading() as session:
        return {one.name: session.scalar(select(func.count()).select_from(one)) or 0 for one in known_tables()}


def noise(seed: int, size: int) -> bytes:
    """Text that packs to about so many bytes, and is quickly looked through."""
    return base64.b64encode(Random(seed).randbytes(size))


def send(world: World, folder: Path, content: bytes = b"Patch now.\n") -> None:
    (folder / "advisory.bin").write_bytes(content)
    world.tocsin.run("exchange", "send", "B", "--document", folder / "advisory.bin", "--tlp", "CLEAR")


def test_an_incident_is_posted_and_its_receipt_comes_with_the_answer(linked: Linked, tmp_path: Path) -> None:
    one, other = linked.one, linked.other
    one.tocsin.run("exchange", "send", "B", "--incident", make_incident(one))
    send(one, tmp_path)
    before = sizes(other)
    assert linked.deliver() == [(1, "received"), (2, "received")]
    after = sizes(other)
    assert {table for table in after if after[table] != before[table]} <= TAKING_WRITES.keys()
    assert linked.deliver() == []
    assert [(row.number, row.state, row.taken_by) for row in rows(other, IncomingRow)] == [
        (1, "taken", "inbox"), (2, "taken", "inbox"),
    ]  # fmt: skip
    assert [(row.way, row.outcome) for row in rows(one, ExchangeTry)] == [("https", "answered")] * 2
    assert all(row.answered_at for row in rows(other, ExchangeArrival))
    # The receipts once more, by an inbox that takes one in an hour; one that is known is no further one.
    with other.node.database.reading() as session:
        first, second = (receipt_file(other.node, session, number)[1] for number in (1, 2))
    with one.node.database.begin() as session:
        session.execute(delete(ReceiptRow))
    exchange = one.node.settings.exchange.model_copy(update={"dispatches_an_hour": 1})
    node = replace(one.node, settings=one.node.settings.model_copy(update={"exchange": exchange}))
    for _ in range(2):
        take_file(ActContext(node, one.now, "inbox"), first)
    with pytest.raises(TooManyDispatchesError):
        take_file(ActContext(node, one.now, "inbox"), second)
    assert take_file(ActContext(node, one.now + timedelta(hours=1), "inbox"), second).receipt


def test_an_inbox_that_is_away_is_tried_again_and_nothing_overtakes(linked: Linked, tmp_path: Path) -> None:
    do(linked.one, "change", partner="B", inbox=linked.link.url.replace("/inbox", "/away"))
    send(linked.one, tmp_path)
    send(linked.one, tmp_path, b"Later.\n")
    assert linked.deliver(code=1) == [(1, "trying")]
    assert linked.deliver() == [], "it waits"
    for name in ("[cert.example", f"{'a' * 64}.example"):  # a round goes on to the next partner, whatever one is called
        do(linked.one, "change", partner="B", inbox=f"https://{name}/inbox")
        assert linked.deliver("--again", code=1) == [(1, "trying")]
    (row,) = [one for one in linked.one.tocsin.json("exchange", "list")["sent"] if one["number"] == 1]
    assert (row["state"], row["hop"]) == ("trying", "transport")
    do(linked.one, "change", partner="B", inbox=linked.link.url)
    assert linked.deliver("--again") == [(1, "received"), (2, "received")]


def test_while_sending_is_stopped_nothing_leaves(linked: Linked, tmp_path: Path) -> None:
    send(linked.one, tmp_path)
    linked.one.tocsin.run("stop", "--reason", "Test")
    assert linked.one.tocsin.json("exchange", "deliver", code=1)["problem"]
    assert rows(linked.one, ExchangeTry) == []
    linked.one.tocsin.run("resume")

    def stops() -> bool:  # while a round is at work
        linked.one.tocsin.run("stop", "--reason", "Test")
        return False

    assert deliver_dispatches(open_node(linked.one.node.home), now=linked.one.now, stop=stops).carried == []
    assert rows(linked.one, ExchangeTry) == []
    linked.one.tocsin.run("resume")
    assert linked.deliver() == [(1, "received")]
    # Neither does what can still be undone, and nothing overtakes it.
    send(linked.one, tmp_path, b"Held.\n")
    send(linked.one, tmp_path, b"Later.\n")
    with linked.one.node.database.begin() as session:
        session.scalars(select(OutgoingRow).where(OutgoingRow.number == 2)).one().state = "held"
    assert linked.deliver() == []
    with linked.one.node.database.begin() as session:
        row = session.scalars(select(OutgoingRow).where(OutgoingRow.number == 2)).one()
        row.sealed_at -= timedelta(seconds=66)
    assert linked.deliver() == [(2, "received"), (3, "received")]


def test_a_large_file_crosses_a_slow_link_that_is_cut_all_the_time(linked: Linked, tmp_path: Path) -> None:
    """64 kbit/s and two seconds, a hundred times as fast; a cut costs no more than a part."""
    send(linked.one, tmp_path, noise(1, 1_400_000))
    linked.link.second, linked.link.delay, linked.link.cuts = 8_000 * FASTER, 2 / FASTER, [450_000] * 3
    size = rows(linked.one, OutgoingRow)[0]
    assert linked.deliver() == [(1, "received")]
    assert linked.link.cuts == []
    assert linked.link.crossed <= 1.1 * linked.one.node.exchange.size(size.file)
    assert [row.state for row in rows(linked.other, IncomingRow)] == ["taken"]


def test_a_partner_with_a_node_is_greeted_when_its_check_is_due(linked: Linked) -> None:
    node, later = open_node(linked.one.node.home), linked.one.now + timedelta(days=2)
    linked.other.now = later
    assert [(one.number, one.state) for one in deliver_dispatches(node, now=later).carried] == [(1, "received")]
    assert deliver_dispatches(node, now=later).carried == []
    with node.database.reading() as session:
        assert read_partner(session, "B", later).state is LinkState.WORKS
    assert [row.type for row in rows(linked.other, IncomingRow)] == ["hello"]


@pytest.mark.parametrize(
    ("answers", "requests"), [(lambda n: (202, b"", n), 20), (lambda _: (200, bytes(2_000_001), 0), 5)]
)
def test_an_inbox_that_only_keeps_others_waiting_is_left(answers: Any, requests: int) -> None:
    """It takes a byte a time, or answers with more than any receipt has."""
    asked = list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < 1_000
        status, content, here = answers(len(asked))
        return httpx.Response(status, stream=httpx.ByteStream(content), headers={"Range": f"bytes=0-{here}"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client, pytest.raises(RemoteError):
        in_parts(Inbox(client, "https://cert.example/inbox", ""), bytes(PART_BYTES + 1), lambda: False)
    assert len(asked) == requests


CUTS = ("exchange.trying", "exchange.posted", "exchange.receipted", "exchange.tried")


def test_killed_while_it_is_posted_nothing_is_lost_or_doubled(linked: Linked, tmp_path: Path) -> None:
    for number, cut in enumerate(CUTS, 1):
        send(linked.one, tmp_path, noise(number, PART_BYTES + 1))
        before = linked.link.crossed
        environment = {**os.environ, "TOCSIN_CUT": cut}
        assert command(linked.one.node.home, "exchange", "deliver", environment=environment).wait() == KILLED, cut
        linked.one.tocsin.run("exchange", "deliver", "--again")
        assert [row.state for row in rows(linked.one, OutgoingRow)] == ["received"] * number
        assert [row.state for row in rows(linked.other, IncomingRow)] == ["taken"] * number
        assert linked.link.crossed - before < 1.5 * PART_BYTES, "what was there was not sent again"


def test_strangers_get_one_answer_and_not_many(linked: Linked, tmp_path: Path) -> None:
    send(linked.one, tmp_path)
    file = linked.one.node.exchange.read(rows(linked.one, OutgoingRow)[0].file)
    inbox = f"http://127.0.0.1:{linked.link.to}/exchange/inbox"
    half = file[: len(file) // 2]
    with httpx.Client(trust_env=False, timeout=120) as client:
        answers = {(one.status_code, one.content) for one in (client.post(inbox, content=c) for c in (half, b"x", b""))}
        assert answers == {(403, b"Not taken.\n")}
        assert client.post(inbox, content=b"x" * (PART_BYTES + 1)).status_code == 413
        digest = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
        part = {"Content-Range": "bytes 0-0/64000001", "Repr-Digest": f"sha-256=:{digest}:"}
        assert client.post(inbox, content=b"x", headers=part).status_code == 413
        assert client.post(inbox, content=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 400
        folder, asked = linked.other.node.exchange.folder, part | {"Content-Range": "bytes */9"}
        assert [client.post(inbox, headers=asked).status_code, *folder.glob("*.part")] == [202], "a question is no file"
        statuses = [client.post(inbox, content=b"x").status_code for _ in range(60)]
        assert (statuses[0], statuses[-1]) == (403, 429)
    assert rows(linked.other, IncomingRow) == []


HTTPS, MAIL, FAILED = ExchangeWay.HTTPS, ExchangeWay.MAIL, TryOutcome.FAILED


@pytest.mark.parametrize(
    ("tries", "inbox", "mails", "expected"),
    [
        ([], True, 3, (HTTPS, 0.0)),
        ([], False, 3, (MAIL, 0.0)),
        ([], False, 0, None),
        ([(HTTPS, 0.0)], True, 3, (HTTPS, 1 / 60)),
        ([(HTTPS, 0.0), (HTTPS, 1.0)], True, 0, (HTTPS, 1 + 2 / 60)),
        ([(HTTPS, float(n)) for n in range(24)], True, 3, (MAIL, 24.0)),
        ([(HTTPS, float(n)) for n in range(24)], True, 0, (HTTPS, 29.0)),
        ([(MAIL, 0.0)], False, 3, (MAIL, 48.0)),
        ([(MAIL, 0.0)], False, 1, None),
    ],
)  # fmt: skip
def test_when_it_is_tried_next(
    tries: list[tuple[ExchangeWay, float]], inbox: bool, mails: int, expected: tuple[ExchangeWay, float] | None
) -> None:
    past = [PastTry(way, START + timedelta(hours=hours), FAILED) for way, hours in tries]
    found = next_try(START, past, inbox=inbox, mails=mails)
    assert (found and (found.way, found.at)) == (expected and (expected[0], START + timedelta(hours=expected[1])))
