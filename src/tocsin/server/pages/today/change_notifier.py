"""One task that looks whether something changed, for all browsers that wait to hear of it.

It looks every two seconds, and at once where the records say that something was written, by whichever server.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from threading import Thread
from time import monotonic, sleep

from anyio import Event, to_thread

from tocsin.node.errors import StorageError

MOST = 12
"""Streams of one person: the windows of a busy day. Each costs about a megabyte."""

_EVERY = 2.0  # seconds between looks
_GATHERED = 0.2  # seconds in which what is written one after the other is looked at once
_ALIVE_EVERY = 5.0  # seconds between looks at whose sessions live
_AT_LEAST = 60.0  # seconds after which all look again: what is due becomes overdue without a change


class ChangeNotifier:
    """Tells its listeners when something changed; looks only while there are any.

    ``token``: what differs then. ``alive``: which of these sessions have not ended. ``hear``: calls what it is given
    whenever it is time to look, until the other says that nobody listens. All run in threads.
    """

    def __init__(
        self,
        token: Callable[[], str],
        alive: Callable[[Collection[str]], set[str]],
        hear: Callable[[Callable[[], None], Callable[[], bool]], None] = lambda _changed, _ended: None,
    ) -> None:
        self._token, self._alive, self._hear = token, alive, hear
        self._written = asyncio.Event()
        self._listeners: Counter[str] = Counter()
        self._people: Counter[int | None] = Counter()
        self._beat: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._now = ""
        self._ended: frozenset[str] = frozenset()
        self.over = Event()
        """Set when the server ends: then all listening ends too."""

    def is_full(self, person: int | None) -> bool:
        """Whether somebody has as many streams open as one may have."""
        return self._people[person] >= MOST

    async def listen(self, session: str, person: int | None) -> AsyncIterator[str]:
        """The token of now, and each new one; ends with the session, and at once where the person has enough."""
        if self.is_full(person):
            return
        self._listeners[session] += 1
        self._people[person] += 1
        try:
            if self._task is None or self._task.done():  # no await between: one task for all
                self._beat = asyncio.Event()
                self._task = asyncio.create_task(self._run())
                self._now = ""
            if not self._now:
                await self._next()
            yield self._now
            while not self._is_over(session):
                await self._next()
                if not self._is_over(session):
                    yield self._now
        finally:
            self._people[person] -= 1
            self._listeners[session] -= 1
            if not self._listeners[session]:
                del self._listeners[session]

    def _is_over(self, session: str) -> bool:
        return session in self._ended or self.over.is_set()

    async def _next(self) -> None:
        if self._beat is not None:
            await self._beat.wait()

    async def _run(self) -> None:
        told, looked = -_AT_LEAST, monotonic()
        here = asyncio.current_task()
        args = asyncio.get_running_loop(), lambda: self._task is not here or not self._listeners or self.over.is_set()
        Thread(target=self._hear_all, args=args, name="changes", daemon=True).start()
        while self._listeners and not self.over.is_set():
            before = self._now
            with suppress(StorageError):  # the next look may find the records again
                self._now = await to_thread.run_sync(self._token)
                if monotonic() - looked >= _ALIVE_EVERY:
                    looked = monotonic()
                    sessions = list(self._listeners)
                    self._ended = frozenset(sessions) - await to_thread.run_sync(self._alive, sessions)
            some_ended = not self._ended.isdisjoint(self._listeners)
            if self._now != before or some_ended or monotonic() - told >= _AT_LEAST:
                told = monotonic()
                self._strike()
            await self._pause()
        self._strike()

    async def _pause(self) -> None:
        """Until it is time to look again."""
        waits = [asyncio.ensure_future(one.wait()) for one in (self.over, self._written)]
        await asyncio.wait(waits, timeout=_EVERY, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        if self._written.is_set():
            await asyncio.sleep(_GATHERED)
            self._written.clear()

    def _hear_all(self, loop: asyncio.AbstractEventLoop, ended: Callable[[], bool]) -> None:
        """Hear of changes for as long as anybody listens; without it, every look is at its time."""
        begun = True
        while begun and not ended():
            begun = False
            with suppress(RuntimeError):  # the server ended meanwhile
                try:
                    self._hear(lambda: _set(loop, self._written), ended)
                except StorageError:
                    begun = True
                    sleep(_EVERY)

    def _strike(self) -> None:
        if self._beat is not None:
            beat, self._beat = self._beat, asyncio.Event()
            beat.set()


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)
