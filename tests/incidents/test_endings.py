"""No incident ends over a deadline that runs, or over an open task, without a word of whoever ends it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pytest

from support.api_client import caller
from support.console_users import browsers_of, person
from support.world import World, copy_world, make_world, text_of
from tocsin.cli.acts import every_act
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    IncidentState,
    due_tasks,
    entries_of,
    find_incident,
    tasks_of,
)
from tocsin.incidents.act_parts import IncidentNamed, changing, incident_act
from tocsin.incidents.clocks import ClockStage, clocks_of, count_by_stage
from tocsin.incidents.course_acts import IncidentReason
from tocsin.incidents.endings import open_duties
from tocsin.incidents.states import UNDER_WAY
from tocsin.interface import Act, ActContext, RequestError, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, TocsinError, UsageError

ACTS: Final = {act.operation: act for act in every_act()}
ENDING: Final = {"closeIncident", "rejectIncident", "mergeIncident", "offerCase"}
"""The acts by which an incident ends, or is about to."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        do(made, "adoptClockText", None, law="nis2", checked_by="Legal office")
        yield made


@pytest.fixture
def analyst(world: World) -> int:
    return person(world.node, AccountRole.ANALYST, now=world.now)


def do(world: World, operation: str | Act, who: int | None, **values: Any) -> Any:
    act = operation if isinstance(operation, Act) else ACTS[operation]
    actor = "cli:test" if who is None else f"person:{who}"
    context = ActContext(world.node, world.now, actor, "One" if who else "", who, act=act)
    return act.perform(context, read_request(act, values))


def running(world: World, who: int) -> tuple[str, int, int]:
    """An incident with a clock that runs and an open task; its reference and their numbers."""
    reference = do(world, "openIncident", who, title="Ransomware").reference
    clock = do(world, "startClockOfIncident", who, reference=reference, rule="nis2-23-a", at=world.now.isoformat())
    do(world, "addTaskOfIncident", who, reference=reference, text="Ask for the logs")
    with world.node.database.reading() as session:
        found = find_incident(session, IncidentReader(who, world.now), reference)
        (task,) = tasks_of(session, IncidentReader(who, world.now), [found])
        return reference, clock.clock, task.id


def state(world: World, who: int, reference: str) -> tuple[str, list[str], list[str]]:
    """The state of an incident, of its clocks and of its tasks."""
    reader = IncidentReader(who, world.now)
    with world.node.database.reading() as session:
        found = find_incident(session, reader, reference)
        clocks, tasks = clocks_of(session, reader, [found]), tasks_of(session, reader, [found])
        return found.state, [one.state for one in clocks], [one.state for one in tasks]


def values_for(world: World, act: Act, reference: str, who: int) -> dict[str, Any]:
    """Something for each field that an act needs."""
    given: dict[str, Any] = {}
    for name, field in act.request.model_fields.items():
        of = field.annotation
        if name in {"reference", "incident"}:
            given[name] = reference
        elif name in {"person", "lead", "owner"}:
            given[name] = str(who)
        elif name == "persons":
            given[name] = (str(who),)
        elif not field.is_required():
            continue
        elif isinstance(of, type) and issubclass(of, Enum):
            given[name] = next(iter(of))
        elif of is int:
            given[name] = 1
        elif name in {"until", "at"}:
            given[name] = (world.now + timedelta(days=1)).isoformat()
        else:
            given[name] = (field.examples or ["a reason that is long enough"])[0]
    return given


