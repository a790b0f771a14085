"""A run of one collector: what it finds comes to this disk, is taken in, noted, and settled at the far end.

A kill at any point loses nothing and doubles nothing: what stands in the spool is taken in by the next run, what was
not noted is offered again, and a report whose content is known is counted as already here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import shown
from tocsin.node.errors import ConflictError, InputError, InternalError, RemoteError, TocsinError, internal_failures
from tocsin.node.paths import HomeFolder
from tocsin.node.records import cut, held
from tocsin.node.sentences import join_sentences, say
from tocsin.pipeline.collectors.folder import failure_text
from tocsin.pipeline.collectors.kinds import CollectedOffer, Collector, kind_of
from tocsin.pipeline.collectors.spool import Spool
from tocsin.pipeline.collectors.state import (
    CollectorStatus,
    forget_refusals,
    memory_of,
    note_gone,
    note_offer,
    note_run,
)
from tocsin.pipeline.groups import Counts, IngestRequest, IngestSummary
from tocsin.pipeline.ingest import ingest_each, open_session
from tocsin.pipeline.parse import Clock, Failures, IngestSession
from tocsin.pipeline.stores import NodeWithStores

_LOT_OFFERS = 50  # offers that are fetched before they are taken in
_LOT_BYTES = 256_000_000
_LABEL = 200  # characters
_GIVES_UP: Final = 3  # offers in a row that could not be read; then the far end is down

Stop = Callable[[], bool]
Progress = Callable[[str], None]


@dataclass
class CollectorRun:
    """What one run did. ``error``: why it could not do all, or None; then it looks again soon."""

    name: str
    counts: Counts = field(default_factory=Counts)
    taken: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    error: TocsinError | None = None
    standing: CollectorStatus | None = None


def run_collector(
    node: NodeWithStores,
    standing: CollectorStatus,
    *,
    clock: Clock,
    stop: Stop = lambda: False,
    progress: Progress = lambda _line: None,
) -> CollectorRun:
    """Let one collector look and take in what it finds; what goes wrong is noted and returned.

    Raises:
        ConflictError: another process runs it.
        StorageError: the records failed.

    """
    spool = _spool(node, standing.name)
    with _alone(node, spool.folder, standing.name):
        started = clock()
        run = CollectorRun(standing.name)
        try:
            with internal_failures(f"The collector '{standing.name}'"):
                _Runner(node, standing, spool, run, clock, stop, progress).work()
        except TocsinError as error:
            run.error = error
        finally:
            spool.forget_refused(started - timedelta(days=node.settings.retention.quarantine_days))
        run.standing = note_run(
            node.database,
            standing,
            started=started,
            taken=len(run.taken),
            refused=len(run.refused),
            error=failure_text(run.error) if run.error else "",
        )
    return run


def would_take(node: NodeWithStores, standing: CollectorStatus, *, clock: Clock) -> Iterator[CollectedOffer]:
    """What a run would take, without taking it: nothing is changed, here or there.

    Raises:
        RemoteError: the place cannot be reached.
        SettingError: a setting does not work.

    """
    memory = memory_of(node.database, standing, clock())
    with _open(node, standing).look(memory) as offers:
        yield from offers


def retry_refused(node: NodeWithStores, name: str) -> int:
    """Let the next run of a collector take in again what it refused; returns how many reports."""
    spool = _spool(node, name)
    with _alone(node, spool.folder, name):
        again = spool.retry()
        if again:
            forget_refusals(node.database, name)
        return again


@dataclass(frozen=True)
class _Runner:
    """What a run holds."""

    node: NodeWithStores
    standing: CollectorStatus
    spool: Spool
    run: CollectorRun
    clock: Clock
    stop: Stop
    progress: Progress

    def work(self) -> None:
        self._take_in_leftovers()
        memory = memory_of(self.node.database, self.standing, self.clock())
        collector = _open(self.node, self.standing)
        with collector.look(memory) as offers:
            for lot in self._lots(offers):
                self._take_in(lot)

    def _take_in_leftovers(self) -> None:
        """Reports that an interrupted run fetched, or that are to be tried again."""
        waiting = self.spool.waiting()
        if waiting:
            with open_session(self.node, clock=self.clock) as workshop:
                for path, refused in self._ingest(workshop, waiting):
                    self._count(path.name, refused)
                    note_offer(
                        self.node.database,
                        self.run.name,
                        CollectedOffer(path.name, []),
                        refused=refused,
                        now=self.clock(),
                    )

    def _lots(self, offers: Iterator[CollectedOffer]) -> Iterator[list["_FetchedOffer"]]:
        """Offers whose reports stand on this disk, some at a time; an error comes after what was fetched before it."""
        lot: list[_FetchedOffer] = []
        errors: list[TocsinError] = []
        for fetched in self._all_fetched(offers, errors):
            lot.append(fetched)
            if fetched.offer.at_once or len(lot) >= _LOT_OFFERS or sum(one.size for one in lot) >= _LOT_BYTES:
                yield lot
                lot = []
        if lot:
            yield lot
        if errors:
            raise errors[0]

    def _all_fetched(self, offers: Iterator[CollectedOffer], errors: list[TocsinError]) -> Iterator["_FetchedOffer"]:
        """Each offer whose reports can be read; where one cannot, the next ones are still tried."""
        in_a_row = 0
        try:
            for offer in offers:
                if self.stop() or in_a_row >= _GIVES_UP:
                    return
                try:
                    with internal_failures(shown(offer.label)):
                        fetched = self._fetch(offer)
                except (RemoteError, InternalError) as error:
                    errors.append(error)
                    in_a_row += 1
                else:
                    in_a_row = 0
                    yield fetched
        except TocsinError as error:
            errors.append(error)

    def _fetch(self, offer: CollectedOffer) -> "_FetchedOffer":
        """An offer whose items stand on this disk; one that is too large is refused."""
        paths: list[Path] = []
        # What is on this disk need not stay in memory; a label comes from elsewhere.
        spent = replace(offer, items=(), label=shown(offer.label)[:_LABEL])
        try:
            paths.extend(item.path or self.spool.keep(item.name, item.read()) for item in offer.items)
        except InputError as error:
            return _FetchedOffer(spent, paths, failure_text(error))
        return _FetchedOffer(spent, paths, offer.refused)

    def _take_in(self, lot: list["_FetchedOffer"]) -> None:
        with open_session(self.node, clock=self.clock) as workshop:
            # the same report twice, as where a mail was sent twice, stands here once
            done = dict(self._ingest(workshop, dict.fromkeys(path for fetched in lot for path in fetched.paths)))
        for fetched in lot:
            if not done.keys() >= set(fetched.paths):
                break  # the rest stands in the spool
            said_of = dict.fromkeys([fetched.refused, *(done[path] for path in fetched.paths)])
            reason = join_sentences("\n", filter(None, said_of))
            self._count(fetched.offer.label, reason)
            note_gone(self.node, self.standing, fetched.offer.gone, self.clock())
            cut("collect.gone")
            note_offer(self.node.database, self.standing.name, fetched.offer, refused=reason, now=self.clock())
            cut("collect.noted")
            fetched.offer.settle(reason)
            cut("collect.settled")

    def _ingest(self, workshop: IngestSession, paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
        """Take in reports, until we are to stop; each with why it was refused, or nothing."""
        settings = self.standing.settings
        requests = [IngestRequest((path,), settings.source or None, settings.feed or None) for path in paths]
        if not self.stop():
            for request, outcome in ingest_each(workshop, requests, place=self.spool.intake.place):
                cut("collect.ingested")
                yield request.paths[0], self._settle(request.paths[0], outcome)
                if self.stop():
                    return

    def _settle(self, path: Path, outcome: IngestSummary) -> str:
        """Why a report was refused, or nothing. A report of the spool is gone from it then."""
        self.run.counts += outcome.counts
        _raise_what_is_ours(outcome.failed)
        refused = [error for _, error in outcome.failed]
        if path.is_relative_to(self.spool.folder):
            if refused:
                self.spool.refuse(path, refused[0])
            else:
                self.spool.done(path)
        self.progress(_told(path.name, refused[0] if refused else None, outcome.counts.rows))
        return join_sentences("\n", map(failure_text, refused))

    def _count(self, label: str, refused: str) -> None:
        if refused:
            self.run.refused.append((label, refused))
        else:
            self.run.taken.append(label)


@dataclass(frozen=True)
class _FetchedOffer:
    """An offer whose reports stand on this disk, and why it was refused already."""

    offer: CollectedOffer
    paths: list[Path]
    refused: str

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)


def _told(name: str, refused: TocsinError | None, rows: int) -> str:
    """What became of one report, its name once."""
    if refused is None:
        return f"{name}: {rows:,} row{'' if rows == 1 else 's'}"
    words = str(refused)
    return words if words.startswith(name) else f"{name}: {words}"


def _raise_what_is_ours(failed: Failures) -> None:
    """Only a report that cannot be read is refused; where a setting or the disk is wrong, it waits."""
    for _, error in failed:
        if not isinstance(error, InputError | InternalError):
            raise error


def _open(node: NodeWithStores, standing: CollectorStatus) -> Collector:
    return kind_of(standing.settings.kind).open(standing.settings, node.home)


def _spool(node: NodeWithStores, name: str) -> Spool:
    return Spool(node.home / HomeFolder.COLLECTED / name, IntakeFilter(node, f"collector {name}"))


@contextmanager
def _alone(node: NodeWithStores, folder: Path, name: str) -> Iterator[None]:
    """Be the one process that runs a collector."""
    folder.mkdir(parents=True, exist_ok=True)
    with held(node.database, f"collect {name}", file=folder / "lock") as ours:
        if not ours:
            raise ConflictError(
                say("Another process runs the collector '%(name)s' at this moment.", name=name),
                hint=say("Wait for it to end."),
            )
        yield
