"""Assessments: frameworks in versions, answers with evidence, measured values beside them, plans and reports.

Said once: a reading is 0 to 1, a score 0 to 100, an interval 95 %; what is unknown is a range and never a zero.
"""

from tocsin.readiness.assessment.compare import AssessmentComparison, compare, read_under
from tocsin.readiness.assessment.crosswalk import ChainLink, QuestionLink
from tocsin.readiness.assessment.effective import AnswerFacts, EffectiveAnswer, EvidenceFacts, StatementFacts
from tocsin.readiness.assessment.frameworks import Framework, FrameworkQuestion, bundled, load_framework
from tocsin.readiness.assessment.intervals import ScoreInterval, Shrunk, shrink, wilson
from tocsin.readiness.assessment.measures import QUERIES, Measurement, MeasureQuery, as_reading, find_query, measure
from tocsin.readiness.assessment.plan import ActionOutcome, Goal, TargetProgress, expected_gain, goals, outcomes, track
from tocsin.readiness.assessment.ranking import RankRange, rank_ranges
from tocsin.readiness.assessment.scoring import UNKNOWN, ProfileResult, QuestionScore, Score, profiles, score
from tocsin.readiness.assessment.snapshot import ActionFacts, Snapshot, history, read_snapshot, same_version
