"""A digest of each file of the event table, from which counts and first pages come without reading the file.

Files of the table never change, so a digest never grows old: it is made when first needed, named by its file, and
dropped with it. It holds eight numbers for each event (24 bytes), in the order of the file, what the numbers mean, and
sums of what is asked most.
It is never the truth: without it, it is made again. Why it is so: docs/design/summaries.md.
"""

import ctypes
import json
import math
import mmap
import os
import shutil
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.schema import COLUMNS
from tocsin.events.store import EventStore
from tocsin.networks import AddressRange, format_address
from tocsin.node.cache import Cache
from tocsin.node.files import sync_open

UInt32s: TypeAlias = npt.NDArray[np.uint32]
UInt64s: TypeAlias = npt.NDArray[np.uint64]
Int64s: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Codes: TypeAlias = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
Places: TypeAlias = npt.NDArray[np.intp]

HOUR: Final = 3600
KIND: Final = (
    "feed.code", "classification.taxonomy", "classification.type", "classification.identifier", "severity",
    "country", "tlp", "pap",
)  # fmt: skip
"""What events of one kind have in common."""

_AT, _ROW, _ADDRESS, _PORT = range(4)
_KIND, _ASN, _SETS, _INGEST = range(4)
_HAS_PORT, _IS_V4, _IS_V6 = (np.uint32(1 << bit) for bit in (16, 17, 18))  # beside the port
_MAPPED_V4: Final = 0xFFFF << 32  # the lower half of ::ffff:0:0
_NUMBERS: Final = ("asns", "sets", "ingests", "wide", "cells", "spread", "codes", "numbers")
_SOURCE: Final = (
    "time.source", "time.observation", *(name for name in KIND if name != "country"), "network.country",
    "source.geolocation.cc", "network.asn", "source.asn", "source.ip.hi", "source.ip.lo", "source.port", "routed",
    "told", "ingest", "row",
)  # fmt: skip
_NULL: Final = "\N{SYMBOL FOR NULL}"
_UNSAVED: Final = 256 << 20  # bytes of digests that the disk has no room for
_BORDER: Final = 64  # bytes
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.argtypes = (
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
)  # fmt: skip
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FAILED: Final = ctypes.c_void_p(-1).value


