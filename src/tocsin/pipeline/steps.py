"""The three steps of taking in a report, the same wherever they run.

    chunk ─► understand ─► RowFacts ─► settle ─► RowVerdicts ─► finish ─► FinishedBatch
             └ any worker ┘          └ owner of a row's shard ┘ └ the worker that understood the chunk ┘

The wide frame of a batch stays with the worker; what goes between the steps is a few narrow arrays with a place for
each row. All that is sent can be pickled.
"""

from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events import EventPart, EventStore, extras_of, first_of_each
from tocsin.events.sources import Chunk, Feed, Reader, sources
from tocsin.incidents.sightings import MATCHED, ObservableMatcher
from tocsin.networks import Networks
from tocsin.node.place import Place
from tocsin.node.records import KeyFiles, cut
from tocsin.pipeline.notify_decision import NotificationDecider
from tocsin.pipeline.recipients import RecipientResolver, RoutedBatch, RoutingTerms
from tocsin.pipeline.team_sets import Int32s, NumberedTeams, TeamSets
from tocsin.pipeline.understand import understand
from tocsin.pipeline.withheld import WithheldKey
from tocsin.problems import ReminderPolicy, ReminderRequests, Sightings, Tracker, shards_of
from tocsin.sharing.routing import RoutedTeams

if TYPE_CHECKING:
    from tocsin.assets import AssetMatcher

Bools = npt.NDArray[np.bool_]
SetRow = tuple[int, str, str]
"""The line of a row that is set aside, why, and its text."""

_SECONDS: Final = pl.coalesce("time.source", "time.observation").dt.epoch("s").clip(0, 2**32 - 1).cast(pl.UInt32)


@dataclass(frozen=True)
class WorkerTerms:
    """What a worker opens once: where network tables and events are, and who must know of what."""

    home: Path
    events: Place
    routing: RoutingTerms


@dataclass(frozen=True)
class ReaderTerms:
    """How a reader of a report is opened again: ``head`` are the bytes that it read, as far as they may be kept."""

    source: str
    code: str
    folders: tuple[Path, ...]
    head: bytes
    batch_bytes: int
    max_record_bytes: int

    def open(self) -> Reader:
        """A reader that parses chunks of that report; it has none of its own."""
        origin = sources(*self.folders)[self.source]
        return origin.open(self.code, BytesIO(self.head), self.batch_bytes, self.max_record_bytes)


class WorkerSets:
    """The sets of teams that a worker met, by its own numbers, and the numbers that are stored for them.

    ``members``: of the worker's numbers. It is kept as long as the worker, so that each set is looked up once.
    """

    def __init__(self, members: MutableMapping[int, NumberedTeams] | Sequence[NumberedTeams]) -> None:
        self.members = members
        self.stored: Int32s = np.zeros(0, dtype=np.int32)
        """By the worker's number; -1 where that was not asked for yet."""

    def ask(self, used: Int32s, sets: TeamSets) -> Int32s:
        """The stored numbers, with those that are used; new ones do not depend on which worker was quicker."""
        if (lacking := int(used[-1]) + 1 - len(self.stored)) > 0:
            self.stored = np.pad(self.stored, (0, 2 * lacking), constant_values=-1)
        new = used[self.stored[used] < 0].tolist()
        for number in sorted(new, key=lambda number: (isinstance(of := self.members[number], RoutedTeams), of)):
            self.stored[number] = sets.number_again(self.members[number])
        return self.stored


@dataclass(frozen=True)
class RowFacts:
    """What settling needs of the rows of a batch.

    ``row_keys``, ``problem_keys``: uint64[n]; ``shards``: uint8[n], see `shards_of`; ``seen_at``: uint32[n], seconds
    since 1970 UTC. ``allowed``, ``asked_next`` and ``routed`` (beside the latter): int32[n], see `RecipientResolver`;
    numbers of sets of teams are the worker's own, ``used`` those of the batch, sorted.
    ``extras``: its columns ``extra.*``. ``again``: bool[n], which rows an earlier reading of the report had stored.
    ``filled``: as in `Batch`.
    """

    row_keys: npt.NDArray[np.uint64]
    problem_keys: npt.NDArray[np.uint64]
    shards: npt.NDArray[np.uint8]
    seen_at: npt.NDArray[np.uint32]
    allowed: Int32s
    asked_next: Int32s | None
    routed: Int32s | None
    used: Int32s
    team_sets: WorkerSets
    extras: Mapping[str, pl.DataType]
    unusable: Sequence[SetRow]
    again: Bools | None = None
    filled: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.row_keys)

    def numbered(self, sets: TeamSets) -> "tuple[RowFacts, Int32s]":
        """The same with numbers of ``sets``, and the number there by each number of the worker's."""
        numbers = self.team_sets.ask(self.used, sets)
        asked, routed = (None if of is None else numbers[of] for of in (self.asked_next, self.routed))
        return replace(self, allowed=numbers[self.allowed], asked_next=asked, routed=routed), numbers

    def of(self, rows: Bools) -> "RowFacts":
        """Those of some rows, as where an owner has only some of the shards."""
        every = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray) and name != "used"}
        return replace(self, **{name: value[rows] for name, value in every.items()})  # type: ignore[arg-type]


