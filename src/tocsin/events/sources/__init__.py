"""Where reports come from: one module per feed family, found by name.

A source turns a report's bytes into frames whose columns carry schema field names; what it has beyond them is named
``extra.<name>``. It does not check values: `tocsin.events.normalise` does that for all sources alike.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.fields import FieldKind
from tocsin.node.errors import UsageError
from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.events.sources.idea import CATEGORIES, networks_between, type_of_category
    from tocsin.events.sources.xarf import xarf_values
else:
    lazy_face(__name__)

MOST_EVENTS: Final = 256
"""Of one record. The number of a row is kept in 32 bits, so that a report may have 16 million such records."""


MOST_TEXT: Final = 1 << 26
"""Bytes of what the events of one record say together; each repeats what is said of all of them."""


def most_events(size: int) -> int:
    """How many events a record may have of which each is that long."""
    return min(MOST_EVENTS, max(1, MOST_TEXT // max(size, 1)))


class MappingError(UsageError):
    """A mapping file that cannot be used: where in it, and why."""

    def __init__(self, path: Path, line: int, column: int, reason: str) -> None:
        super().__init__(
            f"The mapping file {path.name} cannot be used: line {line}, column {column}: {reason}",
            hint="See docs/sources.md.",
        )
        self.path, self.row, self.place, self.reason = path, line, column, reason


@dataclass(frozen=True)
class Unreadable:
    """A record that could not be read at all: where it is, why, and what it said."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Chunk:
    """Whole records of a report as bytes, with the record and line that it starts at (both from 1).

    Records are numbered before they are read, by their line where one may span several: numbers rise along the
    report and none comes twice, but there may be gaps. ``piece``: not records, but a part of a line that is too long.
    """

    data: bytes
    first_record: int
    first_line: int
    piece: bool = False


@dataclass(frozen=True)
class Batch:
    """The records of one chunk.

    ``frame``: one row per record; columns are schema field names (text, or already of the field's type) and
    ``extra.<name>`` (text, number or Boolean; empty is null). A column ``extra`` may hold a JSON object as text.
    ``kinds``: what columns of ``extra`` are to be, where not text; a value that is not stays text.
    ``constants``: fields that are the same in every row that does not say otherwise.
    ``plain``: no text in it has control characters, quotes, backslashes, or blanks at its ends (saves work).
    ``locate``: for row numbers of ``frame``, the line and the raw text of each, read again only when asked.
    ``records``: for each row of ``frame`` the record of the chunk that it is of (from 0), where rows are no records.
    ``ordinals``: where a record may be several events, the place of each among them (from 0, below `MOST_EVENTS`).
    ``texts``: the raw text of every row at once, where that is quick; without it `raw_texts` asks ``locate``.
    ``hashes``: XXH3 (64 bits) of the raw text of every row, where the reader knows them.
    ``addressed``: the sides (``source``, ``destination``) of which the feed names a place more exact than its AS: a row
    in which that is missing is none about the whole AS.
    ``filled``: in how many records something stands in each of the columns that a mapping takes, and under ``""`` of
    how many; ``passed_over``: how many of its records give no event because they were not asked for; both where a
    mapping file says more than names of columns.
    """

    frame: pl.DataFrame
    unreadable: list[Unreadable] = field(default_factory=list)
    locate: Callable[[Sequence[int]], list[tuple[int, str]]] = lambda rows: [(0, "") for _ in rows]
    kinds: Mapping[str, FieldKind] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    plain: bool = False
    texts: Callable[[], pl.Series | None] = lambda: None
    hashes: pl.Series | None = None
    records: npt.NDArray[np.int64] | None = None
    ordinals: npt.NDArray[np.int64] | None = None
    addressed: frozenset[str] = frozenset()
    filled: Mapping[str, int] = field(default_factory=dict)
    passed_over: int = 0

    def rows(self, chunk: "Chunk") -> npt.NDArray[np.int64]:
        """The number of every row in its report: the record's, or where a record is several events, both in one."""
        records = np.arange(self.frame.height) if self.records is None else self.records
        numbers: npt.NDArray[np.int64] = chunk.first_record + records
        return numbers if self.ordinals is None else numbers * MOST_EVENTS + self.ordinals

    def key_texts(self) -> pl.Series:
        """What each row says: its record's raw text or the hash of it, and its place there from the second event on."""
        if self.hashes is not None and self.ordinals is None:
            return self.hashes
        texts = self.raw_texts()
        if self.ordinals is None:
            return texts
        places = pl.Series(self.ordinals)
        return texts.zip_with(places == 0, texts + "\x1f" + places.cast(pl.String))

    def raw_texts(self) -> pl.Series:
        """The raw text of every row, without its line end; text[n]."""
        texts = self.texts()
        if texts is None:
            texts = pl.Series([raw for _, raw in self.locate(range(self.frame.height))], dtype=pl.String)
        return texts.str.strip_chars_end("\r\n")


class Reader(Protocol):
    """One opened report: cut into chunks in order, each parsed on any thread.

    ``header`` is a first line under which a record of it can be read again, empty where records need none.
    ``columns`` are the names that the report gives its columns, empty where records name their own fields.
    """

    header: str
    columns: Sequence[str]

    def chunks(self) -> Iterator[Chunk]:
        """The report's records in order; memory stays within a chunk."""

    def parse(self, chunk: Chunk) -> Batch:
        """The records of one chunk; pure, so that several threads may parse at once."""


