"""A pager in the own network: a server that takes calls by webhook, or does not."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message


@contextmanager
def pager(
    status: Callable[[], int] = lambda: 200, location: str = ""
) -> Iterator[tuple[str, list[tuple[Message, bytes]]]]:
    """Its address, and the headers and body of each call that came; ``status``: how the next one is answered."""
    got: list[tuple[Message, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            code = status()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if code == 200:
                got.append((self.headers, body))
            self.send_response(code)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/page", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
