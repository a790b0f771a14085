"""Playbooks on incidents: tasks as they become due, editions, what is refused; and the commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.playbook_examples import LAST, PLAYBOOK, QUESTION, START, YES, make_playbook, step_id, task
from support.world import World, copy_world, make_world
from tocsin.incidents import IncidentReader, acts, entries_of, find_incident, tasks_of
from tocsin.incidents.playbooks import acts as playbook_acts
from tocsin.incidents.playbooks import find_playbook, listed_playbooks, runs_of, suggested_for
from tocsin.interface import ActContext, read_request
from tocsin.node.errors import ConflictError, NotFoundError, UsageError

ACTS = {act.operation: act for act in (*acts.ACTS, *playbook_acts.ACTS)}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def do(world: World, operation: str, **values: Any) -> Any:
    act = ACTS[operation]
    return act.function(ActContext(world.node, world.now, "cli:test", act=act), read_request(act, values))


def tasks(world: World, reference: str) -> dict[str, str]:
    """The tasks of an incident, each with its state."""
    reader = IncidentReader(None, world.now)
    with world.node.database.reading() as session:
        found = tasks_of(session, reader, [find_incident(session, reader, reference)])
        return {one.text: one.state for one in found}


def said(world: World, reference: str) -> list[tuple[str, str]]:
    reader = IncidentReader(None, world.now)
    with world.node.database.reading() as session:
        found = entries_of(session, reader, [find_incident(session, reader, reference)])
        return [(one.kind, one.data.get("act", "")) for one in reversed(found)]


def started(world: World) -> str:
    """The reference of an incident with the playbook that asks."""
    do(world, "addPlaybook", content=PLAYBOOK)
    reference: str = do(world, "openIncident", title="Phishing").reference
    do(world, "startPlaybookOfIncident", reference=reference, playbook="a-question")
    return reference


def test_steps_become_tasks_as_they_are_due(world: World) -> None:
    reference = started(world)
    assert tasks(world, reference) == {}
    do(world, "answerPlaybookOfIncident", reference=reference, run=1, question=2, answer="yes")
    assert tasks(world, reference) == {"Call the owner": "open"}
    do(world, "finishTaskOfIncident", reference=reference, task=1)
    assert tasks(world, reference) == {"Call the owner": "done", "Say what happened": "open"}
    do(world, "dropTaskOfIncident", reference=reference, task=2, reason="Nothing happened")
    assert said(world, reference) == [
        ("opened", ""), ("playbook", "started"), ("playbook", "answered"), ("task", "added"), ("task", "done"),
        ("task", "added"), ("task", "dropped"), ("playbook", "ended"),
    ]  # fmt: skip


def test_a_change_of_a_playbook_leaves_incidents_alone(world: World) -> None:
    reference = started(world)
    changed = make_playbook("A question", START, {**QUESTION, LAST: task("Say nothing", step_id("end", "end"))})
    do(world, "addPlaybook", content=changed)
    do(world, "removePlaybook", playbook="a-question")
    do(world, "answerPlaybookOfIncident", reference=reference, run=1, question=2, answer="no")
    do(world, "finishTaskOfIncident", reference=reference, task=1)
    assert tasks(world, reference) == {"Call the other CSIRT": "done", "Say what happened": "open"}
    with pytest.raises(NotFoundError):
        do(world, "startPlaybookOfIncident", reference=reference, playbook="a-question")


def test_one_of_the_same_id_takes_the_place_of_what_comes_along(world: World) -> None:
    with world.node.database.reading() as session:
        shipped = find_playbook(session, "ddos")
    document = json.loads(shipped.content) | {"name": "Flood"}
    assert do(world, "addPlaybook", content=json.dumps(document)).key == "ddos"
    with world.node.database.reading() as session:
        assert [one.playbook.name for one in listed_playbooks(session) if one.key == "ddos"] == ["Flood"]
    do(world, "removePlaybook", playbook="ddos")
    with world.node.database.reading() as session:
        assert find_playbook(session, shipped.playbook.id).content == shipped.content
    with pytest.raises(ConflictError):
        do(world, "removePlaybook", playbook="ddos")


def test_it_is_suggested_by_the_type(world: World) -> None:
    with world.node.database.reading() as session:
        listed = listed_playbooks(session)
    assert [one.key for one in suggested_for(listed, "phishing")] == ["phishing-site"]
    assert suggested_for(listed, "") == suggested_for(listed, "spam") == []


def test_what_does_not_fit_is_refused(world: World) -> None:
    reference = started(world)
    with pytest.raises(ConflictError):
        do(world, "startPlaybookOfIncident", reference=reference, playbook="a-question")
    with pytest.raises(UsageError):
        do(world, "answerPlaybookOfIncident", reference=reference, run=1, question=2, answer="perhaps")
    do(world, "answerPlaybookOfIncident", reference=reference, run=1, question=2, answer="no")
    with pytest.raises(ConflictError):
        do(world, "answerPlaybookOfIncident", reference=reference, run=1, question=2, answer="yes")
    with pytest.raises(NotFoundError):
        do(world, "stopPlaybookOfIncident", reference=reference, run=2, reason="Wrong")
    do(world, "stopPlaybookOfIncident", reference=reference, run=1, reason="Wrong")
    assert tasks(world, reference) == {"Call the other CSIRT": "dropped"}
    with pytest.raises(ConflictError):
        do(world, "stopPlaybookOfIncident", reference=reference, run=1, reason="Wrong")


def test_it_goes_on_in_a_merged_incident(world: World) -> None:
    reference, into = started(world), do(world, "openIncident", title="Phishing, all").reference
    do(world, "mergeIncident", reference=reference, into=into)
    do(world, "answerPlaybookOfIncident", reference=into, run=1, question=2, answer="yes")
    do(world, "finishTaskOfIncident", reference=into, task=1)
    assert tasks(world, reference) == {"Call the owner": "done", "Say what happened": "open"}
    reader = IncidentReader(None, world.now)
    with world.node.database.reading() as session:
        (run,) = runs_of(session, reader, [find_incident(session, reader, reference)])
        assert [step.name for _, step in run.due] == ["Say what happened"]


def test_the_command_has_a_line_for_each_file_and_an_exit_for_the_worst(world: World, tmp_path: Path) -> None:
    tocsin = world.tocsin
    good, bad, none = (tmp_path / name for name in ("good.json", "bad.json", "none.json"))
    good.write_text(PLAYBOOK)
    bad.write_text(make_playbook("A test", START, {**QUESTION, YES: task("Call", "action--none")}))
    bad.write_text(bad.read_text().replace("action--none", step_id("action", "none")))
    none.write_text("[" * 1_000)
    assert tocsin.json("playbooks", "check", good) == {"file": str(good), "valid": True, "reasons": []}
    lines = [json.loads(one) for one in tocsin.run("playbooks", "check", good, bad, "--json", code=1).splitlines()]
    assert [(one["file"], one["valid"]) for one in lines] == [(str(good), True), (str(bad), False)]
    assert [one["path"] for one in lines[1]["reasons"]] == [f"workflow/{YES}/on_completion"]
    files = (bad, none, tmp_path / "missing.json")
    lines = [json.loads(one) for one in tocsin.run("playbooks", "check", *files, "--json", code=2).splitlines()]
    assert [(one["valid"], len(one["reasons"])) for one in lines] == [(False, 1)] * 3


def test_what_is_kept_is_given_out_as_it_came(world: World, tmp_path: Path) -> None:
    tocsin, file = world.tocsin, tmp_path / "one.json"
    file.write_text(PLAYBOOK)
    assert tocsin.json("playbooks", "add", file)["key"] == "a-question"
    assert tocsin.run("playbooks", "export", "a-question") == PLAYBOOK
    assert len(tocsin.json("playbooks", "list")) == 7
    assert [one["name"] for one in tocsin.json("playbooks", "show", "a-question")["steps"]][1] == "Is it ours?"
    reference = do(world, "openIncident", title="Phishing").reference
    assert reference in tocsin.run("playbooks", "start", reference, "phishing-site")
    assert len(tasks(world, reference)) == 1
