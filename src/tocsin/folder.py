"""A folder that reports are put into: what is complete is taken in and moved out of the way."""

import time
from collections.abc import Iterator
from pathlib import Path

from tocsin.app import Node
from tocsin.pipeline import Outcome, ingest_in, open_workshop

_SETTLED = 0.5  # seconds without change after which a file counts as complete


def take_in_folder(
    node: Node, folder: Path, *, source: str | None = None, feed: str | None = None
) -> Iterator[tuple[str, Outcome]]:
    """Take in the files of a folder, one by one in order of name; each goes to ``done/`` or ``failed/``.

    Hidden files, and files that changed in the last half second, are left for the next look. A failed file has its
    reason beside it in ``NAME.reason.txt``.
    """
    complete = [path for path in sorted(folder.iterdir()) if _is_complete(path)]
    if not complete:
        return
    with open_workshop(node) as workshop:
        for path in complete:
            outcome = ingest_in(workshop, [path], source=source, feed=feed)
            _move_away(path, outcome)
            yield path.name, outcome


def _is_complete(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and time.time() - path.stat().st_mtime >= _SETTLED


def _move_away(path: Path, outcome: Outcome) -> None:
    target = _free(path.parent / ("failed" if outcome.failed else "done"), path.name)
    if outcome.failed:
        reason = outcome.failed[0][1]
        target.with_name(target.name + ".reason.txt").write_text(f"{reason}\n{reason.hint}\n", encoding="utf-8")
    if path.exists():
        path.replace(target)


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that is not taken: the same name may come every day."""
    folder.mkdir(exist_ok=True)
    target, number = folder / name, 1
    while target.exists():
        number += 1
        target = folder / f"{name}.{number}"
    return target
