"""The counter that all routes are served at: the node, the time, and what they share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tocsin.app import Node
from tocsin.asking import Guide
from tocsin.tokens import Tokens
from tocsin.uploads import Taker


@dataclass(frozen=True)
class Counter:
    """What routes work with; ``clock`` tells the time, UTC; ``taker`` takes in reports that are sent."""

    node: Node
    clock: Callable[[], datetime]
    tokens: Tokens
    taker: Taker

    @property
    def now(self) -> datetime:
        """The time."""
        return self.clock()

    @cached_property
    def guide(self) -> Guide:
        """Who must know, asked of a router that stays open."""
        return Guide(self.node, self.clock)
