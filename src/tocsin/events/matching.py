"""Which rows of which files fit what is asked, decided by the digests of the files; and who may ask what.

A file itself is read only for free text and for the key of a problem, which digests do not have.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import select

from tocsin.events.cves import cve_columns, is_cve, names_cve
from tocsin.events.extra import PREFIX
from tocsin.events.filters import EVERYWHERE, TEXT_FIELDS, EventFilter
from tocsin.events.kinds import CONDITIONS, Kinds
from tocsin.events.models import TeamSet
from tocsin.events.scope import EventScope, ScopeClause
from tocsin.events.store import EventQuery, EventStore, may_hold
from tocsin.events.summaries import Bools, FileDigest, Places, Summaries, each
from tocsin.networks import AddressRange, parse_network
from tocsin.node.cache import Cache
from tocsin.node.records import Database

TEXT_ROWS: Final = 1_000_000
"""How many of the events that may fit otherwise free text is looked for in at once, the newest first."""

FOREVER: Final = (0, 2**32)
_MORE: Final = "extra"  # what a feed says beyond the schema: only CVEs are looked for in it
_PLACES: Final = 32 << 20  # bytes
_SEEN_BY: Final = {
    **CONDITIONS,
    "country": "source.geolocation.cc",
    "address": "source.ip",
    "asn": "source.asn",
    "port": "source.port",
}


@dataclass(frozen=True)
class EventFile:
    """One file of the table: its path there, its rows, and the newest ingest in it."""

    path: str
    rows: int
    newest: int


@dataclass(frozen=True)
class ResolvedFilter:
    """A filter with its times resolved, seconds since 1970 from (included) and until (not), and who looks.

    ``teams``: the numbers of the team that the filter names, and of those merged into it; None where it names none.
    """

    filter: EventFilter
    sight: EventScope
    bounds: tuple[int, int] = FOREVER
    teams: frozenset[int] | None = None

    @property
    def key(self) -> Hashable:
        """What it is known by, its times aside."""
        return (self.filter.without("since", "until", "last"), self.sight, self.teams)

    @property
    def reads(self) -> bool:
        """Whether the digests alone do not answer it."""
        return bool(self.filter.text or self.filter.problem)

    @property
    def by_kind(self) -> bool:
        """Whether kinds and times alone answer it."""
        of_row = self.filter.asn is not None or self.filter.port is not None
        narrowed = of_row or self.filter.address or self.teams is not None
        return not (self.reads or narrowed or self.sight.by_team)


@dataclass(frozen=True)
class Matcher:
    """Finds what fits. ``numbers_of``: the numbers of the team with a key, and of those merged into it."""

    store: EventStore
    database: Database
    summaries: Summaries
    numbers_of: Callable[[str], frozenset[int]]
    text_rows: int = TEXT_ROWS
    kinds: Kinds = field(default_factory=Kinds)
    _files: Cache[list[EventFile]] = field(default_factory=lambda: Cache(2))
    _sets: Cache[dict[int, list[int]]] = field(default_factory=lambda: Cache(2))
    _numbers: Cache[Places] = field(default_factory=lambda: Cache(_PLACES, lambda numbers: numbers.nbytes))
    _places: Cache[Places] = field(default_factory=lambda: Cache(_PLACES, lambda places: places.nbytes))

    def wanted(self, wanted: EventFilter, sight: EventScope, now: datetime) -> ResolvedFilter:
        """What is asked, with its times and teams resolved."""
        since, until = wanted.bounds(now)
        first = FOREVER[0] if since is None else min(max(0, int(since.timestamp())), 2**32)
        last = FOREVER[1] if until is None else min(max(0, int(until.timestamp())), 2**32)
        return ResolvedFilter(wanted, sight, (first, last), self.numbers_of(wanted.team) if wanted.team else None)

    def files(self) -> list[EventFile]:
        """The files of the table, those with the newest ingests first."""
        return self._files.get(self.store.table.version(), self._files_now)

    def _files_now(self) -> list[EventFile]:
        listing = self.store.table.listing()
        if listing.is_empty():
            return []
        self.summaries.close_others(listing["path"])
        rows = listing.select("path", "num_records", "max.ingest").sort("max.ingest", "path", descending=True)
        return [EventFile(*row) for row in rows.iter_rows()]

    def searched(self, asked: ResolvedFilter) -> list[EventFile]:
        """The files that may hold what is wanted; for free text those of the part that is asked for."""
        parts, back = self.parts(asked), max(asked.filter.back, 0)
        return parts[back] if back < len(parts) else []

    def parts(self, asked: ResolvedFilter) -> list[list[EventFile]]:
        """The files that may hold what is wanted, the newest first: all at once, or in parts for free text."""
        files = self.files()
        if not files or not _may_ask(asked):
            return []
        if asked.filter.address:
            listing = self.store.table.listing()
            condition = may_hold(EventQuery(ranges=_ranges(asked.filter.address)), None, listing.columns)
            held = set(listing.filter(condition)["path"])
            files = [file for file in files if file.path in held]
        if not asked.filter.text or asked.filter.back == EVERYWHERE:
            return [files]
        parts: list[list[EventFile]] = []
        room = 0
        for file in files:
            if not self._may_hold(file, asked):
                continue
            if file.rows > room:
                parts.append([])
                room = self.text_rows
            parts[-1].append(file)
            room -= file.rows
        return parts

    def _may_hold(self, file: EventFile, asked: ResolvedFilter) -> bool:
        """Whether the digest of a file leaves it open that it holds what is wanted, text aside; without its rows.

        Labels do not count: an export, which sees fewer, has the same parts as the page that leads to it.
        """
        summary = self.summaries.of(file.path)
        first, last = summary.span
        if last < asked.bounds[0] or first >= asked.bounds[1]:
            return False
        if asked.filter.asn is not None and asked.filter.asn not in summary.asns:
            return False
        teams = [some for some in (asked.teams, asked.sight.teams) if some is not None]
        if not all(self._names(summary, some) for some in teams):
            return False
        numbers = self.number_of(file.path)
        return bool(self.kinds.fitting(asked.filter)[numbers].any())

    def _names(self, summary: FileDigest, teams: frozenset[int]) -> bool:
        """Whether an event of the file was routed or told to one of the teams."""
        return bool(np.isin(summary.sets, sorted(self.sets_of(teams))).any())

    def mask(self, file: EventFile, asked: ResolvedFilter) -> Bools | None:
        """For each row of the file whether it fits; None: all do."""
        summary, numbers = self.summaries.of(file.path), self.number_of(file.path)
        conditions: list[Bools] = []
        if not (fitting := self.fitting_kinds(asked, numbers)).all():
            conditions.append(each(fitting, summary.kind))
        first, last = summary.span
        if not (asked.bounds[0] <= first and last < asked.bounds[1]):
            conditions.append((summary.at >= asked.bounds[0]) & (summary.at < min(asked.bounds[1], 2**32 - 1)))
        if asked.filter.asn is not None:
            at = np.searchsorted(summary.asns, asked.filter.asn)
            known = at < len(summary.asns) and summary.asns[at] == asked.filter.asn
            # a number of the column's own kind: another would make a copy of it
            same = summary.asn == summary.asn.dtype.type(at) if known else np.zeros(summary.rows, dtype=bool)
            conditions.append(same)
        if asked.filter.port is not None:
            conditions.append(summary.has_port(asked.filter.port))
        if asked.filter.address:
            conditions.append(summary.within(_ranges(asked.filter.address)))
        if asked.teams is not None:
            conditions.append(self._of_teams(summary, asked.teams))
        if asked.sight.by_team:
            conditions.append(self._through(summary, numbers, asked.sight.windows))
        mask = _all(conditions)
        if asked.reads and (mask is None or mask.any()):
            read = np.zeros(summary.rows, dtype=bool)
            read[self._read_places(file, asked, _span(mask, summary.rows))] = True
            mask = read if mask is None else mask & read
        return mask

    def fitting_kinds(self, asked: ResolvedFilter, numbers: Places) -> Bools:
        """For each of the kinds with these numbers whether an event of it may fit, and be seen."""
        fits = self.kinds.fitting(asked.filter)
        seen = np.zeros(len(fits), dtype=bool)
        for window in asked.sight.windows:
            seen |= self.kinds.labelled(window.labels)[: len(fits)]  # others may number more kinds meanwhile
        return (fits & seen)[numbers]

    def fitting(self, file: EventFile, asked: ResolvedFilter) -> Places:
        """The places of the rows of the file that fit, in order."""
        first, last = self.summaries.of(file.path).span
        if last < asked.bounds[0] or first >= asked.bounds[1]:
            return np.zeros(0, dtype=np.intp)
        fits = self.mask(file, asked)
        return np.arange(self.summaries.of(file.path).rows) if fits is None else np.flatnonzero(fits)

    def _through(self, summary: FileDigest, numbers: Places, windows: Sequence[ScopeClause]) -> Bools:
        seen = np.zeros(summary.rows, dtype=bool)
        for window in windows:
            labelled = self.kinds.labelled(window.labels)[numbers]
            if window.teams is None:
                shown = each(labelled, summary.kind)
            else:
                shown = self._of_teams(summary, window.teams, told_only=window.told_only)
                if not labelled.all():
                    shown &= each(labelled, summary.kind)
            seen |= shown
        return seen

    def _of_teams(self, summary: FileDigest, teams: frozenset[int], *, told_only: bool = False) -> Bools:
        """For each row whether it was routed or told to one of the teams."""
        of = np.array(sorted(self.sets_of(teams)), dtype=np.int64)
        right = np.isin(summary.sets[:, 1:] if told_only else summary.sets, of).any(axis=1)
        return each(right, summary.set)

    def sets_of(self, teams: frozenset[int]) -> frozenset[int]:
        """The numbers of the sets that one of the teams is in."""
        sets = self._sets.get(self.store.table.version(), self._sets_by_team)  # runs make sets, too
        return frozenset(number for team in teams for number in sets.get(team, ()))

    def _sets_by_team(self) -> dict[int, list[int]]:
        by_team: dict[int, list[int]] = {}
        with self.database.reading() as session:
            for number, members in session.execute(select(TeamSet.number, TeamSet.members)):
                for team in members:
                    by_team.setdefault(team, []).append(number)
        return by_team

    def number_of(self, path: str) -> Places:
        """The numbers of a file's kinds."""
        return self._numbers.get(path, lambda: self.kinds.number(self.summaries.of(path).kinds))

    def _read_places(self, file: EventFile, asked: ResolvedFilter, part: tuple[int, int]) -> Places:
        """Where in the file rows have the text or problem that is wanted.

        ``part``: for the key of a problem, read no others: with its address, that is a few rows of a million. A text is
        looked for in all, since it stays while other conditions change.
        """
        texts = tuple(name for name in (*TEXT_FIELDS, _MORE) if name in asked.sight.common)
        part = part if asked.filter.problem else (0, file.rows)
        key = (file.path, asked.filter.text, asked.filter.problem, texts, part)
        return self._places.get(key, lambda: self._read_places_now(file, asked.filter, texts, part))

    def _read_places_now(
        self, file: EventFile, wanted: EventFilter, texts: Sequence[str], part: tuple[int, int]
    ) -> Places:
        scan = self.store.scan_file(file.path).with_row_index("_place").slice(part[0], part[1] - part[0])
        filled = scan.collect_schema().names()
        condition = pl.lit(value=True)
        if wanted.problem:
            condition &= pl.col("problem") == int.from_bytes(bytes.fromhex(wanted.problem), "big", signed=True)
        if wanted.text:
            among = _says(wanted.text, filled, texts)
            condition &= pl.any_horizontal(among).fill_null(value=False) if among else pl.lit(value=False)
        found = self.store.collect(scan.filter(condition).select("_place"))
        return found.to_series().to_numpy().astype(np.intp)


def _says(text: str, filled: Sequence[str], texts: Sequence[str]) -> list[pl.Expr]:
    """For each column that may be looked at whether it has the text; a CVE is exactly that one, in lists too."""
    if is_cve(text):
        return names_cve(
            text,
            [name for name in cve_columns(filled) if name in texts or (_MORE in texts and name.startswith(PREFIX))],
        )
    pattern = f"(?i){re.escape(text)}"
    return [pl.col(name).str.contains(pattern) for name in texts if name in filled and name != _MORE]


def _may_ask(asked: ResolvedFilter) -> bool:
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


def _span(mask: Bools | None, rows: int) -> tuple[int, int]:
    """The first of the rows that a mask leaves, and the one behind the last."""
    if mask is None:
        return 0, rows
    places = np.flatnonzero(mask)
    return int(places[0]), int(places[-1]) + 1


def _ranges(address: str) -> list[AddressRange]:
    network = parse_network(address) if address else None
    return [] if network is None else network.ranges


def _all(conditions: Sequence[Bools]) -> Bools | None:
    if not conditions:
        return None
    mask = conditions[0]
    for condition in conditions[1:]:
        mask = mask & condition
    return mask
