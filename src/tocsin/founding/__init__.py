"""Founding a CSIRT: questions, answers, and what a working team needs on its first day."""

from tocsin.founding.answers import completed, keep_answers, read_answers
from tocsin.founding.catalogue import questions
from tocsin.founding.documents import FOLDER, Step
from tocsin.founding.interview import Desk, interview
from tocsin.founding.kit import Founded, found_team
from tocsin.founding.questions import Answer, Answers, Question

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