@dataclass(frozen=True)
class FileDigest:
    """The digest of one file; each property has a number for each of its n events.

    ``numbers``: uint32[4, n]. ``codes``: uint16[4, n], or uint32 where there are too many. ``kinds``: a row for each
    kind, columns `KIND`. ``asns``: int64, 0 for none known. ``sets``: int64[m, 2], the pairs of team sets that events
    were routed and told to. ``ingests``: int64. ``wide``: uint64[w, 2], the halves of addresses that are not IPv4.
    ``cells``: int64[c, 3], the events by hour (since 1970) and kind. ``spread``: uint32[3, s], which of ``asns`` and
    which kind, and how many events are of both; in this order.
    """

    numbers: UInt32s
    codes: Codes
    kinds: pl.DataFrame
    asns: Int64s
    sets: Int64s
    ingests: Int64s
    wide: UInt64s
    cells: Int64s
    spread: UInt32s

    @property
    def rows(self) -> int:
        """How many events."""
        return int(self.numbers.shape[1])

    @property
    def at(self) -> UInt32s:
        """When, in seconds since 1970; 0 where nobody knows."""
        found: UInt32s = self.numbers[_AT]
        return found

    @property
    def kind(self) -> Codes:
        """Which row of ``kinds``."""
        found: Codes = self.codes[_KIND]
        return found

    @property
    def asn(self) -> Codes:
        """Which of ``asns``."""
        found: Codes = self.codes[_ASN]
        return found

    @property
    def set(self) -> Codes:
        """Which row of ``sets``."""
        found: Codes = self.codes[_SETS]
        return found

    @property
    def ingest(self) -> Codes:
        """Which of ``ingests``."""
        found: Codes = self.codes[_INGEST]
        return found

    @cached_property
    def span(self) -> tuple[int, int]:
        """The seconds of the first and last event."""
        return (int(np.min(self.at)), int(np.max(self.at))) if self.rows else (0, 0)

    @cached_property
    def in_order(self) -> bool:
        """Whether the events are all of IPv4 addresses, in their order: so is a tidied file."""
        address, port = self.numbers[_ADDRESS], self.numbers[_PORT]
        return bool(((port & _IS_V4) > 0).all() and (address[1:] >= address[:-1]).all())

    @cached_property
    def _kind_rows(self) -> list[dict[str, Any]]:
        return self.kinds.to_dicts()

    def events(self, places: Places | None = None) -> UInt64s:
        """The identities of all events, or of those at some places: the ingest in the upper half, the row below."""
        code, row = self.codes[_INGEST], self.numbers[_ROW]
        if places is not None:
            code, row = code[places], row[places]
        above = self.ingests.astype(np.uint64) << np.uint64(32)
        found: UInt64s = above[code] | row.astype(np.uint64)
        return found

    def place_of(self, ingest: int, row: int) -> Places:
        """Where one event is, by its identity; empty where it is not in this file."""
        code = np.flatnonzero(self.ingests == ingest)
        if not len(code):
            return np.zeros(0, dtype=np.intp)
        return np.flatnonzero((self.codes[_INGEST] == code[0]) & (self.numbers[_ROW] == row))

    def of_newest_ingests(self, places: Places, least: int) -> Places:
        """Those of the places that belong to the newest ingests, of as many ingests as make ``least`` places."""
        code = self.codes[_INGEST][places]
        counts = np.cumsum(np.bincount(code, minlength=len(self.ingests))[::-1])
        first = len(counts) - 1 - int(np.searchsorted(counts, least))
        found: Places = places[code >= first]
        return found

    def within(self, ranges: Iterable[AddressRange]) -> Bools:
        """For each event whether its address lies in one of the ranges: (first hi, first lo, last hi, last lo)."""
        found = np.zeros(self.rows, dtype=bool)
        address, port = self.numbers[_ADDRESS], self.numbers[_PORT]
        for first_hi, first_lo, last_hi, last_lo in ranges:
            first, last = first_hi << 64 | first_lo, last_hi << 64 | last_lo
            low, high = max(first, _MAPPED_V4) - _MAPPED_V4, min(last, _MAPPED_V4 + 2**32 - 1) - _MAPPED_V4
            if low <= high and self.in_order:
                # numbers of the column's own kind: others would make a copy of it
                start = np.searchsorted(address, np.uint32(low), side="left")
                found[start : np.searchsorted(address, np.uint32(high), side="right")] = True
            elif low <= high:
                found |= (address >= low) & (address <= high) & ((port & _IS_V4) > 0)
            if low <= high and last - first == high - low:
                continue  # all of the range is IPv4
            hi, lo = self.wide.T
            inside = (hi > np.uint64(first_hi)) | ((hi == np.uint64(first_hi)) & (lo >= np.uint64(first_lo)))
            inside &= (hi < np.uint64(last_hi)) | ((hi == np.uint64(last_hi)) & (lo <= np.uint64(last_lo)))
            if inside.any():
                rows = np.flatnonzero(port & _IS_V6)
                found[rows[inside[address[rows]]]] = True
        return found

    def has_port(self, port: int) -> Bools:
        """For each event whether the source's port is this one."""
        found: Bools = (self.numbers[_PORT] & np.uint32(0x1FFFF)) == (np.uint32(port) | _HAS_PORT)
        return found

    def glance(self, places: Places) -> dict[str, list[Any]]:
        """What is known here of the events at some places, by the name of the field it stands for."""
        rows = self._kind_rows
        kinds = [rows[code] for code in self.codes[_KIND][places].tolist()]
        at, port = self.numbers[_AT][places].tolist(), self.numbers[_PORT][places]
        return {
            "time.source": [seconds or None for seconds in at],
            "source.ip": self._addresses(places),
            "source.port": [value & 0xFFFF if value & int(_HAS_PORT) else None for value in port.tolist()],
            "source.asn": [asn or None for asn in self.asns[self.codes[_ASN][places]].tolist()],
            "source.geolocation.cc": [kind["country"] for kind in kinds],
            **{name: [kind[name] for kind in kinds] for name in KIND if name != "country"},
        }

    def _addresses(self, places: Places) -> list[str | None]:
        address, port = self.numbers[_ADDRESS][places], self.numbers[_PORT][places]
        is_v6, is_v4 = (port & _IS_V6) > 0, (port & _IS_V4) > 0
        hi, lo = np.zeros(len(places), np.uint64), address.astype(np.uint64) | np.uint64(_MAPPED_V4)
        hi[is_v6], lo[is_v6] = self.wide[address[is_v6]].T
        halves = zip(hi.tolist(), lo.tolist(), (is_v4 | is_v6).tolist(), strict=True)
        return [format_address(*half) if known else None for *half, known in halves]


