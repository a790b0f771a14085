"""The counter that all routes are served at: the node, the time, and what they share."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import uuid4

from tocsin.interface import Say, in_english
from tocsin.node.paths import HomeFolder
from tocsin.node.records import alive
from tocsin.node.tokens import Tokens
from tocsin.operations.machines import ServersAtWork
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.api.durations import Durations
from tocsin.server.api.idempotency import forget_killed
from tocsin.sharing.lookup import ResponsibilityLookup


class ReportTaker(Protocol):
    """Who takes in what was sent: a thread of this process, or the process beside it."""

    def wake(self) -> None:
        """Something came."""

    @property
    def dead(self) -> bool:
        """Whether it should work and does not: then what is sent in is kept, and nobody takes it in."""

    def working(self) -> AbstractContextManager[None]:
        """Work until the block ends; the report that is being taken in is finished first."""


@dataclass(frozen=True)
class ApiContext:
    """What routes work with; ``clock`` tells the time, UTC; ``taker`` takes in reports that are sent.

    ``say`` says a text in the language of whoever is written to. ``guide`` says who must know, from a router that stays
    open. ``worker`` names this process, and no other ever; behind a dot stands the port that it serves.
    """

    node: NodeWithStores
    clock: Callable[[], datetime]
    tokens: Tokens
    taker: ReportTaker
    guide: ResponsibilityLookup
    say: Say = in_english
    worker: str = field(default_factory=lambda: uuid4().hex)
    durations: Durations = field(default_factory=Durations)
    at_work: ServersAtWork = field(default_factory=ServersAtWork)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Requests are worked on meanwhile; those that a killed process was working on may be sent again."""
        with alive(self.node.home / HomeFolder.AT_WORK, self.worker, partial(forget_killed, self.node.database)):
            yield

    @property
    def now(self) -> datetime:
        """The time."""
        return self.clock()
