"""Reports that wait together become true together: one commit of the event table, one transaction for all.

A report waits for no others to come, and for those that are there half a second at most.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, Self

from tocsin.events import OpenedReport
from tocsin.node.errors import InternalError, StorageError, TocsinError, internal_failures
from tocsin.node.files import disk_failures
from tocsin.node.records import cut
from tocsin.node.trace import trace_id
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.parse import Failures, IngestSession, OpenReport
from tocsin.pipeline.placement import WorkerLostError
from tocsin.pipeline.stores import NodeWithStores

GROUP_REPORTS: Final = 50
GROUP_SECONDS: Final = 0.5  # so long a settled report waits for others at most, and for the last of them
GROUP_BYTES: Final = 128_000_000
"""Of reports that become true together, a second's work; a larger one does so by itself."""


NOT_STORED: Final = frozenset({"reports", "already", "listed", "empty"})
"""Of `Counts`: what the records of an ingest do not have."""


@dataclass
class Counts:
    """What happened to one report, or to several added up. ``rows == stored + duplicates + quarantined``.

    ``listed``: entries of lists that are context only; they are no rows. ``empty``: reports without any row.
    """

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
    listed: int = 0
    empty: int = 0

    def __iadd__(self, other: "Counts") -> Self:
        """Add another's counts to these."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


@dataclass(frozen=True)
class IngestSummary:
    """What happened to each path: the sums, and the paths that could not be taken in with the reason.

    ``ingests``: the numbers of the ingests that hold what came, also of those that were here before. ``alarms``: what
    is wrong with their feeds: the feed, and in words.
    """

    counts: Counts
    failed: Failures
    seconds: float
    ingests: Sequence[int] = ()
    alarms: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class IngestRequest:
    """Files that were given together, and which feed they are of where somebody said so.

    ``trace``: the id of what brought them.
    """

    paths: Sequence[Path]
    source: str | None = None
    feed: str | None = None
    trace: str = field(default_factory=trace_id, compare=False)


Progress = Callable[[str, Counts], None]


@dataclass
class Outcome:
    """What became of a request so far."""

    request: IngestRequest
    started: float = field(default_factory=monotonic)
    counts: Counts = field(default_factory=Counts)
    failed: Failures = field(default_factory=list)
    ingests: list[int] = field(default_factory=list)

    def summary(self) -> IngestSummary:
        """What is said of it."""
        return IngestSummary(self.counts, self.failed, monotonic() - self.started, self.ingests)


@dataclass(frozen=True)
class _SettledReport:
    """A report all of whose files are written; its ingest waits to become true."""

    outcome: Outcome
    report: OpenedReport
    counts: Counts
    prepared: commitment.PreparedIngest

    def count(self) -> None:
        self.counts.deliveries = self.prepared.record.deliveries
        self.outcome.counts += self.counts
        self.outcome.ingests.append(self.prepared.record.number)


Settle = Callable[[IngestSession, OpenReport, int], tuple[Counts, commitment.PreparedIngest]]


@dataclass
class GroupedIntake:
    """Settles reports one by one and makes them true in groups. ``following``: the reports opened meanwhile."""

    session: IngestSession
    settle: Settle
    progress: Progress
    together: int
    following: "deque[Future[tuple[Outcome, OpenReport | None] | None]]" = field(default_factory=deque)
    came: set[int] = field(default_factory=set)
    again: list[IngestRequest] = field(default_factory=list)
    _waiting: list[_SettledReport] = field(default_factory=list)
    _since: float = 0.0
    _ended: list[Outcome] = field(default_factory=list)
    _total: Counts = field(default_factory=Counts)

    def done(self) -> Iterator[tuple[IngestRequest, IngestSummary]]:
        """The requests of which nothing waits any more."""
        if not self._waiting:
            ended, self._ended = self._ended, []
            for outcome in ended:
                if outcome.request not in self.again:
                    yield outcome.request, outcome.summary()

    def take(self, outcome: Outcome, reading: OpenReport | None) -> None:
        """Settle the next report, or None: that was the last of its request."""
        if reading is None:
            self._ended.append(outcome)
            return
        report = reading.report
        try:
            with closing(reading):
                if self._must_go_first(report, reading.record.id):
                    self.finish()
                with report_failures(report.name):
                    self._settle(outcome, reading)
        except TocsinError as error:
            outcome.failed.append((report.name, error))
            self.finish()
            self._recover()
        else:
            self.came.add(reading.record.id)
        too_long = monotonic() - self._since > GROUP_SECONDS
        if too_long or len(self._waiting) >= self.together or report.size > GROUP_BYTES:
            self.finish()

    def finish(self) -> None:
        """Make true what waits, all of it or nothing."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        failure: TocsinError | None = None
        finished = {one.prepared.record.number for one in waiting}
        try:
            with report_failures(", ".join(one.report.name for one in waiting)):
                make_true(self.session.node, [one.prepared for one in waiting])
        except TocsinError as error:
            failure, finished = error, set(self._recover())
        for one in waiting:
            if failure is None or one.prepared.record.number in finished:
                one.count()
                self._total += one.counts
                if one.counts.rows:
                    self.progress(one.report.name, self._total)
            elif isinstance(failure, InternalError) and len(waiting) > 1 and _is_kept(one.outcome.request):
                # It may be the fault of another: each is tried by itself.
                self.again += [one.outcome.request] if one.outcome.request not in self.again else []
            else:
                one.outcome.failed.append((one.report.name, failure))

    def _must_go_first(self, report: OpenedReport, feed: int) -> bool:
        """Whether what waits must be true before this report is settled: it is the same one, or would take long."""
        records = [one.prepared.record for one in self._waiting]
        return (report.content_hash, feed) in [(one.content_hash, one.feed_id) for one in records] or (
            report.size + sum(one.report.size for one in self._waiting) > GROUP_BYTES
        )

    def _settle(self, outcome: Outcome, reading: OpenReport) -> None:
        node, report = self.session.node, reading.report
        if not reading.feed.notify:
            from tocsin.pipeline.list_intake import take_list  # few feeds are lists

            listed = Counts(reports=1, listed=take_list(node, reading))
            outcome.counts += listed
            self._total += listed
            return
        if (before := commitment.already_ingested(node, report.content_hash, reading.record.id)) is not None:
            outcome.counts += Counts(already=1)
            outcome.ingests.append(before)
            self._total += Counts(already=1)
            return
        last = self._waiting[-1].prepared.record.number if self._waiting else 0
        number = commitment.next_number(node, last)
        try:
            counts, prepared = self.settle(self.session, reading, number)
        except WorkerLostError:  # once more, after what it had written is gone
            self.finish()
            self._recover()
            with closing(reading.anew(self.session)) as second:
                counts, prepared = self.settle(self.session, second, commitment.next_number(node))
        if not self._waiting:
            self._since = monotonic()
        self._waiting.append(_SettledReport(outcome, report, counts, prepared))

    def _recover(self) -> list[int]:
        wait(self.following)  # it may be unpacking where we clean up now
        return commitment.recover(self.session.node)


def _is_kept(request: IngestRequest) -> bool:
    """Whether all of it stands in files and can be read again: what comes by a pipe comes once."""
    return all(path.is_file() or path.is_dir() for path in request.paths)


@contextmanager
def report_failures(name: str) -> Iterator[None]:
    """What goes wrong with a report, or a few: of the disk, then it waits; or of Tocsin itself."""
    with internal_failures(name), disk_failures(f"{name} could not be taken in"):
        yield


def make_true(node: NodeWithStores, group: Sequence[commitment.PreparedIngest]) -> None:
    """Make settled reports true, once, all of them or none."""
    commitment.prepare(node, group)
    numbers = [one.record.number for one in group]
    parts = [part for one in group for part in one.parts]
    commitment.commit(node, numbers, parts, now=group[-1].record.started_at)
    cut("ingest.merging")
    with suppress(OSError, StorageError):  # what cannot be merged now is as true as it was; a later ingest tries again
        node.tracker.files.merge(up_to=numbers[-1])
        for day in {one.record.day for one in group}:
            node.rows_of(day).merge(up_to=numbers[-1])
            node.store.merge(day)
