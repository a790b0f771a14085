"""Founding a CSIRT: questions, answers, and what a working team needs on its first day."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.operations.founding.answers import completed, keep_answers, read_answers
    from tocsin.operations.founding.catalogue import questions
    from tocsin.operations.founding.interview import Terminal, interview
    from tocsin.operations.founding.kit import FoundingKit, found_team
    from tocsin.operations.founding.questions import Answer, Answers, InterviewQuestion
else:
    lazy_face(__name__)
