"""What mails are compared with: this node's addresses and secret, and the teams of its directory."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.directory import Team, read_directory
from tocsin.events.store import EventStore
from tocsin.node.node import Node
from tocsin.node.tokens import Tokens, open_tokens


@dataclass(frozen=True)
class MailContext:
    """``teams`` by number; ``ours``: the addresses that this node sends from, in small letters."""

    node: Node
    store: EventStore
    tokens: Tokens
    teams: Mapping[int, Team]
    ours: frozenset[str]

    @property
    def address(self) -> str:
        """The address that reply addresses are made from, or empty."""
        return self.node.settings.mailbox.address


def open_desk(node: Node, store: EventStore) -> MailContext:
    """The desk of a node, as its directory is now."""
    settings = node.settings
    ours = {settings.node.contact.lower(), settings.mailbox.address.lower()} - {""}
    return MailContext(node, store, open_tokens(node.home), read_directory(node.database).by_id, frozenset(ours))
