"""Chunks understood and batches finished in processes of this machine: ``[work] on = "processes"``.

Each worker keeps the frames of the batches that it understood until it finishes them. The bytes of a chunk cross over
by memory that both have open, all else by a pipe to each worker; a worker ends with the process that started it. One
that dies loses its reports (`WorkerLostError`), and the next chunk starts another.
"""

import errno
import os
import pickle
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count, cycle
from logging import getLogger
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Condition
from traceback import format_exc
from typing import Any, Final

from tocsin.events.sources import Chunk, Feed, Reader
from tocsin.node import fork_server
from tocsin.node.errors import InternalError, TocsinError, UsageError, internal_failures
from tocsin.node.records import cut
from tocsin.node.sentences import say
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
_SENT: Final = 2  # requests that a worker has at once: one that it is at, and the next
_ENTRY: Final = f"{__name__}:serve"
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
class _End:
    """End; there is no answer."""


@dataclass(frozen=True)
class _HeldBatch:
    """Where a batch is."""

    worker: "_Worker"
    number: int


class Processes:
    """Workers of one session; started when the first chunk comes. Implements `BatchPlacement`."""

    def __init__(self, terms: WorkerTerms, workers: int) -> None:
        fork_server.begin_loading(__name__)
        self.ahead = 2 * workers
        self._terms = terms
        self._workers: list[_Worker | None] = [None] * workers
        self._numbers = count()
        self._reports: dict[OpenWork, int] = {}

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
        return worker.understand(request, chunk.data, lambda facts: UnderstoodBatch(worker.known(facts), held))

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

    def _least_busy(self) -> "_Worker":
        """Of the workers, each started where it was not yet, or is lost."""
        lost = [one for one in self._workers if one is not None and one.lost]
        workers = [one if one and not one.lost else _Worker(self._terms) for one in self._workers]
        self._workers = [*workers]
        for one in lost:
            one.end()
        return min(workers, key=lambda worker: worker.waiting)


@dataclass(frozen=True)
class _WorkerRequest:
    """Something that is asked of a worker; ``then`` makes of its answer what the future gives."""

    request: bytes
    data: bytes
    then: Callable[[Any], Any]
    future: Future[Any] = field(default_factory=Future)

    def settle(self, answered: bytes) -> None:
        try:
            answer, log = pickle.loads(answered)  # noqa: S301 (from a process of ours)
            if log:
                _LOG.error("%s", log)
            if isinstance(answer, TocsinError):
                self.future.set_exception(answer)
            else:
                self.future.set_result(self.then(answer))
        except Exception as error:  # noqa: BLE001  # for whoever asked
            self.future.set_exception(error)


