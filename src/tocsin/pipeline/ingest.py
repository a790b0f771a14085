"""The spine: a report goes in, and what is in it is stored, routed, passed through the gate and owed to teams.

    report ─► read ─► normalise ─► enrich ─► duplicates ─► problems ─► route ─► gate ─► store ─► owe
             └──────── in parallel, pure ───┘ └──────── in order, one batch at a time ────────┘

Work is per batch of whole records; what a batch leaves in memory is counts.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import IO, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy.orm import Session

from tocsin.events import (
    UNUSABLE,
    EventPart,
    FeedRecord,
    Ingest,
    OpenedReport,
    Quarantine,
    enrich,
    find_reports,
    first_of_each,
    normalise,
    open_reports,
    row_keys,
    shown,
    watch_feeds,
)
from tocsin.events.redaction import redacted
from tocsin.events.sources import Chunk, Feed, FeedSource, Reader, sources
from tocsin.networks import Networks
from tocsin.node.errors import InputError, TocsinError, UsageError, internal_failures
from tocsin.node.files import disk_failures
from tocsin.node.paths import HomeFolder
from tocsin.node.records import cut
from tocsin.node.sentences import say
from tocsin.node.settings import TellSettings
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.stores import NodeWithStores, writer
from tocsin.problems import ReminderPolicy, Sightings, problem_keys
from tocsin.problems.answers import AnswerSnapshot

_WORKERS = 2
_AHEAD = 2  # batches in flight beside the one that is settled; each costs about 200 MB of memory


Failures = list[tuple[str, TocsinError]]


@dataclass
class Counts:
    """What happened to one report, or to several added up. ``rows == stored + duplicates + quarantined``."""

    reports: int = 0
    already: int = 0
    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    problems_new: int = 0
    problems_continuing: int = 0
    routed: int = 0
    unrouted: int = 0
    withheld: int = 0
    deliveries: int = 0

    def __iadd__(self, other: "Counts") -> Self:
        """Add another's counts to these."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


@dataclass(frozen=True)
class ParsedBatch:
    """One batch read, checked and enriched, before anything was compared with what is known."""

    frame: pl.DataFrame
    rows: npt.NDArray[np.int64]
    row_keys: npt.NDArray[np.uint64]
    problem_keys: npt.NDArray[np.uint64]
    unusable: list[tuple[int, str, str]]


@dataclass
class IngestRun:
    """What one ingest holds while its batches pass: where it writes, and what it has counted so far."""

    node: NodeWithStores
    number: int
    day: date
    now: datetime
    feed: FeedRecord
    duplicate_days: int
    tellers: RecipientResolver
    repeat: ReminderPolicy
    said: AnswerSnapshot
    quarantine: Quarantine
    counts: Counts = field(default_factory=Counts)
    columns: Sequence[str] = ()
    parts: list[EventPart] = field(default_factory=list)
    owed: Counter[int] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    newest: datetime | None = None


@dataclass(frozen=True)
class IngestSummary:
    """What happened to each path: the sums, and the paths that could not be taken in with the reason.

    ``ingests``: the numbers of the ingests that hold what came, also of those that were here before.
    """

    counts: Counts
    failed: Failures
    seconds: float
    ingests: Sequence[int] = ()


Progress = Callable[[str, Counts], None]
Clock = Callable[[], datetime]
_WAITING = "waiting for another ingest to finish"


def _now() -> datetime:
    return datetime.now(UTC)


def _silent(_name: str, _counts: Counts) -> None:
    pass


def ingest(
    node: NodeWithStores,
    paths: Iterable[Path],
    *,
    source: str | None = None,
    feed: str | None = None,
    progress: Progress = _silent,
    clock: Clock = _now,
) -> IngestSummary:
    """Take in the reports behind the paths; each is one transaction, and one that fails does not stop the others.

    That holds for whatever it fails of: what nobody expected is an `InternalError` of that one report.
    """
    with open_session(node, waiting=lambda: progress(_WAITING, Counts()), clock=clock) as workshop:
        return ingest_in(workshop, paths, source=source, feed=feed, progress=progress)


