"""Closing an incident: its root cause, how it came to be known, lessons that outlive it, how it went, and figures.

docs/design/closing.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.closing import acts
    from tocsin.incidents.closing.causes import FILE, UNKNOWN, RootCause, causes_for, read_causes, shipped_causes
    from tocsin.incidents.closing.feedback import PATH, FeedbackRequest, feedback_link, open_feedback, record_feedback
    from tocsin.incidents.closing.figures import (
        CourseFigures,
        IncidentCourse,
        IncidentSpan,
        SpanFigures,
        course_figures,
        figures_by,
        read_courses,
    )
    from tocsin.incidents.closing.read import Lesson, due_lessons, feedback_of, list_lessons, unfinished_lessons
    from tocsin.incidents.closing.states import DETECTED, RATINGS, DetectedBy, FeedbackRating
else:
    lazy_face(__name__)
