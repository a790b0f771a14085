"""A STOMP server over TLS on 127.0.0.1 with one queue: what is not acknowledged comes again, as a broker does it."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Broker:
    """What waits, who connected how, and what it heard; ``junk``: sent in place of an answer."""

    port: int = 0
    waiting: list[bytes] = field(default_factory=list)
    heard: list[dict[str, str]] = field(default_factory=list)
    passcode: str = "s3cret"
    junk: bytes = b""

    def commands(self) -> list[str]:
        return [frame["command"] for frame in self.heard]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        broker: Broker = self.server.broker  # type: ignore[attr-defined]
        sent = 0
        while frame := self._frame():
            broker.heard.append(frame)
            if broker.junk:
                self.wfile.write(broker.junk)
                return
            match frame["command"]:
                case "CONNECT" if frame.get("passcode") != broker.passcode:
                    self._say("ERROR", b"never shown", message="Access refused\\c no")
                    return
                case "CONNECT":
                    self._say("CONNECTED", version="1.2")
                case "SUBSCRIBE":
                    sent = min(len(broker.waiting), int(frame["prefetch-count"]))
                    for number, body in enumerate(broker.waiting[:sent]):
                        self.wfile.write(b"\n")
                        self._say("MESSAGE", body, ack=f"a\\c{number}")
                case "ACK":
                    done = int(frame["id"].removeprefix("a\\c")) + 1
                    del broker.waiting[:done]
                case "DISCONNECT":
                    self._say("RECEIPT", b"", **{"receipt-id": frame["receipt"]})

    def _frame(self) -> dict[str, str]:
        text = b""
        while (letter := self.rfile.read(1)) not in {b"\0", b""}:
            text += letter
        command, *lines = text.decode().strip().split("\n")
        return {"command": command, **dict(line.split(":", 1) for line in lines)} if command else {}

    def _say(self, command: str, body: bytes = b"", /, **headers: str) -> None:
        length = {"content-length": str(len(body))} if b"\0" in body or len(body) % 2 else {}
        lines = [f"{name}:{value}" for name, value in {**headers, **length}.items()]
        self.wfile.write("\n".join([command, *lines, "", ""]).encode() + body + b"\0")


@contextmanager
def stomp_server(tls: ssl.SSLContext) -> Iterator[Broker]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        broker = Broker()

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us is no error of ours."""

    server = Server(("127.0.0.1", 0), _Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.broker.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.broker
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
