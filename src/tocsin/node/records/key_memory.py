"""What is in memory of a folder of keys: large files mapped, and a filter of small ones that were written or read."""

import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import Final
from weakref import finalize

import numpy as np
import numpy.typing as npt

from tocsin.node.records.key_filter import AskedKeys, Keys, Words, add_keys, empty_filter
from tocsin.node.records.key_levels import Notes
from tocsin.node.records.key_names import StoredKeys

LARGE: Final = 1 << 20
"""Keys; such a file has a filter beside it, and stays mapped."""

_REMEMBERED = 1 << 24  # keys of small files in the filter that one object holds in memory, at two bytes each
_STEP = 512  # keys looked up at a time; the system maps up to 64 kB around each, and as much of its notes
_MANY = 64  # so many are worth the fences of a file
_BLOCK = 512  # keys between two fences: a page
_APART = 1 << 13  # bytes between what is read one by one: a mapped page brings 64 kB, at six times the cost
_MOST_MAPPED = 1 << 23  # bytes; then the process lets go of what the system mapped of a file, but for its filter


class MappedKeys:
    """The numbers of an open file. They can be read after a merge has removed it."""

    def __init__(self, file: StoredKeys, columns: int) -> None:
        """Open and map it.

        Raises:
            FileNotFoundError: it is gone, or only just going.

        """
        self._maps: list[mmap.mmap] = []
        self._touched = 0
        self.keys: Keys = self._numbers(file.path, np.uint64)
        self.notes: Notes = np.zeros((len(self.keys), 0), dtype=np.uint32)
        if columns:
            self.notes = self._numbers(file.path.with_suffix(".notes"), np.uint32).reshape(len(self.keys), -1)
        self.words: Words | None = None
        if len(self.keys) >= LARGE:
            with suppress(FileNotFoundError):  # written before there were filters
                self.words = self._numbers(file.path.with_suffix(".filter"), np.uint64)
                self._maps.pop()  # all of it is read each time
            self._keys_file = self._descriptor(file.path)
            self._notes_file = self._descriptor(file.path.with_suffix(".notes")) if columns else -1

    def _numbers(self, path: Path, kind: type[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._maps.append(mapped)
        return np.frombuffer(mapped, dtype=kind)

    def _descriptor(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDONLY)
        finalize(self, os.close, descriptor)
        return descriptor

    def found(self, wanted: Keys) -> Iterator[tuple[npt.NDArray[np.intp], Notes]]:
        """The places of those of ``wanted`` (sorted, each once) that are in it, and their notes; some at a time."""
        if len(self.keys) < min(LARGE, len(wanted)):  # fewer than are asked for: these are looked up among those
            at = np.minimum(np.searchsorted(wanted, self.keys), len(wanted) - 1)
            places = np.flatnonzero(wanted[at] == self.keys)
            yield at[places], self._notes_at(places)
            self.touch(_MOST_MAPPED)
            return
        for start in range(0, len(wanted), _STEP):
            some = wanted[start : start + _STEP]
            hits, places = self._hits(some)
            yield hits + start, self._notes_at(places)
            self.touch(_MOST_MAPPED)

    def _hits(self, some: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Which of some keys are in the file, and the place of each of these."""
        if len(self.keys) < LARGE or len(some) < _MANY:
            at = np.maximum(np.searchsorted(self.keys, some, side="right") - 1, 0)
        else:
            # Between two fences all that is read lies in one page. A search in the whole file reads many for each key.
            at = np.maximum(np.searchsorted(self._fences, some, side="right") - 1, 0) * _BLOCK
            if _are_apart(at, self.keys.itemsize):
                at = np.minimum(at, len(self.keys) - _BLOCK)
                blocks = _read(self._keys_file, at, self.keys.itemsize, _BLOCK).view(np.uint64) == some[:, np.newaxis]
                hits = np.flatnonzero(blocks.any(axis=1))
                return hits, at[hits] + blocks[hits].argmax(axis=1)
            step = _BLOCK
            while step := step >> 1:
                further = np.minimum(at + step, len(self.keys) - 1)
                at = np.where(self.keys[further] <= some, further, at)
        hits = np.flatnonzero(self.keys[at] == some)
        return hits, at[hits]

    def _notes_at(self, places: npt.NDArray[np.intp]) -> Notes:
        width = self.notes.itemsize * self.notes.shape[1]
        if width and len(self.keys) >= LARGE and _are_apart(places, width):
            return _read(self._notes_file, places, width, 1).view(np.uint32)
        return self.notes[places]

    @cached_property
    def _fences(self) -> Keys:
        return self.keys[::_BLOCK].copy()

    def touch(self, size: int) -> None:
        """Note that about so many bytes were read; now and then the process lets go of them."""
        self._touched += size
        if self._touched >= _MOST_MAPPED:
            self._touched = 0
            for mapped in self._maps:
                mapped.madvise(mmap.MADV_DONTNEED)


def _are_apart(places: npt.NDArray[np.intp], width: int) -> bool:
    """Whether sorted places of numbers of so many bytes are far enough from each other to be read one by one."""
    return len(places) > 0 and bool((places[-1] - places[0]) * width > len(places) * _APART)


def _read(descriptor: int, places: npt.NDArray[np.intp], width: int, count: int) -> npt.NDArray[np.uint8]:
    """The bytes of ``count`` numbers from each place on, uint8[n, count * width]."""
    read = [os.pread(descriptor, width * count, start) for start in (places * width).tolist()]
    return np.frombuffer(b"".join(read), dtype=np.uint8).reshape(len(places), -1)


class _SmallFiles:
    """The small files that one object wrote or read, and a filter of all their keys."""

    def __init__(self, capacity: int) -> None:
        self.files: set[StoredKeys] = set()
        self.words = empty_filter(capacity)
        self.left = capacity


class KeyMemory:
    """What all threads have in memory of a folder: the large files mapped, and a filter of the small ones."""

    def __init__(self) -> None:
        self.mapped: dict[StoredKeys, MappedKeys] = {}
        self.small = _SmallFiles(0)
        self.merging: Thread | None = None
        self.committed = 0  # the last ingest whose files may be merged
        self.copied = (-1, 0)  # up to which ingest the folder (its inode) has all that is in storage elsewhere
        self.copying = Lock()
        self._capacity = _REMEMBERED >> 8
        self._adding = Lock()

    def add(self, file: StoredKeys, keys: Keys) -> None:
        """Remember the keys of a small file."""
        with self._adding:
            if len(keys) > self.small.left:
                while len(keys) > self._capacity >> 1 and self._capacity < _REMEMBERED:
                    self._capacity <<= 2
                # Keys of files that are gone are in it too, so it is begun anew; other files come when they are read.
                self.small = _SmallFiles(self._capacity)
                self._capacity = min(self._capacity << 2, _REMEMBERED)
            add_keys(self.small.words, keys)
            self.small.left -= len(keys)
            self.small.files.add(file)  # last: others look up meanwhile

    def keep(self, listed: AbstractSet[StoredKeys], large: Mapping[StoredKeys, MappedKeys]) -> None:
        """Keep the large files mapped that were opened, and forget those that are there no more."""
        with self._adding:
            self.mapped |= large
            for gone in self.mapped.keys() - listed:
                del self.mapped[gone]


class KeySearch:
    """One look-up: which keys are asked of which file."""

    def __init__(self, asked: AskedKeys, small: _SmallFiles) -> None:
        # The files before the filter: what is added meanwhile is in neither.
        self._known = frozenset(small.files)
        self._asked = asked
        self._perhaps = self._asked.in_filter(small.words) if self._known else np.zeros(0, dtype=np.intp)

    def skips(self, file: StoredKeys) -> bool:
        """Whether none of the keys is in it, as far as memory tells."""
        return file in self._known and not len(self._perhaps)

    def places(self, file: StoredKeys, words: Words | None) -> npt.NDArray[np.intp] | None:
        """The places of the keys that may be in a file; None: of all."""
        if words is not None:
            return self._asked.in_filter(words)
        return self._perhaps if file in self._known else None


def noted_keys(file: MappedKeys, noted: tuple[int, int] | None) -> tuple[Keys, Notes]:
    """The keys of a file and their notes, of those alone that have something up to a number noted in a column."""
    if noted is None:
        return file.keys, file.notes
    column, most = noted
    if column >= file.notes.shape[1]:
        return file.keys[:0], file.notes[:0]
    values = file.notes[:, column].copy()
    # The column was copied before: a column of a mapped file lies far apart, and is read twice here.
    rows = np.flatnonzero((values > 0) & (values <= most))
    return file.keys[rows], file.notes[rows]


def touch(files: Iterable[MappedKeys]) -> None:
    """Note that a range was read of files that are merged."""
    for file in files:
        file.touch(_MOST_MAPPED >> 3)