@dataclass
class RowVerdicts:
    """What was settled of the rows of a batch; every array has a place for each of them.

    ``kept``: not a duplicate; of others the rest says nothing. ``fresh``: its problem is new by this ingest; ``told``:
    the set of teams that are notified. ``owed`` counts events by team; ``new`` and ``continuing`` problems.
    """

    kept: Bools
    fresh: Bools
    told: Int32s
    owed: Counter[int] = field(default_factory=Counter)
    new: int = 0
    continuing: int = 0

    @classmethod
    def blank(cls, rows: int) -> "RowVerdicts":
        """Nothing settled yet of so many rows."""
        return cls(np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool), np.zeros(rows, dtype=np.int32))

    def add(self, rows: Bools, some: "RowVerdicts") -> None:
        """Put in what an owner said of some of the rows."""
        self.kept[rows], self.fresh[rows], self.told[rows] = some.kept, some.fresh, some.told
        self.owed += some.owed
        self.new += some.new
        self.continuing += some.continuing


@dataclass(frozen=True)
class IngestTerms:
    """What all parts of an ingest share: its number, the day that its parts are written to, and what is looked for."""

    ingest: int
    day: date
    matcher: ObservableMatcher
    assets: "AssetMatcher | None"


@dataclass(frozen=True)
class PartTerms:
    """What else a worker needs to finish a batch.

    ``numbers``: by the worker's numbers of sets of teams, those that are stored; ``extras``: the columns ``extra.*``
    that the part may have.
    """

    part: int
    numbers: Int32s
    extras: AbstractSet[str]


@dataclass(frozen=True)
class FinishedBatch:
    """What became of a batch: the file that was written, or None where nothing of it is stored, and what it counts.

    ``sighted``: its events that have an observable; ``touches``: new events by asset.
    """

    part: EventPart | None
    routed: int
    withheld: Counter[WithheldKey]
    newest: datetime | None
    sighted: pl.DataFrame
    touches: Counter[int]


@dataclass(frozen=True)
class WideBatch:
    """What stays with the worker between the steps."""

    frame: pl.DataFrame
    rows: npt.NDArray[np.int64]
    problem_keys: npt.NDArray[np.uint64]
    known: RoutedBatch | None


