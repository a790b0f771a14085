"""The list of problems: what each is by what happened to it, found by any condition, counted and in order."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.world import START, World, copy_world
from tocsin.directory import Mute, MuteKind, read_team
from tocsin.directory.mutes import mute
from tocsin.events import EventFilter, EventQuery, FilterError
from tocsin.pipeline.stores import open_node
from tocsin.problems import ProblemSearch, ProblemSort, problem_text
from tocsin.problems.answers import (
    AnswerVerdict,
    Course,
    Courses,
    TeamAnswer,
    answer_problems,
    answered,
    sheets_of,
    withdraw_answers,
)
from tocsin.problems.standing import ProblemStandings

OWN, OWN_TOO, SECTOR, GREEN, NOBODYS = "192.0.2.1", "192.0.2.2", "192.0.2.200", "203.0.113.5", "198.51.100.9"
EVERY = (OWN, OWN_TOO, SECTOR, GREEN, NOBODYS)


@pytest.fixture(scope="module")
def heard(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that notified teams of five machines, of which three were seen again the day after."""
    world = copy_world(fresh, tmp_path_factory.mktemp("listing"))
    world.hear(*EVERY)
    world.tell()
    world.at(1).hear(OWN, OWN_TOO, SECTOR)
    world.tell()
    return world.folder


@pytest.fixture
def world(heard: Path, tmp_path: Path) -> World:
    return copy_world(heard, tmp_path / "world").at(1.1)


def places(world: World, sort: ProblemSort = ProblemSort.SEEN, **given: str) -> list[str]:
    found = world.node.problems.find(ProblemSearch.read(given), now=world.now, sort=sort)
    rows = found.rows()
    assert found.total == len(rows)
    return [row.where for row in rows]


def happened(course: Course) -> list[tuple[object, ...]]:
    return [
        (step.at, step.what, step.team_id, step.ingest, step.delivery and step.delivery.reference)
        for step in course.steps
    ]


def answer(world: World, team: str, verdict: AnswerVerdict, *addresses: str) -> None:
    node = world.node
    sheet = sheets_of(node, node.store, node.tracker).of_team(read_team(node.database, team)[0], now=world.now)
    keys = frozenset(problem_text(line.key) for line in sheet.lines if line.where in addresses)
    said = TeamAnswer(verdict, keys, "", 90)
    answer_problems(node, node.store, sheet, said, actor="person:1", act=f"{world.now}", now=world.now)


def test_each_is_found_by_what_is_asked_of_it(world: World) -> None:
    assert set(places(world)) == set(EVERY)
    assert set(places(world)[:3]) == {OWN, OWN_TOO, SECTOR}
    assert set(places(world, team="operator")) == {OWN, OWN_TOO}
    assert set(places(world, team="nat-a")) == {OWN, OWN_TOO, SECTOR}
    assert set(places(world, team="Bank Sector")) == {SECTOR}
    assert places(world, team="-") == [NOBODYS]
    assert set(places(world, address="192.0.2.0/25")) == {OWN, OWN_TOO}
    assert places(world, address=GREEN) == [GREEN]
    assert set(places(world, kind="OPEN-RDP")) == set(EVERY)
    assert places(world, kind="open-snmp") == []
    assert set(places(world, feed="scan_rdp")) == set(EVERY)
    assert places(world, feed="scan_smb") == []
    assert set(places(world, severity="medium")) == set(EVERY)
    assert places(world, severity="critical") == []
    assert set(places(world, seen="1")) == {OWN, OWN_TOO, SECTOR}
    assert set(places(world, age="1")) == set(EVERY)
    assert places(world, age="2") == []
    assert places(world, team="nat-a", address="192.0.2.128/25") == [SECTOR]


def test_where_each_is_follows_what_happens_to_it(world: World) -> None:
    assert set(places(world, state="not-notified")) == {GREEN, NOBODYS}  # one may not have it, one nobody answers for
    assert set(places(world, state="notified")) == {OWN, OWN_TOO, SECTOR}
    assert set(places(world, state="open")) == set(EVERY)
    answer(world, "operator", AnswerVerdict.ACKNOWLEDGED, OWN)
    answer(world, "operator", AnswerVerdict.FIXED, OWN_TOO)
    assert places(world, state="in-progress") == [OWN]
    assert places(world, state="fixed") == [OWN_TOO]
    assert set(places(world, state="answered")) == {OWN, OWN_TOO}
    assert set(places(world, state="open")) == set(EVERY) - {OWN_TOO}
    world.at(2).hear(OWN_TOO)
    assert places(world, state="contradicted") == [OWN_TOO]
    assert OWN_TOO in places(world, state="open")
    for day in range(3, 8):
        world.at(day).hear(OWN)
    assert set(places(world, state="gone")) == set(EVERY) - {OWN}
    assert places(world, state="open") == [OWN]


