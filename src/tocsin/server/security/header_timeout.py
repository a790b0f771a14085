"""What ends a connection: a head of a request that comes too slowly, or one that says its end in two ways."""

from asyncio import TimerHandle
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_LONGEST_HEAD: Final = 65_536  # bytes, as uvicorn's own

SECONDS: Final = 60.0
"""So long everybody has, from the first byte on, or from the connection where nothing comes at all."""


class _StrictConnection(h11.Connection):
    """What both Content-Length and Transfer-Encoding say where a request ends is refused (RFC 9112, 6.1).

    A proxy that believes the one, before a server that believes the other, lets a second request slip in.
    """

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request) and {b"content-length", b"transfer-encoding"} <= dict(event.headers).keys():
            raise h11.RemoteProtocolError("Content-Length beside Transfer-Encoding")
        return event


class TimedProtocol(H11Protocol):
    """One connection; a body has a time of its own (`BodyTimeout`), and so has the pause between requests (uvicorn)."""

    seconds: ClassVar[float] = SECONDS
    _ends: TimerHandle | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = _StrictConnection(h11.SERVER, self.config.h11_max_incomplete_event_size or _LONGEST_HEAD)

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
