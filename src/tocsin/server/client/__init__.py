"""A node asked over its API: its own models (`tocsin.server.model`), errors as this node's own."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.client.client import Client
else:
    lazy_face(__name__)
