"""The observables that each ingest looks for, compiled, and what it keeps of those that it found.

Most nodes look for nothing, and load nothing of incidents.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import Integer, column, func, select, table
from sqlalchemy.orm import Session

from tocsin.incidents.sightings.look_back import lock_ingests, newest_ingest
from tocsin.incidents.sightings.matching import MATCHED, ObservableMatcher
from tocsin.node.records import Database

_HOLDS: Final = timedelta(minutes=10)  # what has expired or was withdrawn is asked for that long, and not kept
_KNOWN: Final[dict[str, tuple[int, datetime, int, ObservableMatcher]]] = {}  # by database, for the runs of a process
_NEWEST: Final = select(func.max(column("id", Integer))).select_from(table("incident_observable"))


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
            newest = session.scalar(_NEWEST) or 0
            known, read_at, self._since, self.matcher = _KNOWN.get(where, (0, now, 0, self.matcher))
            if newest != known or not read_at <= now < read_at + _HOLDS:
                from tocsin.incidents.sightings.watched import watched_observables

                self._since = newest_ingest(session)
                self.matcher = ObservableMatcher.of(watched_observables(session, now))
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
        if session.scalar(_NEWEST) is None:
            return
        from tocsin.incidents.sightings.watched import watched_observables
        from tocsin.incidents.sightings.write import note_ingest

        late = watched_observables(session, now, since=self._since)
        late = [one for one in late if one.number not in self.matcher.numbers]
        if late:
            _KNOWN.pop(str(self.database.engine.url), None)
            found = [*found, ObservableMatcher.of(late).match(events())]
        matches = pl.concat([pl.DataFrame(schema=MATCHED), *found])
        if matches.height:
            note_ingest(session, matches, now=now)
