"""Clocks on incidents: nothing runs before a person adopted its text; each keeps its edition, and what it was due."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.console_users import person
from support.world import World, copy_world, make_world
from tocsin.incidents import IncidentEntryKind, IncidentReader, entries_of, find_incident
from tocsin.incidents import acts as incident_acts
from tocsin.incidents.clocks import (
    ClockStage,
    ClockState,
    IncidentClock,
    available_texts,
    clocks_of,
    count_by_stage,
    notice_submitted,
    shipped_texts,
    stories_of,
    suggested_rules,
    text_acts,
)
from tocsin.interface import ActContext, RequestError, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError

ACTS = {act.operation: act for act in (*incident_acts.ACTS, *text_acts.ACTS)}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def analyst(world: World) -> int:
    return person(world.node, AccountRole.ANALYST, now=world.now)


@pytest.fixture
def reference(world: World, analyst: int) -> str:
    return str(do(world, "openIncident", analyst, title="Ransomware, Lagoon Hospital").reference)


def do(world: World, operation: str, who: int | None, **values: Any) -> Any:
    act = ACTS[operation]
    actor = "cli:test" if who is None else f"person:{who}"
    context = ActContext(world.node, world.now, actor, "One" if who else "", who, act=act)
    return act.function(context, read_request(act, values))


def adopt(world: World, law: str = "nis2") -> None:
    do(world, "adoptClockText", None, law=law, checked_by="Legal office")


def clocks(world: World, reference: str, who: int | None = None) -> list[IncidentClock]:
    with world.node.database.reading() as session:
        reader = IncidentReader(who, world.now)
        return list(clocks_of(session, reader, [find_incident(session, reader, reference)]))


def submit(world: World, reference: str, kind: str, at: datetime) -> list[tuple[str, str]]:
    with world.node.database.begin() as session:
        incident = find_incident(session, IncidentReader(None, world.now), reference)
        found = notice_submitted(session, incident, kind, at, act="nis2", actor="cli:test", now=world.now)
        return [(one.rule, one.state) for one in found]


def said(world: World, reference: str) -> list[dict[str, Any]]:
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        found = entries_of(
            session, reader, [find_incident(session, reader, reference)], kinds=(IncidentEntryKind.CLOCK,)
        )
        return [{**one.data, "text": one.text} for one in found][::-1]


def own_text(world: World, name: str, **more: str) -> None:
    """A text of this country in the home folder."""
    head = {"id": f'"{name}"', "title": '"Ours"', "edition": '"1"', "in_force": "2025-07-01", **more}
    rule = (
        'id = "warning"\ntitle = "First report"\nstarts_with = "aware"\nwithin = "24 hours"\nnotice = "early_warning"'
    )
    lines = [*(f"{key} = {value}" for key, value in head.items() if key != "rules"), '[facts]\naware = "Aware."']
    folder = world.node.home / "clocks"
    folder.mkdir(exist_ok=True)
    text = "\n".join(lines) + "\n[[rule]]\n" + more.get("rules", rule)
    (folder / f"{name}.toml").write_text(text.replace(f"rules = {more.get('rules')}\n", ""))


def test_no_clock_runs_before_a_person_adopted_its_text(world: World, analyst: int, reference: str) -> None:
    with pytest.raises(NotFoundError):
        do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-a", at=world.now)
    assert submit(world, reference, "early_warning", world.now) == []
    with pytest.raises(RequestError):
        do(world, "adoptClockText", None, law="nis2")  # who checked it?
    adopt(world)
    with pytest.raises(ConflictError):
        adopt(world)
    made = do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-a", at=world.now)
    assert made.due_at == world.now + timedelta(hours=24)
    do(world, "withdrawClockText", None, law="nis2", reason="The law changed")
    with pytest.raises(NotFoundError):
        do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-b", at=world.now)
    assert [one.state for one in clocks(world, reference)] == [ClockState.RUNNING]


def test_a_clock_moves_with_its_milestone_and_keeps_what_it_was_due(world: World, analyst: int, reference: str) -> None:
    adopt(world)
    with pytest.raises(NotFoundError, match="no such milestone"):
        do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-a", milestone="detected")
    with pytest.raises(UsageError):
        do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-a")
    found = do(world, "milestoneIncident", analyst, reference=reference, milestone="detected", happened_at=world.now)
    do(
        world,
        "startClockOfIncident",
        analyst,
        reference=reference,
        rule="nis2-23-a",
        milestone="detected",
        source="Log",
    )
    earlier = world.now - timedelta(hours=3)
    do(world, "correctIncident", analyst, reference=reference, entry=found.entry, text="Log", happened_at=earlier)
    assert [one.due_at for one in clocks(world, reference)] == [earlier + timedelta(hours=24)]
    first, second = said(world, reference)
    assert (first["act"], first["text"]) == ("started", "Log")
    assert (second["act"], second["former"]) == ("moved", (world.now + timedelta(hours=24)).isoformat())
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        (story,) = stories_of(session, reader, [find_incident(session, reader, reference)])
        assert story.former == [world.now + timedelta(hours=24)]
        assert sum(step.counted for step in story.steps) == 24


def test_a_notice_meets_its_clock_and_starts_what_follows(world: World, analyst: int, reference: str) -> None:
    adopt(world)
    do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-a", at=world.now)
    do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-b", at=world.now)
    start = world.now
    world.now += timedelta(hours=25)
    assert submit(world, reference, "early_warning", start + timedelta(hours=23)) == [
        ("nis2-23-a", "met"), ("nis2-23-5", "running"),
    ]  # fmt: skip
    ours = next(one for one in clocks(world, reference) if one.ours)
    assert (ours.due_at, ours.start) == (start + timedelta(hours=47), "notice")
    world.now += timedelta(hours=50)
    assert submit(world, reference, "notification", start + timedelta(hours=74)) == [
        ("nis2-23-b", "late"), ("nis2-23-d", "running"),
    ]  # fmt: skip
    assert (
        submit(world, reference, "notification", start + timedelta(hours=74)) == []
    )  # a correction starts nothing twice
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        found = suggested_rules(session, reader, [find_incident(session, reader, reference)])
    assert [one.rule.id for one in found] == ["nis2-23-e-progress"]


def test_a_new_edition_leaves_running_clocks_alone(world: World, analyst: int, reference: str) -> None:
    own_text(world, "ours")
    adopt(world, "ours")
    made = do(world, "startClockOfIncident", analyst, reference=reference, rule="warning", at=world.now)
    longer = 'id = "warning"\ntitle = "First report"\nstarts_with = "aware"\nwithin = "48 hours"'
    own_text(world, "ours", edition='"2"', in_force="2026-01-01", rules=longer)
    with world.node.database.reading() as session:
        assert not next(one for one in available_texts(session, world.node.home) if one.name == "ours").current
    assert [one.due_at for one in clocks(world, reference)] == [world.now + timedelta(hours=24)]
    adopt(world, "ours")
    assert [one.due_at for one in clocks(world, reference)] == [world.now + timedelta(hours=24)]
    before_it = datetime(2025, 12, 31, 12, tzinfo=UTC)
    early = do(world, "startClockOfIncident", analyst, reference=reference, rule="warning", at=before_it)
    assert early.due_at == before_it + timedelta(hours=24)
    again = do(world, "recalculateClockOfIncident", analyst, reference=reference, clock=made.clock)
    assert again.due_at == world.now + timedelta(hours=48)
    assert said(world, reference)[-1]["former"] == (world.now + timedelta(hours=24)).isoformat()


def test_another_calendar_reckons_what_runs_again(world: World, analyst: int, reference: str) -> None:
    adopt(world, "dora")
    friday = datetime(2026, 11, 20, 9, tzinfo=UTC)
    world.now = friday + timedelta(hours=1)
    made = do(
        world, "startClockOfIncident", analyst, reference=reference, rule="dora-5-2",
        at=friday + timedelta(minutes=30),
    )  # fmt: skip
    assert made.due_at == friday + timedelta(hours=4, minutes=30)
    do(world, "changeClockCalendar", None, time_zone="Europe/Brussels", country="be", holidays="2026-11-20, 2026-11-23")
    assert [one.due_at for one in clocks(world, reference)] == [datetime(2026, 11, 24, 11, tzinfo=UTC)]
    assert said(world, reference)[-1]["former"] == (friday + timedelta(hours=4, minutes=30)).isoformat()
    for wrong in ({"country": "XX"}, {"time_zone": "Mars/Olympus"}):
        with pytest.raises((InputError, UsageError)):
            do(world, "changeClockCalendar", None, **wrong)


def test_a_clock_is_a_to_do_item_at_half_most_and_all_of_its_time(world: World, analyst: int, reference: str) -> None:
    adopt(world)
    made = do(world, "startClockOfIncident", analyst, reference=reference, rule="nis2-23-a", at=world.now)

    def counts() -> dict[str, int]:
        with world.node.database.reading() as session:
            return {
                stage: one.count for stage, one in count_by_stage(session, IncidentReader(None, world.now)) if one.count
            }

    assert counts() == {}
    for hours, stage in ((12, ClockStage.HALF), (8, ClockStage.MOST), (4, ClockStage.OVER)):
        world.now += timedelta(hours=hours)
        assert counts() == {stage: 1}
    do(world, "moveClockOfIncident", analyst, reference=reference, clock=made.clock, at=world.now)
    assert counts() == {}
    do(world, "notApplicableClockOfIncident", analyst, reference=reference, clock=made.clock, reason="Not significant")
    with pytest.raises(ConflictError):
        do(world, "meetClockOfIncident", analyst, reference=reference, clock=made.clock)
    do(world, "reopenClockOfIncident", analyst, reference=reference, clock=made.clock)
    world.now += timedelta(hours=30)
    ended = do(world, "meetClockOfIncident", analyst, reference=reference, clock=made.clock)
    assert (ended.clock_state, counts()) == (ClockState.LATE, {})


def test_texts_that_cannot_be_used_are_refused_with_the_line(world: World) -> None:
    own_text(world, "month", rules='id = "a"\ntitle = "x"\nstarts_with = "aware"\nwithin = "1 month"\nmonth_days = 0')
    own_text(world, "unknown", rules='id = "b"\ntitle = "x"\nstarts_with = "awre"\nwithin = "1 hour"')
    ring = 'id = "{}"\ntitle = "x"\nstarts_with_submission_of = "{}"\nwithin = "1 hour"'
    own_text(world, "ring", rules="\n[[rule]]\n".join([ring.format("c", "d"), ring.format("d", "c")]))
    for law, words in (
        ("month", r"rule 'a' \(line 7\): month_days: A month has 28 to 31 days"),
        ("unknown", r"rule 'b' \(line 7\): starts_with: There is no fact 'awre'"),
        ("ring", r"rule 'c' \(line 7\).*These start each other"),
    ):
        with pytest.raises(InputError, match=words):
            adopt(world, law)
        with world.node.database.reading() as session:
            found = next(one for one in available_texts(session, world.node.home) if one.name == law)
        assert found.text is None
        assert "line 7" in found.error


def test_a_text_suggests_its_clocks_with_a_reason(world: World, analyst: int, reference: str) -> None:
    for law in shipped_texts():
        adopt(world, law)
    do(world, "addPartyOfIncident", analyst, reference=reference, role="victim", name="Lagoon Hospital")
    do(world, "classifyIncident", analyst, reference=reference, rsit_type="data-leak")
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        found = suggested_rules(session, reader, [find_incident(session, reader, reference)])
    assert {one.rule.id for one in found} >= {"nis2-23-a", "nis2-23-b", "gdpr-33"}
    assert not {one.adopted.law for one in found} & {"dora", "cra"}
    reasons = {one.adopted.law: str(one.reason) for one in found}
    assert reasons["nis2"] == "Lagoon Hospital is a party with the role victim."
    assert reasons["gdpr"] == "The incident is of the type data-leak."
