"""Digests with their events, as many at once as memory allows."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import polars as pl

from tocsin.delivery.outbox import OwedDigest
from tocsin.directory import Team
from tocsin.events.schema import COLUMNS

EventsOf = Callable[[Sequence[int], Collection[int]], Iterator[tuple[int, pl.DataFrame]]]

_READ_EVENTS = 300_000  # events that are asked for at once, about
_BUNDLE_EVENTS = 100_000  # events that are rendered at once, about
_BUNDLE_DIGESTS = 400


def bundles(
    owed: Sequence[OwedDigest], teams: Mapping[int, Team], events_of: EventsOf
) -> Iterator[list[tuple[OwedDigest, pl.DataFrame]]]:
    """Digests with their events, as many at once as memory allows; also those whose events are not there."""
    for group in _groups(owed, teams):
        ingests = sorted({ingest for one in group for ingest in one.ingests})
        waiting: dict[int, list[OwedDigest]] = {}
        for one in group:
            waiting.setdefault(one.team_id, []).append(one)
        bundle: list[tuple[OwedDigest, pl.DataFrame]] = []
        events = 0
        for team, frame in events_of(ingests, set(waiting)):
            bundle += [(one, frame) for one in waiting.pop(team, [])]
            events += frame.height
            if len(bundle) >= _BUNDLE_DIGESTS or events >= _BUNDLE_EVENTS:
                yield bundle
                bundle, events = [], 0
        empty = pl.DataFrame(schema=COLUMNS)
        bundle += [(one, empty) for left in waiting.values() for one in left]
        if bundle:
            yield bundle


def _groups(owed: Sequence[OwedDigest], teams: Mapping[int, Team]) -> Iterator[list[OwedDigest]]:
    """Digests that are read together: of one interval, since they share ingests, up to a number of events."""
    kinds: dict[tuple[bool, str], list[OwedDigest]] = {}
    for one in owed:
        kinds.setdefault((one.attempts > 0, teams[one.team_id].interval), []).append(one)
    for of in kinds.values():
        group: list[OwedDigest] = []
        events = 0
        for one in of:
            if group and events + one.events > _READ_EVENTS:
                yield group
                group, events = [], 0
            group.append(one)
            events += one.events
        yield group
