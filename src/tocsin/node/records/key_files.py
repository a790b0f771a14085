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

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Final
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from tocsin.node.errors import StorageError
from tocsin.node.files import link_or_copy, sync_folder
from tocsin.node.records.key_filter import AskedKeys, Keys, Words, add_keys, empty_filter
from tocsin.node.records.key_levels import TIER, Notes, merged, worth_merging
from tocsin.node.records.key_memory import LARGE, KeyMemory, KeySearch, MappedKeys, noted_keys, touch
from tocsin.node.records.key_names import (
    BESIDES,
    NAME,
    Span,
    StoredKeys,
    listed,
    move,
    parts_of,
    paths_of,
    remove,
    span_of,
    sync,
    visible,
)
from tocsin.node.records.key_place import KeyPlace
from tocsin.node.records.kill_points import cut

LARGE_MERGE: Final = 1 << 26
"""Keys of the largest file that a merge makes, when nobody waits: that takes half a minute."""

_SMALL_MERGE = 1 << 22  # keys of the largest file that is made beside an ingest, in about a second
_MANY = 1_000  # keys asked for at once; then small files are worth reading as a whole, to add them to that filter
_DIVISION = re.compile(r"\d+of\d+")
_PAST = "past"  # the folder of what merges replaced, where that is kept
_ALL: Final = 1 << 62  # a number that no ingest has


def _count_of(division: str) -> str:
    return division.partition("of")[2]


def none_passed(_up_to: int) -> AbstractSet[int]:
    """Where every number that is given becomes an ingest, or is given again."""
    return frozenset()


