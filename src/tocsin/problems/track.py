"""What is remembered of each problem, and what a new sighting changes.

Notes are kept per problem in sorted key files (`tocsin.node.records.key_files`), not in the database: an ingest may see
millions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tocsin.node.records import KeyFiles
from tocsin.problems.feed_runs import FeedRuns, Runs

# Columns of the notes, all uint32: times in seconds since 1970 UTC; numbers of feed, ingest and set of teams; counts.
# New ones are added at the end: files without them are read as having zeros there.
NOTES = (
    *("first_seen", "last_seen", "sightings", "feed", "met_by", "seen_by", "told_at", "told_by"),
    *("first_told_at", "first_told_by", "tellings", "told_set", "escalated_by"),
)
_FIRST, _LAST, _COUNT, _FEED, _MET_BY, _SEEN_BY, _TOLD_AT, _TOLD_BY = range(8)
_FIRST_TOLD_AT, _FIRST_TOLD_BY, _TELLINGS, _TOLD_SET, _ESCALATED_BY = range(8, len(NOTES))

_DAY = 86_400
_EARLY = _DAY // 4  # a report of tomorrow may come some hours earlier in the day than today's

Seconds = npt.NDArray[np.uint32]
NotesArray = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class ReminderPolicy:
    """When a problem that goes on is told again, and when it is escalated.

    ``steps``: every so many days, up to so many days after it was first told (None: without end), ascending; no step
    holds after the last. ``escalate_days``: that long after it was first told; 0: never.
    """

    steps: Sequence[tuple[int, int | None]] = ()
    escalate_days: int = 0

    def reminded(self, since_first: npt.NDArray[np.int64], since_last: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether a problem is due again so many seconds after it was first and last told."""
        due = np.zeros(len(since_first), dtype=bool)
        open_ = np.ones(len(since_first), dtype=bool)
        for every, until in self.steps:
            here = open_ if until is None else open_ & (since_first < until * _DAY)
            due |= here & (since_last >= every * _DAY - _EARLY)
            open_ = open_ & ~here
        return due


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
        # ``minimum.at`` below: a problem may have several events in a batch, and plain indexing would keep the last.
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
    repeat: ReminderPolicy,
) -> tuple[NotesArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The notes after these sightings, and for each problem whether it is due to be told, and to be escalated.

    Due: a problem that nobody was told of before, one whose reminder has come, and one already told by this very
    ingest (several rows of one report belong to one telling). To be escalated: one first told long enough ago that
    no earlier ingest escalated. Times in seconds since 1970 UTC.
    """
    # ``notes`` stay as they were found, ``after`` is what they become: what is due is decided by the former.
    told_before = notes[:, _TOLD_BY] > 0  # also of one of which no sighting is left, see `withdrawn`
    after = notes.copy()
    after[:, _FIRST] = np.where(known, np.minimum(notes[:, _FIRST], sightings.first), sightings.first)
    after[:, _LAST] = np.maximum(notes[:, _LAST], sightings.last)
    after[:, _COUNT] += sightings.counts
    after[:, _FEED] = feed
    after[~known, _MET_BY] = ingest
    after[:, _SEEN_BY] = ingest
    unnoted = told_before & (notes[:, _TOLD_SET] == 0)  # told when only the last telling was noted
    after[unnoted, _FIRST_TOLD_AT] = notes[unnoted, _TOLD_AT]
    after[unnoted, _FIRST_TOLD_BY] = notes[unnoted, _TOLD_BY]
    after[unnoted, _TELLINGS] = 1
    first = np.where(after[:, _FIRST_TOLD_AT] > 0, after[:, _FIRST_TOLD_AT], notes[:, _TOLD_AT])
    since_first = now - first.astype(np.int64)
    since_last = now - notes[:, _TOLD_AT].astype(np.int64)
    # As signed numbers: the clock may have been set back, and unsigned seconds would wrap to 136 years.
    due = ~told_before | repeat.reminded(since_first, since_last) | (notes[:, _TOLD_BY] == ingest)
    overdue = np.zeros(len(due), dtype=bool)
    if repeat.escalate_days:
        open_ = (notes[:, _ESCALATED_BY] == 0) | (notes[:, _ESCALATED_BY] == ingest)
        overdue = (after[:, _FIRST_TOLD_AT] > 0) & open_ & (since_first >= repeat.escalate_days * _DAY)
    return after, due, overdue


def gone_since(notes: NotesArray, runs: Runs, *, after_days: int) -> npt.NDArray[np.int64]:
    """For each problem when it came to count as gone (seconds since 1970 UTC), 0 where it does not.

    Gone: its feed ran on ``after_days`` later days and did not see it. Silence is not health: a feed that did not run
    since leaves its problems as they are.
    """
    when = np.zeros(len(notes), dtype=np.int64)
    last_day, feeds = notes[:, _LAST] // _DAY, notes[:, _FEED].copy()  # close together in memory, since read often
    for feed, days_heard in runs.items():
        mine = np.flatnonzero(feeds == feed)
        days, heard = (np.array(column, dtype=np.int64) for column in zip(*days_heard, strict=True))
        # The ``after_days``-th day later than that of the last sighting decides; beyond the end there was none yet.
        decisive = np.searchsorted(days, last_day[mine], side="right") + after_days - 1
        is_gone = decisive < len(days)
        when[mine[is_gone]] = heard[decisive[is_gone]]
    return when


@dataclass(frozen=True)
class SightingResult:
    """What one batch's sightings mean, per problem: unknown before this ingest (``fresh``), and ``due`` to be told.

    ``overdue``: it may be escalated; ``seen_before``: when it was last seen up to now; ``first_told_by``: the ingest by
    which it was first told, 0 for none; ``told_set``: the number of the set of teams that were told of it, 0 where that
    is not known. ``new`` and ``continuing`` count each problem once per ingest, in the batch that meets it first.
    ``notes`` are what is to be remembered, but for who was told.
    """

    sightings: Sightings
    fresh: npt.NDArray[np.bool_]
    due: npt.NDArray[np.bool_]
    overdue: npt.NDArray[np.bool_]
    seen_before: Seconds
    first_told_by: NotesArray
    told_set: npt.NDArray[np.int32]
    new: int
    continuing: int
    notes: NotesArray


@dataclass(frozen=True)
class NotificationFlags:
    """Who is told of one batch: per event whether some team is (``told``), and some one as it was unanswered.

    ``told_set``: per problem the number of the set of teams that were told of it, now and before. ``live``: whether
    mails leave; what is told otherwise is not told again for it, but no team has heard it.
    """

    told: npt.NDArray[np.bool_]
    escalated: npt.NDArray[np.bool_]
    told_set: npt.NDArray[np.int32]
    live: bool = True


@dataclass(frozen=True)
class Tracker:
    """The notes of all problems of a node, and when its feeds ran."""

    files: KeyFiles
    runs: FeedRuns = field(default_factory=FeedRuns)

    def see(
        self, sightings: Sightings, *, ingest: int, part: int, feed: int, now: int, repeat: ReminderPolicy
    ) -> SightingResult:
        """What the sightings of one batch mean; nothing is noted yet."""
        self.files.merge_now(up_to=ingest, since=ingest, before=(ingest, part))
        known, notes = self.files.lookup(sightings.keys, up_to=ingest, before=(ingest, part))
        known &= notes[:, _COUNT] > 0
        after, due, overdue = seen_again(sightings, known, notes, ingest=ingest, feed=feed, now=now, repeat=repeat)
        return SightingResult(
            sightings=sightings,
            fresh=after[:, _MET_BY] == ingest,
            due=due,
            overdue=overdue,
            seen_before=notes[:, _LAST].copy(),
            first_told_by=after[:, _FIRST_TOLD_BY].copy(),
            told_set=notes[:, _TOLD_SET].astype(np.int32),
            new=int((~known).sum()),
            continuing=int((known & (notes[:, _SEEN_BY] != ingest)).sum()),
            notes=after,
        )

    def recall(self, keys: npt.NDArray[np.uint64], *, run: int, again: bool = False) -> SightingResult:
        """What is known of the problems of stored events, for a run that routes them again: no sighting is added.

        Due: what nobody was told of, or what this run told; ``again``: whatever was told before. ``sightings.last``
        is when each was seen last.
        """
        sightings = Sightings.of(keys, np.zeros(len(keys), dtype=np.uint32))
        known, notes = self.files.lookup(sightings.keys, up_to=run)
        known &= notes[:, _COUNT] > 0
        told_by, nothing = notes[:, _TOLD_BY], np.zeros(len(known), dtype=bool)
        return SightingResult(
            sightings=replace(sightings, last=notes[:, _LAST].copy()),
            fresh=nothing,
            due=known & (again | (told_by == 0) | (told_by == run)),
            overdue=nothing,
            seen_before=notes[:, _LAST].copy(),
            first_told_by=notes[:, _FIRST_TOLD_BY].copy(),
            told_set=notes[:, _TOLD_SET].astype(np.int32),
            new=0,
            continuing=0,
            notes=notes,
        )

    def note(self, seen: SightingResult, telling: NotificationFlags, *, ingest: int, part: int, now: int) -> None:
        """Remember one batch; it counts once the ingest is committed.

        A problem that nobody is told of, since nobody is known or the gate says no, stays due: it is told as soon as
        somebody may be. One that only a team that joined is told of keeps the time of its last telling.
        """
        notes, of_event = seen.notes, seen.sightings.of_event
        some = np.zeros(len(seen.due), dtype=bool)
        some[of_event[telling.told]] = True
        escalated = np.zeros(len(seen.due), dtype=bool)
        escalated[of_event[telling.escalated]] = True
        told = some & seen.due
        heard = told & telling.live
        notes[heard & (notes[:, _TOLD_BY] != ingest), _TELLINGS] += 1
        first = heard & (notes[:, _FIRST_TOLD_AT] == 0)
        notes[first, _FIRST_TOLD_AT], notes[first, _FIRST_TOLD_BY] = now, ingest
        notes[told, _TOLD_AT], notes[told, _TOLD_BY] = now, ingest
        notes[escalated, _ESCALATED_BY] = ingest
        notes[:, _TOLD_SET] = telling.told_set
        self.files.write((ingest, part), seen.sightings.keys, notes)
