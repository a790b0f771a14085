"""What is written of sightings: those of the past once, then what each ingest finds."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol, cast

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.events import EventStore
from tocsin.incidents.models import Incident, IncidentObservable, ObservableSighting
from tocsin.incidents.sightings.look_back import daily, look_back, newest_ingest
from tocsin.incidents.sightings.matching import WatchedObservable
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.write import add_entry
from tocsin.interface import ActContext

_ASKED: Final = 5_000  # parameters of one statement
_NAMED: Final = 20  # values that an entry names


class _Stores(Protocol):
    """The node with what these acts ask."""

    store: EventStore


@dataclass
class PastSightings:
    """The past of observables that are to be added, looked up before the transaction that adds them.

    ``wanted``: by their place. ``matches``: up to the ingest ``up_to``.
    """

    context: ActContext
    wanted: Sequence[WatchedObservable]
    up_to: int
    matches: pl.DataFrame

    @classmethod
    def of(cls, context: ActContext, wanted: Sequence[tuple[str, str]]) -> "PastSightings":
        """Look up kinds and values."""
        named = [WatchedObservable(place, *one) for place, one in enumerate(wanted)]
        with context.database.reading() as session:
            up_to = newest_ingest(session)
        return cls(context, named, up_to, _past(context, named, up_to=up_to))

    def note(self, session: Session, rows: Sequence[tuple[int, IncidentObservable]]) -> int:
        """Keep the past of observables, each with its place; how many were seen. In the transaction that adds them.

        `lock_ingests` was called in it.
        """
        session.flush()
        newest = newest_ingest(session)
        if newest > self.up_to:  # one more came meanwhile
            more = _past(self.context, self.wanted, up_to=newest, after=self.up_to)
            self.matches, self.up_to = pl.concat([self.matches, more]), newest
        by_place, seen = dict(rows), set()
        former = _by_day(session, [one.id for one in by_place.values()])
        for day in daily(self.matches).iter_rows(named=True):
            if (row := by_place.get(day["observable"])) is not None:
                _keep(session, row, day, former.pop((row.id, day["day"]), None))
                seen.add(row.id)
        for gone in former.values():
            session.delete(gone)
        for row in by_place.values():
            row.checked_to = newest
        return len(seen)


def note_ingest(session: Session, matches: pl.DataFrame, *, now: datetime) -> int:
    """Keep what an ingest found (columns `MATCHED`, numbers of observables); how many observables were seen.

    What was withdrawn or expired meanwhile is left out. In the transaction that notes the ingest.
    """
    days = daily(matches).partition_by("observable", as_dict=True)
    _lock_incidents(session, [int(number) for (number,) in days])
    found = {one.id: one for one in _active(session, [int(number) for (number,) in days], now)}
    known = _by_day(session, found)
    for (number,), of in days.items():
        if (row := found.get(int(number))) is None:
            continue
        for day in of.iter_rows(named=True):
            before = known.get((row.id, day["day"]))
            if before is not None:
                day["events"] += before.events
                day["first"], day["last"] = min(before.first_at, day["first"]), max(before.last_at, day["last"])
                day["sets"] = sorted({*before.sets, *day["sets"]})
            _keep(session, row, day, before)
        row.unreviewed_since = row.unreviewed_since or now
    _enter(session, list(found.values()), now)
    return len(found)


def _enter(session: Session, seen: Sequence[IncidentObservable], now: datetime) -> None:
    """An entry in each incident, with those of its observables that have none of today."""
    by_incident: dict[int, list[IncidentObservable]] = {}
    for one in seen:
        if one.noted_on != now.date():
            one.noted_on = now.date()
            by_incident.setdefault(one.incident_id, []).append(one)
    for incident, of in by_incident.items():
        values = sorted(one.value for one in of)
        data = {"act": "seen", "values": values[:_NAMED], "count": len(values)}
        add_entry(
            session, session.get_one(Incident, incident), IncidentEntryKind.OBSERVABLE, actor="pipeline", now=now,
            data=data,
        )  # fmt: skip


def _past(context: ActContext, wanted: Sequence[WatchedObservable], **bounds: int) -> pl.DataFrame:
    store = cast("_Stores", context.node).store
    return look_back(context.database, store, wanted, now=context.now, **bounds)


def _keep(session: Session, row: IncidentObservable, day: dict[str, Any], known: ObservableSighting | None) -> None:
    """Note a day of `daily`, in its row if there is one."""
    if known is None:
        known = ObservableSighting(
            incident_id=row.incident_id, compartment_id=row.compartment_id, observable_id=row.id, day=day["day"]
        )
        session.add(known)
    known.events, known.sets = day["events"], day["sets"]
    known.first_at, known.last_at = day["first"], day["last"]


def _lock_incidents(session: Session, observables: Collection[int]) -> None:
    """Lock the incidents of observables, in their order, so that what a person does with one comes before or after."""
    row = IncidentObservable
    queries = (select(row.incident_id).where(row.id.in_(some)) for some in _parts(observables))
    incidents = {one for query in queries for one in session.scalars(query)}
    for some in _parts(incidents):
        session.scalars(select(Incident).where(Incident.id.in_(some)).order_by(Incident.id).with_for_update()).all()


def _active(session: Session, numbers: Collection[int], now: datetime) -> Iterator[IncidentObservable]:
    row = IncidentObservable
    for some in _parts(numbers):
        for one in session.scalars(select(row).where(row.id.in_(some), row.withdrawn_at.is_(None)).order_by(row.id)):
            if one.valid_until is None or one.valid_until > now:
                yield one


def _by_day(session: Session, observables: Collection[int]) -> dict[tuple[int, date], ObservableSighting]:
    """The sightings of observables that are kept."""
    row = ObservableSighting
    queries = (select(row).where(row.observable_id.in_(some)) for some in _parts(observables))
    return {(one.observable_id, one.day): one for query in queries for one in session.scalars(query)}


def _parts(numbers: Collection[int]) -> Iterator[list[int]]:
    every = sorted(numbers)
    for start in range(0, len(every), _ASKED):
        yield every[start : start + _ASKED]
