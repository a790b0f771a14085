"""The files of a folder of keys: how their names say what they hold, which of them are seen, how they go.

``A.B-C.D.keys``: A.B is the (ingest, part) of the oldest file that went into it, C.D that of the newest.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tocsin.node.errors import StorageError
from tocsin.node.files import sync_file

Span = tuple[int, int]
BESIDES: Final = (".notes", ".filter")
NAME: Final = re.compile(r"(\d+of\d+/)?\d+\.\d+-\d+\.\d+\.(keys|notes|filter)")
"""How our files are called below their folder; what is called otherwise is somebody else's."""


@dataclass(frozen=True)
class StoredKeys:
    """A file as the folder listed it; one of the same name that was written later has another ``inode``."""

    first: Span
    last: Span
    folder: Path
    name: str
    inode: int

    @property
    def path(self) -> Path:
        """Where its keys are."""
        return self.folder / self.name

    @property
    def size(self) -> int:
        """How many keys it has."""
        return self.path.stat().st_size // 8


def visible(
    files: Iterable[StoredKeys], up_to: int, passed: AbstractSet[int], before: Span | None = None
) -> list[StoredKeys]:
    """Oldest first; without uncommitted ones, those that are passed over, and those inside a merged one.

    One of several ingests is committed as a whole, though the last of them may be later than a reader knew of.
    """
    kept: list[StoredKeys] = []
    newest: dict[Path, StoredKeys] = {}  # of each folder: an owner merges its own files alone
    # By their begin, the wider first: so a merged file comes before those that it was made of.
    for file in sorted(files, key=lambda file: (file.first, (-file.last[0], -file.last[1]))):
        wider = newest.get(file.folder)
        if file.first[0] > up_to or (before and file.first >= before) or (wider and file.last <= wider.last):
            continue
        if not (file.first[0] == file.last[0] and file.first[0] in passed):
            kept.append(file)
            newest[file.folder] = file
    return kept


def listed(folder: Path) -> list[StoredKeys]:
    """The files of one folder."""
    paths = folder.glob("*.keys")
    ours = (path for path in paths if NAME.fullmatch(path.name))
    return [StoredKeys(*span_of(path.name), folder, path.name, path.stat().st_ino) for path in ours]


def parts_of(whole: StoredKeys, there: Sequence[StoredKeys], up_to: int) -> Iterator[StoredKeys]:
    """The files that were merged into one, as far as they are of ingests up to a number."""
    span = whole.first, whole.last
    within = [file for file in there if span[0] <= file.first and file.last <= span[1]]
    parts: list[StoredKeys] = []
    for file in sorted(within, key=lambda file: (file.first, (-file.last[0], -file.last[1]))):
        if (file.first, file.last) != span and not (parts and file.last <= parts[-1].last):
            parts.append(file)
    if not parts or (parts[0].first, parts[-1].last) != span:
        raise StorageError(
            f"{whole.path} has keys of ingests before and after {up_to}, and what it was merged of is gone.",
            hint="Restore records, events and keys from one backup; [storage] recover_days keeps more.",
        )
    for part in parts:
        if part.last[0] <= up_to:
            yield part
        elif part.first[0] <= up_to:
            yield from parts_of(part, there, up_to)


def sync(*paths: Path) -> None:
    """Make files survive loss of power, those that are there."""
    for path in paths:
        with suppress(FileNotFoundError):  # not every file has both beside it
            sync_file(path)


def remove(file: StoredKeys) -> None:
    """The keys first: who finds them finds what belongs to them, or finds them gone at the next look."""
    for path in paths_of(file):
        path.unlink(missing_ok=True)


def move(file: StoredKeys, folder: Path) -> None:
    """As `remove`, but into another folder, where its age counts from now."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths_of(file):
        with suppress(FileNotFoundError):
            os.utime(path)
            path.rename(folder / path.name)


def paths_of(file: StoredKeys) -> tuple[Path, ...]:
    """The file of keys, and what may be beside it."""
    return (file.path, *(file.path.with_suffix(suffix) for suffix in BESIDES))


def span_of(name: str) -> tuple[Span, Span]:
    """The first and the last (ingest, part) in a file, by its name."""
    first, last = name.rpartition(".")[0].split("-")
    return _number(first), _number(last)


def _number(text: str) -> Span:
    ingest, part = text.split(".")
    return int(ingest), int(part)
