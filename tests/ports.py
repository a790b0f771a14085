"""Ports of 127.0.0.1 that stay free for one server, also while none listens there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given until the block ends; a server that sets SO_REUSEADDR, as all do, may listen.

    A port that was closed again may be another process's before the server starts. Linux lets two sockets with
    SO_REUSEADDR have one port where at most one listens, and gives a port that is bound to nobody who asks for any.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
