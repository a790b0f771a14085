"""Sorted key files: which 64-bit keys were seen before, and what was noted of each.

Keys live in a folder as sorted files that are merged as they grow (a log-structured merge tree with two levels), so
that asking for a batch of keys costs one pass over the files and memory does not grow with what was ever seen.
A file is named after the span of (ingest, part) numbers that it covers. A file of an ingest that was never committed
is not read, and removed by `clean`; one that a merge has made superfluous likewise.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tocsin.records.cuts import cut
from tocsin.records.durable import sync_folder, write_durably

Keys = npt.NDArray[np.uint64]
Notes = npt.NDArray[np.uint32]
Span = tuple[int, int]

_FULL = 4_000_000  # keys; a fuller file is not merged again (32 MB of keys, so a lookup never maps more at once)
_SMALL_FILES = 8  # more small files than this are merged into one


@dataclass(frozen=True)
class _File:
    first: Span
    last: Span
    path: Path

    @property
    def notes_path(self) -> Path:
        return self.path.with_suffix(".notes")

    @property
    def size(self) -> int:
        return self.path.stat().st_size // 8


@dataclass(frozen=True)
class KeyFiles:
    """The key files of one folder; each key has ``columns`` unsigned 32-bit notes."""

    folder: Path
    columns: int = 0

    def lookup(self, keys: Keys, *, up_to: int) -> tuple[npt.NDArray[np.bool_], Notes]:
        """Whether each key is known from an ingest up to number ``up_to``, and its newest notes.

        ``keys``: uint64[n], sorted. Returns bool[n] and uint32[n, columns] (zeros where unknown).
        """
        found = np.zeros(len(keys), dtype=bool)
        notes = np.zeros((len(keys), self.columns), dtype=np.uint32)
        for file in self._files(up_to):
            stored = _read_keys(file.path)
            at = np.searchsorted(stored, keys)
            at[at == len(stored)] = 0
            hit = (stored[at] == keys) if len(stored) else np.zeros(len(keys), dtype=bool)
            if self.columns:
                rows = np.flatnonzero(hit)
                notes[rows] = self._read_notes(file)[at[rows]]
            found |= hit
            del stored  # unmaps the file: memory holds one at a time
        return found, notes

    def write(self, span: Span, keys: Keys, notes: Notes | None = None) -> None:
        """Add the keys of one (ingest, part) as a new file. ``keys``: sorted, each once."""
        self._write(span, span, keys, notes)

    def merge(self, *, up_to: int, since: int = 0) -> None:
        """Merge the small files of ingests ``since`` to ``up_to`` where there are many; newer notes win.

        Files of an ingest that is not committed yet must not be merged with older ones: they may have to go.
        """
        small = [file for file in self._files(up_to) if file.size < _FULL and file.first[0] >= since]
        if len(small) <= _SMALL_FILES:
            return
        keys = np.concatenate([_read_keys(file.path) for file in small])
        # stable sort keeps file order among equal keys, so the last of each run is the newest
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        newest = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.zeros(0, dtype=bool)
        notes = None
        if self.columns:
            notes = np.concatenate([self._read_notes(file) for file in small])[order][newest]
        self._write(small[0].first, small[-1].last, keys[newest], notes)
        sync_folder(self.folder)
        cut("keys.merged")
        for file in small:
            _remove(file)
            cut("keys.removing")

    def clean(self, *, up_to: int) -> None:
        """Remove files of ingests after ``up_to`` and files that a merge has made superfluous."""
        kept = set(self._files(up_to))
        for file in self._all():
            if file not in kept:
                _remove(file)

    def everything(self, *, up_to: int) -> tuple[Keys, Notes]:
        """All keys, sorted and each once, with their newest notes."""
        files = self._files(up_to)
        if not files:
            return np.zeros(0, dtype=np.uint64), np.zeros((0, self.columns), dtype=np.uint32)
        keys = np.concatenate([_read_keys(file.path) for file in files])
        notes = np.concatenate([self._read_notes(file) for file in files])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        newest = np.append(keys[1:] != keys[:-1], True)
        return keys[newest], notes[order][newest]

    def _files(self, up_to: int) -> list[_File]:
        """Oldest first; without uncommitted ones and those inside a merged one."""
        kept: list[_File] = []
        for file in sorted(self._all(), key=lambda file: (file.first, (-file.last[0], -file.last[1]))):
            if file.last[0] <= up_to and not (kept and file.last <= kept[-1].last):
                kept.append(file)
        return kept

    def _all(self) -> list[_File]:
        if not self.folder.is_dir():
            return []
        return [_File(*_span(path), path) for path in self.folder.glob("*.keys")]

    def _read_notes(self, file: _File) -> Notes:
        if not self.columns:
            return np.zeros((file.size, 0), dtype=np.uint32)
        return np.memmap(file.notes_path, dtype=np.uint32, mode="r").reshape(-1, self.columns)

    def _write(self, first: Span, last: Span, keys: Keys, notes: Notes | None) -> None:
        if not len(keys):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{first[0]:010d}.{first[1]:06d}-{last[0]:010d}.{last[1]:06d}.keys"
        if self.columns:
            if notes is None:
                raise ValueError("these keys carry notes")
            write_durably(path.with_suffix(".notes"), notes.astype(np.uint32, copy=False).data)
            cut("keys.notes")
        write_durably(path, keys.data)
        cut("keys.written")


def _read_keys(path: Path) -> Keys:
    return np.memmap(path, dtype=np.uint64, mode="r")


def _remove(file: _File) -> None:
    file.path.unlink(missing_ok=True)
    file.notes_path.unlink(missing_ok=True)


def _span(path: Path) -> tuple[Span, Span]:
    first, last = path.stem.split("-")
    return _number(first), _number(last)


def _number(text: str) -> Span:
    ingest, part = text.split(".")
    return int(ingest), int(part)
