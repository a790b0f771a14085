"""Stored events found and counted for somebody who looks: pages of a table, counts over time and by each value.

All of it comes from the digests of the table's files (`tocsin.events.summaries`); a file itself is read only for the
rows that are shown whole, and for free text (the newest `TEXT_ROWS` rows).
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select

from tocsin.events.extra import PREFIX, fold
from tocsin.events.filters import TEXT_FIELDS, EventFilter
from tocsin.events.kinds import CONDITIONS, Kinds
from tocsin.events.models import TeamSet
from tocsin.events.schema import BY_NAME, COLUMNS
from tocsin.events.sight import EVERYTHING, Label, Sight, Window
from tocsin.events.store import EventStore, Query, may_hold
from tocsin.events.summaries import GLANCE, HOUR, Bools, Int64s, Places, Summaries, Summary, UInt64s
from tocsin.networks import parse_network
from tocsin.records import Database

TEXT_ROWS: Final = 1_000_000
"""How many of the newest events free text is looked for in; `Figures.partly` says that there are more."""

_FOREVER = (0, 2**32)
_NEEDED = ("tlp", "pap", "routed", "told", "ingest", "row")
_SEEN_BY = {**CONDITIONS, "country": "source.geolocation.cc", "address": "source.ip", "asn": "source.asn"}
T = TypeVar("T")


@dataclass(frozen=True)
class Figures:
    """How many events fit, by hour and by value. ``hours``: int64[h, 2], hour since 1970 and events, in order.

    ``by``: for each condition that a kind answers its values with their events, most first; ``asns``: int64[a, 2], AS
    (0: none known) and events, most first. ``labels``: the TLP and PAP they carry. ``stored``: all events that are
    seen. ``partly``: free text was looked for in the newest `TEXT_ROWS` rows only.
    """

    total: int
    hours: Int64s
    by: dict[str, list[tuple[str | None, int]]]
    asns: Int64s
    labels: frozenset[Label]
    stored: int
    partly: bool = False


@dataclass(frozen=True)
class Page:
    """Rows newest first (by ingest and row), with ``more`` where there are further ones.

    ``rows``: the columns asked for and ``ingest``, ``row``, ``problem``; what may not be seen is null.
    """

    rows: pl.DataFrame
    more: bool

    @property
    def cursor(self) -> str:
        """What the next page begins after; empty where there is none."""
        return cursor_of(*self.rows.select("ingest", "row").row(-1)) if self.more and self.rows.height else ""


@dataclass(frozen=True)
class Glance:
    """Rows as `Page`, each by its identity with the values of `summaries.GLANCE` (times in seconds since 1970)."""

    rows: list[tuple[str, dict[str, Any]]]
    cursor: str


@dataclass(frozen=True)
class _File:
    path: str
    rows: int
    newest: int


@dataclass(frozen=True)
class _Counted:
    """What one file says: events by number of kind, by hour, and by AS."""

    kinds: Int64s
    hours: Int64s
    asns: Int64s


@dataclass(frozen=True)
class _Wanted:
    """A filter with its times resolved, seconds since 1970 from (included) and until (not), and who looks.

    ``teams``: the numbers of the team that the filter names, and of those merged into it; None where it names none.
    """

    filter: EventFilter
    sight: Sight
    bounds: tuple[int, int]
    teams: frozenset[int] | None = None

    @property
    def key(self) -> Hashable:
        return (self.filter.without("since", "until", "last"), self.sight, self.teams)

    @property
    def reads(self) -> bool:
        """Whether the digests alone do not answer it."""
        return bool(self.filter.text or self.filter.problem)


class _Kept:
    """The newest answers, by what was asked."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._of: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._of:
                self._of.move_to_end(key)
                return self._of[key]  # type: ignore[return-value]  # a key has always one type of answer
        made = make()
        with self._lock:
            self._of[key] = made
            while len(self._of) > self._most:
                self._of.popitem(last=False)
        return made


def cursor_of(ingest: int, row: int) -> str:
    """An event's identity on this node as text."""
    return f"{ingest}-{row}"