class _Worker:
    """A process, a thread that starts it and sends it what is asked, and one that takes its answers, in that order.

    It has the next request when it is done with one. Batches are finished first: others wait for that.
    """

    def __init__(self, terms: WorkerTerms) -> None:
        self._pipe, theirs = Pipe()
        # No connections but for how they are handed over; they are written and read, never mapped, and grow as need be.
        self._memory = [Connection(os.memfd_create("tocsin chunk")) for _ in range(_SENT)]
        self._process: fork_server.ForkedProcess | None = None
        self._exit_code: int | None = None
        self._changed = Condition()
        self._first: deque[_WorkerRequest] = deque()
        self._later: deque[_WorkerRequest] = deque()
        self._sent: deque[_WorkerRequest] = deque()
        self.reports: set[int] = set()
        self.ingest: IngestTerms | None = None
        self.sets: dict[int, tuple[int, ...]] = {}
        self.team_sets = WorkerSets(self.sets)
        self.lost = False
        self._threads = ThreadPoolExecutor(2)
        self._threads.submit(self._send_all, theirs, terms)
        self._threads.submit(self._take_answers)

    @property
    def waiting(self) -> int:
        """How many answers are waited for."""
        return len(self._first) + len(self._later) + len(self._sent)

    def ask(self, request: object, then: Callable[[Any], Any] = lambda answer: answer) -> Future[Any]:
        """What the worker answers, as ``then`` makes it."""
        return self._ask(_WorkerRequest(pickle.dumps(request, 5), b"", then), self._first)

    def understand(self, request: _Understand, data: bytes, then: Callable[[Any], Any]) -> Future[Any]:
        """The same for a chunk and its bytes, when nothing else is asked."""
        return self._ask(_WorkerRequest(pickle.dumps(request, 5), data, then), self._later)

    def _ask(self, asked: _WorkerRequest, where: deque[_WorkerRequest]) -> Future[Any]:
        with self._changed:
            if self.lost:  # and perhaps ended already, when it held a batch that is now to be finished
                asked.future.set_exception(self._lost_error())
            else:
                where.append(asked)
                self._changed.notify_all()
        return asked.future

    def _send_all(self, theirs: Connection, terms: WorkerTerms) -> None:
        try:
            with theirs:
                descriptors = [one.fileno() for one in (theirs, *self._memory)]
                self._process = fork_server.fork(_ENTRY, (), descriptors)
            self._pipe.send_bytes(pickle.dumps((dict(os.environ), Path.cwd(), terms), 5))
            for memory in cycle(self._memory):
                if (asked := self._next()) is None:
                    return
                _put(memory, asked.data)
                self._pipe.send_bytes(asked.request)
        except Exception as error:  # noqa: BLE001  # whatever it is, the other thread finds the worker gone
            if not isinstance(error, OSError):
                _LOG.error("%s", format_exc())
            if self._process is not None:
                self._process.kill()

    def _next(self) -> _WorkerRequest | None:
        """What is to be sent next, as soon as there is something; None: nothing any more."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.lost or ((self._first or self._later) and len(self._sent) < _SENT))
                if self.lost:
                    return None
                asked = (self._first or self._later).popleft()
                if asked.future.set_running_or_notify_cancel():
                    self._sent.append(asked)
                    return asked

    def _take_answers(self) -> None:
        try:
            while True:
                answered = self._pipe.recv_bytes()
                with self._changed:
                    asked = self._sent.popleft()
                    self._changed.notify_all()
                asked.settle(answered)
        except (EOFError, OSError):
            self._lose()

    def _lose(self) -> None:
        self._join()
        with self._changed:
            self.lost = True
            sent, never = [*self._sent], [*self._first, *self._later]
            for of in (self._first, self._later, self._sent):
                of.clear()
            self._changed.notify_all()
        for asked in [*sent, *(one for one in never if one.future.set_running_or_notify_cancel())]:
            asked.future.set_exception(self._lost_error())

    def _lost_error(self) -> WorkerLostError:
        return WorkerLostError(
            say("A worker process ended while it was at work (exit code %(code)s).", code=self._exit_code),
            hint=say("Was it killed for want of memory? Fewer workers ([work] workers) or smaller batches help."),
        )

    def known(self, facts: RowFacts) -> RowFacts:
        """The same with all sets of teams that the worker met; it sends each once."""
        self.sets.update(facts.team_sets.members)  # type: ignore[arg-type]  # a mapping, see `_Bench`
        return replace(facts, team_sets=self.team_sets)

    def end(self) -> None:
        """Let it end, after what it is at; what else was asked is cancelled."""
        with self._changed:
            for asked in [*self._first, *self._later]:
                asked.future.cancel()
        self.ask(_End())
        self._threads.shutdown()
        for connection in (self._pipe, *self._memory):
            connection.close()

    def _join(self) -> None:
        if self._process is not None:  # else it could not be started
            self._process.wait(_ENDING)
            self._exit_code = self._process.end()


def _put(memory: Connection, data: bytes) -> None:
    if os.pwrite(memory.fileno(), data, 0) < len(data):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


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


def serve(descriptors: Sequence[int]) -> None:
    """Be a worker: answer what is asked until the other side closes the pipe or dies."""
    pipe, *memory = [Connection(one) for one in descriptors[1:]]
    try:
        environment, folder, terms = pickle.loads(pipe.recv_bytes())  # noqa: S301 (from the process that started us)
    except (EOFError, OSError):
        os._exit(0)
    os.environ.update(environment | fork_server.ONE_THREAD)
    os.chdir(folder)
    _serve(pipe, memory, terms)


def _serve(pipe: Connection, memory: Sequence[Connection], terms: WorkerTerms) -> None:
    bench: _Bench | None = None
    for of_request in cycle(memory):
        try:
            request = pickle.loads(pipe.recv_bytes())  # noqa: S301 (from the process that started us)
        except (EOFError, OSError):
            request = _End()
        if isinstance(request, _End):
            os._exit(0)  # nothing is left to be done, and threads of libraries need not end
        data = b""
        if isinstance(request, _Understand):
            data = os.pread(of_request.fileno(), request.size, 0)
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
