"""The levels of key files: which files are merged when, and how several become one without being in memory."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tocsin.node.records.key_filter import Keys

Notes = npt.NDArray[np.uint32]

TIER = 8  # files of about one size are merged, and files of the next tier are as many times larger
_SMALLEST = 512  # keys; all smaller files are of the first tier
_RANGE = 1 << 18  # keys of all files that are in memory at once


def tier(size: int) -> int:
    """The tier of a file with so many keys: 0 below 4,096 keys, 1 below 32,768, and so on."""
    return max(0, (size // _SMALLEST).bit_length() - 1) // 3


def worth_merging(sizes: Sequence[int], most: int) -> int:
    """How many of the newest files are to be merged into one of at most ``most`` keys; 0 where none are.

    ``sizes``: the keys of each file, oldest first. Eight files of one tier are merged, with smaller ones between them.
    Where sizes are mixed, many smaller ones are merged too, so that no pattern of sizes leaves more than some forty.
    """
    tiers = [tier(size) for size in sizes]
    # A file that is half full stays as it is: merged with another, it would be written again for little.
    for level in range(max((tiers[at] for at, size in enumerate(sizes) if 2 * size < most), default=-1) + 1):
        count = _run(sizes, tiers, level, most)
        ours = tiers[len(tiers) - count :]
        if ours.count(level) >= TIER or count >= TIER * (level + 1):
            return _fitting(sizes, count, most)
    return 0


def _run(sizes: Sequence[int], tiers: Sequence[int], level: int, most: int) -> int:
    """How many of the newest files are of a tier or below it, one after the other."""
    count = 0
    while count < len(sizes) and tiers[-count - 1] <= level and 2 * sizes[-count - 1] < most:
        count += 1
    return count


def _fitting(sizes: Sequence[int], count: int, most: int) -> int:
    """As many of the ``count`` newest as fit into one file; 0 where no two do."""
    total = 0
    for fitting, size in enumerate(reversed(sizes[len(sizes) - count :])):
        total += size
        if total > most:
            return fitting if fitting > 1 else 0
    return count


def merged(
    files: Sequence[tuple[Keys, Notes]], columns: int, each: Callable[[], None] = lambda: None
) -> Iterator[tuple[Keys, Notes]]:
    """The keys of several files, oldest first, with their newest notes: range after range, sorted and each once.

    A file of fewer than ``columns`` notes has zeros in the others. ``each`` is called after each range.
    """
    at = [0] * len(files)
    step = max(1, _RANGE // max(1, len(files)))
    while any(start < len(keys) for start, (keys, _) in zip(at, files, strict=True)):
        pieces = [keys[start : start + step] for start, (keys, _) in zip(at, files, strict=True)]
        # The range ends where the first file's piece does, if more of that file follows.
        ends = [
            piece[-1] for start, piece, (keys, _) in zip(at, pieces, files, strict=True) if start + step < len(keys)
        ]
        if ends:
            pieces = [piece[: int(np.searchsorted(piece, min(ends), side="right"))] for piece in pieces]
        keys = np.concatenate(pieces)
        notes = np.zeros((len(keys), columns), dtype=np.uint32)
        filled = 0
        for start, piece, (_, stored) in zip(at, pieces, files, strict=True):
            notes[filled : filled + len(piece), : stored.shape[1]] = stored[start : start + len(piece)]
            filled += len(piece)
        yield newest(keys, notes)
        at = [start + len(piece) for start, piece in zip(at, pieces, strict=True)]
        each()


def newest(keys: Keys, notes: Notes) -> tuple[Keys, Notes]:
    """Each key once, sorted, with the last of its notes."""
    # A stable sort keeps the order of files among equal keys, so the last of each run is the newest.
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
    return keys[last], notes[order[last]]
