"""What a form that ends an incident asks of each deadline that runs and each open task, and what was answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.incidents import IncidentReader
from tocsin.incidents.endings import open_duties
from tocsin.interface import Act
from tocsin.server.pages.words import N_
from tocsin.server.security import text_of

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.incidents import Incident

_CLOCKS: Final = (
    ("met", N_("Met")),
    ("not-applicable", N_("Not applicable")),
    ("leave", N_("Leave running: it stays a to-do item")),
)
_TASKS: Final = (("done", N_("Done")), ("drop", N_("Dropped")), ("leave", N_("Leave open: it stays a to-do item")))
_WORDS: Final = ("answer", "at", "words")


@dataclass(frozen=True)
class EndingQuestion:
    """One question: what it is about, and the answers. ``name``: how its fields begin; ``due``: when it is due.

    ``ours``: this CSIRT owes it; ``timed``: it may have been met at another time than now.
    """

    name: str
    about: str
    answers: Sequence[tuple[str, str]]
    typed: Mapping[str, str]
    due: "datetime | None" = None
    ours: bool = False
    timed: bool = False


def ending_questions(
    session: Session, reader: IncidentReader, act: Act, incident: "Incident | None", typed: Mapping[str, Any]
) -> list[EndingQuestion]:
    """The questions of an act; none where it ends no incident, or nothing runs there."""
    asked = [one for one in ("clocks", "tasks") if one in act.request.model_fields]
    if incident is None or not asked:
        return []
    found = open_duties(session, reader, incident)

    def said(name: str) -> dict[str, str]:
        return {word: str(typed.get(f"{name}-{word}", "")) for word in _WORDS}

    clocks = [
        EndingQuestion(name, one.title, _CLOCKS, said(name), one.due_at, one.ours, timed=True)
        for one in found.clocks
        for name in [f"clock-{one.id}"]
    ]
    tasks = [
        EndingQuestion(name, one.text, _TASKS, said(name), one.due_at)
        for one in found.tasks
        for name in [f"task-{one.id}"]
    ]
    return [*clocks, *(tasks if "tasks" in asked else ())]


def ending_answers(act: Act, form: FormData) -> dict[str, tuple[dict[str, Any], ...]]:
    """What a form answers, as the request of the act takes it; a question without an answer is left out."""
    return {
        name: tuple(_answers(form, prefix))
        for name, prefix in (("clocks", "clock-"), ("tasks", "task-"))
        if name in act.request.model_fields
    }


def _answers(form: FormData, prefix: str) -> list[dict[str, Any]]:
    numbers = [
        number
        for name in form
        if name.startswith(prefix) and name.endswith("-answer")
        for number in [name.removeprefix(prefix).removesuffix("-answer")]
        if number.isascii() and number.isdecimal() and text_of(form, name)
    ]
    return [
        {
            "number": int(number), "answer": text_of(form, f"{prefix}{number}-answer"),
            "at": text_of(form, f"{prefix}{number}-at").strip() or None,
            "words": " ".join(text_of(form, f"{prefix}{number}-words").split()),
        }
        for number in numbers
    ]  # fmt: skip
