"""Ports for servers that must be told theirs, and what their clients need."""

import os
import socket
import ssl
from itertools import count
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of servers without TLS: each would read all certificate authorities first, which takes 10 ms."""

# Below those that the kernel gives to whoever asks for any, so that nothing takes one between its choice and its use;
# each process of tests begins somewhere else.
_NEXT = count(os.getpid() * 37)
_FIRST, _NUMBER = 10_000, 20_000


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, another one at each call."""
    while True:
        port = _FIRST + next(_NEXT) % _NUMBER
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port
