"""Problems: one asset with one thing wrong, seen once or many times, until its feed no longer sees it."""

from tocsin.problems.identity import problem_keys
from tocsin.problems.known import Known, feed_runs, known_problems, last_committed
from tocsin.problems.track import NOTES, NotesArray, Repeat, Seen, Sightings, Telling, Tracker, gone_since, seen_again

__all__ = [
    "NOTES",
    "Known",
    "NotesArray",
    "Repeat",
    "Seen",
    "Sightings",
    "Telling",
    "Tracker",
    "feed_runs",
    "gone_since",
    "known_problems",
    "last_committed",
    "problem_keys",
    "seen_again",
]
