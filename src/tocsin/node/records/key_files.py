"""Sorted key files: which 64-bit keys were seen before, and what was noted of each.

Keys live in a folder as sorted files that are merged as they grow (a log-structured merge tree with two levels), so
that asking for a batch of keys costs one pass over the files and memory does not grow with what was ever seen.
A file is named after the span of (ingest, part) numbers that it covers. A file of an ingest that was never committed
is not read, and removed by `clean`; one that a merge has made superfluous likewise.

``A.B-C.D.keys`` holds uint64 keys, sorted, each once, as numpy has them; ``A.B-C.D.notes`` beside it
uint32 notes, a row of ``columns`` numbers for each key, in the order of the keys. A.B is the (ingest, part) of the
oldest file that went into it, C.D that of the newest: so names alone say which of two files is the newer one, and which
lies within the other.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tocsin.node.files import sync_file, sync_folder
from tocsin.node.records.kill_points import cut

Keys = npt.NDArray[np.uint64]
Notes = npt.NDArray[np.uint32]
Span = tuple[int, int]

_FULL = 1_000_000  # keys; a fuller file is not merged again, so that a merge holds no more than two of them
_FEW_FILES = 4  # fewer are not worth a merge
_FILTER_BITS = 27


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

    def open(self, stack: ExitStack, *, notes: bool) -> "_Open":
        keys = stack.enter_context(self.path.open("rb"))
        return _Open(self.path.name, keys, stack.enter_context(self.notes_path.open("rb")) if notes else None)


@dataclass(frozen=True)
class _Open:
    """A file that is open; it is mapped only while its numbers are used, so that many take no more memory than one."""

    name: str
    keys_file: BinaryIO
    notes_file: BinaryIO | None

    def keys(self) -> Keys:
        return np.memmap(self.keys_file, dtype=np.uint64, mode="r")

    def notes(self) -> Notes:
        size = os.fstat(self.keys_file.fileno()).st_size // 8
        if self.notes_file is None:
            return np.zeros((size, 0), dtype=np.uint32)
        return np.memmap(self.notes_file, dtype=np.uint32, mode="r").reshape(size, -1)


class _WrittenFilter:
    """The files that one object wrote, and a bit for each key in them: a key whose bit is not set is in none.

    2**27 bits are 16 MB; they are made at the first write, and with 20 million keys one bit in seven is set.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._bits: npt.NDArray[np.uint8] | None = None

    def add(self, name: str, keys: Keys) -> None:
        """Note a file with these keys."""
        if self._bits is None:
            self._bits = np.zeros(1 << (_FILTER_BITS - 3), dtype=np.uint8)
        place, bit = _place(keys)
        np.bitwise_or.at(self._bits, place, bit)
        self.names.add(name)  # last: other threads look up meanwhile

    def perhaps(self, keys: Keys) -> npt.NDArray[np.intp]:
        """The places of those keys that may be in one of the files."""
        if self._bits is None:
            return np.zeros(0, dtype=np.intp)
        place, bit = _place(keys)
        return np.flatnonzero(self._bits[place] & bit)


