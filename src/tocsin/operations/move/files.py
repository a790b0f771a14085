"""The files that machines share, copied from one place of storage to another, each compared by its SHA-256."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from tocsin.node.errors import StorageError
from tocsin.node.node import Node
from tocsin.node.place import Place, StoredFile
from tocsin.node.records import cut
from tocsin.node.storage import SHARED


@dataclass(frozen=True)
class FileTotals:
    """How many files there are, and their bytes."""

    files: int
    bytes: int


def copy_files(source: Node, target: Node, told: Callable[[int, int], None], *, at_work: bool) -> FileTotals:
    """Let the target have what the source has, and nothing else, in the folders that machines share.

    What is there from a copy that was killed, and is the same, stays. ``told`` is called with bytes done and of all.
    ``at_work``: the node works meanwhile, so that a file may go.

    Raises:
        StorageError: a place failed, or a file differs after it was copied.

    """
    places = [(source.place(name), target.place(name)) for name in SHARED]
    here = [(one, other, file) for one, other in places for file in one.list()]
    done, whole = 0, sum(file.size for _, _, file in here)
    for one, other, file in here:
        try:
            _copy(one, other, file)
        except FileNotFoundError:
            if not at_work:
                raise
        cut("move.file")
        done += file.size
        told(done, whole)
    for one, other in places:
        names = {file.name for file in one.list()}
        for stray in [file.name for file in other.list() if file.name not in names]:
            other.delete(stray)  # merged or purged since an earlier copy
    return FileTotals(len(here), whole)


def is_in_use(target: Node) -> bool:
    """Whether there is anything in the folders that machines share."""
    return any(next(iter(target.place(name).list()), None) is not None for name in SHARED)


def _copy(one: Place, other: Place, file: StoredFile) -> None:
    wanted, there = _hash(one, file.name), other.find(file.name)
    if there is not None and there.size == file.size and _hash(other, file.name) == wanted:
        return
    with one.local(file.name) as path:
        other.put(file.name, path)
    if _hash(other, file.name) != wanted:
        raise StorageError(
            f"{other.path(file.name)} differs after it was copied; the node stays where it was.",
            hint="Look after that disk or server, and give the same command again.",
        )


def _hash(place: Place, name: str) -> str:
    with place.open(name) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