@dataclass(frozen=True)
class Feed:
    """What is known of a feed before its rows are read; the defaults of its records in the database.

    ``duplicate_days`` 0 means the node's own setting; ``pap`` empty, that the feed says none.
    ``time_format`` is a strptime format of ``time.source`` that is tried first (fast); others are tried after it.
    ``zone``: that of times which name none.
    ``notify``: whether its events have time or evidence enough for a team to be notified of them.
    """

    source: str
    code: str
    name: str
    provider: str = ""
    tlp: str = "AMBER"
    pap: str = ""
    terms: str = ""
    cadence_hours: int = 24
    duplicate_days: int = 0
    time_format: str = "%Y-%m-%d %H:%M:%S"
    notify: bool = True
    zone: str = "UTC"


@dataclass(frozen=True)
class KnownFeed:
    """A feed that the catalogue knows: where it is, who gets it, how accurate it is.

    ``access``: open, key (anybody gets one), agreement, own. ``header``: that which takes the key, if it is not the
    usual ``Authorization: Bearer``.
    """

    feed: Feed
    url: str = ""
    access: str = "open"
    accuracy: int = 0
    header: str = ""


class FeedSource(Protocol):
    """A feed family."""

    name: str

    def recognise(self, filename: str, head: bytes) -> str | None:
        """The code of the feed that this report belongs to, or None when it is not of this source."""

    def feed(self, code: str) -> Feed:
        """What is known of one of its feeds.

        Raises:
            UsageError: the source has no such feed.

        """

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = ...) -> Reader:
        """A reader of one report; a record with a longer field (in bytes) than ``field_limit`` is unreadable.

        Raises:
            InputError: the report as a whole cannot be read (not this format, no header, wrong encoding).

        """


@runtime_checkable
class DescribedSource(Protocol):
    """What a source also has whose feeds people describe in files."""

    def mistakes(self, filename: str) -> tuple[list[str], list[str]]:
        """What is wrong with these files: with those that name this report, and with the others."""

    def has(self, code: str) -> bool:
        """Whether there is a file of that name."""

    def named(self, code: str) -> set[str]:
        """The fields that the file of that name fills."""

    def absent(self, code: str, columns: set[str]) -> set[str]:
        """The columns that the file of that name takes, and that are not among those of a report."""

    def text(self, code: str) -> str:
        """What the file of that name says; empty where there is none."""

    def about(self, code: str) -> KnownFeed:
        """What the file of that name says of its feed.

        Raises:
            UsageError: there is none, or it cannot be used (`MappingError`).

        """

    def known(self) -> list[KnownFeed]:
        """The feeds of the catalogue, by code."""

    def suggestion(self, filename: str, head: bytes) -> str:
        """A first file for a report that nobody knows, by its first bytes."""


_OWN = {
    "mapped": "tocsin.events.sources.mapped.source:source",
    "shadowserver": "tocsin.events.sources.shadowserver:source",
    "xarf": "tocsin.events.sources.xarf:source",
    "idea": "tocsin.events.sources.idea:source",
    "misp": "tocsin.events.sources.misp:source",
    "idf": "tocsin.events.sources.idf:source",
    "idf_csv": "tocsin.events.sources.idf_csv:source",
}
_GROUP = "tocsin.sources"


def sources(*folders: Path) -> dict[str, FeedSource]:
    """All sources by name, in the order in which they are asked to recognise a report.

    ``folders``: where feeds of one's own are described (``NAME.toml``): this installation's, and that of the report.

    A package of somebody else adds its own through the entry point group ``tocsin.sources``: a function that takes
    the folders and returns a `FeedSource`. Ours are found in the same way; theirs are asked after ours.
    """
    own = [EntryPoint(name, value, _GROUP) for name, value in _OWN.items()]
    found = {point.name: point.load()(folders) for point in own}
    return found | {point.name: _loaded(point)(folders) for point in _others(tuple(sys.path))}


def _loaded(point: EntryPoint) -> Callable[[Sequence[Path]], FeedSource]:
    try:
        made: Callable[[Sequence[Path]], FeedSource] = point.load()
    except Exception as error:  # whatever a module of somebody else raises
        raise UsageError(
            f"The source {point.name} ({point.value}) cannot be loaded: {error!r}.",
            hint="Correct or remove the package that adds it; docs/sources.md shows one.",
        ) from error
    return made


@lru_cache(8)
def _others(_path: tuple[str, ...]) -> EntryPoints:
    """Those of other packages: to look for them takes longer than to know a report."""
    return entry_points(group=_GROUP)


def recognise(filename: str, head: bytes, *folders: Path) -> tuple[FeedSource, str] | None:
    """The source and the code of the feed that a report belongs to; None when nobody knows it.

    ``filename``: its name, also inside of an archive. ``head``: its first bytes, unpacked (some 64 KiB).
    """
    for source in sources(*folders).values():
        if code := source.recognise(filename, head):
            return source, code
    return None