def test_no_act_of_the_registry_ends_an_incident_without_asking(world: World, analyst: int) -> None:
    """Each is tried with and without answers; a new act that ends incidents is one of these by itself."""
    into = do(world, "openIncident", analyst, title="The other").reference
    ended = set()
    for act in ACTS.values():
        if not issubclass(act.request, IncidentNamed) or act.operation == "letMeInIncident":
            continue
        reference, _, _ = running(world, analyst)
        given = values_for(world, act, reference, analyst) | (
            {"into": into} if "into" in act.request.model_fields else {}
        )
        with suppress(TocsinError):
            do(world, act, analyst, **given)
        assert state(world, analyst, reference)[0] in UNDER_WAY, f"{act.operation} ended it without a question"
        answers = {name: ("all leave",) for name in ("clocks", "tasks") if name in act.request.model_fields}
        if answers:
            do(world, act, analyst, **given, **answers)
            assert state(world, analyst, reference)[0] not in UNDER_WAY
            ended.add(act.operation)
    assert (
        ended | {"offerCase"} == {name for name, act in ACTS.items() if "clocks" in act.request.model_fields} == ENDING
    )  # an offer of a case is in the tests of exchange


def test_an_act_that_forgets_the_question_is_refused(world: World, analyst: int) -> None:
    def vanish(context: ActContext, request: IncidentReason) -> None:
        with changing(context, request) as opened:
            opened.incident.state = IncidentState.REJECTED.value

    reference, clock, task = running(world, analyst)
    with pytest.raises(UsageError, match=rf"{clock} Early warning.*{task} Ask for the logs"):
        do(world, incident_act("vanish", "Let it vanish", vanish), analyst, reference=reference, reason="x")
    assert state(world, analyst, reference)[0] in UNDER_WAY


def test_closing_names_what_runs_and_does_what_is_answered(world: World, analyst: int) -> None:
    reference, clock, task = running(world, analyst)
    close = {"reference": reference, "reason": "Over"}
    with pytest.raises(UsageError, match=rf"Deadlines still run: {clock} Early warning\. Tasks are open: {task} Ask"):
        do(world, "closeIncident", analyst, **close)
    with pytest.raises(UsageError, match="Tasks are open") as refused:
        do(world, "closeIncident", analyst, **close, clocks=[f"{clock} met"])
    assert "Deadlines" not in str(refused.value)
    with pytest.raises(RequestError, match="Say why the deadline does not apply"):
        do(world, "closeIncident", analyst, **close, clocks=[f"{clock} not-applicable"], tasks=["all leave"])
    with pytest.raises(RequestError, match="met, not-applicable with a reason, or leave"):
        do(world, "closeIncident", analyst, **close, clocks=[f"{clock} perhaps"], tasks=["all leave"])
    with pytest.raises(UsageError, match="not come yet"):
        do(world, "closeIncident", analyst, **close, clocks=[f"{clock} met 2099-01-01"], tasks=["all leave"])
    with pytest.raises(ConflictError, match="999 is not open"):
        do(world, "closeIncident", analyst, **close, clocks=["999 met", f"{clock} met"], tasks=["all leave"])
    assert state(world, analyst, reference) == ("new", ["running"], ["open"])

    filed = world.now - timedelta(minutes=1)
    do(
        world,
        "moveClockOfIncident",
        analyst,
        reference=reference,
        clock=clock,
        at=(filed - timedelta(hours=2)).isoformat(),
    )
    at = f"{filed:%Y-%m-%dT%H:%M}"
    do(
        world, "closeIncident", analyst, **close, clocks=[f"{clock} met {at} filed in the portal"],
        tasks=[{"number": task, "answer": "drop", "words": "Not needed"}],
    )  # fmt: skip
    assert state(world, analyst, reference) == ("closed", ["met"], ["dropped"])
    reader = IncidentReader(analyst, world.now)
    with world.node.database.reading() as session:
        found = entries_of(session, reader, [find_incident(session, reader, reference)])
        said = {one.kind: (one.text, one.data) for one in found[:3]}
    assert list(said) == ["state", "task", "clock"]  # the newest first: all was settled before it closed
    assert said["clock"][0] == "filed in the portal"
    assert said["clock"][1]["met"].startswith(at)
    assert said["task"][0] == "Not needed"


