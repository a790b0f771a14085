"""The observables that each ingest looks for, compiled, and what it keeps of those that it found.

They are read as nobody: what is found is kept in the compartment of its incident, and shown there alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from tocsin.events import Ingest
from tocsin.incidents.models import Incident, IncidentObservable
from tocsin.incidents.sightings.look_back import newest_ingest
from tocsin.incidents.sightings.matching import KINDS, MATCHED, ObservableMatcher, WatchedObservable
from tocsin.incidents.sightings.write import note_ingest
from tocsin.incidents.states import IncidentState
from tocsin.node.records import Database

MOST: Final = 100_000
"""So many observables are looked for, those that were added last."""


@dataclass
class ObservableWatch:
    """What one run of ingests looks for; made anew for each run, and where something was added since."""

    database: Database
    matcher: ObservableMatcher = field(default_factory=ObservableMatcher)
    _newest: int = -1

    def open(self, now: datetime) -> ObservableMatcher:
        """The matcher for one more report."""
        with self.database.reading() as session:
            newest = session.scalar(select(func.max(IncidentObservable.id))) or 0
            if newest != self._newest:
                self.matcher, self._newest = ObservableMatcher.of(_watched(session, _active(now))), newest
        return self.matcher

    def note(
        self,
        session: Session,
        found: list[pl.DataFrame],
        *,
        ingest: int,
        events: Callable[[], pl.DataFrame],
        now: datetime,
    ) -> None:
        """Keep what an ingest found, in the transaction that notes it.

        ``events``: all events of the ingest, for what was added while it ran.
        """
        newest_ingest(session, lock=True)
        before = session.scalar(select(func.max(Ingest.number)).where(Ingest.number < ingest)) or 0
        late = _watched(session, [*_active(now), IncidentObservable.checked_to >= before])
        late = [one for one in late if one.number not in self.matcher.numbers]
        if late:
            self._newest = -1
            found = [*found, ObservableMatcher.of(late).match(events())]
        matches = pl.concat([pl.DataFrame(schema=MATCHED), *found])
        if matches.height:
            note_ingest(session, matches, now=now)


def _watched(session: Session, conditions: list[ColumnElement[bool]]) -> list[WatchedObservable]:
    row = IncidentObservable
    query = select(row.id, row.kind, row.value).join(Incident, Incident.id == row.incident_id).where(*conditions)
    return [WatchedObservable(*one) for one in session.execute(query.order_by(row.id.desc()).limit(MOST))]


def _active(now: datetime) -> list[ColumnElement[bool]]:
    row = IncidentObservable
    return [
        row.withdrawn_at.is_(None),
        or_(row.valid_until.is_(None), row.valid_until > now),
        row.kind.in_(sorted(KINDS)),
        Incident.state != IncidentState.REJECTED.value,
    ]