@dataclass(frozen=True)
class KeyFiles:
    """The key files of one folder; each key has ``columns`` unsigned 32-bit notes.

    A file of fewer columns, written before more were kept, is read as having zeros in the others.

    Keys must be hashes. The object remembers which it wrote, so that a run finds out at once that a key is new to it.
    """

    folder: Path
    columns: int = 0
    _written: _WrittenFilter = field(default_factory=_WrittenFilter, compare=False, repr=False)

    def lookup(self, keys: Keys, *, up_to: int) -> tuple[npt.NDArray[np.bool_], Notes]:
        """Whether each key is known from an ingest up to number ``up_to``, and its newest notes.

        ``keys``: uint64[n], sorted. Returns bool[n] and uint32[n, columns] (zeros where unknown).
        """
        found = np.zeros(len(keys), dtype=bool)
        notes = np.zeros((len(keys), self.columns), dtype=np.uint32)
        perhaps = self._written.perhaps(keys)
        with self._opened(up_to) as files:
            # Oldest file first, and each overwrites what the ones before it said of a key: the newest notes win.
            for file in files:
                asked = perhaps if file.name in self._written.names else slice(None)
                stored, wanted = file.keys(), keys[asked]
                # Where each would stand. Behind the last is nothing: the first is taken, which is no hit.
                at = np.searchsorted(stored, wanted)
                at[at == len(stored)] = 0
                hits = np.flatnonzero(stored[at] == wanted)
                # ``hits`` are places in ``wanted``; in ``keys`` these are other ones where only some were asked.
                rows = perhaps[hits] if asked is perhaps else hits
                if self.columns:
                    stored_notes = file.notes()
                    notes[rows, : stored_notes.shape[1]] = stored_notes[at[hits]]
                found[rows] = True
        return found, notes

    def write(self, span: Span, keys: Keys, notes: Notes | None = None) -> None:
        """Add the keys of one (ingest, part) as a new file, not yet synced. ``keys``: sorted, each once."""
        self._write(span, span, keys, notes)

    def sync(self, ingest: int) -> None:
        """Make what was written for an ingest survive loss of power."""
        for file in self._all():
            if file.last[0] == ingest:
                _sync(file, notes=bool(self.columns))
        if self.folder.is_dir():
            sync_folder(self.folder)

    def merge(self, *, up_to: int, since: int = 0) -> None:
        """Merge the newest small files of ingests ``since`` to ``up_to`` where they are many; newer notes win.

        Files of an ingest that is not committed yet must not be merged with older ones: they may have to go.
        """
        small = _worth_merging([file for file in self._files(up_to) if file.first[0] >= since])
        if not small:
            return
        with ExitStack() as stack:
            opened = [file.open(stack, notes=bool(self.columns)) for file in small]
            keys, notes = self._joined([(file.keys(), file.notes()) for file in opened])
        # stable sort keeps file order among equal keys, so the last of each run is the newest
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        # A key is the last of its run where the next one differs; the very last always is.
        newest = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.zeros(0, dtype=bool)
        notes = notes[order][newest]
        # The merged file comes before the files that it replaces go: a kill in between leaves both, which is no harm,
        # for `_files` passes over what lies within another's span.
        ours = all(file.path.name in self._written.names for file in small)
        merged = self._write(small[0].first, small[-1].last, keys[newest], notes, ours=ours)
        if merged is not None:
            _sync(merged, notes=bool(self.columns))
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
        for left in [*self.folder.glob("*.part"), *self.folder.glob("*.notes")]:
            if not left.with_suffix(".keys").exists():
                left.unlink(missing_ok=True)

    def everything(self, *, up_to: int, noted: tuple[int, int] | None = None) -> tuple[Keys, Notes]:
        """All keys, sorted and each once, with their newest notes.

        ``noted``: a column and a number; only keys whose note there is not zero and at most that. It is a column that
        keeps what it has once it is not zero, so that each file is asked by itself, and few keys cost little.
        """
        with self._opened(up_to) as files:
            keys, notes = self._joined([_noted(file, noted) for file in files])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        newest = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
        return keys[newest], notes[order[newest]]

    @contextmanager
    def _opened(self, up_to: int) -> Iterator[list[_Open]]:
        """The files as they were at one moment, open: a merge may remove them meanwhile.

        A folder is not listed in one moment: a list that was made during a merge may lack the merged file and those
        that it replaced. The next list differs then.
        """
        while True:
            files = self._files(up_to)
            with ExitStack() as stack:
                try:
                    opened = [file.open(stack, notes=bool(self.columns)) for file in files]
                except FileNotFoundError:
                    if files == self._files(up_to):
                        raise  # no merge: it is lost
                    continue
                if files == self._files(up_to):
                    yield opened
                    return

    def _files(self, up_to: int) -> list[_File]:
        """Oldest first; without uncommitted ones and those inside a merged one.

        One of several ingests is committed as a whole, though the last of them may be later than a reader knew of.
        """
        kept: list[_File] = []
        # By their begin, the wider first: so a merged file comes before those that it was made of.
        for file in sorted(self._all(), key=lambda file: (file.first, (-file.last[0], -file.last[1]))):
            if file.first[0] <= up_to and not (kept and file.last <= kept[-1].last):
                kept.append(file)
        return kept

    def _all(self) -> list[_File]:
        if not self.folder.is_dir():
            return []
        return [_File(*_span(path), path) for path in self.folder.glob("*.keys")]

    def _joined(self, files: Sequence[tuple[Keys, Notes]]) -> tuple[Keys, Notes]:
        """The keys of several files, one after the other, and their notes."""
        keys = np.concatenate([np.zeros(0, dtype=np.uint64), *(of for of, _ in files)])
        notes = np.zeros((len(keys), self.columns), dtype=np.uint32)
        start = 0
        for of, stored in files:
            notes[start : start + len(of), : stored.shape[1]] = stored
            start += len(of)
        return keys, notes

    def _write(self, first: Span, last: Span, keys: Keys, notes: Notes | None, *, ours: bool = True) -> _File | None:
        if not len(keys):
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{first[0]:010d}.{first[1]:06d}-{last[0]:010d}.{last[1]:06d}.keys"
        if self.columns:
            if notes is None:
                raise ValueError("these keys carry notes")
            path.with_suffix(".notes").write_bytes(notes.astype(np.uint32, copy=False).data)
            cut("keys.notes")
        # the name that readers look for comes last, and whole
        part = path.with_suffix(".part")
        part.write_bytes(keys.data)
        part.rename(path)
        cut("keys.written")
        if ours:
            self._written.add(path.name, keys)
        return _File(first, last, path)


