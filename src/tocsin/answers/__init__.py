"""Answers: what teams say of the problems they were told of, and how the next sighting meets what was said."""

from tocsin.answers.models import Answer, AnsweredDigest, Verdict, Via
from tocsin.answers.quiet import FOR_GOOD, answered, quiet
from tocsin.answers.record import HOLDS, NOTE_LENGTH, record_answer
from tocsin.answers.told import problem_text, read_problem, told_events, told_problems

__all__ = [
    "FOR_GOOD",
    "HOLDS",
    "NOTE_LENGTH",
    "Answer",
    "AnsweredDigest",
    "Verdict",
    "Via",
    "answered",
    "problem_text",
    "quiet",
    "read_problem",
    "record_answer",
    "told_events",
    "told_problems",
]