def ingest_in(
    workshop: "IngestSession",
    paths: Iterable[Path],
    *,
    source: str | None = None,
    feed: str | None = None,
    progress: Progress = _silent,
) -> IngestSummary:
    """The same in an open workshop, which serves many calls."""
    started = monotonic()
    total = Counts()
    failed: Failures = []
    came: set[int] = set()
    ingests: list[int] = []
    opened = _open_all(workshop, paths, failed, source, feed)
    following = workshop.reading.submit(next, opened, None)
    try:
        while (reading := following.result()) is not None:
            # The next report is opened, read and understood while this one is settled.
            following = workshop.reading.submit(next, opened, None)
            try:
                with _failures(reading.report), closing(reading):
                    number, counts = _take_in(workshop, reading)
                total += counts
                ingests.append(number)
                came.add(reading.record.id)
                progress(reading.report.name, total)
            except TocsinError as error:
                failed.append((reading.report.name, error))
                wait([following])  # it may be unpacking where we clean up now
                ingests += commitment.recover(workshop.node)
    finally:
        if (unused := following.result()) is not None:
            unused.close()
    watch_feeds(workshop.node.database, now=workshop.clock(), feeds=came)
    return IngestSummary(total, failed, monotonic() - started, ingests)


@dataclass(frozen=True)
class ReplayOf:
    """Which set-aside rows are read once more: of ingest ``of``, those at ``places`` (None: all that are open).

    ``note`` adds what it has to say to the transaction that notes the new ingest.
    """

    of: int
    places: Sequence[int] | None
    note: Callable[[Session, Counts], None]


def take_in_again(
    node: NodeWithStores, report: OpenedReport, *, source: str, feed: str, again: ReplayOf, clock: Clock = _now
) -> Counts:
    """Take in the set-aside rows of an ingest, put together as a report of their own. For the writer."""
    with (
        _workshop(node, clock) as workshop,
        _failures(report),
        closing(_open(workshop, report, source, feed)) as reading,
    ):
        return _take_in(workshop, reading, again)[1]


@contextmanager
def _failures(report: OpenedReport) -> Iterator[None]:
    """What goes wrong with one report: of the disk, then it waits; or of Tocsin itself."""
    with internal_failures(report.name), disk_failures(f"{report.name} could not be taken in"):
        yield


@dataclass(frozen=True)
class IngestSession:
    """What all reports of a run share."""

    node: NodeWithStores
    pool: ThreadPoolExecutor  # understands batches and writes them
    reading: ThreadPoolExecutor  # one thread: opens reports and reads chunks, in order
    networks: Networks
    tellers: RecipientResolver
    clock: Clock


@contextmanager
def open_session(
    node: NodeWithStores, *, waiting: Callable[[], None] = lambda: None, clock: Clock = _now
) -> Iterator[IngestSession]:
    """Be the writer of a node, with what was cut off before finished; waits for another, after saying so."""
    with writer(node, waiting):
        commitment.recover(node)
        with _workshop(node, clock) as workshop:
            yield workshop


@contextmanager
def _workshop(node: NodeWithStores, clock: Clock = _now) -> Iterator[IngestSession]:
    with ThreadPoolExecutor(_WORKERS) as pool, ThreadPoolExecutor(1) as reading:
        yield IngestSession(node, pool, reading, Networks.open(node.home), RecipientResolver.open(node), clock)


@dataclass(frozen=True)
class OpenReport:
    """A report opened and known, whose first batches are being understood already."""

    report: OpenedReport
    stream: IO[bytes]
    reader: Reader
    record: FeedRecord
    feed: Feed
    heard: datetime
    batches: "_OrderedBatches"

    def close(self) -> None:
        """Let go of the file, after the work on it that is still under way."""
        self.batches.stop()
        self.stream.close()


