"""What stored events say of each problem, a row for each, in memory: where and what it is, how bad, who must know.

Made once from the files of the event table, then brought up to date by the files that were added; where rows were
taken out (deleted, purged), it is made anew, so that it never holds what is stored no more.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

from tocsin.delivery import severity_rank
from tocsin.events import COLUMNS, TOLD_IN, EventStore, Label, cve_columns
from tocsin.node.admission import FOR_THE_NODE
from tocsin.node.files import sync_file

_MANY: Final = 1_000_000  # rows
_KNOWN_BYTES: Final = 250  # of memory for each problem while it is brought up to date
_FRESH_BYTES: Final = 400  # for each event that is read for it
_GROUP: Final = 16_384  # rows of a file that are read for a range of keys
_LABELS: Final = 63
"""So many labels (TLP and PAP) are told apart; events of further ones share a bit, which counts as leaving nobody."""

_NAMED: Final = (
    pl.col("source.network"),
    pl.col("source.fqdn"),
    pl.col("source.url"),
    pl.lit("AS") + pl.col("source.asn").cast(pl.String),
    pl.col("source.account"),
)
KIND: Final = ("classification.identifier", "malware.name", "classification.type")
"""What is wrong: the first that is there names it."""

FEED: Final = "feed.code"
CVES: Final = "cves"
"""What lists of vulnerabilities say, as they say it; of the newest event that has one."""

_WORDS: Final = (
    *KIND, FEED, "protocol.transport", "rsit.type",
)  # fmt: skip
"""Texts of which few differ."""


@dataclass(frozen=True)
class ProblemFacts:
    """A row for each problem with stored events, in the order of its ``key`` (UInt64).

    ``frame``: columns named as those of events, from the newest event of each; ``source.network`` holds what else it is
    named by where it has no address, ``asn`` the AS that we looked up, else the feed's. Besides: ``severity`` (UInt8,
    the worst, place in `SEVERITIES`), ``routed`` (the set of teams that must know by the newest event), ``before`` (the
    newest such set that was not empty), ``cves`` (see `CVES`),
    ``labels`` (UInt64, a bit for each of the ``labels`` that its events carry).
    ``tellings``: by which ``ingest`` (or notification run) it was told to which set of teams (``told``), by ``key``.
    ``files``: those of the table whose events it has, as they were after the commit ``version``.
    """

    frame: pl.DataFrame
    tellings: pl.DataFrame
    labels: tuple[Label, ...]
    files: frozenset[str]
    version: int = -1

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """The texts that there are of what is wrong and of feeds, by column, sorted."""
        return {name: sorted(filter(None, self.frame[name].unique().cast(pl.String))) for name in (*KIND, FEED, CVES)}

    @property
    def size(self) -> int:
        """Bytes of memory that they and what is made of them take."""
        return int(2 * self.frame.estimated_size() + self.tellings.estimated_size())

    def others(self, labels: frozenset[Label]) -> int:
        """The bits of all labels but these."""
        here = sum(1 << place for place, label in enumerate(self.labels) if label in labels)
        return (2**64 - 1) ^ here


class ProblemFactsReader:
    """Reads the facts of a node's problems; what it read stays until the event table changes.

    ``file``: where they are kept for whoever starts later. It is never the truth: without it, they are made again.
    """

    def __init__(self, store: EventStore, file: Path) -> None:
        self._store, self._file, self._lock = store, file, threading.Lock()
        self._tellings = file.with_stem(f"{file.stem}-told")
        self._known = _NOTHING

    def read(self) -> ProblemFacts:
        """The facts as they are now."""
        known, table = self._known, self._store.table
        if known.version != table.version():
            with self._lock:
                known = self._known
                if known.version != table.version():
                    known = self._known = self._renewed(known)
        return known

    def keep(self) -> None:
        """Write the file anew where it is not of the files of the table; for whoever writes the table.

        Memory holds a million problems, or one file of events, however many there are.
        """
        try:
            self._keep()
        except pl.exceptions.PolarsError:
            if not self._file.exists():
                raise
            self._forget()  # a power cut may have torn it
            self._keep()

    def _keep(self) -> None:
        labels, kept, version = self._about()
        listing = self._store.table.listing()
        files = frozenset(listing["path"])
        if kept == files:
            return
        held = self._store.table.after_moves(kept, version)
        if not held or not held <= files:
            labels, held = (), frozenset()
        places: dict[Label, int] = {label: place for place, label in enumerate(labels)}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._file.parent, suffix=".part") as folder:
            parts = self._spilled(Path(folder), sorted(files - held), places, with_kept=bool(held))
            about = {
                "labels": json.dumps(tuple(places)),
                "files": json.dumps(sorted(files)),
                "version": str(self._store.table.version()),
            }
            whole = Path(folder) / "told.parquet", Path(folder) / "problems.parquet"
            count = 1 + sum(rows for *_, rows in parts) // _MANY
            _in_ranges([told for told, *_ in parts], _each_once, _NO_TELLINGS.schema, count).sink_parquet(
                whole[0], compression="zstd", compression_level=1, metadata=about
            )
            _in_ranges([part for _, part, _ in parts], _merged, _NOTHING.frame.schema, count).sink_parquet(
                whole[1], compression="zstd", compression_level=1, metadata=about
            )
            self._forget()  # what it holds may have been deleted for good
            for path, file in zip(whole, (self._tellings, self._file), strict=True):
                sync_file(path)
                path.rename(file)

    def _forget(self) -> None:
        for file in (self._file, self._tellings):
            file.unlink(missing_ok=True)

    def _spilled(
        self, folder: Path, paths: Sequence[str], labels: dict[Label, int], *, with_kept: bool
    ) -> list[tuple[Path, Path, int]]:
        """Of each file of events, and of what is kept, the tellings and problems in files, and how many problems."""
        found = []
        if with_kept:
            found.append((self._tellings, self._file, self._kept_rows()))
        for number, path in enumerate(paths):
            part, told = self._of_file(path, labels)
            files = folder / f"{number}-told.parquet", folder / f"{number}.parquet"
            for frame, file in zip((told.sort("key"), part), files, strict=True):
                frame.write_parquet(file, compression="zstd", compression_level=1, row_group_size=_GROUP)
            found.append((*files, part.height))
        return found

    def _about(self) -> tuple[tuple[Label, ...], frozenset[str], int]:
        """The labels, the files and the commit that what is kept is of; of nothing where it is not whole."""
        try:
            about, of_tellings = (pl.read_parquet_metadata(file) for file in (self._file, self._tellings))
            labels = tuple((tlp, pap) for tlp, pap in json.loads(about["labels"]))
            schemas = [pl.read_parquet_schema(file) for file in (self._file, self._tellings)]
            if of_tellings.get("files") == about["files"] and schemas == _SCHEMAS:
                return labels, frozenset(json.loads(about["files"])), int(about["version"])
        except (OSError, pl.exceptions.PolarsError, LookupError, ValueError):
            pass
        return (), frozenset(), -1

    def _kept(self) -> ProblemFacts:
        labels, files, version = self._about()
        if not files:
            return _NOTHING
        try:
            frame = pl.read_parquet(self._file, memory_map=False).rechunk()  # else each question does it
            told = pl.read_parquet(self._tellings, memory_map=False).rechunk()
        except (OSError, pl.exceptions.PolarsError):
            return _NOTHING
        return ProblemFacts(frame, told, labels, files, version)

    def _renewed(self, before: ProblemFacts) -> ProblemFacts:
        table = self._store.table
        version, listing = table.version(), table.listing()
        files = frozenset(listing["path"])
        with self._store.admission.account(FOR_THE_NODE) as account:
            held = table.after_moves(before.files, before.version)
            if not held or not held <= files:
                account.need(_KNOWN_BYTES * self._kept_rows())
                before = self._kept()
                held = table.after_moves(before.files, before.version)
            if not held <= files:
                before, held = _NOTHING, frozenset()
            fresh = listing.filter(~pl.col("path").is_in(list(held)))["num_records"].sum()
            account.need(max(_KNOWN_BYTES * before.frame.height - account.held, 0) + _FRESH_BYTES * int(fresh))
            made = self._with_files(before, sorted(files - held), files, version)
            account.keep(made, made.size)
        return made

    def _kept_rows(self) -> int:
        try:
            return int(pl.scan_parquet(self._file, glob=False).select(pl.len()).collect().item())
        except (OSError, pl.exceptions.PolarsError):
            return 0

    def _with_files(
        self, before: ProblemFacts, paths: Sequence[str], files: frozenset[str], version: int
    ) -> ProblemFacts:
        """The same and what is in the files at these paths, as facts of ``files``."""
        labels: dict[Label, int] = {label: place for place, label in enumerate(before.labels)}
        parts, rows, tellings = [before.frame], before.frame.height, [before.tellings]
        # A file at a time, put together before they are many: memory holds problems, and never all events.
        for path in paths:
            part, told = self._of_file(path, labels)
            parts.append(part)
            tellings.append(told)
            if sum(part.height for part in parts) > max(2 * rows, _MANY):
                parts = [_newest(pl.concat(parts))]
                rows = parts[0].height
                tellings = [_each_once(tellings)]
        frame = _newest(pl.concat(parts, rechunk=True)) if len(parts) > 1 else parts[0]
        return ProblemFacts(frame, _each_once(tellings), tuple(labels), files, version)

    def _of_file(self, path: str, labels: dict[Label, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
        named = pl.when(pl.col("source.ip.hi").is_null()).then(pl.coalesce(*_NAMED))
        events = self._store.scan(files=[path]).filter(pl.col("problem").is_not_null())
        lists = [name for name in cve_columns(events.collect_schema().names()) if name not in {"extra", KIND[0]}]
        said = pl.concat_str(lists, separator=";", ignore_nulls=True).replace("", None)
        rows = events.select(
            pl.col("problem").reinterpret(signed=False).alias("key"),
            "ingest",
            "row",
            "source.ip.hi",
            "source.ip.lo",
            pl.col("source.port").cast(pl.Int32),
            named.alias("source.network"),
            pl.coalesce("network.asn", "source.asn").alias("asn"),
            *(pl.col(name).cast(pl.Categorical) for name in _WORDS),
            said.cast(pl.Categorical).alias(CVES),
            severity_rank().cast(pl.UInt8).alias("severity"),
            pl.col("routed").fill_null(0),
            pl.col("routed").fill_null(0).alias("before"),
            "tlp",
            "pap",
            TOLD_IN.alias("_told_in"),
            pl.col("told").fill_null(0),
        )
        frame = self._store.collect(rows)
        told = frame.filter(pl.col("told") > 0).select("key", pl.col("_told_in").alias("ingest"), "told")
        return _newest(frame.with_columns(_bits(frame, labels)).drop("tlp", "pap", "_told_in", "told")), told.unique()


def _bits(frame: pl.DataFrame, labels: dict[Label, int]) -> pl.Series:
    """For each event the bit of its label; labels that are new get the next number."""
    pairs = frame.select("tlp", "pap").unique(maintain_order=True)
    bits = [1 << min(labels.setdefault(pair, len(labels)), _LABELS) for pair in pairs.iter_rows()]
    if len(bits) == 1:
        return pl.repeat(bits[0], frame.height, dtype=pl.UInt64, eager=True).alias("labels")
    of = pairs.with_columns(pl.Series("labels", bits, dtype=pl.UInt64))
    return frame.select("tlp", "pap").join(of, on=["tlp", "pap"], how="left", nulls_equal=True, maintain_order="left")[
        "labels"
    ]


def _newest(frame: pl.DataFrame) -> pl.DataFrame:
    """Of rows of problems one for each, the newest, with what all of them say together."""
    if frame.is_empty():
        return frame
    order = frame.select("key", "ingest", "row").with_row_index("_at").sort("key", "ingest", "row")["_at"].to_numpy()
    key = frame["key"].to_numpy()[order]
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    last = np.append(first[1:], len(key)) - 1
    severity = np.maximum.reduceat(frame["severity"].to_numpy()[order], first)
    labels = np.bitwise_or.reduceat(frame["labels"].to_numpy()[order], first)
    before = frame["before"].to_numpy()[order]
    # The place of the newest row with a set; where none has one, the place before all, which the mask takes out.
    filled: npt.NDArray[np.int64] = np.maximum.reduceat(np.where(before > 0, np.arange(len(before)), -1), first)
    newest: pl.DataFrame = frame[order[last]]
    if frame[CVES].null_count() < frame.height:
        named = np.where(frame[CVES].is_not_null().to_numpy()[order], np.arange(len(order)), -1)
        named = np.maximum.reduceat(named, first)
        newest = newest.with_columns(frame[CVES][order[np.where(named >= 0, named, last)]])
    return newest.with_columns(
        pl.Series("severity", severity),
        pl.Series("labels", labels),
        pl.Series("before", np.where(filled >= 0, before[filled], 0).astype(np.int32)),
    )


def _in_ranges(
    files: Sequence[Path],
    join: Callable[[list[pl.DataFrame]], pl.DataFrame],
    schema: Mapping[str, pl.DataType],
    count: int,
) -> pl.LazyFrame:
    """The rows of all files, put together by ``join`` for each of so many ranges of ``key``, which lie evenly."""

    def ranges(*_: object) -> Iterator[pl.DataFrame]:
        for number in range(count):
            first, last = (
                pl.lit(2**64 * at // count - place, dtype=pl.UInt64) for place, at in enumerate((number, number + 1))
            )
            inside = pl.col("key").is_between(first, last)
            found = [pl.scan_parquet(file, glob=False).filter(inside).collect() for file in files]
            yield join([pl.DataFrame(schema=schema), *found])

    return register_io_source(ranges, schema=schema)


def _merged(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return _newest(pl.concat(parts, rechunk=True))


def _each_once(tellings: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Each telling once, in the order of problems."""
    if len(tellings) == 1:
        return tellings[0]
    return pl.concat(tellings).unique().sort("key", "ingest", "told")


def _columns() -> Sequence[pl.Series]:
    kinds: dict[str, pl.DataType | type[pl.DataType]] = {
        "key": pl.UInt64, "ingest": pl.Int64, "row": pl.Int64, "source.ip.hi": pl.Int64, "source.ip.lo": pl.Int64,
        "source.port": pl.Int32, "source.network": pl.String,
        "asn": COLUMNS["network.asn"], **dict.fromkeys((*_WORDS, CVES), pl.Categorical()),
        "severity": pl.UInt8, "routed": pl.Int32, "before": pl.Int32, "labels": pl.UInt64,
    }  # fmt: skip
    return [pl.Series(name, dtype=kind) for name, kind in kinds.items()]


_NO_TELLINGS: Final = pl.DataFrame(schema={"key": pl.UInt64, "ingest": pl.Int64, "told": pl.Int32})
_NOTHING: Final = ProblemFacts(pl.DataFrame(_columns()), _NO_TELLINGS, (), frozenset())
_SCHEMAS: Final = [_NOTHING.frame.schema, _NO_TELLINGS.schema]
