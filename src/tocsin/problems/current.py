"""What this node knows of its problems now: their notes, and which of them are gone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.events import Ingest, IngestState, NotificationRun
from tocsin.problems.track import NOTES, NotesArray, Tracker, gone_since

NEWEST_COMMITTED: Final = tuple(
    select(func.max(row.number)).where(row.state == IngestState.COMMITTED).scalar_subquery()
    for row in (Ingest, NotificationRun)
)
"""The numbers of the newest committed ingest and notification run, as columns of a query; None where there is none."""


@dataclass(frozen=True)
class KnownProblems:
    """Problems with their notes. ``keys``: uint64[n], sorted; ``gone_at``: int64[n], see `gone_since`."""

    keys: npt.NDArray[np.uint64]
    notes: NotesArray
    gone_at: npt.NDArray[np.int64]

    def column(self, name: str) -> npt.NDArray[np.int64]:
        """One of the columns of `NOTES`."""
        return self.notes[:, NOTES.index(name)].astype(np.int64)


def known_problems(
    session: Session,
    tracker: Tracker,
    *,
    gone_after_days: int,
    keys: npt.NDArray[np.uint64] | None = None,
    told_by: int | None = None,
) -> KnownProblems:
    """All problems of committed ingests, or those of them that ``keys`` (in any order) name.

    ``told_by``: of all, only those that some team was first told of by then (seconds since 1970 UTC).
    """
    last = last_committed(session)
    if keys is None:
        noted = None if told_by is None else (NOTES.index("first_told_at"), told_by)
        keys, notes = tracker.files.everything(up_to=last, noted=noted)
    else:
        keys = np.unique(keys)
        found, notes = tracker.files.lookup(keys, up_to=last)
        keys, notes = keys[found], notes[found]
    there = notes[:, NOTES.index("sightings")] > 0  # nothing of the others is left, since a report was read again
    keys, notes = keys[there], notes[there]
    runs = tracker.runs.read(session, up_to=last)
    return KnownProblems(keys, notes, gone_since(notes, runs, after_days=gone_after_days))


def last_committed(session: Session) -> int:
    """The number of the newest committed ingest or notification run; 0 where there is none."""
    return max(number or 0 for number in session.execute(select(*NEWEST_COMMITTED)).one())
