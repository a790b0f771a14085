"""Tables that answer for an address: overlapping networks or ranges laid flat, then looked up a batch at a time.

Networks nest and ranges may overlap; a lookup wants one answer. So they are laid flat once: each family's address
space is cut at every start and end, and each piece keeps what is most specific there (longest prefix; for ranges the
one that holds the fewest addresses; of equals the later one). A piece begins where the one before it ends, so a table
is only the sorted starts and a value for each, and a lookup is one binary search.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.networks.addresses import UInt8s, UInt64s, is_ipv4, network_bounds

Int32s: TypeAlias = npt.NDArray[np.int32]
UInt32s: TypeAlias = npt.NDArray[np.uint32]
Int64s: TypeAlias = npt.NDArray[np.int64]

NONE = -1
_MOST_CELLS = 30_000_000
_ALL_64 = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_MAPPED = np.uint64(0xFFFF << 32)


@dataclass(frozen=True)
class Ranges:
    """First and last address of each of n ranges, as halves; a range lies within one family."""

    first_hi: UInt64s
    first_lo: UInt64s
    last_hi: UInt64s
    last_lo: UInt64s

    @classmethod
    def of_networks(cls, hi: UInt64s, lo: UInt64s, length: UInt8s) -> "Ranges":
        """The ranges that networks span; ``length`` counts in 128 bits."""
        return cls(*network_bounds(hi, lo, length))

    def __len__(self) -> int:
        return len(self.first_hi)

    def take(self, rows: Int64s) -> "Ranges":
        """The ranges at these places, in this order."""
        return Ranges(self.first_hi[rows], self.first_lo[rows], self.last_hi[rows], self.last_lo[rows])


@dataclass(frozen=True)
class IntervalTable:
    """A value for every address of both families; -1 where there is none.

    ``v4_starts`` (uint32) and ``v6_hi``, ``v6_lo`` (uint64) are the sorted starts of the pieces; the first piece of
    a family that has any begins at its address zero. ``v4_values`` and ``v6_values`` (int32) belong to them.
    """

    v4_starts: UInt32s
    v4_values: Int32s
    v6_hi: UInt64s
    v6_lo: UInt64s
    v6_values: Int32s
    parts: ClassVar = ("v4_starts", "v4_values", "v6_hi", "v6_lo", "v6_values")

    @classmethod
    def from_networks(cls, hi: UInt64s, lo: UInt64s, length: UInt8s, values: Int32s) -> "IntervalTable":
        """The table in which each address has the value of the longest network that holds it."""
        return flatten_cover(hi, lo, length).table.with_values(values)

    @classmethod
    def open(cls, folder: Path, name: str) -> "IntervalTable":
        """The table that ``save`` wrote, mapped into memory rather than read."""
        return cls(*(np.asarray(np.load(folder / f"{name}-{part}.npy", mmap_mode="r")) for part in cls.parts))

    def save(self, folder: Path, name: str) -> None:
        """Write the table as plain ``.npy`` files named after it."""
        for part in self.parts:
            np.save(folder / f"{name}-{part}.npy", getattr(self, part))

    def with_values(self, values: Int32s) -> "IntervalTable":
        """The same pieces, each value replaced by ``values`` at that place; -1 stays."""
        return replace(self, v4_values=_exchange(self.v4_values, values), v6_values=_exchange(self.v6_values, values))

    def lookup(self, hi: UInt64s, lo: UInt64s) -> Int32s:
        """The values (int32, -1 for none) of a batch of addresses."""
        four = is_ipv4(hi, lo)
        if four.all():
            return self._at4(lo)
        if not four.any():
            return self._at6(hi, lo)
        found = np.empty(len(hi), dtype=np.int32)
        found[four] = self._at4(lo[four])
        found[~four] = self._at6(hi[~four], lo[~four])
        return found

    def get(self, hi: int, lo: int) -> int:
        """The value of one address, -1 for none."""
        if hi == 0 and lo >> 32 == 0xFFFF:
            place = int(self.v4_starts.searchsorted(np.uint32(lo & 0xFFFF_FFFF), "right")) - 1
            return int(self.v4_values[place]) if place >= 0 else NONE
        place = int(self.pieces6(np.array([hi], dtype=np.uint64), np.array([lo], dtype=np.uint64))[0])
        return int(self.v6_values[place]) if place >= 0 else NONE

    def pieces4(self, address: UInt32s) -> Int64s:
        """The place of the piece that holds each IPv4 address; -1 when the family is empty."""
        return np.asarray(np.searchsorted(self.v4_starts, address, "right") - 1, dtype=np.int64)

    def pieces6(self, hi: UInt64s, lo: UInt64s) -> Int64s:
        """The place of the piece that holds each IPv6 address; -1 when the family is empty."""
        place = np.asarray(np.searchsorted(self.v6_hi, hi, "right") - 1, dtype=np.int64)
        if not len(self.v6_hi):
            return place
        # Rare: the last piece with this upper half, or one before it, starts behind the lower half.
        late = np.flatnonzero((self.v6_hi[place] == hi) & (self.v6_lo[place] > lo))
        if late.size:
            first = np.searchsorted(self.v6_hi, hi[late], "left") - 1
            place[late] = _bisect(self.v6_lo, lo[late], first, place[late] - 1)
        return place

    def _at4(self, lo: UInt64s) -> Int32s:
        if not len(self.v4_starts):
            return np.full(len(lo), NONE, dtype=np.int32)
        return np.asarray(self.v4_values)[self.pieces4(lo.astype(np.uint32))]

    def _at6(self, hi: UInt64s, lo: UInt64s) -> Int32s:
        if not len(self.v6_hi):
            return np.full(len(lo), NONE, dtype=np.int32)
        return np.asarray(self.v6_values)[self.pieces6(hi, lo)]


@dataclass(frozen=True)
class Cover:
    """Networks laid flat with what lies above each kept.

    ``table`` gives for an address the place of the longest network that holds it. ``parent[place]`` is the place of
    the next wider network that holds that network, -1 at the top; of equal networks the later has the earlier as its
    parent. Walking parents from a lookup's answer visits every network that holds the address, longest first.
    """

    table: IntervalTable
    parent: Int32s


def flatten_cover(hi: UInt64s, lo: UInt64s, length: UInt8s) -> Cover:
    """Networks of both families laid flat; ``length`` counts in 128 bits. See ``Cover``."""
    ranges = Ranges.of_networks(hi, lo, length)
    parent = np.full(len(ranges), NONE, dtype=np.int32)
    flat: dict[bool, _Steps] = {}
    for four, rows in _families(ranges):
        cuts = _cut(ranges.take(rows))
        owner = np.full(len(cuts.hi), NONE, dtype=np.int32)
        # The widest networks first, like paint: before a level is painted, ``owner`` shows what lies right above it,
        # its parent. Networks of one length do not overlap, unless they are equal (twins).
        for size in np.unique(length[rows]):
            level = np.flatnonzero(length[rows] == size)
            level = level[np.argsort(cuts.first[level], kind="stable")]
            twin = np.append(False, cuts.first[level][1:] == cuts.first[level][:-1])
            above = owner[cuts.first[level]]
            # Of equal networks each has the one before it as its parent, not what lies above them all.
            above[twin] = rows[level[:-1][twin[1:]]]
            parent[rows[level]] = above
            _paint(owner, cuts, level, rows)
        flat[four] = _Steps(cuts.hi, cuts.lo, owner)
    return Cover(_join(flat), parent)


def flatten_ranges(ranges: Ranges) -> IntervalTable:
    """Ranges of both families laid flat: the table gives the place of the narrowest range that holds an address.

    Raises:
        ValueError: so many of the ranges overlap that no routing or allocation table could look like it.

    """
    flat: dict[bool, _Steps] = {}
    for four, rows in _families(ranges):
        cuts = _cut(ranges.take(rows))
        owner = np.full(len(cuts.hi), NONE, dtype=np.int32)
        low = cuts.span_lo
        order = np.lexsort((-np.arange(len(low)), low, cuts.span_hi))[::-1]
        _paint(owner, cuts, order, rows)
        flat[four] = _Steps(cuts.hi, cuts.lo, owner)
    return _join(flat)


def overlapping(ranges: Ranges) -> Int64s:
    """The places of the ranges that begin before an earlier-beginning one of their family has ended."""
    found = [np.empty(0, dtype=np.int64)]
    for _, rows in _families(ranges):
        cuts = _cut(ranges.take(rows))
        order = np.argsort(cuts.first, kind="stable")
        reach = np.maximum.accumulate(cuts.behind[order])
        found.append(rows[order[1:][cuts.first[order][1:] < reach[:-1]]])
    return np.sort(np.concatenate(found))


def overlay(below: IntervalTable, above: IntervalTable) -> IntervalTable:
    """The table that answers from ``above`` where that has a value, else from ``below``."""
    starts = np.union1d(below.v4_starts, above.v4_starts)
    lo = starts | _MAPPED
    four = _Steps(np.zeros(len(lo), dtype=np.uint64), lo, _prefer(above, below, np.zeros_like(lo), lo))
    hi, lo, _ = _unique(np.append(below.v6_hi, above.v6_hi), np.append(below.v6_lo, above.v6_lo))
    return _join({True: four, False: _Steps(hi, lo, _prefer(above, below, hi, lo))})


@dataclass(frozen=True)
class _Steps:
    hi: UInt64s
    lo: UInt64s
    values: Int32s


@dataclass(frozen=True)
class _Cuts:
    """The pieces of one family's space, and for each range the places of its first piece and of the one behind it."""

    hi: UInt64s
    lo: UInt64s
    first: Int64s
    behind: Int64s
    span_hi: UInt64s
    span_lo: UInt64s


