"""The spine: a report goes in, and what is in it is stored, routed, passed through the gate and owed to teams.

    report ─► read ─► normalise ─► enrich ─► route ─► gate ─► duplicates ─► problems ─► owe ─► store
             └──────────── understand: in parallel, pure ──┘ └─ settle: in order ─────────┘   └ finish: in parallel

Work is per batch of whole records; what a batch leaves in memory is counts.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import (
    EventPart,
    FeedRecord,
    Ingest,
    OpenedReport,
    Quarantine,
    alarms_of,
    filled_columns,
    shown,
    watch_feeds,
)
from tocsin.incidents.sightings import ObservableWatch
from tocsin.networks import Networks
from tocsin.node.errors import TocsinError, internal_failures
from tocsin.node.records import cut
from tocsin.node.tell_settings import TellSettings
from tocsin.node.trace import follow, log_line, traced
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.groups import (
    GROUP_REPORTS,
    NOT_STORED,
    Counts,
    GroupedIntake,
    IngestRequest,
    IngestSummary,
    Outcome,
    Progress,
    make_true,
    report_failures,
)
from tocsin.pipeline.kept_reports import keep_report
from tocsin.pipeline.notify_decision import NotificationDecider
from tocsin.pipeline.parse import Clock, IngestSession, OpenReport, open_all, open_report
from tocsin.pipeline.placement import BatchPlacement, InProcess, Settles, rows_of
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.steps import (
    BatchWorker,
    FinishedBatch,
    IngestTerms,
    PartTerms,
    RowVerdicts,
    Settlement,
    WorkerTerms,
)
from tocsin.pipeline.stores import NodeWithStores, writer
from tocsin.pipeline.team_sets import TeamSets
from tocsin.pipeline.withheld import WithheldKey
from tocsin.problems import ReminderPolicy, read_reminders

if TYPE_CHECKING:
    from tocsin.assets import AssetMatcher

INGEST: Final = "ingest"
"""What references call the way of a report that is taken in where it stands."""

_WORKERS = 2
_OPEN_AHEAD: Final = 2
"""So many reports are opened before their turn where workers elsewhere would else wait while one becomes true."""


@dataclass
class IngestRun:
    """What one ingest holds while its batches pass: where it writes, and what it has counted so far."""

    node: NodeWithStores
    number: int
    day: date
    now: datetime
    feed: FeedRecord
    resolver: RecipientResolver
    sets: TeamSets
    settlement: Settles
    quarantine: Quarantine
    watch: ObservableWatch
    terms: IngestTerms
    counts: Counts = field(default_factory=Counts)
    columns: Sequence[str] = ()
    parts: list[EventPart] = field(default_factory=list)
    sighted: list[pl.DataFrame] = field(default_factory=list)
    owed: Counter[int] = field(default_factory=Counter)
    withheld: Counter[WithheldKey] = field(default_factory=Counter)
    newest: datetime | None = None
    touches: Counter[int] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)

    def count(self, verdicts: RowVerdicts) -> None:
        """Count what was settled of a batch."""
        counts, rows, stored = self.counts, len(verdicts.kept), int(verdicts.kept.sum())
        counts.rows += rows
        counts.stored += stored
        counts.duplicates += rows - stored
        counts.problems_new += verdicts.new
        counts.problems_continuing += verdicts.continuing
        self.owed += verdicts.owed

    def add(self, finished: FinishedBatch) -> None:
        """Add what became of a batch that was finished, in the order of parts."""
        if finished.part is None:
            return
        counts = self.counts
        self.parts.append(finished.part)
        self.sighted.append(finished.sighted)
        counts.routed += finished.routed
        counts.unrouted += finished.part.rows - finished.routed
        counts.withheld += finished.withheld.total()
        self.withheld += finished.withheld
        self.touches += finished.touches
        if finished.newest is not None:
            self.newest = max(finished.newest, self.newest or finished.newest)


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
    place: str = INGEST,
) -> IngestSummary:
    """Take in the reports behind the paths, each as a whole; one that fails does not stop the others.

    That holds for whatever it fails of: what nobody expected is an `InternalError` of that one report. ``place``: how
    references to what must never be held name this way in.
    """
    with open_session(node, waiting=lambda: progress(_WAITING, Counts()), clock=clock) as session:
        return ingest_in(session, paths, source=source, feed=feed, progress=progress, place=place)


def ingest_in(
    session: IngestSession,
    paths: Iterable[Path],
    *,
    source: str | None = None,
    feed: str | None = None,
    progress: Progress = _silent,
    place: str = INGEST,
) -> IngestSummary:
    """The same in an open session, which serves many calls."""
    requests = [IngestRequest(tuple(paths), source, feed)]
    [(_, summary)] = ingest_each(session, requests, progress=progress, place=place)
    return replace(summary, alarms=alarms_of(session.node.database, summary.ingests)[0])


def ingest_each(
    session: IngestSession,
    requests: Sequence[IngestRequest],
    *,
    progress: Progress = _silent,
    place: str = INGEST,
    together: int = GROUP_REPORTS,
) -> Iterator[tuple[IngestRequest, IngestSummary]]:
    """Take in what waits, and say of each request what became of it, once that is true.

    Small reports that wait together, at most ``together``, become true together: at the cost of one.
    """
    intake = GroupedIntake(session, _settled, progress, together)
    opened = _open_each(session, requests, IntakeFilter(session.node, place, session.clock))
    following = intake.following
    try:
        # The next reports are opened, read and understood while this one is settled.
        following += [session.reading.submit(next, opened, None) for _ in range(_OPEN_AHEAD if session.away else 1)]
        while (step := following[0].result()) is not None:
            following.append(session.reading.submit(next, opened, None))
            following.popleft()
            intake.take(*step)
            yield from _logged(intake.done(), place)
        intake.finish()
        yield from _logged(intake.done(), place)
    finally:
        for unused in [one.result() for one in following]:
            if unused is not None and unused[1] is not None:
                unused[1].close()
    watch_feeds(session.node.database, now=session.clock(), feeds=intake.came)
    for request in intake.again:
        yield from ingest_each(session, [request], progress=progress, place=place, together=1)


def _logged(
    done: Iterator[tuple[IngestRequest, IngestSummary]], place: str
) -> Iterator[tuple[IngestRequest, IngestSummary]]:
    """The same; of each the log has a line."""
    for request, summary in done:
        counts = summary.counts
        with traced(request.trace):
            log_line(
                "job", name="ingest", place=place, ms=round(1000 * summary.seconds, 1), ingests=summary.ingests,
                rows=counts.rows, stored=counts.stored, quarantined=counts.quarantined,
                refused=[type(error).__name__ for _, error in summary.failed],
            )  # fmt: skip
        yield request, summary


def _open_each(
    session: IngestSession, requests: Iterable[IngestRequest], intake: IntakeFilter
) -> Iterator[tuple[Outcome, OpenReport | None]]:
    """Each report of each request, opened when it is asked for; None behind the last of a request."""
    for request in requests:
        follow(request.trace)  # in the thread that opens
        outcome = Outcome(request)
        name = ", ".join(map(shown, request.paths))
        try:
            with internal_failures(name):
                for reading in open_all(
                    session, request.paths, outcome.failed, source=request.source, feed=request.feed, intake=intake
                ):
                    yield outcome, reading
        except TocsinError as error:
            outcome.failed.append((name, error))
        yield outcome, None


@dataclass(frozen=True)
class ReplayOf:
    """Which set-aside rows are read once more: of ingest ``of``, those at ``places`` (None: all that are open).

    ``note`` adds what it has to say to the transaction that notes the new ingest.
    """

    of: int
    places: Sequence[int] | None
    note: Callable[[Session, Counts], None]


@dataclass(frozen=True)
class SecondReading:
    """A report that is read again in the place of its first reading.

    ``heard``: when it came; ``at``: when it is read. ``stored``: which rows of a batch, by their numbers, the first one
    had stored. ``settled``: called with the number and the next part once all of it is settled. ``withdraw`` takes the
    first one back in the transaction that notes this one, before it.
    """

    heard: datetime
    at: datetime
    stored: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]]
    settled: Callable[[int, int], None]
    withdraw: Callable[[Session], None]


def read_again(
    session: IngestSession, report: OpenedReport, number: int, *, source: str, feed: str, again: SecondReading
) -> tuple[Counts, commitment.PreparedIngest]:
    """A report settled once more; nothing of it is true yet. For the writer."""
    intake = IntakeFilter(session.node, "reread", lambda: again.at)
    with report_failures(report.name), closing(open_report(session, report, source, feed, intake)) as reading:
        return _settled(session, reading, number, again)


@contextmanager
def rereading(node: NodeWithStores, heard: datetime) -> Iterator[IngestSession]:
    """What a report needs that came at ``heard`` and is read again, all in this process. For the writer."""
    with _session(node, lambda: heard) as session:
        yield replace(session, away=None)


def take_in_again(
    node: NodeWithStores, report: OpenedReport, *, source: str, feed: str, again: ReplayOf, clock: Clock = _now
) -> Counts:
    """Take in the set-aside rows of an ingest, put together as a report of their own. For the writer."""
    with (
        _session(node, clock) as session,
        report_failures(report.name),
        closing(open_report(session, report, source, feed, IntakeFilter(node, "replay", clock))) as reading,
    ):
        if commitment.already_ingested(node, report.content_hash, reading.record.id) is not None:
            return Counts(already=1)
        counts, prepared = _settled(session, reading, commitment.next_number(node), again)
        make_true(node, [prepared])
        return replace(counts, deliveries=prepared.record.deliveries)


@contextmanager
def open_session(
    node: NodeWithStores, *, waiting: Callable[[], None] = lambda: None, clock: Clock = _now
) -> Iterator[IngestSession]:
    """Be the writer of a node, with what was cut off before finished; waits for another, after saying so."""
    with writer(node, waiting) as nothing_cut_off, node.database.kept_open():
        if not nothing_cut_off:
            commitment.recover(node)
        with _session(node, clock) as session:
            yield session


@contextmanager
def _session(node: NodeWithStores, clock: Clock = _now) -> Iterator[IngestSession]:
    with ThreadPoolExecutor(_WORKERS) as pool, ThreadPoolExecutor(1) as reading:
        resolver, watch = RecipientResolver.open(node), ObservableWatch(node.database)
        networks = Networks.open(node.home)
        here = InProcess(BatchWorker.of(networks, resolver, node.store), pool)
        away = _away(node, resolver, networks)
        try:
            yield IngestSession(node, here, away, reading, resolver, NotificationDecider.open(node), watch, clock)
        finally:
            if away is not None:
                away.end()
            node.end_merges()  # backups and retention find whole files


def _away(node: NodeWithStores, resolver: RecipientResolver, networks: Networks) -> BatchPlacement | None:
    """Workers elsewhere, as the settings have them; none are started yet."""
    if node.settings.work.on == "process":
        return None
    if node.settings.work.on == "ray":
        from tocsin.pipeline.ray_placement import OnRay

        return OnRay(node, resolver, networks)
    from tocsin.pipeline.processes import Processes

    terms = WorkerTerms(node.home, node.store.place, resolver.terms)
    return Processes(terms, node.settings.work.workers or len(os.sched_getaffinity(0)))


def _settled(
    session: IngestSession, reading: OpenReport, number: int, again: ReplayOf | SecondReading | None = None
) -> tuple[Counts, commitment.PreparedIngest]:
    """A report settled under a number: all of it is written, and nothing of it is true yet."""
    node, heard = session.node, reading.heard
    now = again.at if isinstance(again, SecondReading) else heard
    reader = reading.work.reader
    quarantine = Quarantine(node.quarantine, number, reader.header)
    session.watch.open(now)
    session.decider.hear(node.database, now)
    watch = replace(session.watch)  # as it is now: the next report of a group may find more to look for
    run = IngestRun(
        node,
        number,
        heard.date(),
        now,
        reading.record,
        session.resolver,
        session.decider.sets,
        _settlement(session, reading, number, now),
        quarantine,
        watch,
        IngestTerms(number, heard.date(), watch.matcher, _assets(node)),
        columns=getattr(reader, "columns", ()),  # readers of others may not know theirs
    )
    with closing(quarantine):
        try:
            _settle_all(reading, run, again if isinstance(again, SecondReading) else None)
        finally:
            reading.note_never_held()
        if again is None:
            keep_report(node, reading)
        return run.counts, _prepared(run, reading, again)


def _settlement(session: IngestSession, reading: OpenReport, number: int, now: datetime) -> Settles:
    node, heard = session.node, reading.heard
    here = Settlement(
        number,
        reading.record.id,
        int(now.timestamp()),
        node.rows_since(heard.date(), reading.feed.duplicate_days or node.settings.ingest.duplicate_days),
        node.tracker,
        _repeat(node.settings.tell),
        read_reminders(node.database, now),
        session.decider,
    )
    return (session.away or session.here).settling(here)


def _assets(node: NodeWithStores) -> "AssetMatcher | None":
    """What batches are compared with; most nodes have no register, and load nothing of it."""
    if not node.settings.assets.enabled:
        return None
    from tocsin.assets import asset_matcher

    return asset_matcher(node)


def _repeat(tell: TellSettings) -> ReminderPolicy:
    """The rules of the settings; each step's end is counted from the first telling."""
    steps: list[tuple[int, int | None]] = []
    end: int | None = 0
    for every, days in tell.reminder_steps:
        end = None if days is None or end is None else end + days
        steps.append((every, end))
    return ReminderPolicy(steps, 0 if tell.escalate_to == "none" else tell.escalate_after_days)


