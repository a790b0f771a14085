"""Chunks understood and batches finished in processes of this machine: ``[work] on = "processes"``.

Each worker keeps the frames of the batches that it understood until it finishes them. The bytes of a chunk cross over
by memory that both have open, all else by a pipe to each worker; a worker ends with the process that started it. One
that dies loses its reports (`WorkerLostError`), and the next chunk starts another.
"""

import errno
import os
import pickle
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from logging import getLogger
from multiprocessing.connection import Connection
from traceback import format_exc
from typing import Any, Final

from tocsin.events.sources import Chunk, Feed, Reader
from tocsin.node.errors import InternalError, TocsinError, UsageError, internal_failures
from tocsin.node.records import cut
from tocsin.node.sentences import say
from tocsin.pipeline import worker_server
from tocsin.pipeline.placement import OpenWork, UnderstoodBatch, WorkerLostError
from tocsin.pipeline.steps import (
    BatchWorker,
    FinishedBatch,
    IngestTerms,
    PartTerms,
    ReaderTerms,
    RowFacts,
    RowVerdicts,
    Settlement,
    WideBatch,
    WorkerSets,
    WorkerTerms,
)

_LOG: Final = getLogger("uvicorn.error.internal")
_ENDING: Final = 10  # seconds that a worker has to end, which has nothing to do then


@dataclass(frozen=True)
class _Understand:
    """Understand the chunk whose bytes, so many, are in the memory that both have open.

    ``reader``: of a report that this worker does not know yet.
    """

    report: int
    batch: int
    reader: ReaderTerms | None
    feed: Feed
    heard: datetime
    chunk: Chunk
    size: int


@dataclass(frozen=True)
class _Finish:
    """Finish a batch; ``ingest``: None where it is that of the batch before."""

    batch: int
    verdicts: RowVerdicts
    ingest: IngestTerms | None
    part: PartTerms


@dataclass(frozen=True)
class _Close:
    """Hold nothing of a report."""

    report: int


@dataclass(frozen=True)
class _HeldBatch:
    """Where a batch is."""

    worker: "_Worker"
    number: int


class Processes:
    """Workers of one session; started when the first chunk comes. Implements `BatchPlacement`."""

    def __init__(self, terms: WorkerTerms, workers: int) -> None:
        worker_server.begin_loading()
        self.ahead = 2 * workers
        self._terms = terms
        self._workers: list[_Worker | None] = [None] * workers
        self._numbers = count()
        self._reports: dict[OpenWork, int] = {}
        self.crossed = 0  # bytes that went to workers and came from them

    def understand(self, work: OpenWork, chunk: Chunk) -> Future[UnderstoodBatch]:
        """As `BatchPlacement`."""
        if work not in self._reports:
            self._reports[work] = next(self._numbers)
        report = self._reports[work]
        worker, batch = self._least_busy(), next(self._numbers)
        reader = None if report in worker.reports else work.again
        worker.reports.add(report)
        request = _Understand(report, batch, reader, work.feed, work.heard, replace(chunk, data=b""), len(chunk.data))
        held = _HeldBatch(worker, batch)
        return worker.ask(request, chunk.data, lambda facts: UnderstoodBatch(worker.known(facts), held))

    def finish(
        self, batch: UnderstoodBatch, verdicts: RowVerdicts, ingest: IngestTerms, part: PartTerms
    ) -> Future[FinishedBatch]:
        """As `BatchPlacement`."""
        held: _HeldBatch = batch.held  # type: ignore[assignment]  # ours
        known, held.worker.ingest = held.worker.ingest is ingest, ingest
        narrow = RowVerdicts(verdicts.kept, verdicts.fresh, verdicts.told)
        return held.worker.ask(_Finish(held.number, narrow, None if known else ingest, part))

    def settling(self, here: Settlement) -> Settlement:
        """As `BatchPlacement`."""
        return here

    def close(self, work: OpenWork) -> None:
        """As `BatchPlacement`."""
        report = self._reports.pop(work, -1)
        for worker in self._workers:
            if worker is not None and not worker.lost and report in worker.reports:
                worker.reports.discard(report)
                worker.ask(_Close(report))

    def end(self) -> None:
        """Let the workers end."""
        for worker in self._workers:
            if worker is not None:
                worker.end()
                self.crossed += worker.crossed

    def _least_busy(self) -> "_Worker":
        """Of the workers, each started where it was not yet, or is lost."""
        lost = [one for one in self._workers if one is not None and one.lost]
        workers = [one if one and not one.lost else _Worker(self._terms) for one in self._workers]
        self._workers = [*workers]
        for one in lost:
            one.end()
        return min(workers, key=lambda worker: worker.waiting)