def _open_all(
    workshop: IngestSession, paths: Iterable[Path], failed: Failures, source: str | None, feed: str | None
) -> Iterator[OpenReport]:
    """Each report, opened when it is asked for; what cannot be opened is noted in ``failed``."""
    for path in find_reports(paths):
        try:
            with internal_failures(shown(path)):
                for report in open_reports(path, workshop.node.spool, workshop.node.settings.ingest):
                    where = shown(path) if report.name in path.name else f"{shown(path)}: {report.name}"
                    try:
                        with internal_failures(where):
                            reading = _open(workshop, report, source, feed)
                    except TocsinError as error:  # the others in the same archive may be good
                        failed.append((where, error))
                    else:
                        yield reading
        except TocsinError as error:
            failed.append((shown(path), error))


def _open(workshop: IngestSession, report: OpenedReport, source: str | None, feed: str | None) -> OpenReport:
    try:
        return _opened(workshop, report, source, feed)
    except OSError as error:
        reason = say("%(path)s cannot be read: %(strerror)s.", path=report.name, strerror=error.strerror)
        raise InputError(reason, hint=say("Check that it is still there.")) from error


def _opened(workshop: IngestSession, report: OpenedReport, source: str | None, feed: str | None) -> OpenReport:
    origin, code = _origin(workshop.node, report, source, feed)
    record = commitment.known_feed(workshop.node, origin.feed(code))
    described = replace(origin.feed(code), tlp=record.tlp, pap=record.pap, name=record.name, provider=record.provider)
    heard = workshop.clock()
    stream = report.path.open("rb")
    limit = workshop.node.settings.ingest.max_record_bytes
    try:
        reader = origin.open(code, redacted(report.limited(stream)), workshop.node.settings.ingest.batch_bytes, limit)
    except BaseException:
        stream.close()
        raise
    batches = _OrderedBatches(
        workshop, lambda chunk: understand(reader, chunk, described, workshop.networks, heard), reader.chunks()
    )
    return OpenReport(report, stream, reader, record, described, heard, batches)


def _take_in(workshop: IngestSession, reading: OpenReport, again: ReplayOf | None = None) -> tuple[int, Counts]:
    """Take in one report, once: the same content for the same feed again is counted as already here."""
    node, report = workshop.node, reading.report
    if (before := commitment.already_ingested(node, report.content_hash, reading.record.id)) is not None:
        return before, Counts(already=1)
    number = commitment.next_number(node)
    quarantine = Quarantine(node.quarantine, number, reading.reader.header)
    desk = IngestRun(
        node,
        number,
        reading.heard.date(),
        reading.heard,
        reading.record,
        reading.feed.duplicate_days or node.settings.ingest.duplicate_days,
        workshop.tellers,
        _repeat(node.settings.tell),
        workshop.tellers.said(node, reading.heard),
        quarantine,
        columns=getattr(reading.reader, "columns", ()),  # readers of others may not know theirs
    )
    with closing(quarantine):
        _settle_all(workshop, reading, desk)
        return number, _finish(desk, report, again)


def _repeat(tell: TellSettings) -> ReminderPolicy:
    """The rules of the settings; each step's end is counted from the first telling."""
    steps: list[tuple[int, int | None]] = []
    end: int | None = 0
    for every, days in tell.reminder_steps:
        end = None if days is None or end is None else end + days
        steps.append((every, end))
    return ReminderPolicy(steps, 0 if tell.escalate_to == "none" else tell.escalate_after_days)


def _settle_all(workshop: IngestSession, reading: OpenReport, desk: IngestRun) -> None:
    """Settle batch after batch, in order, each stored while the next ones are settled."""
    writes: deque[Future[EventPart]] = deque()
    try:
        for part, understood in enumerate(reading.batches):
            settled = _settle(desk, understood, part)
            if settled.height:
                writes.append(workshop.pool.submit(_store, desk, settled, part))
            while len(writes) > 1:
                desk.parts.append(writes.popleft().result())
            cut("ingest.batch")
        desk.parts += [write.result() for write in writes]
    finally:
        wait(writes)  # after a failure the next report takes the same number, so nothing may still be written
    if reading.report.broken:
        desk.quarantine.add([(0, reading.report.broken, "")])
    reading.report.check_unchanged(reading.stream)
    cut("ingest.read")


