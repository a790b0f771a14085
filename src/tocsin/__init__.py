"""Tocsin: hear what is wrong in a country's networks, find who must know, and tell them safely."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.server.client import Client

__all__ = ["Client", "__version__"]

__version__ = "0.2.0"


def __getattr__(name: str) -> "type[Client]":
    """`Client`, imported only when it is asked for."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tocsin.server.client import Client

    return Client
