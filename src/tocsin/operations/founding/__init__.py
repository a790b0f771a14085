"""Founding a CSIRT: questions, answers, and what a working team needs on its first day."""

from tocsin.operations.founding.answers import completed, keep_answers, read_answers
from tocsin.operations.founding.catalogue import questions
from tocsin.operations.founding.documents import FOLDER, Step
from tocsin.operations.founding.interview import Desk, interview
from tocsin.operations.founding.kit import Founded, found_team
from tocsin.operations.founding.questions import Answer, Answers, Question

__all__ = [
    "FOLDER",
    "Answer",
    "Answers",
    "Desk",
    "Founded",
    "Question",
    "Step",
    "completed",
    "found_team",
    "interview",
    "keep_answers",
    "questions",
    "read_answers",
]