def _origin(node: NodeWithStores, report: OpenedReport, source: str | None, feed: str | None) -> tuple[FeedSource, str]:
    """The source and feed code of a report: as told, else by its name and first bytes."""
    known = sources(node.home / HomeFolder.FEEDS, report.folder)
    if source is not None and source not in known:
        raise UsageError(
            say("There is no source '%(source)s'.", source=source),
            hint=say("Take one of: %(known)s.", known=", ".join(known)),
        )
    asked = [known[source]] if source else list(known.values())
    if source is not None and feed is not None:
        return known[source], feed
    head = report.head()
    if not head.strip():
        raise InputError(say("%(name)s is empty.", name=report.name), hint=say("Ask its sender for the report again."))
    for candidate in asked:
        if code := candidate.recognise(report.name, head):
            return candidate, feed or code
    raise InputError(
        say("%(name)s: neither its name nor its first line tells which feed it is.", name=report.name),
        hint=say(
            "Choose the feed when you send it in, with --source NAME --feed NAME by command; a "
            "collector has it in its settings. docs/sources.md shows how to describe a new CSV feed."
        ),
    )


def understand(reader: Reader, chunk: Chunk, feed: Feed, networks: Networks, now: datetime) -> ParsedBatch:
    """Read, check and enrich one chunk; pure, so that chunks are understood in parallel."""
    batch = reader.parse(chunk)
    normalised = normalise(batch, feed, now)
    usable = normalised.usable.to_numpy()
    bad = np.flatnonzero(~usable).tolist()
    unusable = [(row.line, row.reason, row.raw) for row in batch.unreadable]
    if bad:
        unusable += [(line, UNUSABLE, raw) for line, raw in batch.locate(bad)]
    rows = chunk.first_record + np.flatnonzero(usable)
    frame, texts = normalised.frame, batch.raw_texts()
    if bad:
        frame, texts = frame.filter(normalised.usable), texts.filter(normalised.usable)
    keys = row_keys(texts, f"{feed.source}/{feed.code}\n{reader.header}")
    return ParsedBatch(enrich(frame, networks), rows, keys, problem_keys(frame), unusable)


def _settle(desk: IngestRun, understood: ParsedBatch, part: int) -> pl.DataFrame:
    """Compare one batch with what is known, decide who is told, and count; returns the rows to store."""
    desk.quarantine.add(understood.unusable)
    cut("ingest.set-aside")
    # Duplicates go first, so that a row that came twice is no second sighting of its problem. The arrays of a batch
    # (frame, rows, keys) are filtered together: they have one place for each event in common.
    kept = first_of_each(
        understood.row_keys,
        desk.node.rows_since(desk.day, desk.duplicate_days),
        ingest=desk.number,
        part=part,
    )
    frame, rows, keys = understood.frame, understood.rows, understood.problem_keys
    if not kept.all():
        frame, rows, keys = frame.filter(pl.Series(kept)), rows[kept], keys[kept]
    desk.counts.rows += len(kept)
    desk.counts.duplicates += len(kept) - frame.height
    desk.counts.stored += frame.height
    if frame.is_empty():
        return frame
    seen_at = frame.select(pl.coalesce("time.source", "time.observation").dt.epoch("s").clip(0, 2**32 - 1))
    # See, decide, note, in this order: the decision needs the notes as they were before this batch, and what is
    # noted is what was decided. A later batch of this ingest looks up what this one noted.
    sightings = Sightings.of(keys, seen_at.to_series().cast(pl.UInt32).to_numpy())
    now = int(desk.now.timestamp())
    seen = desk.node.tracker.see(
        sightings,
        ingest=desk.number,
        feed=desk.feed.id,
        now=now,
        repeat=desk.repeat,
    )
    told = desk.tellers.decide(frame, seen, desk.said)
    desk.node.tracker.note(seen, told.telling, ingest=desk.number, part=part, now=now)
    cut("ingest.noted")
    desk.counts.problems_new += seen.new
    desk.counts.problems_continuing += seen.continuing
    desk.counts.routed += told.routed_rows
    desk.counts.unrouted += frame.height - told.routed_rows
    desk.counts.withheld += sum(told.withheld.values())
    desk.withheld += told.withheld
    desk.owed += told.owed
    newest = frame["time.source"].max()
    if isinstance(newest, datetime):
        desk.newest = max(newest, desk.newest or newest)
    # What is stored with each event for good; ``fresh`` is the problem's, repeated for each of its events.
    return frame.with_columns(
        pl.lit(desk.number, dtype=pl.Int64).alias("ingest"),
        pl.Series("row", rows),
        pl.Series("problem", keys.view(np.int64)),
        pl.Series("fresh", seen.fresh[sightings.of_event]),
        pl.Series("routed", told.routed),
        pl.Series("told", told.told),
    )


