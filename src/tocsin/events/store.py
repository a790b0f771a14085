"""Events kept and found again: parts of an ingest written, queries answered, days put in order.

A part keeps the order of its report. `compact` turns a day's parts into files sorted by address with disjoint ranges,
so that a query for a prefix opens one.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from tocsin.events.addresses import signed, within
from tocsin.events.compaction import (
    BUDGET,
    FILE_ROWS,
    ORDERED,
    ROW_GROUP,
    DayCompaction,
    give_up,
    kept_for_later,
    writing,
    written,
)  # fmt: skip
from tocsin.events.extra import PREFIX, extras_of, fold, fold_columns
from tocsin.events.schema import COLUMNS
from tocsin.events.table import EventPart, EventTable
from tocsin.networks import AddressRange
from tocsin.node.admission import Admission, TooLargeError, admission_of_process
from tocsin.node.errors import StorageError
from tocsin.node.place import Place, place_at
from tocsin.node.records import cut

__all__ = ["NO_CONTACT", "TOLD_IN", "EventPart", "EventQuery", "EventStore"]

_SMALL: Final = ((0, 4_096), (4_096, 32_768))
"""Rows of files that are made one as soon as there are `_MANY` of a size."""
_MANY: Final = 8
_LAST: Final = 2**62  # no ingest has so high a number
_MOST_EXTRAS = 1_000  # columns of feeds' own; what comes beyond them stands in JSON
READING = timedelta(hours=12)
"""So long files that the table no longer lists stay for those who were reading it: shorter than a day, so that a daily
run removes what the one before took out."""
TOLD_IN = pl.coalesce("notified_in", "ingest")
"""The ingest or notification run by which teams were told of an event."""
NO_CONTACT = (pl.col("routed") == 0) & pl.col("notified_in").is_null()
"""Whether no team was known that must know of an event, and no run has routed it again."""


@dataclass(frozen=True)
class EventQuery:
    """What to find; every given condition must hold. Bounds of time: ``since`` included, ``until`` not."""

    ranges: Sequence[AddressRange] = ()
    asn: int | None = None
    country: str | None = None
    domain: str | None = None  # and all below it
    type: str | None = None
    feed: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class EventStore:
    """The events in a place."""

    def __init__(self, at: Path | Place, admission: Admission | None = None) -> None:
        self.place = place_at(at)
        self.admission = admission or admission_of_process()
        self.table = EventTable(self.place)

    def last_committed(self) -> int:
        """The number of the newest ingest in the table; 0 when there is none."""
        return self.table.last_ingest()

    def claim(self, extras: Mapping[str, pl.DataType]) -> set[str]:
        """Those of a part's ``extra.*`` columns that it may have; for the writer, part after part."""
        return self.table.claim_extras(extras, _MOST_EXTRAS)

    def write_part(
        self, frame: pl.DataFrame, *, ingest: int, part: int, day: date, extras: AbstractSet[str] | None = None
    ) -> EventPart:
        """Write rows (`schema.COLUMNS` and ``extra.*`` columns) as a file that no reader sees before `commit`.

        ``extras``: what `claim` said of them, where it was asked before.

        Rows stay in the order of the report: sorting them here costs more than all lookups of an ingest together
        (text lies scattered after it), and `compact` sorts a whole day at once.
        """
        columns = extras_of(frame)
        claimed = self.claim(columns) if extras is None else extras
        frame = fold_columns(frame, [name for name in columns if name not in claimed])
        return self._write(frame, f"{ingest:010d}-{part:06d}", day, in_order=False)

    def write_again(self, frame: pl.DataFrame, path: str, *, run: int, part: int) -> EventPart:
        """Write all rows of a file anew, in their order, as a file that no reader sees before `commit`."""
        day, name = path.removeprefix("day=").split("/")
        tidy = name.startswith(ORDERED)
        return self._write(frame, f"{ORDERED if tidy else ''}{run:010d}-{part:06d}", day, in_order=tidy)

    def sync(self, parts: Sequence[EventPart]) -> None:
        """Make the parts survive loss of power."""
        self.place.sync([part.path for part in parts])

    def commit(self, ingest: int, parts: Sequence[EventPart], replaced: Sequence[str] = ()) -> None:
        """Show the parts of an ingest to readers, exactly once: a repeated call does nothing.

        ``replaced``: as in `EventTable.append`.
        """
        self.table.append(parts, ingest=ingest, replaced=replaced)

    def files(self) -> list[str]:
        """The paths of all files of the table."""
        return self.table.listing()["path"].to_list()

    def scan(
        self,
        query: EventQuery | None = None,
        *,
        ingests: Collection[int] | None = None,
        told_in: Collection[int] | None = None,
        files: Collection[str] | None = None,
    ) -> pl.LazyFrame:
        """The events that match, lazily; files that cannot hold any are not opened. ``files``: none but these are.

        ``ingests``: only what came by these; ``told_in``: only what these ingests or notification runs told.

        Columns: `schema.COLUMNS`, and behind them those ``extra.*`` columns that the opened files have.
        """
        query = query or EventQuery()
        listing = self.table.listing()
        condition = _condition(query)
        if ingests is not None:
            condition &= pl.col("ingest").is_in(sorted(ingests))
        may = may_hold(query, ingests, listing.columns)
        if told_in is not None:
            condition &= TOLD_IN.is_in(sorted(told_in))
            may &= may_hold(query, told_in, listing.columns) | _may_be_notified(told_in, listing.columns)
        if files is not None:
            may &= pl.col("path").is_in(list(files))
        return self._read(listing.filter(may)).filter(condition)

    def collect(self, events: pl.LazyFrame, *, needs: int = 0) -> pl.DataFrame:
        """What a scan finds, in memory that `Admission` gives out as it comes; ``needs``: bytes that it takes besides.

        Every question to the table ends here, or reads one file or less of it.

        Raises:
            TooLargeError: it takes more than there is for all questions.
            BusyError: others hold it.

        """
        with self.admission.account() as account:
            account.need(needs)
            batches = [pl.DataFrame(schema=events.collect_schema())]
            for batch in events.collect_batches(engine="streaming", maintain_order=True):
                account.need(int(batch.estimated_size()))
                batches.append(batch)
            found = pl.concat(batches)
            account.need(max(int(found.estimated_size()) + needs - account.held, 0))  # nulls stood for themselves
            account.keep(found, account.held - needs)
            return found

    def scan_told(self, told_in: Collection[int], repeats: pl.DataFrame | None) -> pl.LazyFrame:
        """What these ingests and notification runs told, each event with the number and the teams of that telling.

        ``repeats``: what the runs told again, see `tocsin.events.repeats`.
        """
        found = self.scan(told_in=told_in)
        if repeats is None or repeats.is_empty():
            return found
        again = self.scan(ingests=repeats["ingest"].unique().to_list()).drop("told", "notified_in")
        again = again.with_columns(fresh=pl.lit(value=False))
        return pl.concat([found, again.join(repeats.lazy(), on=["ingest", "row"])], how="diagonal")

    def scan_parts(self, paths: Collection[str]) -> pl.LazyFrame:
        """The events of files by their paths, also of such as no ingest has committed yet; columns `schema.COLUMNS`."""
        return self._read(pl.DataFrame({"path": sorted(paths)}, schema={"path": pl.String}))

    def find(self, query: EventQuery, *, limit: int = 0) -> pl.DataFrame:
        """The newest events that match, newest first, in `schema.COLUMNS`; all of them where ``limit`` is 0."""
        found = self.scan(query)
        if limit:
            # top_k of one column is far quicker than sorting whole rows
            order = "time.source", "ingest", "row"
            rows = self.collect(found.select(order).top_k(limit, by=order))
            if rows.height == limit:
                found = found.filter(
                    pl.col("time.source").is_null() | (pl.col("time.source") >= rows["time.source"].min())
                )
        found = found.sort("time.source", "ingest", "row", descending=True, nulls_last=True)
        return fold(self.collect(found.head(limit) if limit else found))

    def told(
        self,
        ingests: Collection[int],
        members: Mapping[int, Sequence[int]],
        teams: Collection[int],
        repeats: pl.DataFrame | None = None,
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """For each of the teams, the events that it is told of in these ingests.

        ``members``: for each team set, its team ids; ``repeats``: as in `scan_told`. Events that several teams share
        are repeated for each.
        """
        wanted = frozenset(teams)
        sets = {number: [team for team in of if team in wanted] for number, of in members.items()}
        pairs = [(number, team) for number, of in sets.items() for team in of]
        if not pairs or not ingests:
            return
        membership = pl.DataFrame(pairs, schema={"told": pl.Int32, "_team": pl.Int64}, orient="row")
        told = membership["told"].unique().to_list()
        try:
            rows = fold(self.collect(self.scan_told(ingests, repeats).filter(pl.col("told").is_in(told))))
        except TooLargeError:
            if len(wanted) < 2:
                raise
            for some in (sorted(wanted)[::2], sorted(wanted)[1::2]):
                yield from self.told(ingests, members, some, repeats)
            return
        index = rows.select("told").with_row_index("_row").join(membership, on="told").sort("_team", "_row")
        for (team,), group in index.group_by("_team", maintain_order=True):
            if isinstance(team, int):
                yield team, rows[group["_row"]]

    def compact(
        self,
        *,
        today: date | None = None,
        min_files: int = _MANY,
        going_on: Callable[[], bool] = lambda: True,
        budget: int = BUDGET,
    ) -> int:
        """Turn the many files of each day into few with disjoint address ranges; returns files saved.

        A day before ``today`` gets no more files, so even two of its files are made one; else small reports leave
        files for as long as events are kept. Memory holds some four times ``budget`` (bytes), however large a day is.
        Readers see the old files of a day until its new ones are committed. ``going_on``: as for `DayCompaction`.

        Raises:
            ConflictError: it was not to go on; the next call goes on where this one ended.

        """
        saved = 0
        for (day,), files in self.table.listing().group_by("partition.day", maintain_order=True):
            over = today is not None and str(day) < today.isoformat()
            tidy = files["path"].str.contains(f"/{ORDERED}", literal=True).all()
            many = not tidy and files.height > 1 if over else files.height >= min_files
            if many and files["num_records"].sum() / files.height < FILE_ROWS / 2:
                rows = files.select("path", "num_records").rows()
                parts = DayCompaction(self.place, str(day), rows, self.scan_file, going_on, budget).parts()
                cut("store.compacting")
                self.table.replace(files["path"], parts)
                saved += files.height - len(parts)
        give_up(self.place)
        return saved

    def merge(self, day: date) -> int:
        """Make one file of a day's small ones where there are many of a size; returns files saved.

        So a day of a thousand small reports has few files long before it is over. Rows keep their order.

        Raises:
            StorageError: one of them cannot be read, or the new one not be written; then all stays as it is.

        """
        version, listing = self.table.version(), self.table.listing()
        rows = pl.col("num_records")
        for least, limit in _SMALL:
            small = listing.filter(pl.col("partition.day") == day.isoformat(), rows >= least, rows < limit)
            if small.height >= _MANY:
                break
        else:
            return 0
        try:
            frame = self._read(small).collect()
        except pl.exceptions.PolarsError as error:
            raise StorageError(
                f"Small files of {day} in {self.place.path()} cannot be read: {error}.", hint="Run 'tocsin doctor'."
            ) from error
        part = self._write(frame, f"merged-{version:010d}", day, in_order=False)
        self.sync([part])
        cut("store.merging")
        self.table.replace(small["path"], [part], at=version)
        return small.height - 1

    def delete_days_before(self, day: date) -> int:
        """Delete the events that came before ``day``; returns how many. The files go with `clean`."""
        old = self.table.listing().filter(pl.col("partition.day") < day.isoformat())
        self.table.replace(old["path"], [], deleted=True)
        return int(old["num_records"].sum())

    def told_sets(self, ingest: int, rows: Collection[int] | None) -> pl.DataFrame:
        """``row`` and ``told`` of these events of an ingest, or of all that are here."""
        found = self.scan(ingests=[ingest]).select("row", "told")
        return self.collect(found if rows is None else found.filter(pl.col("row").is_in(list(rows))))

    def purge(self, ingest: int, rows: Collection[int] | None) -> None:
        """Take events of an ingest (None: all) out of every file and every earlier version. For the writer.

        Files that hold them are written anew; the old ones go at once, whoever reads them. Safe to repeat.
        """
        listing = self.table.listing()
        gone = pl.col("ingest") == ingest
        if rows is not None:
            gone &= pl.col("row").is_in(list(rows))
        old, new = [], []
        for file in listing.filter(may_hold(EventQuery(), [ingest], listing.columns)).partition_by("path"):
            path, day = file["path"][0], file["partition.day"][0]
            frame = self._read(file).collect()
            kept = frame.filter(~gone)
            if kept.height < frame.height:
                old.append(path)
                if kept.height:
                    new.append(self._write_again(kept, path, day))
        self.sync(new)
        cut("purge.written")
        self.table.replace(old, new, deleted=True)
        self.table.forget_past()
        self.clean(reading=timedelta(0))

    def take_back(self, ingest: int, aside: Path) -> int:
        """Leave only what ingests and notification runs up to a number brought; returns how many events went.

        Files with more are copied to ``aside``, and written anew without it. Whoever a later run notified is not
        noted any more. For the writer, while nobody reads.
        """
        version = self.table.version()
        listing, later = self.table.listing(), (ingest + 1, _LAST)
        may = may_hold(EventQuery(), later, listing.columns) | _may_be_notified(later, listing.columns)
        old, new, gone = [], [], 0
        for file in listing.filter(may).partition_by("path"):
            path, frame = file["path"][0], self._read(file).collect()
            kept = frame.filter(pl.col("ingest") <= ingest)
            after = (pl.col("notified_in") > ingest).fill_null(value=False)
            kept, again = kept.with_columns(_not_yet(after)), kept.filter(after).height
            gone += frame.height - kept.height
            if kept.height < frame.height or again:
                old.append(path)
                if kept.height:
                    new.append(self._write_again(kept, path, file["partition.day"][0]))
        for path in old:
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            self.place.fetch(path, aside / path)
        self.sync(new)
        cut("takeback.events")
        self.table.take_back(ingest, old, new, at=version)
        self.clean(reading=timedelta(0))  # these names come again
        return gone

    def unlisted(self) -> list[str]:
        """Files that the table does not list: of ingests that never were, deleted, or compacted away."""
        listed, here = set(self.files()), (file.name for file in self.place.list() if file.name.startswith("day="))
        return [name for name in here if name.endswith(".parquet") and name not in listed]

    def clean(self, *, reading: timedelta = READING, newest: int | None = None) -> int:
        """Remove what the table does not list, but for what it listed so short ago; returns how many. For the writer.

        ``newest``: of parts, none of a later ingest than this one.

        Whoever began to read before a file was taken out of the table, as an export does that is made while it is sent,
        finds it for that long.
        """
        if not reading:
            give_up(self.place)
        stray = self.unlisted()
        held = self.table.taken_out(reading) | kept_for_later(self.place) if stray else frozenset()
        gone = [path for path in stray if path not in held and not _is_later(path, newest)]
        for path in gone:
            self.place.delete(path)
            cut("store.cleaning")
        for left in self.place.folder.glob("day=*/*.part"):  # of a killed process
            if not _is_later(left.name, newest):
                left.unlink(missing_ok=True)
        return len(gone)

    def scan_file(self, path: str) -> pl.LazyFrame:
        """The rows of one file, with the columns that it has."""
        options = self.place.options
        return pl.scan_parquet(self.place.path(path), storage_options=options, hive_partitioning=False, glob=False)

    def _read(self, files: pl.DataFrame) -> pl.LazyFrame:
        """The rows of some of the listed files."""
        if files.is_empty():
            return pl.LazyFrame(schema=COLUMNS)
        counts = {name: f"null_count.{name}" for name in self.table.extras()}
        extras = self.table.extras()
        filled = [name for name, of in counts.items() if of in files.columns and files[of].null_count() < files.height]
        return pl.scan_parquet(
            [self.place.path(path) for path in files["path"]],
            storage_options=self.place.options,
            schema={**COLUMNS, **{name: extras[name] for name in filled}},
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
            glob=False,
        )

    def _write(self, frame: pl.DataFrame, name: str, day: date | str, *, in_order: bool) -> EventPart:
        filled = [column.name for column in frame if column.null_count() < frame.height or column.name == "ingest"]
        relative = f"day={day}/{name}.parquet"
        with writing(self.place, relative) as out:
            # statistics of row groups help only where rows are in the order of addresses
            frame.select(filled).write_parquet(
                out, compression="zstd", compression_level=1, row_group_size=ROW_GROUP, statistics=in_order
            )
        unfilled = [name for name in frame.columns if name.startswith(PREFIX) and name not in filled]
        return EventPart.of(written(self.place, relative), frame.drop(unfilled))

    def _write_again(self, frame: pl.DataFrame, path: str, day: str) -> EventPart:
        """What is left of a file, in its order."""
        name = f"{Path(path).stem.partition('.')[0]}.{self.table.version():010d}"
        return self._write(frame, name, day, in_order=Path(path).name.startswith(ORDERED))


def _not_yet(after: pl.Expr) -> list[pl.Expr]:
    """The columns of events before a notification run: no team was known that must know of them."""
    before = {"routed": pl.lit(0), "told": pl.lit(0), "notified_in": pl.lit(None)}
    return [
        pl.when(after).then(value).otherwise(name).cast(COLUMNS[name]).alias(name) for name, value in before.items()
    ]


def _is_later(path: str, ingest: int | None) -> bool:
    """Whether a file is a part of a later ingest."""
    number = path.rpartition("/")[2].partition("-")[0]
    return ingest is not None and number.isdecimal() and int(number) > ingest


def may_hold(query: EventQuery, ingests: Collection[int] | None, columns: Sequence[str]) -> pl.Expr:
    """Which files may hold a match, by their statistics; a file without them may hold anything."""
    condition = pl.lit(value=True)

    def reaches(column: str, low: int | datetime | None, high: int | datetime | None) -> pl.Expr:
        if f"min.{column}" not in columns:
            return pl.lit(value=True)
        below = pl.lit(value=True) if high is None else (pl.col(f"min.{column}") <= high)
        above = pl.lit(value=True) if low is None else (pl.col(f"max.{column}") >= low)
        return (below & above).fill_null(value=True)

    if ingests is not None:
        condition &= reaches("ingest", min(ingests, default=0), max(ingests, default=0))
    if query.since is not None or query.until is not None:
        condition &= reaches("time.source", query.since, query.until)
    if query.asn is not None:
        condition &= reaches("source.asn", query.asn, query.asn) | reaches("network.asn", query.asn, query.asn)
    if query.ranges:
        ranges = pl.lit(value=False)
        for first_hi, first_lo, last_hi, last_lo in query.ranges:
            turns = first_hi >> 63 != last_hi >> 63  # the signed order turns around at 8000::
            within = pl.lit(value=True) if turns else reaches("source.ip.hi", signed(first_hi), signed(last_hi))
            if first_hi == last_hi == 0:
                within &= reaches("source.ip.lo", signed(first_lo), signed(last_lo))
            ranges |= within
        condition &= ranges
    return condition


def _may_be_notified(runs: Collection[int], columns: Sequence[str]) -> pl.Expr:
    """Which files may hold events that these runs routed again: those with such events have statistics of them."""
    if "min.notified_in" not in columns:
        return pl.lit(value=False)
    first, last = (pl.col(f"{side}.notified_in") for side in ("min", "max"))
    return ((first <= max(runs, default=0)) & (last >= min(runs, default=0))).fill_null(value=False)


def _condition(query: EventQuery) -> pl.Expr:
    condition = pl.lit(value=True)
    if query.ranges:
        condition &= within(query.ranges)
    if query.asn is not None:
        condition &= (pl.col("source.asn") == query.asn) | (pl.col("network.asn") == query.asn)
    if query.country is not None:
        country = query.country.upper()
        condition &= (pl.col("source.geolocation.cc") == country) | (pl.col("network.country") == country)
    if query.domain is not None:
        name = pl.col("source.fqdn")
        condition &= (name == query.domain) | name.str.ends_with(f".{query.domain}")
    if query.type is not None:
        condition &= (pl.col("classification.type") == query.type) | (pl.col("rsit.type") == query.type)
    if query.feed is not None:
        condition &= (pl.col("feed.code") == query.feed) | (pl.col("feed.name") == query.feed)
    seen = pl.col("time.source")
    if query.since is not None:
        condition &= seen >= query.since
    return condition if query.until is None else condition & (seen < query.until)