GLANCE: Final = ("time.source", "source.ip", "source.port", "source.asn", "source.geolocation.cc", *KIND[:5], *KIND[6:])
"""The fields of `Summary.glance`: the time, AS and country are those that conditions go by."""


def each(known: Bools, codes: Codes) -> Bools:
    """For each code what is known of it. Codes lie within what they count, which need not be checked for millions."""
    found: Bools = known.take(codes, mode="clip") if len(known) else np.zeros(0, dtype=bool)
    return found


def summarise(frame: pl.DataFrame) -> FileDigest:
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
        "source.ip.hi",
        "source.ip.lo",
        pl.col("source.port").cast(pl.Int64),
        "ingest",
        "row",
    )
    kinds, kind = _codes(events["kind"])
    asns, asn = np.unique(events["asn"].to_numpy(), return_inverse=True)
    pairs, pair = np.unique(events["sets"].to_numpy(), return_inverse=True)
    ingests, ingest = np.unique(events["ingest"].to_numpy(), return_inverse=True)
    address, flags, wide = _addresses(events["source.ip.hi"], events["source.ip.lo"])
    port = flags | events["source.port"].fill_null(0).to_numpy().astype(np.uint32)
    port[events["source.port"].is_not_null().to_numpy()] |= _HAS_PORT
    numbers = _stacked([events["at"].to_numpy(), events["row"].to_numpy(), address, port], np.uint32)
    narrow = max(len(kinds), len(asns), len(pairs), len(ingests)) <= 2**16
    codes = _stacked([kind, asn, pair, ingest], np.uint16 if narrow else np.uint32)
    sets = np.stack([pairs >> 32, pairs & 0xFFFFFFFF], axis=1)
    cells = _cells(numbers[_AT], kind, len(kinds))
    return FileDigest(numbers, codes, _kinds(kinds), asns, sets, ingests, wide, cells, _spread(asn, kind, len(kinds)))


def _stacked(columns: list[npt.NDArray[Any]], dtype: type[np.unsignedinteger]) -> npt.NDArray[Any]:
    return np.stack([column.astype(dtype) for column in columns])


def _codes(texts: pl.Series) -> tuple[list[str], UInt32s]:
    """The distinct texts, and for each row which of them it is."""
    known = texts.unique()
    places = pl.DataFrame({"kind": known}).with_row_index("place")
    found = texts.to_frame("kind").join(places, on="kind", how="left", maintain_order="left")["place"]
    return known.to_list(), found.to_numpy().astype(np.uint32)


