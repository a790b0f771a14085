"""Problems: one asset with one thing wrong, seen once or many times, until its feed no longer sees it."""

from tocsin.problems.current import KnownProblems, feed_runs, known_problems, last_committed
from tocsin.problems.identity import problem_keys
from tocsin.problems.track import (
    NOTES,
    NotesArray,
    NotificationFlags,
    ReminderPolicy,
    SightingResult,
    Sightings,
    Tracker,
    gone_since,
    seen_again,
)
