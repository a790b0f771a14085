"""Assessments: frameworks in versions, answers with evidence, measured values beside them, plans and reports.

Said once: a reading is 0 to 1, a score 0 to 100, an interval 95 %; what is unknown is a range and never a zero.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.readiness.assessment.assessments import (
        AnswerInput,
        Unit,
        add_measurement,
        appeal,
        close,
        decide,
        give_answer,
        note,
        open_assessment,
        set_ranked,
        start,
        state,
    )
    from tocsin.readiness.assessment.compare import AssessmentComparison, compare, read_under
    from tocsin.readiness.assessment.crosswalk import ChainLink, QuestionLink
    from tocsin.readiness.assessment.csv_rows import numbered_rows, read_csv
    from tocsin.readiness.assessment.effective import (
        ASSESSORS,
        STATUSES,
        AnswerFacts,
        EffectiveAnswer,
        EvidenceFacts,
        StatementFacts,
    )
    from tocsin.readiness.assessment.evidence import EvidenceStatement, add_evidence, use_evidence
    from tocsin.readiness.assessment.frameworks import (
        Framework,
        FrameworkQuestion,
        bundled,
        bundled_framework,
        bundled_text,
        load_framework,
        parse_framework,
    )
    from tocsin.readiness.assessment.intervals import ScoreInterval, shrink, wilson
    from tocsin.readiness.assessment.measures import QUERIES, Measurement, as_reading, find_query, measure
    from tocsin.readiness.assessment.models import (
        Assessment,
        AssessmentAnswer,
        Evidence,
        EvidenceUse,
        FrameworkVersion,
        ImprovementAction,
        QuestionStatement,
        UnitTarget,
    )
    from tocsin.readiness.assessment.plan import (
        TARGETS,
        Goal,
        TargetProgress,
        Task,
        add_action,
        finish_action,
        goals,
        set_target,
        track,
    )
    from tocsin.readiness.assessment.ranking import RankRange, rank_ranges
    from tocsin.readiness.assessment.scoring import UNKNOWN, QuestionScore, Score, exactly, profiles, score
    from tocsin.readiness.assessment.snapshot import Snapshot, history, read_snapshot, same_version
    from tocsin.readiness.assessment.versions import (
        UNASSIGNED,
        add_version,
        assign,
        get_version,
        list_versions,
        publish,
        responsible,
    )
else:
    lazy_face(__name__)
