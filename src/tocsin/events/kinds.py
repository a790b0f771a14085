"""The kinds of all events that a process has met, numbered: what is asked of a kind is asked once, not per event."""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.filters import NOT_KNOWN, EventFilter
from tocsin.events.scope import Label
from tocsin.events.summaries import KIND, Bools, Int64s

CONDITIONS: Final = {
    "feed": "feed.code", "taxonomy": "classification.taxonomy", "type": "classification.type",
    "identifier": "classification.identifier", "severity": "severity", "country": "country", "tlp": "tlp",
}  # fmt: skip
"""The conditions of a filter that a kind alone answers, each with its column of `KIND`."""

_TLP, _PAP = KIND.index("tlp"), KIND.index("pap")


class Kinds:
    """A number for each kind, and for each value of its columns; numbers never change."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str | None, ...], int] = {}
        self._values: list[dict[str | None, int]] = [{} for _ in KIND]
        self._codes = np.zeros((0, len(KIND)), dtype=np.int32)
        self._lock = threading.Lock()

    def number(self, kinds: pl.DataFrame) -> npt.NDArray[np.intp]:
        """The numbers of kinds (columns `KIND`), new ones where they were not met before."""
        with self._lock:
            places = [self._numbers.setdefault(row, len(self._numbers)) for row in kinds.iter_rows()]
            if len(self._numbers) > len(self._codes):
                new = list(self._numbers)[len(self._codes) :]
                codes = [[of.setdefault(v, len(of)) for of, v in zip(self._values, row, strict=True)] for row in new]
                self._codes = np.concatenate([self._codes, np.array(codes, dtype=np.int32)])
        return np.array(places, dtype=np.intp)

    def fitting(self, wanted: EventFilter) -> Bools:
        """For each kind whether the conditions that a kind answers hold."""
        codes = self._codes
        fits = np.ones(len(codes), dtype=bool)
        for condition, column in CONDITIONS.items():
            if value := getattr(wanted, condition):
                at = KIND.index(column)
                fits &= codes[:, at] == self._values[at].get(None if value == NOT_KNOWN else value, -1)
        return fits

    def labelled(self, labels: Iterable[Label] | None) -> Bools:
        """For each kind whether it carries one of these labels; None: all do."""
        codes = self._codes
        if labels is None:
            return np.ones(len(codes), dtype=bool)
        fits = np.zeros(len(codes), dtype=bool)
        for tlp, pap in labels:
            fits |= (codes[:, _TLP] == self._values[_TLP].get(tlp, -1)) & (
                codes[:, _PAP] == self._values[_PAP].get(pap, -1)
            )
        return fits

    def labels(self) -> frozenset[Label]:
        """All labels met."""
        return self.labels_of(np.arange(len(self._codes)))

    def labels_of(self, kinds: npt.NDArray[np.integer]) -> frozenset[Label]:
        """The labels of the kinds with these numbers."""
        pairs = np.unique(self._codes[kinds][:, [_TLP, _PAP]], axis=0)
        tlps, paps = list(self._values[_TLP]), list(self._values[_PAP])
        return frozenset((tlps[tlp], paps[pap]) for tlp, pap in pairs.tolist())

    def totals(self, kinds: Int64s, column: str) -> Mapping[str | None, int]:
        """By value of one column how many events, those that have any; ``kinds``: int64[n, 2], numbers and events."""
        at = KIND.index(column)
        sums = np.bincount(self._codes[kinds[:, 0], at], weights=kinds[:, 1])
        values = list(self._values[at])
        return {values[code]: int(sums[code]) for code in np.flatnonzero(sums).tolist()}
