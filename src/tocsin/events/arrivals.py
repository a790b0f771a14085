"""Events in the order in which they came, or were told later: for a program that goes on where it stopped. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from tocsin.events.summaries import Int64s, Places, UInt64s

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class EventArrivals:
    """Events, the first to come first. ``added``: when each came, in microseconds since 1970; no two are equal.

    ``events``: their identities, the ingest in the upper half; ``file`` and ``place``: where each is, of ``paths``.
    """

    added: Int64s
    events: UInt64s
    paths: tuple[str, ...]
    file: Places
    place: Places


ArrivedPart = tuple[str, Int64s, UInt64s, Places]
"""Of one file: its path, and of each event the ingest or run that told it, its identity and its place."""


def in_order(parts: Sequence[ArrivedPart], started: Mapping[int, datetime]) -> EventArrivals:
    """All of them by the number of what told them; numbers are given in the order in which they are committed.

    ``started``: when each ingest and run began. Its events follow it by microseconds, and the next follows them,
    however soon it began: so times tell events apart, and stay the same while more come.
    """
    nothing = np.zeros(0, dtype=np.int64)
    told = np.concatenate([nothing, *(part[1] for part in parts)])
    events = np.concatenate([nothing.astype(np.uint64), *(part[2] for part in parts)])
    place = np.concatenate([nothing.astype(np.intp), *(part[3] for part in parts)])
    file = np.repeat(np.arange(len(parts)), [len(part[3]) for part in parts])
    order = np.lexsort((events, told))
    numbers, first, counts = np.unique(told[order], return_index=True, return_counts=True)
    begins, free = [], 0
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        at = started.get(number)
        begins.append(max(free, (at - _EPOCH) // timedelta(microseconds=1) if at else 0))
        free = begins[-1] + count
    of_group = np.array(begins, dtype=np.int64) - first
    added = np.repeat(of_group, counts) + np.arange(len(order))
    return EventArrivals(added, events[order], tuple(part[0] for part in parts), file[order], place[order])
