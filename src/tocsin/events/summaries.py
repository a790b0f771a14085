"""A digest of each file of the event table, from which counts and first pages come without reading the file.

Files of the table never change, so a digest never grows old: it is made when first needed, named by its file, and
dropped with it. It holds six numbers for each event (24 bytes), in the order of the file: seconds since 1970, its
kind, AS, pair of team sets, ingest and row; and what the numbers mean. It is never the truth: without it, it is made
again. Why it is so: docs/design/summaries.md.
"""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.schema import COLUMNS

UInt32s: TypeAlias = npt.NDArray[np.uint32]
Int64s: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

HOUR: Final = 3600
KIND: Final = (
    "feed.code", "classification.taxonomy", "classification.type", "classification.identifier", "severity",
    "country", "tlp", "pap",
)  # fmt: skip
"""What events of one kind have in common."""

_AT, _KIND, _ASN, _SETS, _INGEST, _ROW = range(6)
_SOURCE: Final = (
    "time.source", "time.observation", *(name for name in KIND if name != "country"), "network.country",
    "source.geolocation.cc", "network.asn", "source.asn", "routed", "told", "ingest", "row",
)  # fmt: skip
_NULL: Final = "\N{SYMBOL FOR NULL}"
_MAPPED: Final = 100_000  # smaller ones are read whole: an open mapping holds a file handle
_OPEN: Final = 400


@dataclass(frozen=True)
class Summary:
    """The digest of one file. ``numbers``: uint32[6, n]; see the properties, each uint32[n].

    ``kinds``: a row for each kind, columns `KIND`. ``asns``: int64, 0 for none known. ``sets``: int64[m, 2], the pairs
    of team sets that events were routed and told to. ``cells``: int64[c, 3], the events by hour (since 1970) and kind.
    """

    numbers: UInt32s
    kinds: pl.DataFrame
    asns: Int64s
    sets: Int64s
    cells: Int64s

    @property
    def rows(self) -> int:
        """How many events."""
        return int(self.numbers.shape[1])

    @property
    def at(self) -> UInt32s:
        """When, in seconds since 1970; 0 where nobody knows."""
        return self.numbers[_AT]

    @property
    def kind(self) -> UInt32s:
        """Which row of ``kinds``."""
        return self.numbers[_KIND]

    @property
    def asn(self) -> UInt32s:
        """Which of ``asns``."""
        return self.numbers[_ASN]

    @property
    def set(self) -> UInt32s:
        """Which row of ``sets``."""
        return self.numbers[_SETS]

    @cached_property
    def last_event(self) -> int:
        """The identity (`events`) of the newest."""
        return int(self.events(np.arange(self.rows)).max()) if self.rows else 0

    def events(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.uint64]:
        """The identities of events at some places of the file: the ingest in the upper half, the row in the lower."""
        ingest, row = (self.numbers[which][places].astype(np.uint64) for which in (_INGEST, _ROW))
        return ingest << np.uint64(32) | row

    @cached_property
    def span(self) -> tuple[int, int]:
        """The seconds of the first and last event."""
        return (int(self.at.min()), int(self.at.max())) if self.rows else (0, 0)


def summarise(frame: pl.DataFrame) -> Summary:
    """The digest of a file's events, given its columns `COLUMNS` as far as they are filled."""
    missing = [pl.lit(None, dtype=COLUMNS[name]).alias(name) for name in _SOURCE if name not in frame.columns]
    events = frame.with_columns(missing).select(
        pl.coalesce("time.source", "time.observation").dt.epoch("s").clip(0, 2**32 - 1).fill_null(0).alias("at"),
        pl.coalesce("network.asn", "source.asn").fill_null(0).alias("asn"),
        pl.concat_str(
            *(pl.col(name).fill_null(_NULL) for name in KIND if name != "country"),
            pl.coalesce("network.country", "source.geolocation.cc").fill_null(_NULL),
            separator="\x1f",
        ).alias("kind"),
        (pl.col("routed").fill_null(0).cast(pl.Int64) * 2**32 + pl.col("told").fill_null(0)).alias("sets"),
        "ingest",
        "row",
    )
    kinds, kind = _codes(events["kind"])
    asns, asn = np.unique(events["asn"].to_numpy(), return_inverse=True)
    pairs, pair = np.unique(events["sets"].to_numpy(), return_inverse=True)
    columns = (events["at"].to_numpy(), kind, asn, pair, events["ingest"].to_numpy(), events["row"].to_numpy())
    numbers = np.stack([column.astype(np.uint32) for column in columns]) if events.height else np.zeros((6, 0), "u4")
    sets = np.stack([pairs >> 32, pairs & 0xFFFFFFFF], axis=1)
    return Summary(numbers, _kinds(kinds), asns, sets, _cells(numbers, len(kinds)))