def _store(desk: IngestRun, frame: pl.DataFrame, part: int) -> EventPart:
    return desk.node.store.write_part(frame, ingest=desk.number, part=part, day=desk.day)


def _finish(desk: IngestRun, report: OpenedReport, again: ReplayOf | None) -> Counts:
    """Make the ingest true, once."""
    counts = desk.counts
    counts.reports = 1
    counts.quarantined = desk.quarantine.sync()
    cut("ingest.closed")
    counts.rows += counts.quarantined
    record = Ingest(
        number=desk.number,
        feed_id=desk.feed.id,
        content_hash=report.content_hash,
        report=report.name,
        started_at=desk.now,
        day=desk.day,
        newest_event=desk.newest,
        replay_of=again.of if again else None,
        replay_places=None if again is None or again.places is None else list(again.places),
        directory_version=desk.tellers.version,
        withheld_by_rule=dict(desk.withheld),
        **{name: value for name, value in vars(counts).items() if name not in {"reports", "already"}},
    )
    noted = replace(counts)
    prepared = commitment.PreparedIngest(
        record,
        desk.parts,
        desk.tellers.sets.numbers,
        desk.owed,
        desk.tellers.teams,
        desk.columns,
        note=(lambda session: again.note(session, noted)) if again else None,
    )
    counts.deliveries = commitment.prepare(desk.node, prepared)
    commitment.commit(desk.node, desk.number, desk.parts, now=desk.now)
    cut("ingest.merging")
    with suppress(OSError):  # without room for it now, a later ingest merges
        desk.node.tracker.files.merge(up_to=desk.number)
        desk.node.rows_of(desk.day).merge(up_to=desk.number)
    return counts


class _OrderedBatches:
    """Batches in the order of their chunks; a few are read and worked on ahead, from the very beginning."""

    def __init__(
        self, workshop: IngestSession, function: Callable[[Chunk], ParsedBatch], chunks: Iterator[Chunk]
    ) -> None:
        self._workshop, self._function, self._chunks = workshop, function, chunks
        self._waiting: deque[Future[Future[ParsedBatch] | None]] = deque()
        self._fill()

    def __iter__(self) -> Iterator[ParsedBatch]:
        while self._waiting:
            work = self._waiting.popleft().result()
            if work is not None:
                understood = work.result()
                self._fill()
                yield understood

    def stop(self) -> None:
        """Give up what has not begun and wait for what has."""
        self._chunks = iter(())
        begun = [reading.result() for reading in self._waiting if not reading.cancel() and not reading.exception()]
        wait([work for work in begun if work is not None and not work.cancel()])

    def _fill(self) -> None:
        while len(self._waiting) < _AHEAD:
            self._waiting.append(self._workshop.reading.submit(self._advance))

    def _advance(self) -> Future[ParsedBatch] | None:
        chunk = next(self._chunks, None)
        return None if chunk is None else self._workshop.pool.submit(self._function, chunk)
