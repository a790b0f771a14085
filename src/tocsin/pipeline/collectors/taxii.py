"""Objects of TAXII 2.1 collections: each version once, to the last page, also where a server pages wrongly.

Where the next run goes on is what the server said last (`X-TAXII-Date-Added-Last`), and only once the last page was
read: dates of objects, and those of pages between, may lie behind what is still to come. STIX is read as the MISP
event that says the same.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from tocsin.exchange.formats import misp_of_stix, read_time
from tocsin.node.errors import InputError, RemoteError
from tocsin.node.sentences import say
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport
from tocsin.pipeline.collectors.taxii_server import ObjectsPage, TaxiiClient, TaxiiServerSettings, open_taxii
from tocsin.pipeline.collectors.web import where

Json = dict[str, Any]

_REMEMBERED: Final = 5_000  # versions that a server may send again, as it takes a time to include itself
_PAGES_WITHOUT: Final = 10  # without anything new, one after another
_REPORT: Final = 2_000  # objects


class TaxiiSettings(TaxiiServerSettings):
    """Collections of a TAXII 2.1 server."""

    kind: Literal["taxii"]
    source: str = Field("misp", description="The feed family; STIX is read as the MISP event that says the same.")
    feed: str = Field("taxii", description="The feed's code: give each server its own.")
    collections: list[str] = Field(
        [], description="Ids, titles or aliases of collections; empty: all that can be read."
    )
    partner: str = Field("", description="Whose server it is: number or name of a partner, who may take back events.")
    page: int = Field(1_000, ge=1, le=10_000, description="Objects that are asked for at once.")
    most: int = Field(
        100_000, ge=1, description="So many objects of a collection are taken in a run; the next goes on."
    )


@dataclass
class _CollectionRun:
    """A collection while it is read. ``seen``: what was read, in the order that it came, by a short hash."""

    url: str
    after: str
    following: str
    seen: dict[str, None]
    last: str = ""
    marks: dict[str, Json] = field(default_factory=dict)

    def new(self, objects: list[Json]) -> list[Json]:
        """Those that were not read before; each version once."""
        found = []
        for one in objects:
            name = _version(one)
            if name not in self.seen:
                found.append(one)
            self.seen.pop(name, None)
            self.seen[name] = None
            if one.get("type") == "marking-definition":
                self.marks[one["id"]] = one
        return found

    def cursor(self, *, done: bool) -> Mapping[str, str]:
        """Where the next run begins."""
        state = {
            "after": (self.last or self.after) if done else self.after,
            "next": "" if done else self.following,
            "seen": list(self.seen)[-_REMEMBERED:],
        }  # fmt: skip
        return {self.url: json.dumps(state)}


@dataclass(frozen=True)
class TaxiiCollector:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: TaxiiSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """What came since the last run, collection by collection."""
        with open_taxii(self.settings, self.home) as server:
            yield self._offers(server, memory)

    def _offers(self, server: TaxiiClient, memory: Memory) -> Iterator[CollectedOffer]:
        found = server.collections()
        wanted = {url: names for url, names in found.items() if self._wants(names)}
        missing = [one for one in self.settings.collections if all(one not in names for names in found.values())]
        if missing:
            raise RemoteError(
                say(
                    "%(where)s has no collection '%(name)s' for us.", where=where(server.settings.url), name=missing[0]
                ),
                hint=say("Ask whoever runs the server, or correct 'collections'."),
            )
        for url, names in wanted.items():
            yield from self._collection(server, _begun(url, memory), names[1] if len(names) > 1 else names[0], memory)

    def _wants(self, names: list[str]) -> bool:
        return not self.settings.collections or bool(set(names) & set(self.settings.collections))

    def _collection(
        self, server: TaxiiClient, run: _CollectionRun, name: str, memory: Memory
    ) -> Iterator[CollectedOffer]:  # fmt: skip
        """Its new objects, some a report; the last of them says where the next run begins."""
        waiting, taken, without_new, done = list[Json](), 0, 0, False
        while not done and taken < self.settings.most:
            page = self._page(server, run, first=not taken)
            new = run.new(page.objects)
            waiting += new
            taken += len(new)
            run.last = max(run.last, page.last, key=_moment)
            without_new = 0 if new else without_new + 1
            # Known versions may fill some pages, where a server includes the time; others would go on for ever.
            done = not page.more or not page.objects or without_new == _PAGES_WITHOUT
            if page.following:
                run.following = page.following
            elif page.last and not done:  # it says that there is more, and not where
                run.after, run.following = page.last, ""
            else:
                done = True
            while len(waiting) > _REPORT:
                part, waiting = waiting[:_REPORT], waiting[_REPORT:]
                yield from _offer(run, name, part, {}, memory)
        yield from _offer(run, name, waiting, run.cursor(done=done), memory)

    def _page(self, server: TaxiiClient, run: _CollectionRun, *, first: bool) -> ObjectsPage:
        """The next page; a place that the last run left off at, and the server knows no more, is forgotten."""
        try:
            return server.page(run.url, after=run.after, following=run.following, limit=self.settings.page)
        except RemoteError:
            if not (first and run.following):
                raise
            run.following = ""
            return server.page(run.url, after=run.after, following="", limit=self.settings.page)


def _moment(text: str) -> datetime:
    return read_time(text) or datetime.min.replace(tzinfo=UTC)


def _begun(url: str, memory: Memory) -> _CollectionRun:
    try:
        state = json.loads(memory.cursor.get(url, "{}"))
    except ValueError:
        state = {}
    return _CollectionRun(
        url, state.get("after", ""), state.get("next", ""), dict.fromkeys(state.get("seen", []))
    )  # fmt: skip


def _offer(
    run: _CollectionRun, name: str, objects: list[Json], cursor: Mapping[str, str], memory: Memory
) -> Iterator[CollectedOffer]:  # fmt: skip
    """A report of some objects, and a line on those that are taken back; with none, only where to go on."""
    recalled = _recalled(objects, memory)
    gone = [one for one in objects if one.get("revoked") is True]
    kept = [one for one in objects if one.get("revoked") is not True and one["id"] not in recalled]
    label = f"{len(objects):,} objects of {name}"
    key = hashlib.sha256("\n".join(map(_version, objects)).encode()).hexdigest()[:32]
    says = [one for one in kept if one.get("type") not in {"marking-definition", "identity"}]
    if says and key not in memory.known:
        item = WaitingReport(f"{key}.json", read=lambda: [_report([*run.marks.values(), *kept], key)])
        claimed = sorted(memory.claimed & {_uuid(one) for one in kept})
        yield CollectedOffer(label, [item], key, {} if gone else cursor, claimed=claimed)
        cursor = cursor if gone else {}
    if recalled and f"{key}:recalled" not in memory.known:
        words = say("Its source has recalled this from partners, so it is not taken in by this way either.")
        yield CollectedOffer(label, [], f"{key}:recalled", refused=words)
    if gone and f"{key}:revoked" not in memory.known:
        words = say("Revoked there: %(count)s. What came of it stays.", count=f"{len(gone):,}")
        yield CollectedOffer(label, [], f"{key}:revoked", cursor, refused=words, gone=_names_of(gone))
    elif any(memory.cursor.get(name) != text for name, text in cursor.items()):
        yield CollectedOffer(label, [], "", cursor)


def _recalled(objects: list[Json], memory: Memory) -> set[str]:
    """The ids of objects that a partner recalled, and of what belongs to them."""
    found = [one for one in objects if _uuid(one) in memory.recalled]
    refs = (one.get("object_refs") for one in found)
    return {one["id"] for one in found} | {str(ref) for some in refs if isinstance(some, list) for ref in some}


def _uuid(one: Json) -> str:
    return str(one["id"]).rpartition("--")[2].lower()


def _names_of(objects: list[Json]) -> list[str]:
    """Their UUIDs, and those that a report gave what it made of them."""
    own = set(map(_uuid, objects))
    try:
        said = json.loads(_report([one | {"revoked": False} for one in objects], ""))
    except InputError:  # then nothing came of them
        return sorted(own)
    events = [one["Event"] for one in said.get("response", [said])]
    holders = [holder for event in events for holder in (event, *event["Object"])]
    return sorted(own | {part["uuid"] for one in holders for part in one["Attribute"]})


def _report(objects: list[Json], key: str) -> bytes:
    """The events of MISP that say the same."""
    each = {one["id"]: one for one in objects}
    bundle = {"type": "bundle", "id": f"bundle--{uuid5(NAMESPACE_URL, key)}", "objects": [*each.values()]}
    return misp_of_stix(json.dumps(bundle).encode())


def _version(one: Json) -> str:
    """A short hash of what names a version: id and time, and of what has no time its content."""
    named = one.get("modified") or one.get("created") or json.dumps(one, sort_keys=True)
    return hashlib.sha256(f"{one.get('id')}\n{named}".encode("utf-8", "replace")).hexdigest()[:12]


KIND: Final = CollectorKind(TaxiiSettings, TaxiiCollector)
