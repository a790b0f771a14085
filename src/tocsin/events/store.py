"""The event table: a Delta Lake table in a folder, one writer, exactly-once appends.

Polars writes the Parquet files of an ingest; the table sees them only at `commit`, whose application transaction
carries the number of the ingest. `compact` turns a day's parts into files sorted by address with disjoint ranges, so
that a query for a prefix opens one.
Deltalake's commits are not synced to disk by themselves and do not refuse a repeated transaction: both are done here.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tocsin.errors import StorageError
from tocsin.events.schema import COLUMNS
from tocsin.records.cuts import cut
from tocsin.records.durable import sync_file, sync_folder

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

_APPLICATION = "tocsin"
_ROW_GROUP = 65_536
_COMPACT_ROWS = 1_000_000
_ADDRESS = ["source.ip.hi", "source.ip.lo"]
_STATISTICS = ["ingest", "time.source", *_ADDRESS, "source.asn", "network.asn"]
_DELTA_TYPES = {
    pl.Int64: "long",
    pl.Int32: "integer",
    pl.String: "string",
    pl.Float64: "double",
    pl.Boolean: "boolean",
    pl.Datetime: "timestamp",
}


@dataclass(frozen=True)
class Part:
    """One Parquet file of an ingest, as the table will list it. ``path`` is relative to the table's folder."""

    path: str
    rows: int
    size: int
    modified_ms: int
    statistics: dict[str, object]


