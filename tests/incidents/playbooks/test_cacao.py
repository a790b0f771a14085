"""CACAO files: the verdicts of others, what is refused beyond the schema, and what does not even get parsed."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.playbook_examples import ASK, END, LAST, NO, QUESTION, START, YES, make_playbook, step_id, task
from tocsin.events import RSIT_TYPES
from tocsin.incidents.playbooks.cacao import MOST_BYTES, check_playbook, parse_playbook, read_playbook
from tocsin.incidents.playbooks.shipped import shipped_playbooks, shipped_sentences
from tocsin.incidents.text_files import TextFaultError
from tocsin.node.errors import UsageError

LOOP = step_id("while-condition", "loop")


def places(workflow: dict[str, Any], **more: Any) -> list[str]:
    return [one.place for one in check_playbook(make_playbook("A test", START, workflow, **more).encode())]


def test_the_verdicts_are_those_of_the_schema_and_of_soarca(shared_data: Path) -> None:
    folder = shared_data / "incidents" / "playbooks"
    cases = json.loads((folder / "expected.json").read_text())["cases"]
    assert len(cases) >= 11
    for case in cases:
        faults = check_playbook((folder / "examples" / case["id"]).read_bytes())
        beyond = case["note"].startswith(("workflow: invalid", "workflow check"))
        assert (not faults) == (case["verdict_schema"] == "valid" and not beyond), (case["id"], faults)
        if "errors" in case:
            assert len(faults) == case["errors"], case["id"]


def test_each_fault_of_the_steps_has_its_place() -> None:
    assert places(QUESTION) == []
    assert places({**QUESTION, YES: task("Call", LOOP)}) == [f"workflow/{YES}/on_completion"]
    assert places({**QUESTION, "action--x": 5}) == ["workflow/action--x"]
    orphan = step_id("end", "orphan")
    assert places({**QUESTION, orphan: {"type": "end"}}) == [f"workflow/{orphan}"]
    ring = {**QUESTION, LAST: task("Say", NO), NO: task("Call", LAST)}
    assert {f"workflow/{LAST}", f"workflow/{NO}"} <= set(places(ring))


def test_a_loop_with_a_way_out_is_none() -> None:
    loop = {"type": "while-condition", "condition": "Still there?", "on_true": YES, "on_completion": END}
    again = {**QUESTION, LAST: task("Ask", LOOP), LOOP: loop, YES: task("Ask again", LOOP)}
    assert places(again) == []


def test_an_email_address_that_is_none_has_its_place() -> None:
    one = step_id("individual", "one")
    contact = {"email": {"work": "it@hospital.example", "home": "it@hospital.example;`id`"}}
    people = {step_id("group", "csirt"): {"type": "group", "name": "CSIRT"},
              one: {"type": "individual", "name": "One", "contact": contact}}  # fmt: skip
    assert places(QUESTION, agent_definitions=people) == [f"agent_definitions/{one}/contact/email/home"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 41 + b"1" + b"}" * 41, b" " * (MOST_BYTES + 1),
        b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a": ' + b"9" * 6_000 + b"}", b'"' + b'\\"' * 400_000, b"[[[[",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_not_parsed(content: bytes) -> None:
    with pytest.raises(UsageError):
        parse_playbook(content)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"5", b'"x"', b"null", b'{"workflow": []}'])
def test_json_that_is_no_playbook_is_invalid(content: bytes) -> None:
    assert check_playbook(content)


def test_brackets_in_texts_do_not_count() -> None:
    assert check_playbook(make_playbook("[{" * 100 + '\\"' * 3, START, QUESTION).encode()) == []


def test_all_faults_are_named_when_one_is_read() -> None:
    broken = make_playbook("A test", START, {**QUESTION, ASK: {"type": "if-condition"}})
    with pytest.raises(TextFaultError) as raised:
        read_playbook(broken.encode())
    assert {f"workflow/{ASK}"} == {one.place for one in raised.value.faults}
    assert len(raised.value.faults) == 2  # condition and on_true


def test_what_comes_along_is_valid_and_for_types_that_there_are() -> None:
    found = shipped_playbooks()
    assert len(found) == 6
    for key, (playbook, content) in found.items():
        assert check_playbook(content) == [], key
        assert playbook.types(), key
        assert set(playbook.types()) <= set(RSIT_TYPES), key
        assert playbook.in_order()[0].kind == "start", key
    assert all("%" not in one for one in shipped_sentences())  # they are filled in as texts of ours are
