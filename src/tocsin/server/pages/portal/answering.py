"""An answer given in the portal: noted for each digest that told one of the chosen problems, once."""

from dataclasses import dataclass

from starlette.datastructures import FormData

from tocsin.node.accounts import Principal
from tocsin.problems.answers import NOTE_LENGTH, AnswerVerdict, TeamSheet
from tocsin.problems.answers.by_team import TeamAnswer, answer_problems
from tocsin.server.pages.answer_forms import DAYS
from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.words import N_
from tocsin.server.security import text_of, texts_of


@dataclass(frozen=True)
class BulkAnswerForm:
    """What was chosen and written."""

    made: str = ""
    verdict: str = ""
    problems: frozenset[str] = frozenset()
    note: str = ""
    days: int = DAYS[1]

    @classmethod
    def read(cls, form: FormData) -> "BulkAnswerForm":
        """From the form as it came."""
        days = text_of(form, "days")
        return cls(
            made=text_of(form, "made"),
            verdict=text_of(form, "verdict"),
            problems=frozenset(texts_of(form, "problem")),
            note=text_of(form, "note").replace("\r\n", "\n"),
            days=int(days) if days in {str(of) for of in DAYS} else DAYS[1],
        )

    def wrongs(self) -> list[tuple[str, str]]:
        """The fields that something is wrong with, each with what it is (to be translated)."""
        found = []
        if not self.problems:
            found.append(("problems", N_("Choose at least one problem.")))
        if self.verdict not in set(AnswerVerdict):
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
