"""A server that is killed while people and programs send: what was answered is there afterwards, and nothing twice."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.api_client import token_of
from support.cast import HEADER, Tocsin
from support.ports import free_port
from support.processes import children, kill_whole
from support.two_servers import until
from support.world import World, copy_world, link_of
from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.arrivals.models import ReportEntry
from tocsin.node.accounts import AccountRole, Permission
from tocsin.pipeline.stores import NodeWithStores, writer
from tocsin.pipeline.uploads import Upload
from tocsin.problems.answers import Answer
from tocsin.server.api import RequestOnce

_TOCSIN = str(Path(sys.executable).parent / "tocsin")
_KILLS = 2


@dataclass
class Server:
    """One port, and the process that listens there at the moment."""

    home: Path
    port: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "subprocess.Popen[bytes]":
        command = [_TOCSIN, "--home", str(self.home), "serve", "--port", str(self.port)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=120, headers=headers
        )  # fmt: skip

    def insist(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer to what is sent again, the same, until there is one."""
        for _ in range(600):
            try:
                return ask()
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail("no answer came")


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    world = copy_world(fresh, tmp_path)
    world.now = datetime.now(UTC)
    return world


@pytest.fixture
def server(world: World) -> Server:
    return Server(world.node.home, free_port())


def numbers(server: Server) -> Iterator[int]:
    """One after the other until the kills are over, and at least two."""
    number = 0
    while number < 2 or not server.ended.is_set():
        number += 1
        yield number


def answering(server: Server, path: str) -> list[str]:
    """Answer a mail again and again; the notes of what was received."""
    sent = []
    with server.client() as client:
        for number in numbers(server):
            page = server.insist(lambda: client.get(f"{path}?state=all")).text
            made = re.search(r'name="made" value="([^"]+)"', page)[1]  # type: ignore[index]
            data = {"made": made, "verdict": "acknowledged", "every": "found", "note": f"answer {number}"}
            assert server.insist(lambda: client.post(f"{path}?state=all", data=data)).status_code == 303  # noqa: B023
            sent.append(data["note"])
    return sent


def reporting(server: Server, token: str) -> list[str]:
    """Send reports in as a program does; the addresses in them."""
    sent = []
    with server.client(authorization=f"Bearer {token}", **{"content-type": "text/csv"}) as client:
        for number in numbers(server):
            address = f"192.0.2.{number + 10}"
            row = f'"{datetime.now(UTC):%Y-%m-%d} 00:00:01","medium","{address}","tcp",3389,,"rdp",64500,"MU",,'
            name, body = f"2026-11-24-scan_rdp-n{number}-geo.csv", f"{HEADER}\n{row}\n"
            named = {"idempotency-key": f"report-{number}"}
            answer = server.insist(
                lambda: client.post("/api/v1/reports", params={"name": name}, headers=named, content=body)  # noqa: B023
            )
            assert answer.is_success, answer.text
            sent.append(address)
    return sent


def filing(server: Server) -> list[str]:
    """File reports as the public does, and add a message to each; the texts."""
    sent = []
    with server.client() as client:
        for number in numbers(server):
            client.headers["x-forwarded-for"] = f"203.{number // 256}.{number % 256}.1"  # each from another network
            page = server.insist(lambda: client.get("/report")).text
            made = re.search(r'name="made" value="([^"]+)"', page)[1]  # type: ignore[index]
            data = {"made": made, "kind": "deceit", "what": f"report {number}"}
            page = server.insist(lambda: client.post("/report", data=data)).text  # noqa: B023
            reference, secret = re.findall(r'<dd><code dir="ltr">([0-9A-Z-]+)</code>', page)
            more = {"reference": reference, "secret": secret}
            page = server.insist(lambda: client.post("/report/answer", data=more)).text  # noqa: B023
            made = re.search(r'name="made" value="([^"]+)"', page)[1]  # type: ignore[index]
            added = {**more, "made": made, "text": f"message {number}"}
            page = server.insist(lambda: client.post(f"/report/{reference}", data=added)).text  # noqa: B023
            assert f"message {number}" in page
            sent += [data["what"], added["text"]]
    return sent


