"""The spine: a report goes in, and what is in it is stored, routed, passed through the gate and owed to teams.

    report ─► read ─► normalise ─► enrich ─► duplicates ─► problems ─► route ─► gate ─► store ─► owe
             └──────── in parallel, pure ───┘ └──────── in order, one batch at a time ────────┘

Work is per batch of whole records; what a batch leaves in memory is counts.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin import commitment
from tocsin.app import Node, writer
from tocsin.errors import InputError, TocsinError, UsageError
from tocsin.events.duplicates import first_of_each, row_keys
from tocsin.events.enrich import enrich
from tocsin.events.models import FeedRecord, Ingest
from tocsin.events.normalise import normalise
from tocsin.events.quarantine import Quarantine
from tocsin.events.reports import Report, find_reports, open_reports
from tocsin.events.sources import Chunk, Feed, Reader, Source, sources
from tocsin.events.store import Part
from tocsin.networks import Networks
from tocsin.problems import Sightings, problem_keys
from tocsin.records import cut
from tocsin.tellers import Tellers

_WORKERS = 2
_AHEAD = 2  # batches in flight beside the one that is settled; each costs about 200 MB of memory


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
class Understood:
    """One batch read, checked and enriched, before anything was compared with what is known."""

    frame: pl.DataFrame
    rows: npt.NDArray[np.int64]
    row_keys: npt.NDArray[np.uint64]
    unusable: list[tuple[int, str, str]]


@dataclass
class Desk:
    """What one ingest holds while its batches pass: where it writes, and what it has counted so far."""

    node: Node
    number: int
    day: date
    now: datetime
    feed: FeedRecord
    duplicate_days: int
    tellers: Tellers
    quarantine: Quarantine
    counts: Counts = field(default_factory=Counts)
    parts: list[Part] = field(default_factory=list)
    owed: Counter[int] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    newest: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What happened to each path: the sums, and the paths that could not be taken in with the reason."""

    counts: Counts
    failed: list[tuple[str, TocsinError]]
    seconds: float


Progress = Callable[[str, Counts], None]


def _silent(_name: str, _counts: Counts) -> None:
    pass


def ingest(
    node: Node,
    paths: Iterable[Path],
    *,
    source: str | None = None,
    feed: str | None = None,
    progress: Progress = _silent,
) -> Outcome:
    """Take in the reports behind the paths; each is one transaction, and one that fails does not stop the others."""
    started = monotonic()
    total, failed = Counts(), []
    with writer(node, waiting=lambda: progress("waiting for another ingest to finish", total)):
        commitment.recover(node)
        tellers = Tellers.open(node)
        networks = Networks.open(node.home)
        for path in find_reports(paths):
            try:
                for report in open_reports(path, node.spool, node.settings.ingest):
                    total += take_in(node, report, networks, tellers, source=source, feed=feed)
                    progress(report.name, total)
            except TocsinError as error:
                failed.append((str(path), error))
                commitment.clean(node)
    return Outcome(total, failed, monotonic() - started)


def take_in(
    node: Node,
    report: Report,
    networks: Networks,
    tellers: Tellers,
    *,
    source: str | None = None,
    feed: str | None = None,
    replay_of: int | None = None,
) -> Counts:
    """Take in one report, once: the same content for the same feed again is counted as already here. For the writer."""
    origin, code = _origin(node, report, source, feed)
    described = origin.feed(code)
    record = commitment.known_feed(node, described)
    if commitment.already_ingested(node, report.content_hash, record.id):
        return Counts(already=1)
    now = datetime.now(UTC)
    number = commitment.next_number(node)
    desk = Desk(
        node,
        number,
        now.date(),
        now,
        record,
        described.duplicate_days or node.settings.ingest.duplicate_days,
        tellers,
        Quarantine(node.quarantine, number),
    )
    described = _as_configured(described, record)
    with report.path.open("rb") as stream, ThreadPoolExecutor(_WORKERS) as pool:
        reader = origin.open(code, report.limited(stream), node.settings.ingest.batch_bytes)
        desk.quarantine.header = reader.header

        def understand(chunk: Chunk) -> Understood:
            return _understand(reader, chunk, described, networks, now)

        writes: deque[Future[Part]] = deque()
        for part, understood in enumerate(_in_order(pool, understand, reader.chunks())):
            settled = _settle(desk, understood, part)
            if settled.height:
                writes.append(pool.submit(_store, desk, settled, part))
            while len(writes) > 1:
                desk.parts.append(writes.popleft().result())
            cut("ingest.batch")
        desk.parts += [write.result() for write in writes]
    if report.broken:
        desk.quarantine.add([(0, report.broken, "")])
    report.check_unchanged()
    cut("ingest.read")
    return _finish(desk, report, replay_of)