def _addresses(hi: pl.Series, lo: pl.Series) -> tuple[UInt32s, UInt32s, UInt64s]:
    """Each address as the number of an IPv4 one or its place among the others; which of both; and those others."""
    known = hi.is_not_null().to_numpy()
    high, low = (half.fill_null(0).to_numpy().view(np.uint64) for half in (hi, lo))
    is_v4 = known & (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    others = known & ~is_v4
    wide, place = np.unique(np.stack([high[others], low[others]], axis=1), axis=0, return_inverse=True)
    # One column of 32 bits serves both: an IPv4 address itself, else its place in ``wide``; a flag says which.
    address = (low & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    address[others] = place.ravel()
    flags = np.where(is_v4, _IS_V4, np.uint32(0)) | np.where(others, _IS_V6, np.uint32(0))
    return address, flags.astype(np.uint32), wide


def _kinds(texts: list[str]) -> pl.DataFrame:
    names = [*(name for name in KIND if name != "country"), "country"]
    # Should a text hold the separator itself, what is behind it is cut off rather than shifted into another kind.
    rows = [[None if part == _NULL else part for part in text.split("\x1f")[: len(names)]] for text in texts]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").select(KIND)


def _cells(at: UInt32s, kind: UInt32s, kinds: int) -> Int64s:
    hours = at.astype(np.int64) // HOUR * max(kinds, 1) + kind
    found, counts = np.unique(hours, return_counts=True)
    return np.stack([found // max(kinds, 1), found % max(kinds, 1), counts], axis=1)


def _spread(asn: npt.NDArray[np.intp], kind: UInt32s, kinds: int) -> UInt32s:
    found, counts = np.unique(asn.astype(np.int64) * max(kinds, 1) + kind, return_counts=True)
    return _stacked([found // max(kinds, 1), found % max(kinds, 1), counts], np.uint32)


class Summaries:
    """The digests in ``folder`` of the files of a store; made where they are missing.

    All that are on the disk stay mapped for as long as the table lists their files: a scan of a thousand files opens
    none, and the system takes back what memory it needs.
    """

    def __init__(self, folder: Path, store: EventStore) -> None:
        self._folder, self._store = folder, store
        self._mapped: dict[str, FileDigest] = {}
        # two who miss the same wait for one
        self._unsaved: Cache[FileDigest] = Cache(_UNSAVED, lambda one: one.numbers.nbytes, threading.Lock())

    def of(self, path: str) -> FileDigest:
        """The digest of one file, by its path in the table."""
        found = self._mapped.get(path) or self._read(path)
        return found or self._unsaved.get(path, lambda: self._read(path) or self._make(path))

    def keep_only(self, paths: Iterable[str]) -> None:
        """Make the digests of these files, and drop all others: for whoever writes the table."""
        wanted = {_name(path): path for path in paths}
        for path in wanted.values():
            self.of(path)
        for left in self._folder.glob("*"):
            if left.name not in wanted:
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

    def close_others(self, paths: Iterable[str]) -> None:
        """Let go of the digests of other files than these, whose room on the disk is free then."""
        for path in self._mapped.keys() - set(paths):
            self._mapped.pop(path, None)

    def _read(self, path: str) -> FileDigest | None:
        try:
            found = _unpacked(_map(self._folder / _name(path)))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._mapped[path] = found
        return found

    def _make(self, path: str) -> FileDigest:
        """Keep it, whole or not at all; without room on the disk it is made again next time."""
        made, file = summarise(_read_source(self._store.scan_file(path))), self._folder / _name(path)
        unfinished = file.with_name(f"{file.name}.{uuid4().hex}")  # another process may be making the same
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as packed:
                packed.writelines(_packed(made))
                sync_open(packed)  # of a torn one nobody would know that it counts wrong
            unfinished.replace(file)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
        return self._read(path) or made


def _packed(summary: FileDigest) -> Iterator[bytes | memoryview]:
    """The length of a head, the head, which says what is where, then the arrays; all filled up to borders."""
    kinds, arrays = summary.kinds.rows(), [np.ascontiguousarray(getattr(summary, name)) for name in _NUMBERS]
    layout = [(name, array.dtype.str, array.shape) for name, array in zip(_NUMBERS, arrays, strict=True)]
    head = json.dumps({"kinds": kinds, "arrays": layout}).encode()
    yield len(head).to_bytes(8, "little") + head + bytes(-(8 + len(head)) % _BORDER)
    for array in arrays:
        yield array.data if array.size else b""
        yield bytes(-array.nbytes % _BORDER)


def _unpacked(packed: memoryview) -> FileDigest:
    """The digest in a file, its arrays where they lie in it.

    Raises:
        ValueError: it is none, or not whole.

    """
    at = 8 + int.from_bytes(packed[:8], "little")
    head = json.loads(bytes(packed[8:at]))
    arrays = {}
    for name, dtype, shape in head["arrays"]:
        at += -at % _BORDER
        arrays[name] = np.frombuffer(packed, dtype, math.prod(shape), at).reshape(shape)
        at += arrays[name].nbytes
    return FileDigest(kinds=pl.DataFrame(head["kinds"], dict.fromkeys(KIND, pl.String), orient="row"), **arrays)


def _map(path: Path) -> memoryview:
    """The bytes of a file, mapped without a handle that stays open: there may be more files than handles.

    Python's own ``mmap`` does so from 3.13 on (``trackfd=False``); until that is the oldest one here, the call is made
    by hand.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        address = _LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    if address == _FAILED:
        raise OSError(ctypes.get_errno(), f"{path} cannot be mapped")
    mapped = (ctypes.c_char * size).from_address(address)
    # arrays in it keep it; at exit the system ends the mapping, as threads may still read
    weakref.finalize(mapped, _LIBC.munmap, address, size).atexit = False
    return memoryview(mapped).toreadonly()


def _read_source(scan: pl.LazyFrame) -> pl.DataFrame:
    filled = scan.collect_schema().names()
    return scan.select(name for name in _SOURCE if name in filled).collect()


def _name(path: str) -> str:
    return path.removesuffix(".parquet").replace("/", "_") + ".digest"