def said(node: NodeWithStores) -> list[str]:
    """All that is on record of what was sent, each as often as it is."""
    with node.database.reading() as session:
        return [
            *session.scalars(select(Answer.note)),
            *session.scalars(select(PublicReport.what)),
            *(text for text in session.scalars(select(ReportEntry.text)) if text.startswith("message")),
        ]


@contextmanager
def killed_and_started_again(server: Server) -> Iterator[None]:
    """Servers that follow each other; each but the last is killed at a moment that is not foreseen."""
    moment = random.Random()
    running = [server.start()]

    def kill() -> None:
        for _ in range(_KILLS):
            _until_open(server)
            time.sleep(moment.uniform(0.2, 1.5))
            kill_whole(running[0].pid)
            running[0].wait()
            running[0] = server.start()
        _until_open(server)
        server.ended.set()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        killer.join()
        running[0].terminate()
        running[0].wait(timeout=60)


def _until_open(server: Server) -> None:
    with server.client() as client:
        server.insist(lambda: client.get("/health"))


def test_what_was_answered_survives_every_kill_and_is_there_once(world: World, server: Server) -> None:
    world.hear("192.0.2.1")
    path = link_of(world.tell()["abuse@operator.example"])
    token = token_of(world.node, AccountRole.ANALYST, Permission.REPORTS_WRITE, world=world)
    with killed_and_started_again(server), ThreadPoolExecutor(4) as clients:
        waiting = [
            clients.submit(answering, server, path),
            clients.submit(reporting, server, token),
            clients.submit(filing, server),
        ]
        sent, addresses, filed = (one.result() for one in waiting)
        with server.client(authorization=f"Bearer {token}") as client:
            until_taken_in(world, addresses)
            assert client.get("/health").status_code == 200
    assert Counter(said(world.node)) == Counter([*sent, *filed])
    events = Counter(event["source.ip"] for event in world.tocsin.lines("events", "--limit", "0", "--format", "json"))
    assert {address: events[address] for address in addresses} == dict.fromkeys(addresses, 1)
    world.tocsin.run("audit", "seal")
    world.tocsin.run("audit", "verify")


def test_a_request_that_a_kill_cut_off_is_sent_again_under_its_name(world: World, server: Server) -> None:
    token = token_of(world.node, AccountRole.ANALYST, Permission.REPORTS_WRITE, world=world)
    row = f'"{datetime.now(UTC):%Y-%m-%d} 00:00:01","medium","192.0.2.9","tcp",3389,,"rdp",64500,"MU",,'
    named = {"idempotency-key": "cut-off", "prefer": "wait=30", "content-type": "text/csv"}

    def send() -> httpx.Response:
        name = {"name": "2026-11-24-scan_rdp-n-geo.csv"}
        return client.post("/api/v1/reports", params=name, content=f"{HEADER}\n{row}\n", headers=named)

    with server.client(authorization=f"Bearer {token}") as client, ThreadPoolExecutor(1) as sender:
        process = server.start()
        _until_open(server)
        with writer(world.node):  # so that the answer has to wait
            sending = sender.submit(send)
            until_begun(world)
            kill_whole(process.pid)
            process.wait()
            assert isinstance(sending.exception(timeout=120), httpx.TransportError)
        process = server.start()
        answer = server.insist(send)
    process.terminate()
    process.wait(timeout=60)
    assert (answer.status_code, answer.json()["state"]) == (201, "taken"), answer.text
    events = world.tocsin.lines("events", "--format", "json")
    assert [event["source.ip"] for event in events] == ["192.0.2.9"]