def _families(ranges: Ranges) -> list[tuple[bool, Int64s]]:
    four = is_ipv4(ranges.first_hi, ranges.first_lo)
    both = ((True, np.flatnonzero(four)), (False, np.flatnonzero(~four)))
    return [(family, rows) for family, rows in both if rows.size]


def _cut(ranges: Ranges) -> _Cuts:
    count = len(ranges)
    end_lo = ranges.last_lo + np.uint64(1)
    end_hi = ranges.last_hi + (end_lo == 0)
    hi, lo, places = _unique(np.append(ranges.first_hi, end_hi), np.append(ranges.first_lo, end_lo))
    behind = places[count:]
    behind[(end_hi == 0) & (end_lo == 0)] = len(hi)  # it ends with the last address of all
    span_lo = ranges.last_lo - ranges.first_lo
    span_hi = ranges.last_hi - ranges.first_hi - (ranges.last_lo < ranges.first_lo)
    return _Cuts(hi, lo, places[:count], behind, span_hi, span_lo)


def _unique(hi: UInt64s, lo: UInt64s) -> tuple[UInt64s, UInt64s, Int64s]:
    """The sorted distinct pairs, and for each given pair its place among them."""
    order = np.argsort(lo, kind="stable") if not hi.any() else np.lexsort((lo, hi))
    hi, lo = hi[order], lo[order]
    new = np.append(True, (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1]))[: len(hi)]
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.cumsum(new) - 1
    return hi[new], lo[new], places


