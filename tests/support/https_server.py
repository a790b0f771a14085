"""A real HTTPS server on 127.0.0.1 with a certificate of its own, that says what it is told to; and an HTTP proxy."""

import base64
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar


@dataclass(frozen=True)
class Asked:
    """A request as it came; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the server says. ``promised``: the length that it states, where that is not the truth; -1: none.

    ``until``: it keeps the connection open so long.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    until: threading.Event | None = None


Page = Callable[[Asked], Answer]
Office = TypeVar("Office")


@dataclass
class WebServer:
    """Its pages by path (without the query), what answers all others, and what it was asked."""

    port: int = 0
    pages: dict[str, Page | Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    scheme: str = "https"
    otherwise: Page | Answer = field(default_factory=lambda: Answer(b"nothing here", 404))

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        page = self.pages.get(asked.path.partition("?")[0], self.otherwise)
        return page if isinstance(page, Answer) else page(asked)


@contextmanager
def web_server(tls: ssl.SSLContext | None) -> Iterator[WebServer]:
    """The server, started; without ``tls`` it speaks plain HTTP."""
    office = WebServer(scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60  # of a client that says nothing more

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = office.answer(Asked(self.command, self.path, headers, self.rfile.read(length)))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            promised = len(answer.body) if answer.promised is None else answer.promised
            if answer.status != 304 and promised >= 0:
                self.send_header("Content-Length", str(promised))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.until is not None:
                self.wfile.flush()
                answer.until.wait(60)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that ends early is no error of ours."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)  # but when read
    office.port = server.server_address[1]
    yield from _serving(server, office)


@dataclass
class WebProxy:
    """Where it listens, what it was asked to connect to, and who asked."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)


@contextmanager
def web_proxy() -> Iterator[WebProxy]:
    """A proxy that connects where it is asked to (RFC 9110, 9.3.6)."""
    office = WebProxy()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            host, _, port = self.rfile.readline().split()[1].decode().partition(":")
            office.asked.append(f"{host}:{port}")
            while (line := self.rfile.readline().strip()) != b"":
                name, _, value = line.decode().partition(": ")
                if name.lower() == "proxy-authorization":
                    office.users.append(base64.b64decode(value.removeprefix("Basic ")).decode())
            with socket.create_connection((host, int(port))) as other:
                self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(other, self.request), daemon=True)
                back.start()
                _pass_on(self.request, other)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", 0), Handler)
    office.port = server.server_address[1]
    yield from _serving(server, office)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


def _serving(server: socketserver.BaseServer, office: Office) -> Iterator[Office]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield office
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def pin_by_openssl(folder: Path) -> str:
    """The pin of the certificate in a folder, computed by somebody else than us."""
    key = subprocess.run(
        ["openssl", "x509", "-in", folder / "certificate.pem", "-pubkey", "-noout"], capture_output=True, check=True
    ).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, capture_output=True, check=True)
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der.stdout, capture_output=True, check=True
    )
    return f"sha256/{base64.b64encode(digest.stdout).decode()}"
