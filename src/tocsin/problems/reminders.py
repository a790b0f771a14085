"""Reminders that a person asks for: the teams that must know of a problem are notified again with its next sighting."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records import Base, Database, UTCDateTime
from tocsin.problems.problem_names import problem_text, read_problem
from tocsin.problems.track import NOTES, SightingResult

_HOLDS: Final = timedelta(days=30)
"""What is not seen again for so long is not reminded of when it comes back: then the usual steps say when."""


class ProblemReminder(Base):
    """A person asked that teams be reminded of a problem (16 hexadecimal digits); the newest time counts.

    Nothing is changed when it is done: a problem is due until it is told later than ``at``.
    """

    __tablename__ = "problem_reminder"

    problem: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    asked_by: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True)
class ReminderRequests:
    """What reminders were asked for. ``keys``: uint64, sorted; ``at``: when, seconds since 1970 UTC."""

    keys: npt.NDArray[np.uint64]
    at: npt.NDArray[np.int64]

    def due(self, seen: SightingResult) -> npt.NDArray[np.bool_]:
        """By problem of a batch, whether it is due, asked for or not: it was told before, and not since."""
        if not len(self.keys):
            return seen.due
        keys = seen.sightings.keys
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        told_at, told_by = (seen.notes[:, NOTES.index(name)].astype(np.int64) for name in ("told_at", "told_by"))
        asked = (self.keys[place] == keys) & (told_by > 0) & (told_at <= self.at[place])
        due: npt.NDArray[np.bool_] = seen.due | asked
        return due


def read_reminders(database: Database, now: datetime) -> ReminderRequests:
    """What was asked for and holds."""
    with database.reading() as session:
        query = select(ProblemReminder.problem, ProblemReminder.at).where(ProblemReminder.at > now - _HOLDS)
        asked = sorted((read_problem(text), int(at.timestamp())) for text, at in session.execute(query))
    keys = np.array([key for key, _ in asked], dtype=np.uint64)
    return ReminderRequests(keys, np.array([at for _, at in asked], dtype=np.int64))


def ask_reminders(session: Session, keys: Collection[int], *, by: str, now: datetime) -> None:
    """Note in the caller's transaction that teams are to be reminded of these problems."""
    texts = [problem_text(key) for key in keys]
    session.execute(delete(ProblemReminder).where(ProblemReminder.at <= now - _HOLDS))
    for start in range(0, len(texts), 500):
        session.execute(delete(ProblemReminder).where(ProblemReminder.problem.in_(texts[start : start + 500])))
    session.add_all(ProblemReminder(problem=text, at=now, asked_by=by) for text in texts)


def reminders_of(session: Session, keys: Collection[int]) -> dict[int, ProblemReminder]:
    """The reminder that was asked for last, of those of these problems that have one."""
    texts = [problem_text(key) for key in keys]
    rows = session.scalars(select(ProblemReminder).where(ProblemReminder.problem.in_(texts)))
    return {read_problem(row.problem): row for row in rows}
