"""Dense numbers for combinations, so that each combination is worked on once however many rows have it."""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

_MOST = 1 << 62
_NUMBERS = 1 << 31


class Numbering:
    """Numbers 0, 1, 2, … for int64 keys, in the order in which they first come; a key keeps its number."""

    def __init__(self) -> None:
        self._sorted = np.empty(0, dtype=np.int64)
        self._numbers = np.empty(0, dtype=np.int32)
        self._keys: list[npt.NDArray[np.int64]] = []
        self._found: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def keys(self) -> npt.NDArray[np.int64]:
        """All keys, each at the place of its number."""
        if len(self._keys) > 1:
            self._keys = [np.concatenate(self._keys)]
        return self._keys[0] if self._keys else self._sorted

    def number(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The number of each key; new keys get the next ones."""
        distinct, inverse = np.unique(keys, return_inverse=True)
        # Keys are kept twice: sorted, to find them, with their numbers beside; and in the order of the numbers.
        place = self._sorted.searchsorted(distinct)
        known = np.zeros(len(distinct), dtype=np.bool_)
        inside = place < len(self._sorted)
        known[inside] = self._sorted[place[inside]] == distinct[inside]
        fresh = distinct[~known]
        if fresh.size:
            new = np.arange(len(self), len(self) + fresh.size, dtype=np.int32)
            self._sorted = np.insert(self._sorted, place[~known], fresh)
            self._numbers = np.insert(self._numbers, place[~known], new)
            self._keys.append(fresh)
            place = self._sorted.searchsorted(distinct)
        return self._numbers[place][inverse]


class Combinations:
    """Numbers 0, 1, 2, … for rows of small non-negative integers, where column i stays below ``sizes[i]``.

    The columns are packed into one int64 key. Where they do not all fit, the first ones are numbered on their own and
    that number is packed with the others.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = tuple(sizes)
        self._stages: list[tuple[slice, Numbering]] = []
        start = 0
        while start < len(sizes):
            room = _MOST // (_NUMBERS if start else 1)
            end = start + 1
            while end < len(sizes) and prod(sizes[start : end + 1]) <= room:
                end += 1
            self._stages.append((slice(start, end), Numbering()))
            start = end

    def __len__(self) -> int:
        return len(self._stages[-1][1])

    def number(self, columns: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
        """The number of each row; equal rows have equal numbers."""
        numbers: npt.NDArray[np.int32] | None = None
        for part, numbering in self._stages:
            key = np.zeros(len(columns[0]), dtype=np.int64) if numbers is None else numbers.astype(np.int64)
            for column, size in zip(columns[part], self._sizes[part], strict=True):
                # A number of mixed base: column i is a digit below ``sizes[i]``; `rows` takes the digits off again.
                key *= size
                key += column
            numbers = numbering.number(key)
        assert numbers is not None  # noqa: S101 (there is at least one stage)
        return numbers

    def rows(self, numbers: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """The rows with these numbers, as columns."""
        found: list[npt.NDArray[np.int64]] = []
        for part, numbering in reversed(self._stages):
            numbers = numbering.keys[numbers]
            for size in reversed(self._sizes[part]):
                numbers, rest = np.divmod(numbers, size)
                found.append(rest)
        return found[::-1]