def test_what_is_left_stays_on_today_until_it_is_ended(world: World, analyst: int) -> None:
    reader = IncidentReader(analyst, world.now)

    def waits() -> tuple[int, int]:
        with world.node.database.reading() as session:
            stages = dict(count_by_stage(session, reader))
            return stages[ClockStage.ENDED].count, due_tasks(session, reader).count

    reference, clock, task = running(world, analyst)
    other, _, _ = running(world, analyst)
    assert waits() == (0, 0)
    do(world, "mergeIncident", analyst, reference=other, into=reference, clocks=["all leave it goes on"])
    assert waits() == (0, 0)  # they go on in the other
    do(world, "closeIncident", analyst, reference=reference, reason="Over", clocks=["all leave"], tasks=["all leave"])
    assert waits() == (2, 2)
    do(world, "reopenIncident", analyst, reference=reference)
    assert waits() == (0, 0)
    do(world, "closeIncident", analyst, reference=reference, reason="Over", clocks=["all leave"], tasks=["all leave"])
    do(world, "meetClockOfIncident", analyst, reference=reference, clock=clock)
    do(world, "finishTaskOfIncident", analyst, reference=reference, task=task, result="")
    assert waits() == (1, 1)
    with world.node.database.reading() as session:
        left = open_duties(session, reader, find_incident(session, reader, reference))
    assert (len(left.clocks), len(left.tasks)) == (1, 1)


def test_the_page_asks_and_keeps_what_was_chosen(world: World, analyst: int) -> None:
    reference, clock, task = running(world, analyst)
    at = f"/incidents/{reference}"
    with browsers_of(world, AccountRole.ANALYST) as (browser,):
        for act in ("close", "reject", "merge"):
            assert f'name="clock-{clock}-answer" value="met"' in browser.get(f"{at}/act?act={act}").text
        assert f'name="task-{task}-answer"' not in browser.get(f"{at}/act?act=merge").text  # tasks go along
        chosen = {f"clock-{clock}-answer": "not-applicable", f"clock-{clock}-words": "Too small"}
        refused = browser.send(f"{at}/close", reason="Over", **chosen)
        assert refused.status_code == 409
        assert "Tasks are open" in text_of(refused)
        assert 'value="not-applicable" required checked' in refused.text
        assert 'value="Too small"' in refused.text
        done = browser.send(f"{at}/close", reason="Over", **chosen, **{f"task-{task}-answer": "leave"})
        assert done.status_code == 303, text_of(done)
        assert "Task left open" in text_of(browser.get(at))
        assert reference in text_of(browser.get("/incidents?state=all&need=task"))
    assert state(world, analyst, reference) == ("closed", ["not-applicable"], ["open"])


def test_command_and_api_ask_the_same(world: World, analyst: int) -> None:
    reference, clock, task = running(world, analyst)
    other, _, _ = running(world, analyst)
    code, _, said = world.tocsin.call("incidents", "close", reference, "--reason", "Over")
    assert (code, "Deadlines still run" in said) == (2, True)
    answers = ("--clock", f"{clock} met", "--task", f"{task} done The logs came")
    world.tocsin.run("incidents", "close", reference, "--reason", "Over", *answers)
    assert state(world, analyst, reference) == ("closed", ["met"], ["done"])
    with caller(world, AccountRole.ANALYST) as client:
        path, over = f"/incidents/{other}/close", {"reason": "Over"}
        assert client.post(path, json=over).status_code == 400
        leave = [{"number": 0, "answer": "leave"}]
        assert client.post(path, json=over | {"clocks": leave, "tasks": leave}).status_code == 200


def test_what_was_left_is_in_the_timeline(world: World, analyst: int) -> None:
    reference, _, _ = running(world, analyst)
    do(world, "rejectIncident", analyst, reference=reference, reason="None", clocks=["all leave"], tasks=["all leave"])
    reader = IncidentReader(analyst, world.now)
    with world.node.database.reading() as session:
        kinds = (IncidentEntryKind.CLOCK, IncidentEntryKind.TASK)
        found = entries_of(session, reader, [find_incident(session, reader, reference)], kinds=kinds)
    assert [one.data["act"] for one in found[:2]] == ["left", "left"]
