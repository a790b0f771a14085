"""What stored events say of each problem, a row for each, in memory: where and what it is, how bad, who must know.

Made once from the files of the event table, then brought up to date by the files that were added; where rows were
taken out (deleted, purged), it is made anew, so that it never holds what is stored no more.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.delivery import severity_rank
from tocsin.events import COLUMNS, TOLD_IN, EventStore, Label, cve_columns

_MANY: Final = 1_000_000  # rows
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
        """Write the file anew where it is not of the files of the table; for whoever writes the table."""
        kept = self._kept()
        if kept.files == frozenset(self._store.files()):
            return
        for file in (self._file, self._tellings):
            file.unlink(missing_ok=True)  # what it holds may have been deleted for good
        facts = self.read()
        about = {
            "labels": json.dumps(facts.labels),
            "files": json.dumps(sorted(facts.files)),
            "version": str(facts.version),
        }
        part = self._file.with_suffix(".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        for frame, file in ((facts.tellings, self._tellings), (facts.frame, self._file)):
            frame.write_parquet(part, compression="zstd", compression_level=1, statistics=False, metadata=about)
            part.rename(file)

    def _kept(self) -> ProblemFacts:
        try:
            about = pl.read_parquet_metadata(self._file)
            labels = tuple((tlp, pap) for tlp, pap in json.loads(about["labels"]))
            files, version = frozenset(json.loads(about["files"])), int(about["version"])
            frame = pl.read_parquet(self._file, memory_map=False).rechunk()  # else each question does it
            told = pl.read_parquet(self._tellings, memory_map=False).rechunk()
            together = pl.read_parquet_metadata(self._tellings).get("files") == about["files"]
        except (OSError, pl.exceptions.PolarsError, LookupError, ValueError):
            return _NOTHING
        whole = frame.schema == _NOTHING.frame.schema and told.schema == _NOTHING.tellings.schema and together
        return ProblemFacts(frame, told, labels, files, version) if whole else _NOTHING

    def _renewed(self, before: ProblemFacts) -> ProblemFacts:
        table = self._store.table
        version, files = table.version(), frozenset(self._store.files())
        held = table.after_moves(before.files, before.version)
        if not held or not held <= files:
            before = self._kept()
            held = table.after_moves(before.files, before.version)
        if not held <= files:
            before, held = _NOTHING, frozenset()
        labels: dict[Label, int] = {label: place for place, label in enumerate(before.labels)}
        parts, rows, tellings = [before.frame], before.frame.height, [before.tellings]
        # A file at a time, put together before they are many: memory holds problems, and never all events.
        for path in sorted(files - held):
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
        frame = events.select(
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
        ).collect()
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
