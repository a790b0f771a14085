"""The figures of today, kept for a moment for all who look at them at once."""

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from logging import getLogger
from threading import Lock
from time import monotonic

from tocsin.directory import directory_version
from tocsin.node.errors import TocsinError
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.to_do import Item, open_conflicts, slow_items
from tocsin.server.pages.today.figures import Today, state_token, today

_FRESH = 5.0  # seconds that figures are shown where nothing changed: some change with the time alone
_SLOW_AFTER, _SLOW_AT_LEAST = 60.0, 900.0  # seconds between slow figures where something changed, and where not
_SHARE = 20  # so many times as long as slow figures took, the next are waited for: a twentieth of one processor
_PATIENCE = 0.5  # seconds from their beginning that pages wait for the first slow figures


@dataclass(frozen=True)
class TodayFigures:
    """The figures, the token of the state that they are of, and whether the slow ones are among them."""

    token: str
    today: Today
    complete: bool


class Board:
    """The figures of one node. ``read`` may be called by many threads."""

    def __init__(self, node: NodeWithStores) -> None:
        self._node = node
        self._lock = Lock()
        self._seen: tuple[float, TodayFigures] | None = None
        self._pool = ThreadPoolExecutor(1, "today")
        self._slow: Future[list[Item]] | None = None
        self._known: Sequence[Item] | None = None
        self._conflicts: tuple[str, int] | None = None  # with the version of the directory that they are of
        self._slow_at, self._slow_of, self._slow_made, self._slow_cost = 0.0, "", 0, 0.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Figures are made meanwhile; at the end those that are being made are waited for."""
        with ThreadPoolExecutor(1, "today") as self._pool:  # an application may be served again
            yield

    def token(self) -> str:
        """What differs when something changed."""
        slow = self._slow
        made = self._slow_made + (slow is not None and slow.done())
        return ".".join(map(str, (*state_token(self._node), made)))

    def read(self, now: datetime) -> TodayFigures:
        """The figures of now, or of a moment ago."""
        token = self.token()
        with self._lock:
            if self._seen and self._seen[1].token == token and monotonic() - self._seen[0] < _FRESH:
                return self._seen[1]
            slow = self._read_slow(token, now)
            seen = TodayFigures(token, today(self._node, now, slow or ()), slow is not None)
            self._seen = (monotonic(), seen) if seen.complete else None
            return seen

    def _read_slow(self, token: str, now: datetime) -> Sequence[Item] | None:
        """The newest slow figures that there are; newer ones are made meanwhile. None: there are none yet."""
        age = monotonic() - self._slow_at
        if self._slow is None and (
            self._known is None
            or age > self._pause(_SLOW_AT_LEAST)
            or (age > self._pause(_SLOW_AFTER) and token != self._slow_of)
        ):
            self._slow = self._pool.submit(self._work_out, now)
            self._slow_at, self._slow_of = monotonic(), token
        if self._slow is not None:
            self._collect(self._slow)
        return self._known

    def _work_out(self, now: datetime) -> list[Item]:
        began = monotonic()
        try:
            version = directory_version(self._node.database)
            if self._conflicts is None or self._conflicts[0] != version:
                self._conflicts = (version, open_conflicts(self._node))
            return slow_items(self._node, now, self._conflicts[1])
        finally:
            self._slow_cost = monotonic() - began

    def _pause(self, seconds: float) -> float:
        """Seconds from the beginning of one working out to the next: longer where it takes long."""
        return max(seconds, _SHARE * self._slow_cost)

    def _collect(self, slow: Future[list[Item]]) -> None:
        with suppress(Late):
            try:
                waited = monotonic() - self._slow_at  # by those who asked before
                self._known = slow.result(timeout=max(0.0, _PATIENCE - waited) if self._known is None else 0)
            except TocsinError as error:  # the others are shown all the same
                getLogger("uvicorn.error").warning("%s", error)
            self._slow = None
            self._slow_made += 1