@dataclass(frozen=True)
class KeyFiles:
    """The key files of one folder; each key has ``columns`` unsigned 32-bit notes.

    Where they are kept for all machines (``kept``), the folder has copies: what is written here goes there in `sync`,
    and what others wrote comes here when it is first asked for.

    A file of fewer columns, written before more were kept, is read as having zeros in the others. ``keep``: so long
    what a merge replaced stays, so that the keys can be taken back to an ingest of that time.

    Keys must be hashes. Several threads may look up, while one writes and another merges what is committed.

    ``division``: which of several owners writes here, as ``3of8``: into a folder of its own below. All are read,
    but an owner reads none of the others of its own count. ``passed``: for a reader of all ingests up to some number,
    the numbers whose files are seen by nobody.
    """

    folder: Path
    columns: int = 0
    division: str = ""
    passed: Callable[[int], AbstractSet[int]] = none_passed
    keep: timedelta = timedelta(0)
    kept: KeyPlace | None = None
    _memory: KeyMemory = field(default_factory=KeyMemory, compare=False, repr=False)

    def lookup(
        self, asked: Keys | AskedKeys, *, up_to: int, before: Span | None = None, since: int = 0
    ) -> tuple[npt.NDArray[np.bool_], Notes]:
        """Whether each key is known from an ingest up to number ``up_to``, and its newest notes.

        Keys: uint64[n], sorted, each once. Returns bool[n] and uint32[n, columns] (zeros where unknown). ``before``:
        what begins at this (ingest, part) does not count, so that a part that is settled again does not meet itself.
        ``since``: nor does what begins before this ingest.
        """
        asked = asked if isinstance(asked, AskedKeys) else AskedKeys(asked)
        keys = asked.keys
        found = np.zeros(len(keys), dtype=bool)
        notes = np.zeros((len(keys), self.columns), dtype=np.uint32)
        search = KeySearch(asked, self._memory.small)
        # Oldest file first, and each overwrites what the ones before it said of a key: the newest notes win.
        for file, mapped in self._opened(up_to, lambda one: one.first[0] < since or search.skips(one), before):
            places = search.places(file, mapped.words)
            for hits, stored in mapped.found(keys if places is None else keys[places]):
                # ``hits`` are places in what was asked; in ``keys`` these are other ones where only some were.
                rows = hits if places is None else places[hits]
                notes[rows, : stored.shape[1]] = stored
                found[rows] = True
            if places is None and len(mapped.keys) < LARGE and len(keys) >= _MANY:
                self._memory.add(file, mapped.keys)
        return found, notes

    def link_to(self, folder: Path, *, up_to: int) -> None:
        """Make a folder that has what ingests up to a number brought, as it is now; each file by another name."""
        before, lost = None, None
        while (files := self._files(up_to)) != before:  # as in `_opened`: a merge may go on beside
            before, lost = files, None
            shutil.rmtree(folder, ignore_errors=True)
            try:
                for file in files:
                    there = folder / file.folder.relative_to(self.folder)
                    there.mkdir(parents=True, exist_ok=True)
                    for path in paths_of(file)[::-1]:  # the keys are the first that goes
                        if path.exists() or path == file.path:
                            link_or_copy(path, there / path.name)
            except FileNotFoundError as error:
                lost = error
        if lost is not None:
            raise lost

    def write(self, span: Span, keys: Keys, notes: Notes | None = None) -> None:
        """Add the keys of one (ingest, part) as a new file, not yet synced. ``keys``: sorted, each once."""
        if not len(keys):
            return
        if notes is None:
            if self.columns:
                raise ValueError("these keys carry notes")
            notes = np.zeros((len(keys), 0), dtype=np.uint32)
        file = self._write(span, span, [(keys, notes)], len(keys))
        if len(keys) < LARGE:
            self._memory.add(file, keys)

    def sync(self, ingest: int, part: int = 0) -> None:
        """Make what was written for an ingest, from a part on, survive loss of power, and be there for all machines."""
        for file in self._all():
            if file.last[0] == ingest and file.last[1] >= part:
                sync(file.path, *(file.path.with_suffix(suffix) for suffix in BESIDES))
                if self.kept is not None:
                    self.kept.give(file, self.folder)
        for folder in (self._own, self.folder, *self.folder.parents[:2]):
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

    def merge_now(
        self,
        *,
        up_to: int,
        since: int = 0,
        most: int = _SMALL_MERGE,
        whole: bool = False,
        before: Span | None = None,
    ) -> None:
        """Merge the newest files of ingests ``since`` to ``up_to`` as long as they are many; newer notes win.

        ``before``: as in `lookup`.
        ``most``: keys of a merged file. ``whole``: nothing will be added, so that all becomes one file where it may.
        """
        while True:
            listed = visible(self._all(), up_to, self.passed(up_to), before)
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
        with suppress(OSError, StorageError):  # without room for it now, a later ingest merges
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
                remove(file)
        for suffix in (".part", *BESIDES):
            for left in (*self.folder.glob(f"*{suffix}"), *self.folder.glob(f"*of*/*{suffix}")):
                if newest is not None and int(left.name.partition(".")[0]) > newest:
                    continue
                if suffix == ".part" or not left.with_suffix(".keys").exists():
                    left.unlink(missing_ok=True)
        self._clean_past(up_to, newest)

    def _clean_past(self, up_to: int, newest: int | None) -> None:
        """Of what merges replaced, and of what is kept for all machines, remove what nobody needs any more."""
        since = time.time() - self.keep.total_seconds()
        for left in (*self.folder.glob(f"{_PAST}/*"), *self.folder.glob(f"*of*/{_PAST}/*")):
            if left.stat().st_mtime < since:
                left.unlink(missing_ok=True)
        if self.kept is None:
            return
        passed, files = self.passed(up_to), self.kept.files()
        seen = {file.path for file in visible(self._keys(files), up_to, passed)}
        gone = []
        for name, modified in files.items():
            file = self._file(name)
            if file.path.with_suffix(".keys") not in seen and (newest is None or file.first[0] <= newest):
                is_past = file.last[0] <= up_to and file.first[0] not in passed  # a merge replaced it
                if not is_past or modified < since:
                    gone.append(name)
        self.kept.forget(gone)

    def delete(self) -> None:
        """Remove all of them."""
        self.end_merge()
        if self.kept is not None:
            self.kept.forget(self.kept.files())
        shutil.rmtree(self.folder, ignore_errors=True)

    def reaches_beyond(self, ingest: int) -> bool:
        """Whether an ingest up to this number was merged with a later one."""
        return any(file.last[0] > ingest for file in self._files(ingest))

    def check_can_go_back(self, up_to: int) -> None:
        """Whether `take_back` will do; nothing is changed.

        Raises:
            StorageError: an ingest was merged with later ones so long ago that what was merged is gone.

        """
        self.end_merge()
        self._returning(up_to)

    def take_back(self, *, up_to: int, aside: Path) -> None:
        """Leave only what ingests up to a number brought; files with more go to a folder. For the writer.

        Raises:
            StorageError: as `check_can_go_back`.

        """
        self.check_can_go_back(up_to)
        if self.kept is not None:
            self._take_back_kept(self.kept, up_to, aside)
            return
        for part, folder in self._returning(up_to):
            if part.folder != folder:
                move(part, folder)
        cut("takeback.returned")
        for folder in {file.folder for file in self._all()}:
            for file in (*listed(folder), *listed(folder / _PAST)):
                if file.last[0] > up_to:
                    move(file, aside / folder.relative_to(self.folder))

    def _take_back_kept(self, kept: KeyPlace, up_to: int, aside: Path) -> None:
        """The same for all machines. What merges replaced lies beside what they made of it, and is seen again."""
        gone = [name for name in kept.files() if self._file(name).last[0] > up_to]
        for name in gone:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            kept.place.fetch(kept.named(name), aside / name)
        cut("takeback.returned")
        kept.forget(gone)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _returning(self, up_to: int) -> list[tuple[StoredKeys, Path]]:
        """The files that were merged with those of later ingests, and the folder that each belongs to."""
        every, found = self._all(), []
        if self.kept is not None:
            every = [self._file(name) for name in self.kept.files() if name.endswith(".keys")]
        for folder in {file.folder for file in every}:
            here = [file for file in every if file.folder == folder]
            there = [*listed(folder / _PAST), *here]
            for file in visible(here, up_to, frozenset()):
                if file.last[0] > up_to:
                    found += [(part, folder) for part in parts_of(file, there, up_to)]
        return found

    def everything(self, *, up_to: int, noted: tuple[int, int] | None = None) -> tuple[Keys, Notes]:
        """All keys, sorted and each once, with their newest notes.

        ``noted``: a column and a number; only keys whose note there is not zero and at most that. It is a column that
        keeps what it has once it is not zero, so that each file is asked by itself, and few keys cost little.
        """
        files = [mapped for _, mapped in self._opened(up_to)]
        found = list(merged([noted_keys(file, noted) for file in files], self.columns, lambda: touch(files)))
        if not found:
            return np.zeros(0, dtype=np.uint64), np.zeros((0, self.columns), dtype=np.uint32)
        keys, notes = zip(*found, strict=True)
        return np.concatenate(keys), np.concatenate(notes)

    def _opened(
        self, up_to: int, skips: Callable[[StoredKeys], bool] = lambda _: False, before: Span | None = None
    ) -> Iterator[tuple[StoredKeys, MappedKeys]]:
        """The files as they were at one moment, oldest first: a merge may remove them meanwhile.

        A folder is not listed in one moment: a list that was made during a merge may lack the merged file and those
        that it replaced. The next list differs then, and lacks what was gone before it could be opened. ``skips``:
        whether a file need not be opened.
        """
        self._copy(up_to)
        opened: dict[StoredKeys, MappedKeys] = {}
        listed = self._all()
        while True:
            files = [file for file in visible(listed, up_to, self.passed(up_to), before) if not skips(file)]
            lost = None
            try:
                for file in files:
                    opened[file] = opened.get(file) or self._memory.mapped.get(file) or MappedKeys(file, self.columns)
            except FileNotFoundError as error:
                lost = error
            last, listed = listed, self._all()
            if set(listed) == set(last):
                break
        if lost is not None:
            raise lost  # no merge took it
        self._memory.keep(set(listed), {file: opened[file] for file in files if len(opened[file].keys) >= LARGE})
        return ((file, opened[file]) for file in files)

    def _files(self, up_to: int) -> list[StoredKeys]:
        self._copy(up_to)
        return visible(self._all(), up_to, self.passed(up_to))

    @property
    def _own(self) -> Path:
        """Where this one writes."""
        return self.folder / self.division

    def _copy(self, up_to: int) -> None:
        """Bring here what other machines wrote of ingests up to a number, once for each number."""
        if self.kept is None or self._has_copies(up_to):
            return
        with self._memory.copying:
            while not self._has_copies(up_to):
                names = self.kept.files()
                try:
                    for file in visible(self._keys(names), up_to, self.passed(up_to)):
                        if not file.path.exists():
                            self.kept.fetch(file, self.folder, names)
                except FileNotFoundError:  # another machine merged it meanwhile
                    continue
                self._memory.copied = (up_to, self._inode())
            seen = set(visible(here := self._all(), _ALL, frozenset()))
            for file in here:
                if file not in seen:  # merged elsewhere
                    remove(file)

    def _has_copies(self, up_to: int) -> bool:
        """Whether that was done, and nobody removed the folder since."""
        copied, folder = self._memory.copied
        return up_to <= copied and folder == self._inode()

    def _inode(self) -> int:
        return self.folder.stat().st_ino if self.folder.is_dir() else 0

    def _keys(self, names: Iterable[str]) -> list[StoredKeys]:
        """Those of the kept files that are read here."""
        keys = (name.rpartition("/") for name in names if name.endswith(".keys"))
        return [
            self._file(f"{folder}{slash}{name}") for folder, slash, name in keys if not folder or self._reads(folder)
        ]

    def _file(self, name: str) -> StoredKeys:
        folder, _, name = name.rpartition("/")
        return StoredKeys(*span_of(name), self.folder / folder, name, 0)

    def _all(self) -> list[StoredKeys]:
        found: list[StoredKeys] = []
        folders = [self.folder]
        for folder in folders:
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for one in entries:
                    if one.name.endswith(".keys") and NAME.fullmatch(one.name):
                        found.append(StoredKeys(*span_of(one.name), folder, one.name, one.inode()))
                    elif folder == self.folder and self._reads(one.name):
                        folders.append(folder / one.name)
        return found

    def _reads(self, name: str) -> bool:
        """Whether an entry of the folder is a division that this one reads."""
        if _DIVISION.fullmatch(name) is None:
            return False
        return name == self.division or _count_of(name) != _count_of(self.division)

    def _is_of_other_count(self, file: StoredKeys) -> bool:
        return file.folder != self._own and (
            file.folder == self.folder or _count_of(file.folder.name) != _count_of(self.division)
        )

    def _merge(self, files: Sequence[StoredKeys], *, safe: bool) -> None:
        """Make one file of several that follow each other; ``safe``: it survives loss of power before they go."""
        small, opened = self._memory.small, [MappedKeys(file, self.columns) for file in files]

        def each() -> None:
            touch(opened)
            cut("keys.merging")

        blocks = merged([(mapped.keys, mapped.notes) for mapped in opened], self.columns, each)
        size = sum(len(mapped.keys) for mapped in opened)
        # The merged file comes before the files that it replaces go: a kill in between leaves both, which is no harm,
        # for `visible` passes over what lies within another's span.
        file = self._write(files[0].first, files[-1].last, blocks, size, safe=safe)
        if small.files.issuperset(files):
            small.files.add(file)
        small.files.difference_update(files)
        cut("keys.merged")
        if safe and self.kept is not None:
            self.kept.give(file, self.folder)
            if not self.keep:  # else it stays there for as long, within the span of the new one and so seen by nobody
                self.kept.forget(path.relative_to(self.folder).as_posix() for old in files for path in paths_of(old))
        for old in files:
            move(old, old.folder / _PAST) if safe and self.keep and self.kept is None else remove(old)
            cut("keys.removing")

    def _write(
        self, first: Span, last: Span, blocks: Iterable[tuple[Keys, Notes]], most: int, *, safe: bool = False
    ) -> StoredKeys:
        """Write blocks of keys, at most so many in all, as one file; ``safe``: it survives loss of power."""
        self._own.mkdir(parents=True, exist_ok=True)
        name = f"{first[0]:010d}.{first[1]:06d}-{last[0]:010d}.{last[1]:06d}.keys"
        path = self._own / name
        # The name that readers look for comes last, and each file whole: an owner of these keys that was thought dead
        # may write them once more, the same bytes, while others read them.
        besides, own = [path.with_suffix(suffix) for suffix in BESIDES], uuid4().hex
        part, *parts = (path.with_suffix(f".{number}-{own}.part") for number in range(1 + len(besides)))
        words = empty_filter(most) if most >= LARGE else None
        try:
            self._write_blocks(blocks, part, parts[0], words)
            cut("keys.notes")
            if words is not None:
                parts[1].write_bytes(words.data)
                cut("keys.filter")
            if safe:
                sync(part, *parts)
            for written, beside, there in zip(parts, besides, (self.columns, words is not None), strict=True):
                if there:
                    written.rename(beside)
            part.rename(path)
        except BaseException:
            for left in (part, *parts):
                left.unlink(missing_ok=True)
            raise
        if safe:
            sync_folder(self._own)
        cut("keys.written")
        return StoredKeys(first, last, self._own, name, path.stat().st_ino)

    def _write_blocks(
        self, blocks: Iterable[tuple[Keys, Notes]], keys_to: Path, notes_to: Path, words: Words | None
    ) -> None:
        with ExitStack() as stack:
            keys_out = stack.enter_context(keys_to.open("wb"))
            notes_out = stack.enter_context(notes_to.open("wb")) if self.columns else None
            for keys, notes in blocks:
                keys_out.write(keys.data)
                if notes_out is not None:
                    notes_out.write(np.ascontiguousarray(notes, dtype=np.uint32).data)
                if words is not None:
                    add_keys(words, keys)
