"""What an ingest made of its report, found again so that it can be withdrawn: the report is to be read once more."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import (
    PLACES,
    Delivery,
    DigestCorrection,
    digests_that_left,
    digests_with,
    take_events_out,
    was_heard,
)
from tocsin.events import TOLD_IN, EventPart, EventQuery, Ingest, NotificationRun, Reread, may_hold
from tocsin.node.records import cut
from tocsin.node.sentences import say
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.team_sets import TeamSets
from tocsin.problems import NOTES, NotesArray, StoredSightings, Tellings, without
from tocsin.sharing.gate import highest, read_marking

Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Rewritten = tuple[list[EventPart], list[str]]
_SEEN: Final = pl.coalesce("time.source", "time.observation").dt.epoch("s").clip(0, 2**32 - 1).alias("seen")
_WHERE: Final = pl.coalesce(
    "source.network", "source.url", "source.fqdn", "source.reverse_dns", pl.format("AS{}", "source.asn")
)
_WHAT: Final = pl.coalesce("classification.identifier", "malware.name", "classification.type")
_SEVERAL: Final = 256  # from here on rows are numbered where a record may be several events
_RANGES: Final = 64
_REWRITTEN: Final = 500_000
"""The parts that hold what is left of files are numbered from here on; those of the report itself are fewer."""
_TAKEN_BACK: Final = say("Its report was read again.")


@dataclass
class FirstReading:
    """What ingest ``ingest`` stored and told, as it is now. ``number``: of the ingest that takes its place.

    ``events``: its stored events, a few columns. ``before``: the rows that readings before it had stored.
    """

    node: NodeWithStores
    ingest: Ingest
    number: int
    events: pl.DataFrame
    before: Rows
    left: dict[tuple[int, int], Delivery]
    sets: TeamSets
    owed: dict[int, Counter[int]] = field(default_factory=dict)
    vanished: Keys = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    @classmethod
    def of(cls, node: NodeWithStores, ingest: Ingest, number: int, sets: TeamSets) -> "FirstReading":
        """Look for all of it; nothing is changed."""
        columns = ("row", "problem", "ingest", "told", "source.ip.hi", "source.ip.lo", "tlp", "pap")
        found = node.store.scan(ingests=[ingest.number])
        events = node.store.collect(
            found.select(*columns, _SEEN, TOLD_IN.alias("told_in"), _WHERE.alias("where"), _WHAT.alias("what"))
        )
        with node.database.reading() as session:
            before = session.scalar(select(Reread.rows).where(Reread.number == ingest.number))
            left = digests_that_left(session, events["told_in"].unique().to_list())
        made = cls(node, ingest, number, events, _unpacked(before), left, sets)
        told = events.filter(pl.col("told") > 0).group_by("told_in", "told").len()
        for told_in, told_set, count in told.iter_rows():
            teams = made.owed.setdefault(told_in, Counter())
            for team in sets.plain(told_set):
                teams[team] += count
        return made

    @cached_property
    def rows(self) -> Rows:
        """The rows of the report that it, and readings before it, had stored; sorted."""
        return np.union1d(self.events["row"].to_numpy().astype(np.int64), self.before)

    def stored(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which rows of the second reading those before had stored.

        Where the new mapping makes several events of a record and the old one did not, or the other way round, rows
        have other numbers: the first event of a record is found by both.
        """
        known = np.isin(rows, self.rows)
        if len(rows) and len(self.rows) and (int(np.min(rows)) >= _SEVERAL) != (self.rows[0] >= _SEVERAL):
            known |= np.isin(rows * _SEVERAL, self.rows)
            known |= (rows % _SEVERAL == 0) & np.isin(rows // _SEVERAL, self.rows)
        return known

    @cached_property
    def keys(self) -> Keys:
        """Its problems, sorted."""
        return np.unique(self.events["problem"].to_numpy().view(np.uint64))

    def note_without(self) -> None:
        """Note the problems as they are without it, under the new number, before the second reading."""
        if not len(self.keys):
            return
        files = self.node.tracker.files
        known, notes = files.lookup(self.keys, up_to=self.number - 1)
        after = self._reckoned(notes)
        # A problem of whose notes nothing is known is left alone.
        files.write((self.number, 0), self.keys[known], after[known])
        cut("reread.noted")

    def settle(self, number: int, part: int) -> None:
        """Forget the problems that the second reading has not seen either, and of which nothing else is stored."""
        files = self.node.tracker.files
        known, notes = files.lookup(self.keys, up_to=number)
        self.vanished = self.keys[known & (notes[:, NOTES.index("sightings")] == 0)]
        files.write((number, part), self.vanished, np.zeros((len(self.vanished), len(NOTES)), dtype=np.uint32))

    def rewritten(self) -> Rewritten:
        """Files that hold its events written without them, and those whose place they take; nobody sees them yet."""
        store = self.node.store
        parts: list[EventPart] = []
        replaced: list[str] = []
        for path in self._files(EventQuery(), [self.ingest.number]):
            frame = store.collect(store.scan(files=[path]))
            kept = frame.filter(pl.col("ingest") != self.ingest.number)
            if kept.height == frame.height:
                continue
            replaced.append(path)
            if kept.height:
                place = _REWRITTEN + len(parts)
                parts.append(store.write_again(kept, path, run=self.number, part=place))
        store.sync(parts)
        cut("reread.written")
        return parts, replaced

    def withdraw(self, session: Session) -> list[Delivery]:
        """Take back what is owed and did not leave, in the caller's transaction; gives the digests that change."""
        changed: list[Delivery] = []
        for told_in, teams in self.owed.items():
            waiting = {team: events for team, events in teams.items() if (told_in, team) not in self.left}
            changed += digests_with(session, told_in, waiting)
            take_events_out(session, told_in, waiting, reason=_TAKEN_BACK)
        return changed

    def waiting(self) -> dict[int, int]:
        """How many events are owed to each team and did not leave."""
        found: Counter[int] = Counter()
        for told_in, teams in self.owed.items():
            found.update({team: n for team, n in teams.items() if (told_in, team) not in self.left})
        return dict(found)

    def corrections(self) -> dict[int, list[DigestCorrection]]:
        """What is to be corrected of what teams heard: the problems that are there no more. After `settle`."""
        gone = self.events.filter(
            pl.col("told") > 0, pl.col("problem").is_in(self.vanished.view(np.int64).tolist())
        ).unique(["problem", "told_in", "told"], keep="first", maintain_order=True)
        told: dict[tuple[int, str], list[pl.DataFrame]] = {}
        digests: dict[str, Delivery] = {}
        for (told_in, told_set), of in gone.group_by("told_in", "told", maintain_order=True):
            for team in self.sets.plain(cast("int", told_set)):
                digest = self.left.get((cast("int", told_in), team))
                if digest is not None and was_heard(digest):
                    digests[digest.reference] = digest
                    told.setdefault((team, digest.reference), []).append(of)
        found: dict[int, list[DigestCorrection]] = {}
        for (team, reference), parts in sorted(told.items()):
            of = pl.concat(parts).unique("problem", keep="first", maintain_order=True)
            found.setdefault(team, []).append(_correction(of, digests[reference]))
        return found

    def _files(self, query: EventQuery, ingests: Sequence[int] | None = None) -> list[str]:
        listing = self.node.store.table.listing()
        return list(listing.filter(may_hold(query, ingests, listing.columns))["path"])

    def _reckoned(self, notes: NotesArray) -> NotesArray:
        keys = self.keys
        mine = StoredSightings.of(keys, _summed(self.events))
        more = notes[:, NOTES.index("sightings")] > mine.count
        elsewhere = self._elsewhere(keys[more])
        others = StoredSightings.of(keys, elsewhere)
        times, feeds = self._times(others)

        def at(numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
            return np.array([times.get(one, 0) for one in numbers.tolist()], dtype=np.uint32)

        last, first = (self._taken_back(keys, notes[:, NOTES.index(name)]) for name in ("told_by", "first_told_by"))
        last &= others.told_last != notes[:, NOTES.index("told_by")]
        first &= others.told_first != notes[:, NOTES.index("first_told_by")]
        told = Tellings(last, first, at(others.told_last), at(others.told_first), self._told_sets(notes, elsewhere))
        feed = np.array([feeds.get(one, 0) for one in others.seen_by.tolist()], dtype=np.uint32)
        return without(notes, mine, others, told, feed)

    def _elsewhere(self, keys: Keys) -> pl.DataFrame:
        """What other ingests stored of these problems, file by file: the columns of `StoredSightings.of`."""
        wanted = pl.col("problem").is_in(keys.view(np.int64).tolist()) & (pl.col("ingest") != self.ingest.number)
        columns = ("problem", "ingest", "told", TOLD_IN.alias("told_in"), _SEEN)
        paths = self._files(EventQuery(ranges=self._ranges(keys))) if len(keys) else ()
        store = self.node.store
        each = (store.collect(store.scan(files=[path]).filter(wanted).select(*columns)) for path in paths)
        return pl.concat([_summed(self.events.clear()), *map(_summed, each)])

    def _ranges(self, keys: Keys) -> list[tuple[int, int, int, int]]:
        """Few ranges that hold the addresses of these problems; none where some have no address."""
        of = self.events.filter(pl.col("problem").is_in(keys.view(np.int64).tolist()))
        if of["source.ip.hi"].null_count():
            return []
        hi, lo = (of[f"source.ip.{half}"].to_numpy().view(np.uint64) for half in ("hi", "lo"))
        order = np.lexsort((lo, hi))
        return [
            (int(hi[some[0]]), int(lo[some[0]]), int(hi[some[-1]]), int(lo[some[-1]]))
            for some in np.array_split(order, min(_RANGES, len(order)))
        ]

    def _times(self, others: StoredSightings) -> tuple[dict[int, int], dict[int, int]]:
        """When ingests and runs began, seconds; and the feeds of ingests."""
        numbers = {*others.told_first.tolist(), *others.told_last.tolist(), *others.seen_by.tolist()} - {0}
        with self.node.database.reading() as session:
            ingests = select(Ingest.number, Ingest.started_at, Ingest.feed_id).where(Ingest.number.in_(numbers))
            rows = session.execute(ingests).all()
            runs = select(NotificationRun.number, NotificationRun.started_at)
            at = dict(session.execute(runs.where(NotificationRun.number.in_(numbers))).all())
        began: dict[int, datetime] = {number: time for number, time, _ in rows} | at
        return {number: int(time.timestamp()) for number, time in began.items()}, {one[0]: one[2] for one in rows}

    def _silent(self, told_in: int, told_set: int) -> list[int]:
        """The teams of a telling that heard nothing of it."""
        found = ((team, self.left.get((told_in, team))) for team in self.sets.plain(told_set))
        return [team for team, digest in found if digest is None or not was_heard(digest)]

    def _taken_back(self, keys: Keys, by: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        """Of which problems the telling that is noted was one of these events, and no team heard it."""
        tellings = self._tellings.group_by("problem", "told_in").agg(pl.col("heard").any())
        noted = pl.DataFrame({"problem": keys.view(np.int64), "told_in": by.astype(np.int64)})
        found = noted.join(tellings, on=["problem", "told_in"], how="left", maintain_order="left")
        return found.select((~pl.col("heard")).fill_null(value=False)).to_series().to_numpy()

    @cached_property
    def _tellings(self) -> pl.DataFrame:
        """Each telling of a problem with a set of teams: whether some team ``heard`` it, and the set that did not."""
        pairs = self.events.filter(pl.col("told") > 0).select("problem", "told_in", "told").unique(maintain_order=True)
        kinds = pairs.select("told_in", "told").unique(maintain_order=True)
        rows = []
        for told_in, told_set in kinds.iter_rows():
            silent = self._silent(told_in, told_set)
            rows.append((told_in, told_set, len(silent) < len(self.sets.plain(told_set)), self.sets.number(silent)))
        schema = {"told_in": pl.Int64, "told": pl.Int32, "heard": pl.Boolean, "silent": pl.Int32}
        made = pl.DataFrame(rows, schema=schema, orient="row")
        pairs = pairs.with_columns(pl.col("told_in").cast(pl.Int64), pl.col("told").cast(pl.Int32))
        return pairs.join(made, on=["told_in", "told"], maintain_order="left")

    def _told_sets(self, notes: NotesArray, elsewhere: pl.DataFrame) -> npt.NDArray[np.int32]:
        """Of each problem the set of teams that heard of it, or will by other ingests."""

        def of(events: pl.DataFrame, column: str) -> npt.NDArray[np.int32]:
            told = events[column].cast(pl.Int32).to_numpy()
            places = np.searchsorted(self.keys, events["problem"].to_numpy().view(np.uint64))
            return self.sets.of_problems(np.zeros(len(self.keys), dtype=np.int32), told, places)

        before = notes[:, NOTES.index("told_set")].astype(np.int32)
        left = self.sets.minus(before, of(self._tellings, "silent"))
        return self.sets.union(left, of(elsewhere, "told"))


def packed(rows: Rows) -> bytes:
    """Row numbers, sorted, as the records keep them: differences, mostly ones, squeezed."""
    return zlib.compress(np.diff(rows, prepend=0).astype(np.int64).tobytes(), 1)


def _unpacked(stored: bytes | None) -> Rows:
    if stored is None:
        return np.zeros(0, dtype=np.int64)
    return np.cumsum(np.frombuffer(zlib.decompress(stored), dtype=np.int64))


def _summed(events: pl.DataFrame) -> pl.DataFrame:
    """Events by problem, ingest and telling."""
    return events.group_by("problem", "ingest", "told", "told_in").agg(
        pl.len().alias("count"), pl.col("seen").min().alias("first"), pl.col("seen").max().alias("last")
    )


def _correction(of: pl.DataFrame, digest: Delivery) -> DigestCorrection:
    from tocsin.events import addresses

    places = of.head(PLACES)
    shown = places.with_columns(addresses(places, "source.ip"))
    labels = of.select("tlp", "pap").unique().iter_rows()
    marking = highest(read_marking(tlp, pap) for tlp, pap in labels)
    return DigestCorrection(
        digest.reference,
        f"{digest.sent_at or digest.created_at:%Y-%m-%d}",
        of.height,
        [(row["source.ip"] or row["where"] or "?", row["what"] or "?") for row in _named(shown)],
        marking.tlp.value,
        marking.pap.value if marking.pap else None,
    )


def _named(frame: pl.DataFrame) -> Iterator[dict[str, str | None]]:
    return frame.select("source.ip", "where", "what").iter_rows(named=True)
