"""How far a playbook was worked: which steps are due, decided from those that ended and how. Nothing here is stored."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from tocsin.incidents.playbooks.cacao import Playbook, PlaybookStep

MOST_VISITS: Final = 1_000
"""Of steps in one course, so that a loop of steps that nobody works here ends."""

_FOLLOWING: Final = {
    "dropped": ("on_failure", "on_completion", "on_success"),
    "yes": ("on_true",),
    "no": ("on_false",),
}
_BRANCHING: Final = {"parallel", "if-condition", "while-condition", "switch-condition"}


@dataclass
class StepVisit:
    """One time that a step was reached. ``within``: the number of the visit of the branching step around it.

    ``outcome``: ``done`` or ``dropped`` of a task, the answer of a question, ``passed`` where nobody works it here;
    empty: it is due. ``ended``: of a branching step, when all in its branch ended.
    """

    number: int
    step: str
    within: int | None = None
    outcome: str = ""
    ended: bool = False


class PlaybookCourse:
    """The visits of one playbook on one incident, in order; `begin` and `finish` add those that are due then."""

    def __init__(self, playbook: Playbook, visits: list[StepVisit] | None = None) -> None:
        self.playbook = playbook
        self.visits = visits or []

    def begin(self) -> None:
        """Reach the first step."""
        self._go([(self.playbook.start, None)])

    def finish(self, number: int, outcome: str) -> None:
        """A step that was due has ended, so."""
        visit = self.visits[number - 1]
        visit.outcome = outcome
        branch = _branch(self.playbook.steps[visit.step], outcome)
        self._go([(branch, number)] if branch else [])

    @property
    def over(self) -> bool:
        """Whether nothing is due any more."""
        return not self.due

    @property
    def due(self) -> list[StepVisit]:
        """The tasks and questions that wait for a person."""
        return [one for one in self.visits if not one.outcome]

    def _go(self, first: list[tuple[str, int | None]]) -> None:
        """Reach steps, and what follows on all that ended, until all that is due waits for a person."""
        waiting = deque(first)
        while len(self.visits) < MOST_VISITS:
            if waiting:
                waiting.extend(self._reach(*waiting.popleft()))
            elif (left := self._left()) is not None:
                left.ended = True
                waiting.extend(self._after(left))
            else:
                return

    def _reach(self, name: str, within: int | None) -> list[tuple[str, int | None]]:
        """Visit a step; its branches, where it has some that begin at once."""
        step = self.playbook.steps[name]
        if within is not None and self.visits[within - 1].step == name:
            return []  # back at the loop around it: its branch is over
        if any(one.step == name and one.within == within and not one.ended for one in self.visits):
            return []  # branches meet here
        visit = StepVisit(len(self.visits) + 1, name, within)
        self.visits.append(visit)
        if step.is_task or step.answers:
            return []
        visit.outcome = "passed"
        return [(branch, visit.number) for branch in step.branches]

    def _left(self) -> StepVisit | None:
        """A step that is over with all that is in its branch, and nobody went on from."""
        busy = {one.within for one in self.visits if not one.ended}
        over = (one for one in self.visits if one.outcome and not one.ended and one.number not in busy)
        return next(over, None)

    def _after(self, visit: StepVisit) -> list[tuple[str, int | None]]:
        step = self.playbook.steps[visit.step]
        if step.kind == "while-condition" and visit.outcome == "yes":
            return [(visit.step, visit.within)]  # asked again
        keys = _FOLLOWING.get(visit.outcome, ()) if step.kind not in _BRANCHING else ()
        found = next((step.next[key] for key in (*keys, "on_completion", "on_success") if key in step.next), None)
        return [] if found is None else [(found, visit.within)]


def _branch(step: PlaybookStep, outcome: str) -> str:
    """The first step of the branch that an answer opens; empty: none."""
    if step.kind == "switch-condition":
        return step.cases.get(outcome, "")
    return step.next.get(_FOLLOWING.get(outcome, ("",))[0], "") if step.answers else ""
