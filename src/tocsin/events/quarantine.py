"""Rows that could not be used: kept with file, line, reason and raw text until they are mended or expire."""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from tocsin.node.files import sync_folder, sync_open, unfinished
from tocsin.node.sentences import decode_sentence, encode_sentence, say

_PURGED: Final = encode_sentence(say("It was purged."))


@dataclass(frozen=True)
class SetAsideRow:
    """One row that was set aside. ``line`` 0 means the report as a whole.

    ``place``: how many rows its ingest set aside before it, which names it for good. ``withheld``: why its text is not
    in ``raw``, where the gate keeps it back.
    """

    ingest: int
    line: int
    reason: str
    raw: str
    place: int = 0
    withheld: str = ""


@dataclass
class Quarantine:
    """The rows that one ingest sets aside, written as they come; no file where there are none.

    ``header`` is the report's own first line where its records cannot be read without it.
    """

    folder: Path
    ingest: int
    header: str = ""
    count: int = 0
    _out: IO[str] | None = field(default=None, repr=False)

    def add(self, rows: Sequence[tuple[int, str, str]]) -> None:
        """Set rows aside: line, reason and raw text of each."""
        if not rows:
            return
        if self._out is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._out = _path(self.folder, self.ingest).open("w", encoding="utf-8")
            self._out.write(json.dumps({"header": self.header}) + "\n")
        self._out.writelines(
            json.dumps({"line": line, "reason": encode_sentence(reason), "raw": raw}) + "\n"
            for line, reason, raw in rows
        )
        self.count += len(rows)

    def sync(self) -> int:
        """Make them survive loss of power; returns how many there are."""
        if self._out is not None:
            self._out.flush()
            os.fsync(self._out.fileno())
        return self.count

    def close(self) -> None:
        """Let go of the file."""
        if self._out is not None:
            with suppress(OSError):  # what could not be written before is given up
                self._out.close()
            self._out = None


def set_aside(folder: Path, ingest: int) -> Iterator[SetAsideRow]:
    """The rows that an ingest set aside, in order."""
    rows = (entry for entry in _entries(folder, ingest) if "header" not in entry)
    for place, entry in enumerate(rows):
        yield SetAsideRow(ingest, int(entry["line"]), decode_sentence(str(entry["reason"])), str(entry["raw"]), place)


def purge_rows(folder: Path, ingest: int, places: Collection[int] | None) -> None:
    """Leave nothing of these rows (None: of all, and of the first line) but their line; safe to repeat.

    The file keeps its age, by which it expires.
    """
    path = _path(folder, ingest)
    if not path.is_file():
        return
    age, place = path.stat(), -1
    for unfinished_copy in folder.glob("*.part"):
        unfinished_copy.unlink()
    with unfinished(folder) as out:
        for entry in _entries(folder, ingest):
            is_row = "header" not in entry
            place += is_row
            gone = places is None or (is_row and place in places)
            left = {"line": entry["line"], "reason": _PURGED, "raw": ""} if is_row else {"header": ""}
            out.write(f"{json.dumps(left if gone else entry)}\n".encode())
        sync_open(out)
        os.utime(out.name, ns=(age.st_atime_ns, age.st_mtime_ns))
        Path(out.name).replace(path)
    sync_folder(folder)


def header_of(folder: Path, ingest: int) -> list[str]:
    """The first line of the report that the rows came from, where they need it; else nothing."""
    return [str(entry["header"]) for entry in islice(_entries(folder, ingest), 1) if entry.get("header")]


def _entries(folder: Path, ingest: int) -> Iterator[dict[str, Any]]:
    path = _path(folder, ingest)
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines)


def _path(folder: Path, ingest: int) -> Path:
    return folder / f"{ingest:010d}.jsonl"
