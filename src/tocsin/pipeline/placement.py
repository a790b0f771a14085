"""Where chunks are understood and batches finished: in threads of this process.

Whatever does it, batches are settled here, one after the other, in the order of their chunks.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.sources import Chunk, Feed, Reader
from tocsin.node.errors import InternalError
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
)

_AHEAD: Final = 2  # batches in flight beside the one that is settled; each costs about 200 MB of memory


@dataclass(frozen=True, eq=False)
class OpenWork:
    """A report as its chunks are worked on. ``again``: how another process opens its reader."""

    reader: Reader
    again: ReaderTerms
    feed: Feed
    heard: datetime


@dataclass(frozen=True)
class UnderstoodBatch:
    """What settling needs of a batch, and how its placement finds the rest of it again (``held``)."""

    facts: RowFacts
    held: object


def frame_of(batch: UnderstoodBatch) -> pl.DataFrame:
    """The events of a batch that this process understood."""
    if not isinstance(batch.held, WideBatch):
        raise TypeError("the frame of this batch is in another process")
    return batch.held.frame


def rows_of(batch: UnderstoodBatch) -> npt.NDArray[np.int64]:
    """The numbers of the rows of a batch that this process understood."""
    if not isinstance(batch.held, WideBatch):
        raise TypeError("the rows of this batch are in another process")
    return batch.held.rows


class WorkerLostError(InternalError):
    """A worker process died, and with it what it had of a report."""


class BatchPlacement(Protocol):
    """Workers that understand chunks, and finish each batch where it was understood; `WorkerLostError` by the futures.

    ``ahead``: so many batches are read and understood beside the one that is settled.
    """

    ahead: int

    def understand(self, work: OpenWork, chunk: Chunk) -> Future[UnderstoodBatch]:
        """Understand a chunk of a report."""

    def finish(
        self, batch: UnderstoodBatch, verdicts: RowVerdicts, ingest: IngestTerms, part: PartTerms
    ) -> Future[FinishedBatch]:
        """Write what is kept of a batch; after that nothing is held of it."""

    def settling(self, here: Settlement) -> "Settles":
        """What settles the batches of an ingest, where that is not ``here``."""

    def close(self, work: OpenWork) -> None:
        """Hold nothing of a report any more, whether or not it was finished."""

    def end(self) -> None:
        """Be done with what was begun."""


class Settles(Protocol):
    """Settles the batches of one ingest, part after part."""

    def settle(self, facts: RowFacts, part: int) -> RowVerdicts:
        """See `Settlement`."""


class InProcess:
    """Two threads of this process."""

    ahead = _AHEAD

    def __init__(self, worker: BatchWorker, pool: ThreadPoolExecutor) -> None:
        self._worker, self._pool = worker, pool

    def understand(self, work: OpenWork, chunk: Chunk) -> Future[UnderstoodBatch]:
        """As `BatchPlacement`."""
        return self._pool.submit(self._understand, work, chunk)

    def _understand(self, work: OpenWork, chunk: Chunk) -> UnderstoodBatch:
        wide, facts = self._worker.understand(work.reader, chunk, work.feed, work.heard)
        return UnderstoodBatch(facts, wide)

    def finish(
        self, batch: UnderstoodBatch, verdicts: RowVerdicts, ingest: IngestTerms, part: PartTerms
    ) -> Future[FinishedBatch]:
        """As `BatchPlacement`."""
        held: WideBatch = batch.held  # type: ignore[assignment]  # ours
        return self._pool.submit(self._worker.finish, held, verdicts, ingest, part)

    def settling(self, here: Settlement) -> Settlement:
        """As `BatchPlacement`."""
        return here

    def close(self, work: OpenWork) -> None:
        """As `BatchPlacement`: what is not referred to any more is not held."""

    def end(self) -> None:
        """As `BatchPlacement`; its threads are not its own."""


class InPreview(InProcess):
    """The same where nothing is written of a batch."""

    def finish(
        self, batch: UnderstoodBatch, verdicts: RowVerdicts, ingest: IngestTerms, part: PartTerms
    ) -> Future[FinishedBatch]:
        """As `BatchPlacement`."""
        return super().finish(batch, RowVerdicts.blank(len(verdicts.kept)), ingest, part)
