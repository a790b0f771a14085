"""What still runs in an incident when it ends, and what a person says of it: deadlines of laws, and open tasks.

Every act that ends an incident carries the answers; without one for each, it is refused by `check_answered`, which
`changing` asks of all acts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import LINE, OpenIncident, kept
from tocsin.incidents.clocks import ClockState, IncidentClock, clocks_of, end_clock, writer_for
from tocsin.incidents.models import Incident, IncidentTask
from tocsin.incidents.part_acts import end_task
from tocsin.incidents.read import IncidentReader, merged_family, tasks_of
from tocsin.incidents.states import UNDER_WAY, IncidentEntryKind, IncidentState, TaskState
from tocsin.interface import N_, Moment, Wording
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.sentences import Sentence, join_sentences, say

EVERY: Final = 0
"""In place of a number: all that have no answer of their own."""

_TYPED: Final = re.compile(
    r"(?P<number>\d{1,9}|all)\s+(?P<answer>[a-z-]+)"
    r"(?:\s+(?P<at>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?))?(?:\s+(?P<words>.*))?"
)


def _read(value: Any) -> Any:
    """An answer as a person types it: ``3 met 2026-12-04T16:30 filed in the portal``."""
    if not isinstance(value, str):
        return value
    if (found := _TYPED.fullmatch(" ".join(value.split()))) is None:
        raise ValueError(N_("Write a number, an answer and a reason, such as: 3 not-applicable Another owes it."))
    number = EVERY if found["number"] == "all" else int(found["number"])
    return {"number": number, "answer": found["answer"], "at": found["at"], "words": found["words"] or ""}


class _Answer(BaseModel):
    """``number``: of what, 0 for all others. ``words``: a reason, a source or a result."""

    number: int = Field(ge=0, le=2**31 - 1, description="Its number; 0 for all others.")
    at: Moment | None = Field(None, description="When it was met, if not now.")
    words: str = Field("", max_length=1_000, pattern=LINE, description="How it is known, what came of it, or why not.")


class ClockAnswer(_Answer):
    """What becomes of a deadline that runs: it was met, it does not apply, or it is left running."""

    answer: Literal["met", "not-applicable", "leave"] = Field(description="met, not-applicable or leave.")

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.answer == "not-applicable" and not self.words.strip():
            raise ValueError(N_("Say why the deadline does not apply."))
        return self


class TaskAnswer(_Answer):
    """What becomes of an open task: it is done, it is dropped, or it is left open."""

    answer: Literal["done", "drop", "leave"] = Field(description="done, drop or leave.")

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.answer == "drop" and not self.words.strip():
            raise ValueError(N_("Say why the task is dropped."))
        return self


_Clocks = Annotated[
    tuple[Annotated[ClockAnswer, BeforeValidator(_read)], ...],
    Wording(
        option="--clock", hidden=True, lacking=N_("Say of each deadline: met, not-applicable with a reason, or leave.")
    ),
]
_Tasks = Annotated[
    tuple[Annotated[TaskAnswer, BeforeValidator(_read)], ...],
    Wording(option="--task", hidden=True, lacking=N_("Say of each task: done, drop with a reason, or leave.")),
]


class DeadlineAnswers(BaseModel):
    """What becomes of the deadlines that still run."""

    clocks: _Clocks = Field(
        (), max_length=200, title=N_("Deadlines"),
        description="For each deadline that runs: its number or all, met, not-applicable or leave, and when or why.",
        examples=[["3 met 2026-12-04T16:30 filed in the portal"]],
    )  # fmt: skip


class EndingAnswers(DeadlineAnswers):
    """What becomes of the deadlines that still run, and of the open tasks."""

    tasks: _Tasks = Field(
        (), max_length=1_000, title=N_("Tasks"),
        description="For each open task: its number or all, done, drop or leave, and why.",
        examples=[["5 done The logs came"]],
    )  # fmt: skip


LEAVE_ALL: Final = EndingAnswers(
    clocks=(ClockAnswer(number=EVERY, answer="leave"),), tasks=(TaskAnswer(number=EVERY, answer="leave"),)
)  # fmt: skip
"""All goes on after the incident has ended."""


@dataclass(frozen=True)
class OpenDuties:
    """The deadlines that run in an incident and what was merged into it, and its tasks that are not done."""

    clocks: Sequence[IncidentClock] = ()
    tasks: Sequence[IncidentTask] = ()


def open_duties(session: Session, reader: IncidentReader, incident: Incident) -> OpenDuties:
    """What still runs, as far as the reader may read it; lessons outlive their incident anyway."""
    family = merged_family(session, reader, incident)
    clocks = [one for one in clocks_of(session, reader, family) if one.state == ClockState.RUNNING]
    undone = (TaskState.OPEN, TaskState.DOING)
    tasks = [one for one in tasks_of(session, reader, family) if one.state in undone and not one.lesson]
    return OpenDuties(clocks, tasks)


def settle(opened: OpenIncident, answers: DeadlineAnswers) -> None:
    """Do what was answered, each with its entry.

    Raises:
        UsageError: something that runs has no answer; names it.
        ConflictError: what an answer names has ended meanwhile, or is not of this incident.

    """
    found = open_duties(opened.session, opened.reader, opened.incident)
    tasked = isinstance(answers, EndingAnswers)
    _refuse_without(opened, answers, found, tasks=tasked)
    _check_names(answers.clocks, found.clocks)
    writer = writer_for(opened.session, author=opened.author, **opened.context.by)
    for clock, said in _answered(found.clocks, answers.clocks):
        words = kept(opened.context, said.words)
        if said.answer == "leave":
            writer.enter(clock, "left", words)
            continue
        at = said.at or opened.context.now
        if at > opened.context.now:
            raise UsageError(say("That time has not come yet."))
        end_clock(writer, clock, at if said.answer == "met" else None, words)
    if isinstance(answers, EndingAnswers):
        _check_names(answers.tasks, found.tasks)
        for task, one in _answered(found.tasks, answers.tasks):
            _settle_task(opened, task, one)


def check_answered(opened: OpenIncident, before: str, request: BaseModel) -> None:
    """Whether an act ended an incident, and what still runs there has no answer in its request.

    Raises:
        UsageError: it is so; names what runs.

    """
    state = opened.incident.state
    if before in UNDER_WAY and state not in UNDER_WAY:
        found = open_duties(opened.session, opened.reader, opened.incident)
        _refuse_without(opened, request, found, tasks=state != IncidentState.MERGED)


def _settle_task(opened: OpenIncident, task: IncidentTask, said: TaskAnswer) -> None:
    words = kept(opened.context, said.words)
    if said.answer == "leave":
        task.left_open = True
        data = {"act": "left", "task": task.id, "what": task.text, "owner": task.owner}
        opened.enter(IncidentEntryKind.TASK, words, data=data, of=task)
    else:
        end_task(opened, task, TaskState.DONE if said.answer == "done" else TaskState.DROPPED, words)


def _refuse_without(opened: OpenIncident, answers: BaseModel, found: OpenDuties, *, tasks: bool) -> None:
    """Refuse what leaves something without an answer. ``tasks``: they are asked about, and do not go along."""
    clocks = _unanswered(found.clocks, getattr(answers, "clocks", ()))
    undone = _unanswered(found.tasks, getattr(answers, "tasks", ())) if tasks else []
    said = list[Sentence]()
    if clocks:
        said.append(say("Deadlines still run: %(deadlines)s.", deadlines=_listed([(x.id, x.title) for x in clocks])))
    if undone:
        said.append(say("Tasks are open: %(tasks)s.", tasks=_listed([(one.id, one.text) for one in undone])))
    if said:
        raise UsageError(
            join_sentences(" ", [say("%(reference)s:", reference=opened.incident.reference), *said]),
            hint=say(
                "Say of each deadline: met, not applicable or left running; of each task: done, dropped or left open."
            ),
        )


def _listed(named: Sequence[tuple[int, str]]) -> str:
    return "; ".join(f"{number} {words}" for number, words in named)


_Thing = TypeVar("_Thing", IncidentClock, IncidentTask)
_Said = TypeVar("_Said", ClockAnswer, TaskAnswer)


def _unanswered(found: Sequence[_Thing], answers: Sequence[_Answer]) -> list[_Thing]:
    named = {one.number for one in answers}
    return [] if EVERY in named else [one for one in found if one.id not in named]


def _answered(found: Sequence[_Thing], answers: Sequence[_Said]) -> Iterator[tuple[_Thing, _Said]]:
    named = {one.number: one for one in answers}
    for one in found:
        if (said := named.get(one.id, named.get(EVERY))) is not None:
            yield one, said


def _check_names(answers: Sequence[_Answer], found: Sequence[IncidentClock | IncidentTask]) -> None:
    open_ones = {EVERY, *(one.id for one in found)}
    if gone := [one.number for one in answers if one.number not in open_ones]:
        raise ConflictError(
            say("Number %(n)s is not open in this incident any more.", n=gone[0]), hint=say("Load the page again.")
        )
