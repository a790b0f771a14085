"""Filters of keys: of most keys that are not in a file they say so, at 16 bits for each key that is (Bloom filters).

A key sets six bits of one 64-bit word (a blocked filter: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient
Bloom Filters", 2007). Its first bits choose the word, so that sorted keys go through a filter from one end to the
other, and its last ones the bits. Four of a thousand keys that are in no file pass.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Words = npt.NDArray[np.uint64]

_BITS_A_KEY = 16
_ADDED = 1 << 15  # keys that are added at a time: what that needs stays in the processor's cache
_TWELVE = np.uint64(4_095)
_HALF = np.uint64(32)
_TWELVE_BITS = np.arange(4_096, dtype=np.uint64)
_PAIRS = np.uint64(1) << (_TWELVE_BITS & np.uint64(63)) | np.uint64(1) << (_TWELVE_BITS >> np.uint64(6))


@dataclass(frozen=True)
class AskedKeys:
    """Keys that are asked for, uint64[n], sorted, each once."""

    keys: Keys

    @cached_property
    def bits(self) -> Words:
        """The bits that each sets in any filter."""
        return _bits(self.keys)

    def in_filter(self, words: Words) -> npt.NDArray[np.intp]:
        """The places of those that may be among the keys of a filter."""
        return np.flatnonzero((words[_places(self.keys, len(words))] & self.bits) == self.bits)


def empty_filter(keys: int) -> Words:
    """The words of a filter for so many keys, without any."""
    return np.zeros(keys * _BITS_A_KEY // 64 + 1, dtype=np.uint64)


def add_keys(words: Words, keys: Keys) -> None:
    """Add sorted keys to a filter."""
    for start in range(0, len(keys), _ADDED):
        some = keys[start : start + _ADDED]
        places = _places(some, len(words))
        # Equal places stand together: the bits of each run are joined first, so that every word is written once.
        starts = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
        words[places[starts]] |= np.bitwise_or.reduceat(_bits(some), starts)


def _places(keys: Keys, words: int) -> npt.NDArray[np.int64]:
    """The word of each key: as far into the filter as its first 32 bits are into all numbers of 32 bits."""
    return ((keys >> _HALF) * np.uint64(words) >> _HALF).view(np.int64)


def _bits(keys: Keys) -> Words:
    found: Words = _PAIRS[keys & _TWELVE]
    for shift in (12, 24):
        found |= _PAIRS[keys >> np.uint64(shift) & _TWELVE]
    return found
