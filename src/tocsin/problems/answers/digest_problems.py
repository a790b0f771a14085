"""Which problems a digest told, from the event table."""

from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Pool, func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem
from tocsin.directory import merged_teams
from tocsin.events import EventStore, TeamSet, repeats_of

_SETS: Final[WeakKeyDictionary[Pool, tuple[int, dict[int, list[int]]]]] = WeakKeyDictionary()
"""Of each database, by its pool of connections, the newest set and the sets that each team is in."""


def told_problems(session: Session, store: EventStore, delivery: Delivery) -> frozenset[int]:
    """The keys of the problems that a digest told its team; empty where retention deleted the events."""
    found = store.collect(told_events(session, store, delivery).select("problem").unique())
    return frozenset(found["problem"].to_numpy().view(np.uint64).tolist())


def told_at(session: Session, store: EventStore, delivery: Delivery, hi: int, lo: int) -> frozenset[int]:
    """The keys of those problems of a digest that are at one address (its halves, unsigned)."""
    here = (pl.col("source.ip.hi") == _signed(hi)) & (pl.col("source.ip.lo") == _signed(lo))
    found = store.collect(told_events(session, store, delivery).filter(here).select("problem").unique())
    return frozenset(found["problem"].to_numpy().view(np.uint64).tolist())


def told_events(session: Session, store: EventStore, delivery: Delivery) -> pl.LazyFrame:
    """The events that a digest told its team, lazily; columns as `EventStore.scan` gives them."""
    first = delivery.repeats or delivery.id
    ingests = list(session.scalars(select(DeliveryItem.ingest).where(DeliveryItem.delivery_id == first)))
    told = store.scan_told(ingests, repeats_of(session, ingests))
    return told.filter(pl.col("told").is_in(sets_with(session, frozenset({delivery.team_id}))))


def sets_with(session: Session, teams: frozenset[int]) -> list[int]:
    """The numbers of the sets of teams, as events name them, that one of these is in."""
    pool, newest = session.get_bind().engine.pool, session.scalar(select(func.max(TeamSet.number))) or 0
    known = _SETS.get(pool)
    if known is None or known[0] != newest:  # sets are only ever added
        by_team: dict[int, list[int]] = {}
        for number, members in session.execute(
            select(TeamSet.number, TeamSet.members)
        ):  # thousands: no objects of them
            for team in members:
                by_team.setdefault(team, []).append(number)
        known = _SETS[pool] = (newest, by_team)
    return sorted({number for team in teams for number in known[1].get(team, ())})


def same_team(session: Session, team_id: int) -> frozenset[int]:
    """All numbers of a team: its own, and those of the teams that were merged into it."""
    merged = merged_teams(session)
    now = merged.get(team_id, team_id)
    return frozenset({now, *(number for number, into in merged.items() if into == now)})


def packed(keys: frozenset[int]) -> bytes:
    """Keys as they are stored, see `AnsweredDigest`."""
    return np.array(sorted(keys), dtype="<u8").tobytes()


def unpacked(stored: bytes) -> npt.NDArray[np.uint64]:
    """Stored keys, sorted, uint64[n]."""
    return np.frombuffer(stored, dtype="<u8")


def _signed(value: int) -> int:
    """The signed number of the same 64 bits, as the event table has them."""
    return value - 2**64 if value >= 2**63 else value
