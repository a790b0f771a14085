"""A file posted to the inbox of a partner, in parts where it is large; a cut costs what was on the way."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tocsin.exchange.ways import PART_BYTES
from tocsin.networks import host_address
from tocsin.node.errors import InputError, RemoteError
from tocsin.node.exchange_settings import ExchangeSettings
from tocsin.node.sentences import say
from tocsin.pipeline.collectors import DownloadLimits, body, client, requested, tls_context

_LIMITS: Final = DownloadLimits(answer=60, whole=600, size=2_000_000)  # of an answer: a receipt has about a kilobyte
_RANGE: Final = re.compile(r"bytes=0-(\d{1,12})")
_STALLS: Final = 5  # requests in a row after which nothing more of a file is there
_REQUESTS: Final = 10  # for each part of a file, at most: an inbox that takes a byte a time keeps others waiting
_TAKEN: Final = frozenset({200, 204})
_MORE: Final = frozenset({202, 416})


@dataclass(frozen=True)
class PostAnswer:
    """What an inbox says: its status, how many bytes of the file it has, and the body."""

    status: int
    here: int = 0
    body: bytes = b""

    @property
    def is_taken(self) -> bool:
        """Whether all of the file came, and somebody read it."""
        return self.status in _TAKEN


def post_file(url: str, content: bytes, settings: ExchangeSettings, stop: Callable[[], bool]) -> PostAnswer:
    """What the inbox at an address says of a file, at the end.

    Raises:
        RemoteError: it does not answer, or no more of the file arrives.
        SettingError: it is at a private address that the settings do not name.

    """
    hint = say("If that is right, name its network in 'networks' of [exchange].")
    address = host_address(url, settings.networks, hint)
    tls = tls_context(Path(settings.ca_file) if settings.ca_file else None)
    with client(tls, _LIMITS) as opened:
        inbox = Inbox(opened, url, address)
        return inbox.post(content, {}) if len(content) <= PART_BYTES else in_parts(inbox, content, stop)


@dataclass(frozen=True)
class Inbox:
    """An inbox at the address that was judged."""

    opened: httpx.Client
    url: str
    address: str

    def post(self, content: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """The answer to one request."""
        headers = {"Content-Type": "application/octet-stream", **headers}
        try:
            with requested(self.opened, self.url, headers=headers, content=content, address=self.address) as response:
                here = _RANGE.fullmatch(response.headers.get("Range", ""))
                said = b"".join(body(response, _LIMITS))
                return PostAnswer(response.status_code, int(here[1]) + 1 if here else 0, said)
        except (InputError, ValueError, httpx.InvalidURL) as error:  # a boundary: a partner names it, and answers there
            raise RemoteError(str(error)) from error


def in_parts(inbox: Inbox, content: bytes, stop: Callable[[], bool]) -> PostAnswer:
    """Ask what is there, and go on from it; after a cut again, as long as something of the file arrives."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    here, most, stalled, cut = 0, 0, 0, True
    for _ in range(_REQUESTS * (1 + len(content) // PART_BYTES)):
        if stalled >= _STALLS or stop():
            break
        part = b"" if cut else content[here : here + PART_BYTES]
        span = f"{here}-{here + len(part) - 1}" if part else "*"
        headers = {"Repr-Digest": f"sha-256=:{digest}:", "Content-Range": f"bytes {span}/{len(content)}"}
        try:
            answer = inbox.post(part, headers)
        except RemoteError:
            stalled, cut = stalled + 1, True
            if stalled == _STALLS:
                raise
            continue
        if answer.status not in _MORE:
            return answer
        stalled = 0 if answer.here > most else stalled + 1  # more than ever before: it may have to begin again
        here, most, cut = answer.here, max(most, answer.here), False
    raise RemoteError(say("No more of the file arrives."), hint=say("It is tried again later."))
