"""Answers: what teams say of the problems they were told of, and how the next sighting meets what was said."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.problems.answers.answer_table import AnswerTable, entry_numbers, read_answers
    from tocsin.problems.answers.by_team import TeamAnswer, answer_problems, sheets_of
    from tocsin.problems.answers.course import (
        Course,
        Courses,
        CourseStep,
        OpenProblems,
        ProblemName,
        ProblemState,
        state_of,
    )
    from tocsin.problems.answers.digest_problems import (
        same_team,
        sets_with,
        told_at,
        told_events,
        told_problems,
    )
    from tocsin.problems.answers.earlier_answers import answers_before
    from tocsin.problems.answers.entries import (
        answer_entries,
        answered,
        newest_answer,
        numbered_answers,
        without_withdrawn,
    )
    from tocsin.problems.answers.links import PATH, links, reference_of
    from tocsin.problems.answers.models import VERDICTS, WITHDRAWN, Answer, AnswerVerdict, Via
    from tocsin.problems.answers.newest import NewestAnswers
    from tocsin.problems.answers.outcome import AnswerOutcome, AnswerStanding, latest, stand, standings
    from tocsin.problems.answers.queries import AnswerInList, list_answers
    from tocsin.problems.answers.record import NOTE_LENGTH, answered_problems, record_answer
    from tocsin.problems.answers.sheet import ProblemRow, Sheet, TeamSheet
    from tocsin.problems.answers.snapshot import NOTHING_SAID, AnswerSnapshot, read_said
    from tocsin.problems.answers.withdraw import (
        answers_of_act,
        are_withdrawn,
        can_withdraw,
        withdraw_answers,
    )
else:
    lazy_face(__name__)
