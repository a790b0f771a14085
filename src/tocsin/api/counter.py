"""The counter that all routes are served at: the node, the time, and what they share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tocsin.app import Node
from tocsin.asking import Guide
from tocsin.tokens import Tokens
from tocsin.uploads import Taker

if TYPE_CHECKING:
    from tocsin.api.metrics import Durations


@dataclass(frozen=True)
class Counter:
    """What routes work with; ``clock`` tells the time, UTC; ``taker`` takes in reports that are sent.

    ``guide`` says who must know, from a router that stays open.
    """

    node: Node
    clock: Callable[[], datetime]
    tokens: Tokens
    taker: Taker
    guide: Guide

    @property
    def now(self) -> datetime:
        """The time."""
        return self.clock()

    @cached_property
    def durations(self) -> "Durations":
        """How long answers take."""
        from tocsin.api.metrics import Durations

        return Durations()
