"""An answer given in the portal: noted for each digest that told one of the chosen problems, once."""

from typing import Self

from starlette.datastructures import FormData

from tocsin.node.accounts import Principal
from tocsin.problems.answers import NOTE_LENGTH, AnswerVerdict, TeamAnswer, TeamSheet, answer_problems
from tocsin.server.pages.answer_forms import AnswerForm
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.server.security import texts_of


class BulkAnswerForm(AnswerForm):
    """The same for problems of several digests."""

    @classmethod
    def read(cls, form: FormData) -> Self:
        """From the form as it came."""
        return cls.of({name: texts_of(form, name) for name in form})

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
