"""A node asked over its API: its own models (`tocsin.server.model`), errors as this node's own."""

from tocsin.server.client.client import Client

__all__ = ["Client"]