@dataclass(frozen=True)
class BatchWorker:
    """Understands chunks and finishes batches; any thread may call it."""

    networks: Networks
    resolver: RecipientResolver
    store: EventStore
    sets: WorkerSets

    @classmethod
    def open(cls, terms: WorkerTerms) -> "BatchWorker":
        """In a process of its own."""
        return cls.of(Networks.open(terms.home), RecipientResolver.of(terms.routing), EventStore(terms.events))

    @classmethod
    def of(cls, networks: Networks, resolver: RecipientResolver, store: EventStore) -> "BatchWorker":
        """In this process."""
        return cls(networks, resolver, store, WorkerSets(resolver.sets.members))

    def understand(self, reader: Reader, chunk: Chunk, feed: Feed, heard: datetime) -> tuple[WideBatch, RowFacts]:
        """Read, check, enrich and route one chunk."""
        batch = understand(reader, chunk, feed, self.networks, heard)
        frame, rows = batch.frame, batch.frame.height
        known = self.resolver.allowed(frame) if rows else None
        allowed = routed = np.zeros(0, dtype=np.int32)
        asked = None
        if known is not None:
            allowed, routed = known.allowed, known.routed
            asked = self.resolver.asked_next(frame, known)
        used = [np.flatnonzero(np.bincount(of)) for of in (allowed, routed, asked) if of is not None]
        facts = RowFacts(
            batch.row_keys,
            batch.problem_keys,
            shards_of(frame),
            frame.select(_SECONDS).to_series().to_numpy(),
            allowed,
            asked,
            None if asked is None else routed,
            np.unique(np.concatenate([[0], *used])).astype(np.int32),
            self.sets,
            extras_of(frame),
            batch.unusable,
            filled=batch.filled,
        )
        return WideBatch(frame, batch.rows, batch.problem_keys, known), facts

    def finish(self, wide: WideBatch, verdicts: RowVerdicts, ingest: IngestTerms, at: PartTerms) -> FinishedBatch:
        """Write the rows that are kept with what was settled of them, and look for what is sought."""
        kept, known = verdicts.kept, wide.known
        if known is None or not kept.any():
            return FinishedBatch(None, 0, Counter(), None, pl.DataFrame(schema=MATCHED), Counter())
        frame, rows, keys, fresh, told = wide.frame, wide.rows, wide.problem_keys, verdicts.fresh, verdicts.told
        routed, contact = known.routed, known.has_contact
        if not kept.all():
            frame, rows, keys, fresh, told = (
                frame.filter(pl.Series(kept)),
                rows[kept],
                keys[kept],
                fresh[kept],
                told[kept],
            )
            routed, contact = routed[kept], contact[kept]
        touches: Counter[int] = Counter()
        if ingest.assets is not None:  # a problem that goes on was seen when it began
            from tocsin.assets import EVENT_COLUMNS

            touches = ingest.assets.events(frame.select(EVENT_COLUMNS).filter(pl.Series(fresh)))
        # What is stored with each event for good; ``fresh`` is the problem's, repeated for each of its events.
        frame = frame.with_columns(
            pl.lit(ingest.ingest, dtype=pl.Int64).alias("ingest"),
            pl.Series("row", rows),
            pl.Series("problem", keys.view(np.int64)),
            pl.Series("fresh", fresh),
            pl.Series("routed", at.numbers[routed]),
            pl.Series("told", told),
        )
        newest = frame["time.source"].max()
        part = self.store.write_part(frame, ingest=ingest.ingest, part=at.part, day=ingest.day, extras=at.extras)
        return FinishedBatch(
            part,
            int(contact.sum()),
            known.withheld(kept),
            newest if isinstance(newest, datetime) else None,
            ingest.matcher.match(frame),
            touches,
        )


@dataclass(frozen=True)
class Settlement:
    """Settles the batches of one ingest, part after part, for the shards of one owner.

    ``days``: the key files of rows of today and of the days before it that belong to the window. ``now``: seconds since
    1970 UTC.
    """

    ingest: int
    feed: int
    now: int
    days: Sequence[KeyFiles]
    tracker: Tracker
    repeat: ReminderPolicy
    reminders: ReminderRequests
    decider: NotificationDecider

    def settle(self, facts: RowFacts, part: int) -> RowVerdicts:
        """Compare rows with what is known, decide who is notified, and note both."""
        # Duplicates go first, so that a row that came twice is no second sighting of its problem.
        kept = first_of_each(facts.row_keys, self.days, ingest=self.ingest, part=part, again=facts.again)
        verdicts = RowVerdicts.blank(len(facts))
        verdicts.kept = kept
        if not kept.any():
            return verdicts
        if not kept.all():
            facts = facts.of(kept)
        # See, decide, note, in this order: the decision needs the notes as they were before this batch, and what is
        # noted is what was decided. A later batch of this ingest looks up what this one noted.
        sightings = Sightings.of(facts.problem_keys, facts.seen_at)
        seen = self.tracker.see(
            sightings, ingest=self.ingest, part=part, feed=self.feed, now=self.now, repeat=self.repeat
        )
        seen = replace(seen, due=self.reminders.due(seen))
        notified = self.decider.decide(facts.allowed, facts.asked_next, seen, facts.routed)
        self.tracker.note(seen, notified.telling, ingest=self.ingest, part=part, now=self.now)
        cut("ingest.noted")
        verdicts.fresh[kept] = seen.fresh[sightings.of_event]
        verdicts.told[kept] = notified.told
        verdicts.owed, verdicts.new, verdicts.continuing = notified.owed, seen.new, seen.continuing
        return verdicts
