"""What is remembered of each problem, and what a new sighting changes.

Notes are kept per problem in sorted key files (`tocsin.records.keys`), not in the database: an ingest may see millions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.records.keys import KeyFiles

# Columns of the notes, all uint32: times in seconds since 1970 UTC, numbers of feed and ingest, a count.
NOTES = ("first_seen", "last_seen", "sightings", "feed", "met_by", "seen_by", "told_at", "told_by")
_FIRST, _LAST, _COUNT, _FEED, _MET_BY, _SEEN_BY, _TOLD_AT, _TOLD_BY = range(len(NOTES))

Seconds = npt.NDArray[np.uint32]
NotesArray = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Sightings:
    """The problems of one batch: each key once, sorted; ``of_event`` maps every event to its problem."""

    keys: npt.NDArray[np.uint64]
    of_event: npt.NDArray[np.intp]
    first: Seconds
    last: Seconds
    counts: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, keys: npt.NDArray[np.uint64], seen: Seconds) -> "Sightings":
        """The problems behind events with these keys, seen at these times (seconds)."""
        unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        first = np.full(len(unique), np.iinfo(np.uint32).max, dtype=np.uint32)
        last = np.zeros(len(unique), dtype=np.uint32)
        np.minimum.at(first, inverse, seen)
        np.maximum.at(last, inverse, seen)
        return cls(unique, inverse, first, last, counts.astype(np.uint32))


def seen_again(
    sightings: Sightings,
    known: npt.NDArray[np.bool_],
    notes: NotesArray,
    *,
    ingest: int,
    feed: int,
    now: int,
    reminder_days: int,
) -> tuple[NotesArray, npt.NDArray[np.bool_]]:
    """The notes after these sightings, and for each problem whether it is due to be told.

    Due: a problem that nobody was told of before, one last told ``reminder_days`` ago or longer, and one already told
    by this very ingest (several rows of one report belong to one telling). Times in seconds since 1970 UTC.
    """
    told_before = known & (notes[:, _TOLD_BY] > 0)
    due = ~told_before | (now - notes[:, _TOLD_AT].astype(np.int64) >= reminder_days * 86_400)
    due |= told_before & (notes[:, _TOLD_BY] == ingest)
    after = notes.copy()
    after[:, _FIRST] = np.where(known, np.minimum(notes[:, _FIRST], sightings.first), sightings.first)
    after[:, _LAST] = np.maximum(notes[:, _LAST], sightings.last)
    after[:, _COUNT] += sightings.counts
    after[:, _FEED] = feed
    after[~known, _MET_BY] = ingest
    after[:, _SEEN_BY] = ingest
    return after, due


def gone_since(
    notes: NotesArray, runs: Mapping[int, Sequence[tuple[int, int]]], *, after_days: int
) -> npt.NDArray[np.int64]:
    """For each problem when it came to count as gone (seconds since 1970 UTC), 0 where it does not.

    Gone: its feed ran on ``after_days`` later days and did not see it. Silence is not health: a feed that did not run
    since leaves its problems as they are. ``runs``: for each feed number, the days (since 1970 UTC, sorted) on which
    it demonstrably ran, each with when this node heard so.
    """
    when = np.zeros(len(notes), dtype=np.int64)
    last_day = notes[:, _LAST] // 86_400
    for feed, days_heard in runs.items():
        mine = np.flatnonzero(notes[:, _FEED] == feed)
        days, heard = (np.array(column, dtype=np.int64) for column in zip(*days_heard, strict=True))
        decisive = np.searchsorted(days, last_day[mine], side="right") + after_days - 1
        is_gone = decisive < len(days)
        when[mine[is_gone]] = heard[decisive[is_gone]]
    return when


@dataclass(frozen=True)
class Seen:
    """What one batch's sightings mean, per problem: unknown before this ingest (``fresh``), and ``due`` to be told.

    ``new`` and ``continuing`` count each problem once per ingest, in the batch that meets it first. ``notes`` are what
    is to be remembered, but for who was told.
    """

    sightings: Sightings
    fresh: npt.NDArray[np.bool_]
    due: npt.NDArray[np.bool_]
    new: int
    continuing: int
    notes: NotesArray


@dataclass(frozen=True)
class Tracker:
    """The notes of all problems of a node."""

    files: KeyFiles

    def see(self, sightings: Sightings, *, ingest: int, feed: int, now: int, reminder_days: int) -> Seen:
        """What the sightings of one batch mean; nothing is noted yet."""
        known, notes = self.files.lookup(sightings.keys, up_to=ingest)
        after, due = seen_again(sightings, known, notes, ingest=ingest, feed=feed, now=now, reminder_days=reminder_days)
        return Seen(
            sightings=sightings,
            fresh=after[:, _MET_BY] == ingest,
            due=due,
            new=int((~known).sum()),
            continuing=int((known & (notes[:, _SEEN_BY] != ingest)).sum()),
            notes=after,
        )

    def note(self, seen: Seen, told: npt.NDArray[np.bool_], *, ingest: int, part: int, now: int) -> None:
        """Remember one batch; it counts once the ingest is committed.

        ``told``: for each event whether some team is told of it. A problem that nobody is told of, since nobody is
        known or the gate says no, stays due: it is told as soon as somebody may be.
        """
        told_problems = np.zeros(len(seen.due), dtype=bool)
        told_problems[seen.sightings.of_event[told]] = True
        seen.notes[told_problems, _TOLD_AT] = now
        seen.notes[told_problems, _TOLD_BY] = ingest
        self.files.write((ingest, part), seen.sightings.keys, seen.notes)
        self.files.merge(up_to=ingest, since=ingest)
