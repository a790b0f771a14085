"""An answer given in the portal: noted for each digest that told one of the chosen problems, once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from starlette.datastructures import FormData

from tocsin.node.accounts import Principal
from tocsin.problems.answers import (
    NOTE_LENGTH,
    AnswerVerdict,
    ProblemRow,
    TeamAnswer,
    TeamSheet,
    answer_problems,
    problem_text,
)
from tocsin.server.pages.answer_forms import AnswerForm
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.portal.problems import SHOWN
from tocsin.server.pages.words import N_
from tocsin.server.security import texts_of

PAGE: Final = "page"
FOUND: Final = "found"


@dataclass(frozen=True)
class BulkAnswerForm(AnswerForm):
    """The same for problems of several digests.

    ``every``: what was chosen at once: `PAGE`, `FOUND`, or the names of topics.
    """

    every: frozenset[str] = frozenset()

    @classmethod
    def read(cls, form: FormData) -> Self:
        """From the form as it came."""
        made = cls.of({name: texts_of(form, name) for name in form})
        return replace(made, every=frozenset(texts_of(form, "every")))

    def of_list(self, found: Sequence[ProblemRow], first: int) -> Self:
        """The same with the problems that were chosen at once; ``found``: those that the filter of the list lets in."""
        page = found[first : first + SHOWN] if PAGE in self.every else []
        more = [line for line in found if FOUND in self.every or line.topic in self.every]
        keys = {problem_text(line.key) for line in (*page, *more)}
        return replace(self, problems=self.problems | keys)

    def wrongs(self) -> list[tuple[str, str]]:
        """The fields that something is wrong with, each with what it is (to be translated)."""
        found = []
        if not self.problems:
            found.append(("problems", N_("Choose at least one problem.")))
        if self.said is None:
            found.append(("verdicts", N_("Choose what you say of it.")))
        if len(self.note) > NOTE_LENGTH:
            found.append(("note", N_("The note is too long.")))
        return found


def answer(desk: PageContext, sheet: TeamSheet, typed: BulkAnswerForm, visitor: Principal, act: str) -> int:
    """Note what was typed; how many problems it is about. The same ``act`` twice is noted once.

    Raises:
        InputError: one of the problems is not of this sheet.

    """
    said = TeamAnswer(AnswerVerdict(typed.verdict), typed.problems, typed.note, typed.days)
    return answer_problems(desk.node, desk.node.store, sheet, said, actor=visitor.actor, act=act, now=desk.now)