def read_cursor(text: str) -> tuple[int, int] | None:
    """The ingest and row that such a text names; None where it names none."""
    ingest, _, row = text.partition("-")
    fine = all(part.isascii() and part.isdecimal() and 0 < len(part) <= 10 for part in (ingest, row))
    return (int(ingest), int(row)) if fine and max(int(ingest), int(row)) < 2**32 else None


@dataclass(frozen=True)
class Events:
    """The events of a node to look at, by any number of threads. ``folder``: where digests are kept.

    ``numbers_of``: the numbers of the team with a key, and of those merged into it; none where there is none.
    """

    store: EventStore
    database: Database
    folder: Path
    numbers_of: Callable[[str], frozenset[int]]
    summaries: Summaries = field(init=False)
    _kinds: Kinds = field(default_factory=Kinds)
    _numbers: _Kept = field(default_factory=lambda: _Kept(2_000))
    _counted: _Kept = field(default_factory=lambda: _Kept(2_000))
    _places: _Kept = field(default_factory=lambda: _Kept(100))
    _answers: _Kept = field(default_factory=lambda: _Kept(300))
    _sets: dict[int, frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "summaries", Summaries(self.folder, self.store.folder))

    # --- what is asked ---

    def figures(self, wanted: EventFilter, *, now: datetime, sight: Sight = EVERYTHING) -> Figures:
        """The counts of the events that fit and may be seen."""
        asked = self._wanted(wanted, sight, now)
        return self._answers.get(
            ("figures", self.store.table.version(), asked.key, asked.bounds), lambda: self._figures(asked)
        )

    def page(
        self,
        wanted: EventFilter,
        *,
        now: datetime,
        sight: Sight = EVERYTHING,
        columns: Sequence[str] = (),
        after: str = "",
        limit: int = 50,
    ) -> Page:
        """The newest events that fit and may be seen, ``after`` a cursor. ``columns``: names of fields; none: all."""
        asked = self._wanted(wanted, sight, now)
        key = ("page", self.store.table.version(), asked.key, asked.bounds, tuple(columns), after, limit)
        return self._answers.get(key, lambda: self._page(asked, columns, after, limit))

    def glance(
        self, wanted: EventFilter, *, now: datetime, sight: Sight = EVERYTHING, after: str = "", limit: int = 50
    ) -> Glance | None:
        """What `page` finds, as far as the digests know it, far sooner; None where not all of that may be seen."""
        if not sight.common.issuperset(GLANCE):
            return None
        asked = self._wanted(wanted, sight, now)
        key = ("glance", self.store.table.version(), asked.key, asked.bounds, after, limit)
        return self._answers.get(key, lambda: self._glance(asked, after, limit))

    def one(self, cursor: str, *, sight: Sight = EVERYTHING) -> pl.DataFrame:
        """One event whole, by its identity: a frame of one row, of none where it is not there or may not be seen."""
        named = read_cursor(cursor)
        if named is None:
            return pl.DataFrame(schema=COLUMNS)
        number = named[0] << 32 | named[1]
        asked = _Wanted(EventFilter(), sight, _FOREVER)
        for file in self._files():
            if file.newest >= named[0]:
                summary = self.summaries.of(file.path)
                places = np.flatnonzero(summary.events() == number)
                if len(places):
                    fits = self._mask(file, asked)
                    places = places if fits is None else places[fits[places]]
                    return self._rows([(file.path, places)], (), sight)
        return pl.DataFrame(schema=COLUMNS)

    def batches(
        self, wanted: EventFilter, *, now: datetime, sight: Sight = EVERYTHING, rows: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """All events that fit and may be seen, whole, in frames of at most so many rows; in the order of the files."""
        asked = self._wanted(wanted, sight, now)
        for file in self._searched(asked):
            places = self._fitting(file, asked)
            for start in range(0, len(places), rows):
                yield self._rows([(file.path, places[start : start + rows])], (), sight)

    def labels(self) -> frozenset[Label]:
        """All labels that stored events carry."""
        for file in self._files():
            self._number_of(file.path)
        return self._kinds.labels()

    def newest(self) -> int:
        """The number of the newest ingest; 0 where nothing is stored."""
        return max((file.newest for file in self._files()), default=0)

    # --- how it is found ---

    def _wanted(self, wanted: EventFilter, sight: Sight, now: datetime) -> _Wanted:
        since, until = wanted.bounds(now)
        first = _FOREVER[0] if since is None else min(max(0, int(since.timestamp())), 2**32)
        last = _FOREVER[1] if until is None else min(max(0, int(until.timestamp())), 2**32)
        return _Wanted(wanted, sight, (first, last), self.numbers_of(wanted.team) if wanted.team else None)

    def _files(self) -> list[_File]:
        """The files of the table, those with the newest ingests first."""
        return self._numbers.get(("files", self.store.table.version()), self._files_now)

    def _files_now(self) -> list[_File]:
        listing = self.store.table.listing()
        if listing.is_empty():
            return []
        rows = listing.select("path", "num_records", "max.ingest").sort("max.ingest", "path", descending=True)
        return [_File(*row) for row in rows.iter_rows()]

    def _searched(self, asked: _Wanted) -> list[_File]:
        """The files that may hold what is wanted; for free text no more than it is looked for in."""
        files = self._files()
        if not files or not _may_ask(asked):
            return []
        if asked.filter.address:
            listing = self.store.table.listing()
            condition = may_hold(Query(ranges=_ranges(asked.filter.address)), None, listing.columns)
            held = set(listing.filter(condition)["path"])
            files = [file for file in files if file.path in held]
        if not asked.filter.text:
            return files
        before = np.cumsum([0, *(file.rows for file in files)])
        return [file for place, file in enumerate(files) if not place or before[place + 1] <= TEXT_ROWS]

    def _figures(self, asked: _Wanted) -> Figures:
        files = self._searched(asked)
        counted = [self._count(file, asked) for file in files]
        kinds = np.zeros(max((len(one.kinds) for one in counted), default=0), dtype=np.int64)
        for one in counted:
            kinds[: len(one.kinds)] += one.kinds
        by = {name: sorted(self._kinds.totals(kinds, of).items(), key=_most_first) for name, of in CONDITIONS.items()}
        every = sum(file.rows for file in self._files())
        total = int(kinds.sum())
        asns = _summed([one.asns for one in counted])
        return Figures(
            total=total,
            hours=_summed([one.hours for one in counted]),
            by=by,
            asns=asns[np.argsort(-asns[:, 1], kind="stable")],
            labels=self._kinds.labels_of(kinds),
            stored=every if asked.sight.everything else self._seen(asked.sight, total, asked.filter),
            partly=bool(asked.filter.text) and sum(file.rows for file in files) < every,
        )

    def _seen(self, sight: Sight, total: int, wanted: EventFilter) -> int:
        """How many events there are for somebody who does not see all."""
        if wanted == EventFilter():
            return total
        return self.figures(EventFilter(), now=datetime.now(UTC), sight=sight).total

    def _count(self, file: _File, asked: _Wanted) -> _Counted:
        first, last = self.summaries.of(file.path).span
        whole = asked.bounds[0] <= first and last < asked.bounds[1]
        bounds = _FOREVER if whole else asked.bounds
        if last < bounds[0] or first >= bounds[1]:
            return _Counted(np.zeros(0, "i8"), np.zeros((0, 2), "i8"), np.zeros((0, 2), "i8"))
        asked = replace(asked, bounds=bounds)
        return self._counted.get((file.path, asked.key, bounds), lambda: self._count_now(file, asked))

    def _count_now(self, file: _File, asked: _Wanted) -> _Counted:
        summary, fits = self.summaries.of(file.path), self._mask(file, asked)
        numbers = self._number_of(file.path)
        kind, at, asn = summary.kind, summary.at, summary.asn
        if fits is not None:
            kind, at, asn = kind[fits], at[fits], asn[fits]
        local = np.bincount(kind, minlength=len(numbers)) if len(numbers) else np.zeros(0, "i8")
        kinds = np.bincount(numbers, weights=local).astype(np.int64) if len(numbers) else local.astype(np.int64)
        by_as = np.bincount(asn, minlength=len(summary.asns))
        seen = np.flatnonzero(by_as)
        if fits is None:
            hours = _summed([summary.cells[:, [0, 2]]])
        else:
            hour, count = _counts(at // HOUR)
            hours = np.stack([hour, count], axis=1)
        return _Counted(kinds, hours, np.stack([summary.asns[seen], by_as[seen]], axis=1))

    def _mask(self, file: _File, asked: _Wanted) -> Bools | None:
        """For each row of the file whether it fits; None: all do."""
        summary, numbers = self.summaries.of(file.path), self._number_of(file.path)
        conditions: list[Bools] = []
        if not (fitting := self._kinds.fitting(asked.filter)[numbers]).all():
            conditions.append(fitting[summary.kind])
        if asked.bounds != _FOREVER:
            conditions.append((summary.at >= asked.bounds[0]) & (summary.at < min(asked.bounds[1], 2**32 - 1)))
        if asked.filter.asn is not None:
            at = np.searchsorted(summary.asns, asked.filter.asn)
            known = at < len(summary.asns) and summary.asns[at] == asked.filter.asn
            conditions.append(summary.asn == at if known else np.zeros(summary.rows, dtype=bool))
        if asked.filter.address:
            conditions.append(summary.within(_ranges(asked.filter.address)))
        if asked.teams is not None:
            conditions.append(self._of_teams(summary, asked.teams))
        if not asked.sight.everything:
            conditions.append(self._through(summary, numbers, asked.sight.windows))
        mask = _all(conditions)
        if asked.reads and (mask is None or mask.any()):
            read = np.zeros(summary.rows, dtype=bool)
            read[self._read_places(file, asked)] = True
            mask = read if mask is None else mask & read
        return mask

    def _fitting(self, file: _File, asked: _Wanted) -> Places:
        first, last = self.summaries.of(file.path).span
        if last < asked.bounds[0] or first >= asked.bounds[1]:
            return np.zeros(0, dtype=np.intp)
        fits = self._mask(file, asked)
        return np.arange(self.summaries.of(file.path).rows) if fits is None else np.flatnonzero(fits)

    def _through(self, summary: Summary, numbers: Places, windows: Sequence[Window]) -> Bools:
        seen = np.zeros(summary.rows, dtype=bool)
        for window in windows:
            labelled = self._kinds.labelled(window.labels)[numbers][summary.kind]
            if window.teams is not None:
                labelled &= self._of_teams(summary, window.teams, told_only=window.told_only)
            seen |= labelled
        return seen

    def _of_teams(self, summary: Summary, teams: frozenset[int], *, told_only: bool = False) -> Bools:
        """For each row whether it was routed or told to one of the teams."""
        of = np.array(sorted(self._sets_of(teams)), dtype=np.int64)
        right = np.isin(summary.sets[:, 1:] if told_only else summary.sets, of).any(axis=1)
        return right[summary.set] if len(right) else np.zeros(0, dtype=bool)

    def _sets_of(self, teams: frozenset[int]) -> frozenset[int]:
        """The numbers of the sets that one of the teams is in."""
        sets = self._numbers.get(("sets", self.newest()), self._sets_by_team)
        return frozenset(number for team in teams for number in sets.get(team, ()))

    def _sets_by_team(self) -> dict[int, list[int]]:
        by_team: dict[int, list[int]] = {}
        with self.database.reading() as session:
            for number, members in session.execute(select(TeamSet.number, TeamSet.members)):
                for team in members:
                    by_team.setdefault(team, []).append(number)
        return by_team

    def _number_of(self, path: str) -> Places:
        """The numbers of a file's kinds."""
        return self._numbers.get(("kinds", path), lambda: self._kinds.number(self.summaries.of(path).kinds))

    def _read_places(self, file: _File, asked: _Wanted) -> Places:
        """Where in the file rows have the text or problem that is wanted."""
        texts = tuple(name for name in TEXT_FIELDS if name in asked.sight.common)
        key = (file.path, asked.filter.text, asked.filter.problem, texts)
        return self._places.get(key, lambda: self._read_places_now(file, asked.filter, texts))

    def _read_places_now(self, file: _File, wanted: EventFilter, texts: Sequence[str]) -> Places:
        scan = self._scan(file.path).with_row_index("_place")
        filled = set(scan.collect_schema().names())
        condition = pl.lit(value=True)
        if wanted.problem:
            condition &= pl.col("problem") == int.from_bytes(bytes.fromhex(wanted.problem), "big", signed=True)
        if wanted.text:
            pattern = f"(?i){re.escape(wanted.text)}"
            among = [pl.col(name).str.contains(pattern) for name in texts if name in filled]
            condition &= pl.any_horizontal(among).fill_null(value=False) if among else pl.lit(value=False)
        return scan.filter(condition).select("_place").collect().to_series().to_numpy().astype(np.intp)

    def _scan(self, path: str) -> pl.LazyFrame:
        return pl.scan_parquet(self.store.folder / path, hive_partitioning=False, glob=False)

    # --- rows ---

    def _page(self, asked: _Wanted, columns: Sequence[str], after: str, limit: int) -> Page:
        best = self._best(asked, after, limit + 1)
        of = [
            (path, np.array([place for _, place in some], dtype=np.intp))
            for path, some in _by_path(best[:limit]).items()
        ]
        return Page(self._rows(of, columns, asked.sight), more=len(best) > limit)

    def _glance(self, asked: _Wanted, after: str, limit: int) -> Glance:
        best = self._best(asked, after, limit + 1)
        rows: dict[int, dict[str, Any]] = {}
        for path, of in _by_path(best[:limit]).items():
            columns = self.summaries.of(path).glance(np.array([place for _, place in of], dtype=np.intp))
            names = list(columns)
            found = zip(of, zip(*columns.values(), strict=True), strict=True)
            rows |= {event: dict(zip(names, values, strict=True)) for (event, _), values in found}
        named = [(cursor_of(event >> 32, event & 0xFFFFFFFF), rows[event]) for event, _, _ in best[:limit]]
        return Glance(named, named[-1][0] if len(best) > limit else "")

    def _best(self, asked: _Wanted, after: str, most: int) -> list[tuple[int, str, int]]:
        """The newest events that fit: identity, file and place of each, newest first."""
        named = read_cursor(after)
        below = np.uint64(named[0] << 32 | named[1]) if named else None
        best: list[tuple[int, str, int]] = []
        for file in self._searched(asked):
            if len(best) >= most and file.newest < best[most - 1][0] >> 32:
                break
            places, events = self._newest_of(file, asked, below, most)
            best += [(event, file.path, place) for event, place in zip(events.tolist(), places.tolist(), strict=True)]
            best.sort(key=lambda one: one[0], reverse=True)
            del best[most:]
        return best

    def _newest_of(self, file: _File, asked: _Wanted, below: np.uint64 | None, most: int) -> tuple[Places, UInt64s]:
        places = self._fitting(file, asked)
        events = self.summaries.of(file.path).events(places)
        if below is not None:
            places, events = places[events < below], events[events < below]
        if len(events) > most:
            top = np.argpartition(events, len(events) - most)[-most:]
            places, events = places[top], events[top]
        return places, events

    def _rows(self, places: Sequence[tuple[str, Places]], columns: Sequence[str], sight: Sight) -> pl.DataFrame:
        """Rows at places of files, newest first, with nothing in what may not be seen."""
        whole = not columns
        names = list(COLUMNS) if whole else [of for name in columns for of in BY_NAME[name].columns]
        names = list(dict.fromkeys([*names, *_NEEDED, "problem"]))
        frames = [self._rows_of(path, np.sort(at), names, whole=whole) for path, at in places if len(at)]
        if not frames:
            return pl.DataFrame(schema={name: COLUMNS[name] for name in names})
        rows = pl.concat(frames, how="diagonal").sort("ingest", "row", descending=True)
        return self._shown(rows, sight)

    def _rows_of(self, path: str, at: Places, names: Sequence[str], *, whole: bool) -> pl.DataFrame:
        start, end = int(at[0]), int(at[-1]) + 1
        scan = self._scan(path)
        filled = scan.collect_schema().names()
        taken = [name for name in names if name in filled]
        extras = [name for name in filled if name.startswith(PREFIX)] if whole else []
        inside = pl.lit(pl.Series(at - start, dtype=pl.UInt32))
        found = (
            scan.slice(start, end - start)
            .with_row_index("_place")
            .filter(pl.col("_place").is_in(inside.implode()))
            .select(*taken, *extras)
            .collect()
        )
        missing = [pl.lit(None, dtype=COLUMNS[name]).alias(name) for name in names if name not in filled]
        return fold(found.with_columns(missing)).select(names)

    def _shown(self, rows: pl.DataFrame, sight: Sight) -> pl.DataFrame:
        """The rows that fit a window, each with the fields of the windows it fits."""
        fits = [(window.fields, self._fits(rows, window)) for window in sight.windows]
        seen = pl.Series([False]).new_from_index(0, rows.height)
        for _, of in fits:
            seen |= of
        hidden = []
        for column in rows.columns:
            name = column.removesuffix(".hi").removesuffix(".lo")
            if name in BY_NAME and not all(name in fields for fields, _ in fits):
                may = pl.Series([False]).new_from_index(0, rows.height)
                for fields, of in fits:
                    may |= of if name in fields else may
                hidden.append(rows.select(pl.when(pl.lit(may)).then(pl.col(column)).alias(column)).to_series())
        return rows.with_columns(hidden).filter(seen)

    def _fits(self, rows: pl.DataFrame, window: Window) -> pl.Series:
        fits = pl.Series([True]).new_from_index(0, rows.height)
        if window.labels is not None:
            of = window.labels
            fits &= pl.Series([label in of for label in rows.select("tlp", "pap").iter_rows()], dtype=pl.Boolean)
        if window.teams is not None:
            sets = self._sets_of(window.teams)
            pairs = rows.select("told", *([] if window.told_only else ["routed"])).iter_rows()
            fits &= pl.Series([not sets.isdisjoint(pair) for pair in pairs], dtype=pl.Boolean)
        return fits


def _by_path(found: Sequence[tuple[int, str, int]]) -> dict[str, list[tuple[int, int]]]:
    """By file the identities and places of events."""
    by_path: dict[str, list[tuple[int, int]]] = {}
    for event, path, place in found:
        by_path.setdefault(path, []).append((event, place))
    return by_path


def _may_ask(asked: _Wanted) -> bool:
    """Whether all that is asked for is seen: else who may not see a thing learned it from what is found."""
    if asked.sight.everything:
        return True
    given = asked.filter.query()
    teams = asked.sight.teams
    if asked.teams is not None and teams is not None and not asked.teams <= teams:
        return False
    return bool(asked.sight.windows) and all(
        needed in asked.sight.common for name, needed in _SEEN_BY.items() if name in given
    )


def _ranges(address: str) -> list[tuple[int, int, int, int]]:
    network = parse_network(address) if address else None
    return [] if network is None else [(network.hi, network.lo, *network.last)]


def _all(conditions: Sequence[Bools]) -> Bools | None:
    if not conditions:
        return None
    mask = conditions[0]
    for condition in conditions[1:]:
        mask = mask & condition
    return mask


def _counts(values: npt.NDArray[np.uint32]) -> tuple[Int64s, Int64s]:
    """The distinct values with how often each occurs, in order; quick where they lie near each other."""
    if not len(values):
        return np.zeros(0, "i8"), np.zeros(0, "i8")
    low = int(np.min(values))
    if int(np.max(values)) - low < 100_000:
        counts = np.bincount(values - np.uint32(low))
        places = np.flatnonzero(counts)
        return places + low, counts[places].astype(np.int64)
    found, counts = np.unique(values, return_counts=True)
    return found.astype(np.int64), counts.astype(np.int64)


def _summed(pairs: Sequence[Int64s]) -> Int64s:
    """Pairs of value and count, each value once, in order."""
    if not pairs or not sum(len(one) for one in pairs):
        return np.zeros((0, 2), dtype=np.int64)
    every = np.concatenate(pairs)
    values, place = np.unique(every[:, 0], return_inverse=True)
    return np.stack([values, np.bincount(place, weights=every[:, 1]).astype(np.int64)], axis=1)


def _most_first(pair: tuple[str | None, int]) -> tuple[int, str]:
    return -pair[1], pair[0] or ""


def day_of(hour: int) -> datetime:
    """The time of an hour since 1970."""
    return datetime.fromtimestamp(hour * HOUR, UTC)