def _origin(node: Node, report: Report, source: str | None, feed: str | None) -> tuple[Source, str]:
    """The source and feed code of a report: as told, else by its name and first bytes."""
    known = sources(node.home / "feeds", report.folder)
    if source is not None and source not in known:
        raise UsageError(f"There is no source '{source}'.", hint=f"Take one of: {', '.join(known)}.")
    asked = [known[source]] if source else list(known.values())
    if source is not None and feed is not None:
        return known[source], feed
    head = report.head()
    for candidate in asked:
        if code := candidate.recognise(report.name, head):
            return candidate, feed or code
    raise InputError(
        f"{report.name}: neither its name nor its first line tells which feed it is.",
        hint="Say it with --source NAME --feed NAME; docs/sources.md shows how to describe a new CSV feed.",
    )


def _as_configured(feed: Feed, record: FeedRecord) -> Feed:
    """The feed under the marking and names that this node has set for it."""
    return replace(feed, tlp=record.tlp, pap=record.pap, name=record.name, provider=record.provider)


def _understand(reader: Reader, chunk: Chunk, feed: Feed, networks: Networks, now: datetime) -> Understood:
    """Read, check and enrich one chunk; pure, so that chunks are understood in parallel."""
    batch = reader.parse(chunk)
    normalised = normalise(batch, feed, now)
    usable = normalised.usable.to_numpy()
    bad = np.flatnonzero(~usable).tolist()
    unusable = [(row.line, row.reason, row.raw) for row in batch.unreadable]
    if bad:
        reasons = normalised.reason.gather(bad).to_list()
        unusable += [(line, reason, raw) for reason, (line, raw) in zip(reasons, batch.locate(bad), strict=True)]
    rows = chunk.first_record + np.flatnonzero(usable)
    frame = normalised.frame.filter(normalised.usable) if bad else normalised.frame
    return Understood(enrich(frame, networks), rows, row_keys(frame), unusable)


def _settle(desk: Desk, understood: Understood, part: int) -> pl.DataFrame:
    """Compare one batch with what is known, decide who is told, and count; returns the rows to store."""
    desk.quarantine.add(understood.unusable)
    cut("ingest.set-aside")
    kept = first_of_each(
        understood.row_keys,
        desk.node.rows_since(desk.day, desk.duplicate_days),
        ingest=desk.number,
        part=part,
    )
    frame, rows = understood.frame, understood.rows
    if not kept.all():
        frame, rows = frame.filter(pl.Series(kept)), rows[kept]
    desk.counts.rows += len(kept)
    desk.counts.duplicates += len(kept) - frame.height
    desk.counts.stored += frame.height
    if frame.is_empty():
        return frame
    seen_at = frame.select(pl.coalesce("time.source", "time.observation").dt.epoch("s").clip(0, 2**32 - 1))
    keys = problem_keys(frame)
    sightings = Sightings.of(keys, seen_at.to_series().cast(pl.UInt32).to_numpy())
    seen = desk.node.tracker.see(
        sightings,
        ingest=desk.number,
        part=part,
        feed=desk.feed.id,
        now=int(desk.now.timestamp()),
        reminder_days=desk.node.settings.tell.reminder_days,
    )
    cut("ingest.noted")
    told = desk.tellers.decide(frame, due=seen.told[sightings.of_event])
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
    return frame.with_columns(
        pl.lit(desk.number, dtype=pl.Int64).alias("ingest"),
        pl.Series("row", rows),
        pl.Series("problem", keys.view(np.int64)),
        pl.Series("fresh", seen.fresh[sightings.of_event]),
        pl.Series("routed", told.routed),
        pl.Series("told", told.told),
    )


def _store(desk: Desk, frame: pl.DataFrame, part: int) -> Part:
    return desk.node.store.write_part(frame, ingest=desk.number, part=part, day=desk.day)


def _finish(desk: Desk, report: Report, replay_of: int | None) -> Counts:
    """Make the ingest true, once."""
    counts = desk.counts
    counts.reports = 1
    counts.quarantined = desk.quarantine.close()
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
        replay_of=replay_of,
        directory_version=desk.tellers.version,
        withheld_by_rule=dict(desk.withheld),
        **{name: value for name, value in vars(counts).items() if name not in {"reports", "already"}},
    )
    prepared = commitment.Prepared(record, desk.parts, desk.tellers.sets, desk.owed, desk.tellers.teams)
    counts.deliveries = commitment.prepare(desk.node, prepared)
    commitment.commit(desk.node, desk.number, desk.parts, now=desk.now)
    cut("ingest.merging")
    desk.node.tracker.files.merge(up_to=desk.number)
    desk.node.rows_of(desk.day).merge(up_to=desk.number)
    return counts


def _in_order(
    pool: ThreadPoolExecutor, function: Callable[[Chunk], Understood], chunks: Iterable[Chunk]
) -> Iterator[Understood]:
    """The results in the order of the chunks, with a few worked on ahead."""
    waiting: deque[Future[Understood]] = deque()
    for chunk in chunks:
        waiting.append(pool.submit(function, chunk))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