def test_what_goes_on_somewhere_is_what_the_events_of_there_are_about(world: World) -> None:
    """In a network, an AS, a country, of a domain or since a time: the table in memory agrees with the events."""
    for day in range(2, 7):
        world.at(day).hear(OWN, SECTOR, GREEN)  # the others are gone then
    node = world.node
    events = node.store.scan().select("network.asn", "network.country", "source.fqdn").collect()
    queries = [
        EventQuery(),
        EventQuery(ranges=[(0, _low("192.0.2.0"), 0, _low("192.0.2.127"))]),
        EventQuery(ranges=[(0, _low(GREEN), 0, _low(GREEN)), (0, _low(SECTOR), 0, _low(SECTOR))]),
        EventQuery(since=world.now - timedelta(days=1)),
        EventQuery(since=world.now + timedelta(days=1)),
        *(EventQuery(asn=asn) for asn in (*events["network.asn"].drop_nulls().unique(), 4_200_000_000)),
        *(EventQuery(country=country) for country in (*events["network.country"].drop_nulls().unique(), "ZZ")),
        EventQuery(domain="example"),
    ]
    going_on = {row.key for row in node.problems.find(ProblemSearch(), now=world.now).rows() if not row.gone_at}
    sizes = set()
    for query in queries:
        keys = node.store.scan(query).select("problem").collect()["problem"].unique().reinterpret(signed=False)
        found = [row.key for row in node.problems.going_on(query, now=world.now).rows()]
        assert set(found) == going_on.intersection(keys), query
        sizes.add(len(found))
    assert {0, 1, 3} <= sizes
    team = read_team(node.database, "operator")[0].id
    assert [row.where for row in node.problems.going_on(EventQuery(), now=world.now, team_id=team).rows()] == [OWN]


def test_what_is_due_comes_first_and_is_overdue_after_its_day(world: World) -> None:
    found = world.node.problems.find(ProblemSearch.read({"team": "operator"}), now=world.now)
    dues = {row.where: row.due for row in found.rows()}
    sheet = sheets_of(world.node, world.node.store, world.node.tracker).of_team(
        read_team(world.node.database, "operator")[0], now=world.now
    )
    assert dues == {line.where: line.due for line in sheet.lines}
    assert places(world, state="overdue") == []
    assert places(world, ProblemSort.DUE)[-2:] in ([GREEN, NOBODYS], [NOBODYS, GREEN])
    due = dues[OWN]
    assert due is not None
    world.now = due + timedelta(minutes=1)
    assert set(places(world, state="overdue")) == {OWN, OWN_TOO, SECTOR}
    answer(world, "operator", AnswerVerdict.ACCEPTED, OWN)
    assert set(places(world, state="overdue")) == {OWN_TOO, SECTOR}  # the others were not notified


def test_what_each_team_mutes_is_muted_and_keeps_its_team(world: World) -> None:
    until = world.now + timedelta(days=30)
    for team in ("operator", "nat-a"):
        said = Mute(MuteKind.PREFIX, "192.0.2.1/32", until)
        with world.node.database.begin() as session:
            mute(session, team, said, actor="person:1", now=world.now)
    assert places(world, state="muted") == [OWN]
    assert OWN not in places(world, state="open")
    world.at(2).hear(OWN)
    assert places(world, state="muted") == [OWN]
    assert OWN in places(world, team="operator")
    world.now = until + timedelta(minutes=1)
    assert places(world, state="muted") == []


