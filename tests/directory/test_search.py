"""Teams found by what somebody types, on each database; a team entered by hand."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.directory_example import NOW, TEAMS, World
from tocsin.directory import (
    RuleKind,
    TeamKind,
    TeamSearch,
    count_teams,
    enter_team,
    merge_teams,
    read_conflict,
    read_conflicts,
    read_team,
    read_team_history,
    search_teams,
)
from tocsin.node.errors import ConflictError, InputError, UsageError
from tocsin.node.records import Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("teams", TEAMS)
    made.bring(
        "more", "key,name,kind,country,organisation\nd-1,Delta 100%,operator,MU,D_Org\nd-2,DELTA two,national,MU,\n"
    )
    made.rules("rir", ["alpha asn 64500", "beta asn 64500", "gamma prefix 192.0.2.0/24", "gamma asn 64501"])
    return made


def found(world: World, **wanted: object) -> list[str]:
    with world.database.reading() as session:
        search = TeamSearch(**wanted)  # type: ignore[arg-type]
        keys = [team.key for team in search_teams(session, search)]
        assert count_teams(session, search) == len(keys)
    return keys


def test_every_condition_narrows(world: World) -> None:
    assert found(world) == ["alpha", "beta", "d-1", "d-2", "gamma"]
    assert found(world, text="delta") == ["d-1", "d-2"]
    assert found(world, text="delta", kind=TeamKind.NATIONAL) == ["d-2"]
    assert found(world, text="100%") == found(world, text="d_org") == ["d-1"]
    assert found(world, country="MU", only=[1, 4]) == ["d-1"]
    assert found(world, value=(RuleKind.ASN, "64500")) == ["alpha", "beta"]
    assert found(world, only=[]) == []


def test_a_merged_team_is_found_as_the_one_that_it_is(world: World) -> None:
    merge_teams(world.database, "gamma", "alpha", said_by="Ana", reason="one", actor="x", now=world.tick())
    assert found(world, value=(RuleKind.ASN, "64500")) == ["beta", "gamma"]
    assert found(world) == ["beta", "d-1", "d-2", "gamma"]
    assert {entry.teams for entry in read_team_history(world.database, "alpha")} >= {("alpha",), ("alpha", "gamma")}


def test_pages_of_a_list_leave_nothing_out_and_show_nothing_twice(world: World) -> None:
    seen: list[str] = []
    with world.database.reading() as session:
        while page := search_teams(session, TeamSearch(), after=seen[-1] if seen else "", limit=2):
            seen += [team.key for team in page]
    assert seen == found(world)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=4))
def test_a_text_is_looked_for_as_it_is_typed(world: World, text: str) -> None:
    names = {"alpha": "Alpha", "beta": "Beta", "gamma": "Gamma", "d-1": "Delta 100% D_Org", "d-2": "DELTA two"}
    parts = {key: [key, *name.split(" D_")] for key, name in names.items()}
    parts["d-1"] = ["d-1", "Delta 100%", "D_Org"]
    expected = sorted(key for key, of in parts.items() if any(text.lower() in part.lower() for part in of))
    assert found(world, text=text) == expected


def test_one_conflict_is_read_as_the_list_has_it(world: World) -> None:
    (listed,) = read_conflicts(world.database)
    assert read_conflict(world.database, "AS64500") == listed
    assert read_conflict(world.database, "192.0.2.0/24") is None
    with pytest.raises(UsageError):
        read_conflict(world.database, "x y")


def test_a_team_is_entered_once_and_whole(world: World) -> None:
    fields = {"key": "New-ISP", "name": "New ISP", "kind": "operator", "country": "ke"}
    said = {"said_by": "Ana", "actor": "x", "now": NOW}
    assert enter_team(world.database, fields, ["noc@new.example"], **said) == "new-isp"  # type: ignore[arg-type]
    team, _ = read_team(world.database, "new-isp")
    assert (team.kind, team.country, team.mailboxes) == ("operator", "KE", ("noc@new.example",))
    for wrong, error in (
        (fields, ConflictError),
        ({"key": "x y", "name": "X"}, UsageError),
        ({"key": "x", "name": ""}, UsageError),
        ({"key": "x", "name": "X", "kind": "moon"}, InputError),
    ):
        with pytest.raises(error):
            enter_team(world.database, wrong, [], **said)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        enter_team(world.database, {"key": "x", "name": "X"}, ["not a mailbox"], **said)  # type: ignore[arg-type]
    assert "x" not in found(world)
