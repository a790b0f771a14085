"""Who was responsible on that day: the past reads as it was read then."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from support.cast import Tocsin
from support.directory_example import NOW, TEAMS, World, ask
from tocsin.directory import (
    Directory,
    merge_teams,
    networks_inside,
    read_assertions_on,
    read_directory,
    read_history,
    read_team_history,
    said_later,
    same_and_wider,
    unmerge_team,
)
from tocsin.directory.tables import ConstituencyRow, DecisionRow, DenialRow, MailboxRow, MergeRow, MuteRow, TeamRow
from tocsin.node.errors import TocsinError
from tocsin.node.records import Database

KEYS = ("alpha", "beta", "gamma")
THINGS = (
    "prefix 192.0.2.0/24",
    "prefix 192.0.2.0/25",
    "asn 64500",
    "domain example.org",
    "domain shop.example.org",
    "mailbox abuse@alpha.example",
)
VALUES = [thing.split()[1] for thing in THINGS]

Act: TypeAlias = Callable[[World], object]
team = st.sampled_from(KEYS)
row = st.builds("{} {}".format, team, st.sampled_from(THINGS))
rule_row = st.builds("{} {}".format, team, st.sampled_from(THINGS[:-1]))


def merge(one: str, other: str) -> Act:
    return lambda world: merge_teams(
        world.database, one, other, said_by="Ana", reason="one", actor="x", now=world.tick()
    )


def unmerge(one: str) -> Act:
    return lambda world: unmerge_team(world.database, one, said_by="Ana", actor="x", now=world.tick())


def bring(source: str, rows: list[str]) -> Act:
    return lambda world: world.rules(source, dict.fromkeys(rows))


def say(said: str, *, beside: bool) -> Act:
    return lambda world: world.say(said, beside=beside)


def deny(said: str) -> Act:
    return lambda world: world.deny(said)


def take_back(said: str) -> Act:
    return lambda world: world.take_back(said)


def decide(value: str, one: str) -> Act:
    return lambda world: world.decide(value, one)


def decide_both(value: str) -> Act:
    return lambda world: world.decide(value, both=True)


acts: st.SearchStrategy[Act] = st.one_of(
    st.builds(bring, st.sampled_from(["rir", "nic"]), st.lists(rule_row, max_size=6)),
    st.builds(say, row, beside=st.booleans()),
    st.builds(deny, row),
    st.builds(take_back, row),
    st.builds(decide, st.sampled_from(VALUES), team),
    st.builds(decide_both, st.sampled_from(VALUES)),
    st.builds(merge, team, team),
    st.builds(unmerge, team),
)


def content(directory: Directory) -> tuple[object, ...]:
    teams = [(found.key, found.mailboxes) for found in directory.teams]
    return teams, directory.rules, directory.overruled, dict(directory.merged)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(acts, min_size=4, max_size=9))
def test_a_day_reads_as_the_directory_read_on_that_day(database: Database, tmp_path: Path, done: list[Act]) -> None:
    with database.begin() as session:
        for table in (MergeRow, DecisionRow, DenialRow, ConstituencyRow, MailboxRow, MuteRow, TeamRow):
            session.execute(delete(table))
    world = World(database, tmp_path)
    world.bring("teams", TEAMS)
    seen: list[tuple[datetime, Directory]] = []
    for act in done:
        with suppress(TocsinError):  # some acts do not go with what came before; then nothing changes
            act(world)
        seen.append((world.now, read_directory(database)))

    for at, then in seen:
        assert content(read_directory(database, at)) == content(then)
    at, then = seen[len(seen) // 2]
    values = {
        "prefix": same_and_wider("prefix", "192.0.2.1"),
        "asn": ["64500"],
        "domain": same_and_wider("domain", "www.shop.example.org"),
    }
    part = read_assertions_on(database, values, at)
    asked = partial(ask, address="192.0.2.1", asn=64500, domain="www.shop.example.org")
    assert asked(part) == asked(then)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("teams", TEAMS)
    return made


def test_the_history_of_a_value_has_each_word_and_how_long_it_stood(world: World) -> None:
    world.bring("rir", "team,kind,value,as_of\nalpha,prefix,192.0.2.0/24,2026-10-01\n")
    world.rules("rir", ["beta prefix 192.0.2.0/24"])
    world.say("alpha prefix 192.0.0.0/16", reason="asked")
    world.rules("nic", ["gamma prefix 192.0.2.0/24", "gamma prefix 198.51.100.0/24"])
    world.decide("192.0.2.0/24", "gamma")

    found = read_history(world.database, {"prefix": same_and_wider("prefix", "192.0.2.7")})
    assert [(entry.act.value, entry.teams, entry.value, entry.source) for entry in found] == [
        ("claim", ("alpha",), "192.0.2.0/24", "rir"),
        ("claim", ("beta",), "192.0.2.0/24", "rir"),
        ("claim", ("alpha",), "192.0.0.0/16", "person:Ana"),
        ("claim", ("gamma",), "192.0.2.0/24", "nic"),
        ("decision", ("gamma",), "192.0.2.0/24", found[4].source),
    ]
    assert found[0].withdrawn == found[1].recorded
    assert found[1].stood(found[1].recorded)
    assert not found[1].stood(found[1].recorded - timedelta(seconds=1))


def test_what_was_learned_later_of_that_day_is_told_apart(world: World) -> None:
    world.rules("rir", ["alpha asn 64500"])
    that_day = world.now
    world.now += timedelta(days=5)
    world.bring("nic", "team,kind,value,as_of\nbeta,asn,64500,2026-11-20\ngamma,asn,64500,2026-11-28\n")

    entries = read_history(world.database, {"asn": ["64500"]})
    assert [entry.teams for entry in said_later(entries, that_day)] == [("beta",)]
    then = read_assertions_on(world.database, {"asn": ["64500"]}, that_day)
    assert [found.key for found in then.teams] == ["alpha"]


def test_a_team_has_the_history_of_those_merged_into_it(world: World) -> None:
    world.rules("rir", ["alpha asn 64500", "beta asn 64501"])
    merge("alpha", "beta")(world)
    unmerge("beta")(world)

    acts_of = [(entry.act.value, entry.value) for entry in read_team_history(world.database, "alpha")]
    assert ("claim", "64501") in acts_of
    assert [entry.withdrawn for entry in read_team_history(world.database, "alpha") if entry.act == "merge"] == [
        world.now
    ]


def test_a_network_is_asked_with_all_that_lies_in_it(world: World) -> None:
    world.rules("rir", ["alpha prefix 192.0.2.0/24", "beta prefix 192.0.3.128/25", "gamma prefix 2001:db8::/32"])
    world.rules("rir", ["alpha prefix 192.0.2.0/24"])

    assert networks_inside(world.database, "192.0.2.0/23") == ["192.0.2.0/24", "192.0.3.128/25"]
    assert networks_inside(world.database, "2001:db8::/16") == ["2001:db8::/32"]
    assert networks_inside(world.database, "198.51.100.0/24") == []


def test_through_the_command_line(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    (tmp_path / "teams.csv").write_text(TEAMS, encoding="utf-8")
    (tmp_path / "rir.csv").write_text("team,kind,value\nalpha,prefix,192.0.2.0/24\n", encoding="utf-8")
    tocsin.run("directory", "import", tmp_path / "teams.csv")
    tocsin.run("directory", "import", tmp_path / "rir.csv")
    tocsin.run("directory", "assert", "beta", "prefix", "192.0.2.0/24", "--said-by", "Ana", "--reason", "seen")

    words = tocsin.run("directory", "history", "192.0.2.1")
    assert "Today, beta is responsible, by prefix 192.0.2.0/24 (source person:Ana" in words
    assert "Overruled: alpha, prefix 192.0.2.0/24 (source rir): Ana said on" in words
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    told = tocsin.json("directory", "history", "192.0.2.0/24", "--on", str(yesterday))
    assert (told["teams"], told["stood"], len(told["history"])) == ([], [], 2)
    assert told["at"] == datetime.combine(yesterday, time.max, UTC).isoformat()
    assert {entry["kind"] for entry in tocsin.json("directory", "history", "beta")["history"]} == {"prefix", "mailbox"}
    (box,) = tocsin.json("directory", "history", "abuse@beta.example")["history"]
    assert (box["teams"], box["kind"]) == (["beta"], "mailbox")
    assert tocsin.json("directory", "history", "MU")["history"] == []
    assert tocsin.call("directory", "history", "alpha", "--on", "tomorrow")[0] == 2
    assert tocsin.call("directory", "history", "alpha", "--on", str(NOW.date() + timedelta(days=40_000)))[0] == 2
    assert tocsin.call("directory", "history", "delta")[0] == 1


def test_more_values_than_a_query_can_name_are_asked_all_the_same(world: World) -> None:
    world.rules("rir", ["alpha prefix 10.0.7.0/24", "beta prefix 192.0.2.0/24"])
    values = {"prefix": [f"10.{high}.{low}.0/24" for high in range(256) for low in range(256)]}

    assert [rule.value for rule in read_assertions_on(world.database, values).rules] == ["10.0.7.0/24"]
    assert [entry.value for entry in read_history(world.database, values)] == ["10.0.7.0/24"]