def _settle_all(reading: OpenReport, run: IngestRun, again: SecondReading | None) -> None:
    """Settle batch after batch, in order, each finished while the next ones are settled."""
    placement = reading.batches.placement
    writes: deque[Future[FinishedBatch]] = deque()
    part = 0  # of the notes without a first reading, where there was one
    try:
        for part, batch in enumerate(reading.batches, start=0 if again is None else 1):
            run.quarantine.add(batch.facts.unusable)
            cut("ingest.set-aside")
            run.filled.update(batch.facts.filled)
            facts, numbers = batch.facts.numbered(run.sets)
            if again is not None:
                facts = replace(facts, again=again.stored(rows_of(batch)))
            verdicts = run.settlement.settle(facts, part)
            run.count(verdicts)
            extras = run.node.store.claim(facts.extras)
            writes.append(placement.finish(batch, verdicts, run.terms, PartTerms(part, numbers, extras)))
            while len(writes) >= placement.ahead:
                run.add(writes.popleft().result())
            cut("ingest.batch")
        for write in writes:
            run.add(write.result())
        if again is not None:
            again.settled(run.number, part + 1)
    finally:
        wait(writes)  # after a failure the next report takes the same number, so nothing may still be written
    if reading.report.broken:
        run.quarantine.add([(0, reading.report.broken, "")])
    reading.report.check_unchanged(reading.stream)
    cut("ingest.read")


