"""Events of a MISP: each that changed since the last one that was taken in, again with every change of it.

The cursor is a time, not a page: an event that changes while pages are read moves to their end, and the first one of
the next page would be passed over. The time is that of publishing, since an event that came to the MISP from another
one keeps the older time of its last change.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from tocsin.node.sentences import say
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport
from tocsin.pipeline.collectors.misp_server import (
    ListedEvent,
    MispServer,
    MispServerSettings,
    event_path,
    open_misp,
)
from tocsin.pipeline.collectors.web import body

_PAGE: Final = 500  # events
_EVENT_BYTES: Final = 256_000_000  # one of 200,000 attributes has some 70 MB
_DELETED: Final = re.compile(rb'"deleted"\s*:\s*(?:true|1|"1")')
_TEXT: Final = rb'"(?:[^"\\]++|\\.)*+"'
_NAMED: Final = re.compile(  # what it names by its UUID, where members between are texts, numbers or such
    rb'"uuid"\s*+:\s*+"([0-9a-fA-F-]{36})"(?:\s*+,\s*+"\w++"\s*+:\s*+(?:' + _TEXT + rb"|[-\w.]++)){0,40}?\s*+,\s*+"
    + _DELETED.pattern
)  # fmt: skip
_LONGEST: Final = 8_192  # bytes of such a mark, with what stands between


class MispSettings(MispServerSettings):
    """Events of a MISP, pulled as they change; 'tocsin exchange push' sends incidents there."""

    kind: Literal["misp"]
    source: str = Field("misp", description="The feed family.")
    feed: str = Field("misp", description="The feed's code: give each MISP its own.")
    pull: bool = Field(True, description="Whether events are pulled; false: it is only for pushing.")
    published: bool = Field(True, description="Only events that were published.")
    tags: list[str] = Field([], description='Only events with one of these tags, such as "tlp:green"; "!tag": without.')
    days: int = Field(30, ge=1, le=3_650, description="How many days back the first run looks.")
    most: int = Field(10_000, ge=1, description="So many events are taken in a run; the next run goes on.")
    partner: str = Field(
        "", description="Whose MISP it is: number or name of a partner. Without one, what is pushed is public."
    )

    @property
    def by(self) -> str:
        """The time by which they are asked for."""
        return "publish_timestamp" if self.published else "timestamp"

    @property
    def filters(self) -> dict[str, object]:
        """Which events are asked for."""
        return {**({"published": 1} if self.published else {}), **({"tags": self.tags} if self.tags else {})}


@dataclass
class _EventOutcome:
    """What became of an event: whether it could be read, and how many things in it are marked as deleted, and which."""

    failed: bool = False
    deleted: int = 0
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class MispCollector:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: MispSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The events that changed, those that changed first before the others; then those that are gone."""
        if not self.settings.pull:
            yield iter(())
            return
        with open_misp(self.settings, self.home) as server:
            yield self._offers(server, memory)

    def _offers(self, server: MispServer, memory: Memory) -> Iterator[CollectedOffer]:
        known = taken_before(memory.known)
        since = int(memory.cursor.get("since") or (memory.now - timedelta(days=self.settings.days)).timestamp())
        # Once a day all are listed: which are gone, and which came late with an older time.
        whole = memory.last_success is None or memory.last_success.date() < memory.now.date()
        listed, taken, held_back = set[str](), 0, False
        for one in changed_events(server, self.settings, min([since, *known.values()]) if whole else since):
            listed.add(one.uuid)
            if f"{one.uuid}:{one.changed}" in memory.known:
                continue
            if one.uuid in memory.recalled:
                if f"{one.uuid}:{one.changed}:recalled" not in memory.known:
                    yield _recalled(one)
                continue
            if taken == self.settings.most:
                return
            taken += 1
            fetched, time = _EventOutcome(), one.published if self.settings.published else one.changed
            offer = _offer(server, one, fetched, {} if held_back else {"since": str(max(since, time))})
            yield replace(offer, claimed=memory.claimed & {one.uuid})
            held_back |= fetched.failed  # it is asked for again, and so is what came after it
            if one.uuid in known and fetched.deleted:
                yield _noted(one, fetched)
        if whole:
            yield from (_gone(uuid, known[uuid]) for uuid in sorted(known.keys() - listed))


def changed_events(
    server: MispServer, settings: MispSettings, since: int, *, limit: int = _PAGE
) -> Iterator[ListedEvent]:
    """All events since then, each change once; ends also where a server gives the same page for ever."""
    seen, page, without_new = set[ListedEvent](), 1, 0
    while without_new < 2:
        rows = server.listed(settings.filters, settings.by, since, page=page, limit=limit)
        if not rows:
            return
        new = [one for one in dict.fromkeys(rows) if one not in seen]
        seen.update(new)
        yield from new
        without_new = 0 if new else without_new + 1
        latest = rows[-1].published if settings.published else rows[-1].changed
        since, page = (latest, 1) if new and latest > since else (since, page + 1)


def taken_before(keys: frozenset[str]) -> dict[str, int]:
    """By the UUID of each event that was taken in and has not gone, when it last changed; from what is remembered."""
    found: dict[str, int] = {}
    for key in keys:
        uuid, _, changed = key.partition(":")
        if changed.isdecimal() and f"{uuid}:{changed}:gone" not in keys:
            found[uuid] = max(int(changed), found.get(uuid, 0))
    return found


def _offer(server: MispServer, one: ListedEvent, fetched: _EventOutcome, cursor: Mapping[str, str]) -> CollectedOffer:
    item = WaitingReport(f"{one.uuid}-{one.changed}.json", read=partial(_read, server, one, fetched))
    label = f"event {one.uuid}, changed {datetime.fromtimestamp(one.changed, UTC):%Y-%m-%d %H:%M:%S}"
    return CollectedOffer(label, [item], f"{one.uuid}:{one.changed}", cursor)


def _read(server: MispServer, one: ListedEvent, fetched: _EventOutcome) -> Iterator[bytes]:
    """The bytes of an event, as they come; nothing of them is parsed here."""
    fetched.failed = True
    limits = replace(server.settings.bounds, size=min(server.settings.max_bytes, _EVENT_BYTES))
    with server.answer(event_path(one.uuid)) as response:
        before = b""
        for piece in body(response, limits):
            text = before + piece
            ends = [mark.end() for mark in _DELETED.finditer(text)]
            fetched.deleted += len(ends)
            fetched.names |= {mark[1].decode().lower() for mark in _NAMED.finditer(text)}
            before = text[max(ends[-1] if ends else 0, len(text) - _LONGEST) :]
            yield piece
    fetched.failed = False


def _noted(one: ListedEvent, fetched: _EventOutcome) -> CollectedOffer:
    words = say("Marked as deleted in this event: %(count)s. What came of it stays.", count=fetched.deleted)
    key = f"{one.uuid}:{one.changed}:deleted"
    return CollectedOffer(f"event {one.uuid}", [], key, refused=words, gone=fetched.names)


def _recalled(one: ListedEvent) -> CollectedOffer:
    words = say("Its source has recalled this from partners, so it is not taken in by this way either.")
    return CollectedOffer(f"event {one.uuid}", [], f"{one.uuid}:{one.changed}:recalled", refused=words)


def _gone(uuid: str, changed: int) -> CollectedOffer:
    words = say("This event is no longer listed: deleted, unpublished, or not for us. What came of it stays.")
    return CollectedOffer(f"event {uuid}", [], f"{uuid}:{changed}:gone", refused=words, gone=[uuid])


KIND: Final = CollectorKind(MispSettings, MispCollector)