def test_the_process_of_the_work_is_started_again_where_it_dies_and_ends_with_its_server(
    world: World, server: Server
) -> None:
    token = token_of(world.node, AccountRole.ANALYST, Permission.REPORTS_WRITE, world=world)
    named = {"prefer": "wait=60", "content-type": "text/csv"}
    process = server.start()
    _until_open(server)
    with server.client(authorization=f"Bearer {token}") as client:
        for number in (1, 2, 3):
            row = f'"{datetime.now(UTC):%Y-%m-%d} 00:00:01","medium","192.0.2.{number}","tcp",3389,,"rdp",64500,"MU",,'
            name = {"name": f"2026-11-24-scan_rdp-n{number}-geo.csv"}
            answer = client.post("/api/v1/reports", params=name, content=f"{HEADER}\n{row}\n", headers=named)
            assert (answer.status_code, answer.json()["state"]) == (201, "taken"), answer.text
            [worker] = _at_work(process.pid)
            os.kill(worker, signal.SIGKILL if number < 3 else signal.SIGTERM)
    time.sleep(2)
    assert _at_work(process.pid) == [worker]  # its server tells it to end, and not who tells both at once
    process.kill()
    process.wait()
    until(lambda: not Path(f"/proc/{worker}").exists(), "it ends by itself")


def _at_work(server: int) -> list[int]:
    """The process of its work; a server also has one from which confined processes are forked."""
    return [one for one in children(server) if b"work_process" in Path(f"/proc/{one}/cmdline").read_bytes()]


def until_begun(world: World) -> None:
    for _ in range(300):
        with world.node.database.reading() as session:
            if session.scalar(select(RequestOnce.id)) and session.scalar(select(Upload.id)):
                return
        time.sleep(0.1)
    pytest.fail("the request was not begun")


def until_taken_in(world: World, addresses: list[str]) -> None:
    for _ in range(300):
        text = world.tocsin.run("events", "--limit", "0", "--format", "json")
        if all(f'"{address}"' in text for address in addresses):
            return
        time.sleep(0.2)
    pytest.fail("a report that was received was not taken in")


def test_a_server_that_is_told_to_end_finishes_what_it_is_answering(world: World, server: Server) -> None:
    """The form of a report is half sent when SIGTERM comes; the rest follows, and there is an answer."""
    process = server.start()
    _until_open(server)
    with server.client() as client:
        made = re.search(r'name="made" value="([^"]+)"', client.get("/report").text)[1]  # type: ignore[index]
    body = f"made={made}&kind=deceit&what=Half+and+half".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as wire:
        wire.sendall(
            b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body[:20])
        )
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        wire.sendall(body[20:])
        assert wire.recv(100).startswith(b"HTTP/1.1 200")
    assert process.wait(timeout=60) in (0, -signal.SIGTERM)
    assert said(world.node) == ["Half and half"]


@pytest.mark.parametrize(
    ("settings", "variables", "says"),
    [
        ("[server]\nport = 'many'", {}, ["server.port", "tocsin.toml"]),
        ("[server]\nprot = 1", {}, ["server.prot", "there is no setting of this name"]),
        ("[server\n", {}, ["tocsin.toml", "line 1"]),
        ("", {"TOCSIN_SERVER_WORK": "sometimes"}, ["server.work", "the variable TOCSIN_SERVER_WORK"]),
        ("[server]\nhost = '203.0.113.9'", {}, ["203.0.113.9", "--port"]),
    ],
)
def test_a_setting_that_does_not_work_is_named(
    tmp_path: Path, settings: str, variables: dict[str, str], says: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tocsin.toml").write_text(settings)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, _, error = Tocsin(tmp_path, {}).call("serve")
    assert code == 2
    assert all(words in error for words in says), error
    assert "Traceback" not in error
    assert "Serving" not in error


def test_a_port_that_is_taken_is_said_before_anything_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [_TOCSIN, "--home", tmp_path, "serve", "--port", port], check=False, capture_output=True, timeout=60
        )
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1: Address already in use" in done.stderr.decode()
    assert "welcome" not in done.stderr.decode()
