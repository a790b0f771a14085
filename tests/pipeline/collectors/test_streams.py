"""Streams of lines over HTTP and messages of STOMP: what came is taken in, and only then acknowledged."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.collected_reports import spooled, stored
from support.https_server import Answer, WebServer
from support.stomp_server import Broker, stomp_server
from tocsin.node.errors import InputError
from tocsin.pipeline.collectors.batches import Batches, StreamSettings
from tocsin.pipeline.collectors.stream import lines_of

Collect = Callable[..., None]
FEED = {"source": "idf", "feed": "stream"}


def event(address: str, **more: object) -> bytes:
    said = {"source.ip": address, "time.source": "2026-11-23T01:02:03Z", "classification.type": "c2-server", **more}
    return json.dumps(said).encode()


@pytest.fixture
def broker(certificate: tuple[Path, ssl.SSLContext]) -> Iterator[Broker]:
    with stomp_server(certificate[1]) as started:
        yield started


@pytest.fixture
def n6(broker: Broker, collect: Collect, secret: str) -> Callable[..., None]:
    def write(**other: object) -> None:
        known = {"host": "127.0.0.1", "port": broker.port, "user": "kestria", "secret_file": secret}
        collect("stomp", **{**known, "destination": "/queue/n6:all", "listen": 1, **FEED, **other})

    return write


def test_messages_are_acknowledged_once_they_are_taken_in(
    tocsin: Tocsin, n6: Callable[..., None], broker: Broker
) -> None:
    broker.waiting = [event(f"192.0.2.{number}") for number in range(1, 6)]
    broker.waiting[1] = b"{\n" + broker.waiting[1][1:] + b"\r\n"
    n6(lines=2)

    offers = tocsin.json("collect", "run", "--dry-run")
    unchanged = len(broker.waiting)
    [run] = tocsin.json("collect", "run", "it")

    assert [offer["what"] for offer in offers] == ["127.0.0.1 /queue/n6:all"] * 3
    assert unchanged == 5
    assert (run["reports"], run["error"]) == (3, None)
    assert stored(tocsin) == [f"192.0.2.{number}" for number in range(1, 6)]
    assert broker.waiting == []
    assert spooled(tocsin) == []
    asked = broker.heard[1]
    assert (asked["destination"], asked["ack"], asked["prefetch-count"]) == ("/queue/n6\\call", "client", "1000")


def test_what_was_not_acknowledged_comes_again_and_counts_once(
    tocsin: Tocsin, n6: Callable[..., None], broker: Broker
) -> None:
    n6()
    broker.waiting = [event("192.0.2.1"), event("192.0.2.2")]
    tocsin.run("collect", "run", "it")
    broker.waiting = [event("192.0.2.2"), event("192.0.2.3")]
    tocsin.run("collect", "run", "it")

    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


@pytest.mark.parametrize(
    ("junk", "words"),
    [
        (b"", "127.0.0.1 refuses: Access refused: no"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "127.0.0.1 cannot be reached: the server ended the connection"),
        (b"CONNECTED\ncontent-length:999999999999\n\n" + b"x" * 200_000, "more than 100,000 bytes"),
        (b"\xff\xfe\n\n\0", "127.0.0.1"),
    ],
)
def test_a_server_that_refuses_or_speaks_something_else_is_named(
    tocsin: Tocsin, n6: Callable[..., None], secret: str, broker: Broker, *, junk: bytes, words: str
) -> None:
    broker.junk = junk
    (tocsin.home / secret).write_text("wr0ng\n")
    n6(max_bytes=100_000)

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert words in run["error"]
    assert "wr0ng" not in run["error"]
    assert tocsin.json("collect", "list")[0]["failures"] == 1


def test_lines_are_taken_in_while_a_stream_goes_on(tocsin: Tocsin, collect: Collect, server: WebServer) -> None:
    over = threading.Event()
    lines = [event("192.0.2.1"), b"", event("192.0.2.2"), event("192.0.2.3"), event("192.0.2.4")[:-20]]
    server.pages["/alerts"] = Answer(b"\r\n".join(lines), promised=-1, until=over)
    collect("stream", url=server.url("/alerts"), listen=1, lines=2, **FEED)

    [run] = tocsin.json("collect", "run", "it")
    over.set()

    assert (run["reports"], run["error"]) == (2, None)
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_a_line_that_does_not_end_is_cut() -> None:
    assert list(lines_of(iter([b"a\nb", b"c\r\n\n", b"d" * 9, b"e" * 9, b"f"]), 10)) == [
        b"a", b"bc", b"", b"d" * 9 + b"e" * 9,
    ]  # fmt: skip


def test_a_report_ends_by_number_and_size_and_its_last_mark_is_settled() -> None:
    settings = StreamSettings(kind="stomp", lines=2, max_bytes=10_000)
    large, settled = b"c" * 9_000, list[int]()
    batches = Batches[int](settings, "here", lambda mark, _refused: settled.append(mark))
    found = []
    for offer in batches.offers([(b"a", 1), (b"", 2), (b"b", 3), None, (large, 4), (b"d" * 2_000, 5), None, (b"", 6)]):
        found.append([b"".join(item.read()) for item in offer.items])
        offer.settle("")

    assert found == [[b"a\nb\n"], [large + b"\n"], [b"d" * 2_000 + b"\n"]]
    assert settled == [3, 4, 6]
    with pytest.raises(InputError, match="more than 10,000 bytes"):
        list(batches.offers([(b"x" * 10_001, 1)]))
