"""A sender who takes too long over the head of a request is taken for gone: the connection ends."""

from asyncio import TimerHandle
from typing import ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS: Final = 60.0
"""So long everybody has, from the first byte on, or from the connection where nothing comes at all."""


class TimedProtocol(H11Protocol):
    """One connection; a body has a time of its own (`BodyTimeout`), and so has the pause between requests (uvicorn)."""

    seconds: ClassVar[float] = SECONDS
    _ends: TimerHandle | None = None

    def connection_made(self, transport: object) -> None:
        """Wait for the first request."""
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn's own signature
        self._watch(half=True)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        super().data_received(data)
        self._watch(half=self.conn.their_state is h11.IDLE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._watch(half=False)
        super().connection_lost(exc)

    def _watch(self, *, half: bool) -> None:
        """``half``: whether a head is wanted and not whole."""
        if not half and self._ends is not None:
            self._ends.cancel()
            self._ends = None
        elif half and self._ends is None:
            self._ends = self.loop.call_later(self.seconds, self.transport.close)
