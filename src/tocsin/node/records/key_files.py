"""Sorted key files: which 64-bit keys were seen before, and what was noted of each.

Keys live in a folder as sorted files that are merged as they grow (a log-structured merge tree), so that asking for a
batch of keys costs one pass over few files and memory does not grow with what was ever seen.
A file is named after the span of (ingest, part) numbers that it covers. A file of an ingest that was never committed
is not read, and removed by `clean`; one that a merge has made superfluous likewise.

``A.B-C.D.keys`` holds uint64 keys, sorted, each once, as numpy has them; ``A.B-C.D.notes`` beside it
uint32 notes, a row of ``columns`` numbers for each key, in the order of the keys; beside a large file
``A.B-C.D.filter`` the words of its filter (`key_filter`). A.B is the (ingest, part) of the
oldest file that went into it, C.D that of the newest: so names alone say which of two files is the newer one, and which
lies within the other.
"""

import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Final

import numpy as np
import numpy.typing as npt

from tocsin.node.files import sync_file, sync_folder
from tocsin.node.records.key_filter import AskedKeys, Keys, Words, add_keys, empty_filter
from tocsin.node.records.key_levels import TIER, Notes, merged, worth_merging
from tocsin.node.records.kill_points import cut

Span = tuple[int, int]

LARGE_MERGE: Final = 1 << 26
"""Keys of the largest file that a merge makes, when nobody waits: that takes half a minute."""

_SMALL_MERGE = 1 << 22  # keys of the largest file that is made beside an ingest, in about a second
_LARGE = 1 << 20  # keys; such a file has a filter beside it, and stays mapped
_REMEMBERED = 1 << 24  # keys of small files in the filter that one object holds in memory, at two bytes each
_MANY = 1_000  # keys asked for at once; then small files are worth reading as a whole, to add them to that filter
_DIVISION = re.compile(r"\d+of\d+")
_BESIDES = (".notes", ".filter")
_STEP = 4_096  # keys looked up at a time in a file that stays mapped
_WINDOW = 1 << 16  # bytes that the system maps at once around one that is read
_MOST_MAPPED = 1 << 23  # bytes; then the process lets go of what the system mapped of a file, but for its filter


@dataclass(frozen=True)
class _File:
    """A file as the folder listed it; one of the same name that was written later has another ``inode``."""

    first: Span
    last: Span
    folder: Path
    name: str
    inode: int

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def size(self) -> int:
        return self.path.stat().st_size // 8


