"""The past: events of the last 90 days in which observables are, those that are shown and those about to be.

What an ingest notes and what is looked up here meet at the number of an ingest: up to it the past is looked up, beyond
it each ingest notes its own. Both hold a lock meanwhile, so that nothing falls between the two.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.events import IS_PREPARED, EventStore, Ingest
from tocsin.incidents.sightings.matching import KINDS, MATCHED, ObservableMatcher, WatchedObservable
from tocsin.node.records import Database, take_turns

PAST: Final = timedelta(days=90)


def lock_ingests(session: Session) -> None:
    """Let no other ingest be noted until the transaction ends.

    Before any incident is locked: an ingest locks those of which it finds something, and two who wait for each other
    end with an error.
    """
    take_turns(session, "sigh")


def newest_ingest(session: Session) -> int:
    """The newest ingest that is noted, committed or about to be."""
    return session.scalar(select(func.max(Ingest.number))) or 0


def look_back(
    database: Database,
    store: EventStore,
    wanted: Sequence[WatchedObservable],
    *,
    now: datetime,
    up_to: int,
    after: int = 0,
) -> pl.DataFrame:
    """The matches (columns `MATCHED`) in what came within 90 days by the ingests behind ``after``, up to ``up_to``."""
    matcher = ObservableMatcher.of([one for one in wanted if one.kind in KINDS])
    if not matcher.numbers or up_to <= after:
        return pl.DataFrame(schema=MATCHED)
    with database.reading() as session:  # first: what is committed meanwhile is in the table then
        prepared = select(Ingest.parts).where(IS_PREPARED, Ingest.number <= up_to)
        coming = {str(part["path"]) for parts in session.scalars(prepared) for part in parts}
    listing = store.table.listing()
    may = (pl.col("partition.day") >= (now - PAST).date().isoformat()) & (pl.col("max.ingest") > after)
    paths = {*coming, *listing.filter(may)["path"]} if listing.height else coming
    if not paths:
        return pl.DataFrame(schema=MATCHED)
    events = store.scan_parts(paths)
    there = events.collect_schema().names()
    events = events.filter(pl.col("ingest").is_between(after + 1, up_to), matcher.may_match(there))
    return matcher.match(store.collect(events.select(matcher.columns(there))))


def daily(matches: pl.DataFrame) -> pl.DataFrame:
    """How many events of each observable there are by day: ``observable``, ``day``, ``events``, ``first``, ``last``.

    ``sets``: of teams that must know. Events without a time are of the day of 1970-01-01. Pure.
    """
    at = pl.from_epoch("at", time_unit="s").dt.replace_time_zone("UTC")
    rows = matches.with_columns(pl.col("at").fill_null(0)).with_columns(at.alias("time"))
    return (
        rows.group_by("observable", pl.col("time").dt.date().alias("day"))
        .agg(
            pl.len().cast(pl.Int64).alias("events"),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("routed").unique().sort().alias("sets"),
        )
        .sort("observable", "day")
    )