def _place(keys: Keys) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    """The byte and the bit of each key: its first bits, as keys are hashes."""
    # Of the first 27 bits the upper 24 are the byte, the lower 3 the bit in it.
    top = keys >> np.uint64(64 - _FILTER_BITS)
    return top >> np.uint64(3), np.left_shift(np.uint8(1), (top & np.uint64(7)).astype(np.uint8))


def _worth_merging(files: list[_File]) -> list[_File]:
    """The newest files, as far back as each is no larger than all newer ones together; none when they are few.

    So a key is copied a few times in its life (the logarithm of its number), and few files are left to look in.
    """
    total, count = 0, 0
    for file in reversed(files):
        if file.size >= _FULL or (count > 1 and file.size > total):
            break
        total, count = total + file.size, count + 1
    return files[len(files) - count :] if count >= _FEW_FILES else []


def _noted(file: _Open, noted: tuple[int, int] | None) -> tuple[Keys, Notes]:
    """The keys of a file and their notes, of those alone that have something up to a number noted in a column."""
    keys, notes = file.keys(), file.notes()
    if noted is None:
        return keys, notes
    column, most = noted
    if column >= notes.shape[1]:
        return keys[:0], notes[:0]
    values = notes[:, column].copy()
    # The column was copied before: a column of a mapped file lies far apart, and is read twice here.
    rows = np.flatnonzero((values > 0) & (values <= most))
    return keys[rows], notes[rows]


def _sync(file: _File, *, notes: bool) -> None:
    if notes:
        sync_file(file.notes_path)
    sync_file(file.path)


def _remove(file: _File) -> None:
    file.path.unlink(missing_ok=True)
    file.notes_path.unlink(missing_ok=True)


def _span(path: Path) -> tuple[Span, Span]:
    first, last = path.stem.split("-")
    return _number(first), _number(last)


def _number(text: str) -> Span:
    ingest, part = text.split(".")
    return int(ingest), int(part)
