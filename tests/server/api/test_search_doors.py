"""The search by command and by the API: one answer, as far as each may see it."""

import csv
import io
import json
from pathlib import Path

import pytest

from support.api_client import caller
from support.world import World, copy_world
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Permission


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    found = copy_world(fresh, tmp_path)
    found.after_today(0).hear("192.0.2.1", "192.0.2.130")  # commands have the clock of this machine
    found.tell()
    return found


def test_command_and_api_say_the_same_of_an_address(world: World) -> None:
    told = world.tocsin.json("search", "192[.]0[.]2[.]1")
    with caller(world, AccountRole.MANAGER) as client:
        found = client.get("/search", params={"q": "192[.]0[.]2[.]1"}).json()
    assert [team["team"] for team in found["contact"]["teams"]] == ["operator", "nat-a"]
    assert found["problems"]["open"] == 1
    assert found["problems"]["newest"][0]["what"] == "open-rdp"
    assert [hit["kind"] for hit in found["notifications"]] == ["notification", "notification"]
    assert (found["kind"], found["page"], found["results"]) == ("address", None, [])
    assert {name: told[name] for name in ("kind", "problems", "notifications")} == {
        name: found[name] for name in ("kind", "problems", "notifications")
    }
    assert told["contact"]["teams"] == found["contact"]["teams"]


def test_words_are_printed_for_people(world: World) -> None:
    address = world.tocsin.run("search", "192.0.2.1")
    words = world.tocsin.run("search", "bank sect")
    assert "operator             responsible, prefix 192.0.2.0/24 (source rules); notified" in address
    assert "Open problems: 1" in address
    assert "team           Bank Sector Team  sector" in words
    assert world.tocsin.run("search", "r-12") == "report 12: /reports/12\n"
    assert world.tocsin.run("search", "zzyzx") == "No matches for 'zzyzx'.\n"


def test_many_lines_are_a_csv_file_or_json(world: World) -> None:
    lines = b"192.0.2.1\n\n192.0.2.128-192.0.2.255\nharbour\n"
    rows = list(csv.DictReader(io.StringIO(world.tocsin.run("search", "-", stdin=lines))))
    found = json.loads(world.tocsin.run("--json", "search", "-", stdin=lines))
    assert [(row["line"], row["type"], row["contacts"], row["open_problems"]) for row in rows] == [
        ("192.0.2.1", "address", "operator", "1"),
        ("192.0.2.128-192.0.2.255", "network", "sector", "1"),
        ("harbour", "name", "", ""),
    ]
    assert [one["open_problems"] for one in found] == [1, 1, None]
    code, _, error = world.tocsin.call("search", "-", stdin=b"192.0.2.1\n" * 1_001)
    assert (code, "a search takes 1,000" in error) == (1, True)


def test_a_token_finds_what_its_scopes_and_teams_allow(world: World) -> None:
    teams = (read_team(world.node.database, "operator")[0].id,)
    with caller(world, AccountRole.OPERATOR, teams=teams) as client:
        own, foreign, unknown, word = (
            client.get("/search", params={"q": typed}).json()
            for typed in ("192.0.2.1", "198.51.100.1", "233.252.0.1", "csirt")
        )
    with caller(world, AccountRole.ANALYST, Permission.LOOKUP) as client:
        narrow = client.get("/search", params={"q": "192.0.2.1"}).json()
        words = client.get("/search", params={"q": "bank sector"}).json()
    with caller(world, AccountRole.ANALYST, Permission.EVENTS_READ) as client:
        assert client.get("/search", params={"q": "192.0.2.1"}).status_code == 404
    assert [team["team"] for team in own["contact"]["teams"]] == ["operator"]
    assert len(own["notifications"]) == 1
    assert own["events"]["count"] == 1
    assert foreign | {"query": ""} == unknown | {"query": ""}
    assert (foreign["contact"], foreign["notifications"], word["results"]) == (None, [], [])
    assert (narrow["events"], narrow["notifications"], words["results"]) == (None, [], [])
