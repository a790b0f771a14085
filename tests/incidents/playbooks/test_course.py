"""How far a playbook is: what is due, after which answers, also where branches meet, loop, or nobody works a step."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.playbook_examples import END, START, make_playbook, step_id, task
from tocsin.incidents.playbooks.cacao import Playbook, read_playbook
from tocsin.incidents.playbooks.course import PlaybookCourse, StepVisit
from tocsin.incidents.playbooks.shipped import shipped_playbooks

A, B, C, D = (step_id("action", name) for name in "abcd")
BOTH, LOOP, WHICH = (
    step_id("parallel", "both"),
    step_id("while-condition", "loop"),
    step_id("switch-condition", "which"),
)
STOP = step_id("end", "stop")
BASE: dict[str, Any] = {END: {"type": "end"}, A: task("A", END), B: task("B", END)}


def course(first: str, **steps: dict[str, Any]) -> PlaybookCourse:
    workflow = {START: {"type": "start", "on_completion": first}, **BASE, **steps}
    made = PlaybookCourse(read_playbook(make_playbook("A test", START, workflow).encode()))
    made.begin()
    return made


def due(of: PlaybookCourse) -> list[str]:
    return [of.playbook.steps[one.step].name for one in of.due]


def end(of: PlaybookCourse, name: str, outcome: str = "done") -> list[str]:
    """End what is due of this name, from what is stored; what is due then."""
    kept = PlaybookCourse(of.playbook, [StepVisit(**vars(one)) for one in of.visits])
    kept.finish(next(one.number for one in kept.due if kept.playbook.steps[one.step].name == name), outcome)
    of.visits = kept.visits
    return due(of)


def test_what_follows_both_branches_is_due_when_both_are_over() -> None:
    found = course(BOTH, **{BOTH: {"type": "parallel", "next_steps": [A, B], "on_completion": C}, C: task("C", END)})
    assert due(found) == ["A", "B"]
    assert end(found, "B") == ["A"]
    assert end(found, "A") == ["C"]
    assert end(found, "C") == []


def test_branches_that_meet_make_one_task() -> None:
    steps = {A: task("A", C), B: task("B", C), C: task("C", END)}
    found = course(BOTH, **{BOTH: {"type": "parallel", "next_steps": [A, B], "on_completion": END}, **steps})
    assert end(found, "A") == ["B", "C"]
    assert end(found, "B") == ["C"]
    assert end(found, "C") == []


@pytest.mark.parametrize("back", [END, LOOP])
def test_a_loop_asks_again_until_the_answer_is_no(back: str) -> None:
    loop = {"type": "while-condition", "name": "Still?", "condition": "x", "on_true": A, "on_completion": B}
    found = course(LOOP, **{LOOP: loop, A: task("A", back)})
    for _ in range(3):
        assert end(found, "Still?", "yes") == ["A"]
        assert end(found, "A") == ["Still?"]
    assert end(found, "Still?", "no") == ["B"]
    assert end(found, "B") == []


def test_an_answer_opens_its_case() -> None:
    which = {"type": "switch-condition", "name": "Who?", "switch": "x", "cases": {"bank": A, "state": B}}
    found = course(WHICH, **{WHICH: which})
    assert found.playbook.steps[WHICH].answers == ("bank", "state")
    assert end(found, "Who?", "state") == ["B"]
    assert end(found, "B") == []


def test_a_task_that_was_dropped_goes_the_way_of_failure() -> None:
    step = task("A", "")
    del step["on_completion"]
    found = course(A, **{A: {**step, "on_success": B, "on_failure": C}, C: task("C", END)})
    assert end(found, "A", "dropped") == ["C"]
    found = course(A, **{A: {**step, "on_success": B, "on_failure": C}, C: task("C", END)})
    assert end(found, "A") == ["B"]


def test_what_only_machines_do_is_passed_and_a_ring_of_it_ends() -> None:
    machine = {"type": "action", "name": "D", "commands": [{"type": "bash", "command": "id"}],
               "agent": step_id("group", "csirt"), "on_completion": A}  # fmt: skip
    assert due(course(D, **{D: machine})) == ["A"]
    ring = {**machine, "on_success": D, "on_failure": END}
    del ring["on_completion"]
    assert due(course(D, **{D: ring, A: BASE[A]})) == []


@given(st.sampled_from(sorted(shipped_playbooks())), st.data())
def test_each_that_comes_along_comes_to_its_end(key: str, data: st.DataObject) -> None:
    playbook: Playbook = shipped_playbooks()[key][0]
    found = PlaybookCourse(playbook)
    found.begin()
    worked, again = 0, 0
    while not found.over:
        one = data.draw(st.sampled_from(found.due))
        step = playbook.steps[one.step]
        answers = step.answers or ("done", "dropped")
        again += step.kind == "while-condition"
        found.finish(
            one.number, "no" if step.kind == "while-condition" and again > 3 else data.draw(st.sampled_from(answers))
        )
        worked += 1
        assert worked < 60
    assert all(one.ended for one in found.visits)
