"""What ends a connection: a head that comes too slowly, or says its end in two ways, and a body of tiny chunks."""

from asyncio import TimerHandle
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_LONGEST_HEAD: Final = 65_536  # bytes, as uvicorn's own
_FREE_CHUNKS: Final = 2_000
_LEAST_CHUNK: Final = 64
"""Bytes that chunks of a body have at least on average, beyond so many: each takes some microseconds of all others."""

SECONDS: Final = 60.0
"""So long everybody has, from the first byte on, or from the connection where nothing comes at all."""


class _StrictConnection(h11.Connection):
    """What both Content-Length and Transfer-Encoding say where a request ends is refused (RFC 9112, 6.1).

    A proxy that believes the one, before a server that believes the other, lets a second request slip in. Nor may
    somebody send bytes one by one as chunks (9112, 7.1): 900 kB of those kept all pages waiting for half a second.
    """

    _chunks = _bytes = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Data):
            self._chunks, self._bytes = self._chunks + event.chunk_end, self._bytes + len(event.data)
            if self._chunks > _FREE_CHUNKS and self._bytes < _LEAST_CHUNK * self._chunks:
                raise h11.RemoteProtocolError("chunks are too small")
        elif isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
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