def _note(run: IngestRun, again: ReplayOf | None, counts: Counts, session: Session) -> None:
    """What the transaction that notes the ingest notes beside it."""
    run.watch.note(session, run.sighted, events=partial(_stored, run), now=run.now)
    if run.touches:
        from tocsin.assets import note_touches

        note_touches(session, run.touches, run.now)
    if again:
        again.note(session, counts)


def _stored(run: IngestRun) -> pl.DataFrame:
    return run.node.store.collect(run.node.store.scan_parts([part.path for part in run.parts]))


def _prepared(run: IngestRun, reading: OpenReport, again: ReplayOf | SecondReading | None) -> commitment.PreparedIngest:
    report, replay = reading.report, again if isinstance(again, ReplayOf) else None
    counts = run.counts
    counts.reports = 1
    counts.quarantined = run.quarantine.sync()
    cut("ingest.closed")
    counts.rows += counts.quarantined
    counts.empty = int(not counts.rows)
    record = Ingest(
        number=run.number,
        feed_id=run.feed.id,
        content_hash=report.content_hash,
        report=report.name,
        started_at=reading.heard,
        day=run.day,
        newest_event=run.newest,
        replay_of=replay.of if replay else None,
        replay_places=None if replay is None or replay.places is None else list(replay.places),
        directory_version=run.resolver.terms.version,
        withheld_by_rule=commitment.by_rule(run.withheld),
        **{name: value for name, value in vars(counts).items() if name not in NOT_STORED},
    )
    return commitment.PreparedIngest(
        record,
        run.parts,
        run.sets.numbers,
        run.owed,
        run.resolver.teams,
        run.columns or filled_columns(run.filled),
        run.withheld,
        note=partial(_note, run, replay, replace(counts)),
        first=again.withdraw if isinstance(again, SecondReading) else None,
    )