def _codes(texts: pl.Series) -> tuple[list[str], npt.NDArray[np.uint32]]:
    """The distinct texts, and for each row which of them it is."""
    known = texts.unique()
    places = pl.DataFrame({"kind": known}).with_row_index("place")
    found = texts.to_frame("kind").join(places, on="kind", how="left", maintain_order="left")["place"]
    return known.to_list(), found.to_numpy().astype(np.uint32)


def _kinds(texts: list[str]) -> pl.DataFrame:
    names = [*(name for name in KIND if name != "country"), "country"]
    # Should a text hold the separator itself, what is behind it is cut off rather than shifted into another kind.
    rows = [[None if part == _NULL else part for part in text.split("\x1f")[: len(names)]] for text in texts]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").select(KIND)


def _cells(numbers: UInt32s, kinds: int) -> Int64s:
    hours = numbers[_AT].astype(np.int64) // HOUR * max(kinds, 1) + numbers[_KIND]
    found, counts = np.unique(hours, return_counts=True)
    return np.stack([found // max(kinds, 1), found % max(kinds, 1), counts], axis=1)


class Summaries:
    """The digests in ``folder`` of the table's files in ``events``; made where they are missing."""

    def __init__(self, folder: Path, events: Path) -> None:
        self._folder, self._events = folder, events
        self._open: OrderedDict[str, Summary] = OrderedDict()
        self._lock, self._making = threading.Lock(), threading.Lock()

    def of(self, path: str) -> Summary:
        """The digest of one file, by its path in the table."""
        with self._lock:
            if path in self._open:
                self._open.move_to_end(path)
                return self._open[path]
        with self._making:  # two who miss the same wait for one
            found = self._read(path)
            if found is None:
                found = summarise(_read_source(self._events / path))
                self._write(path, found)
        with self._lock:
            self._open[path] = found
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)
        return found

    def keep_only(self, paths: Iterable[str]) -> None:
        """Make the digests of these files, and drop all others: for whoever writes the table."""
        wanted = {_name(path): path for path in paths}
        for path in wanted.values():
            self.of(path)
        for folder in self._folder.glob("*"):
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    def _read(self, path: str) -> Summary | None:
        folder = self._folder / _name(path)
        try:
            kinds = pl.read_parquet(folder / "kinds.parquet")
            asns, sets, cells = (np.load(folder / f"{name}.npy") for name in ("asns", "sets", "cells"))
            numbers = np.load(folder / "numbers.npy", mmap_mode="r")
        except (OSError, EOFError, ValueError, pl.exceptions.PolarsError):
            return None
        return Summary(numbers if numbers.shape[1] >= _MAPPED else np.array(numbers), kinds, asns, sets, cells)

    def _write(self, path: str, made: Summary) -> None:
        """Keep it, whole or not at all; without room on the disk it is made again next time."""
        folder = self._folder / _name(path)
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            made.kinds.write_parquet(unfinished / "kinds.parquet")
            for name in ("asns", "sets", "cells", "numbers"):
                np.save(unfinished / f"{name}.npy", getattr(made, name))
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)


def _read_source(path: Path) -> pl.DataFrame:
    scan = pl.scan_parquet(path, hive_partitioning=False, glob=False)
    filled = scan.collect_schema().names()
    return scan.select(name for name in _SOURCE if name in filled).collect()


def _name(path: str) -> str:
    return path.removesuffix(".parquet").replace("/", "_")
