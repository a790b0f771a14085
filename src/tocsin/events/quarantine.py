"""Rows that could not be used: kept with file, line, reason and raw text until they are mended or expire."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Final

from tocsin.node.place import Place
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
    """The rows that one ingest sets aside in a place, written as they come; no file where there are none.

    ``header`` is the report's own first line where its records cannot be read without it.
    """

    place: Place
    ingest: int
    header: str = ""
    count: int = 0
    _out: IO[bytes] | None = field(default=None, repr=False)

    def add(self, rows: Sequence[tuple[int, str, str]]) -> None:
        """Set rows aside: line, reason and raw text of each."""
        if not rows:
            return
        if self._out is None:
            self._out = self.place.begin(_name(self.ingest))
            self._out.write(_line({"header": self.header}))
        self._out.writelines(
            _line({"line": line, "reason": encode_sentence(reason), "raw": raw}) for line, reason, raw in rows
        )
        self.count += len(rows)

    def sync(self) -> int:
        """Make them survive loss of power; returns how many there are."""
        if self._out is not None:
            self.place.finish(self._out, _name(self.ingest))
            self.place.sync([_name(self.ingest)])
        return self.count

    def close(self) -> None:
        """Let go of the file."""
        if self._out is not None:
            with suppress(OSError):  # what could not be written before is given up
                self._out.close()
            self._out = None


def set_aside(kept: Place, ingest: int) -> Iterator[SetAsideRow]:
    """The rows that an ingest set aside, in order."""
    rows = (entry for entry in _entries(kept, ingest) if "header" not in entry)
    for place, entry in enumerate(rows):
        yield SetAsideRow(ingest, int(entry["line"]), decode_sentence(str(entry["reason"])), str(entry["raw"]), place)


def purge_rows(kept: Place, ingest: int, places: Collection[int] | None) -> None:
    """Leave nothing of these rows (None: of all, and of the first line) but their line; safe to repeat."""
    if kept.find(_name(ingest)) is None:
        return
    place = -1
    for unfinished_copy in kept.folder.glob("*.part"):
        unfinished_copy.unlink()
    with kept.unfinished() as out:
        for entry in _entries(kept, ingest):
            is_row = "header" not in entry
            place += is_row
            gone = places is None or (is_row and place in places)
            left = {"line": entry["line"], "reason": _PURGED, "raw": ""} if is_row else {"header": ""}
            out.write(_line(left if gone else entry))
        kept.keep(out, _name(ingest))


def forget_rows(kept: Place, *, before: int | None = None, after: int | None = None, up_to: int | None = None) -> int:
    """Delete what ingests before a number set aside, or those after one, up to one; returns the files."""
    stems = (file.name.removesuffix(".jsonl") for file in kept.list())
    numbers = [int(stem) for stem in stems if stem.isdecimal()]
    if before is None:
        gone = [one for one in numbers if (after is None or one > after) and (up_to is None or one <= up_to)]
    else:
        gone = [one for one in numbers if one < before]
    for number in gone:
        kept.delete(_name(number))
    return len(gone)


def header_of(kept: Place, ingest: int) -> list[str]:
    """The first line of the report that the rows came from, where they need it; else nothing."""
    return [str(entry["header"]) for entry in islice(_entries(kept, ingest), 1) if entry.get("header")]


def _entries(kept: Place, ingest: int) -> Iterator[dict[str, Any]]:
    with suppress(FileNotFoundError), kept.open(_name(ingest)) as lines:
        for line in lines:
            yield json.loads(line)


def _line(entry: dict[str, Any]) -> bytes:
    return f"{json.dumps(entry)}\n".encode()


def _name(ingest: int) -> str:
    return f"{ingest:010d}.jsonl"
