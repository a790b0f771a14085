"""Reports that were sent in are taken in, in the order in which they came.

A kill at any point loses nothing and doubles nothing: what waits is tried again by the next server, and a report whose
content is known is not taken in a second time. A report that we stumble over is refused, and the next one is taken.
"""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from logging import getLogger
from pathlib import Path

from sqlalchemy import func, select

from tocsin.events import Ingest, shown
from tocsin.node.errors import InputError, InternalError, SettingError, TocsinError, UsageError, internal_failures
from tocsin.node.records import cut
from tocsin.node.retries import pause
from tocsin.node.sentences import change_values
from tocsin.node.trace import id_in
from tocsin.pipeline.groups import Counts, IngestRequest, IngestSummary
from tocsin.pipeline.ingest import ingest_each, open_session
from tocsin.pipeline.parse import Clock, Failures, IngestSession
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads.arrival import forget_unfinished, place_of
from tocsin.pipeline.uploads.models import Upload, UploadState
from tocsin.pipeline.uploads.queries import sums_of

_LOT = 50  # uploads that are taken in with the same tables open
_LOG = getLogger("uvicorn.error")
_LOOKS = 1.0  # seconds between looks for what another process received


def take_waiting(node: NodeWithStores, clock: Clock, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Take in what waits, oldest first, up to a number of uploads; returns how many.

    Raises:
        StorageError: the disk, the event table or the records failed; what was to be taken in waits on.
        SettingError: a setting does not work.

    """
    if not _waiting(node):
        return 0
    taken = newest = 0
    with open_session(node, clock=clock) as workshop:
        # Asked again by the one writer: another server may have taken them meanwhile.
        uploads = {_request(node, upload): upload for upload in _waiting(node)}
        begun = {request: _begin(node, upload) for request, upload in uploads.items()}
        for request, outcome in ingest_each(workshop, list(uploads), place="upload"):
            # The same report again is not counted again, though both were begun before either was taken in.
            _finish(workshop, uploads[request], outcome, max(begun[request], newest))
            taken, newest = taken + 1, max([newest, *outcome.ingests])
            if stop():
                break
    return taken


class UploadIntake:
    """The thread of a server that takes in what was sent to it."""

    def __init__(self, node: NodeWithStores, clock: Clock) -> None:
        self._node, self._clock = node, clock
        self._came, self._ended = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._tidied = False

    def wake(self) -> None:
        """Something came."""
        self._came.set()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work until the block ends; the report that is being taken in is finished first."""
        self._thread = thread = threading.Thread(target=self._work, name="uploads", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._came.set()
            thread.join()

    @property
    def dead(self) -> bool:
        """Whether it should work and does not: then what is sent in is kept, and nobody takes it in."""
        return self._thread is not None and not self._thread.is_alive() and not self._ended.is_set()

    def _work(self) -> None:
        failed = ""
        failures = 0
        while not self._ended.is_set():
            self._came.clear()
            try:
                with internal_failures("The intake of reports"):
                    self._tidy()
                    taken = take_waiting(self._node, self._clock, stop=self._ended.is_set)
            except TocsinError as error:
                if str(error) != failed:
                    _LOG.error("Reports that were sent in wait: %s %s", error, error.hint)
                failed, failures = str(error), failures + 1
                self._ended.wait(pause(failures))
            else:
                if failures:
                    _LOG.warning("Reports that were sent in are taken in again.")
                failed, failures = "", 0
                if not taken:
                    self._came.wait(_LOOKS)

    def _tidy(self) -> None:
        """Once, at the beginning."""
        if not self._tidied:
            forget_unfinished(self._node)
            self._forget_refused()
            self._tidied = True

    def _forget_refused(self) -> None:
        """Delete the files of what was refused so long ago as rows are kept that were set aside."""
        before = self._clock() - timedelta(days=self._node.settings.retention.quarantine_days)
        wanted = select(Upload.uuid).where(Upload.state == UploadState.REFUSED.value, Upload.done_at < before)
        with self._node.database.reading() as session:
            old = list(session.scalars(wanted))
        for uuid in old:
            shutil.rmtree(place_of(self._node, uuid), ignore_errors=True)


def _waiting(node: NodeWithStores) -> Sequence[Upload]:
    """The oldest that wait. Over PostgreSQL only what came to this home: others take in what came to theirs."""
    wanted = select(Upload).where(Upload.state == UploadState.WAITING.value).order_by(Upload.id)
    with node.database.reading() as session:
        if not node.database.is_shared:
            return session.scalars(wanted.limit(_LOT)).all()
        return [one for one in session.scalars(wanted) if place_of(node, one.uuid).is_dir()][:_LOT]


def _request(node: NodeWithStores, upload: Upload) -> IngestRequest:
    return IngestRequest(tuple(_files(node, upload)), upload.source or None, upload.feed or None, id_in(upload.uuid))


def _finish(workshop: IngestSession, upload: Upload, outcome: IngestSummary, after: int) -> None:
    """Note what became of an upload; where we stumble over it, it is refused."""
    try:
        with internal_failures(f"upload {upload.uuid}"):
            _note_outcome(workshop, upload, outcome, after)
    except InternalError as error:
        failed: Failures = [(one["name"], error) for one in upload.files]
        _note(workshop.node, upload, IngestSummary(Counts(), failed, 0.0), 0, workshop.clock())


def _note_outcome(workshop: IngestSession, upload: Upload, outcome: IngestSummary, after: int) -> None:
    node = workshop.node
    cut("upload.ingested")
    for _, error in outcome.failed:
        if isinstance(error, SettingError) or not isinstance(error, InputError | UsageError | InternalError):
            raise error  # ours to mend: it waits
    _note(node, upload, outcome, after, workshop.clock())
    cut("upload.done")
    if not outcome.failed:
        shutil.rmtree(place_of(node, upload.uuid), ignore_errors=True)


def _begin(node: NodeWithStores, upload: Upload) -> int:
    """The newest ingest when this upload was first tried."""
    with node.database.begin() as session:
        row = session.get_one(Upload, upload.id)
        if row.begun_after is None:
            row.begun_after = session.scalar(select(func.max(Ingest.number))) or 0
        return row.begun_after


def _note(node: NodeWithStores, upload: Upload, outcome: IngestSummary, after: int, now: datetime) -> None:
    failed = [
        {"file": _inside(node, upload, file), "reason": _inside(node, upload, str(error)), "hint": error.hint}
        for file, error in outcome.failed
    ]
    with node.database.begin() as session:
        row = session.get_one(Upload, upload.id)
        row.state = (UploadState.TAKEN if outcome.ingests or outcome.counts.listed else UploadState.REFUSED).value
        row.done_at, row.ingests, row.failed = now.astimezone(UTC), list(outcome.ingests), failed
        row.counts = vars(sums_of(session, outcome.ingests, after=after)) | {"listed": outcome.counts.listed}


def _inside(node: NodeWithStores, upload: Upload, text: str) -> str:
    """The text without the folders of this machine that it names: whoever sent the report need not know them."""
    folders = [*(path.parent for path in _files(node, upload)), node.home]
    return change_values(text, lambda value: _without(value, folders))


def _without(text: str, folders: Iterable[Path]) -> str:
    for folder in folders:
        text = text.replace(f"{shown(folder)}/", "")
    return text


def _files(node: NodeWithStores, upload: Upload) -> list[Path]:
    return [place_of(node, upload.uuid) / str(place) / one["name"] for place, one in enumerate(upload.files)]
