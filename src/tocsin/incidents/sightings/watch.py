"""The observables that each ingest looks for, compiled, and what it keeps of those that it found.

They are read as nobody: what is found is kept in the compartment of its incident, and shown there alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentObservable
from tocsin.incidents.sightings.look_back import lock_ingests, newest_ingest
from tocsin.incidents.sightings.matching import KINDS, MATCHED, ObservableMatcher, WatchedObservable
from tocsin.incidents.sightings.write import note_ingest
from tocsin.incidents.states import IncidentState
from tocsin.node.records import Database

MOST: Final = 100_000
"""So many observables are looked for, those that were added last."""


_HOLDS: Final = timedelta(minutes=10)  # what has expired or was withdrawn is asked for that long, and not kept
_KNOWN: Final[dict[str, tuple[int, datetime, int, ObservableMatcher]]] = {}  # by database, for the runs of a process


@dataclass
class ObservableWatch:
    """What one run of ingests looks for; read anew where something was added since."""

    database: Database
    matcher: ObservableMatcher = field(default_factory=ObservableMatcher)
    _since: int = 0  # the newest ingest when it was read: what was added or changed later was checked to it or beyond

    def open(self, now: datetime) -> None:
        """Be ready for one more report."""
        where = str(self.database.engine.url)
        with self.database.reading() as session:
            newest = session.scalar(select(func.max(IncidentObservable.id))) or 0
            known, read_at, self._since, self.matcher = _KNOWN.get(where, (-1, now, 0, self.matcher))
            if newest != known or not read_at <= now < read_at + _HOLDS:
                self._since = newest_ingest(session)
                self.matcher = ObservableMatcher.of(_watched(session, _active(now), limit=MOST))
                _KNOWN[where] = newest, now, self._since, self.matcher

    def note(
        self,
        session: Session,
        found: list[pl.DataFrame],
        *,
        events: Callable[[], pl.DataFrame],
        now: datetime,
    ) -> None:
        """Keep what an ingest found, in the transaction that notes it.

        ``events``: all events of the ingest, for what was added while it ran.
        """
        lock_ingests(session)
        late = _watched(session, [*_active(now), IncidentObservable.checked_to >= self._since])
        late = [one for one in late if one.number not in self.matcher.numbers]
        if late:
            _KNOWN.pop(str(self.database.engine.url), None)
            found = [*found, ObservableMatcher.of(late).match(events())]
        matches = pl.concat([pl.DataFrame(schema=MATCHED), *found])
        if matches.height:
            note_ingest(session, matches, now=now)


def _watched(
    session: Session, conditions: list[ColumnElement[bool]], *, limit: int | None = None
) -> list[WatchedObservable]:
    """``limit``: only so many, the newest; without it an index finds the few that are asked for."""
    row = IncidentObservable
    query = select(row.id, row.kind, row.value).join(Incident, Incident.id == row.incident_id).where(*conditions)
    query = query.order_by(row.id.desc()).limit(limit) if limit else query
    return [WatchedObservable(*one) for one in session.execute(query)]


def _active(now: datetime) -> list[ColumnElement[bool]]:
    row = IncidentObservable
    return [
        row.withdrawn_at.is_(None),
        or_(row.valid_until.is_(None), row.valid_until > now),
        row.kind.in_(sorted(KINDS)),
        Incident.state != IncidentState.REJECTED.value,
    ]
