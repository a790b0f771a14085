"""A node that hears, tells and is answered, at times that a test sets."""

import asyncio
import html
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx
import uvicorn
from fastapi import FastAPI

from support.cast import HEADER, Tocsin
from support.delivery_examples import Read, read_folder
from support.homes import copy_home, settle
from support.ports import NO_TLS, free_port
from support.processes import command
from tocsin.pipeline.groups import Counts
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.server.server import make_application

URL = "https://csirt.example"
START = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
_LINK = re.compile(r"^https://csirt\.example(/a/\S+)\s*$", re.MULTILINE)
_MADE = re.compile(r'name="made" value="([^"]+)"')
_BOX = re.compile(
    r'name="problem" value="([0-9a-f]{16})"[^>]*></td>\s*<th scope="row"><label[^>]*><code dir="ltr">([^<]+)<'
)


@dataclass
class World:
    """A node with the fixed cast; ``now`` is what all its parts take for the time."""

    folder: Path
    node: NodeWithStores
    now: datetime = START
    reports: int = 0
    open: ExitStack = field(default_factory=ExitStack)

    @property
    def tocsin(self) -> Tocsin:
        """Its command line."""
        return Tocsin(self.node.home, {}, lambda: self.now)

    def client(self, *, public: bool = False) -> httpx.Client:
        """A browser without cookies that follows no redirect by itself, on a real server of its own."""
        application = make_application(self.node, public=public, clock=lambda: self.now)
        port = self.open.enter_context(served(application))
        return self.open.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS, timeout=120)
        )

    def at(self, days: float) -> "World":
        """The same, so many days after its start."""
        self.now = START + timedelta(days=days)
        return self

    def after_today(self, days: float) -> "World":
        """The same, so many days after today by the clock of this machine: libraries make keys by that."""
        return self.at((datetime.now(UTC) - START) / timedelta(days=1) + days)

    def hear(self, *addresses: str, port: int = 3389) -> Counts:
        """Take in one report of open RDP services that were seen an hour ago."""
        self.reports += 1
        seen = self.now - timedelta(hours=1)
        path = self.folder / f"{seen:%Y-%m-%d}-scan_rdp-test{self.reports}-geo.csv"
        rows = [f'"{seen:%Y-%m-%d %H:%M:%S}","medium","{a}","tcp",{port},,"rdp",64500,"MU",,' for a in addresses]
        path.write_text("\n".join([HEADER, *rows, ""]))
        outcome = ingest(self.node, [path], clock=lambda: self.now)
        assert not outcome.failed
        return outcome.counts

    def tell(self) -> dict[str, Read]:
        """Send what is due; the new mails by their mailbox."""
        before = set(read_folder(self.node.mails))
        tell(self.node, now=self.now)
        return {read.to: read for name, read in read_folder(self.node.mails).items() if name not in before}


class _Server(uvicorn.Server):
    """Ends at once: by uvicorn's own tenths of a second the tests would wait for minutes."""

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert not sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.01)
        await self.lifespan.shutdown()


@contextmanager
def served(
    application: FastAPI, *, port: int = 0, http: type[asyncio.Protocol] | Literal["auto"] = "auto"
) -> Iterator[int]:
    """The port of a server that runs until the block ends; ``port``: the one that it shall have."""
    config = uvicorn.Config(
        application, port=port, http=http, log_level="warning", server_header=False, proxy_headers=False
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)  # one that does not end keeps no process
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server could not start"
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=120)


@contextmanager
def serving(home: Path, cut: str = "", *, public: bool = True, work: bool = False) -> Iterator[httpx.Client]:
    """A browser on pages that a process of their own serves, and that may die at one point."""
    port = free_port()
    environment = {**os.environ, "TOCSIN_SERVER_WORK": str(work).lower(), **({"TOCSIN_CUT": cut} if cut else {})}
    words = ["serve", *(["--public"] if public else []), "--port", str(port)]
    process = command(home, *words, environment=environment)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS, timeout=120) as client:
        try:
            while True:
                try:
                    client.get("/static/bell.svg")
                    break
                except httpx.ConnectError:
                    assert process.poll() is None, process.said
                    time.sleep(0.05)
            yield client
        finally:
            process.terminate()
            process.wait(timeout=120)


def make_world(folder: Path, settings: str = "") -> World:
    """A node in ``folder`` that has heard nothing yet."""
    node = '[node]\nname = "CSIRT Example"\nemergency_number = "112"\n'
    home = settle(folder / "home", f'{settings}\n[server]\nurl = "{URL}"\n{node}')
    return World(folder, open_node(home))


def copy_world(of: Path, folder: Path) -> World:
    """A copy of a node in ``folder``, which then goes its own way."""
    copy_home(of, folder)
    return World(folder, open_node(folder / "home"), reports=len(list(folder.glob("*-geo.csv"))))


def link_of(mail: Read) -> str:
    """The path of the one link in a mail by which it is answered."""
    (path,) = _LINK.findall(mail.body)
    return str(path)


def send(client: httpx.Client, path: str, verdict: str, *addresses: str, **fields: str) -> httpx.Response:
    """Open the page of a link and send its form as a person would: for these addresses, or for all."""
    path = path if "?" in path else f"{path}?state=all"
    page = client.get(path).text
    made = _MADE.search(page)
    found = boxes(page)
    data = {
        "made": made[1] if made else "",
        "verdict": verdict,
        "problem": [found[address] for address in addresses],
        "every": "" if addresses else "found",
        "note": "",
        **fields,
    }
    return client.post(path, data=data)


def boxes(page: str) -> dict[str, str]:
    """The problems that a page lists, by address."""
    return {address: key for key, address in _BOX.findall(page)}


def text_of(response: httpx.Response) -> str:
    """What a page says, without its markup and what opens over it, and with single blanks."""
    text = re.sub(r"<dialog\b.*?</dialog>", "", response.text.replace("<wbr>", ""), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
