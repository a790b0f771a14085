"""How many events fit, over time and by each value: what each file says, kept by file, and all files together."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tocsin.events.kinds import CONDITIONS
from tocsin.events.matching import FOREVER, EventFile, Matcher, ResolvedFilter
from tocsin.events.scope import Label
from tocsin.events.summaries import HOUR, Bools, FileDigest, Int64s, UInt32s, each
from tocsin.node.cache import Cache

_BYTES = 64 << 20


@dataclass(frozen=True)
class EventCounts:
    """How many events fit, by hour and by value. ``hours``: int64[h, 2], hour since 1970 and events, in order.

    ``by``: for each condition that a kind answers its values with their events, most first; ``asns``: int64[a, 2], AS
    (0: none known) and events, most first. ``labels``: the TLP and PAP they carry. ``stored``: all events that are
    seen. ``parts``: in so many parts free text is looked for one after the other (see `EventFilter.back`).
    """

    total: int
    hours: Int64s
    by: dict[str, list[tuple[str | None, int]]]
    asns: Int64s
    labels: frozenset[Label]
    stored: int
    parts: int = 1


@dataclass(frozen=True)
class FileCounts:
    """What one file says, pairs of a number and its events, uint32[n, 2]: by number of kind, by hour, and by AS."""

    kinds: UInt32s
    hours: UInt32s
    asns: UInt32s

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return self.kinds.nbytes + self.hours.nbytes + self.asns.nbytes + 1_000


_EMPTY = np.zeros((0, 2), dtype=np.uint32)
_NOTHING = FileCounts(_EMPTY, _EMPTY, _EMPTY)


@dataclass(frozen=True)
class MatchCounter:
    """Counts what a matcher finds."""

    matcher: Matcher
    _counted: Cache[FileCounts] = field(default_factory=lambda: Cache(_BYTES, lambda one: one.nbytes))

    def figures(self, asked: ResolvedFilter) -> EventCounts:
        """The counts of the events that fit; ``stored`` is all that there are."""
        matcher = self.matcher
        files = matcher.searched(asked)
        counted = [self._count(file, asked) for file in files]
        kinds = _summed([one.kinds for one in counted])
        asns = _summed([one.asns for one in counted])
        every = sum(file.rows for file in matcher.files())
        return EventCounts(
            total=int(kinds[:, 1].sum()),
            hours=_summed([one.hours for one in counted]),
            by={
                name: sorted(matcher.kinds.totals(kinds, column).items(), key=_most_first)
                for name, column in CONDITIONS.items()
            },
            asns=asns[np.argsort(-asns[:, 1], kind="stable")],
            labels=matcher.kinds.labels_of(kinds[:, 0]),
            stored=every,
            parts=len(matcher.parts(asked)) if asked.filter.text else 1,
        )

    def _count(self, file: EventFile, asked: ResolvedFilter) -> FileCounts:
        first, last = self.matcher.summaries.of(file.path).span
        whole = asked.bounds[0] <= first and last < asked.bounds[1]
        bounds = FOREVER if whole else asked.bounds
        if last < bounds[0] or first >= bounds[1]:
            return _NOTHING
        asked = replace(asked, bounds=bounds)
        return self._counted.get((file.path, asked.key, bounds), lambda: self._count_now(file, asked))

    def _count_now(self, file: EventFile, asked: ResolvedFilter) -> FileCounts:
        summary, numbers = self.matcher.summaries.of(file.path), self.matcher.number_of(file.path)
        if asked.by_kind and asked.bounds == FOREVER:
            return _by_cells(summary, numbers, self.matcher.fitting_kinds(asked, numbers))
        fits = self.matcher.mask(file, asked)
        kind, at, asn = summary.kind, summary.at, summary.asn
        if fits is not None:
            places = np.flatnonzero(fits)  # several times quicker than to choose by the mask
            kind, at, asn = kind[places], at[places], asn[places]
        kinds = np.bincount(kind, minlength=len(numbers))
        return FileCounts(_pairs(numbers, kinds), _counts(at // np.uint32(HOUR)), _by_as(summary, asn))


def _by_cells(summary: FileDigest, numbers: npt.NDArray[np.intp], fitting: Bools) -> FileCounts:
    """The counts where kinds alone decide: most are summed up already."""
    cells = summary.cells[fitting[summary.cells[:, 1]]]
    kinds = np.bincount(cells[:, 1], weights=cells[:, 2], minlength=len(numbers))
    hours = _summed([cells[:, [0, 2]]])
    asn, kind, counts = summary.spread
    if not fitting.all():
        there = np.flatnonzero(each(fitting, kind))
        asn, counts = asn[there], counts[there]
    asn, counts = _runs(asn, counts)
    by_asn = np.stack([summary.asns[asn], counts], axis=1).astype(np.uint32)
    return FileCounts(_pairs(numbers, kinds), hours.astype(np.uint32), by_asn)


def _runs(values: UInt32s, counts: UInt32s) -> tuple[UInt32s, UInt32s]:
    """Values that are in order, each once, with the sums of their counts."""
    if not len(values):
        return values, counts
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[first], np.add.reduceat(counts, first).astype(np.uint32)


def _by_as(summary: FileDigest, asn: npt.NDArray[np.unsignedinteger]) -> UInt32s:
    return _pairs(summary.asns, np.bincount(asn, minlength=len(summary.asns)))


def _pairs(values: npt.NDArray[np.integer], counts: npt.NDArray[np.number]) -> UInt32s:
    """Each value with its count, those that have any."""
    there = np.flatnonzero(counts)
    return np.stack([values[there], counts[there]], axis=1).astype(np.uint32)


def _counts(values: UInt32s) -> UInt32s:
    """The distinct values with how often each occurs, in order; quick where they lie near each other."""
    if not len(values):
        return _EMPTY
    low = int(np.min(values))
    # bincount is linear, unique sorts; but bincount needs a place for every value between.
    if int(np.max(values)) - low < 100_000:
        counts = np.bincount(values - np.uint32(low))
        return _pairs(np.arange(low, low + len(counts)), counts)
    return np.stack(np.unique(values, return_counts=True), axis=1).astype(np.uint32)


def _summed(pairs: Sequence[npt.NDArray[np.integer]]) -> Int64s:
    """Pairs of value and count, each value once, in order."""
    if not sum(len(one) for one in pairs):
        return np.zeros((0, 2), dtype=np.int64)
    every = np.concatenate(pairs)
    values, place = np.unique(every[:, 0], return_inverse=True)
    return np.stack([values.astype(np.int64), np.bincount(place, weights=every[:, 1]).astype(np.int64)], axis=1)


def _most_first(pair: tuple[str | None, int]) -> tuple[int, str]:
    return -pair[1], pair[0] or ""