class _Mapped:
    """The numbers of an open file. They can be read after a merge has removed it."""

    def __init__(self, file: _File, columns: int) -> None:
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
        if len(self.keys) >= _LARGE:
            with suppress(FileNotFoundError):  # written before there were filters
                self.words = self._numbers(file.path.with_suffix(".filter"), np.uint64)
                self._maps.pop()  # all of it is read each time

    def _numbers(self, path: Path, kind: type[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._maps.append(mapped)
        return np.frombuffer(mapped, dtype=kind)

    def found(self, wanted: Keys) -> Iterator[tuple[npt.NDArray[np.intp], Notes]]:
        """The places of those of ``wanted`` (sorted) that are in the file, and their notes; some at a time."""
        for start in range(0, len(wanted), _STEP):
            some = wanted[start : start + _STEP]
            # Where each would stand. Behind the last is nothing: the first is taken, which is no hit.
            at = np.searchsorted(self.keys, some)
            at[at == len(self.keys)] = 0
            hits = np.flatnonzero(self.keys[at] == some)
            yield hits + start, self.notes[at[hits]]
            self.touch(len(some) * _WINDOW)

    def touch(self, size: int) -> None:
        """Note that about so many bytes were read; now and then the process lets go of them."""
        self._touched += size
        if self._touched >= _MOST_MAPPED:
            self._touched = 0
            for mapped in self._maps:
                mapped.madvise(mmap.MADV_DONTNEED)


class _SmallFiles:
    """The small files that one object wrote or read, and a filter of all their keys."""

    def __init__(self, capacity: int) -> None:
        self.files: set[_File] = set()
        self.words = empty_filter(capacity)
        self.left = capacity


class _Memory:
    """What all threads have in memory of a folder: the large files mapped, and a filter of the small ones."""

    def __init__(self) -> None:
        self.mapped: dict[_File, _Mapped] = {}
        self.small = _SmallFiles(0)
        self.merging: Thread | None = None
        self.committed = 0  # the last ingest whose files may be merged
        self._capacity = _REMEMBERED >> 8
        self._adding = Lock()

    def add(self, file: _File, keys: Keys) -> None:
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

    def keep(self, listed: AbstractSet[_File], large: Mapping[_File, _Mapped]) -> None:
        """Keep the large files mapped that were opened, and forget those that are there no more."""
        with self._adding:
            self.mapped |= large
            for gone in self.mapped.keys() - listed:
                del self.mapped[gone]


class _Search:
    """One look-up: which keys are asked of which file."""

    def __init__(self, asked: AskedKeys, small: _SmallFiles) -> None:
        # The files before the filter: what is added meanwhile is in neither.
        self._known = frozenset(small.files)
        self._asked = asked
        self._perhaps = self._asked.in_filter(small.words) if self._known else np.zeros(0, dtype=np.intp)

    def skips(self, file: _File) -> bool:
        """Whether none of the keys is in it, as far as memory tells."""
        return file in self._known and not len(self._perhaps)

    def places(self, file: _File, words: Words | None) -> npt.NDArray[np.intp] | None:
        """The places of the keys that may be in a file; None: of all."""
        if words is not None:
            return self._asked.in_filter(words)
        return self._perhaps if file in self._known else None


def _count_of(division: str) -> str:
    return division.partition("of")[2]


def none_passed(_up_to: int) -> AbstractSet[int]:
    """Where every number that is given becomes an ingest, or is given again."""
    return frozenset()


@dataclass(frozen=True)
class KeyFiles:
    """The key files of one folder; each key has ``columns`` unsigned 32-bit notes.

    A file of fewer columns, written before more were kept, is read as having zeros in the others.

    Keys must be hashes. Several threads may look up, while one writes and another merges what is committed.

    ``division``: which of several owners writes here, as ``3of8``: into a folder of its own below. All are read,
    but an owner reads none of the others of its own count. ``passed``: for a reader of all ingests up to some number,
    the numbers whose files are seen by nobody.
    """

    folder: Path
    columns: int = 0
    division: str = ""
    passed: Callable[[int], AbstractSet[int]] = none_passed
    _memory: _Memory = field(default_factory=_Memory, compare=False, repr=False)

    def lookup(self, asked: Keys | AskedKeys, *, up_to: int) -> tuple[npt.NDArray[np.bool_], Notes]:
        """Whether each key is known from an ingest up to number ``up_to``, and its newest notes.

        Keys: uint64[n], sorted. Returns bool[n] and uint32[n, columns] (zeros where unknown).
        """
        asked = asked if isinstance(asked, AskedKeys) else AskedKeys(asked)
        keys = asked.keys
        found = np.zeros(len(keys), dtype=bool)
        notes = np.zeros((len(keys), self.columns), dtype=np.uint32)
        search = _Search(asked, self._memory.small)
        # Oldest file first, and each overwrites what the ones before it said of a key: the newest notes win.
        for file, mapped in self._opened(up_to, search.skips):
            places = search.places(file, mapped.words)
            for hits, stored in mapped.found(keys if places is None else keys[places]):
                # ``hits`` are places in what was asked; in ``keys`` these are other ones where only some were.
                rows = hits if places is None else places[hits]
                notes[rows, : stored.shape[1]] = stored
                found[rows] = True
            if places is None and len(mapped.keys) < _LARGE and len(keys) >= _MANY:
                self._memory.add(file, mapped.keys)
        return found, notes

    def write(self, span: Span, keys: Keys, notes: Notes | None = None) -> None:
        """Add the keys of one (ingest, part) as a new file, not yet synced. ``keys``: sorted, each once."""
        if not len(keys):
            return
        if notes is None:
            if self.columns:
                raise ValueError("these keys carry notes")
            notes = np.zeros((len(keys), 0), dtype=np.uint32)
        file = self._write(span, span, [(keys, notes)], len(keys))
        if len(keys) < _LARGE:
            self._memory.add(file, keys)

    def sync(self, ingest: int) -> None:
        """Make what was written for an ingest survive loss of power."""
        for file in self._all():
            if file.last[0] == ingest:
                _sync(file.path, *(file.path.with_suffix(suffix) for suffix in _BESIDES))
        for folder in (self.folder, self._own):
            if folder.is_dir():
                sync_folder(folder)

    def merge(self, *, up_to: int) -> None:
        """Begin to merge what is committed, beside what its caller does; `end_merge` waits for it.

        Files of an ingest that is not committed yet must not be merged with older ones: they may have to go.
        """
        self._memory.committed = up_to
        if self._memory.merging is None or not self._memory.merging.is_alive():
            self._memory.merging = Thread(target=self._merge_beside, name="merging keys")
            self._memory.merging.start()

    def end_merge(self) -> None:
        """Wait until nothing is merged beside."""
        if self._memory.merging is not None:
            self._memory.merging.join()

    def merge_now(self, *, up_to: int, since: int = 0, most: int = _SMALL_MERGE, whole: bool = False) -> None:
        """Merge the newest files of ingests ``since`` to ``up_to`` as long as they are many; newer notes win.

        ``most``: keys of a merged file. ``whole``: nothing will be added, so that all becomes one file where it may.
        """
        while True:
            listed = self._files(up_to)
            # Notes of a division of another count may be newer than some of ours: no merge goes across those.
            after = max((file.last for file in listed if self._is_of_other_count(file)), default=(0, 0))
            files = [file for file in listed if file.first >= max(after, (since, 0)) and file.folder == self._own]
            if not whole and len(files) < TIER:
                return
            sizes = [file.size for file in files]
            count = len(files) if whole and sum(sizes) <= most else worth_merging(sizes, most)
            if count < 2:
                return
            self._merge(files[len(files) - count :], safe=not since)

    def _merge_beside(self) -> None:
        merged_to = -1
        with suppress(OSError):  # without room for it now, a later ingest merges
            while merged_to < self._memory.committed:
                merged_to = self._memory.committed
                self.merge_now(up_to=merged_to)

    def clean(self, *, up_to: int, newest: int | None = None) -> None:
        """Remove files of ingests after ``up_to``, those that a merge has made superfluous, and halves of files.

        ``newest``: none of a later ingest than this one.
        """
        self.end_merge()
        kept = set(self._files(up_to))
        for file in self._all():
            if file not in kept and (newest is None or file.first[0] <= newest):
                _remove(file)
        for suffix in (".part", *_BESIDES):
            for left in (*self.folder.glob(f"*{suffix}"), *self.folder.glob(f"*of*/*{suffix}")):
                if newest is not None and int(left.name.partition(".")[0]) > newest:
                    continue
                if not left.with_suffix(".keys").exists():
                    left.unlink(missing_ok=True)

    def everything(self, *, up_to: int, noted: tuple[int, int] | None = None) -> tuple[Keys, Notes]:
        """All keys, sorted and each once, with their newest notes.

        ``noted``: a column and a number; only keys whose note there is not zero and at most that. It is a column that
        keeps what it has once it is not zero, so that each file is asked by itself, and few keys cost little.
        """
        files = [mapped for _, mapped in self._opened(up_to)]
        found = list(merged([_noted(file, noted) for file in files], self.columns, lambda: _touch(files)))
        if not found:
            return np.zeros(0, dtype=np.uint64), np.zeros((0, self.columns), dtype=np.uint32)
        keys, notes = zip(*found, strict=True)
        return np.concatenate(keys), np.concatenate(notes)

    def _opened(self, up_to: int, skips: Callable[[_File], bool] = lambda _: False) -> Iterator[tuple[_File, _Mapped]]:
        """The files as they were at one moment, oldest first: a merge may remove them meanwhile.

        A folder is not listed in one moment: a list that was made during a merge may lack the merged file and those
        that it replaced. The next list differs then, and lacks what was gone before it could be opened. ``skips``:
        whether a file need not be opened.
        """
        opened: dict[_File, _Mapped] = {}
        listed = self._all()
        while True:
            files = [file for file in _visible(listed, up_to, self.passed(up_to)) if not skips(file)]
            lost = None
            try:
                for file in files:
                    opened[file] = opened.get(file) or self._memory.mapped.get(file) or _Mapped(file, self.columns)
            except FileNotFoundError as error:
                lost = error
            before, listed = listed, self._all()
            if set(listed) == set(before):
                break
        if lost is not None:
            raise lost  # no merge took it
        self._memory.keep(set(listed), {file: opened[file] for file in files if len(opened[file].keys) >= _LARGE})
        return ((file, opened[file]) for file in files)

    def _files(self, up_to: int) -> list[_File]:
        return _visible(self._all(), up_to, self.passed(up_to))

    @property
    def _own(self) -> Path:
        """Where this one writes."""
        return self.folder / self.division

    def _all(self) -> list[_File]:
        found: list[_File] = []
        folders = [self.folder]
        for folder in folders:
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for one in entries:
                    if one.name.endswith(".keys"):
                        found.append(_File(*_span(one.name), folder, one.name, one.inode()))
                    elif folder == self.folder and self._reads(one.name):
                        folders.append(folder / one.name)
        return found

    def _reads(self, name: str) -> bool:
        """Whether an entry of the folder is a division that this one reads."""
        if _DIVISION.fullmatch(name) is None:
            return False
        return name == self.division or _count_of(name) != _count_of(self.division)

    def _is_of_other_count(self, file: _File) -> bool:
        return file.folder != self._own and (
            file.folder == self.folder or _count_of(file.folder.name) != _count_of(self.division)
        )

    def _merge(self, files: Sequence[_File], *, safe: bool) -> None:
        """Make one file of several that follow each other; ``safe``: it survives loss of power before they go."""
        small, opened = self._memory.small, [_Mapped(file, self.columns) for file in files]

        def each() -> None:
            _touch(opened)
            cut("keys.merging")

        blocks = merged([(mapped.keys, mapped.notes) for mapped in opened], self.columns, each)
        size = sum(len(mapped.keys) for mapped in opened)
        # The merged file comes before the files that it replaces go: a kill in between leaves both, which is no harm,
        # for `_visible` passes over what lies within another's span.
        file = self._write(files[0].first, files[-1].last, blocks, size, safe=safe)
        if small.files.issuperset(files):
            small.files.add(file)
        small.files.difference_update(files)
        cut("keys.merged")
        for old in files:
            _remove(old)
            cut("keys.removing")

    def _write(
        self, first: Span, last: Span, blocks: Iterable[tuple[Keys, Notes]], most: int, *, safe: bool = False
    ) -> _File:
        """Write blocks of keys, at most so many in all, as one file; ``safe``: it survives loss of power."""
        self._own.mkdir(parents=True, exist_ok=True)
        name = f"{first[0]:010d}.{first[1]:06d}-{last[0]:010d}.{last[1]:06d}.keys"
        path = self._own / name
        # The name that readers look for comes last, and whole.
        part, besides = path.with_suffix(".part"), [path.with_suffix(suffix) for suffix in _BESIDES]
        words = empty_filter(most) if most >= _LARGE else None
        try:
            with ExitStack() as stack:
                keys_out = stack.enter_context(part.open("wb"))
                notes_out = stack.enter_context(besides[0].open("wb")) if self.columns else None
                for keys, notes in blocks:
                    keys_out.write(keys.data)
                    if notes_out is not None:
                        notes_out.write(np.ascontiguousarray(notes, dtype=np.uint32).data)
                    if words is not None:
                        add_keys(words, keys)
            cut("keys.notes")
            if words is not None:
                besides[1].write_bytes(words.data)
                cut("keys.filter")
            if safe:
                _sync(part, *besides)
            part.rename(path)
        except BaseException:
            for left in (part, *besides):
                left.unlink(missing_ok=True)
            raise
        if safe:
            sync_folder(self._own)
        cut("keys.written")
        return _File(first, last, self._own, name, path.stat().st_ino)


def _visible(files: Iterable[_File], up_to: int, passed: AbstractSet[int]) -> list[_File]:
    """Oldest first; without uncommitted ones, those that are passed over, and those inside a merged one.

    One of several ingests is committed as a whole, though the last of them may be later than a reader knew of.
    """
    kept: list[_File] = []
    newest: dict[Path, _File] = {}  # of each folder: an owner merges its own files alone
    # By their begin, the wider first: so a merged file comes before those that it was made of.
    for file in sorted(files, key=lambda file: (file.first, (-file.last[0], -file.last[1]))):
        before = newest.get(file.folder)
        if file.first[0] > up_to or (before is not None and file.last <= before.last):
            continue
        if not (file.first[0] == file.last[0] and file.first[0] in passed):
            kept.append(file)
            newest[file.folder] = file
    return kept


def _noted(file: _Mapped, noted: tuple[int, int] | None) -> tuple[Keys, Notes]:
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


def _touch(files: Iterable[_Mapped]) -> None:
    """Note that a range was read of files that are merged."""
    for file in files:
        file.touch(_MOST_MAPPED >> 3)


def _sync(*paths: Path) -> None:
    for path in paths:
        with suppress(FileNotFoundError):  # not every file has both beside it
            sync_file(path)


def _remove(file: _File) -> None:
    """The keys first: who finds them finds what belongs to them, or finds them gone at the next look."""
    for path in (file.path, *(file.path.with_suffix(suffix) for suffix in _BESIDES)):
        path.unlink(missing_ok=True)


def _span(name: str) -> tuple[Span, Span]:
    first, last = name.rpartition(".")[0].split("-")
    return _number(first), _number(last)


def _number(text: str) -> Span:
    ingest, part = text.split(".")
    return int(ingest), int(part)