@dataclass(frozen=True)
class Query:
    """What to find; every given condition must hold. Bounds of time: ``since`` included, ``until`` not."""

    ranges: Sequence[tuple[int, int, int, int]] = ()  # (first hi, first lo, last hi, last lo), unsigned
    asn: int | None = None
    country: str | None = None
    type: str | None = None
    feed: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class EventStore:
    """The event table in ``folder``; made at the first commit."""

    folder: Path

    def last_committed(self) -> int:
        """The number of the newest ingest in the table; 0 when there is none."""
        if not self._exists():
            return 0
        return int(self._table().transaction_version(_APPLICATION) or 0)

    def write_part(self, frame: pl.DataFrame, *, ingest: int, part: int, day: date) -> Part:
        """Write rows (columns of `schema.COLUMNS`) as a file that no reader sees before `commit`.

        Rows stay in the order of the report: sorting them here costs more than all lookups of an ingest together
        (text lies scattered after it), and `compact` sorts a whole day at once.
        """
        return self._write(frame, f"{ingest:010d}-{part:06d}", day)

    def sync(self, parts: Sequence[Part]) -> None:
        """Make the parts survive loss of power."""
        for folder in {self._sync_part(part) for part in parts}:
            sync_folder(folder)

    def commit(self, ingest: int, parts: Sequence[Part]) -> None:
        """Show the parts of an ingest to readers, exactly once: a repeated call does nothing."""
        if self.last_committed() >= ingest:
            return
        self._commit([_add(part) for part in parts], ingest)

    def files(self) -> list[str]:
        """The paths of all files of the table."""
        return self._listing["path"].to_list() if self._exists() else []

    def scan(self, query: Query | None = None, *, ingests: Collection[int] | None = None) -> pl.LazyFrame:
        """The events that match, lazily; files that cannot hold any are not opened."""
        query = query or Query()
        if not self._exists():
            return pl.LazyFrame(schema=COLUMNS)
        listing = self._listing
        pruned = listing.filter(_may_hold(query, ingests, listing.columns))
        if pruned.is_empty():
            return pl.LazyFrame(schema=COLUMNS)
        condition = _condition(query)
        if ingests is not None:
            condition &= pl.col("ingest").is_in(sorted(ingests))
        return pl.scan_parquet(
            [self.folder / path for path in pruned["path"]],
            schema=COLUMNS,
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
            glob=False,
        ).filter(condition)

    def find(self, query: Query, *, limit: int = 0) -> pl.DataFrame:
        """The newest events that match, newest first; all of them where ``limit`` is 0."""
        found = self.scan(query)
        if limit:
            # top_k of one column is far quicker than sorting whole rows
            rows = (
                found.select("time.source", "ingest", "row").top_k(limit, by=["time.source", "ingest", "row"]).collect()
            )
            if rows.height == limit:
                found = found.filter(
                    pl.col("time.source").is_null() | (pl.col("time.source") >= rows["time.source"].min())
                )
        found = found.sort("time.source", "ingest", "row", descending=True, nulls_last=True)
        return (found.head(limit) if limit else found).collect()

    def told(
        self, ingests: Collection[int], members: Mapping[int, Sequence[int]], teams: Collection[int]
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """For each of the teams, the events that it is told of in these ingests.

        ``members``: for each team set, its team ids. Events that several teams share are repeated for each.
        """
        wanted = frozenset(teams)
        sets = {number: [team for team in of if team in wanted] for number, of in members.items()}
        pairs = [(number, team) for number, of in sets.items() for team in of]
        if not pairs or not ingests:
            return
        membership = pl.DataFrame(pairs, schema={"told": pl.Int32, "_team": pl.Int64}, orient="row")
        rows = self.scan(ingests=ingests).filter(pl.col("told").is_in(membership["told"].unique().to_list())).collect()
        index = rows.select("told").with_row_index("_row").join(membership, on="told").sort("_team", "_row")
        for (team,), group in index.group_by("_team", maintain_order=True):
            if isinstance(team, int):
                yield team, rows[group["_row"]]

    def compact(self, *, min_files: int = 8) -> int:
        """Turn the many files of each day into few with disjoint address ranges; returns files saved.

        Memory holds one day's addresses and one output file. Readers see the old files until the new are committed.
        """
        if not self._exists():
            return 0
        saved = 0
        for (day,), files in self._listing.group_by("partition.day", maintain_order=True):
            if files.height >= min_files and files["num_records"].sum() / files.height < _COMPACT_ROWS / 2:
                saved += self._compact_day(str(day), files)
        return saved

    def delete_days_before(self, day: date) -> int:
        """Delete the events that came before ``day``; returns how many. The files go with `clean`."""
        if not self._exists():
            return 0
        old = self._listing.filter(pl.col("partition.day") < day.isoformat())
        if old.height:
            self._commit([_remove(row) for row in old.iter_rows(named=True)], None)
        return int(old["num_records"].sum())

    def clean(self) -> int:
        """Remove files that the table does not list: of ingests that never were, or compacted away. For the writer."""
        listed = set(self.files())
        stray = [
            path
            for path in self.folder.glob("day=*/*.parquet")
            if path.relative_to(self.folder).as_posix() not in listed
        ]
        for path in stray:
            path.unlink()
            cut("store.cleaning")
        return len(stray)

    def _exists(self) -> bool:
        return (self.folder / "_delta_log").is_dir()

    def _table(self) -> "DeltaTable":
        from deltalake import DeltaTable

        try:
            return DeltaTable(str(self.folder))
        except Exception as error:
            raise StorageError(
                f"The event table in {self.folder} cannot be read: {error}", hint="Run 'tocsin doctor'."
            ) from error

    @property
    def _listing(self) -> pl.DataFrame:
        """The table's files with their statistics, read again only when the table has changed."""
        version = len(list((self.folder / "_delta_log").glob("*.json")))
        if self._cache.get("version") != version:
            self._cache["version"] = version
            self._cache["listing"] = pl.DataFrame(self._table().get_add_actions(flatten=True)).sort("path")
        listing = self._cache["listing"]
        return listing if isinstance(listing, pl.DataFrame) else pl.DataFrame()

    @cached_property
    def _cache(self) -> dict[str, object]:
        return {}

    def _sync_part(self, part: Part) -> Path:
        sync_file(self.folder / part.path)
        return (self.folder / part.path).parent

    def _write(self, frame: pl.DataFrame, name: str, day: date | str) -> Part:
        filled = [column.name for column in frame if column.null_count() < frame.height or column.name == "ingest"]
        relative = f"day={day}/{name}.parquet"
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.select(filled).write_parquet(
            path, compression="zstd", compression_level=1, row_group_size=_ROW_GROUP, statistics=True
        )
        cut("store.part")
        status = path.stat()
        return Part(relative, frame.height, status.st_size, int(status.st_mtime * 1000), _statistics(frame))

    def _commit(self, actions: "list[AddAction | RemoveAction]", ingest: int | None) -> None:
        from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
        from deltalake.schema import PrimitiveType

        if not self._exists():
            fields = {**COLUMNS, "day": pl.String()}
            schema = Schema([Field(name, PrimitiveType(_DELTA_TYPES[type(dtype)])) for name, dtype in fields.items()])
            DeltaTable.create(str(self.folder), schema=schema, partition_by=["day"])
            cut("store.created")
        table = self._table()
        transactions = [Transaction(_APPLICATION, ingest)] if ingest is not None else None
        table.create_write_transaction(
            actions,
            "append",
            table.schema(),
            partition_by=["day"],
            commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=0),
        )
        cut("store.committed")
        log = self.folder / "_delta_log"
        for path in log.iterdir():
            if path.stem.isdigit() and int(path.stem) > table.version():
                sync_file(path)
        sync_folder(log)
        sync_folder(self.folder)
        cut("store.synced")

    def _compact_day(self, day: str, files: pl.DataFrame) -> int:
        paths = [self.folder / path for path in files["path"]]
        scan = pl.scan_parquet(paths, schema=COLUMNS, missing_columns="insert", hive_partitioning=False, glob=False)
        parts = []
        for number, bounds in enumerate(_cuts(scan)):
            piece = scan.filter(bounds).collect().sort(_ADDRESS, maintain_order=True)
            if piece.height:
                parts.append(self._write(piece, f"compact-{self._table().version():010d}-{number:06d}", day))
        self.sync(parts)
        cut("store.compacting")
        removed = [_remove(row, data_change=False) for row in files.iter_rows(named=True)]
        self._commit([*removed, *(_add(part, data_change=False) for part in parts)], None)
        return files.height - len(parts)


