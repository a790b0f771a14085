"""The head of a request that comes too slowly holds no connection."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from fastapi import FastAPI, Request

from support.processor_time import LITTLE, work
from support.world import served
from tocsin.server.security import TimedProtocol


class Impatient(TimedProtocol):
    seconds = 2.0  # a head comes at once, a body in 2.4 s


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    application = FastAPI()

    @application.post("/")
    async def count(request: Request) -> int:
        return len(await request.body())

    with served(application, http=Impatient) as port:
        yield port


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: x",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nxPOST / HTTP/1.1\r\nHost:",
    ],
)
def test_whoever_sends_half_a_head_and_waits_is_sent_away(port: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(begun)
        answer, closed = b"", False
        connection.settimeout(0.3)
        for _ in range(100):  # what comes in drops gains no time
            with suppress(TimeoutError):
                block = connection.recv(4_096)
                answer, closed = answer + block, not block
            if closed:  # by the server
                break
            with suppress(ConnectionError):
                connection.sendall(begun[-1:])
    assert closed
    assert answer.count(b"HTTP/1.1 200 OK") == begun.count(b"\r\n\r\n")


def test_a_slow_body_and_a_pause_between_requests_are_not_cut_off(port: int) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 10
            time.sleep(0.8)

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert client.post("/", content=parts()).json() == 30
        time.sleep(2.5)
        assert client.post("/", content=parts()).json() == 30


def test_a_request_that_says_its_end_in_two_ways_is_refused_and_the_connection_ends(port: int) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n"
    for lengths in (b"content-length: 5\r\n" + chunked, chunked + b"Content-Length: 5\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            answer = b""
            with suppress(ConnectionError):
                while block := connection.recv(4_096):
                    answer += block
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1


def answer_to(port: int, chunk: bytes, count: int, path: bytes = b"/") -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = (b"%x\r\n%s\r\n" % (len(chunk), chunk)) * count + b"0\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, suppress(ConnectionError):
        connection.sendall(head + body)
        while block := connection.recv(4_096):
            answer += block
    return answer


@pytest.mark.parametrize("path", [b"/", b"/nothing-here"])
def test_a_body_of_tiny_chunks_takes_little_time(port: int, path: bytes) -> None:
    answer_to(port, b"a", 3, path)
    assert work(lambda: answer_to(port, b"a", 300_000, path)) <= LITTLE


def test_bodies_that_come_line_by_line_are_taken(port: int) -> None:
    assert b"200 OK" in answer_to(port, b"a" * 80, 5_000)
    assert b"200 OK" in answer_to(port, b"a", 1_500)
