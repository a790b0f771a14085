"""Assessments: frameworks in versions, answers with evidence, measured values beside them, plans and reports.

Said once: a reading is 0 to 1, a score 0 to 100, an interval 95 %; what is unknown is a range and never a zero.
"""

from tocsin.readiness.assessment.compare import Comparison, compare, read_under
from tocsin.readiness.assessment.crosswalk import ChainLink, Link
from tocsin.readiness.assessment.effective import AnswerFacts, EvidenceFacts, Held, StatementFacts
from tocsin.readiness.assessment.frameworks import Framework, Question, bundled, load_framework
from tocsin.readiness.assessment.intervals import Interval, Shrunk, shrink, wilson
from tocsin.readiness.assessment.measures import QUERIES, Measurement, Query, as_reading, find_query, measure
from tocsin.readiness.assessment.plan import Goal, Outcome, Tracked, expected_gain, goals, outcomes, track
from tocsin.readiness.assessment.ranking import RankRange, rank_ranges
from tocsin.readiness.assessment.scoring import UNKNOWN, ProfileResult, Reading, Score, profiles, score
from tocsin.readiness.assessment.snapshot import ActionFacts, Snapshot, history, read_snapshot, same_version

__all__ = [
    "QUERIES",
    "UNKNOWN",
    "ActionFacts",
    "AnswerFacts",
    "ChainLink",
    "Comparison",
    "EvidenceFacts",
    "Framework",
    "Goal",
    "Held",
    "Interval",
    "Link",
    "Measurement",
    "Outcome",
    "ProfileResult",
    "Query",
    "Question",
    "RankRange",
    "Reading",
    "Score",
    "Shrunk",
    "Snapshot",
    "StatementFacts",
    "Tracked",
    "as_reading",
    "bundled",
    "compare",
    "expected_gain",
    "find_query",
    "goals",
    "history",
    "load_framework",
    "measure",
    "outcomes",
    "profiles",
    "rank_ranges",
    "read_snapshot",
    "read_under",
    "same_version",
    "score",
    "shrink",
    "track",
    "wilson",
]
