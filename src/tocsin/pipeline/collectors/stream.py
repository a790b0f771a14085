"""A stream of lines behind an https address, as of Shodan or Anubis: listened to for some time at each run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import httpx

from tocsin.pipeline.collectors.batches import Batches, StreamSettings, until
from tocsin.pipeline.collectors.dates import dated
from tocsin.pipeline.collectors.https import AddressSettings, web_client, zone_of
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory
from tocsin.pipeline.collectors.web import answer_to, failures, where


class LineStreamSettings(StreamSettings, AddressSettings):
    """Lines that a server sends as they come, without end."""

    kind: Literal["stream"]


@dataclass(frozen=True)
class LineStream:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: LineStreamSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """What comes while it listens; what a server says when nobody listens is lost."""
        url = dated(self.settings.url, memory.now, zone_of(self.settings, self.home))
        with web_client(self.settings, self.home) as opened:
            yield self._offers(opened, url)

    def _offers(self, opened: httpx.Client, url: str) -> Iterator[CollectedOffer]:
        left = until(self.settings.listen)
        opened.timeout = httpx.Timeout(self.settings.timeout, read=min(self.settings.timeout, self.settings.listen))
        with answer_to(opened, url, self.settings.credentials(self.home)) as response, failures(url):
            pieces = _while(response, left)
            batches = Batches[None](self.settings, where(url), lambda _mark, _refused: None)
            yield from batches.offers(
                (line, None) if line else None for line in lines_of(pieces, self.settings.max_bytes)
            )


def _while(response: httpx.Response, left: Callable[[], float]) -> Iterator[bytes]:
    """What comes while time is left; silence ends it, too."""
    try:
        for piece in response.iter_raw():
            yield piece
            if not left():
                return
    except httpx.ReadTimeout:
        return


def lines_of(pieces: Iterator[bytes], longest: int) -> Iterator[bytes]:
    """The whole lines, without their ends. One that grows too long comes as it is; the last, cut off, does not come."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line.strip(b"\r \t") for line in lines)
        if len(rest) > longest:
            yield rest
            return


KIND: Final = CollectorKind(LineStreamSettings, LineStream)
