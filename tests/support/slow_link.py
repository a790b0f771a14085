"""A link that is slow and cut, in front of a server: it ends TLS, and counts the bytes that crossed it."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_BLOCK = 16_384


@dataclass
class SlowLink:
    """``to``: the port of the server. ``cuts``: after so many bytes from the client the next connections end.

    ``delay``: seconds before a connection reaches the server; ``second``: bytes that cross in one, 0: any number.
    """

    to: int
    cuts: list[int] = field(default_factory=list)
    delay: float = 0.0
    second: int = 0
    port: int = 0
    crossed: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/exchange/inbox"

    def carry(self, client: ssl.SSLSocket) -> None:
        """One connection, from its beginning to its end or its cut."""
        self.connections += 1
        time.sleep(self.delay)
        left = self.cuts.pop(0) if self.cuts else None
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.to), timeout=30) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            try:
                while data := client.recv(_BLOCK):
                    server.sendall(data[: len(data) if left is None else left])
                    self.crossed += len(data)
                    if left is not None and (left := left - len(data)) <= 0:
                        return
                    if self.second:
                        time.sleep(len(data) / self.second)
                server.shutdown(socket.SHUT_WR)
                back.join(30)
            finally:  # a socket that is only closed stays open as long as the other thread reads it
                for end in (client, server):
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(_BLOCK):
            other.sendall(data)


@contextmanager
def slow_link(tls: ssl.SSLContext, to: int) -> Iterator[SlowLink]:
    """The link, open."""
    link = SlowLink(to)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        link.port = listening.getsockname()[1]
        listening.settimeout(0.05)

        def accept() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    came, _ = listening.accept()
                    came.settimeout(30)
                    wrapped = tls.wrap_socket(came, server_side=True)
                    threading.Thread(target=link.carry, args=(wrapped,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield link
        finally:
            ended.set()
            thread.join()