def _cuts(scan: pl.LazyFrame) -> list[pl.Expr]:
    """Conditions that cut rows into ranges of addresses of about `_COMPACT_ROWS`; IPv4 and IPv6 apart."""
    hi, lo = (pl.col(name) for name in _ADDRESS)
    conditions: list[pl.Expr] = [hi.is_null()]
    for is_family, column in ((hi == 0, lo), (hi != 0, hi)):
        values = scan.filter(is_family).select(column).collect().to_series().sort()
        borders = sorted({int(values[at]) for at in range(_COMPACT_ROWS, values.len(), _COMPACT_ROWS)})
        lows = [None, *borders]
        for low, high in zip(lows, [*borders, None], strict=True):
            condition = is_family
            if low is not None:
                condition &= column >= low
            if high is not None:
                condition &= column < high
            conditions.append(condition)
    return conditions


def _statistics(frame: pl.DataFrame) -> dict[str, object]:
    """Statistics as the Delta protocol writes them (per-file statistics): least, greatest, nulls."""
    columns = [frame[name] for name in _STATISTICS]
    return {
        "numRecords": frame.height,
        "minValues": {column.name: _plain(column.min()) for column in columns if column.null_count() < frame.height},
        "maxValues": {column.name: _plain(column.max()) for column in columns if column.null_count() < frame.height},
        "nullCount": {column.name: column.null_count() for column in columns},
    }


def _plain(value: object) -> object:
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value


def _add(part: Part, *, data_change: bool = True) -> "AddAction":
    from deltalake.transaction import AddAction

    day = part.path.split("/", 1)[0].removeprefix("day=")
    return AddAction(part.path, part.size, {"day": day}, part.modified_ms, data_change, json.dumps(part.statistics))


def _remove(row: Mapping[str, object], *, data_change: bool = True) -> "RemoveAction":
    from deltalake.transaction import RemoveAction

    return RemoveAction(str(row["path"]), data_change, int(time.time() * 1000))


def _may_hold(query: Query, ingests: Collection[int] | None, columns: Sequence[str]) -> pl.Expr:
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
            within = pl.lit(value=True) if turns else reaches("source.ip.hi", _signed(first_hi), _signed(last_hi))
            if first_hi == last_hi == 0:
                within &= reaches("source.ip.lo", _signed(first_lo), _signed(last_lo))
            ranges |= within
        condition &= ranges
    return condition


def _condition(query: Query) -> pl.Expr:
    condition = pl.lit(value=True)
    if query.ranges:
        condition &= pl.any_horizontal([_within(*bounds) for bounds in query.ranges])
    if query.asn is not None:
        condition &= (pl.col("source.asn") == query.asn) | (pl.col("network.asn") == query.asn)
    if query.country is not None:
        country = query.country.upper()
        condition &= (pl.col("source.geolocation.cc") == country) | (pl.col("network.country") == country)
    if query.type is not None:
        condition &= (pl.col("classification.type") == query.type) | (pl.col("rsit.type") == query.type)
    if query.feed is not None:
        condition &= (pl.col("feed.code") == query.feed) | (pl.col("feed.name") == query.feed)
    if query.since is not None:
        condition &= pl.col("time.source") >= query.since
    if query.until is not None:
        condition &= pl.col("time.source") < query.until
    return condition


def _within(first_hi: int, first_lo: int, last_hi: int, last_lo: int) -> pl.Expr:
    """Rows whose address lies in a range of a prefix: of one high half, or of whole high halves."""
    hi, lo = (pl.col(name) for name in _ADDRESS)
    if first_hi != last_hi:
        if first_hi >> 63 != last_hi >> 63:
            return hi.is_between(_signed(first_hi), 2**63 - 1) | hi.is_between(-(2**63), _signed(last_hi))
        return hi.is_between(_signed(first_hi), _signed(last_hi))
    same_high = hi == _signed(first_hi)
    if first_lo >> 63 != last_lo >> 63:
        return (
            same_high
            if (first_lo, last_lo) == (0, 2**64 - 1)
            else same_high & (lo.is_between(_signed(first_lo), 2**63 - 1) | lo.is_between(-(2**63), _signed(last_lo)))
        )
    return same_high & lo.is_between(_signed(first_lo), _signed(last_lo))


def _signed(value: int) -> int:
    """The signed number of the same 64 bits."""
    return value - 2**64 if value >= 2**63 else value
