"""A day of the event table put into the order of addresses, in memory that does not depend on the day.

It is a sort outside memory: the files of the day are read once, a few rows at a time, and written as *runs*, each
sorted and within the budget; then one range of addresses after the other is read from all runs, sorted, and written.
What is finished stays on the disk where it is interrupted, and the next call for the same files goes on there.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from tocsin.events.schema import COLUMNS
from tocsin.events.table import EventPart
from tocsin.node.errors import ConflictError, StorageError
from tocsin.node.files import sync_open, unfinished, write_whole
from tocsin.node.place import Place, StoredFile
from tocsin.node.records import cut

ADDRESS: Final = ["source.ip.hi", "source.ip.lo"]
ROW_GROUP: Final = 16_384
"""Rows that are read for one of them: a quarter of 65,536, a third of the time for an AS of a day, 4 % more room."""
ORDERED: Final = "compact-"
"""How names of files begin that are in the order of addresses."""
FILE_ROWS: Final = 1_000_000
"""About so many rows has a file in the order of addresses."""
BUDGET: Final = 128 << 20
"""Bytes of rows that are in memory at once: some four times as much is held while they are sorted and written."""
_FOLDER: Final = "compacting.part"  # backups and lists of the place pass over such names
_RUN_GROUP: Final = 4_096  # a range takes a few thousand rows of each run
_SAMPLES: Final = 64  # of what the budget holds
_LEAST: Final = -(2**63)  # stands for no address
_MOST: Final = 4  # pieces of a file: a purge holds a file
_STEP: Final = 2 * ROW_GROUP  # rows that are read at once
_WIDTHS: Final = {pl.String(): 16, pl.Int32(): 4, pl.Boolean(): 1}  # bytes of a value; a text's own come on top

_Address: TypeAlias = tuple[int, int]
"""The halves of an address, as they are sorted: signed numbers of the same bits."""
_BORDERS: Final[tuple[_Address, ...]] = ((_LEAST, _LEAST + 1), (0, _LEAST), (1, _LEAST))
"""Where ranges end in any case: behind rows without an address, and before and behind IPv4, which have files apart."""


@dataclass(frozen=True)
class _Run:
    """A file of sorted rows. ``following``: the file of the day, and the row in it, at which the next run begins.

    ``sample``: the addresses at equal steps of bytes, in order. ``width``: the bytes of its rows on average.
    """

    path: Path
    rows: int
    width: int
    following: tuple[int, int]
    sample: list[_Address]


@dataclass(frozen=True)
class _Slice:
    run: _Run
    start: int
    length: int


_Piece: TypeAlias = list[_Slice]
"""Rows of a range, of all runs in turn; they fit into memory together."""


@dataclass(frozen=True)
class DayCompaction:
    """The files of one day (their paths and rows, in order) that become few.

    ``going_on``: asked between two steps; no more is done once it says no. ``budget``: as `BUDGET`.
    """

    place: Place
    day: str
    files: Sequence[tuple[str, int]]
    scan: Callable[[str], pl.LazyFrame]
    going_on: Callable[[], bool]
    budget: int

    def parts(self) -> list[EventPart]:
        """The new files with the same rows, which survive loss of power; nobody sees them before they are committed.

        Raises:
            ConflictError: it was not to go on.
            StorageError: a file cannot be read or written.

        """
        for other in _folders(self.place):
            if other != self._folder:  # of the same day before it changed, or of another that is gone
                shutil.rmtree(other)
        runs = list(self._runs())
        return [self._part(number, pieces) for number, pieces in enumerate(self._files(runs))]

    @cached_property
    def _name(self) -> str:
        named = json.dumps([self.day, self.budget, *self.files])
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    @cached_property
    def _folder(self) -> Path:
        folder = self.place.folder / _FOLDER / self._name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def _schema(self) -> Mapping[str, pl.DataType]:
        """The columns that one of the files has, in the order of the table."""
        found: dict[str, pl.DataType] = {"ingest": COLUMNS["ingest"], **{name: COLUMNS[name] for name in ADDRESS}}
        for path, _ in self.files:
            found |= self.scan(path).collect_schema()
        return {name: found[name] for name in (*COLUMNS, *sorted(found.keys() - COLUMNS.keys())) if name in found}

    @cached_property
    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self._schema)

    @cached_property
    def _weight(self) -> pl.Expr:
        """The bytes of a row in memory."""
        texts = [pl.col(name).str.len_bytes().fill_null(0) for name, of in self._schema.items() if of == pl.String]
        fixed = sum(_WIDTHS.get(of, 8) for of in self._schema.values())
        return (pl.sum_horizontal(pl.lit(fixed), *texts)).cast(pl.Int64).alias("weight")

    def _check(self) -> None:
        if not self.going_on():
            raise ConflictError("Tidying the event table was interrupted.", hint="What is done stays: run it again.")

    def _runs(self) -> Iterator[_Run]:
        number, at = 0, (0, 0)
        while at[0] < len(self.files):
            self._check()
            run = self._kept_run(number) or self._write_run(number, at)
            number, at = number + 1, run.following
            yield run

    def _kept_run(self, number: int) -> _Run | None:
        noted = _noted(self._folder / f"run-{number}.json")
        if noted is None:
            return None
        rows, width, following = noted["rows"], noted["width"], noted["following"]
        sample = [(hi, lo) for hi, lo in noted["sample"]]
        return _Run(self._folder / f"run-{number}.parquet", rows, width, (following[0], following[1]), sample)

    def _write_run(self, number: int, at: tuple[int, int]) -> _Run:
        rows, following = self._next_rows(*at)
        path = self._folder / f"run-{number}.parquet"
        with unfinished(self._folder) as out:
            rows.write_parquet(out, compression="zstd", compression_level=1, row_group_size=_RUN_GROUP)
            sync_open(out)
            Path(out.name).replace(path)
        weights = rows.select(self._weight)["weight"].cum_sum()
        steps = (weights // max(self.budget // _SAMPLES, 1)).diff().fill_null(0) > 0
        sample = rows.select(pl.col(ADDRESS).fill_null(_LEAST)).filter(steps).rows()
        width = int(weights[-1]) // rows.height + 1
        noted = {"rows": rows.height, "width": width, "following": following, "sample": sample}
        write_whole(self._folder / f"run-{number}.json", json.dumps(noted).encode())
        cut("store.run")
        return _Run(path, rows.height, width, following, sample)

    def _next_rows(self, file: int, row: int) -> tuple[pl.DataFrame, tuple[int, int]]:
        """As many rows as the budget holds from a row of a file on, sorted, and where those that follow begin."""
        frames, room, step = [self._empty], self.budget, min(_STEP, ROW_GROUP)
        while room > 0 and file < len(self.files):
            path, rows = self.files[file]
            found = self.scan(path).slice(row, step).collect()
            # what is missing costs memory as well, once the rows of all files stand in one frame
            frames.append(found)
            weight = self._heavy(found)
            room -= weight
            step = max(1, min(_STEP, room * found.height // max(weight, 1)))
            file, row = (file, row + found.height) if found.height and row + found.height < rows else (file + 1, 0)
        joined = pl.concat(frames, how="diagonal")
        del frames, found
        return joined.sort(ADDRESS, maintain_order=True), (file, row)

    def _heavy(self, found: pl.DataFrame) -> int:
        missing = [pl.lit(None, dtype=of).alias(name) for name, of in self._schema.items() if name not in found.columns]
        return int(found.lazy().with_columns(missing).select(self._weight.sum()).collect().item())

    def _files(self, runs: Sequence[_Run]) -> Iterator[list[_Piece]]:
        """The pieces of each new file."""
        for _, of_family in groupby(self._pieces(runs), key=itemgetter(0)):
            pieces: list[_Piece] = []
            for _, piece in of_family:
                pieces.append(piece)
                if sum(some.length for each in pieces for some in each) >= FILE_ROWS or len(pieces) == _MOST:
                    yield pieces
                    pieces = []
            if pieces:
                yield pieces

    def _pieces(self, runs: Sequence[_Run]) -> list[tuple[int, _Piece]]:
        """Disjoint ranges, each with the number of its family: those without an address, of IPv4, all others."""
        found: list[tuple[int, _Piece]] = []
        borders = _borders([one for run in runs for one in run.sample])
        offsets = [_offsets(self.scan_run(run), run.rows, borders) for run in runs]
        most = max(1, self.budget // max((run.width for run in runs), default=1))
        for at, low in enumerate([(_LEAST, _LEAST), *borders]):
            piece = [
                _Slice(run, of[at], of[at + 1] - of[at]) for run, of in zip(runs, offsets, strict=True)
                if of[at + 1] > of[at]
            ]  # fmt: skip
            is_one = at < len(borders) and borders[at] == _behind(low)
            family = 0 if low < _BORDERS[0] else 1 if low[0] == 0 else 2
            found += [(family, some) for some in (_cut_up(piece, most) if is_one else [piece] if piece else [])]
        return sorted(found, key=itemgetter(0))

    def scan_run(self, run: _Run) -> pl.LazyFrame:
        """The rows of a run."""
        return pl.scan_parquet(run.path, glob=False, hive_partitioning=False)

    def _part(self, number: int, pieces: list[_Piece]) -> EventPart:
        self._check()
        note = self._folder / f"file-{number}.json"
        if (noted := _noted(note)) is not None:
            kept = EventPart(**noted)
            if (file := self.place.find(kept.path)) is not None and file.size == kept.size:
                return kept
        relative = f"day={self.day}/{ORDERED}{self._name}-{number:06d}.parquet"
        read: list[EventPart] = []

        def rows(*_: object) -> Iterator[pl.DataFrame]:
            for piece in pieces:
                found = self._read(piece)
                read.append(EventPart.of(StoredFile(relative, 0, 0), found))
                yield found

        with writing(self.place, relative) as out:
            register_io_source(rows, schema=self._schema).sink_parquet(
                out, compression="zstd", compression_level=1, row_group_size=ROW_GROUP, engine="streaming"
            )
        part = EventPart.joined(written(self.place, relative), read)
        self.place.sync([relative])
        write_whole(note, json.dumps(asdict(part)).encode())
        cut("store.ordered")
        return part

    def _read(self, piece: _Piece) -> pl.DataFrame:
        found = pl.concat([self.scan_run(one.run).slice(one.start, one.length).collect() for one in piece])
        return found.sort(ADDRESS, maintain_order=True)


@contextmanager
def writing(place: Place, name: str) -> Iterator[IO[bytes]]:
    """A file of events to write to, which is there whole at the end of the block.

    Raises:
        StorageError: it cannot be written.

    """
    try:
        with place.begin(name) as out:
            yield out
            cut("store.part")
            place.finish(out, name)
    except pl.exceptions.ComputeError as error:
        raise StorageError(f"Events could not be written: {error}.", hint="Make room on that disk.") from error


def written(place: Place, name: str) -> StoredFile:
    """The file that was written just now."""
    file = place.find(name)
    if file is None:
        raise StorageError(f"{name} was written and is not there.", hint="Run 'tocsin doctor'.")
    return file


def kept_for_later(place: Place) -> frozenset[str]:
    """The paths of the files that an interrupted compaction has finished."""
    notes = [_noted(note) for folder in _folders(place) for note in folder.glob("file-*.json")]
    return frozenset(noted["path"] for noted in notes if noted is not None)


def give_up(place: Place) -> None:
    """Delete what interrupted compactions have on the disk beside those files: copies of rows that may have to go."""
    with suppress(FileNotFoundError):
        shutil.rmtree(place.folder / _FOLDER)


def _folders(place: Place) -> list[Path]:
    return list((place.folder / _FOLDER).glob("*"))


def _noted(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return found


def _behind(address: _Address) -> _Address:
    hi, lo = address
    return (hi, lo + 1) if lo < -_LEAST - 1 else (hi + 1, _LEAST)


def _borders(sample: list[_Address]) -> list[_Address]:
    """Where ranges end that hold about as much as the budget; an address that fills one has it for itself."""
    sample.sort()
    found = set(_BORDERS)
    for border in sample[_SAMPLES::_SAMPLES]:
        found |= {_behind(border)} if border in found else {border}
    return sorted(found)


def _offsets(run: pl.LazyFrame, rows: int, borders: Sequence[_Address]) -> list[int]:
    """The first row of the run that is not before each border, between the first row and the one behind the last."""
    hi, lo = run.select(pl.col(ADDRESS).fill_null(_LEAST)).collect()
    high, low = hi.to_numpy(), lo.to_numpy()
    found = [0]
    for border in borders:
        first, last = (int(np.searchsorted(high, border[0], side)) for side in ("left", "right"))
        found.append(first + int(np.searchsorted(low[first:last], border[1])))
    return [*found, rows]


def _cut_up(piece: _Piece, most: int) -> Iterator[_Piece]:
    """Pieces of at most so many rows of one whose rows are all of one address: their order is that of the runs."""
    found: _Piece = []
    room = most
    for one in piece:
        start, end = one.start, one.start + one.length
        while start < end:
            taken = min(room, end - start)
            found.append(_Slice(one.run, start, taken))
            start, room = start + taken, room - taken
            if not room:
                yield found
                found, room = [], most
    if found:
        yield found
