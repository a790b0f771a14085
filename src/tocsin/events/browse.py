"""Stored events found and counted for somebody who looks: pages of a table, counts over time and by each value.

All of it comes from the digests of the table's files (`tocsin.events.summaries`); a file itself is read only for the
rows that are shown whole, and for free text (`TEXT_ROWS` rows at once).
"""

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select

from tocsin.events.arrivals import EventArrivals, in_order
from tocsin.events.compaction import ROW_GROUP
from tocsin.events.counting import EventCounts, MatchCounter
from tocsin.events.extra import PREFIX, fold
from tocsin.events.fields import BY_NAME
from tocsin.events.filters import EventFilter
from tocsin.events.idf_out import flat
from tocsin.events.matching import TEXT_ROWS, EventFile, Matcher, ResolvedFilter
from tocsin.events.models import Ingest, NotificationRun
from tocsin.events.repeats import repeats_since
from tocsin.events.schema import COLUMNS
from tocsin.events.scope import EVERYTHING, EventScope, Label, ScopeClause
from tocsin.events.store import TOLD_IN, EventStore
from tocsin.events.summaries import GLANCE, Int64s, Places, Summaries
from tocsin.node.cache import Cache
from tocsin.node.records import Database

__all__ = ["TEXT_ROWS", "EventCounts", "EventHistory", "EventRows", "Events", "Glance", "cursor_of", "read_cursor"]

_NEEDED: Final = ("tlp", "pap", "routed", "told", "ingest", "row")
_BYTES: Final = 32 << 20
_RUNS: Final = "min.notified_in"
T = TypeVar("T")
_NONE: Final[Places] = np.zeros(0, dtype=np.intp)


class EventOrder(StrEnum):
    """What comes first."""

    RECEIVED = "received"  # what this node received last
    TIME = "time"  # what happened last


@dataclass(frozen=True)
class EventRows:
    """Rows in order, and where the next page begins; empty where there is none.

    ``rows``: the columns asked for and ``ingest``, ``row``, ``problem``; what may not be seen is null.
    """

    rows: pl.DataFrame
    cursor: str


@dataclass(frozen=True)
class Glance:
    """Rows as `EventRows`, each by its identity with the values of `summaries.GLANCE` (times in seconds since 1970)."""

    rows: list[tuple[str, dict[str, Any]]]
    cursor: str


@dataclass(frozen=True)
class EventHistory:
    """What happened to some events.

    ``at``: when each was, in seconds since 1970, 0 where nobody knows; in no order. ``first``: the first ingest that
    brought one; None without events. ``told``: the ingests and notification runs that told one, each with the set of
    teams.
    """

    at: Int64s
    first: int | None
    told: frozenset[tuple[int, int]]


def cursor_of(ingest: int, row: int) -> str:
    """An event's identity on this node as text."""
    return f"{ingest}-{row}"


def read_cursor(text: str) -> tuple[int, int] | None:
    """The ingest and row that such a text names; None where it names none."""
    ingest, _, row = text.partition("-")
    fine = all(part.isascii() and part.isdecimal() and 0 < len(part) <= 10 for part in (ingest, row))
    return (int(ingest), int(row)) if fine and max(int(ingest), int(row)) < 2**32 else None


_Found: TypeAlias = tuple[int, int, str, int]  # when (0 where that orders nothing), identity, file, and place in it


@dataclass(frozen=True)
class _Part:
    """The part of a list that is asked for: so many after a cursor."""

    after: str
    limit: int
    order: EventOrder

    @property
    def last(self) -> tuple[int, int] | None:
        """When the last one before was (0 where that orders nothing), and its identity; None at the beginning."""
        when, _, event = self.after.partition("-") if self.order is EventOrder.TIME else ("0", "", self.after)
        named = read_cursor(event)
        fine = when.isascii() and when.isdecimal() and len(when) <= 10
        return (int(when), named[0] << 32 | named[1]) if named and fine else None

    def cursor(self, last: _Found) -> str:
        """What the next part begins after."""
        event = cursor_of(last[1] >> 32, last[1] & 0xFFFFFFFF)
        return f"{last[0]}-{event}" if self.order is EventOrder.TIME else event


