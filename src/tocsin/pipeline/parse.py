"""Reports opened, known and understood ahead, in parallel: what the spine does not yet compare with anything.

report ─► feed ─► chunks ─► read ─► normalise ─► enrich
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from io import BufferedReader, RawIOBase
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.delivery.mailbox import is_mail
from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import (
    FeedRecord,
    MailReading,
    OpenedReport,
    find_reports,
    open_reports,
    shown,
)
from tocsin.events.redaction import Redaction, redacted
from tocsin.events.sources import DescribedSource, Feed, FeedSource, recognise, sources
from tocsin.incidents.sightings import ObservableWatch
from tocsin.node.errors import InputError, TocsinError, UsageError, internal_failures
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.node.settings import IngestSettings
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.notify_decision import NotificationDecider
from tocsin.pipeline.placement import BatchPlacement, InProcess, OpenWork, UnderstoodBatch
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.steps import ReaderTerms
from tocsin.pipeline.stores import NodeWithStores

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MOST_HERE: Final = 4_000_000  # bytes of a report that is never worked on elsewhere
_BLOCK: Final = 1 << 16  # bytes; so many at least go to each worker, by which it opens a report
_MOST_FIRST: Final = 1 << 22  # bytes that a reader reads when it is opened, where another process is to open it, too

Failures = list[tuple[str, TocsinError]]
Clock = Callable[[], datetime]


UNKNOWN_FEED: Final = say(
    "A feed that is known is chosen with --source NAME --feed NAME, or in the settings of the collector. For a new "
    "one 'tocsin feeds try FILE --suggest' and the page Try a feed make a mapping file: docs/sources.md."
)
"""What to do with a report that nobody recognises; a page says what it has in its place."""


@dataclass(frozen=True)
class IngestSession:
    """What all reports of a run share."""

    node: NodeWithStores
    here: InProcess  # understands and finishes batches in this process
    away: BatchPlacement | None  # what does so with those of large reports, where that is elsewhere
    reading: ThreadPoolExecutor  # one thread: opens reports and reads chunks, in order
    resolver: RecipientResolver
    decider: NotificationDecider
    watch: ObservableWatch
    clock: Clock
    feeds: Callable[[NodeWithStores, Feed], FeedRecord] = commitment.known_feed


def even_bytes(size: int, batch_bytes: int) -> int:
    """Bytes of each batch of a report of so many: an eighth less than ``batch_bytes`` to three quarters more, no rest.

    Small parts of the event table would soon be read and written once more, to become one.
    """
    batches = max(1, int(size / batch_bytes + 1 / 4))
    return max(batch_bytes, size) if batches == 1 else ceil(size / batches)


@dataclass(frozen=True)
class KnownReport:
    """A report whose feed is known. ``again``: how its reader is opened, but for what that reads first."""

    report: OpenedReport
    origin: FeedSource
    again: ReaderTerms
    record: FeedRecord
    feed: Feed
    heard: datetime
    intake: IntakeFilter

    def begin(self, session: IngestSession, stream: BufferedReader) -> "OpenReport":
        """Read it from its first byte; ``stream``: its file, which is closed where it cannot be read.

        Raises:
            InputError: it cannot be read.

        """
        redaction = self.intake.redaction()
        again = replace(self.again, batch_bytes=even_bytes(self.report.size, self.again.batch_bytes))
        placement: BatchPlacement = session.here
        kept = redacted(self.report.limited(stream), redaction)
        away = session.away if self.feed.notify and self.report.size > min(_MOST_HERE, self.again.batch_bytes) else None
        first = None if away is None else _FirstBytes(kept)
        try:
            reader = self.origin.open(
                again.code, first.stream if first else kept, again.batch_bytes, again.max_record_bytes
            )
        except BaseException:
            stream.close()
            raise
        if first is not None and away is not None and (head := first.end()) is not None:
            placement, again = away, replace(again, head=head)
        work = OpenWork(reader, again, self.feed, self.heard)
        batches = _OrderedBatches(session, placement, work)
        return OpenReport(
            self.report, self.origin, self.again, self.record, self.feed, self.heard, self.intake,
            stream, work, batches, redaction,
        )  # fmt: skip


@dataclass(frozen=True)
class OpenReport(KnownReport):
    """A report opened and known, whose first batches are being understood already."""

    stream: BufferedReader
    work: OpenWork
    batches: "_OrderedBatches"
    redaction: Redaction

    def note_never_held(self) -> None:
        """Note what must never be held, before anything of the report is true."""
        self.intake.note(self.redaction)

    def let_go(self) -> None:
        """Hold nothing of its batches any more, after the work on them that is still under way."""
        self.batches.stop()
        self.batches.placement.close(self.work)

    def close(self) -> None:
        """The same, and let go of the file."""
        self.let_go()
        self.stream.close()

    def anew(self, session: IngestSession) -> "OpenReport":
        """The same report from its first byte; this one only stays to be closed."""
        self.let_go()
        stream = os.fdopen(os.dup(self.stream.fileno()), "rb")  # a copy that was unpacked is gone by its name
        stream.seek(0)
        return self.begin(session, stream)


def open_all(
    session: IngestSession,
    paths: Iterable[Path],
    failed: Failures,
    *,
    source: str | None,
    feed: str | None,
    intake: IntakeFilter,
) -> Iterator[OpenReport]:
    """Each report, opened when it is asked for; what cannot be opened is noted in ``failed``."""
    for path in find_reports(paths):
        try:
            with internal_failures(shown(path)):
                for report in passing(intake, path, session.node.spool, session.node.settings.ingest):
                    where = shown(path) if report.name in path.name else f"{shown(path)}: {report.name}"
                    try:
                        with internal_failures(where):
                            reading = open_report(session, report, source, feed, intake)
                    except TocsinError as error:  # the others in the same archive may be good
                        failed.append((where, error))
                        if report.path == path:
                            intake.scan(path)  # nobody has read it
                    else:
                        yield reading
        except TocsinError as error:
            failed.append((shown(path), error))
            intake.scan(path)


def passing(intake: IntakeFilter, path: Path, spool: Path, limits: IngestSettings) -> Iterator[OpenedReport]:
    """The reports in a file, as `open_reports`, also in a mail; what must never be held is noted before each is given.

    Raises:
        InputError: as `open_reports`.
        StorageError: as `open_reports`.

    """
    made: list[Redaction] = []

    def one() -> Redaction:
        made.append(intake.redaction())
        return made[-1]

    folders = intake.node.home / HomeFolder.FEEDS, path.parent
    mails = MailReading(lambda head: is_mail(head, 2), lambda raw: _in_mail(raw, *folders))
    try:
        for report in open_reports(path, spool, limits, one, mails):
            intake.note(*made)
            yield report
    finally:
        intake.note(*made)


def _in_mail(raw: bytes, *folders: Path) -> Iterator[tuple[str, bytes]]:
    """The reports in a mail; what was not read of it is said after them.

    Raises:
        InputError: it goes beyond bounds.

    """
    from tocsin.delivery.mailbox import mails_of, reports_in  # few reports are mails

    for mail in mails_of(raw):
        for report in reports_in(mail, known_by(*folders)):
            yield report.name, report.content
        if mail.reasons:
            raise InputError("\n".join(mail.reasons), hint=say("Take the reports out of it."))


def known_by(*folders: Path) -> Callable[[str, bytes], bool]:
    """Whether a source knows a report; ``folders`` as `sources` takes them."""
    return lambda name, head: recognise(name, head, *folders) is not None


def open_report(
    session: IngestSession, report: OpenedReport, source: str | None, feed: str | None, intake: IntakeFilter
) -> OpenReport:
    """A report, with its first batches under way.

    Raises:
        InputError: it cannot be read, or nobody knows its feed.
        UsageError: there is no such source or feed.

    """
    try:
        return _opened(session, report, source, feed, intake)
    except OSError as error:
        reason = say("%(path)s cannot be read: %(strerror)s.", path=report.name, strerror=error.strerror)
        raise InputError(reason, hint=say("Check that it is still there.")) from error


def _opened(
    session: IngestSession, report: OpenedReport, source: str | None, feed: str | None, intake: IntakeFilter
) -> OpenReport:
    origin, code = origin_of(session.node, report, source, feed)
    record = session.feeds(session.node, origin.feed(code))
    described = replace(origin.feed(code), tlp=record.tlp, name=record.name, provider=record.provider)
    limits = session.node.settings.ingest
    folders = session.node.home / HomeFolder.FEEDS, report.folder
    again = ReaderTerms(origin.name, code, folders, b"", limits.batch_bytes, limits.max_record_bytes)
    known = KnownReport(report, origin, again, record, described, session.clock(), intake)
    return known.begin(session, report.path.open("rb"))


class _FirstBytes(RawIOBase):
    """Keeps what is read of a stream until `end`, by which another process opens the reader of the same report."""

    def __init__(self, stream: BufferedReader) -> None:
        super().__init__()
        self._raw = stream.detach()
        self._kept: list[bytes] | None = []
        self.stream = BufferedReader(self, _BLOCK)

    def end(self) -> bytes | None:
        """What was read so far; None where that is too much to be sent, as where a reader reads all at once."""
        kept, self._kept = b"".join(self._kept or ()), None
        return kept if len(kept) <= _MOST_FIRST else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        length = self._raw.readinto(buffer)
        if self._kept is not None:
            self._kept.append(bytes(memoryview(buffer)[:length]))
        return length


def origin_of(
    node: NodeWithStores, report: OpenedReport, source: str | None, feed: str | None
) -> tuple[FeedSource, str]:
    """The source and feed code of a report: as told, else by its name and first bytes.

    Raises:
        InputError: nobody knows its feed, or a mapping file that may describe it is wrong.
        UsageError: there is no such source.

    """
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
    mistakes = [one.mistakes(report.name) for one in asked if isinstance(one, DescribedSource)]
    naming, others = ([text for pair in mistakes for text in pair[which]] for which in (0, 1))
    if naming and source is None:
        raise _wrong_mapping(report, naming)
    for candidate in asked:
        if code := candidate.recognise(report.name, head):
            return candidate, feed or code
    if others:
        raise _wrong_mapping(report, others)
    raise InputError(
        say("%(name)s: neither its name nor its first line tells which feed it is.", name=report.name),
        hint=UNKNOWN_FEED,
    )


def _wrong_mapping(report: OpenedReport, wrong: list[str]) -> InputError:
    return InputError(
        say(
            "%(name)s: a mapping file that may describe it cannot be used: %(wrong)s.", name=report.name, wrong=wrong[0]
        ),
        hint=say("Correct the mapping file (docs/sources.md), or choose another feed."),
    )


class _OrderedBatches:
    """Batches in the order of their chunks; a few are read and worked on ahead, from the very beginning."""

    def __init__(self, session: IngestSession, placement: BatchPlacement, work: OpenWork) -> None:
        self.placement = placement
        self._session, self._work, self._chunks = session, work, work.reader.chunks()
        self._waiting: deque[Future[Future[UnderstoodBatch] | None]] = deque()
        self._fill()

    def __iter__(self) -> Iterator[UnderstoodBatch]:
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
        while len(self._waiting) < self.placement.ahead:
            self._waiting.append(self._session.reading.submit(self._advance))

    def _advance(self) -> Future[UnderstoodBatch] | None:
        chunk = next(self._chunks, None)
        return None if chunk is None else self.placement.understand(self._work, chunk)