def _paint(owner: Int32s, cuts: _Cuts, order: Int64s, rows: Int64s) -> None:
    """Write each range over all its pieces, in this order; of several writers of a piece the last one stays."""
    counts = cuts.behind[order] - cuts.first[order]
    total = int(counts.sum())
    if total > _MOST_CELLS:
        raise ValueError(f"{len(order)} ranges overlap in {total} pieces")
    ends = np.cumsum(counts)
    cells = np.arange(total) + np.repeat(cuts.first[order] - ends + counts, counts)
    owner[cells] = np.repeat(rows[order].astype(np.int32), counts)


def _join(flat: dict[bool, _Steps]) -> IntervalTable:
    empty = _Steps(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int32))
    four, six = flat.get(True, empty), flat.get(False, empty)
    inside = is_ipv4(four.hi, four.lo)  # the last piece may begin where the IPv4 space ends
    starts, values = (four.lo[inside] & ~_MAPPED).astype(np.uint32), four.values[inside]
    if len(starts) and starts[0]:
        starts, values = np.append(np.uint32(0), starts), np.append(np.int32(NONE), values)
    hi, lo, six_values = six.hi, six.lo, six.values
    if len(hi) and (hi[0] or lo[0]):
        hi, lo = np.append(np.uint64(0), hi), np.append(np.uint64(0), lo)
        six_values = np.append(np.int32(NONE), six_values)
    return IntervalTable(starts, values, hi, lo, six_values)


def _prefer(above: IntervalTable, below: IntervalTable, hi: UInt64s, lo: UInt64s) -> Int32s:
    top = above.lookup(hi, lo)
    return np.where(top == NONE, below.lookup(hi, lo), top)


def _exchange(places: Int32s, values: Int32s) -> Int32s:
    if not len(values):
        return places
    return np.where(places == NONE, np.int32(NONE), values[places]).astype(np.int32)


def _bisect(starts: UInt64s, keys: UInt64s, low: Int64s, high: Int64s) -> Int64s:
    """For each key the last place in ``low..high`` whose start is not above it, given that ``low`` is such a place."""
    low, high = low.copy(), high.copy()
    open_rows = np.flatnonzero(low < high)
    while open_rows.size:
        middle = (low[open_rows] + high[open_rows] + 1) // 2
        fits = starts[middle] <= keys[open_rows]
        low[open_rows] = np.where(fits, middle, low[open_rows])
        high[open_rows] = np.where(fits, high[open_rows], middle - 1)
        open_rows = open_rows[low[open_rows] < high[open_rows]]
    return low