class _Worker:
    """A process, and the thread that starts it and asks it one thing after the other."""

    def __init__(self, terms: WorkerTerms) -> None:
        context = worker_server.context()
        self._pipe, theirs = context.Pipe()
        # No connection but for how it is handed over; it is written and read, never mapped, and grows as it needs to.
        self._memory = Connection(os.memfd_create("tocsin chunk"))
        arguments = theirs, self._memory, terms
        self._process = context.Process(target=_serve, args=arguments, name="tocsin worker", daemon=True)
        self._asking = ThreadPoolExecutor(1)
        self._begun = self._asking.submit(self._begin, theirs)
        self.reports: set[int] = set()
        self.ingest: IngestTerms | None = None
        self.sets: dict[int, tuple[int, ...]] = {}
        self.team_sets = WorkerSets(self.sets)
        self.lost = False
        self.waiting = 0
        self.crossed = 0

    def _begin(self, theirs: Connection) -> None:
        with theirs:
            worker_server.start(self._process)

    def ask(self, request: object, data: bytes | None = None, then: Any = lambda answer: answer) -> Future[Any]:
        """What the worker answers, as ``then`` makes it."""
        answer: Future[Any] = Future()
        if self.lost:  # and perhaps ended already, when it held a batch that is now to be finished
            answer.set_exception(self._lost_error())
            return answer
        self.waiting += 1
        return self._asking.submit(self._ask, request, data, then)

    def _ask(self, request: object, data: bytes | None, then: Any) -> object:
        try:
            self._begun.result()
            if data is not None:
                self._put(data)
            asked = pickle.dumps(request, 5)
            self._pipe.send_bytes(asked)
            answered = self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            self.lost = True
            self._join()
            raise self._lost_error() from error
        finally:
            self.waiting -= 1
        self.crossed += len(asked) + len(data or b"") + len(answered)
        answer, log = pickle.loads(answered)  # noqa: S301 (from a process of ours)
        if isinstance(answer, TocsinError):
            if log:
                _LOG.error("%s", log)
            raise answer
        return then(answer)

    def _put(self, data: bytes) -> None:
        if os.pwrite(self._memory.fileno(), data, 0) < len(data):
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    def _lost_error(self) -> WorkerLostError:
        return WorkerLostError(
            say("A worker process ended while it was at work (exit code %(code)s).", code=self._process.exitcode),
            hint=say("Was it killed for want of memory? Fewer workers ([work] workers) or smaller batches help."),
        )

    def known(self, facts: RowFacts) -> RowFacts:
        """The same with all sets of teams that the worker met; it sends each once."""
        self.sets.update(facts.team_sets.members)  # type: ignore[arg-type]  # a mapping, see `_Bench`
        return replace(facts, team_sets=self.team_sets)

    def end(self) -> None:
        self._asking.shutdown(cancel_futures=not self.lost)  # what a lost one was asked fails by itself, and says why
        self._pipe.close()
        self._memory.close()
        self._join()
        if self._process.is_alive():
            self._process.kill()

    def _join(self) -> None:
        if self._process.pid is not None:  # else it could not be started
            self._process.join(_ENDING)


@dataclass
class _Bench:
    """What a worker holds: the readers of reports, and the frames of batches until they are finished."""

    worker: BatchWorker
    readers: dict[int, Reader] = field(default_factory=dict)
    frames: dict[int, tuple[int, WideBatch]] = field(default_factory=dict)
    ingest: IngestTerms | None = None
    sent: int = 0  # sets of teams

    def understand(self, asked: _Understand, data: bytes) -> RowFacts:
        if asked.reader is not None:
            self.readers[asked.report] = asked.reader.open()
        reader, chunk = self.readers[asked.report], replace(asked.chunk, data=data)
        wide, facts = self.worker.understand(reader, chunk, asked.feed, asked.heard)
        self.frames[asked.batch] = asked.report, wide
        cut("work.understood")
        members = self.worker.resolver.sets.members
        new, self.sent = dict(enumerate(members[self.sent :], self.sent)), len(members)
        return replace(facts, team_sets=WorkerSets(new))

    def finish(self, asked: _Finish) -> FinishedBatch:
        self.ingest = asked.ingest or self.ingest
        if self.ingest is None:
            raise ValueError("no ingest")
        finished = self.worker.finish(self.frames.pop(asked.batch)[1], asked.verdicts, self.ingest, asked.part)
        cut("work.finished")
        return finished

    def close(self, asked: _Close) -> None:
        self.readers.pop(asked.report, None)
        self.frames = {batch: held for batch, held in self.frames.items() if held[0] != asked.report}


def _serve(pipe: Connection, memory: Connection, terms: WorkerTerms) -> None:
    """Answer what is asked until the other side closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    bench: _Bench | None = None
    while True:
        try:
            request = pickle.loads(pipe.recv_bytes())  # noqa: S301 (from the process that started us)
            data = os.pread(memory.fileno(), request.size, 0) if isinstance(request, _Understand) else b""
        except (EOFError, OSError):
            os._exit(0)  # nothing is left to be done, and threads of libraries need not end
        answer, log = None, ""
        try:
            with internal_failures(terms.home.name):
                bench = bench or _Bench(BatchWorker.open(terms))
                answer = _answer(bench, request, data)
        except InternalError as error:
            answer, log = error, format_exc()
        except TocsinError as error:
            answer = _sendable(error)
        try:
            pipe.send_bytes(pickle.dumps((answer, log), 5))
        except OSError:
            os._exit(0)


def _sendable(error: TocsinError) -> TocsinError:
    """An error that can be read on the other side: those that take more than their sentence cannot."""
    try:
        pickle.loads(pickle.dumps(error, 5))  # noqa: S301 (our own)
    except TypeError:
        return UsageError(str(error), hint=error.hint)
    return error


def _answer(bench: _Bench, request: object, data: bytes) -> object:
    match request:
        case _Understand():
            return bench.understand(request, data)
        case _Finish():
            return bench.finish(request)
        case _Close():
            bench.close(request)
            return None
    raise TypeError(type(request).__name__)