@dataclass(frozen=True)
class Events:
    """The events of a node to look at, by any number of threads. ``folder``: where digests are kept.

    ``numbers_of``: the numbers of the team with a key, and of those merged into it; none where there is none.
    """

    store: EventStore
    database: Database
    folder: Path
    numbers_of: Callable[[str], frozenset[int]]
    text_rows: int = TEXT_ROWS
    scopes: Cache[EventScope] = field(default_factory=lambda: Cache(200))
    """What people see, by all that it hangs on; kept here for whoever asks the gate."""
    summaries: Summaries = field(init=False)
    _matcher: Matcher = field(init=False)
    _counter: MatchCounter = field(init=False)
    _figures: Cache[EventCounts] = field(init=False)
    _pages: Cache[EventRows] = field(init=False)
    _glances: Cache[Glance] = field(init=False)
    _arrivals: Cache[EventArrivals] = field(init=False)

    def __post_init__(self) -> None:
        summaries = Summaries(self.folder, self.store)
        matcher = Matcher(self.store, self.database, summaries, self.numbers_of, self.text_rows)
        object.__setattr__(self, "summaries", summaries)
        object.__setattr__(self, "_matcher", matcher)
        object.__setattr__(self, "_counter", MatchCounter(matcher))
        # More at once than there are processors would only need more memory, and longer for each.
        turn = BoundedSemaphore(os.cpu_count() or 1)
        object.__setattr__(self, "_figures", Cache(_BYTES, lambda one: one.asns.nbytes + 50_000, turn))
        object.__setattr__(self, "_pages", Cache(100, turn=turn))
        object.__setattr__(self, "_glances", Cache(200, turn=turn))
        object.__setattr__(self, "_arrivals", Cache(_BYTES, lambda one: 4 * one.added.nbytes + 1_000, turn))

    def figures(self, wanted: EventFilter, *, now: datetime, sight: EventScope = EVERYTHING) -> EventCounts:
        """The counts of the events that fit and may be seen."""
        asked = self._matcher.wanted(wanted, sight, now)
        found = _again(lambda: self._figures.get(self._key(asked), lambda: self._counter.figures(asked)))
        if sight.everything:
            return found
        # How many there are in all is not said to who sees some.
        seen = found if wanted == EventFilter() else self.figures(EventFilter(), now=now, sight=sight)
        return replace(found, stored=seen.total)

    def page(
        self,
        wanted: EventFilter,
        *,
        now: datetime,
        sight: EventScope = EVERYTHING,
        columns: Sequence[str] = (),
        after: str = "",
        limit: int = 50,
        order: EventOrder = EventOrder.RECEIVED,
    ) -> EventRows:
        """The newest events that fit and may be seen, ``after`` a cursor. ``columns``: names of fields; none: all."""
        asked = self._matcher.wanted(wanted, sight, now)
        part = _Part(after, limit, order)
        key = self._key(asked, tuple(columns), part)
        return _again(lambda: self._pages.get(key, lambda: self._page(asked, columns, part)))

    def glance(
        self,
        wanted: EventFilter,
        *,
        now: datetime,
        sight: EventScope = EVERYTHING,
        after: str = "",
        limit: int = 50,
        order: EventOrder = EventOrder.RECEIVED,
    ) -> Glance | None:
        """What `page` finds, as far as the digests know it, far sooner; None where not all of that may be seen."""
        if not sight.common.issuperset(GLANCE):
            return None
        asked = self._matcher.wanted(wanted, sight, now)
        part = _Part(after, limit, order)
        return _again(lambda: self._glances.get(self._key(asked, part), lambda: self._glance(asked, part)))

    def arrivals(self, wanted: EventFilter, *, now: datetime, sight: EventScope) -> EventArrivals:
        """The events that fit and may be seen in the order in which they came, without their rows."""
        asked = self._matcher.wanted(wanted, sight, now)
        return _again(lambda: self._arrivals.get(self._key(asked), lambda: self._in_order(asked)))

    def arrived(
        self, arrivals: EventArrivals, chosen: Sequence[int], columns: Sequence[str], *, sight: EventScope
    ) -> dict[int, dict[str, Any]]:  # fmt: skip
        """Some of them by identity, as `idf_out.flat` shows them; ``chosen``: by their places among the arrivals."""
        places = dict[str, list[int]]()
        for at in chosen:
            places.setdefault(arrivals.paths[arrivals.file[at]], []).append(int(arrivals.place[at]))
        rows = self._rows([(path, np.array(of, dtype=np.intp)) for path, of in places.items()], columns, sight)
        named = (ingest << 32 | row for ingest, row in rows.select("ingest", "row").iter_rows())
        return dict(zip(named, flat(rows).to_dicts(), strict=True))

    def history(self, wanted: EventFilter, *, now: datetime) -> EventHistory:
        """When the events that fit were, and who was told of them; no file is read where the digests say all."""
        return _again(lambda: self._history(self._matcher.wanted(wanted, EVERYTHING, now)))

    def one(self, cursor: str, *, sight: EventScope = EVERYTHING) -> pl.DataFrame:
        """One event whole, by its identity: a frame of one row, of none where it is not there or may not be seen."""
        named = read_cursor(cursor)
        if named is None:
            return pl.DataFrame(schema=COLUMNS)
        return _again(lambda: self._one(*named, ResolvedFilter(EventFilter(), sight)))

    def batches(
        self, wanted: EventFilter, *, now: datetime, sight: EventScope = EVERYTHING, rows: int = 20_000
    ) -> Iterator[pl.DataFrame]:
        """All events that fit and may be seen, whole, in frames of at most so many rows; in the order of the files.

        They are those of this moment, however long the reading takes (up to `store.READING`).
        """
        asked = self._matcher.wanted(wanted, sight, now)
        return self._batches(self._matcher.searched(asked), asked, rows)

    def whole(
        self, wanted: EventFilter, *, now: datetime, sight: EventScope = EVERYTHING
    ) -> tuple[EventCounts, Iterator[pl.DataFrame]]:
        """The counts of the events that fit and may be seen, and all of these very events, as `batches`."""
        while True:
            version = self.store.table.version()
            found = self.figures(wanted, now=now, sight=sight), self.batches(wanted, now=now, sight=sight)
            if self.store.table.version() == version:  # else more was heard between the two
                return found

    def _batches(self, files: Sequence[EventFile], asked: ResolvedFilter, rows: int) -> Iterator[pl.DataFrame]:
        for file in files:
            places = self._matcher.fitting(file, asked)
            for start in range(0, len(places), rows):
                yield self._rows([(file.path, places[start : start + rows])], (), asked.sight)

    def labels(self) -> frozenset[Label]:
        """All labels that stored events carry."""
        for file in self._matcher.files():
            self._matcher.number_of(file.path)
        return self._matcher.kinds.labels()

    def _key(self, asked: ResolvedFilter, *more: Hashable) -> Hashable:
        """What an answer is known by until something is heard."""
        return (self.store.table.version(), asked.key, asked.bounds, more)

    def _one(self, ingest: int, row: int, asked: ResolvedFilter) -> pl.DataFrame:
        for file in self._matcher.files():
            places = self.summaries.of(file.path).place_of(ingest, row) if file.newest >= ingest else _NONE
            if len(places):
                fits = self._matcher.mask(file, asked)
                places = places if fits is None else places[fits[places]]
                return self._rows([(file.path, places)], (), asked.sight)
        return pl.DataFrame(schema=COLUMNS)

    def _history(self, asked: ResolvedFilter) -> EventHistory:
        again = self._routed_again()
        at, ingests, told = [np.zeros(0, dtype=np.int64)], set[int](), set[tuple[int, int]]()
        events = []
        for file in self._matcher.searched(asked):
            places = self._matcher.fitting(file, asked)
            summary = self.summaries.of(file.path)
            at.append(summary.at[places].astype(np.int64))
            ingests |= set(summary.ingests[np.unique(summary.ingest[places])].tolist())
            if len(places) and file.path in again:  # digests do not say what was routed once more
                rows = self._rows_of(file.path, places, ("ingest", "notified_in", "told"), whole=False)
                told |= {(ingest, teams) for ingest, teams in rows.select(TOLD_IN, "told").iter_rows() if teams}
            else:
                both = np.unique(summary.ingest[places].astype(np.int64) << 32 | summary.set[places])
                came, sets = summary.ingests[both >> 32].tolist(), summary.sets[both & 0xFFFFFFFF, 1].tolist()
                told |= {(ingest, teams) for ingest, teams in zip(came, sets, strict=True) if teams}
            events.append(summary.events(places))
        if ingests:
            told |= self._told_again(min(ingests), np.concatenate(events))
        return EventHistory(np.concatenate(at), min(ingests, default=None), frozenset(told))

    def _routed_again(self) -> set[str]:
        """The files with events that a run routed once more, of which digests do not say so."""
        listing = self.store.table.listing()
        return set(listing.filter(pl.col(_RUNS).is_not_null())["path"]) if _RUNS in listing.columns else set()

    def _in_order(self, asked: ResolvedFilter) -> EventArrivals:
        again, parts = self._routed_again(), []
        for file in self._matcher.searched(asked):
            if len(places := self._matcher.fitting(file, asked)):
                events = self.summaries.of(file.path).events(places)
                told = (events >> np.uint64(32)).astype(np.int64)
                if file.path in again:
                    rows = self._rows_of(file.path, places, ("ingest", "notified_in"), whole=False)
                    told = rows.select(TOLD_IN).to_series().to_numpy().astype(np.int64)
                parts.append((file.path, told, events, places))
        with self.database.reading() as session:
            started = dict(session.execute(select(Ingest.number, Ingest.started_at)).all())
            started |= dict(session.execute(select(NotificationRun.number, NotificationRun.started_at)).all())
        return in_order(parts, started)

    def _told_again(self, first: int, events: npt.NDArray[np.uint64]) -> set[tuple[int, int]]:
        """The runs that told one of these events again, each with the set of teams; ``first``: the first ingest."""
        with self.database.reading() as session:
            repeats = repeats_since(session, first)
        ingest, row = (repeats[name].to_numpy().astype(np.uint64) for name in ("ingest", "row"))
        of_these = np.isin(ingest << np.uint64(32) | row, events)
        return set(repeats.filter(of_these).select("notified_in", "told").iter_rows())

    def _page(self, asked: ResolvedFilter, columns: Sequence[str], part: "_Part") -> EventRows:
        best = self._best(asked, part)
        shown = best[: part.limit]
        of = [(path, np.array([place for *_, place in some], dtype=np.intp)) for path, some in _by_path(shown).items()]
        found = self._rows(of, columns, asked.sight)
        order = {cursor_of(event >> 32, event & 0xFFFFFFFF): place for place, (_, event, *_) in enumerate(shown)}
        places = [order[cursor_of(*one)] for one in found.select("ingest", "row").iter_rows()]
        rows = found[np.argsort(np.array(places, dtype=np.int64))] if part.order is EventOrder.TIME else found
        return EventRows(rows, part.cursor(shown[-1]) if len(best) > part.limit else "")

    def _glance(self, asked: ResolvedFilter, part: "_Part") -> Glance:
        best = self._best(asked, part)
        rows: dict[int, dict[str, Any]] = {}
        for path, of in _by_path(best[: part.limit]).items():
            columns = self.summaries.of(path).glance(np.array([place for *_, place in of], dtype=np.intp))
            names = list(columns)
            found = zip(of, zip(*columns.values(), strict=True), strict=True)
            rows |= {event: dict(zip(names, values, strict=True)) for (_, event, *_), values in found}
        named = [(cursor_of(event >> 32, event & 0xFFFFFFFF), rows[event]) for _, event, *_ in best[: part.limit]]
        return Glance(named, part.cursor(best[part.limit - 1]) if len(best) > part.limit else "")

    def _best(self, asked: ResolvedFilter, part: "_Part") -> list["_Found"]:
        """The first events that fit, in order, and one more than the limit where there are further ones."""
        by_time, most = part.order is EventOrder.TIME, part.limit + 1
        files = self._matcher.searched(asked)
        if by_time:
            files = sorted(files, key=lambda file: self.summaries.of(file.path).span[1], reverse=True)
        best: list[_Found] = []
        for file in files:
            newest = self.summaries.of(file.path).span[1] if by_time else file.newest
            if len(best) >= most and newest < (best[most - 1][0] if by_time else best[most - 1][1] >> 32):
                break
            best += self._latest_of(file, asked, part, most) if by_time else self._newest_of(file, asked, part, most)
            best.sort(key=lambda one: one[:2], reverse=True)
            del best[most:]
        return best

    def _latest_of(self, file: EventFile, asked: ResolvedFilter, part: "_Part", most: int) -> list["_Found"]:
        """Those of a file that happened last."""
        summary, places = self.summaries.of(file.path), self._matcher.fitting(file, asked)
        at = summary.at[places]
        if (last := part.last) is not None:
            not_later = at <= last[0]
            places, at = places[not_later], at[not_later]
            same = np.flatnonzero(at == last[0])
            right = np.ones(len(at), dtype=bool)
            right[same] = summary.events(places[same]) < np.uint64(last[1])
            places, at = places[right], at[right]
        if len(at) > most:
            near = at >= np.partition(at, len(at) - most)[len(at) - most]
            places, at = places[near], at[near]
        events = summary.events(places)
        order = np.lexsort((events, at))[::-1][:most]
        chosen = (at[order].tolist(), events[order].tolist(), places[order].tolist())
        return [(when, event, file.path, place) for when, event, place in zip(*chosen, strict=True)]

    def _newest_of(self, file: EventFile, asked: ResolvedFilter, part: "_Part", most: int) -> list["_Found"]:
        """Those of a file that came last; they are all of one time."""
        summary, places = self.summaries.of(file.path), self._matcher.fitting(file, asked)
        last = part.last
        if len(places) > most and last is None:
            places = summary.of_newest_ingests(places, most)
        events = summary.events(places)
        if last is not None:
            before = events < np.uint64(last[1])
            places, events = places[before], events[before]
        if len(events) > most:
            top = np.argpartition(events, len(events) - most)[-most:]
            places, events = places[top], events[top]
        return [(0, event, file.path, place) for event, place in zip(events.tolist(), places.tolist(), strict=True)]

    def _rows(self, places: Sequence[tuple[str, Places]], columns: Sequence[str], sight: EventScope) -> pl.DataFrame:
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
        scan = self.store.scan_file(path)
        filled = scan.collect_schema().names()
        taken = [name for name in names if name in filled]
        extras = [name for name in filled if name.startswith(PREFIX)] if whole else []
        # Groups of rows without one are not read: of a file with a million rows that took twenty times as long.
        near = np.split(at, np.flatnonzero(np.diff(at // ROW_GROUP)) + 1)
        found = pl.concat(pl.collect_all([_at(scan, some).select(*taken, *extras) for some in near]))
        missing = {name: COLUMNS[name] for name in names if name not in filled}  # as literals they take milliseconds
        return fold(pl.concat([found, pl.DataFrame(schema=missing)], how="diagonal")).select(names)

    def _shown(self, rows: pl.DataFrame, sight: EventScope) -> pl.DataFrame:
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

    def _fits(self, rows: pl.DataFrame, window: ScopeClause) -> pl.Series:
        fits = pl.Series([True]).new_from_index(0, rows.height)
        if window.labels is not None:
            of = window.labels
            fits &= pl.Series([label in of for label in rows.select("tlp", "pap").iter_rows()], dtype=pl.Boolean)
        if window.teams is not None:
            sets = self._matcher.sets_of(window.teams)
            pairs = rows.select("told", *([] if window.told_only else ["routed"])).iter_rows()
            fits &= pl.Series([not sets.isdisjoint(pair) for pair in pairs], dtype=pl.Boolean)
        return fits


def _at(scan: pl.LazyFrame, places: Places) -> pl.LazyFrame:
    """The rows of a file at some places, in order; all between the first and the last are looked at."""
    start, end = int(places[0]), int(places[-1]) + 1
    inside = pl.Series(places - start, dtype=pl.UInt32).implode()
    return scan.slice(start, end - start).with_row_index("_place").filter(pl.col("_place").is_in(inside))


def _again(ask: Callable[[], T]) -> T:
    """The answer; a file that was compacted away after it was found is not looked for a second time."""
    try:
        return ask()
    except FileNotFoundError:
        return ask()


def _by_path(found: Sequence[_Found]) -> dict[str, list[_Found]]:
    """By file those of its events."""
    by_path: dict[str, list[_Found]] = {}
    for one in found:
        by_path.setdefault(one[2], []).append(one)
    return by_path