def test_a_course_has_all_that_happened_by_the_key_and_by_an_address_that_is_its_alone(world: World) -> None:
    answer(world, "operator", AnswerVerdict.FALSE, OWN)
    world.at(2).hear(OWN, SECTOR)
    node = world.node
    courses = Courses(node.database, node.store, node.tracker, node.settings.tell.gone_after_days)
    for row in node.problems.find(ProblemSearch(), now=world.now).rows():
        by_key, by_address = (
            happened(courses.with_steps(row.course(), node.events.history(wanted, now=world.now)))
            for wanted in (EventFilter(problem=problem_text(row.key)), EventFilter(address=row.where))
        )
        assert by_key == by_address
        said = {"false", "contradicted"} if row.where == OWN else set()
        told = {"told"} if row.where in {OWN, OWN_TOO, SECTOR} else set()
        assert {what for _, what, *_ in by_key} == {"heard"} | told | said


def test_what_came_after_a_moment_is_left_out_of_what_was_chosen_then(world: World) -> None:
    before = world.node.problems.find(ProblemSearch(), now=world.now)
    world.at(2).hear("192.0.2.77", OWN)
    after = world.node.problems.find(ProblemSearch(), now=world.now, up_to=before.up_to)
    assert set(after.keys.tolist()) == set(before.keys.tolist())
    assert "192.0.2.77" in places(world)


def test_what_is_tidied_or_deleted_is_followed(world: World) -> None:
    before = places(world)
    world.node.store.compact(today=(world.now + timedelta(days=1)).date())
    assert places(world) == before
    world.node.store.delete_days_before((START + timedelta(days=1)).date())
    assert set(places(world)) == {OWN, OWN_TOO, SECTOR}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(["open", "gone", "notified", "new"]),
            "team": st.sampled_from(["operator", "nat-a", "-", "nobody"]),
            "address": st.sampled_from(["192.0.2.0/25", "0.0.0.0/0", "2001:db8::/32"]),
            "kind": st.sampled_from(["open-rdp", "vulnerable-system", "x"]),
            "age": st.sampled_from(["0", "1", "9"]),
        },
    ),
    st.sampled_from(list(ProblemSort)),
)
def test_conditions_together_find_what_each_finds(shared: World, given_: dict[str, str], sort: ProblemSort) -> None:
    world = shared
    alone = [set(places(world, sort, **{name: text})) for name, text in given_.items()]
    assert set(places(world, sort, **given_)) == set(EVERY).intersection(*alone)


@pytest.mark.parametrize(
    ("name", "text"), [("state", "odd"), ("address", "x"), ("severity", "bad"), ("age", "-1"), ("team", "x" * 201)]
)
def test_what_cannot_be_read_is_named(name: str, text: str) -> None:
    with pytest.raises(FilterError) as caught:
        ProblemSearch.read({name: text})
    assert set(caught.value.wrongs) == {name}


@pytest.fixture(scope="module")
def shared(heard: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """For tests that change nothing."""
    return copy_world(heard, tmp_path_factory.mktemp("shared")).at(1.1)


def _low(address: str) -> int:
    return 0xFFFF << 32 | int.from_bytes(bytes(map(int, address.split("."))), "big")


def stands(found: ProblemStandings) -> dict[int, set[tuple[object, ...]]]:
    said = found.said_at(np.arange(found.frame.height))
    return {key: {(one.answer.uuid, one.outcome, one.since) for one in of} for key, of in said.items()}


@given(st.lists(st.sampled_from(["hear", "tell", "acknowledged", "fixed", "undo", "later"]), max_size=12))
@settings(max_examples=8)
def test_who_looks_all_the_time_sees_what_one_sees_who_looks_for_the_first_time(
    fresh: Path, tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    """What a reader keeps from look to look (runs of feeds, times of digests, answers) is what the records say."""
    world = copy_world(fresh, tmp_path_factory.mktemp("looks"))
    for act in ["hear", "tell", *acts, "hear", "tell"]:
        world.now += timedelta(days=1) if act == "later" else timedelta(minutes=1)
        if act == "hear":
            world.hear(*EVERY[world.reports % len(EVERY) :])
        elif act == "tell":
            world.tell()
        elif act == "undo":
            with world.node.database.begin() as session:
                for entry, _ in list(answered(session))[-1:]:
                    withdraw_answers(session, [entry.uuid], actor="person:1", at=world.now)
        elif act != "later":
            answer(world, "operator", AnswerVerdict(act), OWN)
        nodes = (world.node, open_node(world.node.home))
        kept, anew = (node.problems.find(ProblemSearch(), now=world.now).standings for node in nodes)
        assert kept.frame.equals(anew.frame)
        assert stands(kept) == stands(anew)
